//! Attribute lists, read on after a fault, each fault named.

use super::finding::{Findings, Place};
use super::rule::Rule;
use crate::m3u8::Seconds;

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attribute<'a> {
    name: &'a str,
    value: &'a str,
    quoted: bool,
}

/// The attributes of one tag.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes<'a> {
    all: Vec<Attribute<'a>>,
    line: usize,
}

/// What an attribute's value looks like (§4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Quoted,
    Enumerated,
    Integer,
    Decimal,
    Resolution,
}

/// Names mean the same in every tag that has them, with CLOSED-CAPTIONS and TIME-OFFSET as exceptions.
fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "URI"
        | "BYTERANGE"
        | "CODECS"
        | "SUPPLEMENTAL-CODECS"
        | "GROUP-ID"
        | "NAME"
        | "LANGUAGE"
        | "ASSOC-LANGUAGE"
        | "CHANNELS"
        | "AUDIO"
        | "VIDEO"
        | "SUBTITLES"
        | "INSTREAM-ID"
        | "CHARACTERISTICS"
        | "STABLE-VARIANT-ID"
        | "STABLE-RENDITION-ID"
        | "PATHWAY-ID"
        | "KEYFORMAT"
        | "ID"
        | "CLASS"
        | "START-DATE"
        | "END-DATE"
        | "CUE"
        | "RECENTLY-REMOVED-DATERANGES"
        | "IMPORT"
        | "QUERYPARAM"
        | "VALUE" => Kind::Quoted,
        "TYPE"
        | "INDEPENDENT"
        | "GAP"
        | "CAN-BLOCK-RELOAD"
        | "CAN-SKIP-DATERANGES"
        | "END-ON-NEXT"
        | "DEFAULT"
        | "AUTOSELECT"
        | "FORCED"
        | "METHOD"
        | "HDCP-LEVEL"
        | "VIDEO-RANGE"
        | "PRECISE" => Kind::Enumerated,
        "BANDWIDTH" | "AVERAGE-BANDWIDTH" | "LAST-MSN" | "LAST-PART" | "SKIPPED-SEGMENTS"
        | "BYTERANGE-START" | "BYTERANGE-LENGTH" => Kind::Integer,
        "DURATION" | "PLANNED-DURATION" | "PART-TARGET" | "PART-HOLD-BACK" | "HOLD-BACK"
        | "CAN-SKIP-UNTIL" | "FRAME-RATE" | "SCORE" => Kind::Decimal,
        "RESOLUTION" => Kind::Resolution,
        _ => return None,
    })
}

impl Kind {
    fn fits(self, attribute: &Attribute<'_>) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let bare = !attribute.quoted;
        match self {
            Self::Quoted => attribute.quoted,
            Self::Enumerated => bare && !attribute.value.is_empty(),
            Self::Integer => bare && digits(attribute.value) && attribute.value.len() <= 20,
            Self::Decimal => bare && Seconds::parse(attribute.value).is_some(),
            Self::Resolution => {
                let sides = attribute.value.split_once('x');
                bare && sides.is_some_and(|(width, height)| digits(width) && digits(height))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Quoted => "a quoted string",
            Self::Enumerated => "an unquoted word",
            Self::Integer => "an unquoted integer",
            Self::Decimal => "an unquoted decimal without sign or exponent",
            Self::Resolution => "WIDTHxHEIGHT",
        }
    }
}

impl<'a> Attributes<'a> {
    /// Reads the list of a tag; what cannot be read is named and left out.
    pub(super) fn read(list: &'a str, line: usize, findings: &mut Findings) -> Self {
        let mut all: Vec<Attribute<'a>> = Vec::new();
        let mut rest = Some(list);
        while let Some(from) = rest {
            let Some((attribute, after)) = one(from) else {
                findings.add(Rule::AttributeMalformed, Place::line(line), from, "NAME=VALUE");
                break;
            };
            rest = after;
            if all.iter().any(|other| other.name == attribute.name) {
                findings.add(Rule::AttributeTwice, Place::line(line), attribute.name, "once");
            }
            if let Some(kind) = kind(attribute.name).filter(|kind| !kind.fits(&attribute)) {
                let place = Place::line(line);
                findings.add(Rule::AttributeType, place, shown(&attribute), kind.name());
            }
            all.push(attribute);
        }
        Self { all, line }
    }

    /// The value of `name`, of whatever form.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.all.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value)
    }

    /// The value of `name`, named as missing when it is.
    pub(super) fn need(&self, name: &str, findings: &mut Findings) -> Option<&'a str> {
        let value = self.get(name);
        if value.is_none() {
            findings.add(Rule::AttributeMissing, Place::line(self.line), format_args!("no {name}"), name);
        }
        value
    }

    /// Whether `name` is YES.
    pub(super) fn yes(&self, name: &str) -> bool {
        self.get(name) == Some("YES")
    }

    /// A span.
    pub(super) fn seconds(&self, name: &str) -> Option<Seconds> {
        Seconds::parse(self.get(name)?)
    }

    /// An integer.
    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Every name and value, in the order of the names.
    pub(super) fn sorted(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self.all.iter().map(|a| (a.name.to_owned(), a.value.to_owned())).collect();
        all.sort();
        all
    }
}

fn shown(attribute: &Attribute<'_>) -> String {
    let quote = if attribute.quoted { "\"" } else { "" };
    format!("{}={quote}{}{quote}", attribute.name, attribute.value)
}

fn one(list: &str) -> Option<(Attribute<'_>, Option<&str>)> {
    let (name, after) = list.split_once('=')?;
    let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || !name.bytes().all(legal) {
        return None;
    }
    let (value, quoted, rest) = match after.strip_prefix('"') {
        Some(after) => {
            let (value, rest) = after.split_once('"')?;
            (value, true, if rest.is_empty() { None } else { Some(rest.strip_prefix(',')?) })
        }
        None => match after.split_once(',') {
            Some((value, rest)) => (value, false, Some(rest)),
            None => (after, false, None),
        },
    };
    if !quoted && value.contains([' ', '\t', '"']) {
        return None;
    }
    Some((Attribute { name, value, quoted }, rest))
}
