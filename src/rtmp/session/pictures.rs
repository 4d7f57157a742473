//! Pictures: a track of video, by whichever codec its packets name.

use bytes::Bytes;

use super::tracks::Seen;
use crate::codec::{Error, Video};
use crate::media::{Captions, CodecConfig, CodecLimits, Colour, VideoCodec, VideoConfig};

/// The track.
#[derive(Default)]
pub(super) struct Pictures {
    /// What is known, once there is a good configuration.
    known: Option<Known>,
    /// Captions that were seen so far.
    captions: Captions,
    /// Colour that was told beside the bitstream.
    told: Option<Colour>,
}

struct Known {
    codec: VideoCodec,
    record: Bytes,
    video: Video,
}

impl Pictures {
    /// Whether anything good was said of it.
    pub(super) fn known(&self) -> bool {
        self.known.is_some() || self.told.is_some()
    }

    /// Whether frames of `codec` can be read.
    pub(super) fn ready(&self, codec: VideoCodec) -> bool {
        self.known.as_ref().is_some_and(|known| known.codec == codec)
    }

    /// Takes a configuration record: a repetition of the one in force says nothing new, and a bad one leaves it in
    /// force. What is new, if it is known yet.
    pub(super) fn declare(
        &mut self,
        codec: VideoCodec,
        record: Bytes,
        limits: &CodecLimits,
    ) -> Result<Option<CodecConfig>, Error> {
        if self.known.as_ref().is_some_and(|known| known.codec == codec && known.record == record) {
            return Ok(None);
        }
        let video = Video::parse(codec, record.clone(), limits)?;
        let config = video.config().map(|config| tinted(config, self.told));
        self.known = Some(Known { codec, record, video });
        Ok(config)
    }

    /// Checks a frame, which its tag may have `declared` to be a key frame: that is believed only where nothing says
    /// otherwise, since some encoders say so of every frame. `None` while nobody can use it: what it takes to
    /// describe the track has not come yet.
    pub(super) fn see(
        &mut self,
        payload: Bytes,
        declared: bool,
        limits: &CodecLimits,
    ) -> Result<Option<Seen>, Error> {
        let Some(Known { video, .. }) = &mut self.known else { return Ok(None) };
        let picture = video.take(payload, declared, limits)?;
        let Some(config) = video.config() else { return Ok(None) };
        let config = picture.reconfigured.then(|| tinted(config, self.told));
        let all = self.captions.with(picture.captions);
        let captions = (std::mem::replace(&mut self.captions, all) != all).then_some(all);
        let report = picture.report;
        Ok(Some(Seen { key: picture.key, payload: picture.payload, config, captions, report }))
    }

    /// Takes what colour was told beside the bitstream; `None` takes it back. The configuration, if that changes it.
    pub(super) fn tint(&mut self, told: Option<Colour>) -> Option<CodecConfig> {
        let before = std::mem::replace(&mut self.told, told);
        let config = self.known.as_ref()?.video.config()?;
        let changes = Colour::filled(config.colour, before) != Colour::filled(config.colour, told);
        changes.then(|| tinted(config, told))
    }
}

/// The configuration of a track whose colour was `told`: the bitstream is believed as far as it says something.
fn tinted(config: &VideoConfig, told: Option<Colour>) -> CodecConfig {
    CodecConfig::Video(VideoConfig { colour: Colour::filled(config.colour, told), ..config.clone() })
}
