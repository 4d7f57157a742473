//! Stream names: parsed once, bounded, safe in URLs, paths, logs and metrics.

use std::fmt;
use std::sync::Arc;

/// A stream's name: one to four segments of `[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}` joined by `/`.
///
/// Names reach disks, URLs, logs and metrics, so nothing else is let in; case is kept. Cloning shares.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

/// Why a text is not a stream name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or nothing between two slashes.
    #[error("stream name is empty or has an empty segment")]
    Empty,
    /// More than four segments.
    #[error("stream name has more than 4 segments")]
    TooDeep,
    /// A segment over 64 characters.
    #[error("stream name has a segment of more than 64 characters")]
    TooLong,
    /// A character outside the set, or a segment that starts with a dot.
    #[error("stream name may use only letters, digits, '_', '-' and, after the first character, '.'")]
    Character,
}

impl StreamName {
    const MAX_SEGMENTS: usize = 4;
    const MAX_SEGMENT: usize = 64;

    /// Checks `text` and takes it as a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        for (depth, segment) in text.split('/').enumerate() {
            if depth >= Self::MAX_SEGMENTS {
                return Err(NameError::TooDeep);
            }
            let first = segment.bytes().next().ok_or(NameError::Empty)?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
            if !plain(first) || !segment.bytes().all(|b| plain(b) || b == b'.') {
                return Err(NameError::Character);
            }
            if segment.len() > Self::MAX_SEGMENT {
                return Err(NameError::TooLong);
            }
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamName({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_are_kept_as_they_are() {
        for name in ["main", "Cam_1080-A.b", "a/b/c/d", "_x", "-x", &"n".repeat(64)] {
            assert_eq!(StreamName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn bad_names_say_why() {
        let long = "n".repeat(65);
        for (name, why) in [
            ("", NameError::Empty),
            ("a//b", NameError::Empty),
            ("a/", NameError::Empty),
            (".", NameError::Character),
            ("a/../../b", NameError::Character),
            ("%2e%2e", NameError::Character),
            ("a\0b", NameError::Character),
            ("a\r\nb", NameError::Character),
            ("a b", NameError::Character),
            ("caf\u{e9}", NameError::Character),
            ("\u{1F3A5}", NameError::Character),
            ("a/b/c/d/e", NameError::TooDeep),
            (&long, NameError::TooLong),
        ] {
            assert_eq!(StreamName::parse(name), Err(why), "{name:?}");
        }
    }
}
