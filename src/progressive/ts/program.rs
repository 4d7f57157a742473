//! Program: the packets of one programme as its frames come, with tables and clock references when they are due.
//!
//! ```text
//! keyframe   PAT PMT │ [PCR…] │ PES of pictures: PCR, random access
//! else       [PAT PMT] │ [PCR…] │ PES
//! ```
//! A clock reference is the latest decode time less [`DELAY`], so it never goes back, and what comes up to that much
//! later than its neighbours is still there before it is decoded.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::super::choice::Choice;
use super::super::chunk::{Chunk, Head};
use super::super::error::Incompatible;
use super::coding::Coding;
use super::packet::{Field, Pid, SIZE};
use super::pes;
use super::tables::{self, Entry};
use crate::base::Rope;
use crate::media::{Frame, Timescale, Track, TrackKind};

const PAT: u16 = 0x0000;
const PMT: u16 = 0x1000;
const VIDEO: u16 = 0x0100;
const AUDIO: u16 = 0x0101;

/// How far clock references are behind decode times, in 90 kHz: half a second. Less than the second at which a
/// generation begins; more than sound and pictures of one publish stray from each other.
const DELAY: i64 = 45_000;
/// Between two clock references: 40 ms, where 100 ms are allowed (§2.7.2).
const CLOCK_EVERY: i64 = 3_600;
/// Gaps past this are not bridged with clock references: time has jumped.
const JUMP: i64 = 4 * 90_000;
/// Between two tables: 200 ms, besides those at every keyframe.
const TABLES_EVERY: i64 = 18_000;

/// A stream's packets.
#[derive(Debug)]
pub(in super::super) struct Packets {
    choice: Choice<Coding>,
    head: Arc<Head>,
    pat: Pid,
    pmt: Pid,
    video: Pid,
    audio: Pid,
    version: u8,
    /// Latest decode time of any track.
    now: Option<i64>,
    /// Decode time of the last clock reference, and of the last tables.
    clock: Option<i64>,
    tables: Option<i64>,
    /// PIDs whose next packet must say that it does not follow.
    broken: Vec<u16>,
}

impl Packets {
    pub(in super::super) fn new(tracks: &[Track]) -> Result<Self, Incompatible> {
        Ok(Self {
            choice: Choice::of(tracks, Coding::of)?,
            // All that a reader needs is in the chunk it joins at.
            head: Arc::new(Head::default()),
            pat: Pid::new(PAT),
            pmt: Pid::new(PMT),
            video: Pid::new(VIDEO),
            audio: Pid::new(AUDIO),
            version: 0,
            now: None,
            clock: None,
            tables: None,
            broken: Vec::new(),
        })
    }

    /// New tables come with the next frame, and every PID says once that it is not what was before.
    pub(in super::super) fn begin(&mut self, tracks: &[Track]) -> Result<(), Incompatible> {
        let choice = Choice::of(tracks, Coding::of)?;
        let before = (entries(&self.choice), self.clock_pid());
        self.choice = choice;
        if before != (entries(&self.choice), self.clock_pid()) {
            self.version = self.version.wrapping_add(1) & 0x1F;
        }
        self.broken = self.choice.0.iter().map(|(track, _)| pid_of(track.id.kind)).collect();
        self.tables = None;
        Ok(())
    }

    /// Whether the frame fits.
    pub(in super::super) fn push(&mut self, frame: &Frame, out: &mut VecDeque<Chunk>) -> bool {
        let Some(place) = self.choice.place(frame.track) else { return true };
        let at = frame.clone().to(Timescale::VIDEO);
        let (dts, pts) = (at.dts.value, at.dts.value.saturating_add(at.cts));
        let now = self.now.map_or(dts, |now| now.max(dts));
        let leads = place == 0;
        let due = self.tables.is_none_or(|last| now.saturating_sub(last) >= TABLES_EVERY);
        // Every frame of sound is a key frame; where there are no pictures, one can join where the tables are.
        let start = leads && frame.key && (frame.track.kind == TrackKind::Video || due);
        let mut packets = BytesMut::with_capacity(room(frame.payload.len()));
        let mut head = Vec::new();
        let Some((track, coding)) = self.choice.0.get(place) else { return true };
        let Some(pieces) = coding.pieces(&frame.payload, frame.key, &mut head) else { return false };
        let len = pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        let Some(header) = pes::header(coding.stream_id, len, pts, dts) else { return false };
        let kind = track.id.kind;
        let mut unit: Vec<&[u8]> = Vec::with_capacity(pieces.len().saturating_add(1));
        unit.push(&header);
        unit.extend(pieces);

        self.now = Some(now);
        let resume = if start { self.resume(now) } else { Bytes::new() };
        if start || due {
            let pmt = self.pmt_section();
            put_tables((&mut self.pat, &mut self.pmt), &pmt, Field::default(), &mut packets);
            self.tables = Some(now);
        }
        let mut field = Field { random_access: start, ..Field::default() };
        let mut clock = Clock { last: &mut self.clock, broken: &mut self.broken };
        let pid = if leads {
            let pid = if kind == TrackKind::Video { &mut self.video } else { &mut self.audio };
            clock.bridge(pid, now, &mut packets);
            clock.tell(&mut field, now);
            pid
        } else {
            clock.bridge(&mut self.video, now, &mut packets);
            &mut self.audio
        };
        field.discontinuity |= clock.is_broken(pid.number);
        pid.put(&mut packets, field, &unit);
        let body = Rope::from(packets.freeze());
        let (micros, head) = (frame.dts.micros(), Arc::clone(&self.head));
        out.push_back(Chunk { body, start, micros, head, resume });
        true
    }

