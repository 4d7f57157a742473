//! Timed metadata over real sockets: an encoder that sends cue points, and a player that reads playlists.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rillcast::flv::amf0::{self, Value};
use rillcast::push::{Client, Clip, Output, Pace, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Server, get, playable, settings};

/// `onCuePoint` as one chunk on a chunk stream of its own, on the first message stream.
fn cue_point(name: &str) -> BytesMut {
    let mut body = BytesMut::new();
    amf0::write(&mut body, &Value::String("onCuePoint"));
    let fields = vec![("name", Value::String(name)), ("type", Value::String("event"))];
    amf0::write(&mut body, &Value::Object(fields));
    let mut chunk = BytesMut::new();
    chunk.put_slice(&[10, 0, 0, 0, 0, 0]);
    chunk.put_u8(u8::try_from(body.len()).unwrap());
    chunk.put_u8(18);
    chunk.put_u32_le(1);
    chunk.put_slice(&body);
    chunk
}

/// Publishes the built-in clip for `span`, with a cue point every second.
async fn publish(server: &Server, path: &str, span: Duration) {
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
                client.send(&due).unwrap();
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
        () = publish(&server, "cam", Duration::from_secs(30)) => panic!("never seen"),
    }
    server.stop().await;
}
