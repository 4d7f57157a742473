//! Bodies: a rope as a response, run by run, so that hyper writes it vectored and nothing is joined.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::base::Rope;

use super::vitals::InFlight;

/// A rope being sent. Its length is known, so it goes out with Content-Length.
#[derive(Debug)]
pub(super) struct RopeBody {
    runs: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl RopeBody {
    /// The whole rope.
    pub(super) fn new(rope: Rope) -> Self {
        Self { left: rope.len(), runs: rope.into_iter() }
    }
}

impl Body for RopeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let run = self.runs.next();
        self.left = self.left.saturating_sub(run.as_ref().map_or(0, |run| run.len() as u64));
        Poll::Ready(run.map(|run| Ok(Frame::data(run))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A response body whose progress the connection's vitals follow.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    body: B,
    request: InFlight,
}

impl<B> Tracked<B> {
    /// Follows `body`, which answers `request`.
    pub(super) fn new(body: B, request: InFlight) -> Self {
        request.progressed();
        Self { body, request }
    }
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.request.progressed();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn every_run_is_one_frame_and_the_same_memory() {
        let mut rope = Rope::default();
        let runs = [Bytes::from(vec![1; 10]), Bytes::from(vec![2; 20])];
        runs.iter().for_each(|run| rope.push(run.clone()));
        let mut body = RopeBody::new(rope);
        assert_eq!(body.size_hint().exact(), Some(30));
        for run in &runs {
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(frame.as_ptr(), run.as_ptr());
        }
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }
}
