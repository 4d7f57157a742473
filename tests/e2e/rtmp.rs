//! RTMP play as other players do it: every access unit's bytes are the source's, through a relay too.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::encoder::{ffmpeg_publish, generate, succeed};
use crate::http::Http;
use crate::play::first_segments;
use crate::reference::{self, Track};
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(40);

/// ffmpeg writing what it plays at `url` into `file`, as it is.
fn ffmpeg(url: &str, file: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning", "-i", url, "-map", "0", "-c", "copy", "-f", "flv"]).arg(file);
    command
}

/// GStreamer doing the same.
fn gstreamer(url: &str, file: &Path) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "rtmp2src", &format!("location={url}"), "!", "filesink"]);
    command.arg(format!("location={}", file.display()));
    command
}

/// That `seen` is a run of `source`, from a keyframe on: bytes, and times but for where they begin. GStreamer drops what
/// it holds when it is told of the end; the others have all of it.
fn is_run_of(source: &[Track], seen: &[Track], who: &str) {
    assert_eq!(seen.len(), 2, "{who}");
    for track in seen {
        let own = source.iter().find(|one| one.video == track.video).unwrap();
        assert!(track.packets.len() > 20, "{who}: {} packets", track.packets.len());
        assert!(track.packets[0].key, "{who}");
        let first = own.packets.iter().position(|packet| packet.hash == track.packets[0].hash).unwrap();
        let rest = &own.packets[first..];
        assert!(who.starts_with("rtmp") || rest.len() == track.packets.len(), "{who}: not to the end");
        assert!(rest.len() >= track.packets.len(), "{who}: more than there is");
        let (first, millis) = (&rest[0], |ticks| own.ticks(ticks, 1_000));
        for (packet, sent) in track.packets.iter().zip(rest) {
            assert_eq!(packet.hash, sent.hash, "{who}: altered");
            let at = |ticks| track.ticks(ticks, 1_000) - track.ticks(track.packets[0].dts, 1_000);
            for (is, was) in [(packet.dts, sent.dts), (packet.pts, sent.pts)] {
                let off = at(is) - (millis(was) - millis(first.dts));
                // Both ends of a step are rounded to a millisecond, twice.
                assert!(off.abs() <= 2, "{who}: {off} ms off");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_and_gstreamer_play_over_rtmp_bit_exactly_and_so_through_a_relay() {
    let mut server = Server::without_grace(&["cam".to_owned(), "copy".to_owned()]).await;
    let folder = tempfile::tempdir().unwrap();
    let clip = generate(folder.path(), "clip", "size=320x180:rate=25", 14, "-bf 2 -g 25").await;
    let published = tokio::spawn(succeed(ffmpeg_publish(&clip, &server.publish_url("cam")), LIMIT));
    let http = Http::new(server.http, false);
    first_segments(&http, "cam").await;

    let file = |name: &str| folder.path().join(name);
    let (url, copy) =
        (format!("rtmp://{}/live/cam", server.rtmp), format!("rtmp://{}/live/copy", server.rtmp));
    let play = |command| tokio::spawn(succeed(command, LIMIT));
    let relayed = play(ffmpeg(&url, Path::new(&server.publish_url("copy"))));
    let players = [
        ("ffmpeg", play(ffmpeg(&url, &file("ffmpeg")))),
        ("rtmp2src", play(gstreamer(&url, &file("rtmp2src")))),
    ];
    first_segments(&http, "copy").await;
    let behind = play(ffmpeg(&copy, &file("relay")));
    let source = reference::read(&clip).await;
    for (who, player) in players.into_iter().chain([("relay", behind)]) {
        let output = player.await.unwrap();
        // Not a word of invalid timestamps.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("nvalid"), "{who}: {said}");
        is_run_of(&source, &reference::read(&file(who)).await, who);
    }
    published.await.unwrap();
    relayed.await.unwrap();
    server.assert_well();
}
