//! Date ranges from one state to a later one: each says what it said, and stays while it matters (§4.4.5.1).

use super::finding::{Findings, Place};
use super::listing::Listing;
use super::rule::Rule;
use crate::m3u8::{Seconds, parse_date};
use crate::media::WallTime;

/// The attributes of one tag.
type Attributes = [(String, String)];

pub(super) fn check(before: &Listing, after: &Listing, findings: &mut Findings) {
    for (id, was) in &before.dateranges {
        let mut still = after.dateranges.iter().filter(|(other, _)| other == id).peekable();
        if still.peek().is_none() {
            left(before, after, id, findings);
        }
        for (name, value) in still.flat_map(|(_, attributes)| attributes) {
            if let Some((_, old)) = was.iter().find(|(known, old)| known == name && old != value) {
                let measured = format_args!("{id}: {name}={value}");
                findings.add(Rule::DaterangeChanged, Place::WHOLE, measured, old);
            }
        }
    }
}

/// It may have left once it ends before the first segment starts. One whose end nobody knows is not over.
fn left(before: &Listing, after: &Listing, id: &str, findings: &mut Findings) {
    let Some(start) = after.entries.first().and_then(|entry| entry.date) else { return };
    // Nothing is said of states in between: one may have told the end of one without.
    let tags = before.dateranges.iter().filter(|(other, _)| other == id);
    if let Some(end) = tags.filter_map(|(_, attributes)| end(attributes)).max().filter(|end| *end > start) {
        findings.add(Rule::DaterangeLeftEarly, Place::WHOLE, format_args!("{id} left, ending {end}"), start);
    }
}

fn end(attributes: &Attributes) -> Option<WallTime> {
    let get =
        |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if let Some(end) = get("END-DATE") {
        return parse_date(end);
    }
    let micros = i64::try_from(Seconds::parse(get("DURATION")?)?.micros()).unwrap_or(i64::MAX);
    Some(parse_date(get("START-DATE")?)?.plus_micros(micros))
}
