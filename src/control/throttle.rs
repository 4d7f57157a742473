//! Throttle: how often one address may fail to show a key.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one address within [`WINDOW`] before it is refused unheard.
const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at once; past it the oldest is forgotten.
const ADDRESSES: usize = 4_096;

/// Requests of one address within [`WINDOW`] that a [`Quota`] allows.
const ALLOWED: u32 = 30;

/// How often an address may ask for something that costs, at most thirty times a minute.
#[derive(Debug, Default)]
pub struct Quota(Mutex<Throttle>);

impl Quota {
    /// Whether `address` may ask once more at `now`. It counts.
    pub fn allow(&self, address: IpAddr, now: Instant) -> bool {
        let mut throttle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = throttle.count(address, now) < ALLOWED;
        throttle.failed(address, now);
        allowed
    }
}

/// Failed attempts by address. An IPv6 host owns its /64, so it counts as one address.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: HashMap<IpAddr, Failures>,
    /// The same by age, the oldest first: of as many addresses as anybody likes none costs a look at all others.
    ages: BTreeSet<(Instant, IpAddr)>,
}

#[derive(Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Throttle {
    /// Whether `address` has used up its attempts.
    pub(super) fn exhausted(&mut self, address: IpAddr, now: Instant) -> bool {
        self.count(address, now) >= FAILURES
    }

    /// How often `address` has failed within the window.
    fn count(&mut self, address: IpAddr, now: Instant) -> u32 {
        let address = network(address);
        match self.failures.get(&address) {
            Some(f) if now.saturating_duration_since(f.since) < WINDOW => f.count,
            _ => {
                self.forget(address);
                0
            }
        }
    }

    /// Counts one failure of `address`.
    pub(super) fn failed(&mut self, address: IpAddr, now: Instant) {
        let seen = self.count(address, now);
        let address = network(address);
        if let Some(f) = self.failures.get_mut(&address) {
            f.count = seen.saturating_add(1);
            return;
        }
        if self.failures.len() >= ADDRESSES {
            let oldest = self.ages.first().copied();
            oldest.into_iter().for_each(|(_, address)| self.forget(address));
        }
        self.failures.insert(address, Failures { since: now, count: 1 });
        self.ages.insert((now, address));
    }

    /// Forgets the failures of `address`: it has shown a key.
    pub(super) fn succeeded(&mut self, address: IpAddr) {
        self.forget(network(address));
    }

    fn forget(&mut self, network: IpAddr) {
        if let Some(f) = self.failures.remove(&network) {
            self.ages.remove(&(f.since, network));
        }
    }
}

/// The address, or the /64 it lies in.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_attempt_within_a_minute_is_refused_and_later_ones_are_heard() {
        let (mut t, now, ip) = (Throttle::default(), Instant::now(), IpAddr::from([192, 0, 2, 1]));
        for _ in 0..FAILURES {
            assert!(!t.exhausted(ip, now));
            t.failed(ip, now);
        }
        assert!(t.exhausted(ip, now));
        assert!(!t.exhausted([192, 0, 2, 2].into(), now), "others are not touched");
        assert!(!t.exhausted(ip, now + WINDOW));
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let (mut t, now, ip) = (Throttle::default(), Instant::now(), IpAddr::from([192, 0, 2, 1]));
        (0..FAILURES).for_each(|_| t.failed(ip, now));
        t.succeeded(ip);
        assert!(!t.exhausted(ip, now));
    }

    #[test]
    fn one_ipv6_network_is_one_address_and_memory_is_bounded() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        (0..FAILURES)
            .for_each(|n| t.failed(Ipv6Addr::from_bits((0x2001 << 112) + u128::from(n)).into(), now));
        assert!(t.exhausted("2001::ffff".parse().unwrap(), now));
        for n in 0..2 * ADDRESSES as u32 {
            t.failed(IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(t.failures.len(), ADDRESSES);
    }

    #[test]
    fn one_more_address_forgets_the_oldest_and_looks_at_no_other() {
        let (mut t, mut now) = (Throttle::default(), Instant::now());
        let ip = |n: usize| IpAddr::from((n as u32).to_be_bytes());
        for n in 0..3 * ADDRESSES {
            // A third of them at once, a third one after the other, a third when all are out of the window.
            now += [Duration::ZERO, Duration::from_micros(1), 2 * WINDOW][n / ADDRESSES];
            t.failed(ip(n), now);
            assert_eq!((t.failures.len(), t.ages.len()), ((n + 1).min(ADDRESSES), (n + 1).min(ADDRESSES)));
            if let Some(oldest) = n.checked_sub(ADDRESSES) {
                let known = |n| t.failures.contains_key(&ip(n));
                assert!(!known(oldest) && known(oldest + 1), "{n}");
            }
        }
        // Whoever comes back is young again; whoever has shown a key, or is looked at after a minute, is no more.
        t.failed(ip(2 * ADDRESSES), now + 2 * WINDOW);
        t.succeeded(ip(2 * ADDRESSES + 1));
        assert!(!t.exhausted(ip(2 * ADDRESSES + 2), now + 2 * WINDOW));
        assert_eq!((t.failures.len(), t.ages.len()), (ADDRESSES - 2, ADDRESSES - 2));
        assert!(t.ages.last().is_some_and(|(_, address)| *address == ip(2 * ADDRESSES)));
    }
}
