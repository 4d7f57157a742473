//! Reading a media playlist, on after every fault, and judging it as it stands.

use super::attributes::Attributes;
use super::finding::{Finding, Findings, Place};
use super::lines::{Line, lines, text};
use super::listing::{Entry, Listing, PartTag};
use super::rule::Rule;
use super::tags::{Control, Hint, Report, Skip};
use super::{control, ends, parts, segments, versions};
use crate::m3u8::{Seconds, parse_date};

/// Reads a media playlist and holds it to every rule that one state alone can break.
pub fn media_playlist(bytes: &[u8]) -> (Listing, Vec<Finding>) {
    let mut findings = Findings::default();
    let text = text(bytes, &mut findings);
    let lines = lines(&text, &mut findings);
    let mut reader = Reader { findings, ..Reader::default() };
    for (number, line) in &lines {
        reader.line(*number, *line);
    }
    let (listing, mut findings) = reader.finish();
    versions::check(&listing, &lines, &mut findings);
    segments::check(&listing, &mut findings);
    parts::check(&listing, &mut findings);
    control::check(&listing, &mut findings);
    ends::check(&listing, &mut findings);
    (listing, findings.into_vec())
}

/// What stands once in a playlist (§4.4.3).
const ONCE: [&str; 12] = [
    "EXT-X-VERSION",
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-START",
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-ENDLIST",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-I-FRAMES-ONLY",
    "EXT-X-PART-INF",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-SKIP",
];

