//! A watcher of a generation: looks at every view, and holds each to every promise.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Buf as _;
use mp4_atom::{Decode as _, Moof};
use rillcast::live::{Generation, Rendition, View};
use rillcast::media::{CodecConfig, Timescale, TrackId, rescale};
use rillcast::packager::{Part, Segment};

/// One sample as a player would find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) dts: i64,
    pub(crate) cts: i64,
    pub(crate) duration: i64,
    pub(crate) key: bool,
    pub(crate) payload: Vec<u8>,
    pub(crate) part: u64,
}

/// What has been seen of one rendition.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) parts: BTreeMap<u64, Arc<Part>>,
    pub(crate) segments: BTreeMap<u64, Arc<Segment>>,
    constants: Option<(u32, Option<std::time::Duration>, std::time::Duration, std::time::Duration)>,
    media_sequence: u64,
    /// Where that stood with the first part: a track that comes late has no segments before.
    began: Option<u64>,
    discontinuity_sequence: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Watcher {
    /// Of sound's longest frame, in microseconds, where that is not one of the first configuration's.
    pub(crate) frame: i64,
    /// A rendition whose source says nothing true of its times: it need not be where the others are.
    pub(crate) wild: Option<TrackId>,
    pub(crate) seen: BTreeMap<TrackId, Seen>,
}

/// Every other rendition that has something is reported (RFC 8216bis §B.1).
fn assert_reports_all(generation: &Generation, rendition: &Rendition) {
    let view = rendition.view();
    for other in generation.renditions().iter().filter(|other| other.id() != rendition.id()) {
        let reported = view.reports.iter().any(|report| report.track == other.id());
        assert!(
            reported || !view.playable() || !other.view().playable(),
            "{} has no report of {}",
            rendition.id(),
            other.id()
        );
    }
}

impl Watcher {
    /// Looks at the newest view of every rendition.
    pub(crate) fn look(&mut self, generation: &Generation) {
        for rendition in generation.renditions().iter() {
            let view = rendition.view();
            self.seen.entry(rendition.id()).or_default().take(&view);
            assert_reports_all(generation, rendition);
        }
    }

    /// Checks everything that can be said of a whole publish.
    pub(crate) fn finish(&self, generation: &Generation) {
        for rendition in generation.renditions().iter() {
            assert!(rendition.view().ended, "{} did not end", rendition.id());
            self.seen[&rendition.id()].check(rendition);
        }
        self.check_alignment(generation);
    }

    /// Checks that gaps have segments of their own: where one part of a segment is a gap, hls.js holds what it has
    /// of it for lost, and plays no further.
    pub(crate) fn assert_gaps_apart(&self) {
        for (track, seen) in &self.seen {
            for (msn, segment) in &seen.segments {
                let mut pairs = segment.parts.windows(2);
                assert!(
                    !pairs.any(|pair| !pair[0].gap && pair[1].gap),
                    "{track}: media, then a gap in {msn}"
                );
            }
        }
        for (msn, segment) in &self.seen[&TrackId::VIDEO].segments {
            let gaps = segment.parts.iter().filter(|part| part.gap).count();
            assert!(gaps == 0 || gaps == segment.parts.len(), "{gaps} gaps in {msn}, and pictures");
        }
    }

    /// Same segments, with the same boundaries within one audio frame, in every rendition.
    fn check_alignment(&self, generation: &Generation) {
        let all = generation.renditions();
        let Some(lead) = all.first() else { return };
        for other in all.iter().skip(1).filter(|other| Some(other.id()) != self.wild) {
            let (a, b) = (&self.seen[&lead.id()], &self.seen[&other.id()]);
            let frame = match &other.constants().track.config {
                CodecConfig::Audio(_) => {
                    rescale(1_024, other.constants().timescale(), Timescale::MICROS) + 25
                }
                CodecConfig::Video(_) => 1_000_000 / 24 + 25,
            };
            let frame = frame.max(self.frame + 25);
            let part = other.constants().part_target.unwrap().as_micros() as i64;
            for (msn, segment) in &a.segments {
                let Some(twin) = b.segments.get(msn) else { panic!("{} lacks segment {msn}", other.id()) };
                let micros = |value, rendition: &Rendition| {
                    rescale(value, rendition.constants().timescale(), Timescale::MICROS)
                };
                let off = micros(twin.start, other) - micros(segment.start, lead);
                // What is lost is lost of each where it last came.
                let lost = if twin.parts[0].gap { part } else { frame };
                assert!(
                    (-lost..=frame).contains(&off),
                    "segment {msn} of {} starts {off} us off",
                    other.id()
                );
                let clock = twin.head.date_time.unix_micros - segment.head.date_time.unix_micros;
                assert!((clock - off).abs() <= 2, "segment {msn}: dates differ by {clock}, starts by {off}");
            }
        }
    }
}

