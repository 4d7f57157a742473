//! Every fixture is listed with its origin, and is the very file that was listed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Manifest {
    clip: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    sha256: String,
    origin: String,
    licence: String,
    quirk: String,
    used_by: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> Manifest {
    let text = std::fs::read_to_string(root().join("fixtures/MANIFEST.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

#[test]
fn every_fixture_has_the_hash_the_manifest_says() {
    for entry in manifest().clip {
        let bytes = std::fs::read(root().join("fixtures").join(&entry.file)).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, entry.sha256, "{}", entry.file);
    }
}

#[test]
fn every_fixture_is_listed_with_origin_licence_and_use() {
    let listed = manifest().clip;
    let names: BTreeSet<String> = listed.iter().map(|entry| entry.file.clone()).collect();
    let there: BTreeSet<String> = std::fs::read_dir(root().join("fixtures"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "MANIFEST.toml")
        .collect();
    assert_eq!(names, there);
    for entry in &listed {
        assert!(![&entry.origin, &entry.licence, &entry.quirk].iter().any(|text| text.is_empty()));
        for user in &entry.used_by {
            assert!(root().join(user).is_file(), "{} is said to be used by {user}", entry.file);
        }
    }
}
