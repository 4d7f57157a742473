//! What EXT-X-VERSION must cover (§8), and what no URI should carry.

use super::finding::{Findings, Place};
use super::lines::Line;
use super::listing::Listing;
use super::rule::Rule;

pub(super) fn check(listing: &Listing, lines: &[(usize, Line<'_>)], findings: &mut Findings) {
    let (needed, why) = needed(listing, lines);
    let declared = listing.version.unwrap_or(1);
    if declared < needed {
        findings.add(Rule::VersionTooLow, Place::WHOLE, declared, format_args!("{needed}, for {why}"));
    }
    if declared > needed && listing.version.is_some() {
        findings.add(Rule::VersionTooHigh, Place::WHOLE, declared, needed);
    }
    for (line, uri) in uris(lines) {
        if ["_HLS_msn=", "_HLS_part=", "_HLS_skip="].iter().any(|directive| uri.contains(directive)) {
            findings.add(Rule::DirectiveInUri, Place::line(line), "a directive of some request", "none");
        }
    }
}

/// The lowest version that covers what is used, and what asks for it.
fn needed(listing: &Listing, lines: &[(usize, Line<'_>)]) -> (u64, &'static str) {
    let mut need = (1, "nothing");
    let mut ask = |version, why| {
        if version > need.0 {
            need = (version, why);
        }
    };
    for (_, line) in lines {
        let Line::Tag { name, value } = *line else { continue };
        match name {
            "EXTINF" if value.split(',').next().is_some_and(|span| span.contains('.')) => {
                ask(3, "decimal EXTINF");
            }
            "EXT-X-BYTERANGE" => ask(4, "EXT-X-BYTERANGE"),
            "EXT-X-I-FRAMES-ONLY" => ask(4, "EXT-X-I-FRAMES-ONLY"),
            "EXT-X-MAP" if listing.iframes_only => ask(5, "EXT-X-MAP among I-frames"),
            "EXT-X-MAP" => ask(6, "EXT-X-MAP"),
            "EXT-X-DEFINE" if value.contains("QUERYPARAM=") => ask(11, "QUERYPARAM"),
            "EXT-X-DEFINE" => ask(8, "EXT-X-DEFINE"),
            "EXT-X-SKIP" if value.contains("RECENTLY-REMOVED-DATERANGES=") => {
                ask(10, "EXT-X-SKIP of date ranges");
            }
            "EXT-X-SKIP" => ask(9, "EXT-X-SKIP"),
            _ => {}
        }
    }
    need
}

/// Every URI: of segments, and in attributes.
fn uris<'a>(lines: &'a [(usize, Line<'a>)]) -> impl Iterator<Item = (usize, &'a str)> {
    lines.iter().filter_map(|(number, line)| match *line {
        Line::Uri(uri) => Some((*number, uri)),
        Line::Tag { value, .. } => {
            let (_, after) = value.split_once("URI=\"")?;
            Some((*number, after.split_once('"').map_or(after, |(uri, _)| uri)))
        }
    })
}
