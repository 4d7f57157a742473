//! Tests of sound: headers as encoders write them, what makes a new configuration, and hostile bytes.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Sound, samples};
use crate::codec::Error;
use crate::media::{AudioCodec, CodecLimits};

const CODECS: [AudioCodec; 6] =
    [AudioCodec::Aac, AudioCodec::Opus, AudioCodec::Flac, AudioCodec::Ac3, AudioCodec::Eac3, AudioCodec::Mp3];
const OPUS: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0";

fn declared(codec: AudioCodec, header: &[u8]) -> Result<Sound, Error> {
    let mut sound = Sound::new(codec);
    sound.declare(Bytes::copy_from_slice(header), &CodecLimits::default())?;
    Ok(sound)
}

/// A whole MP3 frame that begins with `head`, of `size` bytes.
fn frame(head: &[u8], size: usize) -> Vec<u8> {
    let mut out = head.to_vec();
    out.resize(size, 0);
    out
}

#[test]
fn opus_packets_last_as_their_first_bytes_say() {
    let mut sound = declared(AudioCodec::Opus, OPUS).unwrap();
    assert_eq!(sound.config(), None, "how long packets last is not known yet");
    sound.hear(&[0xFC]).unwrap();
    let config = sound.config().unwrap();
    assert_eq!((config.frame_samples, config.channels, &config.codecs[..]), (960, 2, "Opus"));
    let lasts = |packet: &[u8]| samples(config, packet);
    assert_eq!([lasts(&[0x18]), lasts(&[0x80]), lasts(&[0xFD])], [Ok(2_880), Ok(120), Ok(1_920)]);
    assert_eq!(lasts(&[0xFB, 6]), Ok(5_760));
    for count in [0, 7] {
        let refused = Error::Value { field: "Opus frame count", value: count };
        assert_eq!(lasts(&[0xFB, count as u8]), Err(refused));
    }
    assert_eq!(lasts(&[]), Err(Error::Truncated { field: "Opus packet" }));
}

#[test]
fn flac_is_declared_bare_in_a_block_and_behind_its_marker() {
    let mut info = vec![4, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0xC4, 0x42, 0xF0];
    info.resize(34, 0);
    let block = [&[0x80, 0, 0, 34][..], &info].concat();
    let whole = [&b"fLaC"[..], &block].concat();
    let seen = |header: &[u8]| declared(AudioCodec::Flac, header).unwrap().config().cloned().unwrap();
    assert_eq!((seen(&info), seen(&block)), (seen(&whole), seen(&whole)));
    let config = seen(&info);
    assert_eq!((config.sample_rate.per_second(), config.channels), (44_100, 2));
    // The checksum that is known in the end makes no new configuration.
    let mut sound = declared(AudioCodec::Flac, &info).unwrap();
    info[33] = 1;
    assert_eq!(sound.declare(info.into(), &CodecLimits::default()), Ok(None));
    assert_eq!(samples(&config, &[0xFF, 0xF8, 0xA9, 0x08, 0, 0]), Ok(1_024));
    assert_eq!(samples(&config, &[0xFF, 0xF8, 0x69, 0x08, 0, 171, 0]), Ok(172));
}

#[test]
fn a_frame_of_another_rate_is_a_new_configuration_and_one_of_another_bit_rate_is_none() {
    let mut sound = Sound::new(AudioCodec::Mp3);
    assert!(sound.hear(&[0xFF, 0xFB, 0x94, 0x64]).unwrap().is_some());
    assert!(sound.hear(&[0xFF, 0xFB, 0xA4, 0x64]).unwrap().is_none());
    assert!(sound.hear(&[0xFF, 0xFB, 0xA0, 0x64]).unwrap().is_some());
    let config = sound.config().unwrap();
    assert_eq!(config.sample_rate.per_second(), 44_100);
    // 128 kbit/s at 48 kHz: 384 bytes a frame.
    let two = frame(&[0xFF, 0xFB, 0x94, 0x64], 384).repeat(2);
    assert_eq!(
        samples(config, &two.repeat(3)),
        Err(Error::Value { field: "samples in a frame", value: 6_912 })
    );
    assert_eq!([samples(config, &two), samples(config, &two[..700])], [Ok(2_304), Ok(1_152)]);
}

