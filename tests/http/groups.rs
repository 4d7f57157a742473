//! Groups of publishers over real sockets: two encoders with keys of their own, one stream for viewers.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mp4_atom::{Decode as _, Moof};
use rillcast::control::{DeclaredGroup, DeclaredStream, KeyHash, Settings};
use rillcast::lint;
use rillcast::media::{StreamName, TrackKind};
use rillcast::push::{Clip, Due, Sample};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cues::publish;
use crate::rig::{Encoder, Server, get, metric, playable, settings};

/// What the smaller rendition has in each picture that the larger one has not: a filler NAL unit.
const MARK: &[u8] = &[0, 0, 0, 3, 0x0C, 0xFF, 0x80];

fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

fn grouped() -> Settings {
    let stream = |stream: &str| {
        let keys = vec![KeyHash::new(&format!("key-of-{stream}")).unwrap()];
        DeclaredStream { name: name(stream), keys }
    };
    let members = vec![name("cam_1080"), name("cam_720")];
    let group = DeclaredGroup { name: name("cam"), sound: vec![members[0].clone()], members };
    let streams = ["cam_1080", "cam_720"].map(stream).into();
    Settings { streams, groups: vec![group], open_publish: false, ..settings() }
}

fn plain(due: &Due<'_>) -> Sample {
    due.sample.clone()
}

fn marked(due: &Due<'_>) -> Sample {
    let sample = due.sample.clone();
    if due.track.kind == TrackKind::Audio {
        return sample;
    }
    Sample { payload: [&sample.payload[..], MARK].concat().into(), ..sample }
}

/// The body of one GET, byte for byte.
async fn fetch(at: SocketAddr, target: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    socket.read_to_end(&mut heard).await.unwrap();
    assert!(heard.starts_with(b"HTTP/1.1 200"), "{target}: {}", String::from_utf8_lossy(&heard[..200]));
    let body = heard.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    heard.split_off(body)
}

/// The samples of a segment, in order.
fn samples(segment: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut samples) = (segment, Vec::new());
    while !rest.is_empty() {
        let moof = Moof::decode(&mut rest).unwrap();
        let (mut media, behind) = rest.split_at(u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize);
        (media, rest) = (&media[8..], behind);
        for entry in moof.traf[0].trun[0].samples.iter() {
            let (sample, more) = media.split_at(entry.size.unwrap() as usize);
            samples.push(sample.to_vec());
            media = more;
        }
        assert!(media.is_empty());
    }
    samples
}

async fn playlist(server: &Server, folder: &str) -> String {
    let (head, body) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    body
}

/// The last part of the path of every line that is one: segments that a playlist lists.
fn segments(playlist: &str) -> Vec<&str> {
    playlist
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit('/').next().unwrap())
        .collect()
}

async fn until(server: &Server, folder: &str, done: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let body = playlist(server, folder).await;
        if done(&body) {
            return body;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_publishers_are_two_variants_of_one_stream_cut_together_and_bit_exact() {
    let server = Server::start(grouped()).await;
    let at = server.at.http;
    let viewer = async {
        let video = playable(&server, "cam").await;
        let small = video.replace("/v0/", "/v1/");
        let (_, text) = get(at, "/live/cam/index.m3u8", "").await;
        let (read, findings) = lint::multivariant(text.as_bytes());
        assert!(findings.is_empty(), "{findings:?}\n{text}");
        assert_eq!(read.unwrap().streams.len(), 2, "{text}");
        for member in ["cam_1080", "cam_720"] {
            let (head, _) = get(at, &format!("/live/{member}/index.m3u8"), "").await;
            assert!(head.starts_with("http/1.1 404"), "members are not streams to watch: {head}");
        }
        until(&server, &video, |body| segments(body).len() > 3).await;
        let (large, small) = (until(&server, &video, |_| true).await, (small.clone(), small));
        let newest = segments(&large).last().map(|last| (*last).to_owned()).unwrap();
        let body = until(&server, &small.0, |body| segments(body).contains(&&*newest)).await;
        let number = |body: &str, tag: &str| {
            body.lines().find_map(|line| line.strip_prefix(tag).map(str::to_owned)).unwrap()
        };
        for tag in ["#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-TARGETDURATION:", "#EXT-X-PART-INF:"] {
            assert_eq!(number(&large, tag), number(&body, tag));
        }
        let durations = |body: &str| -> Vec<String> {
            let lines = body.lines().take_while(|line| !line.ends_with(&newest));
            let kept = |line: &&str| line.starts_with("#EXTINF") || line.starts_with("#EXT-X-PART:DURATION");
            lines.filter(kept).map(|line| line.split(',').next().unwrap().to_owned()).collect()
        };
        assert_eq!(durations(&large), durations(&body), "segments and parts are as long");
        let source = include_bytes!("../../fixtures/bbb_720p25_avc_aac.mp4");
        let clip = Clip::parse(source.to_vec().into()).unwrap();
        let known: HashSet<&[u8]> =
            clip.tracks().iter().flat_map(|track| &track.samples).map(|sample| &sample.payload[..]).collect();
        for segment in segments(&large) {
            let one = samples(&fetch(at, &format!("{video}{segment}")).await);
            let other = samples(&fetch(at, &format!("{}{segment}", small.1)).await);
            assert!(one.len() > 20 && one.len() == other.len());
            for (one, other) in one.iter().zip(&other) {
                assert!(known.contains(&one[..]), "the leader's pictures are as they were sent");
                assert!(*other == [&one[..], MARK].concat(), "so are the member's, at the same times");
            }
        }
    };
    let (first, second) = ("key-of-cam_1080", "cam_720?key=key-of-cam_720");
    let span = Duration::from_secs(14);
    tokio::join!(publish(&server, first, span, plain), publish(&server, second, span, marked), viewer);
    assert_eq!(metric(&server, "rillcast_group_lost_frames_total").await, Some(0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_dies_leaves_the_ladder_and_one_whose_clock_begins_anew_is_told_why_not() {
    let server = Server::start(grouped()).await;
    let leader = Encoder::start(&server, "key-of-cam_1080");
    let member = Encoder::start(&server, "key-of-cam_720");
    let video = playable(&server, "cam").await;
    let small = video.replace("/v0/", "/v1/");
    until(&server, &small, |body| segments(body).len() > 1).await;
    member.crash().await;
    until(&server, &small, |body| body.contains("GAP")).await;
    let began = Instant::now();
    loop {
        let (_, text) = get(server.at.http, "/live/cam/index.m3u8", "").await;
        if !text.contains("/v1/media.m3u8") && text.contains("/v0/media.m3u8") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // By now it would be some seconds behind.
    let told = Encoder::start(&server, "key-of-cam_720").refused().await;
    assert!(told.contains("behind those of the group's first stream"), "{told}");
    let body = playlist(&server, &video).await;
    assert!(!body.contains("GAP") && !body.contains("DISCONTINUITY\n"), "the leader never noticed: {body}");
    leader.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_itself_cannot_be_published_to() {
    let server = Server::start(Settings { open_publish: true, ..grouped() }).await;
    let told = Encoder::start(&server, "cam").refused().await;
    assert!(told.contains("stream cam is a group: publish its members"), "{told}");
    server.stop().await;
}
