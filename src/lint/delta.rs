//! Delta updates (§6.2.5.1): merged with what was, they are the full playlist.

use super::finding::{Finding, Findings, Place};
use super::listing::{Entry, Listing};
use super::rule::Rule;

/// The full playlist that a delta stands for, as a client that has `before` makes it. `None` if what is
/// skipped is not all there: a client then asks for the whole.
pub fn merge(before: &Listing, delta: &Listing) -> Option<Listing> {
    let Some(skip) = &delta.skip else { return Some(delta.clone()) };
    let mut entries: Vec<Entry> = Vec::new();
    for offset in 0..skip.segments.min(before.entries.len() as u64) {
        let entry = before.entry(delta.media_sequence.checked_add(offset)?)?;
        entry.uri.as_ref()?;
        // Parts that far back have left the playlist, whatever the client still knows of them.
        entries.push(Entry { parts: Vec::new(), ..entry.clone() });
    }
    if entries.len() as u64 != skip.segments {
        return None;
    }
    // A client knows the init section of each segment, though its tag has left with an earlier one.
    let earlier = before.numbered().take_while(|(msn, _)| *msn <= delta.media_sequence);
    if let (Some(map), Some(first)) = (earlier.filter_map(|(_, e)| e.map.clone()).last(), entries.first_mut())
    {
        first.map = Some(map);
    }
    entries.extend(delta.entries.iter().cloned());
    let removed = skip.removed_dateranges.clone().unwrap_or_default();
    let mut dateranges = match skip.removed_dateranges {
        Some(_) => before.dateranges.clone(),
        None => Vec::new(),
    };
    // A tag that says when another ended has its id, and stands beside it.
    dateranges.retain(|range| !removed.contains(&range.0) && !delta.dateranges.contains(range));
    dateranges.extend(delta.dateranges.iter().cloned());
    Some(Listing { skip: None, entries, dateranges, ..delta.clone() })
}

/// Holds a delta to the full playlist of the same state, for a client that had `before`.
pub fn delta(before: &Listing, delta: &Listing, full: &Listing) -> Vec<Finding> {
    let mut findings = Findings::default();
    let Some(merged) = merge(before, delta) else {
        findings.add(Rule::DeltaDiffers, Place::WHOLE, "more skipped than there was", "what the client has");
        return findings.into_vec();
    };
    let heads = |l: &Listing| (l.target, l.part_target, l.control.clone(), l.media_sequence, l.ended);
    if heads(&merged) != heads(full) || merged.discontinuity_sequence != full.discontinuity_sequence {
        findings.add(Rule::DeltaDiffers, Place::WHOLE, "another head", "that of the full playlist");
    }
    if merged.entries.len() != full.entries.len() {
        let (is, should) = (merged.entries.len(), full.entries.len());
        findings.add(Rule::DeltaDiffers, Place::WHOLE, format_args!("{is} segments"), should);
    }
    let mut maps = (None, None);
    for ((msn, is), should) in merged.numbered().zip(&full.entries) {
        maps = (is.map.as_ref().or(maps.0), should.map.as_ref().or(maps.1));
        if !alike(is, should) || maps.0 != maps.1 {
            let uri = |entry: &Entry| entry.uri.clone().unwrap_or_else(|| "open".to_owned());
            findings.add(Rule::DeltaDiffers, Place::msn(msn), uri(is), uri(should));
        }
    }
    let ids = |l: &Listing| {
        let mut ids = l.dateranges.clone();
        ids.sort();
        ids
    };
    if ids(&merged) != ids(full) {
        findings.add(Rule::DeltaDiffers, Place::WHOLE, "other date ranges", "those of the full playlist");
    }
    findings.into_vec()
}

/// Whether two entries say the same, in whatever lines and with the init section wherever it is named.
fn alike(a: &Entry, b: &Entry) -> bool {
    let facts = |e: &Entry| (e.duration, e.discontinuity, e.gap, e.date);
    facts(a) == facts(b)
        && a.uri == b.uri
        && a.range == b.range
        && a.parts.len() == b.parts.len()
        && a.parts.iter().zip(&b.parts).all(|(a, b)| a.same(b))
}
