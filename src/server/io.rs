//! IO: a socket that tells the connection's vitals what it does.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::vitals::Vitals;

/// Bytes taken from the socket at once: request heads are small.
const READ: usize = 4 * 1024;

/// A TCP stream for hyper, watched.
#[derive(Debug)]
pub(super) struct WatchedIo {
    stream: TokioIo<TcpStream>,
    vitals: Arc<Vitals>,
}

impl WatchedIo {
    /// Watches `stream`.
    pub(super) fn new(stream: TcpStream, vitals: Arc<Vitals>) -> Self {
        Self { stream: TokioIo::new(stream), vitals }
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(_)) => self.vitals.progressed(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.vitals.blocked(),
        }
        result
    }
}

impl Read for WatchedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // hyper's cursor shows nothing of what was read before, so the bytes pass through a buffer of ours.
        let mut bytes = [0; READ];
        let len = READ.min(out.remaining());
        let mut buffer = ReadBuf::new(bytes.get_mut(..len).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer.unfilled()))?;
        let read = buffer.filled();
        if !read.is_empty() {
            self.vitals.received(read);
            out.put_slice(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for WatchedIo {
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
