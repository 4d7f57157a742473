//! Every kind of sound that FLV carries is known from a file, FLV or MP4: its configuration, and how long its frames last.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use bytes::Bytes;
use rillcast::cmaf;
use rillcast::flv::mux::{self, Form};
use rillcast::flv::{PacketKind, Tag, TagKind};
use rillcast::media::{AudioCodec, CodecConfig};
use rillcast::push::{Clip, ClipTrack};

/// Fixture, CODECS, rate, channels, samples a frame.
const CLIPS: [(&str, &str, u32, u8, u32); 10] = [
    ("heaac_explicit", "mp4a.40.5", 48_000, 2, 2_048),
    ("heaac_v2_compatible", "mp4a.40.29", 44_100, 2, 2_048),
    ("heaac_implicit", "mp4a.40.2", 24_000, 2, 1_024),
    ("enhanced_opus", "Opus", 48_000, 2, 960),
    ("enhanced_opus_60ms", "Opus", 48_000, 2, 2_880),
    ("enhanced_flac", "fLaC", 44_100, 1, 1_024),
    ("enhanced_ac3", "ac-3", 48_000, 2, 1_536),
    ("enhanced_eac3_51", "ec-3", 48_000, 6, 1_536),
    ("legacy_mp3", "mp4a.40.34", 48_000, 2, 1_152),
    ("legacy_mp3_22k", "mp4a.40.34", 22_050, 1, 576),
];

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::fs::read(folder.join(format!("synthetic_{name}"))).unwrap()
}

fn clip(name: &str) -> Clip {
    Clip::parse(Bytes::from(file(&format!("{name}.flv")))).unwrap()
}

fn sound(clip: &Clip) -> &ClipTrack {
    clip.tracks().last().unwrap()
}

/// The same sound as MP4, one file in fragments.
const MOVIES: [(&str, &str); 7] = [
    ("enhanced_opus", "opus.mp4"),
    ("enhanced_opus_60ms", "opus_60ms_fragmented.mp4"),
    ("enhanced_flac", "flac.mp4"),
    ("enhanced_ac3", "ac3.mp4"),
    ("enhanced_eac3_51", "eac3_51.mp4"),
    ("legacy_mp3", "mp3.mp4"),
    ("legacy_mp3_22k", "mp3_22k.mp4"),
];

#[test]
fn sound_of_an_mp4_file_is_what_it_is_in_an_flv_file() {
    for (name, movie) in MOVIES {
        let (flv, mp4) = (clip(name), Clip::parse(Bytes::from(file(movie))).unwrap());
        let (flv, mp4) = (sound(&flv), sound(&mp4));
        assert_eq!(flv.track, mp4.track, "{movie}");
        assert!((16..=50).contains(&mp4.samples.len()), "{movie}: {}", mp4.samples.len());
        // An edit list may have left out what is before the first sound.
        let first = flv.samples.iter().position(|sample| sample.payload == mp4.samples[0].payload).unwrap();
        assert!(first < 2, "{movie}");
        let same = flv.samples[first..].iter().zip(&mp4.samples);
        assert!(same.into_iter().all(|(a, b)| a.payload == b.payload), "{movie}");
        let CodecConfig::Audio(config) = &mp4.track.config else { panic!("{movie}") };
        // The file was made of rounded times.
        let (span, frame) = (mp4.span().to(config.sample_rate).value, i64::from(config.frame_samples));
        assert!((span - frame * mp4.samples.len() as i64).abs() <= 3 * frame, "{movie}: {span}");
    }
}

/// Whatever byte of the boxes is another: an error, or a clip.
#[test]
fn a_damaged_file_of_any_sound_is_refused_or_read_and_ends_nothing() {
    for (_, movie) in MOVIES {
        let whole = file(movie);
        let entry = whole.windows(4).position(|four| four == b"stsd").unwrap();
        let mut refused = 0;
        for at in entry..(entry + 120).min(whole.len()) {
            for value in [0, 0x7F, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                refused += u32::from(Clip::parse(damaged.into()).is_err());
            }
        }
        assert!(refused > 0, "{movie}");
    }
    let whole = file("opus.mp4");
    let kind = whole.windows(4).position(|four| four == b"Opus").unwrap();
    let mut renamed = whole.clone();
    renamed[kind..kind + 4].copy_from_slice(b"alac");
    let fault = Clip::parse(renamed.into()).unwrap_err().to_string();
    assert_eq!(fault, "stsd: codec 'alac' is not supported");
    let mut without = whole.clone();
    let record = whole.windows(4).position(|four| four == b"dOps").unwrap();
    without[record..record + 4].copy_from_slice(b"free");
    assert_eq!(Clip::parse(without.into()).unwrap_err().to_string(), "dOps: missing");
}

