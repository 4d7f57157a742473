//! The command with TLS: files that are wrong end it with 78 and a sentence, SIGHUP reads them again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

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
        Self::start_with(folder, &[])
    }

    /// The same, with these flags besides.
    fn start_with(folder: &Path, flags: &[&str]) -> (Self, String) {
        let mut command = rillcast(folder);
        let child =
            command.args(flags).args(["--tls", "self-signed"]).stdout(Stdio::piped()).stderr(Stdio::piped());
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

/// The pair again as `name.pem` and `name.key`, its certificate's times set to these (UTCTime, RFC 5280 §4.1.2.5.1).
/// Nobody signed that, and nobody looks: a server shows its certificate, and its peers judge it.
fn dated(folder: &Path, name: &str, from: &str, until: &str) {
    let mut der = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap().to_vec();
    let times: Vec<usize> = (0..der.len()).filter(|at| der[*at..].starts_with(&[0x17, 13])).collect();
    assert_eq!(times.len(), 2);
    for (at, time) in times.into_iter().zip([from, until]) {
        der[at + 2..at + 15].copy_from_slice(time.as_bytes());
    }
    let text = x509_cert::der::pem::encode_string("CERTIFICATE", Default::default(), &der).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), text).unwrap();
    std::fs::copy(folder.join("key.pem"), folder.join(format!("{name}.key"))).unwrap();
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
    dated(folder, "expired", "240101000000Z", "240102000000Z");
    dated(folder, "early", "480101000000Z", "490101000000Z");
    for (name, bytes) in [
        ("text.pem", &b"certificate"[..]),
        ("empty.pem", b""),
        ("der.pem", &[0x30, 0x82, 1, 0]),
        ("large.pem", &[b'-'; 2 << 20]),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
        std::fs::set_permissions(folder.join(name), Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::create_dir(folder.join("folder.pem")).unwrap();
    std::fs::set_permissions(folder.join("folder.pem"), Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink("loop.pem", folder.join("loop.pem")).unwrap();
    for (cert, key, file, what) in [
        ("none.pem", "key.pem", "none.pem", "cannot read"),
        ("cert.pem", "none.pem", "none.pem", "cannot read"),
        ("key.pem", "key.pem", "key.pem", "no certificate"),
        ("cert.pem", "cert.pem", "cert.pem", "no private key"),
        ("cert.pem", "other.pem", "other.pem", "not that of the certificate"),
        ("cert.pem", "loose.pem", "loose.pem", "chmod 600"),
        ("expired.pem", "expired.key", "expired.pem", "expired at 2024-01-02"),
        ("early.pem", "early.key", "early.pem", "not valid before 2048-01-01"),
        ("text.pem", "key.pem", "text.pem", "no certificate"),
        ("cert.pem", "text.pem", "text.pem", "no private key"),
        ("empty.pem", "key.pem", "empty.pem", "no certificate"),
        ("cert.pem", "empty.pem", "empty.pem", "no private key"),
        ("folder.pem", "key.pem", "folder.pem", "cannot read"),
        ("cert.pem", "folder.pem", "folder.pem", "cannot read"),
        ("loop.pem", "key.pem", "loop.pem", "cannot read"),
        ("cert.pem", "loop.pem", "loop.pem", "cannot read"),
        ("der.pem", "key.pem", "der.pem", "no certificate"),
        ("large.pem", "key.pem", "large.pem", "cannot read"),
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

/// A port in use ends a start with 69, and the sentence says whose it is.
#[test]
fn a_port_in_use_is_named_and_ends_it_with_69() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--rtmp", "--http", "--admin", "--https", "--rtmps"] {
        let mut listen = LISTEN;
        let at = listen.iter().position(|word| *word == flag).unwrap();
        listen[at + 1] = &address;
        let mut command = Command::new(env!("CARGO_BIN_EXE_rillcast"));
        command.arg("serve").args(listen).arg("--data").arg(folder.path().join("data")).stdin(Stdio::null());
        let output = command.args(["--tls", "self-signed"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = text.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(69), "{flag}: {text}");
        let listener = flag.trim_start_matches('-');
        let sentence = format!("rillcast: cannot listen for {listener} on {address}: ");
        assert!(last.starts_with(&sentence) && last.contains("in use"), "{flag}: {last}");
        assert!(output.stdout.is_empty(), "nothing is said of a server that is none: {output:?}");
    }
}

/// Two servers cannot share a data folder, whatever else they are told.
#[test]
fn a_data_folder_in_use_is_named_and_ends_a_second_start() {
    let folder = tempfile::tempdir().unwrap();
    let declared = ["--stream", "cam=a-long-enough-key"];
    // The first makes the store; the next only read it.
    for (first, second) in [(&[][..], &[][..]), (&[], &declared), (&declared, &[]), (&declared, &declared)] {
        let (_running, _) = Running::start_with(folder.path(), first);
        let output = rillcast(folder.path()).args(["--tls", "self-signed"]).args(second).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = text.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(1), "{first:?} {second:?}: {text}");
        let data = folder.path().join("data").display().to_string();
        assert!(last.contains(&data) && last.contains("in use by another running server"), "{last}");
    }
}
