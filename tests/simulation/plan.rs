//! Plan: everything that a seed decides before the run begins.

use std::time::Duration;

use rillcast::control::Settings;
use rillcast::live::Takeover;

use crate::random::Random;

/// Players at once.
pub(crate) const PLAYERS: usize = 20;

pub(crate) struct Plan {
    pub(crate) settings: Settings,
    /// When the server is told to stop.
    pub(crate) stops: Duration,
    /// What the first encoder does, one publish after another, and how long it is away before each.
    pub(crate) main: Vec<(Duration, Stint)>,
    /// The same of one that wants the same stream.
    pub(crate) rival: Vec<(Duration, Stint)>,
    /// When wall time jumps, and by how many microseconds.
    pub(crate) jumps: Vec<(Duration, i64)>,
}

/// One publish.
#[derive(Debug, Clone)]
pub(crate) struct Stint {
    /// The first timestamp, in milliseconds.
    pub(crate) base: u32,
    /// Another picture configuration than usual.
    pub(crate) main_profile: bool,
    pub(crate) gop: u32,
    /// Pictures of reordering, 0 without B-frames.
    pub(crate) reorder: u32,
    pub(crate) sound: bool,
    pub(crate) pictures: bool,
    pub(crate) lasts: Duration,
    pub(crate) ends: Ending,
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// Bytes of a chunk.
    pub(crate) chunk: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The connection breaks between two messages.
    Broken,
    /// In the middle of one.
    MidFrame,
    /// With a farewell.
    Unpublished,
    /// It stays, and says nothing more for this long.
    Silent(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is sent for so long, and then all of it at once.
    Held(Duration),
    /// Nothing is sent for so long, and nothing of that time ever.
    Lost(Duration),
    /// One track is left out for so long.
    Without { track: u8, span: Duration },
    /// One frame's timestamp is off by so many milliseconds.
    Stray(i32),
    /// All timestamps from here on are.
    Shift(i32),
    /// No keyframe comes for so long.
    NoKeys(Duration),
    /// Another configuration of the pictures.
    Reconfigured,
    /// One bit of the connection's bytes is another.
    Flipped,
    /// Bytes come in drips for so long.
    Slow(Duration),
}

impl Fault {
    /// Whether frames around it may go missing without a word. What a fault does to the connection's own bytes lasts
    /// to its end.
    pub(crate) fn excuses(self) -> Duration {
        match self {
            Self::Flipped => Duration::MAX,
            Self::Shift(_) | Self::Stray(_) | Self::Reconfigured => Duration::from_secs(4),
            Self::Held(span) | Self::Lost(span) | Self::NoKeys(span) | Self::Slow(span) => {
                span + Duration::from_secs(3)
            }
            Self::Without { span, .. } => span + Duration::from_secs(3),
        }
    }
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::of(seed, 1);
        let settings = settings(&mut random);
        let most = random.millis(11_000, 21_000);
        let stops = if random.once_in(6) { random.millis(2_000, 9_000) } else { most };
        let grace = settings.grace.as_millis() as u64;
        let main = stints(&mut random, most, grace);
        let rival = match random.below(3) {
            0 => vec![],
            _ => vec![(random.millis(1_500, 12_000), stint(&mut random, 0))],
        };
        let mut jumps = Vec::new();
        if random.once_in(3) {
            jumps.push((random.millis(1_000, 12_000), random.between(0, 20_000_000) as i64 - 10_000_000));
        }
        Self { settings, stops, main, rival, jumps }
    }
}

fn settings(random: &mut Random) -> Settings {
    let mut settings = Settings { open_publish: true, ..Settings::default() };
    settings.part = Some(Duration::from_millis(random.pick(&[200, 333, 500, 500])));
    settings.segment = Duration::from_secs(random.pick(&[1, 2, 2]));
    settings.window = Duration::from_secs(random.pick(&[6, 8, 12, 30]));
    settings.grace = random.millis(1_500, 6_000);
    settings.takeover = random.pick(&[Takeover::Stale, Takeover::Reject, Takeover::Always]);
    // Longer than anybody may keep a response waiting.
    settings.drain = Duration::from_secs(20);
    if random.once_in(4) {
        // Little enough to be run into.
        settings.limits.ring.bytes = 96 * 1_024;
    }
    settings
}

fn stints(random: &mut Random, total: Duration, grace: u64) -> Vec<(Duration, Stint)> {
    let mut all = vec![(Duration::ZERO, stint(random, 7_000))];
    let mut at = all[0].1.lasts;
    while at < total {
        let away = match random.below(6) {
            0 => random.millis(grace, grace + 2_500),
            1 => random.millis(0, 60),
            _ => random.millis(0, grace),
        };
        let (last, base) = (&all[all.len() - 1].1, random.pick(&[0, 0, 1_000_000, 4_294_960_000]));
        let base =
            if random.once_in(3) { last.base.wrapping_add(last.lasts.as_millis() as u32) } else { base };
        let mut next = stint(random, base);
        // Most come back as they went.
        if !random.once_in(3) {
            (next.main_profile, next.sound, next.pictures) = (last.main_profile, last.sound, last.pictures);
        }
        at += away + next.lasts;
        all.push((away, next));
    }
    all
}

fn stint(random: &mut Random, base: u32) -> Stint {
    let lasts = if random.once_in(6) { random.millis(0, 700) } else { random.millis(2_000, 11_000) };
    let ends = match random.below(6) {
        0 | 1 => Ending::MidFrame,
        2 => Ending::Unpublished,
        3 => Ending::Silent(random.millis(1_000, 9_000)),
        _ => Ending::Broken,
    };
    let kinds = random.below(8);
    let mut faults = Vec::new();
    for _ in 0..random.pick(&[0, 0, 1, 1, 2, 3]) {
        faults.push((random.millis(300, 8_000), fault(random)));
    }
    faults.sort_by_key(|(at, _)| *at);
    Stint {
        base,
        main_profile: random.once_in(6),
        gop: random.pick(&[25, 50, 50, 60, 32]),
        reorder: random.pick(&[0, 0, 2]),
        sound: kinds != 0,
        pictures: kinds != 1,
        lasts,
        ends,
        faults,
        chunk: random.pick(&[128, 4_096, 60_000]),
    }
}

fn fault(random: &mut Random) -> Fault {
    match random.below(10) {
        0 => Fault::Held(random.millis(200, 4_000)),
        1 => Fault::Lost(random.millis(200, 4_000)),
        2 | 3 => Fault::Without { track: random.below(2) as u8, span: random.millis(500, 5_000) },
        4 => Fault::Stray(random.between(0, 8_000) as i32 - 4_000),
        5 => Fault::Shift(random.between(0, 20_000) as i32 - 10_000),
        6 => Fault::NoKeys(random.millis(2_000, 6_000)),
        7 => Fault::Reconfigured,
        8 => Fault::Flipped,
        _ => Fault::Slow(random.millis(500, 4_000)),
    }
}
