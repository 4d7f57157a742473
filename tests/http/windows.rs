//! The rows of playback of a stream that goes on: what is there, what is coming, what is too far ahead, what has
//! gone; and those that are told to come back. Over every transport, with and without gzip.

use std::time::{Duration, Instant};

use crate::ranges::ranged;
use crate::relay::Relay;
use crate::rig::{Encoder, Server, metric};
use crate::tls_rig::secure;
use crate::transitions::{
    AT_ONCE, Expect, Scene, always, held, judge, listed, players, playlist, row, three, until, verdict,
};
use crate::transports::{Player, hint, open_msn};

const SECOND: Duration = Duration::from_secs(1);
/// As short as playlists get, so that segments soon leave: a target duration of one second, of which three are
/// listed with parts and six are kept by delta updates.
const WINDOW: Duration = Duration::from_secs(9);

async fn short() -> Scene {
    Scene::with(|settings| {
        (settings.segment, settings.window) = (SECOND, WINDOW);
        settings.part = Some(SECOND / 4);
    })
    .await
}

/// Asks for something that depends on where the stream is, until it has been asked while the stream stood still.
async fn at_the_edge(player: &Player, media: &str, expect: Expect, ask: impl Fn(&str) -> String) {
    for _ in 0..40 {
        let before = playlist(player, media).await;
        let (what, began) = (ask(&before), Instant::now());
        let replies = three(player, media, &what).await;
        let took = began.elapsed();
        if hint(&before) == hint(&playlist(player, media).await) {
            assert!(took < AT_ONCE, "{what}: {took:?}");
            return verdict(&replies, expect, &format!("{:?} {what} {expect:?}", player.transport));
        }
    }
    panic!("{:?}: the stream never stood still", player.transport);
}

fn part_number(uri: &str) -> u64 {
    uri.trim_start_matches("part-").trim_end_matches(".m4s").parse().unwrap()
}

fn after(state: &str, parts: u64) -> String {
    format!("part-{}.m4s", part_number(hint(state)) + parts)
}

/// Parts listed of the segment that is open.
fn parts_of_open(state: &str) -> usize {
    let open = state.rsplit("\nseg-").next().unwrap();
    open.lines().filter(|line| line.starts_with("#EXT-X-PART:")).count()
}

/// The rows of §6.2.5.2 and §6.2.6 that are the same wherever the stream is, and those on its edge.
async fn live(player: &Player, media: &str) {
    let state = playlist(player, media).await;
    let last = open_msn(&state) - 1;
    let ask = |query: String| format!("media.m3u8{query}");
    let mut rows = always();
    rows.extend([
        row("media.m3u8", Expect::Live),
        row("media.m3u8?token=marker&_HLS_other=1", Expect::Live),
        row("media.m3u8?_HLS_part=1", Expect::Refusal(400)),
        row("media.m3u8?_HLS_msn=&_HLS_part=1", Expect::Refusal(400)),
        row("media.m3u8?_HLS_msn=1.5", Expect::Refusal(400)),
        row("media.m3u8?_HLS_msn=18446744073709551616", Expect::Refusal(400)),
        row("media.m3u8?_HLS_msn=1&_HLS_part=-1", Expect::Refusal(400)),
        row(ask(format!("?_HLS_msn={last}")), Expect::Live),
        row(ask(format!("?_HLS_msn={last}&_HLS_part=0")), Expect::Live),
        row(ask(format!("?_HLS_msn={}&_HLS_part=1000000", last - 1)), Expect::Live),
        row(ask(format!("?_HLS_msn={}", last + 100)), Expect::Refusal(400)),
        row(ask(format!("?_HLS_msn={last}&_HLS_skip=YES")), Expect::Delta),
        row("media.m3u8?_HLS_skip=YES", Expect::Delta),
        row("media.m3u8?_HLS_skip=v2", Expect::Delta),
        row("media.m3u8?_HLS_skip=NO", Expect::Live),
        row("/live/cam/0123456789ab/v0/part-0.m4s", Expect::Refusal(404)),
        row(media.replace("/v0/", "/v1/") + "media.m3u8", Expect::Refusal(404)),
    ]);
    for row in &rows {
        judge(player, media, row).await;
    }
    at_the_edge(player, media, Expect::Refusal(404), |state| after(state, 1)).await;
    at_the_edge(player, media, Expect::Refusal(404), |state| format!("seg-{}.m4s", open_msn(state))).await;
    for (segments, part, expect) in [
        (2, "", Expect::Refusal(400)),
        (2, "&_HLS_part=0", Expect::Refusal(400)),
        (0, "&_HLS_part=1000000", Expect::Refusal(400)),
        (1, "&_HLS_part=1000000", Expect::Refusal(400)),
    ] {
        let ask = |state: &str| format!("media.m3u8?_HLS_msn={}{part}", open_msn(state) + segments);
        at_the_edge(player, media, expect, ask).await;
    }
    // A part of the open segment that is listed, and the first of the one after when there is none past the last.
    at_the_edge(player, media, Expect::Live, |state| match parts_of_open(state) {
        0 => "media.m3u8".into(),
        parts => format!("media.m3u8?_HLS_msn={}&_HLS_part={}", open_msn(state), parts - 1),
    })
    .await;
    for (segments, rest, expect) in [
        (0, "", Expect::Live),
        (0, "&_HLS_part=4", Expect::Live),
        (0, "&_HLS_part=5", Expect::Live),
        (1, "", Expect::Live),
        (1, "&_HLS_part=1", Expect::Live),
        (1, "&_HLS_skip=YES", Expect::Delta),
    ] {
        let open = open_msn(&playlist(player, media).await);
        let ask = format!("media.m3u8?_HLS_msn={}{rest}", open + segments);
        judge(player, media, &held(ask.as_str(), expect)).await;
        let came = playlist(player, media).await;
        assert!(open_msn(&came) >= open + segments, "{:?} {ask}: {came}", player.transport);
    }
    let state = playlist(player, media).await;
    judge(player, media, &held(hint(&state), Expect::Media)).await;
    let (parts, segments) = listed(&state);
    for uri in parts.iter().chain(&segments) {
        judge(player, media, &row(*uri, Expect::Media)).await;
    }
    ranged(player, media, &state).await;
}

