//! Lines: a playlist's text as tags and URIs, whatever is wrong with it.

use super::finding::{Findings, Place};
use super::rule::Rule;

/// One line that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `#EXT...`: its name without `#`, and what follows the colon.
    Tag { name: &'a str, value: &'a str },
    /// A URI.
    Uri(&'a str),
}

/// The text of a playlist: without a byte order mark, and as near to it as can be had when it is not UTF-8.
pub(super) fn text<'a>(bytes: &'a [u8], findings: &mut Findings) -> std::borrow::Cow<'a, str> {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            findings.add(Rule::ByteOrderMark, Place::line(1), "EF BB BF", "text");
            rest
        }
        None => bytes,
    };
    let text = String::from_utf8_lossy(bytes);
    if let std::borrow::Cow::Owned(_) = text {
        findings.add(Rule::NotUtf8, Place::WHOLE, "bytes that are not UTF-8", "UTF-8");
    }
    text
}

/// Every line that says something, with its number from 1.
pub(super) fn lines<'a>(text: &'a str, findings: &mut Findings) -> Vec<(usize, Line<'a>)> {
    let mut out = Vec::new();
    for (index, raw) in text.split('\n').enumerate() {
        let number = index.saturating_add(1);
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        if raw.chars().any(|c| c.is_control() && c != '\t') {
            findings.add(Rule::ControlCharacter, Place::line(number), raw, "none");
        }
        let line = raw.trim();
        if number == 1 && line != "#EXTM3U" {
            findings.add(Rule::NoHeader, Place::line(1), line, "#EXTM3U");
        }
        // Only comments may hold whatever they like.
        let comment = line.starts_with('#') && !line.starts_with("#EXT");
        if line.is_empty() && raw.is_empty() || comment {
            continue;
        }
        if line.len() != raw.len() {
            findings.add(
                Rule::StrayWhitespace,
                Place::line(number),
                format_args!("{raw:?}"),
                "no white space at the ends",
            );
        }
        match line.strip_prefix('#') {
            Some(tag) => {
                let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
                out.push((number, Line::Tag { name, value }));
            }
            None if line.is_empty() => {}
            None => out.push((number, Line::Uri(line))),
        }
    }
    out
}
