//! Auditor: looks at every state of every rendition as it comes to be, and at what is kept.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use rillcast::hls;
use rillcast::live::{Generation, Rendition, View};
use rillcast::media::TrackKind;
use rillcast::packager::Part;

use crate::history::Piece;
use crate::ledger::Promise;
use crate::marks;
use crate::mutant;
use crate::shelf::{Place, Seen};
use crate::world::{Turn, World, cam};

/// Who the auditor is in the trace.
const WHO: usize = 50;

/// Looks for new generations until the server stops; returns all that it found.
pub(crate) async fn run(world: Arc<World>) -> Vec<Weak<Generation>> {
    let mut found: Vec<Weak<Generation>> = Vec::new();
    let mut known: Vec<(usize, usize)> = Vec::new();
    loop {
        let generation = world.house(|house| house.registry().find(&cam()));
        let Some(generation) = generation else { return found };
        if let Some(generation) = generation {
            let number = world.ledger().generation(generation.id().as_str());
            if number >= found.len() {
                world.event(WHO, &format!("generation {number}"));
                found.resize_with(number + 1, Weak::new);
                found[number] = Arc::downgrade(&generation);
            }
            for (index, rendition) in generation.renditions().iter().enumerate() {
                if !known.contains(&(number, index)) {
                    known.push((number, index));
                    let place = Place { generation: number, track: name(rendition) };
                    tokio::spawn(follow(world.clone(), place, rendition.clone()));
                }
            }
            kept(&world, &generation);
        }
        world.pause(Duration::from_millis(1), Turn::Auditor).await;
    }
}

fn name(rendition: &Rendition) -> [u8; 2] {
    let id = rendition.id();
    [if id.kind == TrackKind::Video { b'v' } else { b'a' }, b'0' + id.index]
}

/// Holds what is kept to its bounds.
fn kept(world: &World, generation: &Generation) {
    let most = world.plan.settings.limits.ring.bytes as u64;
    let tracks = generation.renditions().len().max(1) as u64;
    let moments = generation.moments().occupancy().bytes;
    if moments > most * tracks {
        world.ledger().breaks(Promise::Memory, format_args!("{moments} bytes of frames are kept"));
    }
    for rendition in generation.renditions().iter() {
        let view = rendition.view();
        let listed: u64 = view.listed().iter().map(|segment| segment.bytes()).sum();
        let all: u64 = view.segments.iter().map(|segment| segment.bytes()).sum();
        // What is listed is never cut short: a playlist is at least three target durations.
        let newest = view.segments.last().map_or(0, |segment| segment.bytes());
        if all > most.max(listed) + newest {
            world.ledger().breaks(Promise::Memory, format_args!("{all} bytes of parts are kept"));
        }
    }
}

/// Looks at one rendition to its end.
async fn follow(world: Arc<World>, place: Place, rendition: Arc<Rendition>) {
    let mut changes = rendition.changes();
    let mut before: Option<Seen> = None;
    let mut parts = 0;
    let mut segments = 0;
    loop {
        let view = rendition.view();
        if view.playable() {
            look(&world, place, &view, &mut before);
        }
        let fresh = view.segments.iter().filter(|segment| segment.head.msn > segments).cloned();
        for segment in fresh.collect::<Vec<_>>() {
            segments = segment.head.msn;
            segment.parts.iter().for_each(|part| take(&world, place, part, &mut parts));
            let body: Vec<u8> = segment.parts.iter().flat_map(|part| bytes(part)).collect();
            let mut ledger = world.ledger();
            ledger.fetched(place, &format!("seg-{segments}.m4s"), &body);
            ledger.fetched(
                place,
                &format!("init-{}.mp4", segment.head.init.number),
                &segment.head.init.bytes,
            );
            let history = ledger.histories.entry(place).or_default();
            history.epochs.insert(segments, segment.head.epoch);
        }
        for open in view.open.iter() {
            open.parts.iter().for_each(|part| take(&world, place, part, &mut parts));
        }
        if view.ended {
            world.event(WHO, &format!("{place} ended after {parts} parts"));
            return;
        }
        drop(view);
        if !changes.changed().await {
            return;
        }
    }
}

fn look(world: &World, place: Place, view: &Arc<View>, before: &mut Option<Seen>) {
    for pair in view.segments.windows(2) {
        if pair[0].head.msn + 1 != pair[1].head.msn {
            let what = format!("{place}: {} follows {}", pair[1].head.msn, pair[0].head.msn);
            world.ledger().breaks(Promise::Listed, what);
        }
    }
    let text = hls::playlist(view).render();
    let text = mutant::playlist(world.mutant, place, text.as_bytes());
    let mut ledger = world.ledger();
    match ledger.shelf.take(place, before.as_ref(), &text) {
        Ok(seen) => *before = seen,
        Err((promise, what)) => ledger.breaks(promise, what),
    }
}

fn bytes(part: &Part) -> Vec<u8> {
    part.body.clone().into_iter().flat_map(|run: Bytes| run.to_vec()).collect()
}

/// Takes in a part, once.
fn take(world: &World, place: Place, part: &Part, taken: &mut u64) {
    if part.number < *taken {
        return;
    }
    *taken = part.number + 1;
    let body = bytes(part);
    let marks = mutant::marks(world.mutant, place, marks::read(&body));
    let (start, duration) = (part.start, part.duration);
    let piece = Piece { start, duration, gap: part.gap, msn: part.msn, marks };
    world.event(WHO, &format!("{place} part {} of {}, {} frames", part.number, part.msn, piece.marks.len()));
    let mut ledger = world.ledger();
    if !part.gap {
        ledger.fetched(place, &format!("part-{}.m4s", part.number), &body);
    }
    ledger.histories.entry(place).or_default().pieces.insert(part.number, piece);
}