/// A segment and its parts on their way out: listed, then only fetchable, then gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_holds_while_segments_and_parts_leave() {
    let scene = short().await;
    let (players, media) = (scene.players(), scene.media.as_str());
    let state = playlist(&players[0], media).await;
    let (parts, segments) = listed(&state);
    let (part, segment) = (parts[0], segments[0]);
    // Its tag has left, the segment's has not; then neither is listed; and for a window more both are served.
    for left in [format!("{part}\""), format!("\n{segment}")] {
        let began = Instant::now();
        while playlist(&players[0], media).await.contains(&left) {
            assert!(began.elapsed() < 2 * WINDOW, "{left} stays");
            tokio::time::sleep(SECOND / 10).await;
        }
        for player in &players {
            for uri in [part, segment] {
                judge(player, media, &row(uri, Expect::Media)).await;
            }
        }
    }
    let tasks = players.clone().map(|player| {
        let media = media.to_owned();
        tokio::spawn(async move { live(&player, &media).await })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let began = Instant::now();
    while players[0].get(&format!("{media}{segment}")).await.status != 404 {
        assert!(began.elapsed() < 2 * WINDOW, "{segment} never goes");
        tokio::time::sleep(SECOND / 10).await;
    }
    for player in &players {
        for uri in [part, segment] {
            judge(player, media, &row(uri, Expect::Refusal(404))).await;
            let kept = player.get(&format!("{media}{uri}")).await;
            assert_eq!(kept.header("cache-control"), "public, max-age=1", "{:?} {uri}", player.transport);
        }
        // Whoever asks for what has gone gets what there is, whole unless a delta is asked for.
        let gone = segment.trim_start_matches("seg-").trim_end_matches(".m4s");
        for (rest, expect) in [
            ("", Expect::Live),
            ("&_HLS_part=0", Expect::Live),
            ("&_HLS_part=1000000", Expect::Live),
            ("&_HLS_skip=YES", Expect::Delta),
        ] {
            judge(player, media, &row(format!("media.m3u8?_HLS_msn={gone}{rest}"), expect)).await;
        }
        // Every segment that is listed still needs it.
        judge(player, media, &row("init-0.mp4", Expect::Media)).await;
    }
    scene.encoder.stop().await;
    scene.server.stop().await;
}

/// An encoder that comes back with other pictures: the new init section is there as soon as it is hinted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hinted_init_section_is_there_before_anything_needs_it() {
    let scene = Scene::with(|settings| settings.grace = 60 * SECOND).await;
    let players = scene.players();
    scene.encoder.crash().await;
    let gap = until(&players[0], &scene.media, "GAP=YES").await;
    assert!(!gap.contains("TYPE=MAP"), "{gap}");
    judge(&players[0], &scene.media, &row("init-1.mp4", Expect::Refusal(404))).await;
    let encoder = Encoder::start_file(scene.server.at.rtmp, "cam", "bbb_720p25_gop132_aac51.mp4");
    until(&players[0], &scene.media, "TYPE=MAP,URI=\"init-1.mp4\"").await;
    for player in &players {
        judge(player, &scene.media, &row("init-1.mp4", Expect::Media)).await;
        let at = format!("{}init-1.mp4", scene.media);
        let range = player.ask(hyper::Method::GET, &at, &[("range", "bytes=4-7")]).await;
        assert_eq!(&range.body[..], b"ftyp", "{:?}", player.transport);
    }
    let state = until(&players[0], &scene.media, "#EXT-X-MAP:URI=\"init-1.mp4\"").await;
    assert!(state.contains("#EXT-X-MAP:URI=\"init-0.mp4\"") && !state.contains("TYPE=MAP"), "{state}");
    for player in &players {
        judge(player, &scene.media, &row("init-0.mp4", Expect::Media)).await;
    }
    encoder.stop().await;
    scene.server.stop().await;
}

