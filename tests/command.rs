//! The command's output on a pipe that nobody reads any more, and on a disk that is full.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::fs::File;
use std::process::{Command, Output, Stdio};

/// Runs it with these arguments and standard output.
fn run(arguments: &[&str], out: impl Into<Stdio>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rillcast"));
    command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

const PRINTING: [&[&str]; 5] = [
    &["completions", "bash"],
    &["completions", "zsh"],
    &["key"],
    &["key", "--hash", "a-long-enough-stream-key"],
    &["check", "--stream", "cam=a-long-enough-stream-key"],
];

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    for arguments in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(arguments, writer);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {} {said}", output.status);
    }
}

#[test]
fn a_full_disk_is_said_and_is_no_panic() {
    for arguments in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = run(arguments, full);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("rillcast: cannot write to standard output: "), "{arguments:?}: {said}");
    }
}
