//! Line: the unix socket on which a running server hands its listeners over to the next one.
//!
//! ```text
//!   next                                running
//!   Hello { protocol, version } ──────▶ same user? same protocol?
//!                        ◀──────────── Offer { protocol, version, listeners } + a descriptor each; lets go of the store
//!   binds, opens, accepts
//!   Ready ────────────────────────────▶ from here on the next one serves
//!                        ◀──────────── Draining; stops accepting, and drains as on SIGTERM
//! ```
//!
//! Until Ready nothing has changed: whatever goes wrong, the running server goes on.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::time::timeout;

use crate::control::{Store, StoreError};

use super::frame::{self, PROTOCOL};

/// The socket's name in its folder.
const NAME: &str = "takeover.sock";
/// Characters of a version.
const SHOWN: usize = 64;
/// How long whoever calls may take to say what it is.
const HELLO: Duration = Duration::from_secs(5);
/// How long it may take to be ready: opening a store and a few sockets.
const READY: Duration = Duration::from_secs(15);
/// Between two attempts to have the store back, and how many there are: a process that dies lets go of its locks soon.
const BACK: (Duration, usize) = (Duration::from_millis(50), 100);

/// What the next server says first, and the running one in answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Which way of handing over it knows.
    pub(super) protocol: u32,
    /// Its own version, for people: what of it can stand in a line.
    #[serde(deserialize_with = "shown")]
    pub(super) version: String,
    /// What the descriptors beside it are for, in their order.
    #[serde(default)]
    pub(super) listeners: Vec<String>,
}

/// What is said in one word.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// The next server serves.
    Ready,
    /// The running one drains.
    Draining,
}

/// A listener's socket, to be handed over.
pub(in crate::server) struct Passing {
    name: &'static str,
    socket: OwnedFd,
}

/// The socket, for as long as this server may be taken over from.
#[derive(Debug)]
pub(in crate::server) struct Line {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
    /// A folder that was made for it.
    made: Option<PathBuf>,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the caller runs as another user")]
    Stranger,
    #[error("the caller (version {0}) hands over by protocol {1}, this server by protocol {PROTOCOL}")]
    Protocol(String, u32),
    #[error("the caller took too long")]
    Slow(#[from] tokio::time::error::Elapsed),
    #[error("the caller broke off: {0}")]
    Broken(#[from] io::Error),
}

/// Where a server is taken over from: in the folder that the service manager keeps for what is running, or with the data.
pub(in crate::server) fn path(data: &Path, runtime: Option<&Path>) -> PathBuf {
    runtime.unwrap_or(data).join(NAME)
}

/// Who this process is, or says it is.
pub(super) fn hello(listeners: Vec<String>) -> Hello {
    Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), listeners }
}

/// A text without what would forge a line, and no longer than one.
fn shown<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    Ok(text.chars().filter(|one| !one.is_control()).take(SHOWN).collect())
}

/// Whether it is our own user at the other end.
pub(super) fn is_ours(stream: &UnixStream) -> io::Result<bool> {
    Ok(stream.peer_cred()?.uid() == rustix::process::geteuid().as_raw())
}

impl Passing {
    /// The socket of `listener`, once more.
    pub(in crate::server) fn new(name: &'static str, listener: &TcpListener) -> io::Result<Self> {
        Ok(Self { name, socket: listener.as_fd().try_clone_to_owned()? })
    }
}

impl Line {
    /// Opens the socket at `path`, making its folder (0700) when it is not there. One that another server answers at is
    /// left to it, unless that is the one that was taken over from.
    pub(in crate::server) async fn open(path: PathBuf, taken_over: bool) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.exists()).map(Path::to_owned);
        if let Some(folder) = &folder {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        if !taken_over && UnixStream::connect(&path).await.is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // Nobody finds it before it is ours alone; and whoever was there before is replaced at once.
        let new = path.with_extension(std::process::id().to_string());
        let _ = fs::remove_file(&new);
        let listener = UnixListener::bind(&new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        let inode = fs::metadata(&new)?.ino();
        fs::rename(&new, &path)?;
        Ok(Self { listener, path, inode, made: folder })
    }

    /// Answers whoever calls, and returns once all of `passing` has been handed over. Meanwhile `store` belongs to the
    /// caller, and comes back when it did not become ready.
    pub(in crate::server) async fn hand_over(
        mut self,
        passing: Vec<Passing>,
        store: &mut Option<Store>,
        data: &Path,
    ) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "takeover_paused");
                    tokio::time::sleep(HELLO).await;
                    continue;
                }
            };
            let had = store.is_some();
            match converse(stream, &passing, store).await {
                Ok(version) => {
                    tracing::info!(version, "handed_over");
                    // What is there now is the next one's.
                    self.inode = 0;
                    return;
                }
                Err(reason) => {
                    tracing::warn!(%reason, "takeover_refused");
                    if had && store.is_none() {
                        *store = back(data).await;
                    }
                }
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
            // Whatever else is in it keeps it.
            let _ = self.made.as_ref().map(fs::remove_dir);
        }
    }
}

/// Hands over to `stream`, and lets go of `store`; the next server's version when it is ready.
pub(super) async fn converse<S>(
    mut stream: UnixStream,
    passing: &[Passing],
    store: &mut Option<S>,
) -> Result<String, Refused> {
    if !is_ours(&stream)? {
        return Err(Refused::Stranger);
    }
    let Hello { protocol, version, .. } = timeout(HELLO, frame::receive(&stream, &mut Vec::new())).await??;
    if protocol != PROTOCOL {
        frame::send(&mut stream, &hello(Vec::new()), &[]).await?;
        return Err(Refused::Protocol(version, protocol));
    }
    *store = None;
    let names = passing.iter().map(|passing| passing.name.to_owned()).collect();
    let descriptors: Vec<_> = passing.iter().map(|passing| passing.socket.as_fd()).collect();
    timeout(HELLO, frame::send(&mut stream, &hello(names), &descriptors)).await??;
    let word: Word = timeout(READY, frame::receive(&stream, &mut Vec::new())).await??;
    if word != Word::Ready {
        return Err(io::Error::from(io::ErrorKind::InvalidData).into());
    }
    // It serves, whether or not it hears this.
    let _ = timeout(HELLO, frame::send(&mut stream, &Word::Draining, &[])).await;
    Ok(version)
}

/// The store that was let go of.
async fn back(data: &Path) -> Option<Store> {
    for _ in 0..BACK.1 {
        match Store::open(data) {
            Ok(store) => return Some(store),
            Err(StoreError::InUse { .. }) => tokio::time::sleep(BACK.0).await,
            Err(error) => {
                tracing::error!(%error, "store_lost");
                return None;
            }
        }
    }
    tracing::error!(error = "another server has it", "store_lost");
    None
}

#[cfg(test)]
mod tests;
