//! A follower: one media playlist followed as a strict player would, every state and change held to the rules.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::account::Transition;
use super::address::Address;
use super::client::{Ask, Fetched};
use super::line::FetchError;
use super::probes;
use super::world::{World, patience};
use crate::lint::{self, Asked, Cadence, Class, Listing, Reload, Sibling};
use crate::server::clock::Clock;

/// Failures in a row after which a playlist is given up.
const FAILURES: u32 = 5;
/// Every how many states the same state is asked for again, whole and as a delta.
const PROBE_EVERY: u64 = 5;

/// One media playlist being followed.
pub(super) struct Follower {
    world: Arc<World>,
    name: String,
    address: Address,
    /// Takes every new state to whoever fetches media.
    media: mpsc::Sender<Arc<Listing>>,
    last: Option<Arc<Listing>>,
    cadence: Cadence,
    states: u64,
    received: Option<Duration>,
}

impl Follower {
    pub(super) fn new(
        world: Arc<World>,
        name: String,
        address: Address,
        media: mpsc::Sender<Arc<Listing>>,
    ) -> Self {
        let cadence = Cadence::default();
        Self { world, name, address, media, last: None, cadence, states: 0, received: None }
    }

    /// Follows until the time is up or the playlist has ended.
    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        while !self.world.over() && failures < FAILURES && !self.last.as_ref().is_some_and(|last| last.ended)
        {
            let done = match self.last.clone() {
                Some(last) if last.control.as_ref().is_some_and(|control| control.can_block_reload) => {
                    self.held(&last).await
                }
                Some(last) => {
                    tokio::time::sleep(interval(&last)).await;
                    self.plain().await
                }
                None => self.plain().await,
            };
            failures = if done { 0 } else { failures.saturating_add(1) };
            if !done {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// The playlist as it is now.
    async fn plain(&mut self) -> bool {
        let last = self.last.clone();
        let ask =
            Ask { address: &self.address, gzip: true, range: None, patience: patience(last.as_deref()) };
        let known = self.world.newest();
        let fetched = self.world.fetch(&self.name, Class::Plain, &ask, last.as_deref()).await;
        match fetched {
            Ok(fetched) if fetched.status == 200 => {
                self.state(&fetched, &known, false);
                true
            }
            Ok(_) => false,
            Err(error) => self.lost(error),
        }
    }

    /// The next state, as soon as there is one.
    async fn held(&mut self, last: &Arc<Listing>) -> bool {
        let position = last.position();
        let part = last.part_target.is_some().then_some(position.parts);
        let query = match part {
            Some(part) => format!("_HLS_msn={}&_HLS_part={part}", position.msn),
            None => format!("_HLS_msn={}", position.msn),
        };
        let address = self.address.with(&query);
        let ask = Ask { address: &address, gzip: true, range: None, patience: patience(Some(last)) };
        let known = self.world.newest();
        let began = Clock::mono();
        let fetched = self.world.fetch(&self.name, Class::Blocking, &ask, Some(last)).await;
        let asked = Asked::Next(position.msn, part);
        let target = last.target.unwrap_or(0);
        let waited = Clock::mono().saturating_duration_since(began);
        match fetched {
            Ok(fetched) if fetched.status == 200 => {
                let listing = self.state(&fetched, &known, true);
                let (status, answer, waited) = (Some(200), Some(&*listing), fetched.waited);
                let findings = lint::reload(&Reload { asked, status, answer, waited, target });
                let early = !findings.is_empty();
                self.world.found(&self.name, findings);
                if self.states.is_multiple_of(PROBE_EVERY) {
                    tokio::spawn(probes::again(
                        self.world.clone(),
                        self.name.clone(),
                        address.clone(),
                        last.clone(),
                        (listing, fetched.body.clone()),
                    ));
                }
                // A server that does not hold must not be asked without end.
                if early && fetched.waited < Duration::from_millis(50) {
                    tokio::time::sleep(interval(last)).await;
                }
                true
            }
            other => {
                let status = other.as_ref().ok().map(|fetched| fetched.status);
                let findings = lint::reload(&Reload { asked, status, answer: None, waited, target });
                self.world.found(&self.name, findings);
                false
            }
        }
    }

    fn lost(&self, error: FetchError) -> bool {
        let reload = Reload {
            asked: Asked::Next(0, None),
            status: None,
            answer: None,
            waited: Duration::ZERO,
            target: self.last.as_ref().and_then(|last| last.target).unwrap_or(0),
        };
        self.world.found(&format!("{} ({error})", self.name), lint::reload(&reload));
        false
    }

    /// A state was received: everything that can be said of it. `waited` tells whether it came as soon as it was.
    fn state(
        &mut self,
        fetched: &Fetched,
        known: &std::collections::BTreeMap<String, Listing>,
        waited: bool,
    ) -> Arc<Listing> {
        let (listing, mut findings) = lint::media_playlist(&fetched.body);
        let listing = Arc::new(listing);
        let since = fetched.at.mono.saturating_duration_since(self.world.began);
        if waited {
            findings.extend(self.cadence.received(&listing, since));
        }
        findings.extend(self.beside(&listing, known));
        let last = self.last.replace(listing.clone());
        let changed = last.as_ref().is_none_or(|last| last.position() != listing.position());
        if let Some(last) = &last {
            findings.extend(lint::change(last, &listing));
        }
        self.world.is_at(&self.name, &listing);
        self.states = self.states.saturating_add(1);
        let mut account = self.world.account();
        let broken = account.take(&self.name, findings);
        if let Some(last) = &last {
            let (from, to) = (last.position(), listing.position());
            account.transition(Transition { playlist: self.name.clone(), at: since, from, to, broken });
        }
        let line = account.playlist(&self.name);
        line.states = line.states.saturating_add(1);
        line.part_target = listing.part_target.map(|target| target.micros());
        if let Some(end) = listing.end_date().filter(|_| waited && changed && !listing.ended) {
            let micros = fetched.at.wall.unix_micros.saturating_sub(end.unix_micros);
            line.latency.add(micros / 1_000);
        }
        if let Some(before) = self.received.filter(|_| waited && changed) {
            let millis = since.saturating_sub(before).as_millis();
            line.cadence.add(i64::try_from(millis).unwrap_or(i64::MAX));
        }
        drop(account);
        self.received = Some(since).filter(|_| waited || self.received.is_some());
        // Whoever fetches media takes the newest; what it is too slow for, it need not see.
        let _ = self.media.try_send(listing.clone());
        if self.states == 3 {
            tokio::spawn(probes::once(
                self.world.clone(),
                self.name.clone(),
                self.address.clone(),
                listing.clone(),
            ));
        }
        listing
    }

    /// Beside the other renditions: what they have in common, and what this one says of them.
    fn beside(
        &self,
        listing: &Listing,
        known: &std::collections::BTreeMap<String, Listing>,
    ) -> Vec<lint::Finding> {
        let others = self.world.playlists.iter().filter(|(name, _)| *name != self.name);
        let siblings: Vec<Sibling<'_>> =
            others.map(|(name, _)| Sibling { uri: name, before: known.get(name), now: None }).collect();
        let resolve = |uri: &str| self.world.name(&self.address, uri);
        let mut findings = lint::reports(listing, &self.name, &siblings, resolve);
        if let Some(other) = siblings.iter().find_map(|sibling| sibling.before) {
            findings.extend(lint::renditions(other, listing));
        }
        findings
    }
}

/// How often a playlist is looked at that is not waited for.
fn interval(listing: &Listing) -> Duration {
    match listing.part_target {
        Some(target) => Duration::from_micros(target.micros()).max(Duration::from_millis(100)),
        None => Duration::from_millis(listing.target.unwrap_or(2).clamp(1, 60).saturating_mul(500)),
    }
}
