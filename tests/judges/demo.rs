//! The demo clip published on a virtual clock, as it is over RTMP: in milliseconds, at its own pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::base::Rope;
use rillcast::live::{Expect, Generation, Publisher, Registry, Rendition, Settings};
use rillcast::media::{Frame, Now, StreamName, Ticks, TrackId, WallTime};
use rillcast::packager::Part;
use rillcast::push::{Clip, Pace};

const CLIP: &[u8] = include_bytes!("../../fixtures/bbb_720p25_avc_aac.mp4");

/// The clip and everything that came of it.
pub(crate) struct Published {
    pub(crate) clip: Arc<Clip>,
    pub(crate) generation: Arc<Generation>,
    /// Still publishing, unless the clip was sent once and is over.
    _publisher: Option<Publisher>,
}

/// Sends the clip once and ends, or for `looped` of its own time round and round without an end.
pub(crate) fn publish(looped: Option<Duration>) -> Published {
    #[expect(clippy::disallowed_methods, reason = "the one instant that simulated time is counted from")]
    let mono = Instant::now();
    let start = Now { mono, wall: WallTime { unix_micros: 1_800_000_000_000_000 } };
    let clip = Arc::new(Clip::parse(Bytes::from_static(CLIP)).unwrap());
    let registry = Registry::new(Settings::default());
    let mut publisher = registry.publish(&StreamName::parse("demo").unwrap(), start).unwrap();
    let generation = Arc::clone(publisher.generation());
    publisher.expect(Expect { video: Some(true), audio: Some(true), ..Expect::default() });
    clip.tracks().iter().for_each(|track| publisher.configure(track.track.clone(), start));
    let mut pace = Pace::new(Arc::clone(&clip), looped.is_some(), mono);
    while let Some(due) = pace.due() {
        let after = due - mono;
        if looped.is_some_and(|end| after >= end) {
            break;
        }
        let sent = pace.next(due).unwrap();
        let frame = Frame {
            track: sent.track,
            dts: Ticks::millis(sent.dts),
            cts: sent.cts.into(),
            duration: None,
            key: sent.sample.key,
            payload: sent.sample.payload.clone(),
            arrival: due,
        };
        publisher.push(frame, start.plus(after)).unwrap();
    }
    Published { clip, generation, _publisher: looped.map(|_| publisher) }
}

impl Published {
    pub(crate) fn rendition(&self, track: TrackId) -> Arc<Rendition> {
        self.generation.rendition(track).unwrap()
    }

    /// The init section of a rendition.
    pub(crate) fn init(&self, track: TrackId) -> Bytes {
        self.rendition(track).view().init(0).unwrap().clone()
    }

    /// All parts of a rendition, in order.
    pub(crate) fn parts(&self, track: TrackId) -> Vec<Arc<Part>> {
        let view = self.rendition(track).view();
        (0..view.next_part).map(|number| Arc::clone(view.part(number).unwrap())).collect()
    }

    /// Init section and all parts, joined: what a player that starts at the beginning has read.
    pub(crate) fn file(&self, track: TrackId) -> Vec<u8> {
        let mut file = self.init(track).to_vec();
        self.parts(track).iter().for_each(|part| file.extend(bytes(&part.body)));
        file
    }
}

pub(crate) fn bytes(body: &Rope) -> Vec<u8> {
    body.runs().concat()
}
