//! What may become of parts from one state to the next, and of what was hinted.

use super::finding::{Findings, Place};
use super::listing::{Entry, Listing};
use super::rule::Rule;

pub(super) fn check(before: &Listing, after: &Listing, findings: &mut Findings) {
    // Whether some segment that both list, and before which nothing lost parts, still has parts it had.
    let mut kept = false;
    for (msn, was) in before.numbered() {
        let Some(is) = after.entry(msn) else { continue };
        let dropped = segment(msn, was, is, findings);
        if dropped > 0 && kept {
            let place = Place::msn(msn).at(is.line);
            findings.add(
                Rule::PartsOutOfOrder,
                place,
                format_args!("{dropped} parts left"),
                "older ones first",
            );
        }
        kept |= !is.parts.is_empty() && !was.parts.is_empty();
    }
    hint(before, after, findings);
}

/// Compares the parts of one segment, and returns how many have left.
fn segment(msn: u64, was: &Entry, is: &Entry, findings: &mut Findings) -> usize {
    let Some(first) = is.parts.first() else { return was.parts.len() };
    let closed = was.uri.is_some();
    let dropped = was.parts.iter().position(|part| part.uri == first.uri && part.range == first.range);
    let Some(dropped) = dropped else {
        let place = Place::part(msn, 0).at(first.line);
        if closed && was.parts.is_empty() {
            findings.add(Rule::PartsCameBack, place, &first.uri, "no parts any more");
        } else if let Some(old) = was.parts.first() {
            findings.add(Rule::PartChanged, place, &first.uri, &old.uri);
        }
        return 0;
    };
    let still = was.parts.get(dropped..).unwrap_or_default();
    for (index, (old, new)) in still.iter().zip(&is.parts).enumerate() {
        if !old.same(new) {
            let place = Place::part(msn, index).at(new.line);
            let shown = |part: &super::listing::PartTag| {
                let independent = if part.independent { ", independent" } else { "" };
                format!("{} of {:#} s{independent}", part.uri, part.duration)
            };
            findings.add(Rule::PartChanged, place, shown(new), shown(old));
        }
    }
    if is.parts.len() < still.len() || (closed && is.parts.len() > still.len()) {
        let measured = format_args!("{} parts", is.parts.len());
        findings.add(Rule::PartChanged, Place::msn(msn).at(is.line), measured, still.len());
    }
    dropped
}

/// The part that was hinted is the first that comes, unless a discontinuity cancelled it (§6.2.6).
fn hint(before: &Listing, after: &Listing, findings: &mut Findings) {
    let Some(hint) = before.hinted("PART") else { return };
    let was = before.position();
    let parts_of = |msn: u64| after.entry(msn).map_or(&[][..], |entry| entry.parts.as_slice());
    let index = usize::try_from(was.parts).unwrap_or(usize::MAX);
    // Parts are only comparable by index while the segment lists all of them.
    let all_there = before.entry(was.msn).is_none_or(|entry| {
        let (old, new) = (entry.parts.first(), parts_of(was.msn).first());
        old.is_none() || new.is_some_and(|new| old.is_some_and(|old| old.uri == new.uri))
    });
    let next = parts_of(was.msn).get(index).map(|part| (was.msn, index, part));
    let following = was.msn.saturating_add(1);
    let closed = after.entry(was.msn).is_some_and(|entry| entry.uri.is_some());
    let next = next.or_else(|| {
        let first = parts_of(following).first()?;
        (closed && was.parts > 0).then_some((following, 0, first))
    });
    let Some((msn, index, part)) = next.filter(|_| all_there) else { return };
    let cancelled = index == 0 && after.entry(msn).is_some_and(|entry| entry.discontinuity);
    if part.uri != hint.uri && !cancelled {
        findings.add(Rule::HintNotKept, Place::part(msn, index).at(part.line), &part.uri, &hint.uri);
    }
}
