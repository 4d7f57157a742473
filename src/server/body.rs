//! Bodies: a rope as a response, run by run, so that hyper writes it vectored and nothing is joined.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body as Page;
use axum::http::Version;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::base::Rope;

use super::progressive::LiveBody;
use super::vitals::InFlight;

/// One DATA frame of the default size (RFC 9113 §4.2).
pub(super) const H2_SLICE: usize = 16 * 1024;

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

/// Why a body ends before its end. Only the stream it is on is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response is read too slowly")]
pub(super) struct TooSlow;

/// The body of any response. What players ask for is named, so that none of it is put on the heap for being
/// one of several.
#[derive(Debug)]
pub(super) enum Payload {
    /// What players ask for.
    Media(RopeBody),
    /// A stream without an end.
    Live(Box<LiveBody>),
    /// Anything else.
    Page(Page),
}

impl Payload {
    /// Nothing.
    pub(super) fn empty() -> Self {
        Self::Media(RopeBody::new(Rope::default()))
    }
}

impl From<Rope> for Payload {
    fn from(rope: Rope) -> Self {
        Self::Media(RopeBody::new(rope))
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Rope::from(Bytes::from_static(text.as_bytes())).into()
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self {
            Self::Media(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Live(body) => Pin::new(&mut **body).poll_frame(cx).map_err(axum::Error::new),
            Self::Page(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Media(body) => body.is_end_stream(),
            Self::Live(body) => body.is_end_stream(),
            Self::Page(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Media(body) => body.size_hint(),
            Self::Live(body) => body.size_hint(),
            Self::Page(body) => body.size_hint(),
        }
    }
}

/// How a body is given out.
#[derive(Debug)]
pub(super) enum Pace {
    /// All of it is asked for at once.
    Whole,
    /// In slices.
    Sliced,
    /// For as long as the stream lives and its reader bears with it.
    Endless {
        /// For how long it may stand still.
        patience: Duration,
        /// Whether in slices.
        sliced: bool,
    },
}

impl Pace {
    /// That of `body` in HTTP of `version`.
    pub(super) fn of(version: Version, body: &Payload) -> Self {
        let sliced = version == Version::HTTP_2;
        match body {
            Payload::Live(body) => Self::Endless { patience: body.patience(), sliced },
            _ if sliced => Self::Sliced,
            _ => Self::Whole,
        }
    }
}

/// A response body whose progress the connection's vitals follow.
///
/// HTTP/2 takes whatever it is given, however little the peer lets it send: so it is given slices, and asks
/// for the next when it has room. What one stream can keep from being freed, and what counts as no progress,
/// then have a bound. HTTP/1 is given whole runs, which it writes at once: only its writes need watching.
#[derive(Debug)]
pub(super) struct Tracked {
    body: Payload,
    request: InFlight,
    pace: Pace,
    left: Bytes,
}

impl Tracked {
    /// Follows `body`, which answers `request` at this `pace`.
    pub(super) fn new(body: Payload, request: InFlight, pace: Pace) -> Self {
        match pace {
            Pace::Whole => request.answered(),
            Pace::Sliced => request.progressed(),
            Pace::Endless { patience, .. } => request.rests(patience),
        }
        if let Payload::Live(body) = &body {
            request.heeds(body.dismissal());
        }
        Self { body, request, pace, left: Bytes::new() }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &self.pace {
            Pace::Whole => return Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into),
            Pace::Sliced => self.request.progressed(),
            Pace::Endless { .. } => {}
        }
        if self.left.is_empty() {
            let next = Pin::new(&mut self.body).poll_frame(cx);
            if let Pace::Endless { patience, .. } = self.pace
                && next.is_pending()
            {
                self.request.rests(patience);
            }
            match ready!(next) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.left = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        let mut most = H2_SLICE;
        if let Pace::Endless { patience, sliced } = self.pace {
            self.request.flows(patience, sliced);
            most = if sliced { H2_SLICE } else { usize::MAX };
        }
        let len = self.left.len().min(most);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(len)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let left = self.left.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(left));
        }
        hint.set_lower(hint.lower().saturating_add(left));
        hint
    }
}

/// An endless body goes with what it is on, and is told why.
impl Drop for Tracked {
    fn drop(&mut self) {
        if let (Payload::Live(body), Some(limit)) = (&mut self.body, self.request.given_up()) {
            body.given_up(limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::server::clock::Clock;
    use crate::server::vitals::Vitals;

    #[tokio::test]
    async fn http2_is_given_slices_and_http1_whole_runs() {
        for (version, lens) in
            [(Version::HTTP_2, vec![16_384, 16_384, 7_232, 5]), (Version::HTTP_11, vec![40_000, 5])]
        {
            let mut rope = Rope::default();
            rope.push(Bytes::from(vec![1; 40_000]));
            rope.push(Bytes::from_static(b"fives"));
            let body = Payload::from(rope);
            let pace = Pace::of(version, &body);
            let mut body = Tracked::new(body, Vitals::new(Clock::mono()).begin(), pace);
            let mut seen = Vec::new();
            let mut left = 40_005;
            while !body.is_end_stream() {
                assert_eq!(body.size_hint().exact(), Some(left));
                let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
                left -= frame.len() as u64;
                seen.push(frame.len());
            }
            assert_eq!(seen, lens);
        }
    }

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
