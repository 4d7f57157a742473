//! Dates of EXT-X-PROGRAM-DATE-TIME (§4.4.4.6): RFC 3339 read into `WallTime`.

use crate::media::WallTime;

/// Reads `2026-11-21T09:30:00.040Z`; the offset may be `Z`, `+01:00` or `+0100`, the fraction any length.
/// `None` for anything else, a day that does not exist included.
pub fn parse(text: &str) -> Option<WallTime> {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut date = date.split('-');
    let (year, month, day) = (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, offset) = time.split_at_checked(at)?;
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(c, f)| (c, Some(f)));
    let mut clock = clock.split(':');
    let (hour, minute, second) =
        (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    if date.next().is_some() || clock.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day)?
        .checked_mul(86_400)?
        .checked_add(hour.checked_mul(3_600)?)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)?
        .checked_sub(offset_seconds(offset)?)?;
    let micros = seconds.checked_mul(1_000_000)?.checked_add(fraction.map_or(Some(0), fraction_micros)?)?;
    Some(WallTime { unix_micros: micros })
}

fn number(text: &str, width: usize) -> Option<i64> {
    let digits = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn fraction_micros(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = text.get(..text.len().min(6))?;
    let missing = u32::try_from(6_usize.checked_sub(kept.len())?).ok()?;
    kept.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(missing)?)
}

fn offset_seconds(text: &str) -> Option<i64> {
    if text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..)?;
    let hours = number(digits.get(..2)?, 2)?;
    let rest = digits.get(2..)?;
    let minutes = number(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60)?)?.checked_mul(sign)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, which counts years from March so that the
/// leap day comes last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let (year, month) =
        if month > 2 { (year, month.checked_sub(3)?) } else { (year.checked_sub(1)?, month.checked_add(9)?) };
    let before = month.checked_mul(153)?.checked_add(2)?.checked_div(5)?;
    let leaps = year.div_euclid(4).checked_sub(year.div_euclid(100))?.checked_add(year.div_euclid(400))?;
    year.checked_mul(365)?.checked_add(leaps)?.checked_add(before)?.checked_add(day)?.checked_sub(719_469)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_and_fractions_are_read() {
        let want = Some(WallTime { unix_micros: 1_795_253_400_040_000 });
        for text in [
            "2026-11-21T09:30:00.040Z",
            "2026-11-21T09:30:00.04z",
            "2026-11-21T10:30:00.0400009+01:00",
            "2026-11-21T04:00:00.04-0530",
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(WallTime { unix_micros: 0 }));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "T",
            "2026-11-21",
            "2026-11-21T09:30:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T09:30Z",
            "2026-11-21T09:30:00.Z",
            "2026-11-21T09:30:00+1",
            "+026-11-21T09:30:00Z",
            "2026-11-21T09:30:00\u{e9}Z",
            "2026-11-21-01T09:30:00Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_date_is_read_back(millis in -62_000_000_000_000_i64..253_000_000_000_000) {
            let date = WallTime { unix_micros: millis * 1_000 };
            prop_assert_eq!(parse(&date.to_string()), Some(date));
        }
    }
}
