//! Viewers: the book of the audience. One look-up a request; nobody waits for anybody but for the moment of that.
//!
//! ```text
//!  HLS request ─ seen() ─▶ shard of the identity's hash ─▶ entry: seen last, how often      idle 30 s ─▶ history
//!  connection ── admit() ─▶ seat, and a guard that counts it out when it is dropped         dropped ───▶ history
//!  kick() ────── the entry stays for five minutes and refuses; the seat is told to close
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::live::Reason;
use crate::media::{Now, StreamName, ViewerLimits};

use super::audience::Audience;
use super::crowd::{Crowd, Crowds, Kind};
use super::denied::{Cap, Denied};
use super::entry::Entry;
use super::history::History;
use super::identity::{Protocol, ViewerRequest};
use super::listing::{Listing, ViewerId, Watched, Watching};
use super::memory::{Memory, Strain};
use super::viewer::{Seat, Viewer};

/// A viewer of HLS who asks for nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(30);
/// For how long a viewer who was kicked is refused.
const BANNED: Duration = Duration::from_secs(300);
/// Requests at once seldom meet in one of so many.
const SHARDS: usize = 32;
/// Viewers listed at once.
const LISTED: usize = 1_000;
/// Of those who leave at once, how many are told of: more would push each other out of the history.
const TOLD: usize = 64;

/// The audience.
#[derive(Debug)]
pub struct Viewers {
    limits: ViewerLimits,
    audience: Audience,
    /// How short memory is.
    pub memory: Memory,
    /// Who was there.
    pub history: History,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    connections: Mutex<HashMap<u64, Arc<Seat>>>,
    crowds: Mutex<Crowds>,
    next: AtomicU64,
}

type Shard = HashMap<u64, Box<Entry>, BuildHasherDefault<Hashed>>;

