//! Fuzz: each side of a hand-over by itself, for a target that plays the other one. Nobody else is given them.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::{TcpListener, UnixStream};

use crate::control::Settings;

use super::line::{Passing, converse};
use super::{TakeoverError, Taking, Wanted};

/// A running server that hands `listener` over to whoever is at the other end of `stream`: the next one's version, or why
/// nothing came of it; and whether the store was let go of.
pub async fn running(stream: UnixStream, listener: &TcpListener) -> (Result<String, String>, bool) {
    let passing = Passing::new("http", listener).map(|one| vec![one]).unwrap_or_default();
    let mut store = Some(());
    let came = converse(stream, &passing, &mut store).await;
    (came.map_err(|refused| refused.to_string()), store.is_none())
}

/// A server that takes over from whoever is at the other end of `stream`, and would find it again at `path`: where the
/// listeners are that it goes on with, which are to be where `settings` say.
///
/// # Errors
/// When it must not go on.
pub async fn next(
    stream: UnixStream,
    path: PathBuf,
    settings: &Settings,
) -> Result<Vec<(&'static str, SocketAddr)>, TakeoverError> {
    let (taking, mut inherited) = Taking::ask(stream, path, &Wanted::of(settings)).await?;
    let names = ["rtmp", "http", "admin", "https", "rtmps"].into_iter();
    let taken: Vec<_> = names.filter_map(|name| Some((name, inherited.take(name)?))).collect();
    taking.ready().await?;
    taken.into_iter().map(|(name, socket)| Ok((name, socket.local_addr()?))).collect()
}
