//! Route: which resource a path names. One path has one meaning, and one resource one canonical path.

use std::fmt;
use std::str::FromStr;

use crate::media::{StreamName, TrackId, TrackKind};

/// What a path under `/live/` names.
///
/// ```text
/// /live/NAME/index.m3u8                           the multivariant playlist
/// /live/NAME/master.m3u8, /live/NAME.m3u8         the same
/// /live/NAME/thumb.mp4                            the newest key picture
/// /live/NAME/encoder.json                         what the encoder tells of itself
/// /live/NAME/GENERATION/RENDITION/media.m3u8      a rendition's media playlist
///                                /iframe.m3u8     its I-frame playlist, of video
///                                /init-N.mp4      its init sections
///                                /part-N.m4s      its parts
///                                /seg-N.m4s       its segments
/// ```
///
/// A name may itself end in what looks like a file (`x.m3u8`, `a/index`). The forms are tried in the
/// order `index`/`master`, media, `NAME.m3u8`, so that the first form reaches every name there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A stream's multivariant playlist.
    Multivariant(StreamName),
    /// A stream's newest key picture.
    Thumbnail(StreamName),
    /// What a stream's encoder tells of itself.
    Encoder(StreamName),
    /// A file of one rendition of one generation.
    Media {
        /// The stream.
        name: StreamName,
        /// The generation: 12 lowercase hex characters.
        generation: String,
        /// The rendition.
        track: TrackId,
        /// The file.
        file: File,
    },
}

/// A file in a rendition's folder; prints as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum File {
    /// `media.m3u8`.
    Playlist,
    /// `iframe.m3u8`.
    IFrames,
    /// `init-N.mp4`: the init section with this number.
    Init(u32),
    /// `part-N.m4s`: the part with this number.
    Part(u64),
    /// `seg-N.m4s`: the segment with this media sequence number.
    Segment(u64),
}

impl File {
    /// Whether it is a playlist, and no media.
    pub fn is_playlist(self) -> bool {
        matches!(self, Self::Playlist | Self::IFrames)
    }
}

impl Route {
    /// Length of a generation's name.
    const GENERATION: usize = 12;

    /// What `path` names; `None` is a 404. The path is taken as it stands: nothing in it needs
    /// percent-encoding, so a path that has some is another path.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/live/")?;
        let (folder, file) = rest.rsplit_once('/').unwrap_or(("", rest));
        if matches!(file, "index.m3u8" | "master.m3u8") && !folder.is_empty() {
            return StreamName::parse(folder).ok().map(Self::Multivariant);
        }
        if file == "thumb.mp4" {
            return StreamName::parse(folder).ok().map(Self::Thumbnail);
        }
        if file == "encoder.json" {
            return StreamName::parse(folder).ok().map(Self::Encoder);
        }
        Self::media(folder, file).or_else(|| {
            let name = rest.strip_suffix(".m3u8")?;
            StreamName::parse(name).ok().map(Self::Multivariant)
        })
    }

    fn media(folder: &str, file: &str) -> Option<Self> {
        let file = File::parse(file)?;
        let (folder, track) = folder.rsplit_once('/')?;
        let (name, generation) = folder.rsplit_once('/')?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if generation.len() != Self::GENERATION || !generation.bytes().all(hex) {
            return None;
        }
        let (name, track) = (StreamName::parse(name).ok()?, track_id(track)?);
        if file == File::IFrames && track.kind != TrackKind::Video {
            return None;
        }
        Some(Self::Media { name, generation: generation.to_owned(), track, file })
    }
}

impl File {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "media.m3u8" => return Some(Self::Playlist),
            "iframe.m3u8" => return Some(Self::IFrames),
            _ => {}
        }
        let numbered = |prefix, suffix| name.strip_prefix(prefix).and_then(|n| n.strip_suffix(suffix));
        if let Some(number) = numbered("part-", ".m4s") {
            return canonical(number).map(Self::Part);
        }
        if let Some(number) = numbered("seg-", ".m4s") {
            return canonical(number).map(Self::Segment);
        }
        canonical(numbered("init-", ".mp4")?).map(Self::Init)
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Playlist => f.write_str("media.m3u8"),
            Self::IFrames => f.write_str("iframe.m3u8"),
            Self::Init(number) => write!(f, "init-{number}.mp4"),
            Self::Part(number) => write!(f, "part-{number}.m4s"),
            Self::Segment(msn) => write!(f, "seg-{msn}.m4s"),
        }
    }
}

/// A decimal number in the one form it is printed in: no sign, no leading zero. Two names for one
/// resource would be two entries in every cache on the way.
fn canonical<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits && (text == "0" || !text.starts_with('0')) { text.parse().ok() } else { None }
}

