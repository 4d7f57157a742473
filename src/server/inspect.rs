//! `rillcast inspect URL`: follows any HLS stream as a strict player would, and names every rule that it breaks.
//!
//! ```text
//!   multivariant ─▶ a follower for each media playlist ──every state──▶ a tape that fetches its media
//!                      │ state, change, reload, reports                    │ parts, segments, bit rate
//!                      └───────────────────────▶ account ◀─────────────────┘ ─▶ report
//! ```

mod account;
mod address;
mod client;
mod follower;
mod line;
mod probes;
mod report;
mod tape;
mod world;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::address::Address;
pub use self::address::AddressError;
use self::client::{Ask, Fetched};
use self::follower::Follower;
use self::tape::{Measured, Tape};
use self::world::{World, patience};
use crate::lint::{self, Class, Presentation, Severity};
use crate::server::clock::Clock;

/// The most media playlists of one presentation that are followed.
const MAX_PLAYLISTS: usize = 32;
/// Redirects of the first request.
const MAX_REDIRECTS: usize = 5;

/// What to inspect, and how to say what was found.
#[derive(Debug, Clone)]
pub struct Options {
    /// A multivariant or media playlist.
    pub url: String,
    /// For how long.
    pub span: Duration,
    /// Whether to report in JSON.
    pub json: bool,
    /// A file of certificate authorities (PEM) to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

/// Why an inspection found no good stream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is none.
    #[error("{0}")]
    Url(#[from] AddressError),
    /// There is no playlist to begin with.
    #[error("cannot inspect {address}: {reason}")]
    Unreachable {
        /// Its address, without what may be secret.
        address: String,
        /// Why not.
        reason: String,
    },
    /// Rules were broken; the report says which.
    #[error("{0} rules broken")]
    Broken(usize),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Write(#[from] io::Error),
}

impl Error {
    /// The process's exit code: 2 for a URL that is none, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Url(_) => 2,
            Self::Unreachable { .. } | Self::Broken(_) | Self::Write(_) => 1,
        }
    }
}

/// Inspects for the given span or until `shutdown` completes, and writes the report to `out`.
///
/// # Errors
/// When the URL is none, leads nowhere, or what it leads to breaks a rule that is a requirement.
pub async fn run(
    options: Options,
    shutdown: impl Future<Output = ()>,
    mut out: impl Write,
) -> Result<(), Error> {
    let address = Address::parse(&options.url)?;
    let world = World::new(address.clone(), options.span, options.ca);
    let (world, measured) = inspect(world, &address, shutdown).await?;
    conclude(&world, &measured);
    let account = world.account();
    let took = Clock::mono().saturating_duration_since(world.began);
    if options.json {
        report::json(&account, &address, took, &mut out)?;
    } else {
        report::text(&account, &address, took, &mut out)?;
    }
    match account.of(Severity::Error).count() {
        0 => Ok(()),
        errors => Err(Error::Broken(errors)),
    }
}

async fn inspect(
    mut world: World,
    address: &Address,
    shutdown: impl Future<Output = ()>,
) -> Result<(Arc<World>, Vec<Measured>), Error> {
    let (address, first) = begin(&world, address).await?;
    if String::from_utf8_lossy(&first.body).contains("#EXT-X-STREAM-INF") {
        world.judge("multivariant", Class::Multivariant, &address, &first, None);
        let (presentation, findings) = lint::multivariant(&first.body);
        world.found("multivariant", findings);
        world.presentation = presentation.unwrap_or_default();
        world.playlists = playlists(&world.presentation, &address);
        world.base = address;
    } else {
        world.playlists = vec![(address.path.clone(), address)];
    }
    let world = Arc::new(world);
    let mut followers = JoinSet::new();
    let mut tapes = JoinSet::new();
    for (name, address) in world.playlists.clone() {
        let (send, receive) = mpsc::channel(64);
        let tape = Tape::new(world.clone(), name.clone(), address.clone());
        tapes.spawn(tape.run(receive));
        followers.spawn(Follower::new(world.clone(), name, address, send).run());
    }
    iframes(&world).await;
    tokio::select! {
        () = async { while followers.join_next().await.is_some() {} } => {}
        // What is held may be held for long: its answer is no longer waited for.
        () = tokio::time::sleep_until((world.until + Duration::from_secs(2)).into()) => {}
        () = shutdown => {}
    }
    followers.shutdown().await;
    let mut measured = Vec::new();
    while let Ok(Some(done)) = tokio::time::timeout(Duration::from_secs(5), tapes.join_next()).await {
        measured.extend(done.ok());
    }
    Ok((world, measured))
}

