//! Bytes that are pinned: the init sections and first parts of the demo clip, and its playlists in mid-publish.

use std::sync::Arc;
use std::time::Duration;

use rillcast::hls::{Answer, Entry, Form, Presentation, playlist};
use rillcast::live::Memo;
use rillcast::media::{StreamName, TrackId};
use sha2::{Digest, Sha256};

use crate::demo::{self, Published};

/// Two laps of the clip and a little: segments closed, one open, the seam of the loop passed twice.
fn looping() -> Published {
    demo::publish(Some(Duration::from_millis(11_000)))
}

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The init section, then part after part; a change here is a change of what every player downloads.
#[test]
fn the_bytes_of_init_sections_and_first_parts_stay_what_they_are() {
    let published = looping();
    let pinned = |track| {
        let parts = published.parts(track);
        let parts = parts.iter().take(3).map(|part| sha256(demo::bytes(&part.body)));
        [sha256(published.init(track))].into_iter().chain(parts).collect::<Vec<_>>()
    };
    assert_eq!(
        pinned(TrackId::VIDEO),
        [
            "1785f66e263561b708ebda032b8f1e89143d62c4f263815742b5d3ed0bec6f54",
            "8954260e3314409709cbe6eadd67e6a10d4981b0a87aa49941b4eb31f162185e",
            "181736b297e850bd4c522c8544ee864dce63d189db0ab0af395089c0278aae47",
            "c1351359361f2130f13dc9030cf4a53b501a9cdfd16176c9aa02ae0c48e5f768"
        ]
    );
    assert_eq!(
        pinned(TrackId::AUDIO),
        [
            "72ebbe212df361fbeff21e4799e5cba594d7b95a47040c65db80d93c15a8dc31",
            "cc127c7c02c685036ec20bb0af8ec3afaa5b9c5eebf50fb6aff41dacb099f854",
            "056a02d8aa521b758fdd057c3c9d729c6540c93bb6d130e7c8e738550c49b77b",
            "f5e8eebf5fb6b5177a0819d459f7255d1802674be0eaba7a1db4d65baf602181"
        ]
    );
}

#[test]
fn the_playlists_of_the_demo_stay_what_they_are() {
    let published = looping();
    for (track, golden) in [
        (TrackId::VIDEO, include_str!("../golden/demo_video.m3u8")),
        (TrackId::AUDIO, include_str!("../golden/demo_audio.m3u8")),
    ] {
        let text = playlist(&published.rendition(track).view()).render();
        assert_eq!(text, golden, "\n{text}");
    }
}

#[test]
fn the_multivariant_playlist_of_the_demo_stays_what_it_is() {
    let published = looping();
    let renditions = published.generation.renditions();
    let entry = |rendition: &Arc<rillcast::live::Rendition>| Entry {
        view: rendition.view(),
        frame_rate: rendition.frame_rate(),
        captions: rendition.captions(),
        language: None,
        label: None,
    };
    let renditions: Vec<Entry> = renditions.iter().map(entry).collect();
    let presentation = Presentation {
        name: &StreamName::parse("demo").unwrap(),
        // The real one is drawn anew for every publish.
        generation: "0123456789ab",
        renditions: &renditions,
        independent_segments: false,
        memo: &Memo::default(),
    };
    let Answer::Ready(reply) = presentation.answer(Form::Plain) else { panic!("a live stream is offered") };
    let text = String::from_utf8(demo::bytes(&reply.body)).unwrap();
    assert_eq!(text, include_str!("../golden/demo.m3u8"), "\n{text}");
}
