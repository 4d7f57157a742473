//! Timed metadata over real sockets: an encoder that sends cue points, and a player that reads playlists.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rillcast::flv::TagKind;
use rillcast::flv::amf0::{self, Value};
use rillcast::flv::mux::{self, Form};
use rillcast::media::{CodecConfig, Ticks, Timescale, VideoCodec};
use rillcast::push::{Client, Clip, Due, Output, Pace, Sample, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, get, playable, settings};

/// The values of an `onCuePoint` message.
fn values(name: &str) -> BytesMut {
    let mut body = BytesMut::new();
    amf0::write(&mut body, &Value::String("onCuePoint"));
    let fields = vec![("name", Value::String(name)), ("type", Value::String("event"))];
    amf0::write(&mut body, &Value::Object(fields));
    body
}

/// `onCuePoint` as one chunk on a chunk stream of its own, on the first message stream.
fn cue_point(name: &str) -> BytesMut {
    let body = values(name);
    let mut chunk = BytesMut::new();
    chunk.put_slice(&[10, 0, 0, 0, 0, 0]);
    chunk.put_u8(u8::try_from(body.len()).unwrap());
    chunk.put_u8(18);
    chunk.put_u32_le(1);
    chunk.put_slice(&body);
    chunk
}

/// Publishes the built-in clip for `span`, with a cue point every second and each sample as `dressed` makes it.
pub(crate) async fn publish(server: &Server, path: &str, span: Duration, dressed: fn(&Due<'_>) -> Sample) {
    let clip = include_bytes!("../../fixtures/bbb_720p25_avc_aac.mp4");
    let clip = Arc::new(Clip::parse(clip.to_vec().into()).unwrap());
    let target = Target::parse(&format!("rtmp://{}/live/{path}", server.at.rtmp)).unwrap();
    let mut socket = TcpStream::connect(server.at.rtmp).await.unwrap();
    let began = Instant::now();
    let mut client = Client::new(target, Arc::clone(&clip), began).unwrap();
    let (mut pace, mut cues, mut buffer) = (None, 0, [0; 4_096]);
    while began.elapsed() < span {
        while let Some(output) = client.poll_output() {
            match output {
                Output::Live => pace = Some(Pace::new(Arc::clone(&clip), true, Instant::now())),
                Output::Send(bytes) => socket.write_all(&bytes).await.unwrap(),
            }
        }
        if let Some(pace) = &mut pace {
            while let Some(due) = pace.next(Instant::now()) {
                client.send(&Due { sample: &dressed(&due), ..due }).unwrap();
            }
            if began.elapsed() > Duration::from_secs(cues) {
                socket.write_all(&cue_point(&format!("number {cues}"))).await.unwrap();
                cues += 1;
            }
        }
        if let Ok(got) = tokio::time::timeout(Duration::from_millis(10), socket.read(&mut buffer)).await {
            client.handle_input(Instant::now(), &buffer[..got.unwrap()]).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cue_points_of_an_encoder_are_date_ranges_of_every_rendition() {
    let server = Server::start(settings()).await;
    let player = async {
        let video = playable(&server, "cam").await;
        let began = Instant::now();
        for folder in [video.clone(), video.replace("/v0/", "/a0/")] {
            for query in ["", "?_HLS_skip=v2"] {
                loop {
                    let (head, body) = get(server.at.http, &format!("{folder}media.m3u8{query}"), "").await;
                    assert!(head.starts_with("http/1.1 200"), "{head}");
                    let line = body.lines().find(|line| line.contains("X-NAME=\"number 2\""));
                    if let Some(line) = line {
                        let start = "#EXT-X-DATERANGE:ID=\"cue-3\",CLASS=\"onCuePoint\",START-DATE=\"";
                        assert!(line.starts_with(start), "{line}");
                        assert!(
                            line.ends_with(",DURATION=0.0,X-NAME=\"number 2\",X-TYPE=\"event\""),
                            "{line}"
                        );
                        break;
                    }
                    assert!(began.elapsed() < Duration::from_secs(15), "{body}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    tokio::select! {
        () = player => {}
        () = publish(&server, "cam", Duration::from_secs(30), |due| due.sample.clone()) => panic!("never seen"),
    }
    server.stop().await;
}

/// The pictures of the built-in clip as an FLV file, with a cue point at 1.5 s.
fn file_with_a_cue() -> tempfile::NamedTempFile {
    let clip = include_bytes!("../../fixtures/bbb_720p25_avc_aac.mp4");
    let clip = Clip::parse(clip.to_vec().into()).unwrap();
    let video = &clip.tracks()[0];
    let CodecConfig::Video(config) = &video.track.config else { panic!("video comes first") };
    let start = mux::video_start(Form::Legacy, VideoCodec::Avc, &config.record);
    let mut tags = vec![(0, TagKind::Video, start), (1_500, TagKind::Script, values("of the file").freeze())];
    for sample in &video.samples {
        let millis = |ticks| Ticks::new(ticks, video.scale).to(Timescale::MILLIS).value + 100;
        let cts = (millis(sample.dts + sample.cts) - millis(sample.dts)) as i32;
        let body = mux::video_frame(Form::Legacy, VideoCodec::Avc, cts, sample.key, &sample.payload);
        tags.push((millis(sample.dts) as u32, TagKind::Video, body));
    }
    tags.sort_by_key(|(time, ..)| *time);
    let mut out = mux::file_header(false, true).to_vec();
    for (time, kind, body) in tags {
        out.extend(mux::file_tag(kind, time, &body).unwrap());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), out).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cue_points_of_a_published_file_are_date_ranges() {
    let server = Server::start(settings()).await;
    let file = file_with_a_cue();
    let encoder = Encoder::start_file(server.at.rtmp, "cam", file.path().to_str().unwrap());
    let folder = playable(&server, "cam").await;
    let began = Instant::now();
    // The clip repeats, and with it what it says.
    let seen = loop {
        let (_, body) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
        if body.matches("X-NAME=\"of the file\"").count() == 2 {
            break body;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{body}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let dates: Vec<&str> = seen
        .lines()
        .filter(|line| line.starts_with("#EXT-X-DATERANGE:") && line.contains("CLASS=\"onCuePoint\""))
        .map(|line| line.split("START-DATE=\"").nth(1).unwrap().split('"').next().unwrap())
        .collect();
    let seconds = |date: &str| -> f64 {
        let (minute, second) = (&date[14..16], &date[17..23]);
        minute.parse::<f64>().unwrap() * 60.0 + second.parse::<f64>().unwrap()
    };
    // 128 pictures of 40 ms are a lap.
    let apart = (seconds(dates[1]) - seconds(dates[0])).rem_euclid(3_600.0);
    assert!((apart - 5.12).abs() < 0.050, "{dates:?}");
    encoder.stop().await;
    server.stop().await;
}
