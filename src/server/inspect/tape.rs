//! A tape: the media of one rendition, fetched as a player would and measured.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::address::Address;
use super::client::{Ask, Fetched};
use super::world::{World, patience};
use crate::lint::{self, Bits, Chunk, Class, Entry, Init, Listing, PartTag, Place};

/// Every how many segments one is fetched whole too, and compared with its parts.
const WHOLE_EVERY: u64 = 4;
/// How many segments' parts are remembered.
const SEGMENTS: usize = 8;

/// What is being fetched because it was hinted.
type Hinted = (String, JoinHandle<Option<Fetched>>);

/// The media of one rendition.
pub(super) struct Tape {
    world: Arc<World>,
    name: String,
    address: Address,
    inits: HashMap<String, Option<Init>>,
    hinted: Option<Hinted>,
    /// The next part to take: its segment and index; `None` before the first look.
    next: Option<(u64, usize)>,
    before: Option<Chunk>,
    /// Parts by segment: bytes and what is in them.
    segments: BTreeMap<u64, Vec<(u64, Chunk)>>,
    bits: Bits,
    target: u64,
    /// Samples and ticks in all, for the frame rate.
    frames: (u64, u64),
    init: Option<Init>,
}

impl Tape {
    pub(super) fn new(world: Arc<World>, name: String, address: Address) -> Self {
        Self {
            world,
            name,
            address,
            inits: HashMap::new(),
            hinted: None,
            next: None,
            before: None,
            segments: BTreeMap::new(),
            bits: Bits::default(),
            target: 0,
            frames: (0, 0),
            init: None,
        }
    }

    /// Takes every state as it comes, until there are no more; then says what it measured.
    pub(super) async fn run(mut self, mut states: mpsc::Receiver<Arc<Listing>>) -> Measured {
        while let Some(listing) = states.recv().await {
            self.target = listing.target.unwrap_or(0);
            self.take(&listing).await;
            self.hint(&listing);
        }
        if let Some((_, fetching)) = self.hinted.take() {
            fetching.abort();
        }
        let ticks = self.frames.1.max(1);
        let scale = self.init.as_ref().map_or(0, |init| u64::from(init.timescale));
        let milli_rate = self.frames.0.saturating_mul(scale).saturating_mul(1_000) / ticks;
        let video = self.init.as_ref().is_some_and(|init| init.size.is_some());
        Measured {
            name: self.name,
            peak: self.bits.peak(self.target),
            average: self.bits.average(),
            milli_rate: (video && self.frames.0 > 30).then_some(milli_rate),
            init: self.init,
        }
    }

    async fn take(&mut self, listing: &Arc<Listing>) {
        let (msn, parts) = (listing.position().msn, listing.position().parts);
        // The first look begins with the newest.
        let from = *self.next.get_or_insert_with(|| (msn, usize::try_from(parts).unwrap_or(usize::MAX)));
        let mut map: Option<String> = None;
        for (msn, entry) in listing.numbered() {
            map = entry.map.clone().or(map);
            if msn < from.0 {
                continue;
            }
            if entry.discontinuity && self.next == Some((msn, 0)) {
                self.before = None;
            }
            let init = match &map {
                Some(map) => self.section(map, listing).await,
                None => None,
            };
            let first = if msn == from.0 { from.1 } else { 0 };
            for (index, part) in entry.parts.iter().enumerate().skip(first) {
                self.part((msn, index), part, entry, init.as_ref(), listing).await;
            }
            if entry.uri.is_some() {
                self.close(msn, entry, init.as_ref(), listing).await;
            }
        }
    }

    /// An init section, fetched and read once.
    async fn section(&mut self, map: &str, listing: &Listing) -> Option<Init> {
        if let Some(known) = self.inits.get(map) {
            return known.clone();
        }
        let (uri, range) = map.split_once('@').map_or((map, None), |(uri, range)| (uri, Some(range)));
        let fetched = self.fetch(uri, range.and_then(|range| span(range, 0)), Class::Media, listing).await;
        let init = fetched.and_then(|fetched| lint::init(&fetched.body));
        // What is no fMP4 (packed audio, WebVTT, TS) is not measured.
        if !init.as_ref().is_none_or(|init| init.codec.is_empty()) || map.contains("mp4") {
            self.world.found(&format!("{} (init section)", self.name), lint::section(init.as_ref()));
        }
        if self.inits.len() < 64 {
            self.inits.insert(map.to_owned(), init.clone());
        }
        self.init = init.clone().or_else(|| self.init.take());
        init
    }

    async fn part(
        &mut self,
        (msn, index): (u64, usize),
        part: &PartTag,
        entry: &Entry,
        init: Option<&Init>,
        listing: &Listing,
    ) {
        if self.next != Some((msn, index)) && index > 0 {
            self.before = None;
        }
        self.next = Some((msn, index.saturating_add(1)));
        self.count_part();
        if part.gap {
            self.before = None;
            return;
        }
        let hinted = self.hinted.take_if(|(uri, _)| *uri == part.uri && part.range.is_none());
        let fetched = match hinted {
            Some((_, fetching)) => self.awaited(fetching, &part.uri, listing).await,
            None => {
                let offset = range_before(entry, index);
                let range = part.range.as_deref().and_then(|range| span(range, offset));
                self.fetch(&part.uri, range, Class::Media, listing).await
            }
        };
        let (Some(fetched), Some(init)) = (fetched.filter(|f| matches!(f.status, 200 | 206)), init) else {
            self.before = None;
            return;
        };
        let chunk = lint::chunk(&fetched.body, init);
        let place = Place { line: Some(part.line), msn: Some(msn), part: Some(index) };
        let media = chunk.as_ref().map(|chunk| (chunk, init));
        let findings = lint::sealed_part(place, part, listing.part_target, media, self.before.as_ref());
        self.world.found(&self.name, findings);
        self.before = chunk;
        let Some(chunk) = chunk else { return };
        self.frames =
            (self.frames.0.saturating_add(chunk.samples), self.frames.1.saturating_add(chunk.duration));
        let all = self.segments.entry(msn).or_default();
        if all.len() == index {
            all.push((fetched.body.len() as u64, chunk));
        }
        while self.segments.len() > SEGMENTS {
            self.segments.pop_first();
        }
    }

