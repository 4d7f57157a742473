//! The rows of playback while something ends or breaks: the stream, the server, the encoder's connection; over
//! every transport, with and without gzip.

use std::path::Path;
use std::time::{Duration, Instant};

use hyper::Method;
use rillcast::control::Settings;
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, metric, playable};
use crate::tls_rig::secure;
use crate::transports::{ALL, Heard, Player, hint, inflate, open_msn};

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip")];
/// A request that is not to be held is answered within this, however busy the machine is.
const AT_ONCE: Duration = Duration::from_millis(900);

/// A grace longer than all rows take, on any machine.
const AWAY: Duration = Duration::from_secs(60);

/// What an answer must be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expect {
    /// A playlist that goes on.
    Live,
    /// A playlist that is over, whole.
    Ended,
    /// Media that never changes.
    Media,
    /// This status.
    Refusal(u16),
}

/// One row: what is asked for, what comes, and whether at once.
struct Row {
    ask: String,
    expect: Expect,
    at_once: bool,
}

fn row(ask: impl Into<String>, expect: Expect) -> Row {
    Row { ask: ask.into(), expect, at_once: true }
}

fn held(ask: impl Into<String>, expect: Expect) -> Row {
    Row { at_once: false, ..row(ask, expect) }
}

/// Asks for `row` plain, packed and by HEAD at the same time, and judges each answer.
async fn judge(player: &Player, folder: &str, row: &Row) {
    let path = if row.ask.starts_with('/') { row.ask.clone() } else { format!("{folder}{}", row.ask) };
    let began = Instant::now();
    let (plain, packed, head) = tokio::join!(
        player.get(&path),
        player.ask(Method::GET, &path, &GZIP),
        player.ask(Method::HEAD, &path, &[]),
    );
    let on = format!("{:?} {path} {:?}", player.transport, row.expect);
    assert!(!row.at_once || began.elapsed() < AT_ONCE, "{on}: {:?}", began.elapsed());
    for reply in [&plain, &packed, &head] {
        check(reply, row.expect, &on);
    }
    assert!(head.body.is_empty(), "{on}");
    let zipped = packed.header("content-encoding") == "gzip";
    assert_eq!(zipped, matches!(row.expect, Expect::Live | Expect::Ended), "{on}");
    let (unpacked, live) =
        (if zipped { inflate(&packed.body).into() } else { packed.body.clone() }, row.expect == Expect::Live);
    // A playlist that goes on may have gone on between the two.
    assert!(live || unpacked == plain.body, "{on}");
    if live || row.expect == Expect::Ended {
        let text = std::str::from_utf8(&unpacked).unwrap();
        for text in [plain.text(), text] {
            assert!(text.starts_with("#EXTM3U\n"), "{on}: {text}");
            assert_eq!(text.contains("#EXT-X-ENDLIST"), !live, "{on}: {text}");
            assert!(live || !text.contains("#EXT-X-SKIP"), "{on}: {text}");
            assert_eq!(text.contains("#EXT-X-PRELOAD-HINT"), live, "{on}: {text}");
        }
    }
}

fn check(reply: &Heard, expect: Expect, on: &str) {
    let status = match expect {
        Expect::Live | Expect::Ended | Expect::Media => 200,
        Expect::Refusal(status) => status,
    };
    assert_eq!(reply.status.as_u16(), status, "{on}");
    assert_eq!(reply.header("access-control-allow-origin"), "*", "{on}");
    assert_eq!(reply.header("age"), "", "{on}");
    let (kept, immutable) = (reply.header("cache-control"), expect == Expect::Media);
    assert_eq!(kept.ends_with("immutable"), immutable, "{on}: {kept}");
    assert!(kept == "no-store" || kept.starts_with("public, max-age="), "{on}: {kept}");
    assert!(!reply.header("priority").is_empty(), "{on}");
}

async fn playlist(player: &Player, folder: &str) -> String {
    player.get(&format!("{folder}media.m3u8")).await.text().to_owned()
}

