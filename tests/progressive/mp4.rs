//! MP4: the `mp4` crate finds every sample, bit-exact and at its time; payloads are the frames' own bytes.

use std::io::Cursor;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ::mp4::Mp4Reader;
use mp4_atom::{Any, Decode, DecodeMaybe as _};
use rillcast::live::Entry as _;
use rillcast::media::TrackKind;
use rillcast::progressive::{Chunk, Format};

use crate::source::{self, Random, Source};
use crate::{frames, sent, watch};

/// Runs a judge that may hang on what it does not understand.
fn within_time<T: Send + 'static>(judge: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(judge()));
    receive.recv_timeout(Duration::from_secs(30)).expect("the judge came to no end, or fell over")
}

/// One sample as a reader finds it: decode time, composition offset, duration, whether it is a sync sample, bytes.
type Sample = (i64, i64, i64, bool, Vec<u8>);

/// The samples of each track by mp4-atom, whose `moof` is not what wrote ours.
fn read(bytes: &[u8], tracks: usize) -> Vec<Vec<Sample>> {
    let mut out = vec![Vec::new(); tracks];
    let mut rest = bytes;
    let (mut sequence, mut moov) = (0, false);
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        match Any::decode_maybe(&mut rest).unwrap().unwrap() {
            Any::Ftyp(ftyp) => assert_eq!(ftyp.major_brand, mp4_atom::FourCC::new(b"iso6")),
            Any::Moov(found) => {
                let numbers: Vec<_> = found.trak.iter().map(|trak| trak.tkhd.track_id).collect();
                let extends: Vec<_> = found.mvex.unwrap().trex.iter().map(|trex| trex.track_id).collect();
                assert_eq!((&numbers, found.mvhd.next_track_id as usize), (&extends, tracks + 1));
                assert!(!moov && numbers.len() == tracks);
                moov = true;
            }
            Any::Moof(moof) => {
                sequence += 1;
                assert_eq!(moof.mfhd.sequence_number, sequence);
                for traf in &moof.traf {
                    let [trun] = &traf.trun[..] else { panic!("one trun") };
                    let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
                    let mut from = at + trun.data_offset.unwrap() as usize;
                    for (n, sample) in trun.samples.iter().enumerate() {
                        let flags = sample.flags.or(traf.tfhd.default_sample_flags).unwrap();
                        let (lasts, size) = (sample.duration.unwrap(), sample.size.unwrap() as usize);
                        let body = bytes[from..from + size].to_vec();
                        let sync = flags & 0x1_0000 == 0;
                        assert!(n == 0 || !sync || traf.tfhd.track_id == 2 || moof.traf.len() < 2);
                        let found = (dts, sample.cts.unwrap_or(0), i64::from(lasts), sync, body);
                        out[traf.tfhd.track_id as usize - 1].push(found);
                        (dts, from) = (dts + i64::from(lasts), from + size);
                    }
                }
            }
            Any::Mdat(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(moov);
    out
}

fn check(bytes: &[u8], source: &Source) {
    for (place, samples) in read(bytes, source.tracks.len()).into_iter().enumerate() {
        let expected = frames(source, place);
        assert_eq!(samples.len(), expected.len());
        for (n, ((dts, cts, lasts, sync, body), frame)) in samples.into_iter().zip(&expected).enumerate() {
            assert_eq!((dts, cts, sync), (frame.dts.value, frame.cts, frame.key));
            assert_eq!(body, frame.payload);
            // Where the last of a fragment says no duration, it may be any.
            if let (Some(next), Some(said)) = (expected.get(n + 1), frame.duration) {
                let real = next.dts.value - dts;
                assert!(lasts == real || lasts == said, "{lasts} of {real}");
            }
        }
    }
}

#[test]
fn every_fixture_comes_back_bit_exact() {
    for name in source::FIXTURES {
        eprintln!("{name}");
        let source = source::fixture(name);
        check(&watch(Format::Mp4, &source).bytes, &source);
    }
}

#[test]
fn awkward_streams_come_back_bit_exact() {
    let mut random = Random::new();
    let likes = ["bbb_720p25_avc_aac.mp4", "synthetic_enhanced_flac.flv"].map(source::fixture);
    for round in 0..60 {
        let source = source::awkward(&mut random, &likes[round % likes.len()]);
        check(&watch(Format::Mp4, &source).bytes, &source);
    }
}

#[test]
fn an_independent_reader_takes_the_whole_file() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let watched = watch(Format::Mp4, &source);
    let file = watched.bytes.clone();
    let reader = within_time(move || {
        let len = file.len() as u64;
        Mp4Reader::read_header(Cursor::new(file), len).unwrap()
    });
    let kinds = [1, 2].map(|number| reader.tracks()[&number].media_type().unwrap());
    assert_eq!(kinds, [::mp4::MediaType::H264, ::mp4::MediaType::AAC]);
    assert_eq!(reader.moofs.len(), watched.chunks.len());
    let count = |number| {
        let trafs = reader.moofs.iter().flat_map(|moof| &moof.trafs);
        let own = trafs.filter(|traf| traf.tfhd.track_id == number);
        own.map(|traf| traf.trun.as_ref().unwrap().sample_count as usize).sum::<usize>()
    };
    assert_eq!([count(1), count(2)], [frames(&source, 0).len(), frames(&source, 1).len()]);
}

#[test]
fn payloads_are_shared_and_not_copied() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let chunks = watch(Format::Mp4, &source).chunks;
    let place = |bytes: &bytes::Bytes| (bytes.as_ptr().addr(), bytes.len());
    let mut shared: Vec<_> = chunks.iter().flat_map(|chunk| &chunk.body.runs()[1..]).map(place).collect();
    let mut own: Vec<_> = source.frames.iter().map(|frame| place(&frame.payload)).collect();
    shared.sort_unstable();
    own.sort_unstable();
    assert_eq!(shared, own);
}

#[test]
fn fragments_are_short_and_begin_at_every_keyframe() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let chunks = watch(Format::Mp4, &source).chunks;
    let keys = frames(&source, 0).iter().filter(|frame| frame.key).count();
    assert_eq!(chunks.iter().filter(|chunk| chunk.start()).count(), keys);
    let steps = chunks.windows(2).map(|pair| pair[1].micros() - pair[0].micros());
    assert!(steps.into_iter().all(|step| step <= 220_000), "fragments of about 0.2 s");
    for start in (0..chunks.len()).filter(|n| chunks[*n].start()) {
        let mut from_here = chunks[start..].to_vec();
        from_here.truncate(1);
        let file = sent(&from_here);
        let body = &file[chunks[start].head.first.len()..];
        let mut head = body;
        let moof = mp4_atom::Moof::decode(&mut head).unwrap();
        assert_eq!(moof.traf[0].tfhd.track_id, 1);
    }
}

#[test]
fn sound_goes_on_while_there_are_no_pictures() {
    let mut source = source::fixture("bbb_720p25_avc_aac.mp4");
    let mut pictures = 0;
    source.frames.retain(|frame| {
        pictures += usize::from(frame.track.kind == TrackKind::Video);
        frame.track.kind == TrackKind::Audio || pictures < 3
    });
    let chunks = watch(Format::Mp4, &source).chunks;
    let steps = chunks.windows(2).map(|pair| pair[1].micros() - pair[0].micros());
    assert!(steps.into_iter().all(|step| step <= 500_000), "nobody waits for pictures");
    assert_eq!(chunks.iter().filter(|chunk: &&Chunk| chunk.start()).count(), 1);
}