    fn count_part(&self) {
        let mut account = self.world.account();
        let line = account.playlist(&self.name);
        line.parts = line.parts.saturating_add(1);
    }

    /// A segment is whole: its bit rate, and now and then its bytes against its parts'.
    async fn close(&mut self, msn: u64, entry: &Entry, init: Option<&Init>, listing: &Listing) {
        if self.next.is_some_and(|next| next > (msn, usize::MAX - 1)) || entry.gap {
            return;
        }
        let parts = self.segments.remove(&msn).unwrap_or_default();
        let complete = !parts.is_empty() && parts.len() == entry.parts.len();
        self.next = Some((msn.saturating_add(1), 0));
        let micros = entry.micros().unsigned_abs();
        if complete {
            let bytes = parts.iter().map(|(bytes, _)| *bytes).fold(0, u64::saturating_add);
            self.bits.segment(msn, bytes, micros);
        }
        let wanted = if entry.parts.is_empty() {
            !listing.has_parts()
        } else {
            complete && msn.is_multiple_of(WHOLE_EVERY)
        };
        let Some(uri) = entry.uri.as_deref().filter(|_| wanted) else { return };
        let range = entry.range.as_deref().and_then(|range| span(range, 0));
        let Some(fetched) = self.fetch(uri, range, Class::Media, listing).await else { return };
        if !matches!(fetched.status, 200 | 206) {
            return;
        }
        let place = Place { line: Some(entry.line), msn: Some(msn), part: None };
        if !complete {
            self.bits.segment(msn, fetched.body.len() as u64, micros);
        } else if let Some(init) = init {
            let chunks: Vec<Chunk> = parts.into_iter().map(|(_, chunk)| chunk).collect();
            let segment = lint::chunk(&fetched.body, init);
            self.world.found(&self.name, lint::parts_of_segment(place, segment.as_ref(), &chunks));
        }
    }

    async fn fetch(
        &self,
        uri: &str,
        range: Option<(u64, u64)>,
        class: Class,
        listing: &Listing,
    ) -> Option<Fetched> {
        let address = self.address.join(uri).ok()?;
        let ask = Ask { address: &address, gzip: false, range, patience: patience(Some(listing)) };
        self.world.fetch(&self.place(&address), class, &ask, Some(listing)).await.ok()
    }

    /// What was asked for because it was hinted, now that it is listed. What was hinted and never came is
    /// rightly refused (§6.2.6), and judged nowhere.
    async fn awaited(
        &self,
        fetching: JoinHandle<Option<Fetched>>,
        uri: &str,
        listing: &Listing,
    ) -> Option<Fetched> {
        let fetched = fetching.await.ok().flatten()?;
        let address = self.address.join(uri).ok()?;
        self.world.judge(&self.place(&address), Class::Hinted, &address, &fetched, Some(listing));
        Some(fetched)
    }

    fn place(&self, address: &Address) -> String {
        format!("{} ({})", self.name, address.path.rsplit('/').next().unwrap_or_default())
    }

    /// Asks for what is hinted, before it is there. Byte ranges of something open are left alone.
    fn hint(&mut self, listing: &Arc<Listing>) {
        let Some(hint) = listing.hinted("PART").filter(|hint| hint.start.is_none()) else { return };
        if self.hinted.as_ref().is_some_and(|(uri, _)| *uri == hint.uri) {
            return;
        }
        let Ok(address) = self.address.join(&hint.uri) else { return };
        let (world, listing, uri) = (self.world.clone(), listing.clone(), hint.uri.clone());
        let fetching = tokio::spawn(async move {
            let ask = Ask { address: &address, gzip: false, range: None, patience: patience(Some(&listing)) };
            world.client.get(&ask).await.ok()
        });
        if let Some((_, old)) = self.hinted.replace((uri, fetching)) {
            old.abort();
        }
    }
}

/// What was measured of one rendition.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) peak: Option<u64>,
    pub(super) average: Option<u64>,
    pub(super) milli_rate: Option<u64>,
    pub(super) init: Option<Init>,
}

/// `<n>[@<o>]`: first byte and length; without an offset it is `next`.
fn span(range: &str, next: u64) -> Option<(u64, u64)> {
    let range = range.trim_matches('"');
    let (length, offset) = range.split_once('@').map_or((range, None), |(n, o)| (n, Some(o)));
    let offset = match offset {
        Some(offset) => offset.parse().ok()?,
        None => next,
    };
    Some((offset, length.parse().ok()?))
}

/// Where the part before `index` ends, when it is of the same resource.
fn range_before(entry: &Entry, index: usize) -> u64 {
    let uri = entry.parts.get(index).map(|part| &part.uri);
    let mut end = 0;
    for part in entry.parts.iter().take(index).filter(|part| Some(&part.uri) == uri) {
        if let Some((start, length)) = part.range.as_deref().and_then(|range| span(range, end)) {
            end = start.saturating_add(length);
        }
    }
    end
}
