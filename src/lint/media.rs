//! What was said of a part, a segment or an init section, and what is in it.

use super::finding::{Finding, Findings, Place};
use super::listing::PartTag;
use super::measure::{Chunk, Init};
use super::rule::Rule;
use super::segments::seconds;
use crate::m3u8::Seconds;

/// Holds an init section to the rules: `None` is one that could not be read.
pub fn section(init: Option<&Init>) -> Vec<Finding> {
    let mut findings = Findings::default();
    let Some(init) = init else {
        findings.add(Rule::InitUnreadable, Place::WHOLE, "something else", "ftyp and moov");
        return findings.into_vec();
    };
    let modern = |brand: &String| {
        let number = brand.strip_prefix("iso").and_then(|rest| rest.chars().next());
        number.is_some_and(|c| ('6'..='9').contains(&c) || c.is_ascii_lowercase() && c != 'm')
            || brand.starts_with("cmf")
    };
    if !init.brands.iter().any(modern) {
        findings.add(Rule::InitBrand, Place::WHOLE, init.brands.join(" "), "iso6 or later");
    }
    findings.into_vec()
}

/// Holds a part to its tag, and to the part before it in the same run of media. `video` tells whether
/// keyframes matter.
pub fn sealed_part(
    place: Place,
    tag: &PartTag,
    target: Option<Seconds>,
    media: Option<(&Chunk, &Init)>,
    before: Option<&Chunk>,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    let Some((chunk, init)) = media else {
        findings.add(Rule::MediaUnreadable, place, "something else", "moof and mdat");
        return findings.into_vec();
    };
    let micros = |ticks: u64| {
        let micros = u128::from(ticks).saturating_mul(1_000_000);
        let micros = micros.checked_div(u128::from(init.timescale.max(1))).unwrap_or(0);
        u64::try_from(micros).unwrap_or(u64::MAX)
    };
    let long = micros(chunk.duration);
    if tag.duration.micros().abs_diff(long) > micros(chunk.longest).max(1_000) {
        let measured = format_args!("{} of media", seconds(long));
        findings.add(Rule::DurationUntrue, place, measured, seconds(tag.duration.micros()));
    }
    // A tick more is rounding.
    let slack = micros(1).saturating_add(1);
    if let Some(target) = target.filter(|target| long > target.micros().saturating_add(slack)) {
        let expected = format_args!("at most {}", seconds(target.micros()));
        findings.add(Rule::MediaOverTarget, place, seconds(long), expected);
    }
    match (tag.independent, chunk.independent) {
        (true, false) => findings.add(Rule::IndependentUntrue, place, "no sync sample", "one"),
        (false, true) => findings.add(Rule::IndependentUnsaid, place, "a sync sample", "INDEPENDENT=YES"),
        _ => {}
    }
    if let Some(before) = before {
        let due = before.start.saturating_add(before.duration);
        if due != chunk.start {
            findings.add(Rule::DecodeTimeGap, place, chunk.start, due);
        }
    }
    findings.into_vec()
}

/// Holds a segment to the parts it is made of.
pub fn parts_of_segment(place: Place, segment: Option<&Chunk>, parts: &[Chunk]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let Some(segment) = segment else {
        findings.add(Rule::MediaUnreadable, place, "something else", "moof and mdat");
        return findings.into_vec();
    };
    let sum = |of: fn(&Chunk) -> u64| parts.iter().map(of).fold(0, u64::saturating_add);
    let (samples, duration) = (sum(|part| part.samples), sum(|part| part.duration));
    if (samples, duration) != (segment.samples, segment.duration) {
        let measured = format_args!("{} samples, {} ticks", segment.samples, segment.duration);
        findings.add(Rule::SegmentUnlikeParts, place, measured, format_args!("{samples}, {duration}"));
    }
    findings.into_vec()
}
