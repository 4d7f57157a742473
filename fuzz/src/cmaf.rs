//! Frames to chunks, and back by a reader that shares no code with what made them.

use bytes::Bytes;
use rillcast::cmaf::{ChunkHead, Sample, TrackRun, fragment};
use rillcast::media::{Frame, FrameRate, Ticks, Timescale, Track, TrackId, WallTime, rescale};
use rillcast::packager::{Epoch, Geometry, Packager, Sealed, Settings};

use crate::judge;
use crate::steps::Steps;
use crate::timeline::{origin, sound, video};

/// Most samples, and most frames, of one input.
const MOST: usize = 300;

/// Samples, or frames of two tracks: each comes back with its bytes, times and key flag.
pub fn cmaf(data: &[u8]) {
    let mut steps = Steps(data);
    if steps.byte() & 1 == 0 { boxes(&mut steps) } else { Frames::new(&mut steps).run(&mut steps) }
}

/// Any samples at all, in a fragment of one track or of several.
fn boxes(steps: &mut Steps<'_>) {
    let (sequence, count) = (steps.number(), 1 + usize::from(steps.byte()) % 3);
    let mut runs: Vec<(u64, Vec<Sample>, Vec<Vec<u8>>)> = Vec::new();
    for _ in 0..count {
        // Times are signed, of 64 bits.
        let decode_time = u64::from(steps.number()) << (steps.byte() & 31).min(30);
        let (mut samples, mut payloads) = (Vec::new(), Vec::new());
        for _ in 0..1 + usize::from(steps.byte()) % 100 {
            let how = steps.byte();
            let payload = vec![how; usize::from(steps.short()) >> (how & 7)];
            let (duration, offset) = (steps.number() >> (how & 24), steps.number() as i32 >> (how & 24));
            let offset = if how & 32 == 0 { 0 } else { offset };
            samples.push(Sample { duration, size: payload.len() as u32, offset, sync: how & 64 != 0 });
            payloads.push(payload);
        }
        runs.push((decode_time, samples, payloads));
    }
    let head = if let [(decode_time, samples, _)] = &runs[..] {
        ChunkHead { sequence, decode_time: *decode_time }.write(samples)
    } else {
        let run = |(track, run): (u32, &(u64, Vec<Sample>, _))| (track, run.0, run.1.clone());
        let runs: Vec<_> = (1..).zip(&runs).map(run).collect();
        let of = |(track, decode_time, samples)| TrackRun { track, decode_time, samples };
        let runs: Vec<_> = runs.iter().map(|run| of((run.0, run.1, &run.2[..]))).collect();
        fragment(sequence, &runs)
    };
    let payloads = runs.iter().flat_map(|(_, _, payloads)| payloads.concat());
    let chunk: Vec<u8> = head.iter().copied().chain(payloads).collect();
    let back = judge::samples(&chunk);
    assert_eq!(back.len(), runs.len());
    for ((track, back), (number, (mut dts, samples, payloads))) in back.into_iter().zip((1..).zip(runs)) {
        assert_eq!((track, back.len()), (number, samples.len()));
        for ((back, sample), payload) in back.into_iter().zip(samples).zip(payloads) {
            let (duration, cts) = (i64::from(sample.duration), i64::from(sample.offset));
            let dts_now = dts as i64;
            assert_eq!(back, judge::Sample { dts: dts_now, cts, duration, key: sample.sync, payload });
            dts = dts.wrapping_add(u64::from(sample.duration));
        }
    }
}

/// A packager, what it was given, and what it made of it.
struct Frames {
    packager: Packager,
    settings: Settings,
    /// Pictures come at a steady rate.
    steady: bool,
    /// Bounds on bytes are so low that frames are left out.
    small: bool,
    tracks: Vec<Track>,
    /// Where each track's next frame is due, in its timescale.
    next: Vec<i64>,
    given: Vec<Vec<Frame>>,
    made: Vec<Vec<judge::Sample>>,
    /// Where the last part of each track ended, and in which epoch it was.
    ends: Vec<Option<i64>>,
    epoch: u32,
    /// Something of a track was missing, in the leader or more than followers are waited for.
    holes: bool,
    count: usize,
}

