//! Stream keys: made of 256 random bits, kept only as salted hashes, compared without telling how near one came.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::base::Secret;

/// Longest key an operator may choose; ours have 52 characters.
const MAX_KEY: usize = 256;
const SALT: usize = 16;
const HASH: usize = 32;

/// Why a text cannot be a stream key or a key's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// Longer than 256 characters.
    #[error("it has more than {MAX_KEY} characters")]
    TooLong,
    /// A character that does not survive in a publish URL.
    #[error("it may hold only letters, digits and - . _ ~ ! $ * + @")]
    Character,
    /// Not what `rillcast key` prints.
    #[error("a key hash looks like sha256:SALT:HASH, as `rillcast key` prints it")]
    NotAHash,
}

/// Whether `key` may be a stream key: it must pass through a publish URL unchanged.
pub fn check_key(key: &str) -> Result<(), KeyFault> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$*+@".contains(&b);
    match key {
        "" => Err(KeyFault::Empty),
        key if key.len() > MAX_KEY => Err(KeyFault::TooLong),
        key if !key.bytes().all(plain) => Err(KeyFault::Character),
        _ => Ok(()),
    }
}

/// A key's fingerprint within this process: the same key has the same one, and it tells nothing of the key.
pub(super) fn fingerprint(key: &str) -> u64 {
    let hash: [u8; HASH] = Sha256::digest(key).into();
    hash.first_chunk().map_or(1, |head| u64::from_be_bytes(*head)).max(1)
}

/// A new key: 256 random bits as 52 lowercase base32 characters (RFC 4648 §6 alphabet).
pub fn generate_key() -> Result<Secret, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    Ok(Secret::new(base32(&bits)))
}

/// A key's salted SHA-256: enough to know the key again, not to learn it. The key has 256 bits of
/// chance in it, so a slow hash would add nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash {
    salt: [u8; SALT],
    hash: [u8; HASH],
}

impl KeyHash {
    /// Hashes `key` with a new salt.
    pub fn new(key: &str) -> Result<Self, getrandom::Error> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)?;
        Ok(Self { salt, hash: digest(&salt, key) })
    }

    /// Reads `sha256:SALT:HASH`, both in hexadecimal.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let read = || {
            let (salt, hash) = text.strip_prefix("sha256:")?.split_once(':')?;
            Some(Self { salt: unhex(salt)?, hash: unhex(hash)? })
        };
        read().ok_or(KeyFault::NotAHash)
    }

    /// Whether `key` is the one, in a time that does not depend on the answer.
    pub fn matches(&self, key: &str) -> Choice {
        digest(&self.salt, key).ct_eq(&self.hash)
    }
}

/// `sha256:SALT:HASH`, as a configuration file takes it.
impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.salt.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        f.write_str(":")?;
        self.hash.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Not secret, but of no use in a log either.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash")
    }
}

fn digest(salt: &[u8; SALT], key: &str) -> [u8; HASH] {
    Sha256::new().chain_update(salt).chain_update(key).finalize().into()
}

fn base32(bits: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bits.len().div_ceil(5) * 8);
    let (mut held, mut count) = (0_u32, 0_u32);
    let mut put = |five: u32| text.push(ALPHABET.get(five as usize & 31).map_or('a', |b| char::from(*b)));
    for bit in bits {
        held = (held << 8) | u32::from(*bit);
        count += 8;
        while count >= 5 {
            count -= 5;
            put(held >> count);
        }
        held &= 0xFF;
    }
    if count > 0 {
        put(held << (5 - count));
    }
    text
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in out.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_has_256_bits_and_is_a_valid_key() {
        let (a, b) = (generate_key().unwrap(), generate_key().unwrap());
        assert_eq!(a.expose().len(), 52);
        assert_ne!(a, b);
        assert_eq!(check_key(a.expose()), Ok(()));
    }

    #[test]
    fn base32_agrees_with_the_rfc() {
        // RFC 4648 §10, lowercase and without padding.
        for (bits, text) in
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")]
        {
            assert_eq!(base32(bits.as_bytes()), text);
        }
    }

    #[test]
    fn a_hash_knows_its_key_and_no_other() {
        let hash = KeyHash::new("hunter2hunter2").unwrap();
        assert!(bool::from(hash.matches("hunter2hunter2")));
        assert!(!bool::from(hash.matches("hunter2hunter3")));
        assert!(!bool::from(hash.matches("")));
        assert_ne!(KeyHash::new("a").unwrap(), KeyHash::new("a").unwrap(), "salted");
    }

    #[test]
    fn a_hash_survives_its_text_form() {
        let hash = KeyHash::new("k").unwrap();
        assert_eq!(KeyHash::parse(&hash.to_string()), Ok(hash));
        for bad in ["", "k", "sha256:", "sha256:00:11", "md5:00:00", "sha256:+0:zz"] {
            assert_eq!(KeyHash::parse(bad), Err(KeyFault::NotAHash), "{bad}");
        }
    }

    #[test]
    fn keys_that_would_not_survive_a_url_are_refused() {
        assert_eq!(check_key(""), Err(KeyFault::Empty));
        assert_eq!(check_key(&"k".repeat(257)), Err(KeyFault::TooLong));
        for key in ["a b", "a/b", "a?b", "a&b", "a=b", "a%20", "a#b", "caf\u{e9}", "a\n"] {
            assert_eq!(check_key(key), Err(KeyFault::Character), "{key:?}");
        }
        assert_eq!(check_key("live_123-ABC.~!$*+@"), Ok(()));
    }
}
