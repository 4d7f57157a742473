//! The initialisation section of one rendition, written with mp4-atom.
//!
//! ```text
//! ftyp  cmf2 · iso6 cmfc cmf2 (+ cfhd, av01 or caac when their limits are met by construction)
//! moov ─ mvhd  duration 0
//!      ├ trak ─ tkhd  track 1, display size
//!      │      └ mdia ─ mdhd timescale · hdlr · minf ─ vmhd|smhd · dinf · stbl (empty tables, one sample entry)
//!      └ mvex ─ trex  no defaults: every chunk says its own
//! ```
//! There is no edit list: composition offsets are signed (ISO/IEC 23000-19 §7.5.13, brand `cmf2`). A movie of several
//! tracks has a trak and a trex for each.

use bytes::Bytes;
use mp4_atom as mp4;
use mp4_atom::{Atom as _, Encode as _};

use crate::codec::flac;
use crate::media::{AudioCodec, AudioConfig, CodecConfig, Timescale, Track, VideoCodec, VideoConfig};

/// Track id of the one track in every file of a rendition, and of the first in a movie.
pub(super) const TRACK_ID: u32 = 1;

/// HEVC NAL unit types of VPS, SPS and PPS.
const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 32..=34;
/// Version 1 and no flags.
const VPCC_HEAD: [u8; 4] = [1, 0, 0, 0];

/// Why no initialisation section could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration record does not fit the sample entry.
    #[error("{codecs}: configuration record does not fit its sample entry: {source}")]
    Record {
        /// The track's codec string.
        codecs: String,
        /// What mp4-atom says of it.
        source: mp4::Error,
    },
    /// The boxes could not be written.
    #[error("initialisation section: {0}")]
    Write(#[from] mp4::Error),
}

/// The bytes of `ftyp` and `moov` for `track`, whose chunks count in `scale`: mostly its own timescale.
pub fn init(track: &Track, scale: Timescale) -> Result<Bytes, Error> {
    let mut out = Vec::with_capacity(1_024);
    ftyp(&track.config).encode(&mut out)?;
    moov(&[track], scale.per_second())?.encode(&mut out)?;
    Ok(out.into())
}

/// The bytes of `ftyp` and `moov` of a fragmented movie with all of `tracks`, numbered from 1 on in their order, each
/// counting in its own timescale; for [`fragment`](super::fragment)s. Any reader of fragments takes it (brand `iso6`).
///
/// # Errors
/// When a configuration record does not fit its sample entry.
pub fn movie(tracks: &[&Track]) -> Result<Bytes, Error> {
    let brands = [b"iso6", b"mp41"];
    let ftyp = mp4::Ftyp {
        major_brand: mp4::FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: brands.map(mp4::FourCC::new).to_vec(),
    };
    let mut out = Vec::with_capacity(2_048);
    ftyp.encode(&mut out)?;
    moov(tracks, 0)?.encode(&mut out)?;
    Ok(out.into())
}

fn ftyp(config: &CodecConfig) -> mp4::Ftyp {
    // `cfhd` bounds profile, level and size of H.264; `caac` bounds the AAC profile and channels.
    let media = match config {
        CodecConfig::Video(v) => match v.codec {
            VideoCodec::Avc if v.width <= 1_920 && v.height <= 1_080 => Some(b"cfhd"),
            VideoCodec::Av1 => Some(b"av01"),
            VideoCodec::Avc | VideoCodec::Hevc | VideoCodec::Vp9 => None,
        },
        CodecConfig::Audio(a) if a.codec == AudioCodec::Aac && a.channels <= 2 => Some(b"caac"),
        CodecConfig::Audio(_) => None,
    };
    let brands = [b"iso6", b"cmfc", b"cmf2"].into_iter().chain(media);
    mp4::Ftyp {
        major_brand: mp4::FourCC::new(b"cmf2"),
        minor_version: 0,
        compatible_brands: brands.map(mp4::FourCC::new).collect(),
    }
}

