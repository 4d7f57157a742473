//! The publish and demo drivers over real sockets on this machine, against our own ingest.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rillcast::base::Secret;
use rillcast::flv::TagKind;
use rillcast::flv::mux::{self, Form};
use rillcast::media::{CodecConfig, Frame, Limits, VideoCodec};
use rillcast::push::Clip;
use rillcast::rtmp::{Output, Rejection, Session};
use rillcast::server::{Clock, demo, publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

const SURROUND: &[u8] = include_bytes!("../fixtures/bbb_720p25_gop132_aac51.mp4");
const PATIENCE: Duration = Duration::from_secs(20);

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

/// What one publisher did.
#[derive(Default)]
struct Heard {
    path: String,
    key: Option<Secret>,
    frames: Vec<Frame>,
    unpublished: bool,
}

/// Serves one publisher until it leaves, or hangs up on it after `enough` frames.
async fn serve(listener: &TcpListener, refuse: Option<&str>, enough: usize) -> Heard {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut session = Session::new(Clock::mono(), Arc::new(Limits::default()));
    let mut heard = Heard::default();
    let mut buffer = vec![0; 64 * 1_024];
    loop {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(bytes) => socket.write_all(&bytes).await.unwrap(),
                Output::PublishRequested(request) => {
                    (heard.path, heard.key) = (request.path, request.key);
                    match refuse {
                        Some(why) => session.reject(&Rejection::bad_name(why)),
                        None => session.accept(),
                    }
                }
                Output::Frame(frame) => heard.frames.push(frame),
                Output::Unpublished => heard.unpublished = true,
                Output::Close(_) => return heard,
                _ => {}
            }
        }
        if heard.frames.len() >= enough {
            return heard;
        }
        match socket.read(&mut buffer).await.unwrap() {
            0 => return heard,
            n => session.handle_input(Clock::mono(), &buffer[..n]).unwrap(),
        }
    }
}

/// The first `pictures` pictures of a clip as an FLV file.
fn short_flv(pictures: usize) -> tempfile::NamedTempFile {
    let clip = Clip::parse(Bytes::from_static(SURROUND)).unwrap();
    let video = &clip.tracks()[0];
    let CodecConfig::Video(config) = &video.track.config else { panic!("video comes first") };
    let mut out = mux::file_header(false, true).to_vec();
    out.extend(
        mux::file_tag(TagKind::Video, 0, &mux::video_start(Form::Legacy, VideoCodec::Avc, &config.record))
            .unwrap(),
    );
    for (n, s) in video.samples.iter().take(pictures).enumerate() {
        let body = mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, s.key, &s.payload);
        out.extend(mux::file_tag(TagKind::Video, n as u32 * 40, &body).unwrap());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), out).unwrap();
    file
}

fn options(file: PathBuf, at: SocketAddr) -> publish::Options {
    let url = format!("rtmp://{at}/live/studio?key=hush");
    publish::Options { files: vec![file], url, ca: None, repeat: false }
}

#[tokio::test]
async fn a_file_is_published_whole_at_its_own_pace_and_unpublished_in_words() {
    let (listener, at) = listener().await;
    let file = short_flv(20);
    let begun = Clock::mono();
    let publish = publish::run(options(file.path().to_owned(), at), pending());
    let both = async { tokio::join!(publish, serve(&listener, None, usize::MAX)) };
    let (published, heard) = timeout(PATIENCE, both).await.unwrap();
    published.unwrap();
    assert_eq!((heard.path.as_str(), heard.key.is_some(), heard.unpublished), ("studio", true, true));
    let times: Vec<_> = heard.frames.iter().map(|frame| frame.dts.value).collect();
    assert_eq!(times, (0..20).map(|n| n * 40).collect::<Vec<_>>());
    assert!(Clock::mono() - begun >= Duration::from_millis(19 * 40), "no faster than real time");
}

#[tokio::test]
async fn a_publish_that_is_refused_says_why_and_not_the_key() {
    let (listener, at) = listener().await;
    let file = short_flv(2);
    let publish = publish::run(options(file.path().to_owned(), at), pending());
    let both = async { tokio::join!(publish, serve(&listener, Some("wrong key"), usize::MAX)) };
    let (published, _) = timeout(PATIENCE, both).await.unwrap();
    let error = published.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    let text = error.to_string();
    assert!(text.contains("wrong key") && text.contains("BadName") && !text.contains("hush"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_published_says_why() {
    let (_listener, at) = listener().await;
    let missing = publish::run(options("no such file.mp4".into(), at), pending()).await.unwrap_err();
    assert!(missing.to_string().starts_with("cannot read no such file.mp4: "), "{missing}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"plain text").unwrap();
    let text = publish::run(options(file.path().to_owned(), at), pending()).await.unwrap_err();
    assert!(text.to_string().ends_with("neither an MP4 nor an FLV file"), "{text}");
    let mut wrong = options(file.path().to_owned(), at);
    wrong.url = "http://localhost/".to_owned();
    assert_eq!(publish::run(wrong, pending()).await.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let (listener, at) = listener().await;
    drop(listener);
    let file = short_flv(2);
    let error = publish::run(options(file.path().to_owned(), at), pending()).await.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("cannot connect to 127.0.0.1 port {}", at.port())),
        "{error}"
    );
}

#[tokio::test]
async fn the_demo_comes_back_after_a_drop_and_unpublishes_when_told_to_stop() {
    let (listener, at) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let demo = tokio::spawn(async move {
        let stopped = async move { stopped.await.unwrap_or_default() };
        demo::run(at, "hush", stopped).await;
    });
    let dropped = timeout(PATIENCE, serve(&listener, None, 10)).await.unwrap();
    assert_eq!((dropped.path.as_str(), dropped.unpublished), ("demo", false));
    let again = tokio::spawn(async move { serve(&listener, None, usize::MAX).await });
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    stop.send(()).unwrap();
    timeout(PATIENCE, demo).await.unwrap().unwrap();
    let again = timeout(PATIENCE, again).await.unwrap().unwrap();
    assert_eq!((again.path.as_str(), again.unpublished), ("demo", true));
    assert_eq!(again.frames.first().map(|frame| (frame.dts.value, frame.key)), Some((0, true)));
    assert!(again.frames.len() > 10);
}
