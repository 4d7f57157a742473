//! Players of HLS: those that reload with blocking, those that know segments only, those that go away and come back.

use std::time::Duration;

use rillcast::lint::{self, Asked, Listing, Reload, Severity};

use crate::client::{Client, Reply};
use crate::ledger::Promise;
use crate::mutant;
use crate::shelf::{Place, Seen};
use crate::world::cam;

/// Parts or segments that a player loads of those that have come since it last looked; it leaves older ones out.
const BACKLOG: usize = 6;

/// How a player goes about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// Which rendition: pictures, sound.
    pub(crate) track: u8,
    /// Whether it waits for what comes next, or looks every now and then.
    pub(crate) blocks: bool,
    /// Whether it asks for deltas.
    pub(crate) skips: bool,
    /// Whether it asks for the hinted part before it is there.
    pub(crate) hints: bool,
    /// It goes away for up to so many seconds now and then.
    pub(crate) sleeps: u64,
}

/// Plays until the server is no more.
pub(crate) async fn play(mut client: Client, habits: Habits) {
    while !client.world.over() {
        match find(&mut client, habits.track).await {
            Some(folder) => follow(&mut client, habits, &folder).await,
            None => {
                let span = client.random.millis(200, 900);
                client.pause(span).await;
            }
        }
    }
}

/// The folder of a rendition of the stream as it is now.
pub(crate) async fn find(client: &mut Client, track: u8) -> Option<String> {
    let name = client.random.pick(&["/live/cam/index.m3u8", "/live/cam/master.m3u8", "/live/cam.m3u8"]);
    let reply = client.get(name).await.filter(|reply| reply.status == 200)?;
    let text = String::from_utf8_lossy(&reply.body);
    let (_, findings) = lint::multivariant(&reply.body);
    if let Some(finding) = findings.iter().find(|finding| finding.severity() == Severity::Error) {
        client.world.ledger().breaks(Promise::Playlists, format_args!("{finding}:\n{text}"));
    }
    let uris = text.lines().flat_map(|line| line.split('"')).filter(|word| word.ends_with("/media.m3u8"));
    let mut uris: Vec<&str> = uris.collect();
    // Sound that is a variant of its own is named as well.
    uris.sort_unstable();
    uris.dedup();
    let wanted = uris.iter().find(|uri| place(client, uri).is_some_and(|place| place.track[0] == track));
    let uri = wanted.or_else(|| uris.last())?;
    let uri = if uri.starts_with('/') { (*uri).to_owned() } else { format!("/live/cam/{uri}") };
    uri.strip_suffix("media.m3u8").map(str::to_owned)
}

/// Which rendition a URI is of.
fn place(client: &Client, uri: &str) -> Option<Place> {
    let mut steps = uri.trim_end_matches('/').rsplit('/').skip_while(|step| step.ends_with(".m3u8"));
    let (track, generation) = (steps.next()?.as_bytes(), steps.next()?);
    let generation = client.world.ledger().generation(generation);
    Some(Place { generation, track: [*track.first()?, *track.get(1)?] })
}

/// What a player has of a rendition.
struct Playing {
    place: Place,
    seen: Option<Seen>,
    /// The next part or segment to load.
    next: u64,
    init: Option<String>,
}

/// Follows a rendition until it ends or is not there any more.
async fn follow(client: &mut Client, habits: Habits, folder: &str) {
    let Some(place) = place(client, folder) else { return };
    let mut playing = Playing { place, seen: None, next: 0, init: None };
    let mut failures = 0;
    while !client.world.over() && failures < 4 {
        if habits.sleeps > 0 && client.random.once_in(12) {
            let span = client.random.millis(2_000, habits.sleeps * 1_000);
            client.pause(span).await;
        }
        let Some(went) = turn(client, habits, folder, &mut playing).await else {
            failures += 1;
            let span = client.random.millis(100, 500);
            client.pause(span).await;
            continue;
        };
        failures = 0;
        if !went {
            return;
        }
    }
}

