//! Request: what is asked of one rendition, and the delivery directives in its query.

use std::borrow::Cow;

use super::route::File;

/// A request for one file of one rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which file.
    pub file: File,
    /// Its delivery directives; they mean something for playlists only.
    pub directives: Directives,
    /// Whether a gzip body is acceptable.
    pub gzip: bool,
    /// Whether the player knows segments only, and gives up on a playlist without one.
    pub whole_segments: bool,
}

/// The delivery directives of a query (§6.2.5): `_HLS_msn`, `_HLS_part` and `_HLS_skip`.
///
/// Names and values are percent-decoded first, since `%5fHLS_msn` is the same name (RFC 3986 §2.3).
/// Order does not matter. Every other parameter is ignored, unknown `_HLS_` ones included.
///
/// A malformed directive is remembered, not refused: after ENDLIST directives are ignored altogether,
/// so only `answer` can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    state: State,
    skip: Skip,
}

/// What a playlist may leave out because the client has it: `_HLS_skip` (§6.2.5.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Skip {
    /// Nothing.
    #[default]
    Nothing,
    /// `YES`: older segments.
    Segments,
    /// `v2`: older segments, and date ranges that were added long ago.
    DateRanges,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    None,
    At {
        msn: u64,
        part: Option<u64>,
    },
    Malformed,
}

/// The directives do not follow their grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Directives {
    /// No directives.
    pub const NONE: Self = Self { state: State::None, skip: Skip::Nothing };

    /// Reads the query part of a request target, without its `?`.
    pub fn parse(query: Option<&str>) -> Self {
        let query = query.unwrap_or("");
        let state = Self::read(query).unwrap_or(State::Malformed);
        Self { state, skip: Self::read_skip(query) }
    }

    /// A full playlist is right for everybody: what is not understood, or said twice, asks for that.
    fn read_skip(query: &str) -> Skip {
        let mut values = query.split('&').filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            (decoded(name) == "_HLS_skip").then(|| decoded(value))
        });
        match (values.next().as_deref(), values.next()) {
            (Some("YES"), None) => Skip::Segments,
            (Some("v2"), None) => Skip::DateRanges,
            _ => Skip::Nothing,
        }
    }

    fn read(query: &str) -> Option<State> {
        let (mut msn, mut part) = (None, None);
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let slot = match &*decoded(name) {
                "_HLS_msn" => &mut msn,
                "_HLS_part" => &mut part,
                _ => continue,
            };
            // The same directive twice has no one meaning, and caches on the way may each pick another.
            if slot.replace(decimal(&decoded(value))?).is_some() {
                return None;
            }
        }
        match (msn, part) {
            (Some(msn), part) => Some(State::At { msn, part }),
            (None, None) => Some(State::None),
            // A part of which segment? (§6.2.5.2)
            (None, Some(_)) => None,
        }
    }

    /// Media sequence number and part index, if the query asks to wait for any.
    pub(super) fn position(self) -> Result<Option<(u64, Option<u64>)>, Malformed> {
        match self.state {
            State::None => Ok(None),
            State::At { msn, part } => Ok(Some((msn, part))),
            State::Malformed => Err(Malformed),
        }
    }

    /// What may be left out of the playlist.
    pub(super) fn skip(self) -> Skip {
        self.skip
    }
}

/// A decimal-integer (§4.2): digits alone, up to 2^64 - 1.
fn decimal(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Percent-decoded; what is not a valid escape, or not UTF-8 when decoded, stays as it is and so
/// matches nothing.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let nibbles = (hex(ahead.next()), hex(ahead.next()));
        match (byte, nibbles) {
            (b'%', (Some(high), Some(low))) => {
                out.push((high << 4) | low);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Result<Option<(u64, Option<u64>)>, Malformed> {
        Directives::parse(Some(query)).position()
    }

    #[test]
    fn directives_are_read_in_any_order_and_spelling() {
        assert_eq!(Directives::parse(None), Directives::NONE);
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("_HLS_msn=7"), Ok(Some((7, None))));
        assert_eq!(read("_HLS_part=0&_HLS_msn=18446744073709551615"), Ok(Some((u64::MAX, Some(0)))));
        assert_eq!(read("%5fHLS_msn=7&_%48LS%5Fpart=%31%30"), Ok(Some((7, Some(10)))));
        assert_eq!(read("_HLS_msn=007"), Ok(Some((7, None))));
    }

    /// Hostile case 60: other parameters change nothing.
    #[test]
    fn unknown_parameters_are_ignored() {
        for query in
            ["_HLS_skip=YES", "_HLS_skip=v2&_HLS_skip=x", "_HLS_x=-1", "_hls_msn=x", "utm=1&token=%", "&&="]
        {
            assert_eq!(read(query), Ok(None), "{query}");
            assert_eq!(read(&format!("{query}&_HLS_msn=3")), Ok(Some((3, None))), "{query}");
        }
    }

    /// Hostile case 60: a skip that is not understood, or said twice, is none; a position stays what it is.
    #[test]
    fn a_skip_is_read_in_any_spelling_and_never_makes_a_query_malformed() {
        for (query, skip) in [
            ("_HLS_skip=YES", Skip::Segments),
            ("_HLS_skip=v2", Skip::DateRanges),
            ("utm=1&%5FHLS_skip=%59ES", Skip::Segments),
            ("", Skip::Nothing),
            ("_HLS_skip", Skip::Nothing),
            ("_HLS_skip=", Skip::Nothing),
            ("_HLS_skip=yes", Skip::Nothing),
            ("_HLS_skip=V2", Skip::Nothing),
            ("_HLS_skip=v3", Skip::Nothing),
            ("_HLS_skip=YES&_HLS_skip=v2", Skip::Nothing),
            ("_HLS_skip=YES&_HLS_skip=YES", Skip::Nothing),
        ] {
            let both = Directives::parse(Some(&format!("_HLS_part=1&{query}&_HLS_msn=3")));
            assert_eq!(both.skip(), skip, "{query}");
            assert_eq!(both.position(), Ok(Some((3, Some(1)))), "{query}");
            assert_eq!(Directives::parse(Some(query)).skip(), skip, "{query}");
        }
    }

    /// Hostile case 55: what is not a decimal integer, or stands twice, or alone.
    #[test]
    fn malformed_directives_are_remembered() {
        for query in [
            "_HLS_msn",
            "_HLS_msn=",
            "_HLS_msn=-1",
            "_HLS_msn=+1",
            "_HLS_msn=1.0",
            "_HLS_msn=0x1",
            "_HLS_msn=1e3",
            "_HLS_msn=%201",
            "_HLS_msn=1+",
            "_HLS_msn=18446744073709551616",
            "_HLS_msn=a",
            "_HLS_msn=1&_HLS_msn=1",
            "_HLS_msn=1&%5fHLS_msn=2",
            "_HLS_part=1",
            "_HLS_msn=1&_HLS_part=",
            "_HLS_msn=1&_HLS_part=0&_HLS_part=0",
            "_HLS_msn=%f",
            "_HLS_msn=%ff",
            "_HLS_msn=\u{661}",
        ] {
            assert_eq!(read(query), Err(Malformed), "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_a_panic(query in "(\\PC|%|&|=|_HLS_msn|[0-9]){0,40}") {
            let _either = read(&query);
        }
    }
}
