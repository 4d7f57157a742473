//! Config: an AudioSpecificConfig, with SBR and PS signalled either way.
//!
//! ```text
//! type:5 [31: type-32:6]  rate index:4 [15: rate:24]  channels:4
//!   type 5 (SBR) or 29 (PS): extension rate index:4 [rate:24]  type:5 …
//! short frame:1  core coder:1 [delay:14]  extension:1   channels 0: program config
//! [0x2b7:11  type:5 (5)  sbr:1 [extension rate index:4 [rate:24]  [0x548:11  ps:1]]]
//! ```

use bytes::Bytes;

use crate::base::BitReader;
use crate::codec::Error;
use crate::media::{AudioCodec, AudioConfig, CodecLimits, Timescale};

use super::program;

/// Audio object types (ISO/IEC 14496-3 table 1.17).
mod object {
    pub(super) const MAIN: u32 = 1;
    pub(super) const LTP: u32 = 4;
    pub(super) const SBR: u32 = 5;
    pub(super) const PS: u32 = 29;
    pub(super) const ESCAPE: u32 = 31;
}

/// Rates by index (table 1.18); 13 and 14 are reserved, 15 says that the rate follows.
pub(super) const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const RATE_FOLLOWS: u32 = 15;
/// Rates that follow are held to the range of the table.
const RATE_RANGE: std::ops::RangeInclusive<u32> = 7_350..=96_000;
const MAX_CHANNELS: u8 = 8;

/// A checked AAC configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    audio: AudioConfig,
}

/// Spectral band replication, as far as it was declared.
#[derive(Clone, Copy)]
struct Extension {
    /// Output rate in Hz.
    rate: u32,
    /// Parametric stereo: one coded channel, two heard.
    stereo: bool,
}

impl Config {
    /// Checks `record` (ISO/IEC 14496-3 §1.6.2.1). SBR that is not declared (implicit) is described as what the
    /// record says, the core: decoders find it by themselves, and times are the same.
    ///
    /// # Errors
    /// Names the field that is short, reserved, not supported or beyond `limits`.
    pub fn parse(record: Bytes, limits: &CodecLimits) -> Result<Self, Error> {
        if record.len() > limits.config {
            let field = "AudioSpecificConfig";
            return Err(Error::TooLong { field, len: record.len(), max: limits.config });
        }
        let mut bits = BitReader::new(&record);
        let Declared { object, rate, configuration, short, extension } = core_of(&mut bits)?;
        let channels = channel_count(configuration, &mut bits)?;
        let extension = match extension {
            Some(extension) => Some(extension),
            None => sync_extension(&mut bits)?,
        };
        let core_samples = if short { 960 } else { 1_024 };
        Self::describe(record, object, Core { rate, channels, samples: core_samples }, extension)
    }

    fn describe(record: Bytes, object: u32, core: Core, sbr: Option<Extension>) -> Result<Self, Error> {
        let object = match sbr {
            Some(Extension { stereo: true, .. }) => object::PS,
            Some(_) => object::SBR,
            None => object,
        };
        let rate = sbr.map_or(core.rate, |sbr| sbr.rate);
        // SBR doubles the rate, or keeps it where it runs downsampled; nothing else is defined.
        let frame_samples = match sbr {
            None => core.samples,
            Some(sbr) if sbr.rate == core.rate => core.samples,
            Some(sbr) if Some(sbr.rate) == core.rate.checked_mul(2) => core.samples.saturating_mul(2),
            Some(sbr) => {
                return Err(Error::Value { field: "extension sample rate", value: i64::from(sbr.rate) });
            }
        };
        let mono_coded_stereo = core.channels == 1 && sbr.is_some_and(|sbr| sbr.stereo);
        let audio = AudioConfig {
            codec: AudioCodec::Aac,
            codecs: format!("mp4a.40.{object}"),
            sample_rate: Timescale::new(rate).ok_or(Error::Value { field: "sample rate", value: 0 })?,
            channels: if mono_coded_stereo { 2 } else { core.channels },
            frame_samples,
            record,
        };
        Ok(Self { audio })
    }

    /// The track's configuration.
    pub fn audio(&self) -> &AudioConfig {
        &self.audio
    }

