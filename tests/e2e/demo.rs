//! First run: `serve --demo`, as a new user starts it.

use std::time::Duration;

use crate::http::Http;
use crate::player;
use crate::reference;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_says_how_to_watch_and_loops_without_a_seam() {
    let server = Server::start(&["--demo".to_owned()]).await;
    server.printed().wait_for("/watch/demo").await;
    let printed = server.printed().text();
    let line = |word: &str| {
        let found = printed.lines().find_map(|line| line.strip_prefix(word)).expect(&printed);
        found.split_whitespace().next().expect(&printed).to_owned()
    };
    assert_eq!(line("publish"), format!("rtmp://localhost:{}/live", server.rtmp.port()));
    assert_eq!(line("watch"), format!("http://localhost:{}/watch/demo", server.http.port()));
    let key = line("key");
    assert!(key.len() >= 40, "{printed}");

    let http = Http::new(server.http, false);
    // Two laps of 5.12 s, and some of the third.
    let watched = player::watch_for(&http, "demo", Duration::from_secs(12)).await;
    assert!(!watched.multivariant.contains(&key) && !server.log().text().contains(&key), "the key leaks");
    let clip = reference::read(&crate::encoder::fixture("bbb_720p25_avc_aac.mp4")).await;
    for (rendition, track) in watched.renditions.iter().zip(&clip) {
        assert_eq!(rendition.inits.len(), 1);
        assert!(rendition.last.segments.iter().all(|segment| !segment.discontinuity && !segment.gap));
        assert_eq!(rendition.last.discontinuity_sequence, 0);
        let samples = rendition.samples();
        // What the encoder primed with is heard before the clip begins, and is no part of a lap.
        let clip: Vec<_> = track.packets.iter().filter(|packet| packet.pts >= 0).collect();
        let lap = clip.len();
        assert!(samples.len() > 2 * lap, "only {} access units of {lap} a lap", samples.len());
        for (n, sample) in samples.iter().enumerate() {
            assert!(sample.hash == clip[n % lap].hash, "access unit {n} is not the clip's");
        }
        // A lap lasts as long as its frames, so the seam is nowhere to be seen.
        let steps: Vec<i64> = samples.windows(2).map(|pair| pair[1].dts - pair[0].dts).collect();
        assert!(steps.iter().all(|step| *step == steps[0]), "the decode times have a seam");
        assert!(samples.windows(lap + 1).all(|lap| lap[0].cts == lap[lap.len() - 1].cts));
    }
    for page in ["/watch/demo", "/embed/demo"] {
        let page = http.take(page).await;
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.header("content-security-policy").contains("default-src"), "{:?}", page.headers);
    }
    server.stop().await;
}
