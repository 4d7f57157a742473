//! Held requests: answered when what they wait for is there, and at once when it will never be.

use std::time::{Duration, Instant};

use crate::encoder::{fixture, rillcast_publish, start};
use crate::http::{Http, resolve};
use crate::player::media_playlists;
use crate::playlist::Playlist;
use crate::server::Server;

const CLIP: &str = "bbb_720p25_avc_aac.mp4";
/// Far less than any deadline, and enough for a busy machine.
const AT_ONCE: Duration = Duration::from_millis(700);

async fn playlists(http: &Http, name: &str) -> Vec<String> {
    let at = format!("/live/{name}/index.m3u8");
    media_playlists(&http.appear(&at).await.text(), &at)
}

async fn state(http: &Http, path: &str) -> Playlist {
    Playlist::parse(&http.take(path).await.text())
}

/// Waits until the publish has ended, and says when that was.
async fn ended(publisher: &mut tokio::process::Child) -> Instant {
    let status = tokio::time::timeout(Duration::from_secs(20), publisher.wait()).await.expect("it ends");
    assert!(status.unwrap().success());
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_reload_is_answered_as_each_part_appears() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let _publisher = start(rillcast_publish(&fixture(CLIP), &server.publish_url("cam")));
    let http = Http::new(server.http, false);
    let path = playlists(&http, "cam").await.remove(0);
    let mut now = state(&http, &path).await;
    let mut last = Instant::now();
    for n in 0..6 {
        let (msn, part) = now.next();
        let asked = format!("{path}?_HLS_msn={msn}&_HLS_part={part}");
        now = state(&http, &asked).await;
        let newest = now.parts().last().expect("a part").duration;
        let took = std::mem::replace(&mut last, Instant::now()).elapsed().as_secs_f64();
        // The first one was under way already.
        let early = n > 0 && took < newest - 0.15;
        assert!(!early && took < newest + 0.4, "a part of {newest} s was answered after {took} s");
        // What is there is not waited for.
        let again = http.take(&asked).await;
        assert!(again.took < Duration::from_millis(150), "{:?} for what is there", again.took);
    }
    server.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_reaches_every_waiter_at_once_and_a_new_publish_has_urls_of_its_own() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let http = Http::new(server.http, true);
    let mut before: Vec<String> = Vec::new();
    for killed in [false, true] {
        let mut publisher = start(rillcast_publish(&fixture(CLIP), &server.publish_url("cam")));
        server.log().wait(|line| line["message"] == "publish_started").await;
        let paths = loop {
            let paths = playlists(&http, "cam").await;
            if paths.iter().all(|path| !before.contains(path)) {
                break paths;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(paths.len(), 2);
        // In the last of the clip's four segments, so that the next one is held until the end.
        for (path, msn) in paths.iter().flat_map(|path| [2, 3, 4].map(|msn| (path, msn))) {
            http.take(&format!("{path}?_HLS_msn={msn}&_HLS_part=0")).await;
        }
        let mut held = Vec::new();
        for path in &paths {
            let (http, path, now) = (http.clone(), path.clone(), state(&http, path).await);
            // As far ahead as may be asked for.
            let (msn, hint) = (now.next().0 + 1, now.hint.expect("a hint"));
            let hint = resolve(&path, &hint);
            let asks = [format!("{path}?_HLS_msn={msn}"), format!("{path}?_HLS_msn={msn}&_HLS_part=1")];
            for ask in asks {
                let http = http.clone();
                held.push((true, tokio::spawn(async move { (http.get(&ask).await, Instant::now()) })));
            }
            if killed {
                held.push((false, tokio::spawn(async move { (http.get(&hint).await, Instant::now()) })));
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let over = if killed {
            publisher.kill().await.unwrap();
            Instant::now()
        } else {
            ended(&mut publisher).await
        };
        for (playlist, answer) in held {
            let (answer, at) = answer.await.unwrap();
            assert!(at.saturating_duration_since(over) < AT_ONCE, "answered {:?} after the end", at - over);
            if playlist {
                assert_eq!(answer.status, 200);
                assert!(Playlist::parse(&answer.text()).ended, "{}", answer.text());
            } else {
                // Either its last frame came before the end, or the end made a shorter part of it, or nothing.
                assert!([200, 404].contains(&answer.status.as_u16()), "{}", answer.status);
            }
        }
        for path in &paths {
            let last = state(&http, path).await;
            assert!(last.ended && last.hint.is_none());
            let after = last.parts().count() + 1_000;
            let never = http.get(&resolve(path, &format!("part-{after}.m4s"))).await;
            assert_eq!((never.status.as_u16(), never.took < AT_ONCE), (404, true));
        }
        // Whoever is behind may still have to see the end of the one before.
        for path in &before {
            assert!(state(&http, path).await.ended, "{path}");
        }
        before = paths;
    }
    server.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_hinted_and_never_comes_is_not_found_at_once() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let http = Http::new(server.http, false);
    let mut publisher = start(rillcast_publish(&fixture(CLIP), &server.publish_url("cam")));
    let path = playlists(&http, "cam").await.remove(0);
    // Follow to the end by hints alone: each is answered, and the last one with a 404.
    let began = Instant::now();
    let mut parts = 0;
    let refused = loop {
        assert!(began.elapsed() < Duration::from_secs(15), "it does not end");
        let answer = http.get(&resolve(&path, &format!("part-{parts}.m4s"))).await;
        if answer.status == 404 {
            break Instant::now();
        }
        assert_eq!(answer.status, 200);
        parts += 1;
    };
    let over = ended(&mut publisher).await;
    assert!(refused.saturating_duration_since(over) < AT_ONCE);
    let last = state(&http, &path).await;
    assert!(last.ended && last.parts().count() == parts, "{parts} parts came, not {}", last.parts().count());
    server.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_its_streams_first() {
    let server = Server::without_grace(&["cam".to_owned()]).await;
    let http = Http::new(server.http, false);
    let _publisher = start(rillcast_publish(&fixture(CLIP), &server.publish_url("cam")));
    let path = playlists(&http, "cam").await.remove(0);
    let msn = state(&http, &path).await.next().0 + 1;
    let held = tokio::spawn(async move { http.get(&format!("{path}?_HLS_msn={msn}")).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop().await;
    let answer = held.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(Playlist::parse(&answer.text()).ended, "{}", answer.text());
}