/// What is said of a header, or of the first frame behind one.
fn refusal(codec: AudioCodec, header: &[u8], frame: &[u8]) -> String {
    let mut sound = match declared(codec, header) {
        _ if header.is_empty() => Sound::new(codec),
        Ok(sound) => sound,
        Err(fault) => return fault.to_string(),
    };
    sound.hear(frame).map_or_else(|fault| fault.to_string(), |_| "taken".to_owned())
}

/// A STREAMINFO of this block size, rate and number of bits less one, in stereo.
fn stream_info(block: u16, rate: u32, depth: u64) -> Vec<u8> {
    let fields = (u64::from(rate) << 44) | (1 << 41) | (depth << 36);
    let mut info = [&block.to_be_bytes()[..], &block.to_be_bytes(), &[0; 6], &fields.to_be_bytes()].concat();
    info.resize(34, 0);
    info
}

#[test]
fn hostile_sequence_headers_are_refused_by_name() {
    let opus = |tail: &[u8]| [b"OpusHead".as_slice(), tail].concat();
    let info = stream_info;
    let cases: [(AudioCodec, Vec<u8>, &str); 17] = [
        (AudioCodec::Opus, b"OpusTags\x01\x02".to_vec(), "there is no OpusHead"),
        (AudioCodec::Opus, opus(&[0x10, 2]), "Opus header version of 16"),
        (AudioCodec::Opus, opus(&[1, 2, 0, 0, 0x80, 0xBB, 0, 0, 0, 0]), "Opus header is cut short"),
        (AudioCodec::Opus, opus(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "Opus channel count of 0"),
        (AudioCodec::Opus, opus(&[1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "Opus channel count of 3"),
        (AudioCodec::Opus, opus(&[1, 255, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "Opus channel count of 255"),
        (AudioCodec::Opus, opus(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 255]), "Opus channel mapping family of 255"),
        (
            AudioCodec::Opus,
            opus(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]),
            "Opus channel mapping is cut short",
        ),
        (AudioCodec::Opus, opus(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), "Opus stream count of 0"),
        (
            AudioCodec::Opus,
            opus(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 1]),
            "Opus coupled stream count of 2",
        ),
        (AudioCodec::Opus, opus(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 2]), "Opus channel mapping of 2"),
        (AudioCodec::Flac, b"fLaC\x84\0\0\x22".to_vec(), "there is no FLAC STREAMINFO"),
        (AudioCodec::Flac, b"fLaC\x80\xFF\xFF\xFF".to_vec(), "FLAC STREAMINFO size of 16777215"),
        (AudioCodec::Flac, info(4_096, 0, 15), "FLAC sample rate of 0"),
        (AudioCodec::Flac, info(4_096, 0xF_FFFF, 15), "FLAC sample rate of 1048575"),
        (AudioCodec::Flac, info(65_535, 44_100, 15), "FLAC block size of 65535"),
        (AudioCodec::Flac, info(4_096, 44_100, 0), "FLAC bits per sample of 1"),
    ];
    for (codec, header, said) in cases {
        let found = refusal(codec, &header, &[]);
        assert!(found.starts_with(said), "{codec:?} {header:02x?}: {found}, not {said}");
    }
    let long = vec![0; CodecLimits::default().config + 1];
    for codec in [AudioCodec::Aac, AudioCodec::Opus, AudioCodec::Flac] {
        assert!(refusal(codec, &long, &[]).starts_with("audio sequence header is 65537 bytes"));
    }
}

#[test]
fn hostile_frames_are_refused_by_name() {
    let flac = stream_info(4_096, 48_000, 15);
    let cases: [(AudioCodec, &[u8], &[u8], &str); 19] = [
        (AudioCodec::Opus, &[], &[0xFC], "there is no audio sequence header"),
        (AudioCodec::Opus, OPUS, &[], "Opus packet is cut short"),
        (AudioCodec::Opus, OPUS, &[0xFB, 0x3F], "Opus frame count of 63"),
        (AudioCodec::Flac, &flac, &[0xFF, 0xE8, 0xA9, 0x08, 0], "FLAC frame sync"),
        (AudioCodec::Flac, &flac, &[0xFF, 0xF8, 0x09, 0x08, 0], "FLAC block size code of 0"),
        (AudioCodec::Flac, &flac, &[0xFF, 0xF8, 0xA9, 0x08, 0x80], "FLAC frame number"),
        (AudioCodec::Flac, &flac, &[0xFF, 0xF8, 0xF9, 0x08, 0], "samples in a frame of 32768"),
        (AudioCodec::Ac3, &[], &[0x0B, 0x76, 0, 0, 0, 0x40, 0], "AC-3 frame sync"),
        (AudioCodec::Ac3, &[], &[0x0B, 0x77, 0, 0, 0xC0, 0x40, 0x40], "AC-3 rate code of 3"),
        (AudioCodec::Ac3, &[], &[0x0B, 0x77, 0, 0, 0x3F, 0x40, 0x40], "AC-3 frame size code of 63"),
        (AudioCodec::Ac3, &[], &[0x0B, 0x77, 0, 0, 0, 0x48, 0x40], "AC-3 bit stream identification of 9"),
        (AudioCodec::Ac3, &[], &[0x0B, 0x77, 0, 0, 0], "AC-3 frame header is cut short"),
        (
            AudioCodec::Eac3,
            &[],
            &[0x0B, 0x77, 0x40, 0, 0x34, 0x80, 0, 0],
            "there is no E-AC-3 independent substream",
        ),
        (AudioCodec::Eac3, &[], &[0x0B, 0x77, 0xC0, 0, 0x34, 0x80, 0, 0], "E-AC-3 stream type of 3"),
        (AudioCodec::Eac3, &[], &[0x0B, 0x77, 7, 0xFF, 0x34, 0x80, 0, 0], "E-AC-3 frame is cut short"),
        (AudioCodec::Eac3, &[], &[0x0B, 0x77, 0, 0, 0xF4, 0x80, 0, 0], "E-AC-3 rate code of 3"),
        (AudioCodec::Mp3, &[], &[0xFF, 0xEB, 0x94, 0x64], "MPEG audio version of 1"),
        (AudioCodec::Mp3, &[], &[0xFF, 0xFF, 0x94, 0x64], "MPEG audio layer code of 3"),
        (AudioCodec::Mp3, &[], &[0xFF, 0xFB, 0xF4, 0x64], "MP3 bit rate index of 15"),
    ];
    for (codec, header, frame, said) in cases {
        let found = refusal(codec, header, frame);
        assert!(found.starts_with(said), "{codec:?} {frame:02x?}: {found}, not {said}");
    }
}

proptest! {
    #[test]
    fn no_header_and_no_frame_ends_the_process(
        header in proptest::collection::vec(any::<u8>(), 0..64),
        body in proptest::collection::vec(any::<u8>(), 0..64),
        start in 0..6_usize,
    ) {
        let starts: [&[u8]; 6] = [&[], OPUS, b"fLaC\x80\0\0\x22", &[0x0B, 0x77], &[0xFF, 0xFB], &[0xFF, 0xF8]];
        let (header, body) = ([starts[start], &header].concat(), [starts[start], &body].concat());
        for codec in CODECS {
            for end in 0..=header.len() {
                let mut sound = declared(codec, &header[..end]).unwrap_or_else(|_| Sound::new(codec));
                for end in [0, body.len() / 2, body.len()] {
                    let _ = sound.hear(&body[..end]);
                    let measured = sound.config().map(|config| samples(config, &body[..end]));
                    prop_assert!(measured != Some(Ok(0)));
                }
            }
        }
    }
}
