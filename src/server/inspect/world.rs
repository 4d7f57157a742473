//! What all followers of one inspection share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::account::Account;
use super::address::Address;
use super::client::{Ask, Client, Fetched};
use super::line::FetchError;
use crate::lint::{self, Class, Exchange, Finding, Listing, Presentation, Rule};
use crate::server::clock::Clock;

/// The client, the account, and how far every rendition has come.
#[derive(Debug)]
pub(super) struct World {
    pub(super) client: Client,
    /// What URIs of the presentation are relative to.
    pub(super) base: Address,
    pub(super) presentation: Presentation,
    /// Every media playlist of the presentation by its name, in the order of the multivariant playlist.
    pub(super) playlists: Vec<(String, Address)>,
    pub(super) began: Instant,
    pub(super) until: Instant,
    account: Mutex<Account>,
    newest: Mutex<BTreeMap<String, Listing>>,
}

impl World {
    pub(super) fn new(base: Address, span: Duration, ca: Option<PathBuf>) -> Self {
        let began = Clock::mono();
        Self {
            client: Client::new(ca),
            base,
            presentation: Presentation::default(),
            playlists: Vec::new(),
            began,
            until: began + span,
            account: Mutex::default(),
            newest: Mutex::default(),
        }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn found(&self, place: &str, findings: Vec<Finding>) -> Vec<Rule> {
        self.account().take(place, findings)
    }

    /// The name of the playlist that a URI means; of one that is none of ours, what it resolves to.
    pub(super) fn name(&self, base: &Address, uri: &str) -> String {
        let Ok(address) = base.join(uri) else { return uri.to_owned() };
        let exact = self.playlists.iter().find(|(_, known)| *known == address);
        // A token is not repeated in every URI.
        let found = exact.or_else(|| self.playlists.iter().find(|(_, known)| known.path == address.path));
        found.map_or(address.path, |(name, _)| name.clone())
    }

    pub(super) fn over(&self) -> bool {
        Clock::mono() >= self.until
    }

    /// The newest state of every rendition.
    pub(super) fn newest(&self) -> BTreeMap<String, Listing> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_at(&self, name: &str, listing: &Listing) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.insert(name.to_owned(), listing.clone());
    }

    /// Fetches something and holds the response to the rules of delivery.
    pub(super) async fn fetch(
        &self,
        place: &str,
        class: Class,
        ask: &Ask<'_>,
        listing: Option<&Listing>,
    ) -> Result<Fetched, FetchError> {
        let fetched = self.client.get(ask).await?;
        self.judge(place, class, ask.address, &fetched, listing);
        Ok(fetched)
    }

    /// Holds a response to the rules of delivery.
    pub(super) fn judge(
        &self,
        place: &str,
        class: Class,
        address: &Address,
        fetched: &Fetched,
        listing: Option<&Listing>,
    ) {
        let part_target = listing.and_then(|listing| listing.part_target);
        let findings = lint::exchange(&Exchange {
            class,
            path: &address.path,
            status: fetched.status,
            h2: fetched.h2,
            fields: &fetched.fields,
            bytes: fetched.sent,
            body_time: fetched.body_time,
            target: listing.and_then(|listing| listing.target).unwrap_or(0),
            pace: self.client.pace(),
            part_target: part_target.map(|target| Duration::from_micros(target.micros())),
        });
        self.found(place, findings);
    }
}

/// How long to wait for the head of a response: a held one may take three target durations.
pub(super) fn patience(listing: Option<&Listing>) -> Duration {
    let target = listing.and_then(|listing| listing.target).unwrap_or(6).min(60);
    Duration::from_secs(target.saturating_mul(3).saturating_add(5))
}
