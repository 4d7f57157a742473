//! Cue messages: what encoders tell of a moment in script data: `onCuePoint` (FLV 10.1 §E.5), `onTextData`, and the
//! advertisement cues that broadcast encoders send, with a splice information section or without.

use std::time::Duration;

use bytes::Bytes;

use super::amf0::{Reader, Value};
use super::error::Error;
use crate::codec::splice;
use crate::media::{Cue, RtmpLimits, Splice};

/// Bytes of all attributes of one cue: they are in every playlist for as long as the window.
const MOST_BYTES: usize = 2_048;
/// Attributes of one cue.
const MOST_ATTRIBUTES: usize = 24;
/// Characters of a name.
const MOST_NAME: usize = 64;
/// What a splice section may be called.
const SECTIONS: &[&str] = &["cue", "scte35", "section", "spliceinfosection", "message", "data", "base64"];
/// How far a cue's own time may be before and after the message that carries it; past it the time is by another
/// clock, or none.
const EARLIEST: f64 = -10_000.0;
const LATEST: f64 = 60_000.0;
/// The longest that anything is said to last, in seconds: a day.
const LONGEST: f64 = 86_400.0;

/// Reads the script tag or RTMP data message `script`, which came at `time`, in milliseconds. `None` when it is
/// something else (metadata, a caption), or says again what happened before, for those who have just tuned in.
///
/// # Errors
/// When its values are not AMF0 within the bounds of `limits`, when it holds something other than an object, when
/// there is too much in it, or when it signals a splice that cannot be read.
pub fn cue(script: &[u8], time: i64, limits: &RtmpLimits) -> Result<Option<Cue>, Error> {
    let mut reader = Reader::new(script, limits);
    let mut name = reader.read().ok().flatten();
    if name.as_ref().and_then(Value::as_str) == Some("@setDataFrame") {
        name = reader.read().ok().flatten();
    }
    let Some(class) = name.as_ref().and_then(Value::as_str).and_then(class_of) else { return Ok(None) };
    let mut empty = true;
    while let Some(value) = reader.read()? {
        if value.fields().is_some() {
            return if again(&value) { Ok(None) } else { read(class, &value, time).map(Some) };
        }
        empty = empty && matches!(value, Value::Null | Value::Undefined);
    }
    // Text that is taken away again is nothing that happens.
    if empty {
        return Ok(None);
    }
    Err(Error::CueObject { message: class })
}

/// Whether so much of it has elapsed already: it was told when it began.
fn again(object: &Value<'_>) -> bool {
    let parameters = object.get("parameters").and_then(|inner| inner.get("elapsed"));
    object.get("elapsed").or(parameters).and_then(seconds).is_some_and(|elapsed| !elapsed.is_zero())
}

fn class_of(name: &str) -> Option<&'static str> {
    const CLASSES: &[&str] = &["onCuePoint", "onTextData", "onAdCue"];
    let known = CLASSES.iter().find(|class| **class == name).copied();
    known.or_else(|| (plain(name) == "onscte35").then_some(SCTE35))
}

/// Class of what signals a splice, whatever message it came in.
const SCTE35: &str = "scte35";

fn read(message: &'static str, object: &Value<'_>, time: i64) -> Result<Cue, Error> {
    let fields = || [Some(object), object.get("parameters")].into_iter().flatten().flat_map(fields_of);
    let find = |name: &str| fields().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let says_scte =
        |name| find(name).and_then(Value::as_str).is_some_and(|text| plain(text).contains(SCTE35));
    let class = if says_scte("type") || says_scte("name") { SCTE35 } else { message };
    let mut section = None;
    if class == SCTE35 {
        let mut texts = fields().filter(|(name, _)| SECTIONS.contains(&plain(name).as_str()));
        section = texts.find_map(|(name, value)| Some((*name, value.as_str()?)));
    }
    let splice = section.map(|(_, text)| splice_of(text)).transpose()?;
    let left_out = |name: &str| {
        let own = ["time", "duration", "parameters"].iter().any(|own| name.eq_ignore_ascii_case(own));
        own || section.is_some_and(|(section, _)| name == section)
    };
    let attributes = attributes(fields().filter(|(name, _)| !left_out(name)))?;
    let called = if message == "onCuePoint" { None } else { find("id").and_then(text_of) };
    let name = called.filter(|name| name.len() <= MOST_NAME);
    let at = find("time").and_then(Value::as_number).and_then(|seconds| believable(seconds, time));
    let lasts = find("duration").and_then(seconds).filter(|lasts| !lasts.is_zero());
    Ok(Cue { at: at.unwrap_or(time), class, name, lasts, attributes, splice })
}

