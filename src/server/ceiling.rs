//! Ceiling: the most memory that a server with these limits can take, and what a publish takes in practice.
//!
//! ```text
//!   ceiling = base + publishes × (tracks × rendition + conversation) + viewers × connection
//! ```
//!
//! Every term is what its limits allow at once, however unlikely: rings full of the largest segments, readers that
//! keep what the rings have let go, every connection at each of its bounds. Where there is less memory than that,
//! shedding keeps within it (`control::Strain`).

use std::fmt;
use std::num::NonZero;
use std::time::Duration;

use crate::control::Settings;

use super::descriptors::Budget;
use super::held;
use super::rtmp::{EARLY_READ, READ};

/// The program itself, its threads and its allocator, with nobody there.
const PROGRAM: u64 = 48 << 20;
/// What is remembered of streams and viewers who are gone (`control::History`).
const HISTORY: u64 = 24 << 20;
/// A viewer in the book.
const VIEWER: u64 = 512;
/// A task with its socket, timers and places in books, besides its buffers.
const TASK: u64 = 12 << 10;
/// Forms that a stream is muxed in for readers of frames (`progressive::Format`), each once.
const FORMATS: u64 = 4;
/// Sound, besides what the pictures take, in bits per second.
const SOUND: u64 = 320_000;

/// The most memory there can be use for, in bytes. Grows with each limit, and never wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// With nobody there.
    pub base: u64,
    /// Encoders there can be.
    pub publishes: u64,
    /// What one of them can take with its rings and all who read them.
    pub per_publish: u64,
    /// Viewers' connections there can be.
    pub viewers: u64,
    /// What one of them can take besides.
    pub per_viewer: u64,
    /// What a publish takes at the highest bit rate that OBS is told, in memory it really touches.
    pub practical: u64,
}

impl Ceiling {
    /// That of a server with these settings, as many descriptors as the process may have considered.
    pub fn of(settings: &Settings) -> Self {
        Self::within(settings, Budget::claim())
    }

    pub(super) fn within(settings: &Settings, budget: Budget) -> Self {
        let limits = &settings.limits;
        let ours = |count: usize, budget: usize| count.min(budget) as u64;
        Self {
            base: sum(&[PROGRAM, HISTORY, product(limits.viewers.total as u64, VIEWER), heads(settings)]),
            publishes: ours(limits.rtmp.connections, budget.rtmp),
            per_publish: publish(settings),
            viewers: ours(limits.http.connections, budget.http),
            per_viewer: viewer(settings),
            practical: practical(settings),
        }
    }

    /// Everything at once.
    pub fn total(&self) -> u64 {
        let publishes = product(self.publishes, self.per_publish);
        sum(&[self.base, publishes, product(self.viewers, self.per_viewer)])
    }
}

/// For an operator, who is told what of it is likely.
impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, publishes, per_publish, viewers, per_viewer, practical } = self;
        let (total, base, per_publish) = (Size(self.total()), Size(*base), Size(*per_publish));
        let (per_viewer, practical) = (Size(*per_viewer), Size(*practical));
        write!(
            f,
            "at most {total}: {base}, {publishes} publishes of {per_publish} and {viewers} viewers of {per_viewer}; \
             a publish at its usual most takes {practical}"
        )
    }
}

/// What one publish can take: its conversation, and for each track its parts, its frames, the feeds muxed of them,
/// and what readers keep for as long as one response may last.
fn publish(settings: &Settings) -> u64 {
    let (rtmp, ring) = (&settings.limits.rtmp, &settings.limits.ring);
    let conversation =
        [rtmp.partial_bytes, rtmp.media_message, rtmp.outbound, rtmp.early_message, EARLY_READ, READ];
    let conversation = conversation.map(|bytes| bytes as u64);
    // What is listed, with a segment over it; the segment and the part that are open.
    let parts = sum(&[ring.bytes, ring.segment_bytes, ring.segment_bytes, ring.part_bytes].map(|b| b as u64));
    let frames = ring.bytes as u64;
    let feeds = product(FORMATS, ring.bytes as u64);
    // Three target durations of it are listed at least, so as much as is listed is let go in each of them.
    let turns = turns(settings.limits.http.body_time, settings.segment.saturating_mul(3));
    let kept = product(turns, sum(&[ring.bytes as u64, ring.segment_bytes as u64]));
    // The run before has parts too, until its players have seen the end.
    let track = sum(&[parts, parts, frames, feeds, kept]);
    sum(&[product(settings.limits.codec.tracks as u64, track), sum(&conversation), tls(settings), TASK])
}

/// What one viewer's connection can take besides what it shares, in the version of HTTP that takes more.
fn viewer(settings: &Settings) -> u64 {
    let http = &settings.limits.http;
    sum(&[held::http1(http).max(held::http2(http)), tls(settings), TASK])
}

/// What TLS adds to a connection, where there is any.
fn tls(settings: &Settings) -> u64 {
    settings.tls.certificate().map_or(0, |_| held::tls())
}

/// What is read of requests before it is looked at, by as many threads as there are.
fn heads(settings: &Settings) -> u64 {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    product(threads as u64, held::h2_heads(&settings.limits.http))
}

/// Twice the window, since what has left the playlist stays for as long again, and the segment that is open.
fn practical(settings: &Settings) -> u64 {
    let bits = product(settings.obs.max_kbps as u64, 1_000).saturating_add(SOUND);
    let span = settings.window.saturating_mul(2).saturating_add(settings.segment.saturating_mul(2));
    let media = product(bits / 8, span.as_secs());
    let most = product(settings.limits.ring.bytes as u64, settings.limits.codec.tracks as u64);
    sum(&[media.min(most), READ as u64, TASK])
}

