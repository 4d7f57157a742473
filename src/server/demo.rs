//! The demo: the built-in clip published to the server itself, in a loop, over a real RTMP connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::push::{self, Step};
use crate::push::{Clip, Target};

/// Big Buck Bunny, © 2008 Blender Foundation, CC BY 3.0: see fixtures/MANIFEST.toml.
const CLIP: &[u8] = include_bytes!("../../fixtures/bbb_720p25_avc_aac.mp4");
/// Name of the stream it is published to.
pub const STREAM: &str = "demo";
/// Between two attempts: the first, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Publishes the clip to the server listening at `rtmp`, under `key`, until `shutdown` completes. A publish that
/// ends is begun again, after a wait that doubles as long as the server does not accept.
pub async fn run(rtmp: SocketAddr, key: &str, shutdown: impl Future<Output = ()>) {
    let clip = match Clip::parse(Bytes::from_static(CLIP)) {
        Ok(clip) => Arc::new(clip),
        Err(error) => return tracing::error!(%error, "demo clip is unreadable"),
    };
    let url = format!("rtmp://{}/live/{STREAM}?key={key}", reachable(rtmp));
    let target = match Target::parse(&url) {
        Ok(target) => target,
        Err(error) => return tracing::error!(%error, "demo key does not fit in a URL"),
    };
    let mut shutdown = pin!(shutdown);
    let mut wait = BACKOFF.0;
    loop {
        let report = |step| {
            if step == Step::Live {
                wait = BACKOFF.0;
            }
        };
        match push::drive(&target, None, Arc::clone(&clip), true, &mut shutdown, report).await {
            // A loop ends in order only when it is told to.
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, retry_in = ?wait, "demo publish ended"),
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut shutdown => return,
        }
        wait = wait.saturating_mul(2).min(BACKOFF.1);
    }
}

/// The listener's own address as something on this machine can connect to.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_finds_its_server_whatever_it_listens_on() {
        for (listener, reached) in [
            ("0.0.0.0:1935", "127.0.0.1:1935"),
            ("[::]:1935", "[::1]:1935"),
            ("192.0.2.7:19350", "192.0.2.7:19350"),
        ] {
            assert_eq!(reachable(listener.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
