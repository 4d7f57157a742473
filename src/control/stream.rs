//! Streams as an operator declares them.

use std::time::Duration;

use super::key::KeyHash;
use crate::live::Takeover;
use crate::media::StreamName;

/// A stream and who may publish to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStream {
    /// Its public name.
    pub name: StreamName,
    /// Hashes of its keys.
    pub keys: Vec<KeyHash>,
}

/// What one stream says of its publishers, where it differs from the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long it waits for a publisher that dropped.
    pub grace: Option<Duration>,
    /// What a publisher has to yield to.
    pub takeover: Option<Takeover>,
    /// What listeners are told of its audio tracks, the first one's first.
    pub audio: Vec<Voice>,
}

/// What listeners are told of an audio track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Its language, as an RFC 5646 tag.
    pub language: String,
    /// Its name for people.
    pub name: Option<String>,
}

impl Voice {
    const MAX_NAME: usize = 64;

    /// Reads `LANGUAGE`, or `LANGUAGE NAME`: `de`, `pt-BR Comentário`.
    pub fn parse(text: &str) -> Option<Self> {
        let (language, name) = text.split_once(' ').unwrap_or((text, ""));
        let subtag =
            |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
        let primary = language.split('-').next().unwrap_or_default();
        let tag = primary.len() >= 2
            && primary.bytes().all(|b| b.is_ascii_alphabetic())
            && language.len() <= 35
            && language.split('-').all(subtag);
        let name = name.trim();
        let plain =
            name.chars().count() <= Self::MAX_NAME && !name.chars().any(|c| c.is_control() || c == '"');
        (tag && plain).then(|| Self {
            language: language.to_owned(),
            name: (!name.is_empty()).then(|| name.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_a_language_and_perhaps_a_name() {
        let read = |text| Voice::parse(text).map(|voice| (voice.language, voice.name));
        assert_eq!(read("de"), Some(("de".into(), None)));
        assert_eq!(read("pt-BR Com vista"), Some(("pt-BR".into(), Some("Com vista".into()))));
        assert_eq!(read("zh-Hant-TW "), Some(("zh-Hant-TW".into(), None)));
        for text in
            ["", " de", "d", "de_DE", "de--DE", "12", "Deutsch, laut", "de a\"b", "de a\nb", "verylongtag"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("en {}", "x".repeat(65))), None);
    }
}
