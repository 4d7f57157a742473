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
    assert_eq!([samples(config, &two), samples(config, &two[..700])], [Ok(2_304), Ok(1_152)]);
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
