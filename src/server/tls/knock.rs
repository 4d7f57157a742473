//! Knock: the first byte of a connection, seen before anything is taken from it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream that shows its first byte and keeps it.
pub(in crate::server) trait Knock: AsyncRead + AsyncWrite + Send + Unpin {
    /// That byte, when it has come; `None` when the peer left without one.
    fn first(&mut self) -> impl Future<Output = io::Result<Option<u8>>> + Send;
}

impl Knock for TcpStream {
    async fn first(&mut self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let count = self.peek(&mut first).await?;
        let [first] = first;
        Ok((count > 0).then_some(first))
    }
}

/// A stream of any kind, whose first byte is kept here until it is read.
#[derive(Debug)]
pub(in crate::server) struct Ahead<S> {
    stream: S,
    first: Option<u8>,
}

impl<S> Ahead<S> {
    /// Of which nothing has been looked at.
    pub(in crate::server) fn new(stream: S) -> Self {
        Self { stream, first: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Knock for Ahead<S> {
    async fn first(&mut self) -> io::Result<Option<u8>> {
        if self.first.is_none() {
            let mut first = [0];
            let count = self.stream.read(&mut first).await?;
            let [first] = first;
            self.first = (count > 0).then_some(first);
        }
        Ok(self.first)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.first.take_if(|_| out.remaining() > 0) {
            Some(first) => {
                out.put_slice(&[first]);
                Poll::Ready(Ok(()))
            }
            None => Pin::new(&mut self.stream).poll_read(cx, out),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, runs)
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
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn what_was_looked_at_is_read_again_and_only_once() {
        for words in [&b""[..], b"a", b"abc"] {
            let (mut peer, ours) = tokio::io::duplex(64);
            peer.write_all(words).await.unwrap();
            drop(peer);
            let mut stream = Ahead::new(ours);
            for _ in 0..2 {
                assert_eq!(stream.first().await.unwrap(), words.first().copied());
            }
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, words);
        }
    }
}
