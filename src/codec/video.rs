//! Video: whichever codec a track has, behind one door.

use bytes::Bytes;

use super::{Error, av1, avc, hevc, vp9};
use crate::media::{Captions, CodecLimits, EncoderReport, VideoCodec, VideoConfig};

/// A checked configuration, and what has been learned from the frames under it.
#[derive(Debug, Clone)]
pub struct Video(Coding);

#[derive(Debug, Clone)]
enum Coding {
    Avc(avc::Config),
    Hevc(hevc::Config),
    Av1(av1::Config),
    Vp9(vp9::Config),
}

/// A frame that is what its codec says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Whether decoding can start here.
    pub key: bool,
    /// Whether [`Video::config`] is another than before, or there at last.
    pub reconfigured: bool,
    /// Captions that travel with it.
    pub captions: Captions,
    /// What it tells of the encoder.
    pub report: EncoderReport,
    /// The bytes as a sample holds them.
    pub payload: Bytes,
}

impl Video {
    /// Checks a configuration record.
    ///
    /// # Errors
    /// Names the field that is wrong; see each codec's `Config::parse`.
    pub fn parse(codec: VideoCodec, record: Bytes, limits: &CodecLimits) -> Result<Self, Error> {
        Ok(Self(match codec {
            VideoCodec::Avc => Coding::Avc(avc::Config::parse(record, limits)?),
            VideoCodec::Hevc => Coding::Hevc(hevc::Config::parse(record, limits)?),
            VideoCodec::Av1 => Coding::Av1(av1::Config::parse(record, limits)?),
            VideoCodec::Vp9 => Coding::Vp9(vp9::Config::parse(record, limits)?),
        }))
    }

    /// The track's configuration. `None` while it takes a key frame to know it: always of VP9, whose records tell
    /// no size, and of AV1 when its record has no sequence header.
    pub fn config(&self) -> Option<&VideoConfig> {
        match &self.0 {
            Coding::Avc(config) => Some(config.video()),
            Coding::Hevc(config) => Some(config.video()),
            Coding::Av1(config) => config.video(),
            Coding::Vp9(config) => config.video(),
        }
    }

    /// Checks a frame. `declared` is its container's word for being a key frame: it is taken for H.264 alone, where
    /// an intra picture may be one and does not say so; elsewhere the bitstream says it.
    ///
    /// # Errors
    /// When the frame is not sound; see each codec's `scan`.
    pub fn take(&mut self, payload: Bytes, declared: bool, limits: &CodecLimits) -> Result<Picture, Error> {
        let mut reconfigured = false;
        let (key, captions, report, payload) = match &mut self.0 {
            Coding::Avc(config) => {
                let unit = avc::scan(&payload, config.length_size(), limits)?;
                (unit.idr || (declared && unit.intra), unit.captions, unit.report, payload)
            }
            Coding::Hevc(config) => {
                let unit = hevc::scan(&payload, config.length_size(), limits)?;
                (unit.random_access, unit.captions, unit.report, payload)
            }
            Coding::Av1(config) => {
                let unit = av1::scan(&payload, config.reduced(), limits)?;
                if let Some(sequence) = unit.sequence.filter(|_| unit.key) {
                    reconfigured = config.update(sequence, limits)?;
                }
                (unit.key, unit.captions, unit.report, payload.slice(unit.delimiter..))
            }
            Coding::Vp9(config) => {
                let frame = vp9::scan(&payload)?;
                if let Some((width, height)) = frame.key {
                    reconfigured = config.update(width, height, limits)?;
                }
                (frame.key.is_some(), Captions::default(), EncoderReport::default(), payload)
            }
        };
        Ok(Picture { key, reconfigured, captions, report, payload })
    }
}
