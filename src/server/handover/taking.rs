//! Taking: the side of a hand-over that is to serve from now on. What is said is drawn in `line`.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::TakeoverError;
use super::frame::{self, PROTOCOL};
use super::line::{Hello, Word, hello, is_ours};
use super::sockets::{Inherited, Wanted};

/// How long the running server may take to answer. It answers one caller at a time.
const ANSWER: Duration = Duration::from_secs(20);

/// A hand-over that has begun. Dropping it leaves everything to the running server.
#[derive(Debug)]
pub(in crate::server) struct Taking {
    stream: UnixStream,
    path: PathBuf,
}

impl Taking {
    /// Asks the server at `path` for its listeners.
    ///
    /// # Errors
    /// When there is none, or it does not hand over to us.
    pub(in crate::server) async fn begin(
        path: PathBuf,
        wanted: &Wanted,
    ) -> Result<(Self, Inherited), TakeoverError> {
        match UnixStream::connect(&path).await {
            Ok(stream) => Self::ask(stream, path, wanted).await,
            Err(error) => Err(TakeoverError::Nobody { path, error }),
        }
    }

    /// The same of whoever answers on `stream`.
    pub(super) async fn ask(
        mut stream: UnixStream,
        path: PathBuf,
        wanted: &Wanted,
    ) -> Result<(Self, Inherited), TakeoverError> {
        if !is_ours(&stream)? {
            return Err(TakeoverError::Stranger { path });
        }
        frame::send(&mut stream, &hello(Vec::new()), &[]).await?;
        let mut descriptors = Vec::new();
        let offer = timeout(ANSWER, frame::receive(&stream, &mut descriptors)).await;
        let Hello { protocol, version, listeners } = offer.map_err(io::Error::from)??;
        if protocol != PROTOCOL {
            return Err(TakeoverError::Protocol { version, theirs: protocol, ours: PROTOCOL });
        }
        if listeners.len() != descriptors.len() {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
        let given = listeners.into_iter().zip(descriptors.into_iter().map(TcpListener::from)).collect();
        Ok((Self { stream, path }, Inherited::from_server(given, wanted)))
    }

    /// Says that this server accepts, and returns once the other one drains.
    ///
    /// # Errors
    /// When the other one goes on instead: then this one must not.
    pub(in crate::server) async fn ready(mut self) -> Result<(), TakeoverError> {
        let said = async {
            frame::send(&mut self.stream, &Word::Ready, &[]).await?;
            frame::receive::<Word>(&self.stream, &mut Vec::new()).await
        };
        match timeout(ANSWER, said).await {
            Ok(Ok(Word::Draining)) => Ok(()),
            // It is gone, or going: what it leaves is ours.
            _ if UnixStream::connect(&self.path).await.is_err() => Ok(()),
            _ => Err(TakeoverError::Late),
        }
    }
}