impl Frames {
    fn new(steps: &mut Steps<'_>) -> Self {
        let how = steps.byte();
        let rate = [FrameRate::new(25, 1), FrameRate::new(30_000, 1_001), None][usize::from(how >> 2) % 3];
        let tracks = match how & 3 {
            0 => vec![video(rate)],
            1 => vec![sound(48_000)],
            _ => vec![video(rate), sound(if how & 16 == 0 { 48_000 } else { 44_100 })],
        };
        let mut settings = Settings::default();
        if how & 32 != 0 {
            (settings.limits.part_bytes, settings.limits.segment_bytes) = (4_096, 16_384);
        }
        let lead_rate = if how & 3 == 1 { FrameRate::new(48_000, 1_024) } else { rate };
        let geometry = Geometry::new(&settings, lead_rate, &[]);
        let epoch = Epoch { number: 0, media: Ticks::new(90_000, Timescale::VIDEO), wall: wall() };
        let packager =
            Packager::new(&settings, geometry, &tracks, |_| rate, epoch).expect("tracks of our own");
        let next = tracks.iter().map(|track| i64::from(track.timescale().per_second())).collect();
        let of = tracks.len();
        let (given, made, ends) = (vec![Vec::new(); of], vec![Vec::new(); of], vec![None; of]);
        let small = how & 32 != 0;
        Self {
            packager,
            settings,
            steady: rate.is_some(),
            small,
            tracks,
            next,
            given,
            made,
            ends,
            epoch: 0,
            holes: false,
            count: 0,
        }
    }

    fn run(mut self, steps: &mut Steps<'_>) {
        while !steps.is_empty() && self.count < MOST {
            let step = steps.byte();
            match step & 7 {
                0..4 => self.frame(step, steps),
                // As many of each as an encoder sends in that time.
                4 | 5 => {
                    (0..=step >> 3).for_each(|n| self.frame(if n % 16 == 0 { 8 } else { 0 }, &mut Steps(&[])))
                }
                6 => {
                    self.holes = true;
                    let span = i64::from(steps.short());
                    for (next, track) in self.next.iter_mut().zip(&self.tracks) {
                        *next += rescale(span, Timescale::MILLIS, track.timescale());
                    }
                }
                _ if step >> 3 == 31 => self.begin_epoch(),
                _ => {}
            }
            self.pull();
        }
        self.packager.finish();
        self.pull();
        self.compare();
    }

    /// The next frame of the track that is behind: who writes a file does not run ahead with one.
    fn frame(&mut self, step: u8, steps: &mut Steps<'_>) {
        let due = |n: &usize| rescale(self.next[*n], self.tracks[*n].timescale(), Timescale::MICROS);
        let Some(n) = (0..self.tracks.len()).min_by_key(due) else { return };
        self.count += 1;
        let (track, pictures) = (self.tracks[n].id, self.tracks[n].id == TrackId::VIDEO);
        let flags = step >> 3;
        let lasts = match (pictures, flags & 6) {
            (true, 2) if !self.steady => 1 + i64::from(steps.short()),
            (true, _) => 3_600,
            // From 2.5 ms of Opus on.
            (false, 2) => 120 + i64::from(steps.byte()) * 8,
            (false, _) => 1_024,
        };
        let cts = if pictures && flags & 8 != 0 { i64::from(steps.short() as i16) } else { 0 };
        let size = if flags & 16 != 0 { usize::from(steps.short()) } else { 20 };
        let mut payload = (self.count as u32).to_be_bytes().to_vec();
        payload.resize(4 + size, step);
        let scale = self.tracks[n].timescale();
        let frame = Frame {
            track,
            dts: Ticks::new(self.next[n], scale),
            cts,
            // What has a steady rate says beforehand how long it lasts, and nothing else does.
            duration: (!pictures || self.steady).then_some(lasts),
            key: !pictures || flags & 1 != 0,
            payload: Bytes::from(payload),
            arrival: origin().mono,
        };
        self.next[n] += lasts;
        self.holes |= lasts > 9_000;
        self.given[n].push(frame.clone());
        self.packager.push(frame).expect("a track that was configured");
    }

    fn begin_epoch(&mut self) {
        self.epoch += 1;
        let after = |(next, track): (&i64, &Track)| rescale(*next, track.timescale(), Timescale::MICROS);
        let end = self.next.iter().zip(&self.tracks).map(after).max().unwrap_or(0);
        let media =
            Ticks::new(end.max(self.packager.end().micros()) + 1_000, Timescale::MICROS).to(Timescale::VIDEO);
        for (next, track) in self.next.iter_mut().zip(&self.tracks) {
            *next = media.to(track.timescale()).value;
        }
        let epoch = Epoch { number: self.epoch, media, wall: wall() };
        self.packager.begin_epoch(epoch, &[]).expect("nothing is new");
    }

