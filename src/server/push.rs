//! The driver of one outgoing publish: a socket, a clock, and `push::Client` between them.

use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::client::TlsStream;

use super::Clock;
use super::tls::{self, TrustError};
use crate::push::{self, Client, Clip, Output, Pace, Target};

/// To reach the server at all.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that takes no byte for this long is gone.
const WRITE_STALL: Duration = Duration::from_secs(10);
/// For the last words, and for those of a server that has already hung up.
const FAREWELL: Duration = Duration::from_millis(500);
/// Servers say little to a publisher.
const READ: usize = 4 * 1_024;

/// Why a publish ended before it was over.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No connection.
    #[error("cannot connect to {host} port {port}: {error}")]
    Connect {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A connection, and no TLS over it.
    #[error("no TLS with {host} port {port}: {error}")]
    Tls {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// What the handshake came to.
        error: io::Error,
    },
    /// The connection broke.
    #[error("connection lost while {during}: {error}")]
    Io {
        /// What the conversation was doing.
        during: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The server closed without a word.
    #[error("the server closed the connection while {0}")]
    Closed(&'static str),
    /// The conversation failed.
    #[error(transparent)]
    Conversation(#[from] push::Error),
}

/// What a publish has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The server has accepted.
    Live,
    /// This much media has been sent.
    Sent(Duration),
}

/// Publishes `clip` to `target` in real time, until it ends (never, when `looping`) or `stop` completes;
/// both unpublish in words. Over TLS, the authorities in `ca` are trusted, or the system's.
pub(super) async fn drive(
    target: &Target,
    ca: Option<&Path>,
    clip: Arc<Clip>,
    looping: bool,
    stop: impl Future<Output = ()>,
    report: impl FnMut(Step),
) -> Result<(), PushError> {
    let mut stop = pin!(stop);
    let connected = async {
        let socket = connect(target).await?;
        Ok::<_, PushError>(match target.secure() {
            true => Way::Secure(Box::new(shake(target, ca, socket).await?)),
            false => Way::Plain(socket),
        })
    };
    let way = tokio::select! {
        way = connected => way?,
        () = &mut stop => return Ok(()),
    };
    match way {
        Way::Plain(socket) => converse(socket, target, clip, looping, stop, report).await,
        Way::Secure(stream) => converse(*stream, target, clip, looping, stop, report).await,
    }
}

/// A connection to the server.
enum Way {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    target: &Target,
    clip: Arc<Clip>,
    looping: bool,
    mut stop: Pin<&mut impl Future<Output = ()>>,
    mut report: impl FnMut(Step),
) -> Result<(), PushError> {
    let (read, write) = tokio::io::split(socket);
    let client = Client::new(target.clone(), Arc::clone(&clip), Clock::mono())?;
    let mut line = Line { client, read, write };
    let mut buffer = [0; READ];
    let mut pace: Option<Pace> = None;
    loop {
        if line.drain().await? {
            pace = Some(Pace::new(Arc::clone(&clip), looping, Clock::mono()));
            report(Step::Live);
        }
        let due = pace.as_ref().map(Pace::due);
        if due == Some(None) {
            return line.end().await;
        }
        let wake = due.flatten().into_iter().chain(line.client.deadline()).min();
        tokio::select! {
            () = &mut stop => return line.end().await,
            got = line.read.read(&mut buffer) => line.heard(got, &buffer)?,
            () = until(wake) => {
                let now = Clock::mono();
                line.client.handle_timeout(now)?;
                let Some(pace) = &mut pace else { continue };
                loop {
                    if let Some((dts, message)) = pace.message(now) {
                        line.client.tell(dts, message)?;
                    } else if let Some(due) = pace.next(now) {
                        line.client.send(&due)?;
                    } else {
                        break;
                    }
                    line.drain().await?;
                }
                report(Step::Sent(pace.position().unwrap_or_else(|| clip.duration())));
            }
        }
    }
}

async fn connect(target: &Target) -> Result<TcpStream, PushError> {
    let (host, port) = (target.host(), target.port());
    let failed = |error| PushError::Connect { host: host.to_owned(), port, error };
    let socket = match timeout(CONNECT, TcpStream::connect((host, port))).await {
        Ok(socket) => socket.map_err(failed)?,
        Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
    };
    // A frame is sent when it is due, not when the next one fills the packet.
    socket.set_nodelay(true).map_err(failed)?;
    Ok(socket)
}

/// TLS over a connection just made. RTMP has no name in ALPN.
async fn shake(
    target: &Target,
    ca: Option<&Path>,
    socket: TcpStream,
) -> Result<TlsStream<TcpStream>, PushError> {
    let connector = tls::connector(ca, &[])?;
    let failed = |error| PushError::Tls { host: target.host().to_owned(), port: target.port(), error };
    let name = ServerName::try_from(target.host().to_owned())
        .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidInput, "no name that TLS knows")))?;
    match timeout(CONNECT, connector.connect(name, socket)).await {
        Ok(stream) => stream.map_err(failed),
        Err(_) => Err(failed(io::ErrorKind::TimedOut.into())),
    }
}

async fn until(wake: Option<std::time::Instant>) {
    match wake {
        Some(wake) => sleep_until(Instant::from_std(wake)).await,
        None => std::future::pending().await,
    }
}

/// The client and the two halves of its connection.
struct Line<S> {
    client: Client,
    read: ReadHalf<S>,
    write: WriteHalf<S>,
}

impl<S: AsyncRead + AsyncWrite> Line<S> {
    /// Sends all that is to be sent; answers whether the publish has just gone live.
    async fn drain(&mut self) -> Result<bool, PushError> {
        let mut live = false;
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Live => live = true,
                Output::Send(bytes) => {
                    let sent = async {
                        self.write.write_all(&bytes).await?;
                        // TLS may have kept some of it back.
                        self.write.flush().await
                    };
                    let sent = timeout(WRITE_STALL, sent).await;
                    if let Err(error) = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                        return Err(self.last_words(error).await);
                    }
                }
            }
        }
        Ok(live)
    }

    fn heard(&mut self, got: io::Result<usize>, buffer: &[u8]) -> Result<(), PushError> {
        let during = self.client.doing();
        match got {
            Ok(0) => Err(PushError::Closed(during)),
            // TLS tells apart who left without a word of farewell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(PushError::Closed(during)),
            Ok(n) => Ok(self.client.handle_input(Clock::mono(), buffer.get(..n).unwrap_or_default())?),
            Err(error) => Err(PushError::Io { during, error }),
        }
    }

    /// A server that refuses hangs up; what it said before is the better reason than the broken pipe.
    async fn last_words(&mut self, error: io::Error) -> PushError {
        let mut buffer = [0; READ];
        let during = self.client.doing();
        while let Ok(Ok(n @ 1..)) = timeout(FAREWELL, self.read.read(&mut buffer)).await {
            let said = self.client.handle_input(Clock::mono(), buffer.get(..n).unwrap_or_default());
            if let Err(error) = said {
                return error.into();
            }
        }
        PushError::Io { during, error }
    }

    /// Unpublishes, and closes once the server has taken it.
    async fn end(mut self) -> Result<(), PushError> {
        self.client.unpublish()?;
        self.drain().await?;
        let during = self.client.doing();
        self.write.shutdown().await.map_err(|error| PushError::Io { during, error })?;
        // Closing with bytes unread would reset the connection, and with it what is still on its way.
        let mut buffer = [0; READ];
        while let Ok(Ok(1..)) = timeout(FAREWELL, self.read.read(&mut buffer)).await {}
        Ok(())
    }
}
