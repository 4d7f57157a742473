//! The law of the whole tree: fixtures have an origin, and nothing in it knows the machine it was written on.

use crate::law::Faults;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Folders that are built or fetched, not written.
const NOT_OURS: &[&str] = &[".git", "target", "node_modules", "artifacts", "found", "results"];
/// What every entry of a manifest says.
const MANIFEST_KEYS: &[&str] = &["file", "sha256", "origin", "licence", "quirk", "used_by"];
/// The one source a lock file may name.
const CRATES: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// Every file under `folder`, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every file beside a manifest is listed in it with its origin, and is what the manifest says it is.
pub(crate) fn fixtures_have_an_origin(folder: &Path) -> Faults {
    let manifest = folder.join("MANIFEST.toml");
    let listed = std::fs::read_to_string(&manifest).unwrap_or_default();
    let present: Vec<(String, Vec<u8>)> = files(folder)
        .into_iter()
        .filter(|path| *path != manifest)
        .map(|path| {
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    check_manifest(&listed, &present)
}

/// The check itself, on the manifest's text and the files' names and contents.
pub(crate) fn check_manifest(text: &str, present: &[(String, Vec<u8>)]) -> Faults {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("fixtures/MANIFEST.toml: {error}")],
    };
    let entries: Vec<&toml::Table> = table
        .values()
        .filter_map(toml::Value::as_array)
        .flatten()
        .filter_map(toml::Value::as_table)
        .collect();
    let field = |entry: &toml::Table, key: &str| entry.get(key).map(|v| v.to_string()).unwrap_or_default();
    let mut faults = Vec::new();
    for entry in &entries {
        let file = field(entry, "file");
        for key in MANIFEST_KEYS.iter().filter(|key| !entry.contains_key(**key)) {
            faults.push(format!("fixtures/MANIFEST.toml: the entry of {file} does not say '{key}'"));
        }
        if !present.iter().any(|(name, _)| entry.get("file").and_then(toml::Value::as_str) == Some(name)) {
            faults.push(format!("fixtures/MANIFEST.toml: {file} is listed but not there"));
        }
    }
    for (name, content) in present {
        let of = |entry: &&&toml::Table| entry.get("file").and_then(toml::Value::as_str) == Some(name);
        let Some(entry) = entries.iter().find(of) else {
            faults.push(format!("fixtures/{name}: not in MANIFEST.toml"));
            continue;
        };
        let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        if entry.get("sha256").and_then(toml::Value::as_str) != Some(&digest) {
            faults.push(format!("fixtures/{name}: sha256 is {digest}, the manifest says otherwise"));
        }
    }
    faults
}

/// No path of one machine, and no package source but the public ones, stands in a file of the tree.
pub(crate) fn the_tree_knows_no_machine(root: &Path) -> Faults {
    let mut faults = Vec::new();
    for path in files(root) {
        let Ok(text) = String::from_utf8(std::fs::read(&path).unwrap()) else { continue };
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        faults.extend(machine_traces(&name, &text));
    }
    faults
}

/// The check itself. The patterns are put together here so that this file does not hold them.
pub(crate) fn machine_traces(name: &str, text: &str) -> Faults {
    let folders = ["work", "tmp", "root", "home", "Users"].map(|folder| format!("/{folder}/"));
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut report = |what: &str| faults.push(format!("{name}:{}: {what}", index + 1));
        if folders.iter().any(|folder| holds_path(line, folder)) {
            report("a path of one machine");
        }
        let lock = line.trim_start();
        if name.ends_with("Cargo.lock") && lock.starts_with("source = ") && lock != CRATES {
            report("a crate from elsewhere than the public registry");
        }
        if name.ends_with("package-lock.json") && lock.starts_with("\"resolved\"") {
            report("a registry's address; set omit-lockfile-registry-resolved");
        }
        if name.ends_with(".npmrc") && lock.starts_with("registry") {
            report("a registry's address");
        }
    }
    if name.ends_with(".cargo/config.toml") && text.contains("[source") {
        faults.push(format!("{name}:1: replaces a package source"));
    }
    faults
}

/// Whether `folder` stands in `line` as the start of an absolute path, not inside a URL or a longer path.
fn holds_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/})".contains(c))
    })
}

/// Every file a document links to or names is there.
pub(crate) fn documents_name_what_exists(root: &Path) -> Faults {
    let mut faults = Vec::new();
    for path in files(root).iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let beside = path.parent().unwrap();
        for (line, target, linked) in named_paths(&std::fs::read_to_string(path).unwrap()) {
            let base = if linked { beside } else { root };
            if !base.join(&target).exists() {
                faults.push(format!("{name}:{line}: there is no {target}"));
            }
        }
    }
    faults
}

/// The paths in a document, with their lines: `(line, path, true)` of a link, `(line, path, false)` in backquotes.
pub(crate) fn named_paths(text: &str) -> Vec<(usize, String, bool)> {
    const OURS: &[&str] = &["src/", "tests/", "docs/", "fixtures/", "benches/", "fuzz/", ".ci/"];
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for part in line.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target.to_owned(), true));
            }
        }
        for word in line.split('`').skip(1).step_by(2) {
            let path = word.trim_start_matches("./").split(' ').next().unwrap_or_default();
            let plain = !path.contains(['*', '{', '<', '$']);
            if plain && OURS.iter().any(|folder| path.starts_with(folder)) {
                found.push((index + 1, path.split(':').next().unwrap_or_default().to_owned(), false));
            }
        }
    }
    found
}
