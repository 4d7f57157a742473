//! Urgency: the Priority field of each response (RFC 9218), so that what a player needs first is sent first when
//! its connection is narrow.
//!
//! ```text
//!   u=1  playlists: nothing goes on without the next one       (draft-pantos-hls-rfc8216bis-22 B.1)
//!   u=2  audio: small, and its gaps are heard
//!   u=3  video of the lowest bit rate; each higher one is less urgent, down to u=6, and so are thumbnails
//! ```

use crate::media::TrackKind;

use super::route::File;

/// The value of Priority for playlists, and for what is not there.
pub const URGENT: &str = "u=1";

/// The value of Priority for what no player waits for.
pub const LEISURELY: &str = "u=6";

/// The value of Priority for `file` of a rendition of `kind`, when `lower` others of its kind have a lower bit
/// rate: a higher bit rate is never more urgent than a lower one.
pub fn urgency(file: File, kind: TrackKind, lower: usize) -> &'static str {
    match (file, kind, lower) {
        (File::Playlist | File::IFrames, ..) => URGENT,
        (_, TrackKind::Audio, _) => "u=2",
        (_, TrackKind::Video, 0) => "u=3",
        (_, TrackKind::Video, 1) => "u=4",
        (_, TrackKind::Video, 2) => "u=5",
        (_, TrackKind::Video, _) => "u=6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playlists_come_first_then_sound_then_pictures_the_smaller_the_sooner() {
        for kind in [TrackKind::Audio, TrackKind::Video] {
            assert_eq!(urgency(File::Playlist, kind, 3), URGENT);
            assert_eq!(urgency(File::IFrames, kind, 3), URGENT);
        }
        for file in [File::Init(0), File::Part(7), File::Segment(1)] {
            let video: Vec<_> = (0..6).map(|lower| urgency(file, TrackKind::Video, lower)).collect();
            assert_eq!(video, ["u=3", "u=4", "u=5", "u=6", "u=6", "u=6"]);
            assert!(video.is_sorted() && urgency(file, TrackKind::Audio, 9) < video[0]);
        }
    }
}
