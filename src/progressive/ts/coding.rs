//! Coding: how the access units of each codec stand in a transport stream, and how the PMT names them.
//!
//! | codec | type | stream | unit |
//! |---|---|---|---|
//! | H.264, HEVC | 1B, 24 | E0 | Annex B |
//! | AAC | 0F | C0 | ADTS |
//! | MP3 | 03, 04 at half rates | C0 | as it is |
//! | AC-3, E-AC-3 | 81, 87 with a registration | BD | as it is |
//! | Opus | 06 with a registration | BD | behind a control header |
//!
//! Spec: ISO/IEC 13818-1 table 2-34; ATSC A/52 annexes A and G; for Opus the draft ETSI_TS_opus 0.1.3, which ffmpeg,
//! GStreamer and mpegts.js follow.

use super::super::error::Incompatible;
use super::super::format::Format;
use crate::codec::aac::Adts;
use crate::codec::{AnnexB, opus};
use crate::media::{AudioCodec, CodecConfig, Track, VideoCodec};

/// How a track stands in the stream.
#[derive(Debug)]
pub(super) struct Coding {
    pub(super) stream_type: u8,
    pub(super) stream_id: u8,
    pub(super) descriptors: Vec<u8>,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    AnnexB(AnnexB),
    Adts(Adts),
    Opus,
    Plain,
}

/// Registration descriptor (§2.6.8), and the extension descriptor of DVB.
const REGISTRATION: u8 = 0x05;
const EXTENSION: u8 = 0x7F;
const OPUS: u8 = 0x80;
/// First bits of an Opus control header (11 bits of 3FF), with no trimming and no extension.
const OPUS_CONTROL: [u8; 2] = [0x7F, 0xE0];

impl Coding {
    pub(super) fn of(track: &Track) -> Result<Self, Incompatible> {
        let refused = |reason| Incompatible::Codec {
            format: Format::Ts,
            track: track.id,
            codecs: track.config.codecs().to_owned(),
            reason,
        };
        let misfit = |reason| Incompatible::Record { format: Format::Ts, track: track.id, reason };
        let coding = |stream_type, stream_id, descriptors, framing| {
            Ok(Self { stream_type, stream_id, descriptors, framing })
        };
        match &track.config {
            CodecConfig::Video(video) => {
                let stream_type = match video.codec {
                    VideoCodec::Avc => 0x1B,
                    VideoCodec::Hevc => 0x24,
                    VideoCodec::Av1 => return Err(refused("no standard says how AV1 is carried")),
                    VideoCodec::Vp9 => return Err(refused("no standard says how VP9 is carried")),
                };
                let annexb = AnnexB::of(video).map_err(misfit)?;
                coding(stream_type, 0xE0, Vec::new(), Framing::AnnexB(annexb))
            }
            CodecConfig::Audio(audio) => match audio.codec {
                AudioCodec::Aac => {
                    let adts = Adts::of(&audio.record).map_err(misfit)?;
                    coding(0x0F, 0xC0, Vec::new(), Framing::Adts(adts))
                }
                AudioCodec::Mp3 if audio.frame_samples < 1_152 => {
                    coding(0x04, 0xC0, Vec::new(), Framing::Plain)
                }
                AudioCodec::Mp3 => coding(0x03, 0xC0, Vec::new(), Framing::Plain),
                AudioCodec::Ac3 => coding(0x81, 0xBD, registration(b"AC-3"), Framing::Plain),
                AudioCodec::Eac3 => coding(0x87, 0xBD, registration(b"EAC3"), Framing::Plain),
                AudioCodec::Opus => {
                    let ordered = opus::is_vorbis_order(&audio.record).map_err(misfit)?;
                    let unordered = || refused("its channels are in an order that has no number here");
                    let code = ordered.then_some(audio.channels).ok_or_else(unordered)?;
                    let mut descriptors = registration(b"Opus");
                    descriptors.extend([EXTENSION, 2, OPUS, code]);
                    coding(0x06, 0xBD, descriptors, Framing::Opus)
                }
                AudioCodec::Flac => Err(refused("no standard says how FLAC is carried")),
            },
        }
    }

    /// The pieces of the access unit `payload`, in order; `head` keeps those that have to be written. `None` when it does not fit.
    pub(super) fn pieces<'a>(
        &'a self,
        payload: &'a [u8],
        key: bool,
        head: &'a mut Vec<u8>,
    ) -> Option<Vec<&'a [u8]>> {
        let mut pieces = Vec::with_capacity(8);
        match &self.framing {
            Framing::AnnexB(annexb) => annexb.pieces(payload, key, &mut pieces).ok()?,
            Framing::Adts(adts) => {
                head.extend(adts.header(payload.len())?);
                pieces.extend([head.as_slice(), payload]);
            }
            Framing::Opus => {
                opus_head(payload.len(), head);
                pieces.extend([head.as_slice(), payload]);
            }
            Framing::Plain => pieces.push(payload),
        }
        Some(pieces)
    }
}

/// A control header: the size in bytes of 255 and a last one below.
fn opus_head(mut size: usize, head: &mut Vec<u8>) {
    head.extend(OPUS_CONTROL);
    while let Some(rest) = size.checked_sub(255) {
        head.push(255);
        size = rest;
    }
    head.extend(u8::try_from(size));
}

fn registration(name: &[u8; 4]) -> Vec<u8> {
    [&[REGISTRATION, 4], &name[..]].concat()
}
