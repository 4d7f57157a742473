//! A network between a peer and the server that swallows packets: nobody hears that anything is wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A way to the server that can be told to swallow what goes along it. No connection closes by it.
pub(crate) struct Swallow {
    pub(crate) at: SocketAddr,
    swallowing: Arc<AtomicBool>,
    deaf: Arc<AtomicBool>,
}

impl Swallow {
    /// A way to `to`. With `word`, what the server's peer sends is swallowed once the server has said that.
    pub(crate) async fn to(to: SocketAddr, word: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let swallowing = Arc::new(AtomicBool::new(false));
        let deaf = Arc::new(AtomicBool::new(false));
        let (state, mute) = (Arc::clone(&swallowing), Arc::clone(&deaf));
        tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                let server = TcpStream::connect(to).await.unwrap();
                tokio::spawn(between(peer, server, word, Arc::clone(&state), Arc::clone(&mute)));
            }
        });
        Self { at, swallowing, deaf }
    }

    /// From now on the server's peers hear nothing of it any more, while what they send gets through.
    pub(crate) fn deafen(&self) {
        self.deaf.store(true, Ordering::Release);
    }

    /// From now on nothing gets through, either way; connections stay as they are.
    pub(crate) fn swallow(&self) {
        self.swallowing.store(true, Ordering::Release);
    }
}

async fn between(
    peer: TcpStream,
    server: TcpStream,
    word: Option<&'static str>,
    swallowing: Arc<AtomicBool>,
    deaf: Arc<AtomicBool>,
) {
    let ((mut up, mut to_peer), (mut down, mut to_server)) = (peer.into_split(), server.into_split());
    let state = Arc::clone(&swallowing);
    let upwards = async move {
        let mut buffer = [0; 4_096];
        // A side that closes does not close the other: that word would be lost on the way as well.
        while let Ok(n @ 1..) = up.read(&mut buffer).await {
            if !state.load(Ordering::Acquire) && to_server.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
        if state.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    };
    let downwards = async move {
        let (mut buffer, mut tail) = ([0; 4_096], Vec::new());
        while let Ok(n @ 1..) = down.read(&mut buffer).await {
            tail.extend_from_slice(&buffer[..n]);
            let said = |word: &str| tail.windows(word.len()).any(|window| window == word.as_bytes());
            if word.is_some_and(said) {
                swallowing.store(true, Ordering::Release);
            } else if swallowing.load(Ordering::Acquire) || deaf.load(Ordering::Acquire) {
                continue;
            }
            tail.drain(..tail.len().saturating_sub(64));
            if to_peer.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
        // Who hears nothing does not hear of the end either.
        if deaf.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = upwards => {}
        () = downwards => {}
    }
}