/// How often `each` begins in `span`.
fn turns(span: Duration, each: Duration) -> u64 {
    let turns = span.as_millis().div_ceil(each.as_millis().max(1));
    u64::try_from(turns).unwrap_or(u64::MAX)
}

fn sum(terms: &[u64]) -> u64 {
    terms.iter().fold(0, |sum, term| sum.saturating_add(*term))
}

fn product(a: u64, b: u64) -> u64 {
    a.saturating_mul(b)
}

/// Bytes as people read them.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..0x10_0000 => (1_u64 << 10, "KiB"),
            0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
            0x4000_0000..0x100_0000_0000 => (1 << 30, "GiB"),
            _ => (1 << 40, "TiB"),
        };
        let tenths = u128::from(self.0) * 10 / u128::from(unit);
        if tenths < 100 {
            write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
        } else {
            write!(f, "{} {name}", tenths / 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Budget = Budget { rtmp: 1_000, http: 3_000 };

    #[test]
    fn the_sum_is_of_what_the_limits_allow() {
        let mut settings = Settings::default();
        settings.limits.codec.tracks = 1;
        settings.limits.rtmp.connections = 2;
        settings.limits.http.connections = 10;
        settings.limits.http.body_time = Duration::from_secs(6);
        let ceiling = Ceiling::within(&settings, BUDGET);
        assert_eq!((ceiling.publishes, ceiling.viewers), (2, 10));
        let mib = |count: u64| count << 20;
        // Parts of two runs, frames, four feeds, one turn that readers keep; what is under way.
        let rendition = mib(2 * (48 + 32 + 32 + 4) + 48 + 4 * 48 + 48 + 32);
        let conversation = mib(9 + 8) + ((64 + 16 + 4 + 32 + 12) << 10);
        assert_eq!(ceiling.per_publish, rendition + conversation);
        // 84 streams; the largest of what a connection has is what 108 entries of its table keep.
        let stream = (64 + 16 + 16 + 32 + 16 + 8) << 10;
        let frame = 2 * (16_384 + 9);
        let buffers = ((4 + 32 + 64 + 16 + 8 + 50 * 8 + 7 * 256) << 10) + (108 + 2) * frame;
        assert_eq!(ceiling.per_viewer, 84 * stream + buffers + (12 << 10));
        assert_eq!(ceiling.total(), ceiling.base + 2 * ceiling.per_publish + 10 * ceiling.per_viewer);
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
        assert_eq!(ceiling.base, mib(48 + 24) + 100_000 * 512 + threads * 84 * 497 * 256);
        let text = ceiling.to_string();
        assert!(text.starts_with("at most ") && text.contains("2 publishes of 569 MiB"), "{text}");
    }

    #[test]
    fn tls_adds_its_records_to_every_connection() {
        let mut settings = Settings::default();
        let plain = Ceiling::within(&settings, BUDGET);
        settings.tls.self_signed = true;
        let secure = Ceiling::within(&settings, BUDGET);
        let more = (64 << 10) + 65_535 + (16_384 + 2_048 + 5) + (16 << 10);
        assert_eq!(secure.per_viewer - plain.per_viewer, more);
        assert_eq!(secure.per_publish - plain.per_publish, more);
    }

    #[test]
    fn descriptors_bound_who_can_be_there() {
        let ceiling = Ceiling::within(&Settings::default(), BUDGET);
        assert_eq!((ceiling.publishes, ceiling.viewers), (1_000, 3_000));
    }

    #[test]
    fn sizes_are_told_in_few_digits() {
        for (bytes, text) in [
            (0, "0.0 KiB"),
            (1_536, "1.5 KiB"),
            (20 << 20, "20 MiB"),
            (3 << 29, "1.5 GiB"),
            (5 << 40, "5.0 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    /// Makes the limit number `which` larger by `by`.
    fn enlarge(settings: &mut Settings, which: usize, by: usize) {
        let limits = &mut settings.limits;
        let fields = [
            &mut limits.rtmp.connections,
            &mut limits.rtmp.partial_bytes,
            &mut limits.rtmp.media_message,
            &mut limits.rtmp.outbound,
            &mut limits.rtmp.early_message,
            &mut limits.codec.tracks,
            &mut limits.ring.bytes,
            &mut limits.ring.part_bytes,
            &mut limits.ring.segment_bytes,
            &mut limits.http.connections,
            &mut limits.http.head,
            &mut limits.http.h2_send_buffer,
            &mut limits.http.h2_pending_resets,
            &mut limits.http.h2_unasked,
            &mut limits.http.headers,
            &mut limits.viewers.total,
        ];
        let count = fields.len();
        match fields.into_iter().nth(which % (count + 3)) {
            Some(field) => *field = field.saturating_add(by),
            None if which.is_multiple_of(3) => {
                limits.http.body_time += Duration::from_secs(by as u64 % 10_000)
            }
            None => limits.http.h2_streams = limits.http.h2_streams.saturating_add(by as u32),
        }
    }

    proptest! {
        #[test]
        fn no_limit_that_grows_makes_the_ceiling_lower(
            changes in prop::collection::vec((0_usize..19, 0_usize..usize::MAX / 2), 1..20)
        ) {
            let mut settings = Settings::default();
            let mut before = Ceiling::within(&settings, BUDGET);
            for (which, by) in changes {
                enlarge(&mut settings, which, by);
                let after = Ceiling::within(&settings, BUDGET);
                prop_assert!(after.total() >= before.total(), "{:?} after {:?}", after, before);
                prop_assert!(after.per_publish >= before.per_publish && after.per_viewer >= before.per_viewer);
                before = after;
            }
        }
    }
}