/// Waits until the playlist holds `what`.
async fn until(player: &Player, folder: &str, what: &str) -> String {
    let began = Instant::now();
    loop {
        let state = playlist(player, folder).await;
        if state.contains(what) {
            return state;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "no {what} in {state}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The URIs of listed parts that hold media, and of listed segments that do.
fn listed(state: &str) -> (Vec<&str>, Vec<&str>) {
    let parts = state.lines().filter(|line| line.starts_with("#EXT-X-PART:") && !line.contains("GAP=YES"));
    let parts = parts.map(|line| line.split("URI=\"").nth(1).unwrap().split('"').next().unwrap()).collect();
    let lines: Vec<&str> = state.lines().collect();
    let gap = |at: usize| {
        lines[..at].iter().rev().take_while(|line| line.starts_with('#')).any(|line| *line == "#EXT-X-GAP")
    };
    let segments = (0..lines.len()).filter(|at| lines[*at].starts_with("seg-") && !gap(*at));
    (parts, segments.map(|at| lines[at]).collect())
}

struct Scene {
    folder: tempfile::TempDir,
    server: Server,
    encoder: Encoder,
    media: String,
}

impl Scene {
    async fn set(grace: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { grace, ..secure(folder.path()) };
        let server = Server::start(settings).await;
        let encoder = Encoder::start(&server, "cam");
        let media = playable(&server, "cam").await;
        let scene = Self { folder, server, encoder, media };
        until(&scene.players()[0], &scene.media, "\nseg-").await;
        scene
    }

    fn players(&self) -> [Player; 4] {
        players(&self.server, self.folder.path())
    }
}

fn players(server: &Server, folder: &Path) -> [Player; 4] {
    ALL.map(|transport| Player::new(transport, server, folder))
}

/// Rows that are the same in every state.
fn always() -> Vec<Row> {
    vec![
        row("init-0.mp4", Expect::Media),
        row("init-9.mp4", Expect::Refusal(404)),
        row("part-1000000.m4s", Expect::Refusal(404)),
        row("seg-1000000.m4s", Expect::Refusal(404)),
        row("/live/cam/000000000000/v0/media.m3u8", Expect::Refusal(404)),
        row("/live/nobody/index.m3u8", Expect::Refusal(404)),
    ]
}

/// Once a stream has ended every directive means nothing, and what was listed stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_holds_when_a_stream_has_ended() {
    let Scene { folder, server, encoder, media } = Scene::set(Duration::ZERO).await;
    encoder.stop().await;
    let players = players(&server, folder.path());
    let state = until(&players[0], &media, "#EXT-X-ENDLIST").await;
    let open = open_msn(&state);
    let (parts, segments) = listed(&state);
    let mut rows = always();
    for query in [
        String::new(),
        "?_HLS_part=1".into(),
        "?_HLS_msn=-1".into(),
        "?_HLS_msn=18446744073709551616".into(),
        "?_HLS_msn=0".into(),
        format!("?_HLS_msn={open}"),
        format!("?_HLS_msn={open}&_HLS_part=1"),
        format!("?_HLS_msn={}", open + 1),
        format!("?_HLS_msn={}&_HLS_part=1000000", open + 100),
        "?_HLS_skip=YES".into(),
        format!("?_HLS_msn={open}&_HLS_skip=v2"),
        "?_HLS_skip=nonsense&token=marker".into(),
    ] {
        rows.push(row(format!("media.m3u8{query}"), Expect::Ended));
    }
    rows.extend(parts.into_iter().chain(segments).map(|uri| row(uri, Expect::Media)));
    for player in &players {
        for row in &rows {
            judge(player, &media, row).await;
        }
    }
    server.stop().await;
}

/// Between an encoder's loss and its return the playlist goes on, in gaps: holds are answered by them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_holds_while_an_encoder_is_away() {
    let Scene { folder, server, encoder, media } = Scene::set(AWAY).await;
    encoder.crash().await;
    let players = players(&server, folder.path());
    until(&players[0], &media, "GAP=YES").await;
    let away = players.clone().map(|player| {
        let media = media.clone();
        tokio::spawn(async move { lost(&player, &media).await })
    });
    for task in away {
        task.await.unwrap();
    }

    // Who waits across the return hears of it as of any other part.
    let state = playlist(&players[0], &media).await;
    assert!(!state.contains("#EXT-X-ENDLIST"), "the grace is not over: {state}");
    let across = players.clone().map(|player| {
        let (media, open) = (media.clone(), open_msn(&state));
        tokio::spawn(async move {
            judge(&player, &media, &held(format!("media.m3u8?_HLS_msn={}", open + 1), Expect::Live)).await;
        })
    });
    let encoder = Encoder::start(&server, "cam");
    for task in across {
        task.await.unwrap();
    }
    let state = until(&players[0], &media, "#EXT-X-DISCONTINUITY\n").await;
    for player in &players {
        assert_eq!(playable(&server, "cam").await, media, "the same generation");
        // The part that is hinted now has media again.
        let state = playlist(player, &media).await;
        judge(player, &media, &held(hint(&state), Expect::Media)).await;
    }
    let (parts, segments) = listed(&state);
    for uri in parts.into_iter().chain(segments) {
        judge(&players[0], &media, &row(uri, Expect::Media)).await;
    }
    encoder.stop().await;
    server.stop().await;
}

/// The rows of a stream whose encoder is away, for one player.
async fn lost(player: &Player, media: &str) {
    let state = playlist(player, media).await;
    let open = open_msn(&state);
    let (parts, segments) = listed(&state);
    // First what the state must not move past, however slow the machine is.
    let mut rows =
        vec![row(format!("media.m3u8?_HLS_msn={}&_HLS_part=1000000", open + 1), Expect::Refusal(400))];
    rows.extend(always());
    rows.extend([
        row("media.m3u8", Expect::Live),
        row("media.m3u8?_HLS_part=1", Expect::Refusal(400)),
        row("media.m3u8?_HLS_msn=-1", Expect::Refusal(400)),
        row("media.m3u8?_HLS_msn=18446744073709551616", Expect::Refusal(400)),
        row(format!("media.m3u8?_HLS_msn={}", open + 100), Expect::Refusal(400)),
        row("media.m3u8?_HLS_msn=0", Expect::Live),
        row("media.m3u8?_HLS_msn=0&_HLS_part=0", Expect::Live),
        row("media.m3u8?_HLS_skip=YES", Expect::Live),
        row("media.m3u8?_HLS_skip=v2", Expect::Live),
        row("media.m3u8?token=marker", Expect::Live),
    ]);
    rows.extend(parts.into_iter().chain(segments).map(|uri| row(uri, Expect::Media)));
    // These are asked for last: the state moves on while they wait.
    rows.push(held(format!("media.m3u8?_HLS_msn={open}&_HLS_part=1"), Expect::Live));
    rows.push(held(format!("media.m3u8?_HLS_msn={open}"), Expect::Live));
    rows.push(held(format!("media.m3u8?_HLS_msn={}&_HLS_skip=YES", open + 1), Expect::Live));
    for row in &rows {
        judge(player, media, row).await;
    }
    // A part that turns out to be a gap has no bytes, and whoever waited for it is told so.
    let state = playlist(player, media).await;
    judge(player, media, &held(hint(&state), Expect::Refusal(404))).await;
    let gap = state.lines().find(|line| line.starts_with("#EXT-X-PART:") && line.contains("GAP=YES"));
    if let Some(uri) = gap.and_then(|line| line.split("URI=\"").nth(1)) {
        judge(player, media, &row(uri.split('"').next().unwrap(), Expect::Refusal(404))).await;
    }
}

/// A server that stops answers who waits with the end, whatever was waited for, and takes nobody new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_held_row_is_answered_when_the_server_stops() {
    let scene = Scene::set(AWAY).await;
    let players = scene.players();
    let Scene { folder: _folder, server, encoder, media } = scene;
    // A segment that has just begun leaves time until what is asked for appears.
    let before = open_msn(&playlist(&players[0], &media).await);
    let open = loop {
        let open = open_msn(&playlist(&players[0], &media).await);
        if open > before {
            break open;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut waiting = Vec::new();
    for player in &players {
        for query in [
            format!("?_HLS_msn={}", open + 1),
            format!("?_HLS_msn={}&_HLS_part=3", open + 1),
            format!("?_HLS_msn={}&_HLS_skip=YES", open + 1),
            format!("?_HLS_msn={}&token=marker", open + 1),
        ] {
            let (player, media) = (player.clone(), media.clone());
            let row = held(format!("media.m3u8{query}"), Expect::Ended);
            waiting.push(tokio::spawn(async move { judge(&player, &media, &row).await }));
        }
    }
    // The hinted part comes whole, as what it was or as the last one, or does not come: never a piece of it.
    let uri = hint(&playlist(&players[0], &media).await).to_owned();
    for player in &players {
        let (player, path) = (player.clone(), format!("{media}{uri}"));
        waiting.push(tokio::spawn(async move {
            let reply = player.get(&path).await;
            let expect = if reply.status == 404 { Expect::Refusal(404) } else { Expect::Media };
            check(&reply, expect, &path);
            assert_eq!(reply.header("content-length"), reply.body.len().to_string());
        }));
    }
    // Four rows, three requests each, on four transports.
    while metric(&server, "rillcast_held_requests").await < Some(48) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let at = server.at;
    let took = server.stop().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    for task in waiting {
        task.await.unwrap();
    }
    for at in [at.http, at.https.unwrap(), at.admin, at.rtmp, at.rtmps.unwrap()] {
        assert!(TcpStream::connect(at).await.is_err(), "{at} still listens");
    }
    assert!(encoder.refused().await.contains("stopping"));
}
