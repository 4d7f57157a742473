//! Clip files of every form are read alike; damaged ones are refused in words and never end the process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use bytes::Bytes;
use mp4_atom::{
    Decode, Encode, Mfhd, Moof, Moov, Mvex, StszSamples, Tfdt, Tfhd, Traf, Trex, Trun, TrunEntry,
};
use rillcast::flv::TagKind;
use rillcast::flv::mux::{self, Form};
use rillcast::media::{AudioCodec, CodecConfig, Ticks, Timescale, VideoCodec};
use rillcast::push::{Clip, ClipError, ClipTrack, Sample};

const LOOPING: &[u8] = include_bytes!("../fixtures/bbb_720p25_avc_aac.mp4");
const SURROUND: &[u8] = include_bytes!("../fixtures/bbb_720p25_gop132_aac51.mp4");

fn clip(file: &'static [u8]) -> Clip {
    Clip::parse(Bytes::from_static(file)).unwrap()
}

/// The body of a box of the file, header included.
fn whole<'a>(file: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let mut at = 0;
    loop {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        if &file[at + 4..at + 8] == kind {
            return &file[at..at + size];
        }
        at += size;
    }
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// The same movie in fragments of ten samples, tracks in turn.
fn fragmented(file: &'static [u8]) -> Vec<u8> {
    let clip = clip(file);
    let mut moov = Moov::decode(&mut whole(file, b"moov")).unwrap();
    let mut trex = Vec::new();
    for trak in &mut moov.trak {
        let stbl = &mut trak.mdia.minf.stbl;
        stbl.stts.entries.clear();
        stbl.stsc.entries.clear();
        stbl.stsz.samples = StszSamples::Different { sizes: Vec::new() };
        stbl.stco.as_mut().unwrap().entries.clear();
        (stbl.ctts, stbl.stss) = (None, None);
        let defaults =
            Trex { track_id: trak.tkhd.track_id, default_sample_description_index: 1, ..Trex::default() };
        trex.push(defaults);
    }
    moov.mvex = Some(Mvex { mehd: None, trex: trex.clone() });
    let mut out = whole(file, b"ftyp").to_vec();
    moov.encode(&mut out).unwrap();
    let longest = clip.tracks().iter().map(|track| track.samples.len()).max().unwrap();
    for from in (0..longest).step_by(10) {
        for (track, trex) in clip.tracks().iter().zip(&trex) {
            let end = track.samples.len().min(from + 10);
            if from < end {
                fragment(&mut out, track, &track.samples[from..end], trex.track_id);
            }
        }
    }
    out
}

fn fragment(out: &mut Vec<u8>, track: &ClipTrack, samples: &[Sample], track_id: u32) {
    let entry = |s: &Sample| TrunEntry {
        duration: Some(s.duration as u32),
        size: Some(s.payload.len() as u32),
        flags: Some(if s.key { 0x0200_0000 } else { 0x0101_0000 }),
        cts: Some(s.cts),
    };
    let time = (samples[0].dts - track.samples[0].dts) as u64;
    let moof = |offset| Moof {
        mfhd: Mfhd { sequence_number: 1 },
        traf: vec![Traf {
            tfhd: Tfhd { track_id, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: time }),
            trun: vec![Trun {
                data_offset: Some(offset),
                samples: samples.iter().map(entry).collect::<Vec<_>>().into(),
            }],
            ..Traf::default()
        }],
    };
    let mut measured = Vec::new();
    moof(0).encode(&mut measured).unwrap();
    moof(measured.len() as i32 + 8).encode(out).unwrap();
    let payload: Vec<u8> = samples.iter().flat_map(|s| s.payload.iter().copied()).collect();
    out.extend(boxed(b"mdat", &payload));
}

/// The same clip as an FLV file, times rounded to milliseconds as muxers do.
fn flv(file: &'static [u8]) -> Vec<u8> {
    let clip = clip(file);
    let mut tags = Vec::new();
    for ClipTrack { track, scale, samples } in clip.tracks() {
        let millis = |ticks| Ticks::new(ticks, *scale).to(Timescale::MILLIS).value + 100;
        let (kind, start) = match &track.config {
            CodecConfig::Video(video) => {
                (TagKind::Video, mux::video_start(Form::Legacy, VideoCodec::Avc, &video.record))
            }
            CodecConfig::Audio(audio) => {
                (TagKind::Audio, mux::audio_start(Form::Legacy, AudioCodec::Aac, &audio.record).unwrap())
            }
        };
        tags.push((0, kind, start));
        for s in samples {
            let cts = (millis(s.dts + s.cts) - millis(s.dts)) as i32;
            let body = match kind {
                TagKind::Video => mux::video_frame(Form::Legacy, VideoCodec::Avc, cts, s.key, &s.payload),
                _ => mux::audio_frame(Form::Legacy, AudioCodec::Aac, &s.payload),
            };
            tags.push((millis(s.dts), kind, body));
        }
    }
    tags.sort_by_key(|tag| tag.0);
    let mut out = mux::file_header(true, true).to_vec();
    for (time, kind, body) in tags {
        out.extend(mux::file_tag(kind, time as u32, &body).unwrap());
    }
    out
}

