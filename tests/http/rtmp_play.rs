//! RTMP play from outside: what a player gets, and what becomes of slow, odd and hostile ones.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::control::Settings;
use rillcast::flv::TagKind;
use rillcast::media::{TrackKind, rescale};
use rillcast::push::Clip;
use tokio::io::AsyncWriteExt;

use crate::rig::{Encoder, Server, get, metric, playable, settings};
use crate::rtmp_player::{Frame, Heard, Player};

const OVER: &str = "NetStream.Play.UnpublishNotify";

fn clip(name: &str) -> Clip {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).join(name);
    Clip::parse(Bytes::from(std::fs::read(path).unwrap())).unwrap()
}

/// That `frames` are those of the clip's track of `kind` from some frame on, repeated, with their times.
fn assert_source(frames: &[Frame], kind: TrackKind) {
    let clip = clip("bbb_720p25_avc_aac.mp4");
    let track = clip.tracks().iter().find(|track| track.track.id.kind == kind).unwrap();
    let samples = &track.samples;
    let mut next = samples.iter().position(|sample| sample.payload == frames[0].payload).unwrap();
    for (n, frame) in frames.iter().enumerate() {
        // Pictures decide how long the clip is: around a repetition some of the sound may be left out.
        while next + 4 >= samples.len() && next < samples.len() + 4 {
            if samples[next % samples.len()].payload == frame.payload {
                break;
            }
            next += 1;
        }
        next %= samples.len();
        let sample = &samples[next];
        assert!(frame.payload == sample.payload, "{kind:?} {n} is not the source's");
        if kind == TrackKind::Video {
            let cts = rescale(sample.cts, track.scale, rillcast::media::Timescale::MILLIS);
            assert_eq!((frame.key, i64::from(frame.cts)), (sample.key, cts), "{n}");
        }
        next += 1;
    }
    for pair in frames.windows(2) {
        let step = pair[1].time.wrapping_sub(pair[0].time);
        // Where the clip is repeated, sound and pictures wait for each other.
        assert!((1..100).contains(&step), "{kind:?}: {} after {}", pair[1].time, pair[0].time);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_joins_at_a_keyframe_and_gets_every_frame_bit_exact_with_its_time() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut player = Player::join(server.at.rtmp, "cam").await;
    assert_eq!(player.hears().await, Some(Heard::Metadata));
    assert!(matches!(player.hears().await, Some(Heard::Start(TagKind::Video, _))));
    assert!(matches!(player.hears().await, Some(Heard::Start(TagKind::Audio, _))));
    let (mut video, mut audio) = (Vec::new(), Vec::new());
    while video.len() < 150 {
        match player.hears().await.unwrap() {
            Heard::Frame(frame) if frame.kind == TagKind::Video => video.push(frame),
            Heard::Frame(frame) => {
                assert!(!video.is_empty(), "it begins with a picture");
                audio.push(frame);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(video[0].key);
    assert_source(&video, TrackKind::Video);
    assert_source(&audio, TrackKind::Audio);
    assert_eq!(metric(&server, "rillcast_readers{protocol=\"Rtmp\"}").await, Some(1));
    drop(player);
    encoder.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_players_are_sent_the_same() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut players = Vec::new();
    for _ in 0..5 {
        players.push(Player::join(server.at.rtmp, "cam").await);
    }
    let read = |mut player: Player| tokio::spawn(async move { player.frames(TagKind::Video, 100).await });
    let reading: Vec<_> = players.into_iter().map(read).collect();
    let mut all = Vec::new();
    for read in reading {
        all.push(read.await.unwrap());
    }
    let start = all.iter().map(|frames| frames[0].time).max().unwrap();
    let from =
        |frames: &[Frame]| frames.iter().skip_while(|f| f.time < start).take(40).cloned().collect::<Vec<_>>();
    let first = from(&all[0]);
    assert_eq!(first.len(), 40);
    assert!(all.iter().all(|frames| from(frames) == first));
    encoder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_stays_while_its_source_is_away_and_gets_the_next_ones_headers() {
    let server = Server::start(Settings { grace: Duration::from_secs(10), ..settings() }).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut player = Player::join(server.at.rtmp, "cam").await;
    let before = player.frames(TagKind::Video, 10).await.pop().unwrap();
    encoder.crash().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let encoder = Encoder::start_file(server.at.rtmp, "cam", "bbb_720p25_gop132_aac51.mp4");
    let mut headers = 0;
    let next = loop {
        match player.hears().await.expect("it stays") {
            Heard::Start(..) => headers += 1,
            Heard::Frame(frame) if headers > 0 => break frame,
            Heard::Metadata | Heard::Frame(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(headers, 2, "one of pictures, one of sound");
    assert!(next.key && next.kind == TagKind::Video);
    assert!(next.time > before.time, "{} after {}", next.time, before.time);
    encoder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_stream_is_told_and_so_is_that_of_the_server() {
    let server = Server::start(Settings { grace: Duration::ZERO, ..settings() }).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut player = Player::join(server.at.rtmp, "cam").await;
    player.frames(TagKind::Video, 5).await;
    encoder.stop().await;
    let heard = player.hears_out().await;
    let end: Vec<_> = heard.iter().filter(|heard| !matches!(heard, Heard::Frame(_))).collect();
    let [Heard::Eof, Heard::Status(first, words), Heard::Status(last, _)] = end[..] else {
        panic!("{end:?}")
    };
    assert_eq!((first.as_str(), last.as_str()), (OVER, "NetStream.Play.Stop"));
    assert_eq!(words, "the stream has ended");

    let encoder = Encoder::start(&server, "two");
    playable(&server, "two").await;
    let mut player = Player::join(server.at.rtmp, "two").await;
    player.frames(TagKind::Video, 5).await;
    let (took, heard) = tokio::join!(server.stop(), player.hears_out());
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(heard.iter().any(|heard| matches!(heard, Heard::Status(code, _) if code == OVER)), "{heard:?}");
    drop(encoder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_refused_in_words_at_once() {
    let server = Server::start(settings()).await;
    for name in ["nobody", "no such/../name", "a b", "x?key=y"] {
        let began = Instant::now();
        let mut player = Player::ask(server.at.rtmp, name, &[]).await;
        let words = player.until_status("NetStream.Play.StreamNotFound").await;
        assert_eq!(words, "there is no such stream", "{name}");
        assert_eq!(player.hears_out().await, [], "{name}");
        assert!(began.elapsed() < Duration::from_secs(2), "{name}: {:?}", began.elapsed());
    }
    assert_eq!(metric(&server, "rillcast_refused_total{reason=\"not_found\"}").await, Some(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codecs_beyond_the_old_ones_go_to_players_that_announce_them_only() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start_file(server.at.rtmp, "cam", "hevc_main_bframes_aac.flv");
    playable(&server, "cam").await;
    let mut old = Player::ask(server.at.rtmp, "cam", &[]).await;
    let words = old.until_status("NetStream.Play.Failed").await;
    assert!(words.contains("hvc1"), "{words}");
    assert_eq!(old.hears_out().await, []);
    for codecs in [["hvc1", "av01"], ["*", ""]] {
        let mut new = Player::ask(server.at.rtmp, "cam", &codecs).await;
        new.until_status("NetStream.Play.Start").await;
        assert!(new.frames(TagKind::Video, 5).await[0].key);
    }
    encoder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_that_reads_nothing_is_closed_and_nobody_else_is_the_worse() {
    let mut settings = settings();
    settings.limits.ring.blocked = Duration::from_secs(1);
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut good = Player::join(server.at.rtmp, "cam").await;
    let mut stuck = Vec::new();
    for _ in 0..5 {
        stuck.push(Player::join(server.at.rtmp, "cam").await);
    }
    let began = Instant::now();
    let closed = "rillcast_readers_closed_total{protocol=\"Rtmp\",reason=\"write_timeout\"}";
    let mut frames = Vec::new();
    while metric(&server, closed).await != Some(5) {
        frames.extend(good.frames(TagKind::Video, 10).await);
        assert!(began.elapsed() < Duration::from_secs(30), "they are still there");
    }
    assert_source(&frames, TrackKind::Video);
    let (_, history) = get(server.at.admin, "/api/v1/history", "").await;
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let left = history["generations"][0]["viewers"]["newest_first"].as_array().unwrap();
    for viewer in left {
        let lag = &viewer["lag"];
        assert!(lag["short_writes"].as_u64() >= Some(1) && lag["timeouts"] == 1, "{viewer}");
    }
    assert_eq!(left.len(), 5);
    drop(stuck);
    encoder.stop().await;
}

/// Hostile case 65: one that is stopped for a while and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_that_pauses_goes_on_at_a_keyframe_with_nothing_mixed_up() {
    let mut settings = settings();
    settings.limits.ring.history = Duration::from_secs(4);
    settings.limits.ring.blocked = Duration::from_secs(60);
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut player = Player::join(server.at.rtmp, "cam").await;
    player.frames(TagKind::Video, 5).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let frames = player.frames(TagKind::Video, 250).await;
    let holes: Vec<_> = frames.windows(2).filter(|pair| pair[1].time - pair[0].time > 100).collect();
    assert!(!holes.is_empty(), "it has lost something");
    assert!(holes.iter().all(|pair| pair[1].key), "it goes on at a keyframe");
    assert!(frames.windows(2).all(|pair| pair[0].time < pair[1].time));
    encoder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_players_are_closed_and_the_stream_goes_on() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut good = Player::join(server.at.rtmp, "cam").await;
    // One that floods with commands.
    let mut flood = Player::join(server.at.rtmp, "cam").await;
    for n in 0..1_000 {
        flood.call(1, "play", f64::from(n), &[rillcast::flv::amf0::Value::Null]).await;
    }
    assert!(flood.hears_out().await.len() < 400);
    // One that sends what a publisher may.
    let mut fat = Player::join(server.at.rtmp, "cam").await;
    let head = [0x06, 0, 0, 0, 0x10, 0, 0, 9, 1, 0, 0, 0];
    let _ = fat.socket.write_all(&head).await;
    let _ = fat.socket.write_all(&vec![0; 1 << 20]).await;
    fat.hears_out().await;
    // Many that come and go.
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(Player::ask(server.at.rtmp, "cam", &[]).await);
    }
    drop(crowd);
    let frames = good.frames(TagKind::Video, 50).await;
    assert_source(&frames, TrackKind::Video);
    let began = Instant::now();
    while metric(&server, "rillcast_readers{protocol=\"Rtmp\"}").await != Some(1) {
        assert!(began.elapsed() < Duration::from_secs(10), "readers are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    encoder.stop().await;
}
