//! Handshakes that do not go on: for how long, how many at once, and how many from one address.

use std::num::NonZero;
use std::time::Duration;

use rillcast::control::Settings;
use rillcast::media::{Limit, Limits};
use rillcast::server::Indoors;
use tokio::io::{AsyncWriteExt, DuplexStream};

use crate::indoors::{encoder, inside, settle, viewer, waits};
use crate::rtmp::plus;
use crate::{Row, most, until};

/// The head of a TLS record, and a hello that is not whole (RFC 8446 §5.1).
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 0, 200, 1, 0, 0, 196];

pub(crate) fn rows() -> Vec<Row> {
    vec![
        until(Limit::TlsHandshake, |offset| {
            shaking(
                |_| {},
                async move |house| {
                    let _silent = viewer(house, 1).unwrap();
                    waits(Duration::from_secs(5), offset).await;
                },
            )
        }),
        most(Limit::TlsInFlightPerCore, |offset| {
            let few = |limits: &mut Limits| limits.tls.in_flight_per_core = 3;
            shaking(few, async move |house| {
                let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
                let mut inside = Vec::new();
                for n in 0..plus(3 * cores, offset) {
                    // Of both kinds, and of many addresses: they are counted together.
                    let socket = if n % 2 == 0 { viewer(house, n as u8) } else { encoder(house, n as u8) };
                    inside.push(begins(socket).await);
                }
                // Who says nothing takes no place.
                inside.extend(viewer(house, 1));
            })
        }),
        most(Limit::TlsInFlightPerAddress, |offset| {
            let few = |limits: &mut Limits| limits.tls.in_flight_per_address = 3;
            shaking(few, async move |house| {
                let mut inside = Vec::new();
                for _ in 0..plus(3, offset) {
                    inside.push(begins(viewer(house, 1)).await);
                }
                inside.push(begins(viewer(house, 2)).await);
            })
        }),
    ]
}

/// Which limit is hit in a house behind TLS.
fn shaking(set: impl FnOnce(&mut Limits), drive: impl AsyncFnOnce(&Indoors)) -> Option<Limit> {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings { data: folder.path().to_owned(), ..Settings::default() };
    settings.tls.self_signed = true;
    set(&mut settings.limits);
    inside(|| Indoors::secure(settings).unwrap(), drive)
}

/// A handshake that begins, and does not go on.
async fn begins(socket: Option<DuplexStream>) -> DuplexStream {
    let mut socket = socket.unwrap();
    // Of one that was closed, too.
    let _ = socket.write_all(HALF_A_HELLO).await;
    settle().await;
    socket
}
