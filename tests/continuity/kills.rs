//! A publisher killed at two hundred random instants, and what players hear of it: every request that is held is
//! answered within three target durations, and no URI is ever used for other bytes.

#[path = "../chance/splitmix.rs"]
mod splitmix;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rillcast::hls::{self, Answer, Directives, File, Request};
use rillcast::live::{Generation, Publisher, Registry, Rendition, Settings, Terms, View};
use rillcast::media::{CodecConfig, Now, TrackId};

use crate::source::{Source, epoch};
use crate::stage::{STEP, cam};

const KILLS: u32 = 200;
const GRACE: Duration = Duration::from_secs(8);
/// Three target durations of the default settings.
const LONGEST: Duration = Duration::from_secs(6);

struct Random(u64);

impl Random {
    /// Seeded by `CONTINUITY_TEST_SEED`, else by the clock.
    fn new() -> Self {
        Self(splitmix::seed("CONTINUITY_TEST_SEED"))
    }

    fn below(&mut self, end: u64) -> u64 {
        splitmix::next(&mut self.0) % end
    }
}

/// A held request.
struct Waiter {
    rendition: Arc<Rendition>,
    request: Request,
    since: Instant,
    asked: String,
}

/// One rendition as it was last looked at.
struct Known {
    view: Arc<View>,
    /// What a playlist has said of each URI: never anything else.
    said: HashMap<String, String>,
}

/// Everybody who watches.
#[derive(Default)]
struct Audience {
    generations: Vec<Arc<Generation>>,
    known: HashMap<(String, TrackId), Known>,
    waiters: Vec<Waiter>,
    /// Hashes of what was fetched, by URI.
    fetched: HashMap<(String, TrackId, File), u64>,
    answered: usize,
}

fn ask(file: File, query: Option<&str>) -> Request {
    Request { file, directives: Directives::parse(query), gzip: false, whole_segments: false }
}

impl Audience {
    fn look(&mut self, now: Now, random: &mut Random) {
        for generation in self.generations.clone() {
            let id = generation.id().to_string();
            for rendition in generation.renditions().iter() {
                let view = rendition.view();
                let key = (id.clone(), rendition.id());
                let seen = self.known.get(&key).is_some_and(|known| Arc::ptr_eq(&known.view, &view));
                if !seen && view.playable() {
                    self.state(&key, rendition, &view, now, random);
                }
            }
        }
        self.answer(now);
    }

    /// A new state: what it lists is fetched, and what comes next is asked for in every way there is.
    fn state(
        &mut self,
        key: &(String, TrackId),
        rendition: &Arc<Rendition>,
        view: &Arc<View>,
        now: Now,
        random: &mut Random,
    ) {
        let text = hls::playlist(view).render();
        let said = self.known.remove(key).map(|known| known.said).unwrap_or_default();
        let mut known = Known { view: Arc::clone(view), said };
        check_said(&mut known.said, &text);
        self.known.insert(key.clone(), known);
        let newest = view
            .open
            .iter()
            .flat_map(|open| &open.parts)
            .chain(view.segments.iter().rev().take(1).flat_map(|segment| &segment.parts));
        let mut files: Vec<File> = newest.map(|part| File::Part(part.number)).collect();
        files.extend(view.next_init.iter().map(|init| File::Init(init.number)));
        files.extend(view.segments.last().map(|segment| File::Segment(segment.head.msn)));
        files.extend(view.segments.last().map(|segment| File::Init(segment.head.init.number)));
        // And something old.
        files.push(File::Part(random.below(view.next_part)));
        files.push(File::Segment(1 + random.below(view.next_msn)));
        for file in files {
            if let Answer::Ready(reply) = hls::answer(view, &ask(file, None)) {
                self.fetched(key, file, reply);
            }
        }
        if view.ended {
            return;
        }
        let (msn, part) = match &view.open {
            Some(open) => (open.head.msn, open.parts.len()),
            None => (view.next_msn, 0),
        };
        let waits = [
            ask(File::Playlist, Some(&format!("_HLS_msn={msn}&_HLS_part={part}"))),
            ask(File::Playlist, Some(&format!("_HLS_msn={msn}&_HLS_part={}", part + 1))),
            ask(File::Playlist, Some(&format!("_HLS_msn={msn}"))),
            ask(File::Playlist, Some(&format!("_HLS_msn={}", msn + 1))),
            ask(File::Playlist, Some(&format!("_HLS_msn={}&_HLS_part=0", msn + 1))),
            ask(File::Part(view.next_part), None),
        ];
        for request in waits {
            let asked = format!("{} {} {request:?}", key.0, key.1);
            let rendition = Arc::clone(rendition);
            self.waiters.push(Waiter { rendition, request, since: now.mono, asked });
        }
    }