/// One reload, and what is new in it. `None` when there was no answer; `false` when there is nothing more to come.
async fn turn(client: &mut Client, habits: Habits, folder: &str, playing: &mut Playing) -> Option<bool> {
    if let (true, Some(hint)) = (habits.hints, hinted(playing))
        && let Some(reply) = client.get(&format!("{folder}{hint}")).await
        && reply.status == 200
    {
        took(client, playing.place, &hint, reply);
        playing.next = playing.next.max(number(&hint).map_or(0, |number| number + 1));
    }
    let asked = playing.seen.as_ref().filter(|_| habits.blocks).map(|seen| seen.listing.position());
    let mut query =
        asked.map(|at| format!("?_HLS_msn={}&_HLS_part={}", at.msn, at.parts)).unwrap_or_default();
    let skips = habits.skips && playing.seen.is_some();
    if skips {
        query += if query.is_empty() { "?_HLS_skip=YES" } else { "&_HLS_skip=YES" };
    }
    let reply = client.get(&format!("{folder}media.m3u8{query}")).await?;
    if reply.status == 404 || reply.status == 503 {
        return (reply.status == 503).then_some(true).or(Some(false));
    }
    let since = reply.at;
    if let Some(at) = asked {
        in_order(client, playing, Asked::Next(at.msn, Some(at.parts)), &reply);
    }
    if reply.status != 200 {
        client.world.ledger().breaks(Promise::Answered, format_args!("{query}: {}", reply.status));
        return Some(false);
    }
    let text = mutant::playlist(client.world.mutant, playing.place, &reply.body);
    let before = playing.seen.as_ref();
    let taken = client.world.ledger().shelf.take(playing.place, before, &text);
    match taken {
        Ok(Some(seen)) => playing.seen = Some(seen),
        // Too long away for a delta: the whole is asked for.
        Ok(None) => {
            playing.seen = None;
            return Some(true);
        }
        Err((promise, what)) => {
            client.world.ledger().breaks(promise, format_args!("player {}: {what}", client.who));
            return Some(false);
        }
    }
    let listing = playing.seen.as_ref().map(|seen| seen.listing.clone())?;
    load(client, habits, folder, playing, &listing, since).await;
    if !habits.blocks {
        let span = client.random.millis(500, 2_000);
        client.pause(span).await;
    }
    Some(!listing.ended)
}

fn hinted(playing: &Playing) -> Option<String> {
    playing
        .seen
        .as_ref()
        .filter(|seen| !seen.listing.ended)?
        .listing
        .hinted("PART")
        .map(|hint| hint.uri.clone())
}

/// Holds a blocking reload to its rules.
fn in_order(client: &Client, playing: &Playing, asked: Asked, reply: &Reply) {
    let listing = (reply.status == 200).then(|| lint::media_playlist(&reply.body).0);
    let target = playing.seen.as_ref().and_then(|seen| seen.listing.target).unwrap_or(2);
    // A delta is answered with a delta, which this rule knows nothing of.
    let whole = listing.as_ref().filter(|listing| listing.skip.is_none());
    if reply.status == 200 && whole.is_none() {
        return;
    }
    let reload = Reload { asked, status: Some(reply.status), answer: whole, waited: reply.waited, target };
    if let Some(finding) = lint::reload(&reload).first() {
        client.world.ledger().breaks(Promise::Answered, format_args!("player {}: {finding}", client.who));
    }
}

/// Loads what is new.
async fn load(
    client: &mut Client,
    habits: Habits,
    folder: &str,
    playing: &mut Playing,
    listing: &Listing,
    since: Duration,
) {
    let init = listing.entries.iter().rev().find_map(|entry| entry.map.clone());
    if let Some(init) = init.filter(|init| playing.init.as_ref() != Some(init)) {
        one(client, folder, playing, &init, since).await;
        playing.init = Some(init);
    }
    let files: Vec<&str> = match habits.blocks {
        true => {
            let parts = listing.entries.iter().flat_map(|entry| &entry.parts).filter(|part| !part.gap);
            parts.map(|part| part.uri.as_str()).collect()
        }
        false => listing.segments().filter(|(_, e)| !e.gap).filter_map(|(_, e)| e.uri.as_deref()).collect(),
    };
    let fresh: Vec<&str> =
        files.into_iter().filter(|file| number(file).is_some_and(|number| number >= playing.next)).collect();
    for file in fresh.iter().skip(fresh.len().saturating_sub(BACKLOG)) {
        if client.world.over() {
            return;
        }
        one(client, folder, playing, file, since).await;
        playing.next = number(file).map_or(playing.next, |number| number + 1);
    }
}

async fn one(client: &mut Client, folder: &str, playing: &Playing, file: &str, since: Duration) {
    let Some(reply) = client.get(&format!("{folder}{file}")).await else { return };
    if reply.status == 200 {
        took(client, playing.place, file, reply);
        return;
    }
    // Whoever comes late may find it gone; and a generation is gone as soon as there is another.
    let target = playing.seen.as_ref().and_then(|seen| seen.listing.target).unwrap_or(1);
    let late = client.world.now().saturating_sub(since) > Duration::from_secs(2) * target as u32;
    let short = client.world.plan.settings.limits.ring.bytes < 1 << 20;
    let newest = client.world.house(|house| house.registry().find(&cam()));
    let newest = newest.flatten().is_some_and(|newest| folder.contains(newest.id().as_str()));
    if !late && !short && newest {
        let what = format_args!("{} {file} is listed, and {}", playing.place, reply.status);
        client.world.ledger().breaks(Promise::Listed, what);
    }
}

fn took(client: &Client, place: Place, file: &str, reply: Reply) {
    let body = mutant::media(client.world.mutant, client.who, file, reply.body);
    client.world.ledger().fetched(place, file, &body);
}

/// The number in a file's name.
fn number(file: &str) -> Option<u64> {
    file.split_once('-')?.1.split('.').next()?.parse().ok()
}