/// For keys that are keyed hashes already, which no peer can aim.
#[derive(Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Viewers {
    /// In how many parts the book is swept.
    pub const PARTS: usize = SHARDS;

    /// Nobody yet.
    pub fn new(limits: ViewerLimits, audience: Audience) -> Self {
        Self {
            limits,
            audience,
            memory: Memory::default(),
            history: History::default(),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
            connections: Mutex::default(),
            crowds: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    /// Notes a request of HLS for a stream that there is.
    ///
    /// # Errors
    /// When its viewer is kicked, or new and there is no room.
    pub fn seen(&self, request: &ViewerRequest<'_>, now: Now) -> Result<(), Denied> {
        let key = self.identity(request);
        let mut shard = self.shard(key);
        if let Some(entry) = shard.get_mut(&key) {
            return if entry.again(now.mono) { Ok(()) } else { Err(Denied::Kicked) };
        }
        self.may_come()?;
        let kind = if request.session.is_some() { Kind::Session } else { Kind::Address };
        let joined = held(&self.crowds).join(request.stream, kind, request.address, &self.limits);
        match joined {
            Ok(()) => {}
            Err(Cap::StreamViewers) => return Err(Denied::OverCap(Cap::StreamViewers)),
            // Its session id is its own invention: who invents many must not shut out others.
            Err(cap @ (Cap::Viewers | Cap::AddressViewers)) => {
                self.audience.uncounted.inc();
                self.audience.bounds.limit(cap.limit(), request.address, now.mono);
                return Ok(());
            }
        }
        self.audience.viewers(Protocol::Hls).inc();
        shard.insert(key, Box::new(Entry::new(request, kind, now)));
        Ok(())
    }

    /// Lets in a viewer on a connection.
    ///
    /// # Errors
    /// When it was kicked a while ago, or there is no room.
    pub fn admit(self: &Arc<Self>, request: &ViewerRequest<'_>, now: Now) -> Result<Viewer, Denied> {
        let identity = self.identity(request);
        if self.shard(identity).get(&identity).is_some_and(|entry| entry.refuses()) {
            return Err(Denied::Kicked);
        }
        self.may_come()?;
        let kind = Kind::Connection(request.protocol);
        held(&self.crowds)
            .join(request.stream, kind, request.address, &self.limits)
            .map_err(Denied::OverCap)?;
        self.audience.viewers(request.protocol).inc();
        let id = self.hasher.hash_one(self.next.fetch_add(1, Ordering::Relaxed));
        let seat = Arc::new(Seat::new(
            (id, identity),
            request.stream.clone(),
            request.protocol,
            (request.address, super::entry::short(request.agent)),
            now,
        ));
        held(&self.connections).insert(id, Arc::clone(&seat));
        Ok(Viewer::new(Arc::clone(self), seat, now))
    }

    /// The guard of a connection is dropped.
    pub(super) fn gone(&self, seat: &Arc<Seat>, now: Now) {
        held(&self.connections).remove(&seat.id);
        held(&self.crowds).leave(&seat.stream, Kind::Connection(seat.protocol), seat.address);
        self.audience.viewers(seat.protocol).dec();
        let reason = seat.closed().unwrap_or(Reason::ClientClosed).as_str();
        let watched = Watched { viewer: told(seat), until: now.wall, reason };
        self.history.watched(&seat.stream, Some(watched));
    }

    /// Sends away the viewer `id`, and refuses it for five minutes by that by which it is known. Whether it was there.
    pub fn kick(&self, id: &str, now: Now) -> bool {
        let Ok(id) = u64::from_str_radix(id, 16) else { return false };
        let seat = held(&self.connections).get(&id).cloned();
        if let Some(seat) = seat {
            if !self.refuse(seat.identity, now) {
                let ban = Box::new(Entry::ban(&seat, now, now.mono + BANNED));
                self.shard(seat.identity).entry(seat.identity).or_insert(ban);
            }
            seat.close(Reason::Kicked);
            self.audience.kicks.inc();
            return true;
        }
        let there = self.refuse(id, now);
        if there {
            self.audience.kicks.inc();
        }
        there
    }

    /// Refuses the viewer of HLS who is known by `key`; whether there is one who is not refused yet.
    fn refuse(&self, key: u64, now: Now) -> bool {
        let mut shard = self.shard(key);
        let Some(entry) = shard.get_mut(&key).filter(|entry| !entry.refuses()) else { return false };
        let told = entry.left(key, Reason::Kicked.as_str(), now);
        entry.refuse(now.mono + BANNED);
        self.count_out(entry, Some(told));
        true
    }

    /// Sends away an eighth of the connections, those that have missed most: memory is short. How many.
    pub fn shed(&self, now: Now) -> usize {
        let mut seats: Vec<_> = held(&self.connections).values().cloned().collect();
        let missed = |seat: &Arc<Seat>| seat.missed(now.mono);
        seats.sort_by_cached_key(|seat| std::cmp::Reverse(missed(seat)));
        let slow = seats.iter().filter(|seat| missed(seat) > (0, 0)).take(seats.len().div_ceil(8));
        slow.filter(|seat| seat.close(Reason::SlowClientLagged)).count()
    }

    /// Forgets who is idle, in one of [`PARTS`](Self::PARTS) parts of the book. To be called for each every few seconds,
    /// with time for others in between: a whole audience may leave at once.
    pub fn sweep(&self, part: usize, now: Now) {
        let Some(shard) = self.shards.get(part) else { return };
        let left: Vec<_> = {
            let mut shard = held(shard);
            let left = shard.extract_if(|_, entry| entry.over(now.mono, IDLE)).collect();
            if shard.capacity() > shard.len().saturating_mul(4).saturating_add(64) {
                shard.shrink_to_fit();
            }
            left
        };
        let left = left.iter().filter(|(_, entry)| !entry.refuses());
        for (at, (key, entry)) in left.enumerate() {
            let told = (at < TOLD).then(|| entry.left(*key, "idle", now));
            self.count_out(entry, told);
        }
    }

    /// The viewers of `stream`, counted.
    pub fn crowd(&self, stream: &StreamName) -> Crowd {
        held(&self.crowds).of(stream)
    }

    /// The newest viewers, of `stream` or of all.
    pub fn list(&self, stream: Option<&StreamName>, now: Now) -> Listing {
        let wanted = |one: &StreamName| stream.is_none_or(|stream| stream == one);
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = held(shard);
            let there = shard.iter().filter(|(_, entry)| !entry.refuses() && wanted(&entry.stream));
            found.extend(there.map(|(key, entry)| (entry.since, *key)));
        }
        let seats: HashMap<u64, Arc<Seat>> = held(&self.connections)
            .iter()
            .filter(|(_, seat)| wanted(&seat.stream))
            .map(|(k, s)| (*k, s.clone()))
            .collect();
        found.extend(seats.iter().map(|(key, seat)| (seat.since, *key)));
        found.sort_unstable_by_key(|(since, key)| (std::cmp::Reverse(since.unix_micros), *key));
        let truncated = found.len().saturating_sub(LISTED);
        let told = |key: &u64| match seats.get(key) {
            Some(seat) => Some(told(seat)),
            None => self.shard(*key).get(key).map(|entry| entry.told(*key, now.mono)),
        };
        let viewers = found.iter().take(LISTED).filter_map(|(_, key)| told(key)).collect();
        Listing { viewers, truncated }
    }

    /// Bytes that the book of HLS viewers takes, without the history: at most 512 for each.
    pub fn bytes(&self) -> usize {
        let slot = size_of::<(u64, Box<Entry>)>() + 2;
        let shard = |shard: &Mutex<Shard>| {
            let shard = held(shard);
            // A table is filled to seven eighths at most.
            let slots = shard.capacity().saturating_mul(8).div_ceil(7).saturating_mul(slot);
            shard.values().map(|entry| entry.bytes()).fold(slots, usize::saturating_add)
        };
        let crowds = held(&self.crowds).bytes();
        self.shards.iter().map(shard).fold(crowds, usize::saturating_add)
    }

    fn may_come(&self) -> Result<(), Denied> {
        if self.memory.strain() >= Strain::Viewers { Err(Denied::Memory) } else { Ok(()) }
    }

    /// Counts out a viewer of HLS, who goes into the history in these words.
    fn count_out(&self, entry: &Entry, told: Option<Watched>) {
        held(&self.crowds).leave(&entry.stream, entry.kind, entry.address);
        self.audience.viewers(Protocol::Hls).dec();
        self.history.watched(&entry.stream, told);
    }

    /// By what a viewer is known: its session, else its address and what it calls itself; at one stream.
    fn identity(&self, request: &ViewerRequest<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        request.stream.as_str().hash(&mut hasher);
        match request.session {
            Some(session) => session.hash(&mut hasher),
            None => (request.address, request.agent).hash(&mut hasher),
        }
        hasher.finish()
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        // The table takes its bits from both ends of the key.
        let (at, [first, ..]) = ((key >> 32) as usize % SHARDS, &self.shards);
        held(self.shards.get(at).unwrap_or(first))
    }
}

fn told(seat: &Seat) -> Watching {
    Watching {
        id: ViewerId(seat.id),
        stream: seat.stream.clone(),
        protocol: seat.protocol.name(),
        counted_by: Kind::Connection(seat.protocol).name(),
        address: seat.address,
        agent: seat.agent.clone(),
        since: seat.since,
        idle_seconds: None,
        requests: None,
        bytes_sent: Some(seat.sent()),
        lag: Some(seat.lag()),
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