/// With no place to wait in, a playlist comes as it is, and what is nothing yet is 503.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_finds_no_place_to_wait_in_is_told_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = secure(folder.path());
    settings.limits.http.holds = 0;
    let server = Server::start(settings).await;
    let players = players(&server, folder.path());
    let encoder = Encoder::start(&server, "cam");
    let began = Instant::now();
    while metric(&server, "rillcast_publishers").await != Some(1) {
        assert!(began.elapsed() < 10 * SECOND, "nobody publishes");
    }
    for player in &players {
        // Not playable yet, or no longer not.
        for path in ["/live/cam/index.m3u8", "/live/cam/thumb.mp4"] {
            let replies = three(player, "", path).await;
            for reply in &replies {
                assert!(matches!(reply.status.as_u16(), 200 | 503), "{path}: {}", reply.status);
                assert_eq!(reply.header("retry-after"), if reply.status == 503 { "1" } else { "" });
            }
        }
    }
    let master = loop {
        let reply = players[0].get("/live/cam/index.m3u8").await;
        if reply.status == 200 {
            break reply;
        }
        assert!(began.elapsed() < 10 * SECOND, "never playable");
        tokio::time::sleep(SECOND / 20).await;
    };
    let media = master.text().lines().find_map(|line| line.strip_suffix("v0/media.m3u8")).unwrap();
    let media = format!("{media}v0/");
    for player in &players {
        at_the_edge(player, &media, Expect::Refusal(503), |state| hint(state).to_owned()).await;
        for segments in [0, 1] {
            let ask = |state: &str| format!("media.m3u8?_HLS_msn={}", open_msn(state) + segments);
            at_the_edge(player, &media, Expect::Live, ask).await;
            // What it does not hold must not be kept under its name.
            let state = playlist(player, &media).await;
            let reply = player.get(&format!("{media}{}", ask(&state))).await;
            assert_eq!(reply.header("cache-control"), "no-store", "{:?}", player.transport);
        }
    }
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 57: an encoder that is let in and says nothing more. Whoever waits for its stream is told to come
/// back when three target durations are over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_held_in_vain_is_told_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let way = Relay::until(server.at.rtmp, 1, Some("has started")).await.unwrap();
    let encoder = Encoder::start_at(way.at, "cam");
    let began = Instant::now();
    while metric(&server, "rillcast_publishers").await != Some(1) {
        assert!(began.elapsed() < 5 * SECOND, "nobody publishes");
        tokio::time::sleep(SECOND / 50).await;
    }
    let waiting = players(&server, folder.path()).map(|player| {
        tokio::spawn(async move {
            let began = Instant::now();
            let rows =
                ["/live/cam/index.m3u8", "/live/cam/thumb.mp4"].map(|at| held(at, Expect::Refusal(503)));
            tokio::join!(judge(&player, "", &rows[0]), judge(&player, "", &rows[1]));
            let took = began.elapsed();
            assert!(took > 5 * SECOND && took < 8 * SECOND, "{:?}: {took:?}", player.transport);
        })
    });
    for task in waiting {
        task.await.unwrap();
    }
    encoder.crash().await;
}

/// Hostile case 58: whoever leaves while held makes room, however they came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_while_held_makes_room_on_every_transport() {
    let scene = Scene::with(|settings| settings.segment = 4 * SECOND).await;
    for player in scene.players() {
        let open = open_msn(&playlist(&player, &scene.media).await);
        let path = format!("{}media.m3u8?_HLS_msn={}", scene.media, open + 1);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (player, path) = (player.clone(), path.clone());
                tokio::spawn(async move { player.get(&path).await })
            })
            .collect();
        held_is(&scene.server, 8).await;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        held_is(&scene.server, 0).await;
    }
    scene.encoder.stop().await;
    scene.server.stop().await;
}

async fn held_is(server: &Server, count: u64) {
    let began = Instant::now();
    while metric(server, "rillcast_held_requests").await != Some(count) {
        assert!(began.elapsed() < 2 * SECOND, "not {count} are held");
        tokio::time::sleep(SECOND / 100).await;
    }
}
