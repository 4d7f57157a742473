//! Playlists as a strict player reads them: what is not understood, or breaks a rule, fails.

use std::collections::BTreeMap;

/// Attributes by name.
pub(crate) type Attributes = BTreeMap<String, String>;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) independent: bool,
    pub(crate) gap: bool,
}

/// A segment; the open one has no URI.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Segment {
    pub(crate) msn: u64,
    pub(crate) uri: Option<String>,
    pub(crate) duration: f64,
    pub(crate) map: String,
    /// Milliseconds of the day.
    pub(crate) date: Option<i64>,
    pub(crate) discontinuity: bool,
    pub(crate) gap: bool,
    pub(crate) parts: Vec<Part>,
}

/// One state of a media playlist.
#[derive(Debug, Clone, Default)]
pub(crate) struct Playlist {
    pub(crate) target: u64,
    pub(crate) part_target: f64,
    pub(crate) control: Attributes,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    /// The closed segments and, last, the open one when it has parts.
    pub(crate) segments: Vec<Segment>,
    pub(crate) hint: Option<String>,
    pub(crate) reports: Vec<Attributes>,
    pub(crate) ended: bool,
}

impl Playlist {
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("#EXTM3U"), "{text}");
        let (mut list, mut open, mut map) = (Self::default(), Segment::default(), String::new());
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for line in lines {
            assert!(!line.is_empty() && line.trim() == line, "stray space in {line:?}");
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            if !["#EXTINF", "#EXT-X-PART", "#EXT-X-MAP", "#EXT-X-PROGRAM-DATE-TIME"].contains(&tag) {
                *seen.entry(tag.to_owned()).or_default() += 1;
            }
            match tag {
                "#EXT-X-VERSION" => assert_eq!(value, "6"),
                "#EXT-X-INDEPENDENT-SEGMENTS" => {}
                "#EXT-X-TARGETDURATION" => list.target = value.parse().unwrap(),
                "#EXT-X-SERVER-CONTROL" => list.control = attributes(value),
                "#EXT-X-PART-INF" => list.part_target = attributes(value)["PART-TARGET"].parse().unwrap(),
                "#EXT-X-MEDIA-SEQUENCE" => list.media_sequence = value.parse().unwrap(),
                "#EXT-X-DISCONTINUITY-SEQUENCE" => list.discontinuity_sequence = value.parse().unwrap(),
                "#EXT-X-MAP" => map = attributes(value)["URI"].clone(),
                "#EXT-X-PROGRAM-DATE-TIME" => {
                    assert!(open.parts.is_empty(), "the date comes before the parts");
                    open.date = Some(time_of_day(value));
                }
                "#EXT-X-DISCONTINUITY" => open.discontinuity = true,
                "#EXT-X-GAP" => open.gap = true,
                "#EXT-X-PART" => open.parts.push(part(&attributes(value))),
                "#EXTINF" => open.duration = value.strip_suffix(',').unwrap().parse().unwrap(),
                "#EXT-X-PRELOAD-HINT" => {
                    let attributes = attributes(value);
                    assert_eq!(attributes["TYPE"], "PART");
                    list.hint = Some(attributes["URI"].clone());
                }
                "#EXT-X-RENDITION-REPORT" => list.reports.push(attributes(value)),
                "#EXT-X-ENDLIST" => list.ended = true,
                uri if !uri.starts_with('#') => {
                    open.uri = Some(line.to_owned());
                    list.close(std::mem::take(&mut open), &map);
                }
                other => panic!("unknown tag {other}"),
            }
        }
        if !open.parts.is_empty() {
            list.close(open, &map);
        }
        for (tag, count) in seen.iter().filter(|(tag, _)| tag.starts_with('#')) {
            let once =
                !["#EXT-X-RENDITION-REPORT", "#EXT-X-DISCONTINUITY", "#EXT-X-GAP"].contains(&tag.as_str());
            assert!(!once || *count == 1, "{tag} stands {count} times");
        }
        list.check();
        list
    }

    fn close(&mut self, mut segment: Segment, map: &str) {
        segment.msn = self.media_sequence + self.segments.len() as u64;
        segment.map = map.to_owned();
        self.segments.push(segment);
    }

    /// Position of the last part listed, or that would follow the last segment.
    pub(crate) fn next(&self) -> (u64, usize) {
        match self.segments.last() {
            Some(open) if open.uri.is_none() => (open.msn, open.parts.len()),
            Some(last) => (last.msn + 1, 0),
            None => (self.media_sequence, 0),
        }
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.segments.iter().flat_map(|segment| &segment.parts)
    }

    /// Every promise that one state can be held to.
    fn check(&self) {
        assert!(self.target >= 1 && self.part_target > 0.0);
        assert_eq!(self.control["CAN-BLOCK-RELOAD"], "YES");
        let hold: f64 = self.control["PART-HOLD-BACK"].parse().unwrap();
        assert!(hold >= 3.0 * self.part_target - 1e-9, "PART-HOLD-BACK {hold}");
        let hold: f64 =
            self.control.get("HOLD-BACK").map_or(3.0 * self.target as f64, |text| text.parse().unwrap());
        assert!(hold >= 3.0 * self.target as f64);
        assert_eq!(self.hint.is_some(), !self.ended, "a hint until the end, and none after");
        for segment in &self.segments {
            assert!(segment.date.is_some() && !segment.map.is_empty(), "{segment:?}");
            assert!(segment.duration.round() as u64 <= self.target, "{segment:?}");
            let closed = segment.uri.is_some();
            let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
            let near = (sum - segment.duration).abs() < 1e-4;
            assert!(!closed || segment.parts.is_empty() || near, "parts of {sum} s: {segment:?}");
            for (n, part) in segment.parts.iter().enumerate() {
                assert!(part.duration <= self.part_target, "{part:?}");
                let last = closed && n + 1 == segment.parts.len();
                let next_gap = segment.parts.get(n + 1).is_some_and(|next| next.gap);
                let exempt = last || part.independent || part.gap || next_gap;
                // The newest part of an open segment may turn out to be its last.
                let newest = !closed && n + 1 == segment.parts.len();
                assert!(exempt || newest || part.duration >= 0.85 * self.part_target, "{part:?}");
            }
        }
        for pair in self.segments.windows(2) {
            let apart = (pair[1].date.unwrap() - pair[0].date.unwrap()).rem_euclid(86_400_000);
            let off = apart as f64 - pair[0].duration * 1_000.0;
            assert!(off.abs() < 1.5, "dates {apart} ms apart, a segment of {} s", pair[0].duration);
        }
        if self.media_sequence > 1 {
            let listed: f64 = self.segments.iter().map(|segment| segment.duration).sum();
            assert!(listed >= 3.0 * self.target as f64, "only {listed} s listed");
        }
    }

    /// Checks that `next` may follow this state (RFC 8216bis §6.2.1).
    pub(crate) fn check_next(&self, next: &Self) {
        let constants = |list: &Self| (list.target, list.part_target.to_bits(), list.control.clone());
        assert_eq!(constants(self), constants(next), "a constant changed");
        assert!(next.media_sequence >= self.media_sequence);
        assert!(next.discontinuity_sequence >= self.discontinuity_sequence);
        assert!(self.next() <= next.next(), "it goes back from {:?} to {:?}", self.next(), next.next());
        for old in &self.segments {
            let Some(new) = next.segments.iter().find(|new| new.msn == old.msn) else {
                assert!(old.msn < next.media_sequence, "segment {} went out of the middle", old.msn);
                continue;
            };
            let head =
                |segment: &Segment| (segment.map.clone(), segment.date, segment.discontinuity, segment.gap);
            assert_eq!(head(old), head(new), "segment {} was rewritten", old.msn);
            if old.uri.is_some() {
                assert_eq!((&old.uri, old.duration.to_bits()), (&new.uri, new.duration.to_bits()));
                assert!(new.parts.is_empty() || new.parts == old.parts);
            } else {
                let grown = new.parts.get(..old.parts.len()) == Some(&old.parts[..]);
                assert!(new.parts.is_empty() && new.uri.is_some() || grown, "parts were rewritten");
            }
        }
    }
}

/// `NAME=value,NAME="text"` (RFC 8216bis §4.2).
pub(crate) fn attributes(text: &str) -> Attributes {
    let (mut out, mut rest) = (Attributes::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').expect(text);
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect(text),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        assert!(out.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice in {text}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    out
}

fn part(attributes: &Attributes) -> Part {
    let yes = |name: &str| attributes.get(name).is_some_and(|value| value == "YES");
    Part {
        uri: attributes["URI"].clone(),
        duration: attributes["DURATION"].parse().unwrap(),
        independent: yes("INDEPENDENT"),
        gap: yes("GAP"),
    }
}

/// Milliseconds of the day in `2026-11-21T09:30:02.000Z`.
fn time_of_day(text: &str) -> i64 {
    let time = text.strip_suffix('Z').and_then(|text| text.split_once('T')).expect(text).1;
    let (seconds, millis) = time.split_once('.').expect(text);
    let seconds = seconds.split(':').fold(0, |sum, number| sum * 60 + number.parse::<i64>().unwrap());
    seconds * 1_000 + millis.parse::<i64>().unwrap()
}
