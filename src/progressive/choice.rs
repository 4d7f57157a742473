//! Choice: which tracks of a stream go into a file: the leading pictures and the first sound that fit.

use super::error::Incompatible;
use crate::media::{Track, TrackId, TrackKind};

/// The tracks of a file: at most one of pictures and one of sound, pictures first, with what a format made of each.
#[derive(Debug)]
pub(super) struct Choice<T>(pub(super) Vec<(Track, T)>);

impl<T> Choice<T> {
    /// Of each kind the first track that `fit` takes. A stream that lacks a kind has none of it here either.
    ///
    /// # Errors
    /// What `fit` says of the first track of a kind when it takes none of them.
    pub(super) fn of(
        tracks: &[Track],
        mut fit: impl FnMut(&Track) -> Result<T, Incompatible>,
    ) -> Result<Self, Incompatible> {
        let mut chosen = Vec::with_capacity(2);
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let mut refused = None;
            for track in tracks.iter().filter(|track| track.id.kind == kind) {
                match fit(track) {
                    Ok(fitted) => {
                        chosen.push((track.clone(), fitted));
                        refused = None;
                        break;
                    }
                    Err(why) => refused = refused.or(Some(why)),
                }
            }
            if let Some(why) = refused {
                return Err(why);
            }
        }
        if chosen.is_empty() { Err(Incompatible::Nothing) } else { Ok(Self(chosen)) }
    }

    /// The tracks alone.
    pub(super) fn tracks(&self) -> Vec<&Track> {
        self.0.iter().map(|(track, _)| track).collect()
    }

    /// The place of a track in the choice, 0 for the one whose keyframes begin chunks.
    pub(super) fn place(&self, id: TrackId) -> Option<usize> {
        self.0.iter().position(|(track, _)| track.id == id)
    }

    /// Whether the same decoders go on under `other`.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.tracks() == other.tracks()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::{AudioCodec, AudioConfig, CodecConfig, Timescale};
    use crate::progressive::Format;

    fn sound(index: u8, codec: AudioCodec) -> Track {
        let config = AudioConfig {
            codec,
            record: Bytes::new(),
            codecs: format!("{codec:?}"),
            sample_rate: Timescale::OPUS,
            channels: 2,
            frame_samples: 1_024,
        };
        let id = TrackId { kind: TrackKind::Audio, index };
        Track { id, config: CodecConfig::Audio(config) }
    }

    fn all_but(refused: &str, track: &Track) -> Result<(), Incompatible> {
        let codecs = track.config.codecs().to_owned();
        match codecs == refused {
            true => Err(Incompatible::Codec { format: Format::Ts, track: track.id, codecs, reason: "no" }),
            false => Ok(()),
        }
    }

    #[test]
    fn the_first_of_a_kind_that_fits_is_taken_and_a_kind_of_which_none_fits_refuses_all() {
        let tracks = [sound(0, AudioCodec::Flac), sound(1, AudioCodec::Aac), sound(2, AudioCodec::Aac)];
        let choice = Choice::of(&tracks, |track| all_but("Flac", track)).unwrap();
        assert_eq!(choice.tracks(), [&tracks[1]]);
        assert_eq!((choice.place(tracks[1].id), choice.place(tracks[0].id)), (Some(0), None));
        let none = Choice::of(&tracks[..1], |track| all_but("Flac", track)).unwrap_err();
        assert_eq!(none.to_string(), "MPEG-TS cannot carry track a0 (Flac): no");
        assert!(matches!(Choice::of(&[], |track| all_but("", track)), Err(Incompatible::Nothing)));
    }
}
