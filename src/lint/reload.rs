//! Reload: a blocking playlist request and its answer (§6.2.5.2).

use std::time::Duration;

use super::finding::{Finding, Findings, Place};
use super::listing::Listing;
use super::rule::Rule;

/// What a playlist request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `_HLS_msn` and perhaps `_HLS_part`: the state that comes next.
    Next(u64, Option<u64>),
    /// A segment that has left the playlist, or is the oldest in it.
    Old(u64),
    /// A segment far ahead of anything.
    Far(u64),
    /// `_HLS_part` alone.
    PartAlone,
    /// A directive that is no number.
    Nonsense,
}

/// A reload as it happened.
#[derive(Debug, Clone, Copy)]
pub struct Reload<'a> {
    /// What was asked.
    pub asked: Asked,
    /// Status of the answer; `None` if none came.
    pub status: Option<u16>,
    /// The playlist that came, if one did.
    pub answer: Option<&'a Listing>,
    /// From the request to the head of the response.
    pub waited: Duration,
    /// TARGETDURATION in seconds.
    pub target: u64,
}

/// What a request and its answer may take on the way.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// Holds a reload to the rules.
pub fn reload(reload: &Reload<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    if reload.answer.is_some_and(|answer| answer.skip.is_some()) {
        findings.add(Rule::SkipUnasked, Place::WHOLE, "EXT-X-SKIP", "the whole playlist");
    }
    let ended = reload.answer.is_some_and(|answer| answer.ended);
    let longest = Duration::from_secs(reload.target.saturating_mul(3)).saturating_add(ON_THE_WAY);
    if reload.waited > longest {
        let expected = format_args!("at most {longest:?}");
        findings.add(Rule::ReloadLate, Place::WHOLE, format_args!("{:?}", reload.waited), expected);
    }
    let shown = reload.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let good = reload.status == Some(200);
    match reload.asked {
        // Directives mean nothing once the playlist has ended.
        _ if ended => {}
        Asked::Next(msn, part) if good => early(reload, msn, part, &mut findings),
        // Held for its time and given up in words: the stream stalled, which other rules name.
        Asked::Next(..) if reload.status == Some(503) && reload.waited.as_secs() >= reload.target => {}
        Asked::Next(..) => findings.add(Rule::ReloadFailed, Place::WHOLE, shown, 200),
        Asked::Old(msn) if !good => {
            findings.add(Rule::OldReloadRefused, Place::msn(msn), shown, "200 with the playlist");
        }
        Asked::Far(msn) if reload.status != Some(400) => {
            findings.add(Rule::FarReloadHeld, Place::msn(msn), shown, "400 at once");
        }
        Asked::PartAlone if reload.status != Some(400) => {
            findings.add(Rule::PartAloneTaken, Place::WHOLE, shown, 400);
        }
        Asked::Nonsense if reload.status != Some(400) => {
            findings.add(Rule::NonsenseTaken, Place::WHOLE, shown, 400);
        }
        Asked::Old(_) | Asked::Far(_) | Asked::PartAlone | Asked::Nonsense => {}
    }
    findings.into_vec()
}

/// Whether the answer lists what was asked for: a whole segment, or a part, where one past the end of a
/// segment means the first of the next.
fn early(reload: &Reload<'_>, msn: u64, part: Option<u64>, findings: &mut Findings) {
    let Some(answer) = reload.answer else { return };
    let position = answer.position();
    let entry = answer.entry(msn);
    let there = match part {
        None => position.msn > msn,
        Some(_) if position.msn > msn.saturating_add(1) => true,
        Some(part) => {
            let listed = entry.map_or(0, |entry| entry.parts.len() as u64);
            let closed = entry.is_some_and(|entry| entry.uri.is_some());
            // The parts of a segment that has closed may have left; what follows it has begun or has not.
            listed > part || position.msn > msn && (position.parts > 0 || (closed && listed == 0))
        }
    };
    if !there {
        let measured = format_args!("a playlist up to segment {}, part {}", position.msn, position.parts);
        let place =
            Place { msn: Some(msn), part: part.and_then(|part| usize::try_from(part).ok()), line: None };
        findings.add(Rule::ReloadEarly, place, measured, "to be held until it is listed");
    }
}