#[test]
fn sound_of_every_codec_is_described_from_its_file() {
    for (name, codecs, rate, channels, samples) in CLIPS {
        let clip = clip(name);
        let [video, sound] = clip.tracks() else { panic!("{name}") };
        assert_eq!(video.samples.len(), 75);
        let CodecConfig::Audio(config) = &sound.track.config else { panic!("{name}") };
        let seen =
            (&config.codecs[..], config.sample_rate.per_second(), config.channels, config.frame_samples);
        assert_eq!(seen, (codecs, rate, channels, samples), "{name}");
        // Where no grid explains every rounded time (an Opus pre-skip is rounded away from zero), they are sent as
        // they are.
        let found = (sound.scale.per_second(), sound.grid());
        let free = ["Opus", "fLaC"].contains(&codecs);
        assert_eq!(found, if free { (1_000, None) } else { (rate, Some(samples.into())) }, "{name}");
        let seconds = sound.samples.len() as f64 * f64::from(samples) / f64::from(rate);
        assert!((2.99..3.1).contains(&seconds), "{name}: {seconds} s");
    }
}

/// The sample entry of an init section: its type, and the box in it that configures the codec.
fn entry(init: &[u8]) -> (String, Vec<u8>) {
    let at = init.windows(4).position(|four| four == b"stsd").unwrap() + 4 + 8;
    let size = |at: usize| u32::from_be_bytes(init[at..at + 4].try_into().unwrap()) as usize;
    let kind = String::from_utf8(init[at + 4..at + 8].to_vec()).unwrap();
    let inner = at + 8 + 28;
    (kind, init[inner + 4..inner + size(inner)].to_vec())
}

/// The initialisation section of a clip's sound.
fn init(name: &str) -> Bytes {
    let clip = clip(name);
    let sound = &clip.tracks()[1].track;
    cmaf::init(sound, sound.timescale()).unwrap()
}

#[test]
fn sample_entries_are_those_of_the_standards() {
    let expected: [(&str, &str, &[u8]); 5] = [
        ("enhanced_opus", "Opus", b"dOps\0\x02\x01\x38\0\0\xBB\x80\0\0\0"),
        // 48 kHz, bsid 8, 2/0, 128 kbit/s.
        ("enhanced_ac3", "ac-3", b"dac3\x10\x11\x00"),
        // 192 kbit/s, one independent substream: 48 kHz, bsid 16, 3/2 and LFE.
        ("enhanced_eac3_51", "ec-3", b"dec3\x06\x00\x20\x0F\x00"),
        ("enhanced_flac", "fLaC", b"dfLa\0\0\0\0\x80\0\0\x22"),
        ("legacy_mp3", "mp4a", b"esds"),
    ];
    for (name, kind, config) in expected {
        let (found, inner) = entry(&init(name));
        assert_eq!(found, kind, "{name}");
        assert!(inner.starts_with(config), "{name}: {:02x?}", &inner);
    }
    let object_type = |name| {
        let (_, esds) = entry(&init(name));
        // DecoderConfigDescriptor: its tag, its size, the object type, and the stream type of sound.
        let at = esds.windows(3).position(|three| three[0] == 4 && three[2] != 0 && three[1] >= 13).unwrap();
        esds[at + 2]
    };
    assert_eq!(object_type("legacy_mp3"), 0x6B);
    assert_eq!(object_type("legacy_mp3_22k"), 0x69);
}

#[test]
fn what_is_written_as_a_tag_reads_back_in_every_form() {
    for (name, ..) in CLIPS {
        let clip = clip(name);
        let sound = &clip.tracks()[1];
        let CodecConfig::Audio(config) = &sound.track.config else { panic!("{name}") };
        for form in [Form::Legacy, Form::Enhanced, Form::Track(0)] {
            let packet = |body| {
                let Tag::Audio(packets) = Tag::parse(TagKind::Audio, body).unwrap() else { panic!() };
                packets.into_iter().next().unwrap()
            };
            let mut heard = rillcast::codec::Sound::new(config.codec);
            if let Some(start) = mux::audio_start(form, config.codec, &config.record) {
                let packet = packet(start);
                assert_eq!(packet.codec.audio(), Some(config.codec), "{name} {form:?}");
                let PacketKind::SequenceStart(header) = packet.kind else { panic!("{name} {form:?}") };
                heard.declare(header, &Default::default()).unwrap();
            } else {
                assert_eq!((form, config.codec), (Form::Legacy, AudioCodec::Mp3));
            }
            let frame = packet(mux::audio_frame(form, config.codec, &sound.samples[0].payload));
            let PacketKind::Frames { payload, .. } = frame.kind else { panic!("{name} {form:?}") };
            assert_eq!(payload, sound.samples[0].payload);
            heard.hear(&payload).unwrap();
            assert_eq!(heard.config(), Some(config), "{name} {form:?}");
        }
    }
}
