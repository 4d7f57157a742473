//! IO: a socket that tells the connection's vitals what it does.
//!
//! ```text
//!   hyper ── WatchedIo: what was received ── (TLS) ── Metered: whether writes move ── socket
//! ```
//!
//! What was received is only readable above TLS; whether the peer takes what it is sent only shows below it,
//! where nothing is buffered any more.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::h2_limits::SentFrames;
use super::vitals::Vitals;
use crate::media::Limit;

/// Bytes taken from the socket at once: request heads are small.
pub(super) const READ: usize = 4 * 1024;

/// A socket whose writes are watched.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    vitals: Arc<Vitals>,
}

impl<S> Metered<S> {
    /// Watches the writes of `stream`.
    pub(super) fn new(stream: S, vitals: Arc<Vitals>) -> Self {
        Self { stream, vitals }
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(count)) => self.vitals.progressed(*count),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.vitals.blocked(),
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, runs);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A stream for hyper whose reads are watched.
#[derive(Debug)]
pub(super) struct WatchedIo<S> {
    stream: S,
    vitals: Arc<Vitals>,
    /// What was read to tell the version by, until hyper has it.
    ahead: Vec<u8>,
    /// Of HTTP/2, which refuses some things by itself.
    sent: Option<Box<Refusals>>,
}

/// What is refused in the frames that are sent, and what is to be done with each.
struct Refusals(SentFrames, Box<dyn Fn(Limit) + Send>);

impl std::fmt::Debug for Refusals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<S> WatchedIo<S> {
    /// Watches what is read from `stream`.
    pub(super) fn new(stream: S, vitals: Arc<Vitals>) -> Self {
        Self { stream, vitals, ahead: Vec::new(), sent: None }
    }

    /// The same, of HTTP/2: `hit` is called for what is refused for a limit.
    pub(super) fn refusing(self, hit: impl Fn(Limit) + Send + 'static) -> Self {
        Self { sent: Some(Box::new(Refusals(SentFrames::new(), Box::new(hit)))), ..self }
    }

    fn sent<'a>(&mut self, runs: impl Iterator<Item = &'a [u8]>, mut count: usize) {
        let Some(refusals) = &mut self.sent else { return };
        let Refusals(frames, hit) = &mut **refusals;
        for run in runs {
            let run = run.get(..count.min(run.len())).unwrap_or_default();
            count = count.saturating_sub(run.len());
            frames.sent(run, &*hit);
        }
    }
}

impl<S: AsyncRead + Unpin> WatchedIo<S> {
    /// Reads until it shows whether the peer begins with the preface of HTTP/2 (RFC 9113 §3.4); hyper gets what
    /// was read in one piece. It would read 24 bytes for it, and then have its buffer grow to take the rest.
    ///
    /// # Errors
    /// When the connection breaks. One that is closed counts as HTTP/1, and hyper finds its end.
    pub(super) async fn is_http2(&mut self) -> io::Result<bool> {
        loop {
            let before = self.ahead.len();
            self.ahead.reserve_exact(READ);
            let count = self.stream.read_buf(&mut self.ahead).await?;
            self.vitals.received(self.ahead.get(before..).unwrap_or_default());
            match self.vitals.is_http2() {
                Some(http2) => return Ok(http2),
                None if count == 0 => return Ok(false),
                None => {}
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Read for WatchedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let mut ahead = std::mem::take(&mut self.ahead);
            let rest = ahead.split_off(ahead.len().min(out.remaining()));
            out.put_slice(&ahead);
            self.ahead = rest;
            return Poll::Ready(Ok(()));
        }
        // hyper's cursor shows nothing of what was read before, so the bytes pass through a buffer of ours.
        let mut bytes = [MaybeUninit::uninit(); READ];
        let len = READ.min(out.remaining());
        let mut buffer = ReadBuf::uninit(bytes.get_mut(..len).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        if !read.is_empty() {
            self.vitals.received(read);
            out.put_slice(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for WatchedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.sent(std::iter::once(bytes), count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, runs))?;
        self.sent(runs.iter().map(|run| &**run), count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper::rt::ReadBuf;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::server::clock::Clock;

    #[tokio::test]
    async fn what_tells_the_version_reaches_hyper_too_however_it_comes() {
        for (text, http2) in [
            ("GET / HTTP/1.1\r\n\r\n", false),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand a frame", true),
            ("PRI * HTTP/1.1\r\n\r\n", false),
            ("PRI", false),
            ("", false),
        ] {
            for step in [1, 5, 100] {
                let (mut peer, ours) = tokio::io::duplex(1_024);
                let mut io = WatchedIo::new(ours, Vitals::new(Clock::mono()));
                let send = async {
                    for crumb in text.as_bytes().chunks(step) {
                        peer.write_all(crumb).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                    drop(peer);
                };
                let (told, ()) = tokio::join!(io.is_http2(), send);
                assert_eq!(told.unwrap(), http2, "{text:?} by {step}");
                let mut heard = Vec::new();
                loop {
                    let mut bytes = [0; 7];
                    let mut buffer = ReadBuf::new(&mut bytes);
                    poll_fn(|cx| Pin::new(&mut io).poll_read(cx, buffer.unfilled())).await.unwrap();
                    if buffer.filled().is_empty() {
                        break;
                    }
                    heard.extend_from_slice(buffer.filled());
                }
                assert_eq!(heard, text.as_bytes(), "by {step}");
            }
        }
    }
}
