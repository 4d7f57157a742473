//! Body: an endless file as the body of a response.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::control::Dismissal;
use crate::live::Reason;
use crate::media::Limit;

use super::super::body::TooSlow;
use super::reader::Reader;

/// What a reader gets, run by run, whole chunks only. HTTP/1.1 sends it chunked, so that a player can tell the end of
/// the stream from a connection that broke; HTTP/1.0 until the connection closes.
pub(in crate::server) struct LiveBody {
    reader: Reader,
    runs: VecDeque<Bytes>,
    ended: bool,
}

impl LiveBody {
    /// The body of `reader`.
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, runs: VecDeque::new(), ended: false }
    }

    /// For how long it may stand still.
    pub(in crate::server) fn patience(&self) -> Duration {
        self.reader.patience()
    }

    /// Where its viewer is told to go.
    pub(in crate::server) fn dismissal(&self) -> Dismissal {
        self.reader.dismissal().clone()
    }

    /// What it is on is given up, by the bound of its `limit`.
    pub(in crate::server) fn given_up(&mut self, limit: Limit) {
        match limit {
            Limit::HttpWriteStall | Limit::RingBlocked => self.reader.close(Reason::WriteTimeout),
            Limit::HttpBodyTime => self.reader.close(Reason::SlowClientLagged),
            _ => {}
        }
    }
}

impl Body for LiveBody {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        loop {
            if let Some(run) = self.runs.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(run))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(self.reader.poll_next(cx)) {
                Ok((preface, chunk)) => {
                    self.runs.extend(Some(preface).filter(|preface| !preface.is_empty()));
                    self.runs.extend(chunk);
                }
                Err(reason) => {
                    self.ended = true;
                    // One that is too slow has not got the stream's end, and must not take this for it.
                    let broken = matches!(reason, Reason::SlowClientLagged | Reason::WriteTimeout);
                    return Poll::Ready(broken.then_some(Err(TooSlow)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

impl fmt::Debug for LiveBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveBody").field("runs", &self.runs.len()).finish_non_exhaustive()
    }
}