/// The first playlist, wherever redirects lead.
async fn begin(world: &World, address: &Address) -> Result<(Address, Fetched), Error> {
    let mut address = address.clone();
    let shown = address.to_string();
    let unreachable = |reason: String| Error::Unreachable { address: shown.clone(), reason };
    for _ in 0..MAX_REDIRECTS {
        let ask = Ask { address: &address, gzip: true, range: None, patience: patience(None) };
        let fetched = world.client.get(&ask).await.map_err(|error| unreachable(error.to_string()))?;
        match (fetched.status, fetched.field("location")) {
            (300..=399, Some(location)) => {
                address = address.join(location).map_err(|error| unreachable(error.to_string()))?;
            }
            (200, _)
                if fetched.body.starts_with(b"#EXTM3U")
                    || fetched.body.starts_with(b"\xef\xbb\xbf#EXTM3U") =>
            {
                return Ok((address, fetched));
            }
            (200, _) => return Err(unreachable("what is there is no playlist".to_owned())),
            (status, _) => return Err(unreachable(format!("status {status}"))),
        }
    }
    Err(unreachable("too many redirects".to_owned()))
}

/// Every media playlist, each once, named by its path: its query may hold a token.
fn playlists(presentation: &Presentation, base: &Address) -> Vec<(String, Address)> {
    let streams = presentation.streams.iter().map(|stream| &stream.uri);
    let tracks = presentation.tracks.iter().map(|track| &track.uri);
    let mut out: Vec<(String, Address)> = Vec::new();
    for address in streams.chain(tracks).filter_map(|uri| base.join(uri).ok()) {
        if out.len() >= MAX_PLAYLISTS || out.iter().any(|(_, known)| *known == address) {
            continue;
        }
        let alike = out.iter().filter(|(_, known)| known.path == address.path).count();
        let name = if alike == 0 { address.path.clone() } else { format!("{}#{alike}", address.path) };
        out.push((name, address));
    }
    out
}

/// I-frame playlists are looked at, not followed: nothing of them is waited for.
async fn iframes(world: &World) {
    for uri in world.presentation.iframes.iter().take(MAX_PLAYLISTS) {
        let Ok(address) = world.base.join(uri) else { continue };
        let ask = Ask { address: &address, gzip: true, range: None, patience: patience(None) };
        let place = format!("{} (I-frames)", address.path);
        let Ok(fetched) = world.fetch(&place, Class::Plain, &ask, None).await else { continue };
        if fetched.status == 200 {
            world.found(&place, lint::media_playlist(&fetched.body).1);
        }
    }
}

/// What only the whole tells: declared against measured, for every variant.
fn conclude(world: &World, measured: &[Measured]) {
    let of = |uri: &str| {
        let name = world.name(&world.base, uri);
        measured.iter().find(|measured| measured.name == name)
    };
    for stream in &world.presentation.streams {
        let own = of(&stream.uri);
        let group =
            world.presentation.tracks.iter().filter(|track| Some(&track.group) == stream.audio.as_ref());
        let group: Vec<&Measured> = group.filter_map(|track| of(&track.uri)).collect();
        // The dearest combination: the variant's own playlist, and the dearest rendition of its group.
        let sum = |value: fn(&Measured) -> Option<u64>| {
            let dearest = group.iter().filter_map(|measured| value(measured)).max();
            let own = own.and_then(value);
            own.map(|own| own.saturating_add(dearest.unwrap_or(0))).or(dearest)
        };
        let place = world.name(&world.base, &stream.uri);
        world.found(&place, lint::bandwidth(stream, sum(|m| m.peak), sum(|m| m.average)));
        for (measured, own) in own.map(|own| (own, true)).into_iter().chain(group.iter().map(|m| (*m, false)))
        {
            if let Some(init) = &measured.init {
                world.found(&measured.name, lint::variant(stream, init, own, measured.milli_rate));
            }
        }
        world.account().playlist(&place).declared = Some((stream.bandwidth, stream.average));
    }
    for measured in measured {
        world.account().playlist(&measured.name).bits = (measured.peak, measured.average);
    }
}
