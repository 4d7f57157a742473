//! The front door: parse flags, run, exit code.

fn main() {}
