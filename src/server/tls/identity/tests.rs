//! Pairs that are refused, each by a sentence that names the file.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::server::clock::Clock;
use crate::server::tls::self_signed;

const DAY: i64 = 86_400 * 1_000_000;

/// A folder with a pair that holds for the days around now that are given.
struct Pair {
    folder: tempfile::TempDir,
    now: WallTime,
}

impl Pair {
    fn new(from: i64, until: i64) -> Self {
        let now = Clock::now().wall;
        let pair = Self { folder: tempfile::tempdir().unwrap(), now };
        let (cert, key) =
            self_signed::pair("host", now.plus_micros(from * DAY), now.plus_micros(until * DAY)).unwrap();
        pair.write("cert.pem", &cert);
        pair.write("key.pem", &key);
        pair
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        self.allow(name, 0o600);
    }

    fn allow(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self, cert: &str, key: &str) -> Result<Identity, TlsError> {
        Identity::load(&self.path(cert), &self.path(key), &provider().unwrap(), self.now)
    }

    /// The sentence that refuses the pair; it names `file`.
    fn refused(&self, cert: &str, key: &str, file: &str) -> String {
        let text = self.load(cert, key).unwrap_err().to_string();
        assert!(!text.contains('\n') && text.contains(file), "{text}");
        text
    }
}

#[test]
fn a_good_pair_knows_its_end_and_its_fingerprint() {
    let pair = Pair::new(-1, 30);
    let identity = pair.load("cert.pem", "key.pem").unwrap();
    let left = identity.not_after().unix_micros - pair.now.unix_micros;
    assert!((29 * DAY..=30 * DAY).contains(&left), "{left}");
    assert_eq!(identity.fingerprint().len(), 32 * 3 - 1);
    assert!(format!("{identity:?}").contains(&identity.fingerprint()));
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let text = Pair::new(-30, -1).refused("cert.pem", "key.pem", "cert.pem");
    assert!(text.contains("expired at 20"), "{text}");
    let text = Pair::new(1, 30).refused("cert.pem", "key.pem", "cert.pem");
    assert!(text.contains("not valid before 20"), "{text}");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let pair = Pair::new(-1, 30);
    let (_, other) = self_signed::pair("", pair.now, pair.now).unwrap();
    pair.write("other.pem", &other);
    let text = pair.refused("cert.pem", "other.pem", "other.pem");
    assert!(text.contains("is not that of the certificate") && text.contains("cert.pem"), "{text}");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let pair = Pair::new(-1, 30);
    for mode in [0o644, 0o640, 0o604, 0o660] {
        pair.allow("key.pem", mode);
        let text = pair.refused("cert.pem", "key.pem", "key.pem");
        assert!(text.contains("chmod 600") && text.contains(&format!("{mode:04o}")), "{text}");
    }
    pair.allow("key.pem", 0o400);
    assert!(pair.load("cert.pem", "key.pem").is_ok());
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused() {
    let pair = Pair::new(-1, 30);
    pair.refused("none.pem", "key.pem", "none.pem");
    pair.refused("cert.pem", "none.pem", "none.pem");
    pair.refused("key.pem", "key.pem", "key.pem");
    pair.refused("cert.pem", "cert.pem", "cert.pem");
    let text = std::fs::read_to_string(pair.path("cert.pem")).unwrap();
    let cut = text.len() / 2;
    for (name, bad) in [
        ("empty", String::new()),
        ("text", "not a certificate".to_owned()),
        ("cut", text[..cut].to_owned()),
        (
            "bent",
            format!(
                "{}{}{}",
                &text[..cut],
                if &text[cut..=cut] == "A" { "B" } else { "A" },
                &text[cut + 1..]
            ),
        ),
        ("huge", "x".repeat(2 << 20)),
        ("hollow", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        (
            "locked",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".into(),
        ),
        ("dud", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned()),
    ] {
        pair.write(name, &bad);
        if name != "bent" {
            pair.refused(name, "key.pem", name);
        }
        pair.refused("cert.pem", name, name);
        // Whatever one bit says, it must not be a crash.
        let _ = pair.load(name, "key.pem");
    }
    pair.refused("cert.pem", ".", "");
}
