//! The command with TLS: files that are wrong end it with 78 and a sentence, SIGHUP reads them again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const LISTEN: [&str; 10] = [
    "--rtmp",
    "127.0.0.1:0",
    "--http",
    "127.0.0.1:0",
    "--admin",
    "127.0.0.1:0",
    "--https",
    "127.0.0.1:0",
    "--rtmps",
    "127.0.0.1:0",
];

fn rillcast(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rillcast"));
    command.arg("serve").args(LISTEN).arg("--data").arg(folder.join("data")).stdin(Stdio::null());
    command
}

/// A server that is killed when it is dropped.
struct Running(Child);

impl Running {
    /// Starts it and returns what it prints until the fingerprint of its self-signed certificate.
    fn start(folder: &Path) -> (Self, String) {
        let mut command = rillcast(folder);
        let child = command.args(["--tls", "self-signed"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Self(child.spawn().unwrap());
        let out = BufReader::new(running.0.stdout.take().unwrap());
        let mut said = String::new();
        for line in out.lines() {
            said += &line.unwrap();
            said.push('\n');
            if said.contains("SHA-256") {
                return (running, said);
            }
        }
        panic!("no fingerprint in {said}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A self-signed pair, made by a start.
fn pair(folder: &Path) {
    drop(Running::start(folder));
    std::fs::rename(folder.join("data/self-signed.crt"), folder.join("cert.pem")).unwrap();
    std::fs::rename(folder.join("data/self-signed.key"), folder.join("key.pem")).unwrap();
}

fn run(folder: &Path, cert: &str, key: &str) -> Output {
    let mut command = rillcast(folder);
    command.arg("--tls-cert").arg(folder.join(cert)).arg("--tls-key").arg(folder.join(key)).output().unwrap()
}

#[test]
fn files_that_are_wrong_are_named_and_end_it_with_78() {
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    pair(one.path());
    pair(two.path());
    let folder = one.path();
    std::fs::copy(two.path().join("key.pem"), folder.join("other.pem")).unwrap();
    std::fs::copy(folder.join("key.pem"), folder.join("loose.pem")).unwrap();
    std::fs::set_permissions(folder.join("loose.pem"), Permissions::from_mode(0o644)).unwrap();
    for (cert, key, file, what) in [
        ("none.pem", "key.pem", "none.pem", "cannot read"),
        ("cert.pem", "none.pem", "none.pem", "cannot read"),
        ("key.pem", "key.pem", "key.pem", "no certificate"),
        ("cert.pem", "cert.pem", "cert.pem", "no private key"),
        ("cert.pem", "other.pem", "other.pem", "not that of the certificate"),
        ("cert.pem", "loose.pem", "loose.pem", "chmod 600"),
    ] {
        let output = run(folder, cert, key);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = text.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(78), "{cert} {key}: {text}");
        assert!(last.starts_with("rillcast: ") && last.contains(file) && last.contains(what), "{text}");
    }
    let half = rillcast(folder).arg("--tls-cert").arg("c.pem").output().unwrap();
    assert_eq!(half.status.code(), Some(78), "{half:?}");
    let both = rillcast(folder).args(["--tls", "self-signed", "--tls-cert", "c.pem"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}

#[test]
fn a_start_prints_the_fingerprint_and_sighup_reads_the_files_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut running, said) = Running::start(folder.path());
    assert!(said.contains("rtmps://localhost:") && said.contains("https://localhost:"), "{said}");
    let began = Instant::now();
    let mut log = BufReader::new(running.0.stderr.take().unwrap()).lines();
    // The handler is there once the certificate is followed, a moment after the start.
    std::thread::sleep(Duration::from_millis(300));
    running.signal(Signal::HUP);
    let reloaded = log.find(|line| line.as_ref().is_ok_and(|line| line.contains("tls_reloaded")));
    let line = reloaded.unwrap().unwrap();
    let fingerprint = said.lines().last().unwrap().trim_start_matches("SHA-256").trim();
    assert!(line.contains(fingerprint) && began.elapsed() < Duration::from_secs(2), "{line}");
    running.signal(Signal::TERM);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

#[test]
fn check_reads_the_certificate_too() {
    let folder = tempfile::tempdir().unwrap();
    pair(folder.path());
    let check = |key: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rillcast"));
        command.arg("check").arg("--tls-cert").arg(folder.path().join("cert.pem"));
        command.arg("--tls-key").arg(folder.path().join(key)).output().unwrap()
    };
    let good = check("key.pem");
    let text = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(good.status.success() && text.contains("https     0.0.0.0:8443"), "{text}");
    assert!(text.contains("cert      until 20"), "{text}");
    assert_eq!(check("none.pem").status.code(), Some(78));
}