/// The inverse of `TrackId`'s `Display`.
fn track_id(text: &str) -> Option<TrackId> {
    let (kind, index) = if let Some(index) = text.strip_prefix('v') {
        (TrackKind::Video, index)
    } else {
        (TrackKind::Audio, text.strip_prefix('a')?)
    };
    Some(TrackId { kind, index: canonical(index)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn multivariant(name: &str) -> Option<Route> {
        Some(Route::Multivariant(StreamName::parse(name).unwrap()))
    }

    fn media(name: &str, track: TrackId, file: File) -> Option<Route> {
        let name = StreamName::parse(name).unwrap();
        Some(Route::Media { name, generation: "0123456789ab".into(), track, file })
    }

    #[test]
    fn the_three_names_of_a_multivariant_playlist_are_one() {
        for name in ["main", "a/b", "a/b/c/d", "x.m3u8", "a.b/c-d_e"] {
            for path in [format!("{name}/index.m3u8"), format!("{name}/master.m3u8"), format!("{name}.m3u8")]
            {
                assert_eq!(Route::parse(&format!("/live/{path}")), multivariant(name), "{path}");
            }
        }
    }

    #[test]
    fn a_name_that_looks_like_a_file_is_reached_by_its_canonical_path() {
        assert_eq!(Route::parse("/live/x.m3u8"), multivariant("x"));
        assert_eq!(Route::parse("/live/x.m3u8/index.m3u8"), multivariant("x.m3u8"));
        assert_eq!(Route::parse("/live/index.m3u8"), multivariant("index"));
        assert_eq!(Route::parse("/live/a/index.m3u8"), multivariant("a"));
        assert_eq!(Route::parse("/live/a/index/index.m3u8"), multivariant("a/index"));
        assert_eq!(Route::parse("/live/a/index.m3u8/index.m3u8"), multivariant("a/index.m3u8"));
        let clash = "a/0123456789ab/v0/media";
        assert_eq!(Route::parse(&format!("/live/{clash}.m3u8")), media("a", TrackId::VIDEO, File::Playlist));
        assert_eq!(Route::parse(&format!("/live/{clash}/index.m3u8")), multivariant(clash));
        assert_eq!(Route::parse("/live/a/0123456789ab/v0/x.m3u8"), multivariant("a/0123456789ab/v0/x"));
    }

    #[test]
    fn a_thumbnail_has_one_path() {
        for name in ["main", "a/b/c/d", "thumb.mp4", "a/0123456789ab/v0"] {
            let want = Some(Route::Thumbnail(StreamName::parse(name).unwrap()));
            assert_eq!(Route::parse(&format!("/live/{name}/thumb.mp4")), want, "{name}");
            let want = StreamName::parse(name).ok().map(Route::Encoder);
            assert_eq!(Route::parse(&format!("/live/{name}/encoder.json")), want, "{name}");
        }
    }

    #[test]
    fn files_of_a_rendition_are_told_apart() {
        let at = |rest: &str| Route::parse(&format!("/live/a/b/c/d/0123456789ab/{rest}"));
        assert_eq!(at("v0/media.m3u8"), media("a/b/c/d", TrackId::VIDEO, File::Playlist));
        assert_eq!(at("v0/iframe.m3u8"), media("a/b/c/d", TrackId::VIDEO, File::IFrames));
        assert_eq!(at("a0/init-7.mp4"), media("a/b/c/d", TrackId::AUDIO, File::Init(7)));
        assert_eq!(at("v0/part-0.m4s"), media("a/b/c/d", TrackId::VIDEO, File::Part(0)));
        let second = TrackId { kind: TrackKind::Audio, index: 12 };
        assert_eq!(at("a12/seg-18446744073709551615.m4s"), media("a/b/c/d", second, File::Segment(u64::MAX)));
    }

    #[test]
    fn every_other_path_names_nothing() {
        for path in [
            "",
            "/",
            "/live",
            "/live/",
            "/live/.m3u8",
            "/live//index.m3u8",
            "/live/a",
            "/live/a/",
            "/live/a/index.m3u8/",
            "/live/thumb.mp4",
            "/live//thumb.mp4",
            "/live/a/b/c/d/e/thumb.mp4",
            "/live/a/b/c/d/e/index.m3u8",
            "/live/a/b/c/d/e.m3u8",
            "/live/../a.m3u8",
            "/live/a%2fb.m3u8",
            "/live/a/../b/index.m3u8",
            "live/a.m3u8",
            "/LIVE/a.m3u8",
            "/live/0123456789ab/v0/part-1.m4s",
            "/live/a/0123456789aB/v0/part-1.m4s",
            "/live/a/0123456789a/v0/part-1.m4s",
            "/live/a/0123456789abc/v0/part-1.m4s",
            "/live/a/b/c/0123456789ab/a0/iframe.m3u8",
            "/live/a/0123456789ab/v00/part-1.m4s",
            "/live/a/0123456789ab/v/part-1.m4s",
            "/live/a/0123456789ab/v256/part-1.m4s",
            "/live/a/0123456789ab/s0/part-1.m4s",
            "/live/a/0123456789ab/v0/part-01.m4s",
            "/live/a/0123456789ab/v0/part-+1.m4s",
            "/live/a/0123456789ab/v0/part-.m4s",
            "/live/a/0123456789ab/v0/part--1.m4s",
            "/live/a/0123456789ab/v0/part-1.mp4",
            "/live/a/0123456789ab/v0/seg-1",
            "/live/a/0123456789ab/v0/init-4294967296.mp4",
            "/live/a/0123456789ab/v0/part-18446744073709551616.m4s",
        ] {
            assert_eq!(Route::parse(path), None, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_file_name_is_read_back(number in any::<u64>(), init in any::<u32>()) {
            for file in [File::Playlist, File::IFrames, File::Init(init), File::Part(number), File::Segment(number)] {
                prop_assert_eq!(File::parse(&file.to_string()), Some(file));
            }
        }

        #[test]
        fn any_path_is_a_route_or_none_without_a_panic(path in "/live/(\\PC|/|\\.m3u8|index|v0|0123456789ab){0,40}") {
            let _either = Route::parse(&path);
        }
    }
}
