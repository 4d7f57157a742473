//! Date ranges: which of a view are in its playlist, which left it, and which an update may leave out.

use crate::live::View;
use crate::m3u8::{self, Seconds, Value};
use crate::media::{DateRange, WallTime};

/// The ranges in the playlist: all that do not end before its first segment starts, but not those that were
/// added before segment `since` opened, which a client that has that long a playlist knows.
pub(super) fn listed(view: &View, since: u64) -> Vec<m3u8::DateRange> {
    let start = start(view);
    let kept = view.date_ranges.iter().filter(|range| range.added_msn >= since && !over(view, range, start));
    kept.filter_map(|range| tag(range)).collect()
}

/// RECENTLY-REMOVED-DATERANGES: the ids of those that have left it.
///
/// A view keeps them for at least as long as the skip boundary. Some may be older: a client that does not
/// know an id has nothing to remove.
pub(super) fn removed(view: &View) -> Vec<String> {
    let start = start(view);
    let over = view.date_ranges.iter().filter(|range| over(view, range, start));
    let mut ids: Vec<String> = Vec::new();
    for id in over.map(|range| quotable(&range.id)).filter(|id| !id.is_empty()) {
        // Where a second range says when the first one ended, both are gone together.
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// When the playlist starts; `None` while it is empty.
fn start(view: &View) -> Option<WallTime> {
    let open = view.open.as_ref().map(|open| &open.head);
    view.listed().first().map(|segment| &segment.head).or(open).map(|head| head.date_time)
}

/// Whether it ends before `start`. One whose end nobody knows never does.
fn over(view: &View, range: &DateRange, start: Option<WallTime>) -> bool {
    matches!((DateRange::end_among(&view.date_ranges, range), start), (Some(end), Some(start)) if end < start)
}

/// As it is printed. What others wrote is made to fit the grammar; one without an id is left out.
fn tag(range: &DateRange) -> Option<m3u8::DateRange> {
    let id = quotable(&range.id);
    let attributes = range.attributes.iter().filter_map(|(name, value)| {
        let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
        let value = match name.strip_prefix("X-") {
            Some(rest) if !rest.is_empty() && rest.bytes().all(legal) => Value::Quoted(quotable(value)),
            None if matches!(name.as_str(), "SCTE35-CMD" | "SCTE35-OUT" | "SCTE35-IN") => hex(value)?,
            _ => return None,
        };
        Some((name.clone(), value))
    });
    (!id.is_empty()).then(|| m3u8::DateRange {
        id,
        class: range.class.as_deref().map(quotable),
        start: range.start,
        end: None,
        duration: range.duration.map(Seconds::from),
        planned_duration: range.planned.map(Seconds::from),
        attributes: attributes.collect(),
    })
}

/// A hexadecimal-sequence (§4.2): uppercase digits after `0x`.
fn hex(text: &str) -> Option<Value> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    all.then(|| Value::Bare(format!("0x{}", digits.to_ascii_uppercase())))
}

/// Without what a quoted-string may not hold (§4.2). A tab would end an id among removed ones.
fn quotable(text: &str) -> String {
    text.chars().map(|c| if c == '"' { '\'' } else { c }).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