    fn pull(&mut self) {
        while let Some(sealed) = self.packager.pull() {
            let Some(n) = self.tracks.iter().position(|track| track.id == sealed.track()) else { continue };
            match sealed {
                Sealed::Opened(_, head) if head.discontinuity => self.ends[n] = None,
                Sealed::Part(_, part) => {
                    let target = self.packager.geometry().part_target_of(&self.tracks[n], None);
                    let scale = i128::from(self.tracks[n].timescale().per_second());
                    let most = target.as_micros() as i128 * scale / 1_000_000;
                    assert!(part.duration > 0 && i128::from(part.duration) <= most.max(1), "{part:?}");
                    assert!(self.ends[n].is_none_or(|end| end == part.start), "{part:?} {:?}", self.ends[n]);
                    self.ends[n] = Some(part.start + part.duration);
                    // The first gap of a segment is a chunk of no samples, so that its body is none of no bytes.
                    let body = part.body.runs().concat();
                    if !part.gap {
                        self.media(n, &body, part.start, part.duration);
                    } else if !body.is_empty() {
                        assert_eq!(judge::samples(&body), [(1, Vec::new())]);
                    }
                }
                Sealed::Segment(_, segment) => {
                    let lasts: i64 = segment.parts.iter().map(|part| part.duration).sum();
                    assert_eq!((segment.duration, segment.parts.is_empty()), (lasts, false));
                }
                Sealed::Opened(..) | Sealed::NextInit(..) => {}
            }
        }
    }

    fn media(&mut self, n: usize, bytes: &[u8], start: i64, duration: i64) {
        let [(1, samples)] = &judge::samples(bytes)[..] else { panic!("one track a part") };
        let payload: usize = samples.iter().map(|sample| sample.payload.len()).sum();
        let limit = self.settings.limits.part_bytes;
        assert!(samples.len() == 1 || payload <= limit, "{payload} bytes in a part");
        assert_eq!(samples.first().map(|first| first.dts), Some(start));
        assert_eq!(samples.iter().map(|sample| sample.duration).sum::<i64>(), duration);
        assert!(samples.iter().all(|sample| sample.duration > 0));
        self.made[n].extend(samples.iter().cloned());
    }

    /// Whatever was given is there, once and in order: all of what leads, and of a follower all that was in time.
    fn compare(self) {
        for (n, (given, made)) in self.given.iter().zip(&self.made).enumerate() {
            let all = n == 0 || !self.holes && self.epoch == 0 && !self.small;
            assert!(
                !all || given.len() == made.len(),
                "{} of {} frames of track {n}",
                made.len(),
                given.len()
            );
            let (mut given, mut end) = (given.iter(), None);
            for sample in made {
                let mut left_out = false;
                let frame = loop {
                    let frame = given.next().expect("a frame that was given, in its order");
                    if frame.payload[..] == sample.payload {
                        break frame;
                    }
                    left_out = true;
                };
                assert_eq!(frame.key, sample.key);
                if frame.track == TrackId::VIDEO {
                    assert_eq!(frame.dts.value + frame.cts, sample.dts + sample.cts, "shown when it was");
                }
                let late = sample.dts - frame.dts.value;
                if !self.holes && (n == 0 || !self.small) {
                    assert_eq!(late, 0, "decoded when it was");
                } else if n > 0 {
                    // A segment that is cut for its bytes, and has nothing of a follower, has a gap of a tick. Where a
                    // part is out, what is missing behind it begins with the next frame. Neither is carried on.
                    let lasts = frame.duration.unwrap_or(1);
                    assert!(
                        late <= lasts / 2 && (late >= 0 || left_out || self.holes),
                        "{late} at {}",
                        frame.dts.value
                    );
                    assert!(
                        end.is_none_or(|end| end <= sample.dts)
                            && frame.dts.value + lasts <= sample.dts + sample.duration
                    );
                }
                end = Some(sample.dts + sample.duration);
            }
        }
    }
}

fn wall() -> WallTime {
    WallTime { unix_micros: 1_800_000_000_000_000 }
}

/// Both kinds, with everything in it once.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let boxes =
        [&[0, 0, 0, 0, 9, 1, 0, 1, 0, 0, 4, 3][..], &[0x61, 1, 0, 0, 0, 14, 16, 0, 0, 0, 40].repeat(6)]
            .concat();
    let frames =
        |how: u8| [&[1, how, 0xFC, 0xFC, 0x50, 3, 9, 0x88, 0, 200, 6, 9, 0, 0xFC, 0xFF, 0xFC][..]].concat();
    [boxes].into_iter().chain([2, 0, 1, 6, 10, 34, 18].map(frames)).collect()
}
