//! The units in docs/systemd say what the server understands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use std::path::Path;
use std::process::Command;

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systemd").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The values of a key, in order.
fn values<'a>(unit: &'a str, key: &'a str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_command_of_the_service_is_one_and_its_sockets_are_its_listeners() {
    let (service, socket) = (unit("rillcast.service"), unit("rillcast.socket"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rillcast.toml"), "").unwrap();
    let command = values(&service, "ExecStart").concat().replace("%d", folder.path().to_str().unwrap());
    let words: Vec<_> = command.split_whitespace().collect();
    let ["/usr/local/bin/rillcast", "serve", flags @ ..] = words.as_slice() else { panic!("{command}") };
    let checked = Command::new(env!("CARGO_BIN_EXE_rillcast")).arg("check").args(flags).output().unwrap();
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let is_listener = |line: &&str| ["rtmp ", "http ", "admin "].iter().any(|name| line.starts_with(name));
    let listeners: Vec<_> =
        said.lines().filter(is_listener).map(|line| line.split_whitespace().last().unwrap()).collect();
    assert_eq!(listeners, values(&socket, "ListenStream"));
}

#[test]
fn the_service_is_given_no_more_than_it_needs() {
    let service = unit("rillcast.service");
    for (key, value) in [
        ("Type", "notify"),
        ("Restart", "always"),
        ("WatchdogSec", "30"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("CapabilityBoundingSet", ""),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("LimitNOFILE", "65536"),
        ("MemoryMax", "2G"),
        ("StateDirectory", "rillcast"),
        ("RuntimeDirectory", "rillcast"),
    ] {
        assert_eq!(values(&service, key), [value], "{key}");
    }
    assert_eq!(values(&service, "SystemCallFilter"), ["@system-service", "~@privileged @resources"]);
    // Longer than the server may take to end.
    let seconds: u64 = values(&service, "TimeoutStopSec").concat().parse().unwrap();
    assert!(seconds > 35);
}