fn fields_of<'v, 'a>(value: &'v Value<'a>) -> impl Iterator<Item = &'v (&'a str, Value<'a>)> {
    value.fields().unwrap_or_default().iter()
}

/// A name as it is compared: `SCTE-35` and `scte_35` are the same.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric).take(MOST_NAME);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// The time in milliseconds that a cue gives itself in `seconds`, if it can be by the clock of its message.
#[expect(clippy::cast_possible_truncation, reason = "it is near `time`, which is an integer")]
fn believable(seconds: f64, time: i64) -> Option<i64> {
    let ahead = seconds * 1_000.0 - time as f64;
    // No comparison holds of what is no number.
    (EARLIEST..=LATEST).contains(&ahead).then(|| time.saturating_add(ahead.round() as i64))
}

/// A number of seconds, as a number or as text.
fn seconds(value: &Value<'_>) -> Option<Duration> {
    let number = value.as_number().or_else(|| value.as_str()?.trim().parse().ok())?;
    if (0.0..=LONGEST).contains(&number) { Duration::try_from_secs_f64(number).ok() } else { None }
}

/// Scalars as attributes; where two get the same name, the first.
fn attributes<'v, 'a: 'v>(
    fields: impl Iterator<Item = &'v (&'a str, Value<'a>)>,
) -> Result<Vec<(String, String)>, Error> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut bytes = 0_usize;
    for (name, value) in fields {
        let Some((name, text)) = attribute_name(name).zip(text_of(value)) else { continue };
        if all.iter().any(|(known, _)| *known == name) {
            continue;
        }
        bytes = bytes.saturating_add(name.len()).saturating_add(text.len());
        if bytes > MOST_BYTES || all.len() >= MOST_ATTRIBUTES {
            return Err(Error::CueSize { bytes: MOST_BYTES, attributes: MOST_ATTRIBUTES });
        }
        all.push((name, text));
    }
    Ok(all)
}

fn attribute_name(name: &str) -> Option<String> {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '-' };
    let own = name.chars().take(MOST_NAME).map(legal).collect::<String>();
    let own = own.trim_matches('-');
    (!own.is_empty()).then(|| format!("X-{own}"))
}

/// A scalar as text, each control character a space.
fn text_of(value: &Value<'_>) -> Option<String> {
    match value {
        // Larger or smaller ones are hundreds of digits long, and no quantity.
        Value::Number(number) if number.abs() < 1e15 => {
            Some(format!("{number:.6}").trim_end_matches('0').trim_end_matches('.').to_owned())
        }
        Value::Boolean(truth) => Some(if *truth { "YES" } else { "NO" }.to_owned()),
        _ => Some(value.as_str()?.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()),
    }
}

/// The section in `text`: base64 (RFC 4648 §4), or hexadecimal behind `0x`.
fn splice_of(text: &str) -> Result<Splice, Error> {
    let text = text.trim();
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let section = match hex {
        Some(digits) => bytes_of(digits, 4, |b| char::from(b).to_digit(16)),
        None => bytes_of(text.trim_end_matches('='), 6, sextet),
    };
    let section = section.ok_or(Error::CueText)?;
    splice::parse(section).map_err(Error::CueSplice)
}

fn sextet(b: u8) -> Option<u32> {
    let (from, to) = match b {
        b'A'..=b'Z' => (b'A', 0_u32),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' | b'-' => return Some(62),
        b'/' | b'_' => return Some(63),
        _ => return None,
    };
    Some(to.saturating_add(u32::from(b.saturating_sub(from))))
}

/// The bytes that digits of `width` bits each stand for; bits that fill no byte are dropped.
fn bytes_of(text: &str, width: u32, digit: impl Fn(u8) -> Option<u32>) -> Option<Bytes> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0_u32, 0_u32);
    for b in text.bytes() {
        held = (held << width) | digit(b)?;
        bits = bits.saturating_add(width);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from((held >> bits) & 0xFF).ok()?);
        }
        held &= 0xFF;
    }
    Some(bytes.into())
}

#[cfg(test)]
mod tests;