    fn answer(&mut self, now: Now) {
        let mut fetched = Vec::new();
        self.waiters.retain(|waiter| {
            let waited = now.mono.saturating_duration_since(waiter.since);
            match hls::answer(&waiter.rendition.view(), &waiter.request) {
                Answer::WaitFor(wait) => {
                    assert!(wait.at_most <= LONGEST, "{}", waiter.asked);
                    assert!(waited <= LONGEST, "held for {waited:?}: {}", waiter.asked);
                    return true;
                }
                Answer::Ready(reply) => fetched.push((waiter.rendition.id(), waiter.asked.clone(), reply)),
                // Only what was hinted and turned out to be a gap, or never came, is refused.
                Answer::Refuse(refusal) => {
                    assert!(matches!(waiter.request.file, File::Part(_)), "{}: {refusal:?}", waiter.asked);
                    assert_eq!(refusal.status(), 404, "{}", waiter.asked);
                }
            }
            self.answered += 1;
            false
        });
        for (track, asked, reply) in fetched {
            assert!(!reply.body.is_empty(), "{asked} of {track} is empty");
        }
    }

    fn fetched(&mut self, key: &(String, TrackId), file: File, reply: hls::Reply) {
        let mut hasher = DefaultHasher::new();
        reply.body.into_iter().for_each(|bytes| bytes.hash(&mut hasher));
        let hash = hasher.finish();
        let was = *self.fetched.entry((key.0.clone(), key.1, file)).or_insert(hash);
        assert_eq!(was, hash, "{file} of {} {} has other bytes than before", key.0, key.1);
    }
}

/// What a playlist says of a URI is what all playlists before it said.
fn check_said(said: &mut HashMap<String, String>, text: &str) {
    let mut before = "";
    for line in text.lines() {
        let (uri, about) = if line.starts_with("#EXT-X-PART:") {
            (line.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap(), line)
        } else if line.starts_with('#') || line.is_empty() {
            if line.starts_with("#EXTINF") {
                before = line;
            }
            continue;
        } else {
            (line, before)
        };
        let was = said.entry(uri.to_owned()).or_insert_with(|| about.to_owned());
        assert_eq!(was, about, "{uri} in\n{text}");
    }
}

/// The server's side of the clock.
struct Run {
    registry: Registry,
    now: Now,
    audience: Audience,
    random: Random,
}

impl Run {
    fn wait(&mut self, until: Now, mut publisher: Option<&mut Publisher>) {
        while self.now.mono < until.mono {
            self.now = self.now.plus(STEP);
            if let Some(publisher) = &mut publisher
                && publisher.deadline().is_some_and(|at| at <= self.now.mono)
            {
                publisher.tick(self.now);
            }
            self.registry.tick(self.now.mono);
            self.audience.look(self.now, &mut self.random);
        }
    }

    /// An encoder publishes, at some rate and size, and is killed at some instant; some fall silent before.
    fn publish(&mut self) {
        let gop = [25, 50, 60, 132][self.random.below(4) as usize];
        let source = Source { gop, ..Source::default() };
        let mut tracks = source.tracks();
        if let CodecConfig::Video(video) = &mut tracks[0].config {
            (video.width, video.height) =
                [(1_280, 720), (640, 360), (854, 480)][self.random.below(3) as usize];
        }
        let terms = Terms { grace: GRACE, ..Terms::default() };
        let mut publisher = self.registry.publish_on(&cam(), terms, self.now).unwrap();
        let generation = publisher.generation().clone();
        if !self.audience.generations.iter().any(|known| known.id() == generation.id()) {
            self.audience.generations.push(generation);
        }
        tracks.into_iter().for_each(|track| publisher.configure(track, self.now));
        let quiet = self.now.plus(Duration::from_micros(self.random.below(300_000)));
        self.wait(quiet, Some(&mut publisher));
        if self.random.below(4) == 0 {
            // Killed before it has sent what it announced.
            return;
        }
        let start = self.now;
        let end = start.plus(Duration::from_micros(self.random.below(4_000_000)));
        let silent = start.plus(Duration::from_micros(self.random.below(8_000_000)));
        for one in source.frames(4, start) {
            let at = start.plus(one.frame.arrival.saturating_duration_since(start.mono));
            if at.mono >= end.mono.min(silent.mono) {
                break;
            }
            self.wait(at, Some(&mut publisher));
            let mut frame = one.frame;
            frame.arrival = self.now.mono;
            publisher.push(frame, self.now).unwrap();
            self.audience.look(self.now, &mut self.random);
        }
        self.wait(end, Some(&mut publisher));
        drop(publisher);
    }
}

#[test]
fn two_hundred_kills_hold_nobody_up_and_reuse_no_uri() {
    let registry = Registry::new(Settings::default());
    let (audience, random) = (Audience::default(), Random::new());
    let mut run = Run { registry, now: epoch(), audience, random };
    for kill in 0..KILLS {
        run.publish();
        // Most come back within the grace.
        let away = run.random.below(if kill % 8 == 0 { 14_000_000 } else { 1_500_000 });
        run.wait(run.now.plus(Duration::from_micros(away)), None);
    }
    run.wait(run.now.plus(GRACE), None);
    let audience = &run.audience;
    assert!(audience.waiters.is_empty(), "{} still wait", audience.waiters.len());
    assert!(audience.generations.iter().all(|generation| generation.ended()));
    let generations = audience.generations.len();
    assert!((2..KILLS as usize).contains(&generations), "{generations} generations");
    assert!(audience.answered > 5_000 && audience.fetched.len() > 1_000, "{} answers", audience.answered);
}
