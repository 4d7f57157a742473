//! BPM: what OBS Studio tells of itself in user data of a key frame, one message for each of three subjects.
//!
//! ```text
//! uuid:128 (times, session or rendition)
//!   0:4 times - 1:4      then each   type:8 (1 text, 2 milliseconds, 3 nanoseconds)  event:8  value
//!   0:4 counters - 1:4   then each   counter:8  value:32      session and rendition only
//! text  "2024-05-31T12:26:03.591Z" 00
//! ```
//! Spec: the Broadcast Performance Metrics of Enhanced Broadcasting, as OBS Studio writes them.

use time::{Date, Month};

use crate::base::ByteReader;
use crate::media::{EncoderReport, RenditionFrames, SessionFrames, WallTime};

const TIMES: u128 = 0x0aec_ffe7_5272_4e2f_a62f_d19c_d61a_93b5;
const SESSION: u128 = 0xca60_e71c_6a8b_4388_a377_151d_f7bf_8ac2;
const RENDITION: u128 = 0xf1fb_c1d5_101e_4fb5_a61e_b8ce_3c07_b8c0;
/// Longest text of a time: with an offset and all the digits there are of a nanosecond.
const MOST_TEXT: usize = 40;

/// What `payload`, unregistered user data from its UUID on, says of the encoder: nothing, when it is of somebody
/// else's, and as much as can be read when it is cut or damaged.
pub(super) fn told(payload: &[u8]) -> EncoderReport {
    let mut report = EncoderReport::default();
    let mut r = ByteReader::new(payload);
    let Some(uuid) = r.array().map(u128::from_be_bytes) else { return report };
    // Whoever tells nothing is left when one of these ends early: what was read is kept.
    let _whole = match uuid {
        TIMES => times(&mut r, |event, at| match event {
            1 => report.composed = Some(at),
            2 => report.requested = Some(at),
            3 => report.encoded = Some(at),
            4 => report.queued = Some(at),
            _ => {}
        }),
        SESSION => times(&mut r, |_, _| {}).and_then(|()| {
            let [rendered, lagged, dropped, output] = counters(&mut r)?;
            report.session = Some(SessionFrames { rendered, lagged, dropped, output });
            Some(())
        }),
        RENDITION => times(&mut r, |_, _| {}).and_then(|()| {
            let [input, skipped, output] = counters(&mut r)?;
            report.rendition = Some(RenditionFrames { input, skipped, output });
            Some(())
        }),
        _ => None,
    };
    report
}

/// Shows `each` the times that can be understood with their events; `None` when they are cut.
fn times(r: &mut ByteReader<'_>, mut each: impl FnMut(u8, WallTime)) -> Option<()> {
    for _ in 0..=r.u8()? & 0x0F {
        let (kind, event) = (r.u8()?, r.u8()?);
        let at = match kind {
            1 => date(text(r)?),
            2 => {
                let micros = i64::try_from(r.u64()?).ok().and_then(|millis| millis.checked_mul(1_000));
                micros.map(|unix_micros| WallTime { unix_micros })
            }
            // From another time, in nanoseconds: there is none to count from.
            3 => r.u64().map(|_| None)?,
            _ => return None,
        };
        at.into_iter().for_each(|at| each(event, at));
    }
    Some(())
}

/// The bytes before the next zero, which is taken too.
fn text<'a>(r: &mut ByteReader<'a>) -> Option<&'a [u8]> {
    let end = r.rest().iter().take(MOST_TEXT).position(|byte| *byte == 0)?;
    let text = r.take(end)?;
    r.u8().map(|_| text)
}

/// `2024-05-31T12:26:03.591Z`, with whatever digits of a second; always UTC.
fn date(text: &[u8]) -> Option<WallTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let number = |at: usize, len: usize| {
        let digits = clock.get(at..at.checked_add(len)?)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok())?
    };
    let small = |at| number(at, 2).and_then(|value| u8::try_from(value).ok());
    let shaped = clock.len() == 19
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
            .iter()
            .all(|(at, mark)| clock.as_bytes().get(*at) == Some(mark));
    if !shaped || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let month = Month::try_from(small(5)?).ok()?;
    let day = Date::from_calendar_date(i32::from(number(0, 4)?), month, small(8)?).ok()?;
    let at = day.with_hms_micro(small(11)?, small(14)?, small(17)?, micros).ok()?.assume_utc();
    let unix_micros = i64::try_from(at.unix_timestamp_nanos().checked_div(1_000)?).ok()?;
    Some(WallTime { unix_micros })
}

