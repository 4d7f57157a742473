//! What is made of the demo clip, before judges that share no code with what made it: the `mp4` crate reads the
//! boxes, symphonia reads the samples and decodes the sound. And the bytes themselves are pinned: a change of one
//! is a change that somebody meant.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "judges/demo.rs"]
mod demo;
#[path = "judges/golden.rs"]
mod golden;

use std::io::Cursor;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rillcast::media::{TrackId, rescale};
use rillcast::push::ClipTrack;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// One sample as the clip has it, on the clock of what was published: a second of lead-in, then the first picture.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    dts: i64,
    pts: i64,
    duration: i64,
    payload: Vec<u8>,
}

/// What must come out of `track`, on an exact grid: pictures at 25 a second, sound by 1024 samples.
fn expected(track: &ClipTrack, first: i64) -> Vec<Expected> {
    let scale = track.track.timescale();
    let step = if track.track.id == TrackId::VIDEO { 3_600 } else { 1_024 };
    let origin = i64::from(scale.per_second());
    let samples = track.samples.iter().zip(0..).map(|(sample, n)| Expected {
        dts: first + n * step,
        pts: origin + rescale(sample.dts + sample.cts, track.scale, scale),
        duration: step,
        payload: sample.payload.to_vec(),
    });
    samples.collect()
}

/// Runs a judge that may hang on what it does not understand.
fn within_time<T: Send + 'static>(judge: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(judge()));
    receive.recv_timeout(Duration::from_secs(30)).expect("the judge came to no end, or fell over")
}

#[test]
fn the_mp4_crate_reads_every_box_and_finds_every_sample_in_its_place() {
    let published = demo::publish(None);
    for track in published.clip.tracks() {
        let id = track.track.id;
        let file = published.file(id);
        let reader = within_time(move || {
            let len = file.len() as u64;
            mp4::Mp4Reader::read_header(Cursor::new(file), len).unwrap()
        });
        let header = &reader.tracks()[&1];
        assert_eq!(header.timescale(), track.track.timescale().per_second());
        if id == TrackId::VIDEO {
            assert_eq!(header.media_type().unwrap(), mp4::MediaType::H264);
            assert_eq!((header.width(), header.height()), (1_280, 720));
        } else {
            assert_eq!(header.media_type().unwrap(), mp4::MediaType::AAC);
            assert_eq!(header.sample_freq_index().unwrap(), mp4::SampleFreqIndex::Freq48000);
            assert_eq!(header.channel_config().unwrap(), mp4::ChannelConfig::Stereo);
        }
        let parts = published.parts(id);
        assert_eq!(reader.moofs.len(), parts.len());
        let mut seen = Vec::new();
        for (moof, part) in reader.moofs.iter().zip(&parts) {
            let [traf] = &moof.trafs[..] else { panic!("one traf a part") };
            let trun = traf.trun.as_ref().unwrap();
            let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
            assert_eq!((dts, moof.mfhd.sequence_number), (part.start, part.number as u32 + 1));
            let body = demo::bytes(&part.body);
            let mut at = usize::try_from(trun.data_offset.unwrap()).unwrap();
            for n in 0..trun.sample_count as usize {
                // This reader knows no signed offsets: the bits are right all the same.
                let cts = trun.sample_cts.get(n).map_or(0, |cts| *cts as i32);
                let duration = i64::from(trun.sample_durations[n]);
                let end = at + trun.sample_sizes[n] as usize;
                let payload = body[at..end].to_vec();
                seen.push(Expected { dts, pts: dts + i64::from(cts), duration, payload });
                (at, dts) = (end, dts + duration);
            }
            assert_eq!(at, body.len(), "no byte of part {} of {id} is left over", part.number);
        }
        assert_same(id, track, seen);
    }
}

/// `seen` is the clip, sample by sample; the first decode time is whatever it is, the rest follow from it.
fn assert_same(id: TrackId, track: &ClipTrack, seen: Vec<Expected>) {
    let expected = expected(track, seen[0].dts);
    assert_eq!(seen.len(), expected.len(), "{id}: as many samples out as in");
    for (n, (seen, expected)) in seen.into_iter().zip(expected).enumerate() {
        assert!(seen.payload == expected.payload, "{id}: sample {n} is not what was sent");
        assert_eq!((seen.dts, seen.duration), (expected.dts, expected.duration), "{id}: sample {n}");
        // Where sound begins is known to the millisecond it was sent with.
        let slack = if id == TrackId::VIDEO { 0 } else { 48 };
        assert!((seen.pts - expected.pts).abs() <= slack, "{id}: sample {n} at {}", seen.pts);
    }
}

fn open(file: Vec<u8>) -> Box<dyn FormatReader> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(file)), Default::default());
    let probe = symphonia::default::get_probe();
    probe.probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default()).unwrap()
}

#[test]
fn symphonia_reads_the_samples_of_both_renditions_and_decodes_the_sound() {
    let published = demo::publish(None);
    for track in published.clip.tracks() {
        let id = track.track.id;
        let file = published.file(id);
        let (packets, decoded) = within_time(move || {
            let mut reader = open(file);
            let audio = reader.tracks()[0].codec_params.as_ref().and_then(|codec| codec.audio()).cloned();
            let mut decoder = audio.map(|audio| {
                let codecs = symphonia::default::get_codecs();
                codecs.make_audio_decoder(&audio, &AudioDecoderOptions::default()).unwrap()
            });
            let (mut packets, mut decoded) = (Vec::new(), Vec::new());
            while let Some(packet) = reader.next_packet().unwrap() {
                if let Some(decoder) = &mut decoder {
                    let sound = decoder.decode(&packet).unwrap();
                    decoded.push((sound.spec().rate(), sound.num_planes(), sound.frames()));
                }
                packets.push((packet.dts.get(), packet.dur.get() as i64, packet.data.into_vec()));
            }
            (packets, decoded)
        });
        let expected = expected(track, packets[0].0);
        assert_eq!(packets.len(), expected.len(), "{id}: as many samples out as in");
        for (n, ((dts, duration, payload), expected)) in packets.into_iter().zip(expected).enumerate() {
            assert!(payload == expected.payload, "{id}: sample {n} is not what was sent");
            assert_eq!((dts, duration), (expected.dts, expected.duration), "{id}: sample {n}");
        }
        let sound = if id == TrackId::AUDIO { track.samples.len() } else { 0 };
        assert_eq!(decoded, vec![(48_000, 2, 1_024); sound]);
    }
}