#[test]
fn a_fragmented_movie_is_read_like_the_plain_one() {
    for file in [LOOPING, SURROUND] {
        let (plain, fragments) = (clip(file), Clip::parse(fragmented(file).into()).unwrap());
        for (a, b) in plain.tracks().iter().zip(fragments.tracks()) {
            assert_eq!(a.track, b.track);
            assert_eq!(a.scale, b.scale);
            assert!(a.samples == b.samples);
        }
        assert_eq!(plain.period(), fragments.period());
    }
}

#[test]
fn an_flv_file_keeps_its_milliseconds_and_finds_the_grid_behind_them() {
    for file in [LOOPING, SURROUND] {
        let (plain, from_flv) = (clip(file), Clip::parse(flv(file).into()).unwrap());
        assert_eq!(from_flv.tracks().len(), 2);
        for (a, b) in plain.tracks().iter().zip(from_flv.tracks()) {
            assert_eq!(a.track, b.track);
            assert_eq!(a.samples.len(), b.samples.len());
            assert!(b.grid().is_some(), "a steady grid explains every time");
            let millis = |ticks, scale| Ticks::new(ticks, scale).to(Timescale::MILLIS).value;
            for (x, y) in a.samples.iter().zip(&b.samples) {
                assert_eq!(millis(x.dts, a.scale) + 100, millis(y.dts, b.scale));
                assert_eq!(millis(x.dts + x.cts, a.scale) + 100, millis(y.dts + y.cts, b.scale));
                assert_eq!((x.key, &x.payload), (y.key, &y.payload));
            }
        }
        assert_eq!(plain.period().micros(), from_flv.period().micros());
    }
}

#[test]
fn what_is_no_clip_is_refused_in_words() {
    for (bytes, words) in [
        (&b""[..], "neither an MP4 nor an FLV file"),
        (b"RIFF....WAVE", "neither an MP4 nor an FLV file"),
        (b"\0\0\0\x10ftypisom\0\0\0\0", "moov: missing"),
        (b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov", "mvhd: missing"),
        (b"\0\0\xFF\xFFftypisom\0\0\0\0", "file: a box in it says it is longer than it can be"),
        (b"FLV\x02\x05\0\0\0\x09\0\0\0\0", "FLV header"),
        (b"FLV\x01\x05\0\0\0\x09\0\0\0\0", "file has no video and no audio sample"),
    ] {
        let error = Clip::parse(Bytes::from_static(bytes)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_codec_that_cannot_be_published_is_named() {
    let mut file = LOOPING.to_vec();
    let entry = file.windows(8).position(|bytes| &bytes[4..] == b"avc1" && bytes[..3] == [0, 0, 0]).unwrap();
    file[entry + 4..entry + 8].copy_from_slice(b"vvc1");
    let error = Clip::parse(file.into()).unwrap_err();
    assert!(matches!(error, ClipError::Codec { .. }), "{error}");
    assert!(error.to_string().contains("'vvc1'"), "{error}");
}

/// A generator for tests that must be repeatable: xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// Changes bytes of `range`, lengths and counts above all, and cuts the file now and then.
fn mutate(file: &[u8], range: std::ops::Range<usize>, dice: &mut Dice) -> Vec<u8> {
    const TELLING: [u8; 6] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF];
    let mut bytes = file.to_vec();
    for _ in 0..=dice.roll(6) {
        let at = range.start + dice.roll(range.len());
        bytes[at] = if dice.roll(2) == 0 { TELLING[dice.roll(TELLING.len())] } else { dice.roll(256) as u8 };
    }
    if dice.roll(8) == 0 {
        bytes.truncate(range.start + dice.roll(range.len()));
    }
    bytes
}

#[test]
fn mutated_files_are_read_or_refused_and_nothing_else() {
    let seed = 0x5EED_0002;
    println!("seed {seed:#x}");
    let mut dice = Dice(seed);
    let head = |file: &[u8]| {
        let moov = whole(file, b"moov");
        let start = moov.as_ptr() as usize - file.as_ptr() as usize;
        start..start + moov.len()
    };
    let fragments = fragmented(SURROUND);
    let flv = flv(LOOPING);
    // The parts of a file that say how it is built, of both kinds of MP4 and of FLV.
    let files: [(&[u8], std::ops::Range<usize>); 5] = [
        (LOOPING, head(LOOPING)),
        (SURROUND, head(SURROUND)),
        (&fragments, head(&fragments)),
        (&fragments, 0..fragments.len()),
        (&flv, 0..flv.len().min(4_096)),
    ];
    let mut read = 0;
    for (file, range) in files {
        for _ in 0..120 {
            read += usize::from(Clip::parse(mutate(file, range.clone(), &mut dice).into()).is_ok());
        }
    }
    println!("{read} of 600 were still readable");
    assert!((10..590).contains(&read), "{read}");
}