/// What has been read, and the segment whose URI has not come yet.
#[derive(Default)]
struct Reader<'a> {
    listing: Listing,
    findings: Findings,
    seen: Vec<&'a str>,
    entry: Entry,
    /// Whether anything was said of a segment whose URI has not come.
    begun: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, line: Line<'a>) {
        match line {
            Line::Uri(uri) => self.uri(number, uri),
            Line::Tag { name, value } => {
                if ONCE.contains(&name) {
                    if self.seen.contains(&name) {
                        self.findings.add(Rule::TagTwice, Place::line(number), name, "once");
                    }
                    self.seen.push(name);
                }
                self.head_tag(number, name, value);
            }
        }
    }

    fn head_tag(&mut self, number: usize, name: &str, value: &str) {
        match name {
            "EXT-X-VERSION" => self.listing.version = self.integer(number, name, value),
            "EXT-X-TARGETDURATION" => self.listing.target = self.integer(number, name, value),
            "EXT-X-MEDIA-SEQUENCE" => {
                self.early(number, name);
                self.listing.media_sequence = self.integer(number, name, value).unwrap_or(0);
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" => {
                self.early(number, name);
                self.listing.discontinuity_sequence = self.integer(number, name, value);
            }
            "EXT-X-PLAYLIST-TYPE" => {
                if !["EVENT", "VOD"].contains(&value) {
                    self.findings.add(Rule::TagMalformed, Place::line(number), value, "EVENT or VOD");
                }
                self.listing.kind = Some(value.to_owned());
            }
            "EXT-X-I-FRAMES-ONLY" => self.listing.iframes_only = true,
            "EXT-X-ENDLIST" => self.listing.ended = true,
            "EXT-X-SERVER-CONTROL" => {
                let list = Attributes::read(value, number, &mut self.findings);
                self.listing.control = Some(Control {
                    can_block_reload: list.yes("CAN-BLOCK-RELOAD"),
                    part_hold_back: list.seconds("PART-HOLD-BACK"),
                    hold_back: list.seconds("HOLD-BACK"),
                    can_skip_until: list.seconds("CAN-SKIP-UNTIL"),
                    can_skip_dateranges: list.yes("CAN-SKIP-DATERANGES"),
                });
            }
            "EXT-X-PART-INF" => {
                let list = Attributes::read(value, number, &mut self.findings);
                list.need("PART-TARGET", &mut self.findings);
                self.listing.part_target = list.seconds("PART-TARGET");
            }
            "EXT-X-SKIP" => self.skip(number, value),
            _ => self.segment_tag(number, name, value),
        }
    }

    fn segment_tag(&mut self, number: usize, name: &str, value: &str) {
        match name {
            "EXTINF" => {
                let span = value.split_once(',').map_or(value, |(span, _title)| span);
                if self.entry.duration.is_some() {
                    self.findings.add(Rule::Unpaired, Place::line(number), "EXTINF after EXTINF", "a URI");
                }
                self.entry.duration = Seconds::parse(span);
                if self.entry.duration.is_none() {
                    self.findings.add(Rule::TagMalformed, Place::line(number), value, "EXTINF:<decimal>,");
                }
            }
            "EXT-X-PART" => self.part(number, value),
            "EXT-X-DISCONTINUITY" => {
                self.before_parts(number, name);
                self.entry.discontinuity = true;
            }
            "EXT-X-KEY" => self.before_parts(number, name),
            "EXT-X-MAP" => {
                self.before_parts(number, name);
                let list = Attributes::read(value, number, &mut self.findings);
                let uri = list.need("URI", &mut self.findings).unwrap_or_default();
                let range = list.get("BYTERANGE").map(|range| format!("@{range}")).unwrap_or_default();
                self.entry.map = Some(format!("{uri}{range}"));
            }
            "EXT-X-PROGRAM-DATE-TIME" => {
                self.before_parts(number, name);
                self.entry.date = parse_date(value);
                if self.entry.date.is_none() {
                    self.findings.add(Rule::TagMalformed, Place::line(number), value, "an ISO 8601 date");
                }
            }
            "EXT-X-GAP" => self.entry.gap = true,
            "EXT-X-BYTERANGE" => self.entry.range = Some(value.to_owned()),
            _ => return self.other_tag(number, name, value),
        }
        self.begun = true;
        self.entry.line = number;
    }

    fn other_tag(&mut self, number: usize, name: &str, value: &str) {
        match name {
            "EXT-X-PRELOAD-HINT" => {
                let list = Attributes::read(value, number, &mut self.findings);
                let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
                let kind = text(list.need("TYPE", &mut self.findings));
                let uri = text(list.need("URI", &mut self.findings));
                let start = list.integer("BYTERANGE-START");
                self.listing.hints.push(Hint { line: number, kind, uri, start });
            }
            "EXT-X-RENDITION-REPORT" => {
                let list = Attributes::read(value, number, &mut self.findings);
                let uri = list.need("URI", &mut self.findings).unwrap_or_default().to_owned();
                let (last_msn, last_part) = (list.integer("LAST-MSN"), list.integer("LAST-PART"));
                self.listing.reports.push(Report { line: number, uri, last_msn, last_part });
            }
            "EXT-X-DATERANGE" => {
                let list = Attributes::read(value, number, &mut self.findings);
                let id = list.need("ID", &mut self.findings).unwrap_or_default().to_owned();
                let sorted = list.sorted();
                self.listing.dateranges.push((id, sorted));
            }
            "EXT-X-DEFINE" | "EXT-X-START" | "EXT-X-MEDIA" | "EXT-X-STREAM-INF" => {
                Attributes::read(value, number, &mut self.findings);
            }
            _ => {}
        }
    }

    fn skip(&mut self, number: usize, value: &str) {
        let list = Attributes::read(value, number, &mut self.findings);
        list.need("SKIPPED-SEGMENTS", &mut self.findings);
        let ids = |ids: &str| ids.split('\t').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        self.listing.skip = Some(Skip {
            segments: list.integer("SKIPPED-SEGMENTS").unwrap_or(0),
            removed_dateranges: list.get("RECENTLY-REMOVED-DATERANGES").map(ids),
        });
    }

    fn part(&mut self, number: usize, value: &str) {
        let list = Attributes::read(value, number, &mut self.findings);
        let uri = list.need("URI", &mut self.findings).unwrap_or_default().to_owned();
        list.need("DURATION", &mut self.findings);
        self.entry.parts.push(PartTag {
            line: number,
            duration: list.seconds("DURATION").unwrap_or_default(),
            uri,
            range: list.get("BYTERANGE").map(str::to_owned),
            independent: list.yes("INDEPENDENT"),
            gap: list.yes("GAP"),
        });
    }

    fn uri(&mut self, number: usize, uri: &str) {
        let mut entry = std::mem::take(&mut self.entry);
        self.begun = false;
        if entry.duration.is_none() {
            self.findings.add(
                Rule::Unpaired,
                Place::line(number),
                "a URI without EXTINF",
                "EXTINF before it",
            );
        }
        entry.line = number;
        entry.uri = Some(uri.to_owned());
        self.listing.entries.push(entry);
    }

    /// What applies to a segment applies to its parts, so it comes before them (§4.4.4.9).
    fn before_parts(&mut self, number: usize, name: &str) {
        if !self.entry.parts.is_empty() {
            self.findings.add(Rule::TagAfterPart, Place::line(number), name, "before the segment's parts");
        }
    }

    fn early(&mut self, number: usize, name: &str) {
        let begun = self.begun || !self.listing.entries.is_empty() || self.listing.skip.is_some();
        if begun {
            self.findings.add(Rule::SequenceLate, Place::line(number), name, "before the first segment");
        }
    }

    fn integer(&mut self, number: usize, name: &str, value: &str) -> Option<u64> {
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        let read = if digits { value.parse().ok() } else { None };
        if read.is_none() {
            let place = Place::line(number);
            self.findings.add(Rule::TagMalformed, place, format_args!("{name}:{value}"), "an integer");
        }
        read
    }

    fn finish(mut self) -> (Listing, Findings) {
        if self.entry.duration.is_some() {
            self.findings.add(Rule::Unpaired, Place::line(self.entry.line), "EXTINF without a URI", "a URI");
        }
        if self.begun {
            self.entry.duration = None;
            self.listing.entries.push(self.entry);
        }
        (self.listing, self.findings)
    }
}