    /// The track's configuration, given up.
    pub fn into_audio(self) -> AudioConfig {
        self.audio
    }
}

/// What is coded, before any extension.
struct Core {
    rate: u32,
    channels: u8,
    samples: u32,
}

/// What a record says up to the channels of a program config, if there is one.
pub(super) struct Declared {
    /// What is coded, below any extension; 1 to 4.
    pub(super) object: u32,
    /// Rate of the core in Hz.
    pub(super) rate: u32,
    /// Channel configuration.
    pub(super) configuration: u32,
    /// Frames of 960 samples.
    pub(super) short: bool,
    extension: Option<Extension>,
}

/// Reads what is declared up front.
pub(super) fn core_of(bits: &mut BitReader<'_>) -> Result<Declared, Error> {
    let mut object = object_type(bits)?;
    let rate = sample_rate(bits, "sample rate")?;
    let configuration = read(bits, 4, "channel configuration")?;
    let mut extension = None;
    if object == object::SBR || object == object::PS {
        let output = sample_rate(bits, "extension sample rate")?;
        extension = Some(Extension { rate: output, stereo: object == object::PS });
        object = object_type(bits)?;
    }
    if !(object::MAIN..=object::LTP).contains(&object) {
        return Err(Error::Value { field: "audio object type", value: i64::from(object) });
    }
    let short = read(bits, 1, "frame length flag")? == 1;
    if read(bits, 1, "core coder flag")? == 1 {
        read(bits, 14, "core coder delay")?;
    }
    read(bits, 1, "extension flag")?;
    Ok(Declared { object, rate, configuration, short, extension })
}

pub(super) fn read(bits: &mut BitReader<'_>, n: u32, field: &'static str) -> Result<u32, Error> {
    bits.bits(n).ok_or(Error::Truncated { field })
}

fn object_type(bits: &mut BitReader<'_>) -> Result<u32, Error> {
    let field = "audio object type";
    match read(bits, 5, field)? {
        object::ESCAPE => Ok(read(bits, 6, field)?.saturating_add(32)),
        object => Ok(object),
    }
}

fn sample_rate(bits: &mut BitReader<'_>, field: &'static str) -> Result<u32, Error> {
    let index = read(bits, 4, field)?;
    if index == RATE_FOLLOWS {
        let rate = read(bits, 24, field)?;
        return match RATE_RANGE.contains(&rate) {
            true => Ok(rate),
            false => Err(Error::Value { field, value: i64::from(rate) }),
        };
    }
    let rate = RATES.get(index as usize).copied();
    rate.ok_or_else(|| Error::Value { field: "sample rate index", value: i64::from(index) })
}

/// Channels of a configuration (table 1.19), or those its program config counts up.
fn channel_count(configuration: u32, bits: &mut BitReader<'_>) -> Result<u8, Error> {
    match configuration {
        0 => {
            let channels = program::channels(bits)?;
            let known = u8::try_from(channels).ok().filter(|n| (1..=MAX_CHANNELS).contains(n));
            known.ok_or_else(|| Error::Value { field: "channel count", value: i64::from(channels) })
        }
        1..=6 => Ok(configuration as u8),
        11 => Ok(7),
        7 | 12 | 14 => Ok(8),
        _ => Err(Error::Value { field: "channel configuration", value: i64::from(configuration) }),
    }
}

/// The backward compatible way to declare SBR and PS, behind everything else (§1.6.6.1). Other things may stand
/// there, and fewer bits than it needs are padding.
fn sync_extension(bits: &mut BitReader<'_>) -> Result<Option<Extension>, Error> {
    const SYNC_SBR: u32 = 0x2B7;
    const SYNC_PS: u32 = 0x548;
    if bits.remaining() < 16 || bits.bits(11) != Some(SYNC_SBR) {
        return Ok(None);
    }
    if object_type(bits)? != object::SBR || bits.bit() != Some(true) {
        return Ok(None);
    }
    let rate = sample_rate(bits, "extension sample rate")?;
    let stereo = bits.remaining() >= 12 && bits.bits(11) == Some(SYNC_PS) && bits.bit() == Some(true);
    Ok(Some(Extension { rate, stereo }))
}
