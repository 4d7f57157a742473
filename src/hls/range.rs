//! Range: which bytes of a body a request selects (RFC 9110 §14).

use std::ops::Range;

/// What a Range header selects of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of it: 200.
    Whole,
    /// These bytes, at least one: 206.
    Bytes(Range<u64>),
    /// None that exist: 416.
    Unsatisfiable,
}

impl Selection {
    /// Reads Range for a body of `len` bytes that has `etag`.
    ///
    /// One range is honoured. Several are answered with the whole body, which is always allowed (§14.2)
    /// and cannot be made to cost more than it; so are malformed and inverted ones. If-Range that names
    /// another validator voids the range (§13.1.5).
    pub fn parse(range: Option<&str>, if_range: Option<&str>, etag: Option<&str>, len: u64) -> Self {
        if if_range.is_some() && if_range.map(str::trim) != etag {
            return Self::Whole;
        }
        range.and_then(|range| Self::one(range, len)).unwrap_or(Self::Whole)
    }

    fn one(range: &str, len: u64) -> Option<Self> {
        let (unit, spec) = range.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = spec.trim().split_once('-')?;
        let bytes = match (position(first)?, position(last)?) {
            (None, None) => return None,
            // The last `suffix` bytes.
            (None, Some(suffix)) => len.saturating_sub(suffix)..len,
            (Some(first), None) => first..len,
            (Some(first), Some(last)) if first > last => return None,
            (Some(first), Some(last)) => first..last.saturating_add(1).min(len),
        };
        Some(if bytes.start < bytes.end { Self::Bytes(bytes) } else { Self::Unsatisfiable })
    }

    /// Content-Range for a body of `len` bytes: of a 206 and of a 416 (§14.4).
    pub fn content_range(&self, len: u64) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Bytes(bytes) => {
                Some(format!("bytes {}-{}/{len}", bytes.start, bytes.end.saturating_sub(1)))
            }
            Self::Unsatisfiable => Some(format!("bytes */{len}")),
        }
    }
}

/// A position, or none where nothing stands; `None` for what is neither. Past 2^64 is past the end.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    text.bytes().all(|b| b.is_ascii_digit()).then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn select(range: &str, len: u64) -> Selection {
        Selection::parse(Some(range), None, Some("\"x\""), len)
    }

    #[test]
    fn one_range_is_honoured() {
        for (range, want) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-99", 0..100),
            ("bytes=50-", 50..100),
            ("bytes=-30", 70..100),
            ("bytes=-500", 0..100),
            ("Bytes = 10-19", 10..20),
            ("bytes=10-9007199254740991", 10..100),
            ("bytes=10-99999999999999999999999", 10..100),
        ] {
            assert_eq!(select(range, 100), Selection::Bytes(want), "{range}");
        }
        assert_eq!(select("bytes=2-5", 100).content_range(100).as_deref(), Some("bytes 2-5/100"));
    }

    /// Hostile case 62: several ranges, inverted ones, ranges past the end.
    #[test]
    fn hostile_ranges_get_the_whole_body_or_416() {
        let many = format!("bytes={}0-1", "0-1,".repeat(1_000));
        for whole in [
            many.as_str(),
            "bytes=0-1,2-3",
            "bytes=5-4",
            "bytes=",
            "bytes=-",
            "bytes",
            "",
            "items=0-1",
            "bytes=a-b",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=0x1-2",
            "bytes=0-1;x",
        ] {
            assert_eq!(select(whole, 100), Selection::Whole, "{whole}");
        }
        for beyond in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(select(beyond, 100), Selection::Unsatisfiable, "{beyond}");
        }
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(Selection::Unsatisfiable.content_range(100).as_deref(), Some("bytes */100"));
    }

    #[test]
    fn a_range_of_something_else_is_void() {
        let range = |if_range, etag| Selection::parse(Some("bytes=0-0"), Some(if_range), etag, 9);
        assert_eq!(range("\"x\"", Some("\"x\"")), Selection::Bytes(0..1));
        assert_eq!(range("\"y\"", Some("\"x\"")), Selection::Whole);
        assert_eq!(range("W/\"x\"", Some("\"x\"")), Selection::Whole);
        assert_eq!(range("\"x\"", None), Selection::Whole);
    }

    proptest! {
        #[test]
        fn a_selection_is_never_empty_and_never_outside(range in "bytes=[0-9,-]{0,44}|\\PC{0,20}", len in any::<u64>()) {
            if let Selection::Bytes(bytes) = select(&range, len) {
                prop_assert!(bytes.start < bytes.end && bytes.end <= len);
            }
        }
    }
}