    /// For one that missed what was before `now`: each PID says that its counter jumps to where the next packet goes
    /// on, the tables first. That of the clock may do so only where a new time base begins (§2.4.3.5), which comes with
    /// a clock reference.
    fn resume(&self, now: i64) -> Bytes {
        let mut out = BytesMut::with_capacity(SIZE.saturating_mul(4));
        let broken = Field { discontinuity: true, ..Field::default() };
        let (mut pat, mut pmt) = (self.pat.before(), self.pmt.before());
        put_tables((&mut pat, &mut pmt), &self.pmt_section(), broken, &mut out);
        let clock = self.clock_pid();
        // Where the clock itself jumps, the packet that tells it says so.
        let goes_on = |last: &i64| now.saturating_sub(*last) <= JUMP && !self.broken.contains(&clock);
        let pcr = self.clock.filter(goes_on).map(|last| last.saturating_sub(DELAY));
        for (track, _) in &self.choice.0 {
            let pid = if track.id.kind == TrackKind::Video { &self.video } else { &self.audio };
            match pcr {
                Some(_) if pid.number == clock => pid.put_clock(&mut out, Field { pcr, ..broken }),
                None if pid.number == clock => {}
                _ => pid.put_clock(&mut out, broken),
            }
        }
        out.freeze()
    }

    fn pmt_section(&self) -> BytesMut {
        tables::pmt(self.version, self.clock_pid(), &entries(&self.choice))
    }

    fn clock_pid(&self) -> u16 {
        clock_pid(&self.choice)
    }
}

/// When clock references were told, and which PIDs have to say that they are broken.
struct Clock<'a> {
    last: &'a mut Option<i64>,
    broken: &'a mut Vec<u16>,
}

impl Clock<'_> {
    /// Packets of nothing but a clock reference, so that none is further than it may be from the one before.
    fn bridge(&mut self, pid: &mut Pid, now: i64, out: &mut BytesMut) {
        let Some(mut last) = *self.last else { return };
        let gap = now.saturating_sub(last);
        if gap > JUMP {
            self.broken.push(pid.number);
            last = now.saturating_sub(CLOCK_EVERY).saturating_sub(1);
        }
        while now.saturating_sub(last) > CLOCK_EVERY {
            last = last.saturating_add(CLOCK_EVERY);
            let mut field = Field { discontinuity: self.is_broken(pid.number), ..Field::default() };
            self.tell(&mut field, last);
            pid.put_clock(out, field);
        }
    }

    fn tell(&mut self, field: &mut Field, at: i64) {
        field.pcr = Some(at.saturating_sub(DELAY));
        *self.last = Some(at);
    }

    /// Whether `pid` is broken, which it is no more when it has been said.
    fn is_broken(&mut self, pid: u16) -> bool {
        let all = self.broken.len();
        self.broken.retain(|broken| *broken != pid);
        self.broken.len() < all
    }
}

fn put_tables((pat, pmt): (&mut Pid, &mut Pid), section: &[u8], field: Field, out: &mut BytesMut) {
    pat.put_section(out, field, &tables::pat(PMT));
    pmt.put_section(out, field, section);
}

fn pid_of(kind: TrackKind) -> u16 {
    match kind {
        TrackKind::Video => VIDEO,
        TrackKind::Audio => AUDIO,
    }
}

/// Clock references are on the PID of the pictures, if there are any.
fn clock_pid(choice: &Choice<Coding>) -> u16 {
    choice.0.first().map_or(VIDEO, |(track, _)| pid_of(track.id.kind))
}

fn entries(choice: &Choice<Coding>) -> Vec<Entry> {
    let entry = |(track, coding): &(Track, Coding)| Entry {
        stream_type: coding.stream_type,
        pid: pid_of(track.id.kind),
        descriptors: coding.descriptors.clone(),
    };
    choice.0.iter().map(entry).collect()
}

/// Bytes that the packets of a payload come to, about: headers are one byte in forty, and tables and parameter sets
/// come on top now and then.
fn room(payload: usize) -> usize {
    payload.saturating_add(payload / 32).saturating_add(SIZE.saturating_mul(3))
}
