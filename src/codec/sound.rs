//! Sound: one audio track on its way to a configuration: by its sequence header, its first frame, or both.
//!
//! | codec | sequence header | first frame |
//! |---|---|---|
//! | AAC, FLAC | all there is to know | |
//! | Opus | channels, pre-skip | how long packets last |
//! | AC-3, E-AC-3, MP3 | says nothing | all there is to know, and again in every other |

use bytes::Bytes;

use super::{Error, aac, ac3, eac3, flac, mp3, opus};
use crate::media::{AudioCodec, AudioConfig, CodecLimits};

/// What is known of one audio track.
#[derive(Debug, Clone)]
pub struct Sound {
    codec: AudioCodec,
    /// The sequence header in force, as it came.
    header: Option<Bytes>,
    /// The record made of it, where a frame must still be heard.
    record: Bytes,
    config: Option<AudioConfig>,
}

impl Sound {
    /// A track of which only the codec is known.
    pub fn new(codec: AudioCodec) -> Self {
        Self { codec, header: None, record: Bytes::new(), config: None }
    }

    /// The codec.
    pub fn codec(&self) -> AudioCodec {
        self.codec
    }

    /// The configuration, as far as it is known.
    pub fn config(&self) -> Option<&AudioConfig> {
        self.config.as_ref()
    }

    /// Whether a frame would be of use: what must come before it has come.
    pub fn ready(&self) -> bool {
        self.header.is_some() || frames_say_it(self.codec)
    }

    /// Takes a sequence header; the configuration, when it is a new one and known by now.
    ///
    /// # Errors
    /// Names the field that is short, reserved, not supported or beyond `limits`; the header before it stays in
    /// force.
    pub fn declare(&mut self, header: Bytes, limits: &CodecLimits) -> Result<Option<&AudioConfig>, Error> {
        if self.header.as_ref() == Some(&header) || frames_say_it(self.codec) {
            return Ok(None);
        }
        if header.len() > limits.config {
            let field = "audio sequence header";
            return Err(Error::TooLong { field, len: header.len(), max: limits.config });
        }
        let config = match self.codec {
            AudioCodec::Opus => {
                self.record = opus::record(&header)?;
                None
            }
            AudioCodec::Flac => Some(flac::config(&header)?),
            _ => Some(aac::Config::parse(header.clone(), limits)?.into_audio()),
        };
        self.header = Some(header);
        if let (Some(known), Some(new)) = (&self.config, &config)
            && sounds_like(known, new)
        {
            return Ok(None);
        }
        self.config = config;
        Ok(self.config.as_ref())
    }

    /// Looks at a frame; the configuration, when the frame makes it known or changes it.
    ///
    /// # Errors
    /// Names what is wrong with the frame's header, or the sequence header that is missing before it.
    pub fn hear(&mut self, frame: &[u8]) -> Result<Option<&AudioConfig>, Error> {
        if !self.ready() {
            return Err(Error::Missing { field: "audio sequence header" });
        }
        let found = match (self.codec, &self.config) {
            (AudioCodec::Aac, _) => return Ok(None),
            (AudioCodec::Opus | AudioCodec::Flac, Some(config)) => {
                samples(config, frame)?;
                return Ok(None);
            }
            (AudioCodec::Opus | AudioCodec::Flac, None) => opus::config(self.record.clone(), frame)?,
            (AudioCodec::Ac3, _) => ac3::config(frame)?,
            (AudioCodec::Eac3, _) => eac3::config(frame)?,
            (AudioCodec::Mp3, _) => mp3::config(frame)?,
        };
        if self.config.as_ref().is_some_and(|config| sounds_like(config, &found)) {
            return Ok(None);
        }
        self.config = Some(found);
        Ok(self.config.as_ref())
    }
}

/// Samples in a frame of the track `config` describes, by the frame's own header; AAC has none.
///
/// # Errors
/// Names what is wrong with the header.
pub fn samples(config: &AudioConfig, frame: &[u8]) -> Result<u32, Error> {
    match config.codec {
        AudioCodec::Aac => Ok(config.frame_samples),
        AudioCodec::Opus => opus::samples(frame),
        AudioCodec::Flac => flac::samples(frame),
        AudioCodec::Ac3 => ac3::samples(frame),
        AudioCodec::Eac3 => eac3::samples(frame),
        AudioCodec::Mp3 => mp3::samples(frame),
    }
}

/// Whether every frame says what a sequence header would.
fn frames_say_it(codec: AudioCodec) -> bool {
    matches!(codec, AudioCodec::Ac3 | AudioCodec::Eac3 | AudioCodec::Mp3)
}

/// Whether the same decoder goes on: neither a bit rate that varies is a new configuration nor the checksum and
/// the sizes that an encoder of FLAC knows in the end.
fn sounds_like(one: &AudioConfig, other: &AudioConfig) -> bool {
    let decisive = |config: &AudioConfig| match (config.codec, config.record.as_ref()) {
        (AudioCodec::Ac3, [a, b, _]) => vec![*a, b & 0xFC],
        (AudioCodec::Eac3, [_, b, rest @ ..]) => [&[b & 7], rest].concat(),
        (AudioCodec::Flac, record) => vec![flac::depth(record).unwrap_or(0)],
        (_, record) => record.to_vec(),
    };
    one.sample_rate == other.sample_rate
        && one.channels == other.channels
        && one.frame_samples == other.frame_samples
        && decisive(one) == decisive(other)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;
