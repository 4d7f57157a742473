//! Timed metadata, from the encoder's messages to the playlists of every rendition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rillcast::flv::amf0::{self, Value};
use rillcast::hls::{self, Answer, Directives, File, Request};
use rillcast::lint::{self, Listing};
use rillcast::live::{Generation, Notice, Publisher, Registry, Settings, View};
use rillcast::m3u8::Media;
use rillcast::media::{Cue, Now, SpliceKind, StreamName, TrackId, WallTime};
use rillcast::rtmp::{Discard, Output};

use crate::kit::*;

/// A splice_insert out of the programme for 45 s that comes back by itself, as a manual shows it.
const SPLICE: &str = "/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ==";

fn data(time: u32, values: &[Value<'_>]) -> Wire {
    let mut body = BytesMut::new();
    values.iter().for_each(|value| amf0::write(&mut body, value));
    message(18, body.freeze()).csid(4).on(1).at(time)
}

fn cue(time: u32, name: &str, fields: Vec<(&str, Value<'_>)>) -> Wire {
    data(time, &[Value::String(name), Value::Object(fields)])
}

fn point(time: u32, name: &str) -> Wire {
    cue(time, "onCuePoint", vec![("name", Value::String(name)), ("type", Value::String("event"))])
}

fn text(time: u32, text: &str) -> Wire {
    cue(time, "onTextData", vec![("text", Value::String(text)), ("language", Value::String("en"))])
}

fn cues(peer: &mut Peer) -> Vec<Cue> {
    let is_cue = |output: &Output| matches!(output, Output::Cue(_));
    let (cues, others): (Vec<_>, Vec<_>) = peer.outputs.drain(..).partition(is_cue);
    peer.outputs.extend(others);
    let inner = |output| if let Output::Cue(cue) = output { *cue } else { unreachable!() };
    cues.into_iter().map(inner).collect()
}

/// An encoder at one end, and at the other a player of every rendition that goes by delta updates alone.
struct Stage {
    peer: Peer,
    publisher: Publisher,
    generation: Arc<Generation>,
    start: Now,
    /// Milliseconds published.
    at: u32,
    sounds: u32,
    notices: Vec<Notice>,
    held: BTreeMap<TrackId, Listing>,
    /// Deltas that left date ranges out, and deltas that named some as removed.
    deltas: (usize, usize),
}

impl Stage {
    fn new() -> Self {
        let mut peer = Peer::publishing();
        let start = Now { mono: peer.now, wall: WallTime { unix_micros: 1_800_000_000_000_000 } };
        let registry = Registry::new(Settings::default());
        let publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
        peer.sends(metadata());
        peer.sends(avc_config(0));
        peer.sends(aac_config(0));
        let generation = publisher.generation().clone();
        let (notices, held) = (Vec::new(), BTreeMap::new());
        Self { peer, publisher, generation, start, at: 0, sounds: 0, notices, held, deltas: (0, 0) }
    }

    fn sends(&mut self, message: Wire) {
        self.peer.sends(message);
        self.takes();
    }

    fn takes(&mut self) {
        let now = self.start.plus(self.peer.now - self.start.mono);
        for output in std::mem::take(&mut self.peer.outputs) {
            match output {
                Output::Track(track) => self.publisher.configure(track, now),
                Output::Frame(frame) => self.publisher.push(frame, now).unwrap(),
                Output::Cue(cue) => self.publisher.cue(*cue, now),
                _ => {}
            }
        }
        self.notices.extend(self.publisher.notices());
    }

    /// Publishes pictures and sound until `millis`, looking at every state.
    fn runs_until(&mut self, millis: u32) {
        while self.at < millis {
            let key = self.at.is_multiple_of(2_000);
            let frame = if key { key_frame(self.at, &[1; 90]) } else { inter_frame(self.at, &[2; 40]) };
            self.sends(frame);
            while self.sounds * 64 / 3 < self.at + 40 {
                self.sends(sound(self.sounds * 64 / 3, &[3; 20]));
                self.sounds += 1;
            }
            self.at += 40;
            self.peer.now += Duration::from_millis(40);
            self.look();
        }
    }

    fn view(&self, track: TrackId) -> Arc<View> {
        self.generation.rendition(track).unwrap().view()
    }

    fn text(&self, track: TrackId, query: &str) -> String {
        let directives = Directives::parse(Some(query));
        let request = Request { file: File::Playlist, directives, gzip: false, whole_segments: false };
        match hls::answer(&self.view(track), &request) {
            Answer::Ready(reply) => {
                reply.body.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect()
            }
            other => panic!("?{query}: {other:?}"),
        }
    }

    fn ranges(&self, track: TrackId) -> Vec<String> {
        let text = self.text(track, "");
        text.lines().filter_map(|line| line.strip_prefix("#EXT-X-DATERANGE:")).map(str::to_owned).collect()
    }

    /// What a player that keeps up is sent, held to every rule and to the whole playlist.
    fn look(&mut self) {
        for track in [TrackId::VIDEO, TrackId::AUDIO] {
            if !self.generation.playable() {
                return;
            }
            let full = self.text(track, "");
            let (listing, mut findings) = lint::media_playlist(full.as_bytes());
            if let Some(before) = self.held.get(&track) {
                findings.extend(lint::change(before, &listing));
                for query in ["_HLS_skip=YES", "_HLS_skip=v2"] {
                    let delta = self.text(track, query);
                    let (delta, more) = lint::media_playlist(delta.as_bytes());
                    findings.extend(more);
                    if delta.skip.is_some() {
                        findings.extend(lint::delta(before, &delta, &listing));
                        let removed = delta.skip.and_then(|skip| skip.removed_dateranges).unwrap_or_default();
                        self.deltas.0 += usize::from(delta.dateranges.len() < listing.dateranges.len());
                        self.deltas.1 += usize::from(!removed.is_empty());
                    }
                }
            }
            findings.retain(|finding| finding.severity() == lint::Severity::Error);
            assert!(findings.is_empty(), "{findings:?} in {full}");
            self.held.insert(track, listing);
        }
    }
}

#[test]
fn cue_points_and_text_come_out_typed() {
    let mut peer = Peer::publishing();
    let parameters = Value::EcmaArray(vec![("score", Value::String("2:1")), ("name", Value::String("x"))]);
    peer.sends(cue(
        1_000,
        "onCuePoint",
        vec![
            ("name", Value::String("goal")),
            ("time", Value::Number(2.5)),
            ("type", Value::String("event")),
            ("parameters", parameters),
        ],
    ));
    peer.sends(data(
        2_000,
        &[Value::String("@setDataFrame"), Value::String("onTextData"), Value::String("bare")],
    ));
    peer.sends(text(2_000, "line one\r\nline \"two\""));
    peer.sends(data(3_000, &[Value::String("onCaptionInfo"), Value::Object(vec![])]));
    let cues = cues(&mut peer);
    let attributes = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!((cues[0].class, cues[0].at), ("onCuePoint", 2_500));
    let said = attributes(&[("X-NAME", "goal"), ("X-TYPE", "event"), ("X-SCORE", "2:1")]);
    assert_eq!(cues[0].attributes, said);
    assert_eq!((cues[1].class, cues[1].at), ("onTextData", 2_000));
    let said = attributes(&[("X-TEXT", "line one  line \"two\""), ("X-LANGUAGE", "en")]);
    assert_eq!(cues[1].attributes, said);
    assert_eq!(cues.len(), 2);
    // The text without an object, and nothing of what is no cue.
    assert!(matches!(peer.discards()[..], [Discard::Cue(_)]));
}

#[test]
fn splices_are_read_from_every_message_that_carries_them() {
    let mut peer = Peer::publishing();
    let mut hex = String::from("0x");
    for byte in [
        0xFC_u8, 0x30, 0x25, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 0x14, 5, 0x43, 0x13, 0x56, 0xA0, 0x7F, 0xEF,
        0xFF, 0xC8, 0x1C, 0xAC, 0x03, 0xFE, 0, 0x3D, 0xCC, 0x50, 0, 0, 0, 0, 0, 0, 0x5E, 0x11, 0x2F, 0xBD,
    ] {
        hex.push_str(&format!("{byte:02x}"));
    }
    let ad =
        vec![("type", Value::String("scte35")), ("cue", Value::String(SPLICE)), ("id", Value::String("9"))];
    peer.sends(cue(0, "onAdCue", ad));
    let inner = Value::Object(vec![("cue", Value::String(SPLICE))]);
    peer.sends(cue(0, "onCuePoint", vec![("type", Value::String("SCTE-35")), ("parameters", inner)]));
    let named = vec![("name", Value::String("scte35")), ("message", Value::String(&hex))];
    peer.sends(cue(0, "onCuePoint", named));
    let own = vec![("cue", Value::String(SPLICE))];
    peer.sends(cue(0, "onSCTE35", own));
    let cues = cues(&mut peer);
    assert_eq!(cues.len(), 4, "{:?}", peer.discards());
    for cue in cues {
        assert_eq!(cue.class, "scte35");
        let splice = cue.splice.unwrap();
        assert_eq!(splice.section.len(), 40);
        let lasts = Some(Duration::from_secs(45));
        assert_eq!(splice.kind, SpliceKind::Out { event: 0x4313_56A0, lasts, returns: true });
    }
    // One that says how much of it has elapsed was told before.
    peer.sends(cue(0, "onAdCue", vec![("id", Value::String("9")), ("elapsed", Value::Number(3.0))]));
    assert!(peer.outputs.is_empty());
}

#[test]
fn a_cue_is_in_every_rendition_at_its_own_time_until_the_window_has_passed() {
    let mut stage = Stage::new();
    stage.sends(point(0, "early"));
    stage.runs_until(10_000);
    stage.sends(point(10_000, "goal"));
    stage.sends(text(10_000, "2:1"));
    let ad = vec![
        ("type", Value::String("scte35")),
        ("cue", Value::String(SPLICE)),
        ("time", Value::Number(12.0)),
    ];
    stage.sends(cue(10_000, "onAdCue", ad.clone()));
    assert_eq!(stage.ranges(TrackId::VIDEO).len(), 1, "a state that was shown does not change");
    stage.runs_until(11_000);
    // Told twice, as splices are.
    stage.sends(cue(11_000, "onAdCue", ad));
    stage.runs_until(12_000);
    let ranges = stage.ranges(TrackId::VIDEO);
    assert_eq!(ranges, stage.ranges(TrackId::AUDIO));
    assert_eq!(ranges.len(), 4, "{ranges:?}");
    let first = "ID=\"cue-2\",CLASS=\"onCuePoint\",START-DATE=\"";
    let rest = "\",DURATION=0.0,X-NAME=\"goal\",X-TYPE=\"event\"";
    let date = ranges[1].strip_prefix(first).and_then(|line| line.strip_suffix(rest)).unwrap();
    // On the same scale as the segments: the first picture is presented at 80 ms.
    let playlist = Media::parse(&stage.text(TrackId::VIDEO, "")).unwrap();
    let start = playlist.segments[0].head.date_time.unwrap();
    assert_eq!(date, start.plus_micros(9_920_000).to_string());
    assert!(ranges[2].contains("CLASS=\"onTextData\"") && ranges[2].contains("X-TEXT=\"2:1\""));
    assert!(ranges[3].contains(&start.plus_micros(11_920_000).to_string()), "{}", ranges[3]);
    assert!(ranges[3].contains(",DURATION=45.0,") && ranges[3].ends_with("SCTE35-OUT=0xFC302500000000000000FFF01405431356A07FEFFFC81CAC03FE003DCC500000000000005E112FBD"));
    // In a v2 update while it is new, left out when it is not, named when it is gone.
    stage.runs_until(34_000);
    let update = stage.text(TrackId::AUDIO, "_HLS_skip=v2");
    assert!(
        update.contains("RECENTLY-REMOVED-DATERANGES=") && !update.contains("EXT-X-DATERANGE:"),
        "{update}"
    );
    stage.sends(point(34_000, "late"));
    stage.runs_until(36_000);
    assert!(stage.text(TrackId::AUDIO, "_HLS_skip=v2").contains("X-NAME=\"late\""));
    stage.runs_until(44_000);
    let update = stage.text(TrackId::AUDIO, "_HLS_skip=v2");
    assert!(update.contains("RECENTLY-REMOVED-DATERANGES=\"cue-1\tcue-2\tcue-3\""), "{update}");
    assert_eq!(stage.ranges(TrackId::VIDEO).len(), 2, "the break goes on, and the late one is there");
    stage.runs_until(110_000);
    assert!(stage.ranges(TrackId::VIDEO).is_empty());
    assert!(stage.view(TrackId::VIDEO).date_ranges.is_empty(), "all are forgotten");
    assert!(stage.deltas.0 > 50 && stage.deltas.1 > 50, "{:?}", stage.deltas);
}

/// Hostile case 15.
#[test]
fn hostile_cues_end_nothing_and_break_no_line() {
    let mut stage = Stage::new();
    stage.runs_until(4_000);
    let mut deep = BytesMut::new();
    amf0::write(&mut deep, &Value::String("onCuePoint"));
    (0..5_000).for_each(|_| deep.extend_from_slice(b"\x03\x00\x01a"));
    stage.peer.sends(message(18, deep.freeze()).csid(4).on(1).at(4_000));
    let long = "x".repeat(9_000);
    let many: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
    for bad in [
        vec![("text", Value::String(&long))],
        many.iter().map(|name| (name.as_str(), Value::Number(1.0))).collect(),
        vec![("type", Value::String("scte35")), ("cue", Value::String("no base64!"))],
        vec![("type", Value::String("scte35")), ("cue", Value::String("/DAlAAAAAAAAAP"))],
    ] {
        stage.peer.sends(cue(4_000, "onTextData", bad));
    }
    for value in [Value::Number(1.0), Value::StrictArray(vec![]), Value::String("bare")] {
        stage.peer.sends(data(4_000, &[Value::String("onCuePoint"), value]));
    }
    let discards = stage.peer.discards();
    assert!(discards.len() == 8 && discards.iter().all(|d| matches!(d, Discard::Cue(_))), "{discards:?}");

    // Wrong types, impossible numbers and times, and text that would be a line of a playlist.
    let odd = [f64::NAN, f64::INFINITY, -1e300, 1e300, -5.0];
    for number in odd {
        let fields = vec![
            ("time", Value::Number(number)),
            ("duration", Value::Number(number)),
            ("name", Value::Number(number)),
            ("type", Value::StrictArray(vec![Value::Null])),
            ("parameters", Value::Boolean(true)),
        ];
        stage.sends(cue(4_000, "onCuePoint", fields));
    }
    for time in [0, 1_000_000, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
        stage.sends(point(time, "when"));
    }
    stage.sends(text(4_000, "a\"\r\n#EXT-X-ENDLIST\n#EXTINF:1,\n\u{0}\u{2028}"));
    stage.sends(cue(4_000, "onTextData", vec![("\n#EXT", Value::String("b")), ("\"", Value::String("c"))]));
    stage.runs_until(8_000);
    let ranges = stage.ranges(TrackId::VIDEO);
    assert_eq!(ranges.len(), odd.len() + 5 + 2, "{ranges:?}");
    let media = Media::parse(&stage.text(TrackId::VIDEO, "")).unwrap();
    let start = media.segments[0].head.date_time.unwrap();
    for range in &media.date_ranges {
        let after = range.start.unix_micros - start.unix_micros;
        assert!((0..8_000_000).contains(&after), "{range:?} is at no time of the stream");
    }
    assert!(!media.ended && !media.segments.is_empty());
    assert!(stage.peer.error.is_none());
}

/// Hostile case 13.
#[test]
fn ten_thousand_cue_points_are_too_many_and_the_rest_is_told_once() {
    let mut stage = Stage::new();
    for n in 0..10_000_u32 {
        stage.sends(point(n * 4, "again"));
        stage.runs_until(n * 4);
    }
    assert_eq!(stage.notices, [Notice::TooManyCues]);
    assert!(stage.view(TrackId::VIDEO).date_ranges.len() <= 128);
    assert!(stage.text(TrackId::VIDEO, "").len() < 64 * 1_024);
    assert!(stage.peer.error.is_none());
}
