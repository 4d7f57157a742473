//! Reel: what an encoder sends of one publish, and when: every message with its due time, faults included.

use std::time::Duration;

use rillcast::flv::mux::{self, Form};
use rillcast::media::{AudioCodec, VideoCodec};

use crate::marks::{self, Mark};
use crate::plan::{Fault, Stint};
use crate::wire::{self, Wire};

/// Milliseconds from picture to picture.
const PICTURE: u32 = 40;

/// A message to send.
pub(crate) struct Due {
    /// Since the first.
    pub(crate) at: Duration,
    pub(crate) message: Wire,
    /// What it carries, and whether nothing excuses its loss.
    pub(crate) frame: Option<(Mark, bool)>,
    pub(crate) drips: bool,
    pub(crate) flips: bool,
}

/// Everything of `stint`, the how-many-th publish of all.
pub(crate) fn reel(stint: &Stint, publish: u16) -> Vec<Due> {
    let plain = |message| Due { at: Duration::ZERO, message, frame: None, drips: false, flips: false };
    let mut all = vec![plain(wire::metadata())];
    if stint.pictures {
        all.push(plain(config(stint.main_profile, stint.base)));
    }
    if stint.sound {
        all.push(plain(wire::aac_config(stint.base)));
    }
    let mut run = Run { stint, publish, shift: 0, profile: stint.main_profile, applied: 0, key_due: false };
    let (mut picture, mut sound) = (0, 0);
    loop {
        let (a, b) = (u64::from(picture) * u64::from(PICTURE) * 1_000, u64::from(sound) * 1_024_000 / 48);
        let (track, number, micros) = match (stint.pictures, stint.sound) {
            (true, true) if b < a => (1, sound, b),
            (false, _) => (1, sound, b),
            _ => (0, picture, a),
        };
        *(if track == 0 { &mut picture } else { &mut sound }) += 1;
        let at = Duration::from_micros(micros);
        if at >= stint.lasts {
            return all;
        }
        run.frame(&mut all, track, number, at);
    }
}

struct Run<'a> {
    stint: &'a Stint,
    publish: u16,
    shift: i32,
    profile: bool,
    /// So many of the faults have begun.
    applied: usize,
    /// A keyframe was left out.
    key_due: bool,
}

impl Run<'_> {
    fn frame(&mut self, all: &mut Vec<Due>, track: u8, number: u32, at: Duration) {
        let mut stray = 0;
        let mut flips = false;
        while let Some((_, fault)) = self.stint.faults.get(self.applied).filter(|(begins, _)| *begins <= at) {
            match *fault {
                Fault::Stray(off) => stray = off,
                Fault::Shift(off) => self.shift = self.shift.saturating_add(off),
                Fault::Flipped => flips = true,
                Fault::Reconfigured if self.stint.pictures => {
                    self.profile = !self.profile;
                    let message = config(self.profile, self.stamp(at, 0));
                    all.push(Due { at, message, frame: None, drips: false, flips: false });
                    self.key_due = true;
                }
                _ => {}
            }
            self.applied += 1;
        }
        let Some(due) = self.due(track, at) else { return };
        let mark = Mark { publish: self.publish, track, number };
        let fill = |most: usize| {
            let mut fill = marks::write(mark);
            fill.resize(fill.len() + number as usize * 7_919 % most, 0xAA);
            fill
        };
        let stamp = self.stamp(at, stray);
        let message = match track {
            0 => {
                let key = self.key(number, at);
                let nal = if key { wire::idr(&fill(600)) } else { wire::inter(&fill(120)) };
                let cts = self.reorder(number) as i32 * PICTURE as i32;
                wire::video(stamp, mux::video_frame(Form::Legacy, VideoCodec::Avc, cts, key, &nal))
            }
            _ => wire::audio(stamp, mux::audio_frame(Form::Legacy, AudioCodec::Aac, &fill(30))),
        };
        let drips = self.within(at, |fault| match fault {
            Fault::Slow(span) => Some(span),
            _ => None,
        });
        all.push(Due {
            at: due,
            message,
            frame: Some((mark, self.clean(at))),
            drips: drips.is_some(),
            flips,
        });
    }

    /// When a frame is sent; `None` if never.
    fn due(&self, track: u8, at: Duration) -> Option<Duration> {
        let lost = self.within(at, |fault| match fault {
            Fault::Lost(span) => Some(span),
            Fault::Without { track: left_out, span } if left_out == track => Some(span),
            _ => None,
        });
        let held = self.within(at, |fault| match fault {
            Fault::Held(span) => Some(span),
            _ => None,
        });
        lost.is_none().then(|| held.unwrap_or(at))
    }

    /// Whether `at` is within a fault that lasts; then its end.
    fn within(&self, at: Duration, span: impl Fn(Fault) -> Option<Duration>) -> Option<Duration> {
        let mut ends = self.stint.faults.iter().filter_map(|(begins, fault)| {
            let end = *begins + span(*fault)?;
            (*begins..end).contains(&at).then_some(end)
        });
        ends.next()
    }

    /// Whether nothing excuses that a frame is lost.
    fn clean(&self, at: Duration) -> bool {
        let excused = |(begins, fault): &(Duration, Fault)| {
            let from = begins.saturating_sub(Duration::from_millis(500));
            at >= from && at < begins.saturating_add(fault.excuses())
        };
        !self.stint.faults.iter().any(excused)
    }

    fn key(&mut self, number: u32, at: Duration) -> bool {
        let kept_back = self.within(at, |fault| match fault {
            Fault::NoKeys(span) => Some(span),
            _ => None,
        });
        let due = number.is_multiple_of(self.stint.gop) || self.key_due;
        self.key_due = due && kept_back.is_some();
        due && kept_back.is_none()
    }

    fn stamp(&self, at: Duration, stray: i32) -> u32 {
        let millis = at.as_millis() as u32;
        self.stint.base.wrapping_add(millis).wrapping_add_signed(self.shift).wrapping_add_signed(stray)
    }

    /// Pictures from decoding to showing: pairs of B-frames after each reference.
    fn reorder(&self, number: u32) -> u32 {
        match (self.stint.reorder, number % self.stint.gop % 3) {
            (0, _) => 0,
            (delay, _) if number.is_multiple_of(self.stint.gop) => delay,
            (delay, 1) => delay + 2,
            (delay, _) => delay - 1,
        }
    }
}

fn config(main: bool, at: u32) -> Wire {
    let record = if main { wire::AVC_RECORD_MAIN } else { wire::AVC_RECORD };
    wire::video(at, mux::video_start(Form::Legacy, VideoCodec::Avc, record))
}