/// The counters 1 to `N`; 0 for those that are not told, `None` when they are cut.
fn counters<const N: usize>(r: &mut ByteReader<'_>) -> Option<[u32; N]> {
    let mut values = [0; N];
    for _ in 0..=r.u8()? & 0x0F {
        let (counter, value) = (r.u8()?, r.u32()?);
        let place = usize::from(counter).checked_sub(1).and_then(|at| values.get_mut(at));
        place.into_iter().for_each(|place| *place = value);
    }
    Some(values)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2024-05-31T12:26:03.591Z.
    const AT: i64 = 1_717_158_363_591_000;

    fn stamp(event: u8, text: &str) -> Vec<u8> {
        [&[1, event], text.as_bytes(), &[0]].concat()
    }

    fn four_times() -> Vec<u8> {
        let stamps = [
            stamp(1, "2024-05-31T12:26:03.591Z"),
            stamp(2, "2024-05-31T12:26:03.592Z"),
            stamp(3, "2024-05-31T12:26:03.600Z"),
            stamp(4, "2024-05-31T12:26:03.650Z"),
        ];
        [&TIMES.to_be_bytes()[..], &[3], &stamps.concat()].concat()
    }

    fn counted(uuid: u128, values: &[u32]) -> Vec<u8> {
        let mut data = uuid.to_be_bytes().to_vec();
        data.push(0);
        data.extend(stamp(4, "2024-05-31T12:26:03.650Z"));
        data.push((values.len() as u8).saturating_sub(1));
        for (value, counter) in values.iter().zip(1..) {
            data.push(counter);
            data.extend(value.to_be_bytes());
        }
        data
    }

    /// A message of the session's counters: 17 rendered, 0 lagged, 1 dropped, 16 output.
    pub(in crate::codec) fn session() -> Vec<u8> {
        counted(SESSION, &[17, 0, 1, 16])
    }

    /// The same as an SEI unit behind `header`, with emulation prevention.
    pub(in crate::codec) fn unit(header: &[u8]) -> Vec<u8> {
        let data = session();
        let mut unit = [header, &[5, data.len() as u8]].concat();
        for byte in data {
            if byte <= 3 && unit.ends_with(&[0, 0]) {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit.push(0x80);
        unit
    }

    /// What [`session`] tells.
    pub(in crate::codec) const TOLD: SessionFrames =
        SessionFrames { rendered: 17, lagged: 0, dropped: 1, output: 16 };

    fn wall(millis: i64) -> Option<WallTime> {
        Some(WallTime { unix_micros: AT.saturating_add(millis.saturating_mul(1_000)) })
    }

    #[test]
    fn times_and_counters_are_read_as_obs_writes_them() {
        let times = told(&four_times());
        let all = EncoderReport {
            composed: wall(0),
            requested: wall(1),
            encoded: wall(9),
            queued: wall(59),
            ..EncoderReport::default()
        };
        assert_eq!(times, all);
        let session = SessionFrames { rendered: 120, lagged: 3, dropped: 2, output: 0x0001_0000 };
        assert_eq!(told(&counted(SESSION, &[120, 3, 2, 0x0001_0000])).session, Some(session));
        let rendition = RenditionFrames { input: 120, skipped: 1, output: 119 };
        let erm = told(&counted(RENDITION, &[120, 1, 119]));
        assert_eq!(erm, EncoderReport { rendition: Some(rendition), ..EncoderReport::default() });
        assert_eq!(times.with(erm).rendition, Some(rendition));
    }

    #[test]
    fn what_is_cut_tells_what_was_whole_and_never_half_a_counter() {
        let (times, session) = (four_times(), counted(SESSION, &[1, 2, 3, 4]));
        for at in 0..times.len() {
            let read = told(&times[..at]);
            assert_eq!(read.queued, None, "cut at {at}");
            assert_eq!(read.composed.is_some(), at >= 17 + 27, "cut at {at}");
        }
        for at in 0..session.len() {
            assert!(told(&session[..at]).is_empty(), "cut at {at}");
        }
    }

    #[test]
    fn other_forms_of_time_are_understood_or_passed_over() {
        let millis =
            [&TIMES.to_be_bytes()[..], &[1, 3, 2], &7_u64.to_be_bytes(), &[2, 1], &9_u64.to_be_bytes()]
                .concat();
        assert_eq!(told(&millis).composed, Some(WallTime { unix_micros: 9_000 }));
        for wrong in [
            "2024-13-31T12:26:03.591Z",
            "2024-02-30T12:26:03.591Z",
            "2024-05-31 12:26:03.591Z",
            "2024-05-31T25:26:03.591Z",
            "2024-05-31T12:26:03.591",
            "2024-05-31T12:26:+3.591Z",
            "2024-05-31T12:26:03.Z",
            "2024-05-31T12:26:03.5x1Z",
            "",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}Z",
        ] {
            let good = stamp(2, "2024-05-31T12:26:03Z");
            let data = [&TIMES.to_be_bytes()[..], &[1], &stamp(1, wrong), &good].concat();
            assert_eq!((told(&data).composed, told(&data).requested), (None, wall(-591)), "{wrong}");
        }
        let endless = [&TIMES.to_be_bytes()[..], &[0, 1, 1], &[b'0'; 4_096], &[0]].concat();
        assert!(told(&endless).is_empty());
    }

    #[test]
    fn what_is_of_somebody_else_or_beyond_the_counters_is_nothing() {
        let mut other = counted(SESSION, &[1, 2, 3, 4]);
        for at in 0..16 {
            other[at] ^= 1;
            assert!(told(&other).is_empty(), "byte {at}");
            other[at] ^= 1;
        }
        let beyond: Vec<u32> = (1..=16).collect();
        let first = SessionFrames { rendered: 1, lagged: 2, dropped: 3, output: 4 };
        assert_eq!(told(&counted(SESSION, &beyond)).session, Some(first));
        let zeroth = [&RENDITION.to_be_bytes()[..], &[0, 2, 1], &[0; 8], &[0, 0], &[1; 4]].concat();
        assert_eq!(told(&zeroth).rendition, Some(RenditionFrames::default()));
    }

    proptest! {
        #[test]
        fn any_user_data_is_read(uuid in 0..3_usize, tail in prop::collection::vec(any::<u8>(), 0..300)) {
            told(&[&[TIMES, SESSION, RENDITION][uuid].to_be_bytes()[..], &tail].concat());
        }
    }
}