impl Seen {
    fn take(&mut self, view: &View) {
        let c = &view.constants;
        let constants = (c.target_duration, c.part_target, c.part_hold_back, c.hold_back);
        assert_eq!(*self.constants.get_or_insert(constants), constants, "a declared constant changed");
        assert!(view.media_sequence() >= self.media_sequence && view.media_sequence() >= 1);
        assert!(view.discontinuity_sequence >= self.discontinuity_sequence);
        self.media_sequence = view.media_sequence();
        self.discontinuity_sequence = view.discontinuity_sequence;
        for pair in view.segments.windows(2) {
            assert_eq!(pair[0].head.msn + 1, pair[1].head.msn, "segments are numbered without a gap");
        }
        for segment in view.segments.iter() {
            self.segments.entry(segment.head.msn).or_insert_with(|| Arc::clone(segment));
            segment.parts.iter().for_each(|part| self.part(part));
        }
        view.open.iter().flat_map(|open| &open.parts).for_each(|part| self.part(part));
        if let Some((last, _)) = self.parts.last_key_value() {
            assert_eq!(view.next_part, last + 1, "the hinted part is the next one");
        }
        let listed: i64 = view.listed().iter().map(|segment| segment.duration).sum();
        let per_second = i64::from(c.timescale().per_second());
        let first = view.media_sequence();
        if view.next_part > 0 && first > *self.began.get_or_insert(first) {
            assert!(
                listed >= 3 * i64::from(c.target_duration) * per_second,
                "fewer than three targets listed"
            );
        }
    }

    fn part(&mut self, part: &Arc<Part>) {
        self.parts.entry(part.number).or_insert_with(|| Arc::clone(part));
    }

    fn check(&self, rendition: &Rendition) {
        let scale = i64::from(rendition.constants().timescale().per_second());
        let target = rendition.constants().part_target.unwrap().as_secs_f64();
        let all: Vec<&Arc<Part>> = self.parts.values().collect();
        for (n, part) in all.iter().enumerate() {
            assert_eq!(part.number, n as u64, "parts are numbered without a gap");
            let seconds = part.duration as f64 / scale as f64;
            assert!(
                seconds <= target + 1e-9,
                "part {n} of {} lasts {seconds}, target {target}",
                rendition.id()
            );
            let next = all.get(n + 1);
            let last = next.is_none_or(|next| next.msn != part.msn || next.gap);
            let exempt = part.independent && part.index == 0 || part.gap || last;
            assert!(
                exempt || seconds >= 0.85 * target,
                "part {n} of {} lasts only {seconds}",
                rendition.id()
            );
        }
        for segment in self.segments.values() {
            let seconds = segment.duration as f64 / scale as f64;
            let rounded = seconds.round() as u32;
            assert!(
                rounded <= rendition.constants().target_duration,
                "segment {} of {} lasts {seconds}",
                segment.head.msn,
                rendition.id()
            );
            let joined: Vec<u8> = segment.body().into_iter().flatten().collect();
            let parts: Vec<u8> =
                segment.parts.iter().flat_map(|part| part.body.clone().into_iter().flatten()).collect();
            assert!(joined == parts, "a segment is the concatenation of its parts");
        }
    }

    /// Every sample, read by mp4-atom; checks on the way that the decode-time chain is exact.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let mut out = Vec::new();
        let mut chain = None;
        let mut epoch = 0;
        for part in self.parts.values() {
            let segment = self.segments.get(&part.msn).expect("every part's segment closed");
            if segment.head.epoch != epoch {
                (epoch, chain) = (segment.head.epoch, None);
            }
            if let Some(chain) = chain {
                assert_eq!(part.start, chain, "part {} starts where the one before it ends", part.number);
            }
            chain = Some(part.start + part.duration);
            if !part.gap {
                out.extend(read_part(part));
            }
        }
        out
    }
}

fn read_part(part: &Part) -> Vec<Sample> {
    let bytes: Vec<u8> = part.body.clone().into_iter().flatten().collect();
    let mut rest = bytes.as_slice();
    let moof = Moof::decode(&mut rest).unwrap();
    let traf = &moof.traf[0];
    let mdat = rest.get_u32() as usize;
    assert_eq!(mdat, rest.len() + 4, "mdat holds the rest of the part");
    assert_eq!(rest.get_u32(), u32::from_be_bytes(*b"mdat"));
    let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
    assert_eq!(dts, part.start, "tfdt is the part's start");
    let mut samples = Vec::new();
    for entry in traf.trun[0].samples.iter() {
        let size = entry.size.unwrap() as usize;
        let flags = entry.flags.unwrap_or_else(|| traf.tfhd.default_sample_flags.unwrap());
        let duration = i64::from(entry.duration.unwrap());
        samples.push(Sample {
            dts,
            cts: entry.cts.map_or(0, i64::from),
            duration,
            key: flags & 0x0001_0000 == 0,
            payload: rest[..size].to_vec(),
            part: part.number,
        });
        rest = &rest[size..];
        dts += duration;
    }
    assert_eq!(dts - part.start, part.duration, "the part lasts as long as its samples");
    assert!(rest.is_empty(), "no byte of mdat is left over");
    samples
}
