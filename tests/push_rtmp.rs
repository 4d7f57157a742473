//! The publishing client in conversation with our own ingest, without sockets: what a clip holds comes out as frames.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rillcast::flv::{File, TagKind, mux};
use rillcast::media::{CodecConfig, Frame, Limits, Track, TrackId, TrackKind};
use rillcast::push::{self, Client, Clip, Pace, Target};
use rillcast::rtmp::{self, PublishRequest, Rejection, Session};

const LOOPING: &[u8] = include_bytes!("../fixtures/bbb_720p25_avc_aac.mp4");
const SURROUND: &[u8] = include_bytes!("../fixtures/bbb_720p25_gop132_aac51.mp4");
const OPUS: &[u8] = include_bytes!("../fixtures/synthetic_enhanced_opus.flv");

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for simulated time")]
fn origin() -> Instant {
    Instant::now()
}

/// Both ends, and what the ingest made of it.
struct Pair {
    client: Client,
    session: Session,
    refuse: Option<&'static str>,
    live: bool,
    request: Option<PublishRequest>,
    tracks: Vec<Track>,
    frames: Vec<Frame>,
    unpublished: bool,
}

impl Pair {
    fn new(clip: &Arc<Clip>, now: Instant) -> Self {
        let target = Target::parse("rtmp://media.example/live/studio/a?key=hush").unwrap();
        Self {
            client: Client::new(target, Arc::clone(clip), now).unwrap(),
            session: Session::new(now, Arc::new(Limits::default())),
            refuse: None,
            live: false,
            request: None,
            tracks: Vec::new(),
            frames: Vec::new(),
            unpublished: false,
        }
    }

    fn settle(&mut self, now: Instant) -> Result<(), push::Error> {
        loop {
            let mut moved = false;
            while let Some(output) = self.client.poll_output() {
                moved = true;
                match output {
                    push::Output::Send(bytes) => self.session.handle_input(now, &bytes).unwrap(),
                    push::Output::Live => self.live = true,
                }
            }
            while let Some(output) = self.session.poll_output() {
                moved = true;
                match output {
                    rtmp::Output::Send(bytes) => self.client.handle_input(now, &bytes)?,
                    rtmp::Output::PublishRequested(request) => {
                        self.request = Some(*request);
                        match self.refuse {
                            Some(why) => self.session.reject(&Rejection::bad_name(why)),
                            None => self.session.accept(),
                        }
                    }
                    rtmp::Output::Announced(announced) => {
                        assert_eq!((announced.video, announced.audio), (Some(true), Some(true)));
                        assert_eq!(announced.frame_rate.map(|rate| rate.fps()), Some(25.0));
                    }
                    rtmp::Output::Cue(cue) => panic!("{cue:?}"),
                    rtmp::Output::Captions(_, captions) => panic!("{captions:?}"),
                    rtmp::Output::Encoder(_, report) => panic!("{report:?}"),
                    rtmp::Output::Track(track) => self.tracks.push(track),
                    rtmp::Output::Frame(frame) => self.frames.push(frame),
                    rtmp::Output::Unpublished => self.unpublished = true,
                    played @ (rtmp::Output::PlayRequested(_) | rtmp::Output::Stopped) => panic!("{played:?}"),
                    rtmp::Output::Discarded(discarded) => panic!("{discarded:?}"),
                    rtmp::Output::Close(_) => {}
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }
}

fn clip(file: &'static [u8]) -> Clip {
    Clip::parse(Bytes::from_static(file)).unwrap()
}

/// The sound of an FLV file alone.
fn sound_of(file: &'static [u8]) -> Clip {
    let mut out = mux::file_header(true, false).to_vec();
    for tag in File::open(Bytes::from_static(file)).unwrap().map(Result::unwrap) {
        if tag.kind == TagKind::Audio {
            out.extend(mux::file_tag(tag.kind, tag.time, &tag.body).unwrap());
        }
    }
    Clip::parse(out.into()).unwrap()
}

#[test]
fn every_sample_of_a_clip_comes_out_of_the_ingest_unchanged() {
    let ladder = Clip::join([clip(LOOPING), clip(SURROUND), sound_of(OPUS)]).unwrap();
    let names: Vec<_> = ladder.tracks().iter().map(|track| track.track.id.to_string()).collect();
    assert_eq!(
        names,
        ["v0", "v1", "a0", "a1"],
        "of the second file the picture, of the third its only track"
    );
    for clip in [clip(LOOPING), clip(SURROUND), ladder] {
        let start = origin();
        let clip = Arc::new(clip);
        let mut pair = Pair::new(&clip, start);
        pair.settle(start).unwrap();
        assert!(pair.live);
        let request = pair.request.as_ref().unwrap();
        assert_eq!((request.path.as_str(), request.key.is_some()), ("studio/a", true));

        let mut pace = Pace::new(Arc::clone(&clip), false, start);
        let mut sent = Vec::new();
        let mut now = start;
        while let Some(at) = pace.due() {
            now = at;
            let due = pace.next(now).unwrap();
            pair.client.send(&due).unwrap();
            sent.push((due.track, due.dts, i64::from(due.cts), due.sample.key, due.sample.payload.clone()));
            pair.settle(now).unwrap();
        }
        pair.client.unpublish().unwrap();
        pair.settle(now).unwrap();
        assert!(pair.unpublished);

        let heard: Vec<_> =
            pair.frames.into_iter().map(|f| (f.track, f.dts.value, f.cts, f.key, f.payload)).collect();
        assert_eq!(heard.len(), sent.len());
        assert!(heard == sent);
        let described: Vec<_> = clip.tracks().iter().map(|track| track.track.clone()).collect();
        assert_eq!(pair.tracks, described, "the ingest sees the configurations that the file holds");
    }
}

#[test]
fn our_own_refusal_reaches_the_publisher_in_words() {
    let start = origin();
    let clip = Arc::new(Clip::parse(Bytes::from_static(LOOPING)).unwrap());
    let mut pair = Pair::new(&clip, start);
    pair.refuse = Some("no stream has this key");
    let push::Error::Refused(refusal) = pair.settle(start).unwrap_err() else { panic!("not a refusal") };
    assert_eq!(refusal.code, "NetStream.Publish.BadName");
    assert_eq!(refusal.description, "no stream has this key");
    assert!(!pair.live);
}

#[test]
fn minutes_of_looping_leave_no_trace_of_the_seam_in_the_ingest() {
    let start = origin();
    let clip = Arc::new(Clip::parse(Bytes::from_static(LOOPING)).unwrap());
    let mut pair = Pair::new(&clip, start);
    pair.settle(start).unwrap();
    let mut pace = Pace::new(Arc::clone(&clip), true, start);
    for _ in 0..30 * (128 + 240) {
        let now = pace.due().unwrap();
        pair.client.send(&pace.next(now).unwrap()).unwrap();
        pair.settle(now).unwrap();
    }
    let of = |id: TrackId| pair.frames.iter().filter(move |frame| frame.track == id).enumerate();
    of(TrackId::VIDEO).for_each(|(n, frame)| assert_eq!(frame.dts.value, n as i64 * 40));
    of(TrackId::AUDIO).for_each(|(n, frame)| assert_eq!(frame.dts.value, 80 + (n as i64 * 128 + 3) / 6));
    assert_eq!(pair.tracks.len(), 2, "no configuration is sent twice");
    assert!(
        pair.tracks
            .iter()
            .any(|t| matches!(t.config, CodecConfig::Video(_)) && t.id.kind == TrackKind::Video)
    );
}
