//! Format: what an endless file is, and which path names one.

use std::fmt;

use crate::media::StreamName;

/// What an endless file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Fragmented MP4 with pictures and sound in one file.
    Mp4,
    /// FLV; codecs beyond H.264, AAC and MP3 by Enhanced RTMP.
    Flv,
    /// An MPEG-2 transport stream of one programme.
    Ts,
    /// The messages of an RTMP play in chunks: no file, but as endless as one.
    Rtmp,
}

impl Format {
    /// What `path` names as an endless file:
    ///
    /// ```text
    /// /live/NAME.mp4, /live/NAME.flv, /live/NAME.ts
    /// ```
    ///
    /// A name may itself hold dots and slashes: only the last ending counts, so that stream `a.mp4` is
    /// `/live/a.mp4.mp4` here. Where the path of an HLS resource looks the same (`/live/a/thumb.mp4`, or an init
    /// section), that one is meant: whoever serves both asks the `hls` room first. The path is taken as it stands:
    /// nothing in it needs percent-encoding.
    pub fn parse(path: &str) -> Option<(Self, StreamName)> {
        let (name, ending) = path.strip_prefix("/live/")?.rsplit_once('.')?;
        let format = match ending {
            "mp4" => Self::Mp4,
            "flv" => Self::Flv,
            "ts" => Self::Ts,
            _ => return None,
        };
        Some((format, StreamName::parse(name).ok()?))
    }

    /// What HTTP calls it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::Flv | Self::Rtmp => "video/x-flv",
            Self::Ts => "video/mp2t",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mp4 => "MP4",
            Self::Flv => "FLV",
            Self::Ts => "MPEG-TS",
            Self::Rtmp => "RTMP",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ending_is_the_format_and_the_rest_the_name() {
        for (path, format, name) in [
            ("/live/cam.mp4", Format::Mp4, "cam"),
            ("/live/a/b/c/d.flv", Format::Flv, "a/b/c/d"),
            ("/live/cam.ts", Format::Ts, "cam"),
            ("/live/a.mp4.mp4", Format::Mp4, "a.mp4"),
            ("/live/a.flv.ts", Format::Ts, "a.flv"),
            ("/live/thumb.mp4", Format::Mp4, "thumb"),
        ] {
            assert_eq!(Format::parse(path), Some((format, StreamName::parse(name).unwrap())), "{path}");
        }
    }

    #[test]
    fn every_other_path_names_no_endless_file() {
        for path in [
            "/live/cam",
            "/live/cam.m3u8",
            "/live/cam.MP4",
            "/live/.mp4",
            "/live/a/.ts",
            "/live/cam.mp4/",
            "/live/a.mp4/index.m3u8",
            "/live/a%2fb.flv",
            "/live/../a.flv",
            "/watch/cam.mp4",
            "live/cam.mp4",
            "",
        ] {
            assert_eq!(Format::parse(path), None, "{path}");
        }
    }
}
