//! Config: a VPCodecConfigurationRecord, and the size that only key frames tell.
//!
//! ```text
//! [version:8 (1)  flags:24]   profile:8  level:8   depth:4 subsampling:3 full range:1   primaries:8 transfer:8 matrix:8   size:16 (0)
//! ```

use bytes::Bytes;

use crate::base::ByteReader;
use crate::codec::{Error, colour};
use crate::media::{CodecLimits, Colour, VideoCodec, VideoConfig};

use super::level::level;

/// Version and flags of the box, which some writers put in front of the record.
const BOX_HEAD: [u8; 4] = [1, 0, 0, 0];
const SUBSAMPLING_444: u8 = 3;
const MATRIX_RGB: u8 = 0;

/// A checked VP9 configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    record: Bytes,
    profile: u8,
    level: u8,
    depth: u8,
    subsampling: u8,
    points: (u8, u8, u8),
    full_range: bool,
    video: Option<VideoConfig>,
}

impl Config {
    /// Checks `record`, with or without version and flags of its box in front.
    ///
    /// # Errors
    /// Names the field that is short, out of range or beyond `limits`.
    pub fn parse(record: Bytes, limits: &CodecLimits) -> Result<Self, Error> {
        if record.len() > limits.config {
            return Err(Error::TooLong { field: "VP9 record", len: record.len(), max: limits.config });
        }
        // A bare record that begins so would be of no bit depth.
        let record = if record.starts_with(&BOX_HEAD) { record.slice(BOX_HEAD.len()..) } else { record };
        let mut reader = ByteReader::new(&record);
        let cut = Error::Truncated { field: "VP9 record" };
        let [profile, level, sampling, primaries, transfer, matrix] = reader.array().ok_or(cut)?;
        let extra = reader.u16().ok_or(cut)?;
        let value = |field, value: u8| Error::Value { field, value: i64::from(value) };
        if profile > 3 {
            return Err(value("VP9 profile", profile));
        }
        let (depth, subsampling) = (sampling >> 4, sampling >> 1 & 0b111);
        if !matches!((profile, depth), (0 | 1, 8) | (2 | 3, 10 | 12)) {
            return Err(value("VP9 bit depth", depth));
        }
        if subsampling > SUBSAMPLING_444 {
            return Err(value("VP9 chroma subsampling", subsampling));
        }
        if matrix == MATRIX_RGB && subsampling != SUBSAMPLING_444 {
            return Err(value("VP9 matrix coefficients", matrix));
        }
        // VP9 has no initialisation data, and the field says so.
        if extra != 0 || !reader.is_empty() {
            return Err(Error::Value { field: "VP9 initialisation data", value: i64::from(extra) });
        }
        let (points, full_range) = ((primaries, transfer, matrix), sampling & 1 == 1);
        Ok(Self { record, profile, level, depth, subsampling, points, full_range, video: None })
    }

    /// The track's configuration, once a key frame has told the size.
    pub fn video(&self) -> Option<&VideoConfig> {
        self.video.as_ref()
    }

    /// Takes the size of a key frame; whether it changes the configuration.
    ///
    /// # Errors
    /// When the picture is larger than `limits` allow.
    pub fn update(&mut self, width: u32, height: u32, limits: &CodecLimits) -> Result<bool, Error> {
        if self.video.as_ref().is_some_and(|video| (video.width, video.height) == (width, height)) {
            return Ok(false);
        }
        let blocks = u64::from(width.div_ceil(16)).saturating_mul(u64::from(height.div_ceil(16)));
        if blocks > u64::from(limits.macroblocks) {
            return Err(Error::Picture { macroblocks: blocks, max: limits.macroblocks });
        }
        let colour = colour::described(Some(self.points), self.full_range);
        self.video = Some(VideoConfig {
            codec: VideoCodec::Vp9,
            codecs: self.codecs(width, height, colour),
            width,
            height,
            pixel_aspect: (1, 1),
            frame_rate: None,
            colour,
            record: self.record.clone(),
        });
        Ok(true)
    }

    /// The codec string (VP codec binding): the fields that have defaults are all there or all left out.
    fn codecs(&self, width: u32, height: u32, colour: Option<Colour>) -> String {
        let Self { profile, depth, subsampling, full_range, .. } = self;
        // Zero stands for a level nobody worked out.
        let level = if self.level == 0 { level(width, height, None) } else { self.level };
        let short = format!("vp09.{profile:02}.{level:02}.{depth:02}");
        let points = colour::suffix(colour);
        // 4:2:0, wherever its samples lie, is what is assumed.
        if *subsampling <= 1 && points.is_none() {
            return short;
        }
        let points = points.unwrap_or_else(|| "01.01.01".to_owned());
        format!("{short}.{subsampling:02}.{points}.{:02}", u8::from(*full_range))
    }
}
