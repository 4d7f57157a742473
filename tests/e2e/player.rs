//! A strict player: follows every rendition from its first part to the end, and holds the server to its word.

use std::collections::{BTreeMap, BTreeSet};

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::fmp4::{Init, Sample};
use crate::http::{Http, resolve};
use crate::playlist::{Part, Playlist, attributes};
use crate::server::CANARY;

/// A whole publish, as it was received.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) multivariant: String,
    /// Video first, where there is video.
    pub(crate) renditions: Vec<Rendition>,
}

/// One rendition, as it was received.
#[derive(Debug, Default)]
pub(crate) struct Rendition {
    /// Path of its media playlist.
    pub(crate) path: String,
    pub(crate) inits: BTreeMap<String, Bytes>,
    /// Every part in order with its bytes and the init section it needs.
    pub(crate) parts: Vec<(Part, Bytes, String)>,
    /// Every segment's bytes by its sequence number.
    pub(crate) segments: BTreeMap<u64, Bytes>,
    /// The last state.
    pub(crate) last: Playlist,
}

/// Paths of the media playlists that the multivariant playlist names, variants before audio renditions.
pub(crate) fn media_playlists(multivariant: &str, at: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for line in multivariant.lines() {
        if let Some(media) = line.strip_prefix("#EXT-X-MEDIA:") {
            paths.push(resolve(at, &attributes(media)["URI"]));
        } else if !line.is_empty() && !line.starts_with('#') {
            paths.insert(0, resolve(at, line));
        }
    }
    paths
}

/// Watches `name` until it ends.
pub(crate) async fn watch(http: &Http, name: &str) -> Watched {
    watch_for(http, name, Duration::MAX).await
}

/// Watches `name` until it ends or `limit` has passed.
pub(crate) async fn watch_for(http: &Http, name: &str, limit: Duration) -> Watched {
    let at = format!("/live/{name}/index.m3u8");
    let multivariant = http.appear(&at).await.text();
    assert!(!multivariant.contains(CANARY));
    let follow = |path: String| {
        let http = http.clone();
        tokio::spawn(async move { follow(&http, path, limit).await })
    };
    let tasks: Vec<_> = media_playlists(&multivariant, &at).into_iter().map(follow).collect();
    let mut renditions = Vec::new();
    for task in tasks {
        renditions.push(task.await.unwrap());
    }
    Watched { multivariant, renditions }
}

async fn follow(http: &Http, path: String, limit: Duration) -> Rendition {
    let began = Instant::now();
    let mut seen = Rendition { path: path.clone(), ..Rendition::default() };
    let mut state = Playlist::parse(&http.take(&path).await.text());
    assert_eq!(state.media_sequence, 1, "the player comes too late to see everything");
    let mut hint = None;
    loop {
        seen.take(http, &state, &mut hint).await;
        if state.ended || began.elapsed() > limit {
            break;
        }
        // Asked for before it exists, as players do.
        if let Some(uri) = state.hint.clone().filter(|_| hint.is_none()) {
            let (http, at) = (http.clone(), resolve(&path, &uri));
            hint = Some((uri, tokio::spawn(async move { http.get(&at).await })));
        }
        let (msn, part) = state.next();
        let text = http.take(&format!("{path}?_HLS_msn={msn}&_HLS_part={part}")).await.text();
        assert!(!text.contains(CANARY));
        let next = Playlist::parse(&text);
        assert!(next.ended || next.next() > (msn, part), "{path}: answered before the part was there");
        state.check_next(&next);
        state = next;
    }
    if let Some((uri, answer)) = hint.filter(|_| state.ended) {
        assert_eq!(answer.await.unwrap().status, 404, "{uri} was hinted and never came");
    }
    seen.last = state;
    seen
}

type Hint = Option<(String, tokio::task::JoinHandle<crate::http::Answer>)>;

impl Rendition {
    /// Fetches what `state` lists and was not fetched before.
    async fn take(&mut self, http: &Http, state: &Playlist, hint: &mut Hint) {
        let known: BTreeSet<String> = self.parts.iter().map(|(part, ..)| part.uri.clone()).collect();
        for segment in &state.segments {
            if !self.inits.contains_key(&segment.map) {
                let init = http.take(&resolve(&self.path, &segment.map)).await;
                self.inits.insert(segment.map.clone(), init.body);
            }
            for part in segment.parts.iter().filter(|part| !known.contains(&part.uri)) {
                let bytes = match hint.take_if(|(uri, _)| *uri == part.uri) {
                    Some((uri, answer)) => {
                        let answer = answer.await.unwrap();
                        assert_eq!(answer.status, 200, "{uri} was hinted and is listed");
                        answer.body
                    }
                    None => http.take(&resolve(&self.path, &part.uri)).await.body,
                };
                self.parts.push((part.clone(), bytes, segment.map.clone()));
            }
            if let Some(uri) = segment.uri.as_ref().filter(|_| !self.segments.contains_key(&segment.msn)) {
                let body = http.take(&resolve(&self.path, uri)).await.body;
                let names: BTreeSet<&String> = segment.parts.iter().map(|part| &part.uri).collect();
                assert!(!names.is_empty(), "segment {} came and went unseen", segment.msn);
                let own = self.parts.iter().filter(|(part, ..)| names.contains(&part.uri));
                let joined: Vec<u8> = own.flat_map(|(_, bytes, _)| bytes.iter().copied()).collect();
                assert!(joined == body, "segment {} is the concatenation of its parts", segment.msn);
                self.segments.insert(segment.msn, body);
            }
        }
    }

    /// The init section, when there is only one.
    pub(crate) fn init(&self) -> Init {
        assert_eq!(self.inits.len(), 1, "one configuration, one init section");
        Init::parse(self.inits.values().next().unwrap())
    }

    /// Every sample, after checking that parts are what the playlist says and follow without a gap.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let mut out: Vec<Sample> = Vec::new();
        for (part, bytes, map) in &self.parts {
            assert!(!part.gap, "{} stands for nothing", part.uri);
            let init = Init::parse(&self.inits[map]);
            let samples = init.samples(bytes);
            assert!(!samples.is_empty(), "{} is empty", part.uri);
            let length: i64 = samples.iter().map(|sample| sample.duration).sum();
            let declared = part.duration * init.timescale as f64;
            assert!((declared - length as f64).abs() < 0.1, "{part:?} lasts {length} ticks");
            assert_eq!(part.independent, samples.iter().any(|sample| sample.key), "{part:?}");
            for sample in samples {
                let expected = out.last().map_or(sample.dts, |last| last.dts + last.duration);
                assert_eq!(sample.dts, expected, "{}: the decode-time chain is exact", part.uri);
                assert!(sample.duration > 0);
                out.push(sample);
            }
        }
        out
    }

    /// Init section and segments in one, as a file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let init = self.inits.values().next().unwrap();
        init.iter().chain(self.segments.values().flatten()).copied().collect()
    }
}