/// `scale` is that of the one track there is; each has its own where it is 0, and the movie milliseconds.
fn moov(tracks: &[&Track], scale: u32) -> Result<mp4::Moov, Error> {
    let numbered = || (TRACK_ID..).zip(tracks.iter().copied());
    let trex = |track_id| mp4::Trex {
        track_id,
        default_sample_description_index: 1,
        default_sample_duration: 0,
        default_sample_size: 0,
        default_sample_flags: 0,
    };
    let own = |track: &Track| if scale == 0 { track.timescale().per_second() } else { scale };
    let traks = numbered().map(|(number, track)| trak(number, track, own(track)));
    Ok(mp4::Moov {
        mvhd: mp4::Mvhd {
            timescale: if scale == 0 { Timescale::MILLIS.per_second() } else { scale },
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: u32::try_from(tracks.len()).unwrap_or(1).saturating_add(TRACK_ID),
            ..Default::default()
        },
        mvex: Some(mp4::Mvex { mehd: None, trex: numbered().map(|(number, _)| trex(number)).collect() }),
        trak: traks.collect::<Result<_, _>>()?,
        ..Default::default()
    })
}

fn trak(track_id: u32, track: &Track, scale: u32) -> Result<mp4::Trak, Error> {
    let (entry, handler, name) = match &track.config {
        CodecConfig::Video(video) => (video_entry(video)?, b"vide", "video"),
        CodecConfig::Audio(audio) => (audio_entry(audio)?, b"soun", "audio"),
    };
    let (width, height) = display_size(&track.config);
    let is_video = matches!(track.config, CodecConfig::Video(_));
    Ok(mp4::Trak {
        tkhd: mp4::Tkhd {
            track_id,
            enabled: true,
            in_movie: true,
            volume: u8::from(!is_video).into(),
            width: width.into(),
            height: height.into(),
            ..Default::default()
        },
        mdia: mp4::Mdia {
            mdhd: mp4::Mdhd { timescale: scale, language: "und".into(), ..Default::default() },
            hdlr: mp4::Hdlr { handler: mp4::FourCC::new(handler), name: name.into() },
            minf: mp4::Minf {
                vmhd: is_video.then(mp4::Vmhd::default),
                smhd: (!is_video).then(mp4::Smhd::default),
                dinf: mp4::Dinf { dref: mp4::Dref { entries: vec![mp4::Url::default().into()] } },
                stbl: mp4::Stbl {
                    stsd: mp4::Stsd { codecs: vec![entry] },
                    stco: Some(mp4::Stco::default()),
                    ..Default::default()
                },
                ..Default::default()
            },
        },
        ..Default::default()
    })
}

/// Track header size: the cropped picture stretched to square pixels; nothing for audio.
fn display_size(config: &CodecConfig) -> (u16, u16) {
    let CodecConfig::Video(video) = config else { return (0, 0) };
    let (width, height) = video.display_size();
    (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(height).unwrap_or(u16::MAX))
}

