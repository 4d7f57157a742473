//! Unasked: what an HTTP/2 peer sends besides requests, held to a bound.
//!
//! Pings, settings, priorities and frames of unknown types cost us work and are no request that a limit counts
//! (CVE-2019-9512, -9513, -9515, -9518). All that is received counts here, and is given back by what is honest:
//! each request, each byte that we send (it is answered by window updates), and time.

use std::time::Instant;

/// Given back for each request: more than most heads have.
const REQUEST: u64 = 1_024;
/// Sent bytes that give one back: a window update of 13 bytes comes for thousands.
const SENT: u64 = 16;
/// Seconds in which the whole bound is given back.
const SECONDS: u64 = 8;

/// Bytes of one connection that were not asked for.
#[derive(Debug)]
pub(super) struct Unasked {
    bytes: u64,
    /// Since when time has given nothing back.
    at: Instant,
    /// Bytes sent that have given nothing back.
    sent: u64,
}

impl Unasked {
    /// None, at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: 0, at: now, sent: 0 }
    }

    /// So many bytes came.
    pub(super) fn received(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// A request was among them.
    pub(super) fn asked(&mut self) {
        self.bytes = self.bytes.saturating_sub(REQUEST);
    }

    /// So many bytes went.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
        self.bytes = self.bytes.saturating_sub(self.sent / SENT);
        self.sent %= SENT;
    }

    /// Whether there are more than `most` at `now`.
    pub(super) fn over(&mut self, most: usize, now: Instant) -> bool {
        let most = most as u64;
        if self.bytes <= most {
            return false;
        }
        let millis = now.saturating_duration_since(self.at).as_millis();
        let back = u128::from(most).saturating_mul(millis) / u128::from(SECONDS * 1_000);
        self.bytes = self.bytes.saturating_sub(u64::try_from(back).unwrap_or(u64::MAX));
        self.at = now;
        self.bytes > most
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::server::clock::Clock;

    const MOST: usize = 256 * 1_024;

    #[test]
    fn a_flood_of_pings_is_over_the_bound_and_a_ping_a_second_never() {
        let start = Clock::mono();
        let mut flood = Unasked::new(start);
        let pings = (0..1_000_000).take_while(|_| {
            flood.received(17);
            flood.sent(17);
            !flood.over(MOST, start)
        });
        assert!((10_000..20_000).contains(&pings.count()));

        let mut calm = Unasked::new(start);
        for second in 0..100_000 {
            calm.received(17);
            assert!(!calm.over(MOST, start + Duration::from_secs(second)));
        }
    }

    #[test]
    fn requests_and_downloads_are_never_over_it() {
        let start = Clock::mono();
        let mut unasked = Unasked::new(start);
        for _ in 0..100_000 {
            unasked.received(400);
            unasked.asked();
            // A part of 16 KiB, and two window updates for it.
            unasked.sent(16 * 1_024);
            unasked.received(26);
            assert!(!unasked.over(MOST, start));
        }
    }
}
