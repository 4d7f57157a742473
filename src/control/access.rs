//! Access: who may publish to which stream.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConditionallySelectable;

use crate::base::Secret;
use crate::media::StreamName;

use super::key::{self, KeyHash};
use super::stream::DeclaredStream;
use super::throttle::Throttle;
use super::verdict::{Grant, Refused, Verdict};

/// What a publisher claims. Two forms (the outside contract): `path` is the key alone and finds its
/// stream; or `path` is the stream's name and `key` came with it.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// What follows the application in the publish URL, without its query.
    pub path: &'a str,
    /// The key of the URL's query, when it has one.
    pub key: Option<&'a Secret>,
    /// Who asks.
    pub address: IpAddr,
    /// When.
    pub now: Instant,
}

/// Every stream with its keys' hashes, and the memory of who failed.
#[derive(Debug)]
pub struct Access {
    streams: Vec<DeclaredStream>,
    open: bool,
    throttle: Mutex<Throttle>,
}

impl Access {
    /// Access to `streams`; with `open`, to every valid name without a key as well.
    pub fn new(streams: Vec<DeclaredStream>, open: bool) -> Self {
        Self { streams, open, throttle: Mutex::default() }
    }

    /// Whether there is a stream of this name to wait for.
    pub fn knows(&self, name: &StreamName) -> bool {
        self.open || self.streams.iter().any(|stream| stream.name == *name)
    }

    /// The streams that were declared.
    pub fn names(&self) -> impl Iterator<Item = &StreamName> {
        self.streams.iter().map(|stream| &stream.name)
    }

    /// Decides on a claim.
    pub fn authorize(&self, claim: &Claim<'_>) -> Verdict {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        if throttle.exhausted(claim.address, claim.now) {
            return refuse(Refused::TooMany);
        }
        let key = claim.key.map_or(claim.path, Secret::expose);
        let found = self.search(claim).map(|stream| Ok((stream.clone(), key::fingerprint(key))));
        let open = || self.open.then(|| StreamName::parse(claim.path).map(|stream| (stream, 0)));
        match found.or_else(open) {
            Some(Ok((stream, credential))) => {
                throttle.succeeded(claim.address);
                Verdict::Allow(Grant { stream, credential })
            }
            Some(Err(_)) => refuse(Refused::BadName),
            None => {
                throttle.failed(claim.address, claim.now);
                refuse(Refused::WrongKey)
            }
        }
    }

    /// The stream the claim's key opens. Every candidate is hashed and compared, whichever matches.
    fn search(&self, claim: &Claim<'_>) -> Option<&StreamName> {
        let key = claim.key.map_or(claim.path, Secret::expose);
        if key::check_key(key).is_err() {
            return None;
        }
        let mut at = u64::MAX;
        let candidates = self.streams.iter().zip(0_u64..);
        for (hash, index) in candidates.flat_map(|(s, i)| s.keys.iter().map(move |k: &KeyHash| (k, i))) {
            at.conditional_assign(&index, hash.matches(key));
        }
        let stream = self.streams.get(usize::try_from(at).ok()?)?;
        let named = claim.key.is_none() || stream.name.as_str() == claim.path;
        named.then_some(&stream.name)
    }
}

fn refuse(reason: Refused) -> Verdict {
    let mut chance = [0_u8; 2];
    // Without randomness the longest delay still hides the timing.
    let spread = getrandom::fill(&mut chance).map_or(200, |()| u64::from(u16::from_le_bytes(chance)) % 201);
    Verdict::Refuse { reason, delay: Duration::from_millis(200 + spread) }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    fn stream(name: &str, keys: &[&str]) -> DeclaredStream {
        let keys = keys.iter().map(|key| KeyHash::new(key).unwrap()).collect();
        DeclaredStream { name: StreamName::parse(name).unwrap(), keys }
    }

    fn access(open: bool) -> Access {
        Access::new(vec![stream("cam", &["key-one", "key-two"]), stream("a/b", &["other"])], open)
    }

    fn asks(access: &Access, path: &str, key: Option<&str>) -> Result<String, Refused> {
        let key = key.map(Secret::new);
        let claim = Claim { path, key: key.as_ref(), address: [192, 0, 2, 7].into(), now: Instant::now() };
        match access.authorize(&claim) {
            Verdict::Allow(grant) => Ok(grant.stream.to_string()),
            Verdict::Refuse { reason, delay } => {
                assert!((200..=400).contains(&delay.as_millis()), "{delay:?}");
                Err(reason)
            }
        }
    }

    #[test]
    fn the_key_alone_finds_its_stream() {
        for (key, name) in [("key-one", "cam"), ("key-two", "cam"), ("other", "a/b")] {
            assert_eq!(asks(&access(false), key, None).as_deref(), Ok(name));
        }
    }

    #[test]
    fn a_name_needs_its_own_key() {
        let access = access(false);
        assert_eq!(asks(&access, "cam", Some("key-two")).as_deref(), Ok("cam"));
        assert_eq!(asks(&access, "a/b", Some("other")).as_deref(), Ok("a/b"));
        assert_eq!(asks(&access, "cam", Some("other")), Err(Refused::WrongKey), "another stream's key");
        assert_eq!(asks(&access, "cam", None), Err(Refused::WrongKey), "the name is no key");
        assert_eq!(asks(&access, "nobody", Some("key-one")), Err(Refused::WrongKey), "no such stream");
        assert_eq!(asks(&access, "cam", Some("")), Err(Refused::WrongKey));
        assert_eq!(asks(&access, "", None), Err(Refused::WrongKey));
    }

    #[test]
    fn open_publishing_takes_any_valid_name() {
        let access = access(true);
        assert_eq!(asks(&access, "anything/at.all", None).as_deref(), Ok("anything/at.all"));
        assert_eq!(asks(&access, "key-one", None).as_deref(), Ok("cam"), "a key still finds its stream");
        assert_eq!(asks(&access, "../etc", None), Err(Refused::BadName));
    }

    #[test]
    fn ten_wrong_keys_close_the_door_for_a_right_one_too() {
        let access = access(false);
        for n in 0..10 {
            assert_eq!(asks(&access, &format!("guess-{n}"), None), Err(Refused::WrongKey));
        }
        assert_eq!(asks(&access, "key-one", None), Err(Refused::TooMany));
    }
}
