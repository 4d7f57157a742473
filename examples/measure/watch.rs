//! Watch: players that wait for the next part, in the two ways that Low-Latency HLS has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::Fault;
use crate::http::{Connection, resolve, split};
use crate::playlist::{Next, first_variant};
use crate::publish::{Tail, tail};

/// How a player waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// The hinted part is asked for before it exists; the playlist is followed on another connection.
    Hint,
    /// Hinted parts alone: one player follows the playlist and tells all others what it hints.
    Part,
    /// A blocking reload is answered with a playlist; the part it lists is fetched then.
    Reload,
}

/// Something a player received.
#[derive(Clone, Copy)]
pub(crate) struct Received {
    /// How it ended.
    pub(crate) tail: Tail,
    /// When a playlist that lists it was there, if that was waited for.
    pub(crate) listed: Option<Instant>,
    /// When its last byte was there.
    pub(crate) at: Instant,
}

/// One player's notes.
pub(crate) type Notes = Vec<Received>;

/// A media playlist to follow.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    pub(crate) authority: String,
    pub(crate) path: String,
}

/// Opens `url` until it can be played, and answers its first variant.
pub(crate) async fn open(url: &str, patience: Duration) -> Result<Media, Fault> {
    let (authority, path) = split(url)?;
    let until = Instant::now() + patience;
    loop {
        let mut connection = Connection::new(authority);
        let status = connection.get(path).await;
        if let Ok(200) = status
            && let Some(variant) = first_variant(&connection.text())
        {
            let path = resolve(path, variant);
            if let Ok(200) = connection.get(&path).await
                && Next::read(&connection.text()).playable
            {
                return Ok(Media { authority: authority.to_owned(), path });
            }
        }
        if Instant::now() > until {
            return Err(format!("{url} is not playable: {status:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Has `players` follow `media` until `until`; answers each one's notes.
pub(crate) async fn follow(
    media: &Media,
    way: Way,
    players: usize,
    until: Instant,
) -> Result<Vec<Notes>, Fault> {
    let media = Arc::new(media.clone());
    let mut leaders = Vec::new();
    let mut lead = || {
        let (hints, hinted) = watch::channel(None);
        leaders.push(tokio::spawn(lead(media.clone(), until, hints)));
        hinted
    };
    let shared = (way == Way::Part).then(&mut lead);
    let tasks: Vec<_> = (0..players)
        .map(|_| match way {
            Way::Reload => tokio::spawn(reload(media.clone(), until)),
            Way::Hint | Way::Part => {
                let hinted = shared.clone().unwrap_or_else(&mut lead);
                tokio::spawn(hint(media.clone(), until, hinted))
            }
        })
        .collect();
    let mut notes = Vec::new();
    for task in tasks {
        notes.push(task.await??);
    }
    for leader in leaders {
        leader.await??;
    }
    Ok(notes)
}

fn blocking(media: &Media, next: &Next) -> String {
    let join = if media.path.contains('?') { '&' } else { '?' };
    format!("{}{join}{}", media.path, next.query())
}

async fn reload(media: Arc<Media>, until: Instant) -> Result<Notes, Fault> {
    let mut connection = Connection::new(&media.authority);
    expect(connection.get(&media.path).await?, &media.path)?;
    let mut next = Next::read(&connection.text());
    let mut notes = Vec::new();
    while Instant::now() < until && !next.ended {
        let path = blocking(&media, &next);
        expect(connection.get(&path).await?, &path)?;
        let listed = Some(Instant::now());
        next = Next::read(&connection.text());
        let Some(part) = &next.last else { continue };
        let part = resolve(&media.path, part);
        expect(connection.get(&part).await?, &part)?;
        let at = Instant::now();
        notes.extend(tail(connection.body()).map(|tail| Received { tail, listed, at }));
    }
    Ok(notes)
}

/// Follows the playlist and passes on what it hints.
async fn lead(media: Arc<Media>, until: Instant, hints: watch::Sender<Option<String>>) -> Result<(), Fault> {
    let mut connection = Connection::new(&media.authority);
    expect(connection.get(&media.path).await?, &media.path)?;
    let mut next = Next::read(&connection.text());
    while Instant::now() < until && !next.ended {
        hints.send_replace(next.hint.as_ref().map(|hint| resolve(&media.path, hint)));
        let path = blocking(&media, &next);
        expect(connection.get(&path).await?, &path)?;
        next = Next::read(&connection.text());
    }
    Ok(())
}

async fn hint(
    media: Arc<Media>,
    until: Instant,
    mut hints: watch::Receiver<Option<String>>,
) -> Result<Notes, Fault> {
    let mut connection = Connection::new(&media.authority);
    let mut notes = Vec::new();
    while Instant::now() < until && hints.changed().await.is_ok() {
        let hint = hints.borrow_and_update().clone();
        let Some(part) = hint else { continue };
        expect(connection.get(&part).await?, &part)?;
        let at = Instant::now();
        notes.extend(tail(connection.body()).map(|tail| Received { tail, listed: None, at }));
    }
    Ok(notes)
}

fn expect(status: u16, path: &str) -> Result<(), Fault> {
    if status == 200 { Ok(()) } else { Err(format!("{path} is answered with {status}").into()) }
}