fn video_entry(video: &VideoConfig) -> Result<mp4::Codec, Error> {
    let visual = mp4::Visual {
        data_reference_index: 1,
        width: u16::try_from(video.width).unwrap_or(u16::MAX),
        height: u16::try_from(video.height).unwrap_or(u16::MAX),
        ..Default::default()
    };
    let colr = video.colour.map(|colour| mp4::Colr::Nclx {
        colour_primaries: colour.primaries.into(),
        transfer_characteristics: colour.transfer.into(),
        matrix_coefficients: colour.matrix.into(),
        full_range_flag: colour.full_range,
    });
    let (h, v) = video.pixel_aspect;
    let pasp = Some(mp4::Pasp { h_spacing: h.into(), v_spacing: v.into() });
    let misfit = |source| Error::Record { codecs: video.codecs.clone(), source };
    let record = &mut video.record.as_ref();
    let entry = match video.codec {
        VideoCodec::Avc => {
            let avcc = mp4::Avcc::decode_body(record).map_err(misfit)?;
            mp4::Avc1 { visual, avcc, colr, pasp, ..Default::default() }.into()
        }
        VideoCodec::Hevc => {
            let mut hvcc = mp4::Hvcc::decode_body(record).map_err(misfit)?;
            // `hvc1` promises every parameter set up front (ISO/IEC 14496-15 §8.4.1.1): further ones in the
            // samples, which encoders like to repeat, say nothing new.
            for sets in hvcc.arrays.iter_mut().filter(|array| PARAMETER_SETS.contains(&array.nal_unit_type)) {
                sets.completeness = true;
            }
            mp4::Hvc1 { visual, hvcc, colr, pasp, ..Default::default() }.into()
        }
        VideoCodec::Av1 => {
            let av1c = mp4::Av1c::decode_body(record).map_err(misfit)?;
            mp4::Av01 { visual, av1c, colr, pasp, ..Default::default() }.into()
        }
        VideoCodec::Vp9 => {
            // The box has a version and flags in front of the record.
            let whole = [&VPCC_HEAD[..], record].concat();
            let vpcc = mp4::VpcC::decode_body(&mut whole.as_slice()).map_err(misfit)?;
            mp4::Vp09 { visual, vpcc, colr, pasp, ..Default::default() }.into()
        }
    };
    Ok(entry)
}

fn audio_entry(audio: &AudioConfig) -> Result<mp4::Codec, Error> {
    // A rate over 16 bits does not fit the 16.16 field: 0, and the configuration record has it.
    let rate = u16::try_from(audio.sample_rate.per_second()).unwrap_or(0);
    let depth = match audio.codec {
        AudioCodec::Flac => flac::depth(&audio.record).unwrap_or(16),
        _ => 16,
    };
    let entry = mp4::Audio {
        data_reference_index: 1,
        channel_count: audio.channels.into(),
        sample_size: depth.into(),
        sample_rate: rate.into(),
    };
    Ok(match audio.codec {
        AudioCodec::Aac => described(entry, 0x40, Some(&audio.record)),
        // MPEG-1 audio, or the half rates of MPEG-2 (ISO/IEC 14496-1 table 5).
        AudioCodec::Mp3 if audio.frame_samples < 1_152 => described(entry, 0x69, None),
        AudioCodec::Mp3 => described(entry, 0x6B, None),
        AudioCodec::Opus => mp4::Opus { audio: entry, dops: record(audio)?, btrt: None }.into(),
        AudioCodec::Flac => mp4::Flac { audio: entry, dfla: record(audio)? }.into(),
        AudioCodec::Ac3 => mp4::Ac3 { audio: entry, dac3: record(audio)? }.into(),
        AudioCodec::Eac3 => mp4::Eac3 { audio: entry, dec3: record(audio)? }.into(),
    })
}

/// The configuration box whose payload is the record.
fn record<T: mp4::Atom>(audio: &AudioConfig) -> Result<T, Error> {
    T::decode_body(&mut audio.record.as_ref())
        .map_err(|source| Error::Record { codecs: audio.codecs.clone(), source })
}

/// The entry of a codec that an elementary stream descriptor describes (ISO/IEC 14496-14 §5.6).
fn described(audio: mp4::Audio, object_type_indication: u8, specific: Option<&Bytes>) -> mp4::Codec {
    let config = mp4::esds::DecoderConfig {
        object_type_indication,
        stream_type: 5, // audio stream
        dec_specific: specific
            .map(|record| mp4::esds::DecoderSpecific { raw: record.to_vec(), ..Default::default() }),
        ..Default::default()
    };
    let es_desc = mp4::esds::EsDescriptor { dec_config: config, ..Default::default() };
    mp4::Mp4a { audio, esds: mp4::Esds { es_desc }, btrt: None, taic: None }.into()
}
