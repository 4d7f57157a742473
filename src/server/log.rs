//! Logs: text on a terminal, JSON lines otherwise, always to stderr.

use std::fmt::{self, Write};
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` chooses what; the default is what an operator wants to see.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Told to nobody: saying on a broken pipe that it is broken would panic, in every task that has something to log.
    let log = log.log_internal_errors(false);
    if io::stderr().is_terminal() {
        log.with_ansi(std::env::var_os("NO_COLOR").is_none()).with_target(false).init();
    } else {
        log.json().flatten_event(true).with_target(false).init();
    }
}

/// Text a peer chose, with everything that could move a cursor or break a line escaped, and no longer than
/// a log line should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 128;
        for c in self.0.chars().take(MOST) {
            if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
            {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        if self.0.chars().nth(MOST).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_text_cannot_forge_a_line_or_fill_the_disk() {
        assert_eq!(
            Escaped("cam\r\nlevel=ERROR\u{1b}[2J").to_string(),
            "cam\\u{d}\\u{a}level=ERROR\\u{1b}[2J"
        );
        assert_eq!(Escaped("caf\u{e9}").to_string(), "caf\u{e9}");
        assert_eq!(Escaped("\u{202E}x").to_string(), "\\u{202e}x");
        assert_eq!(Escaped(&"x".repeat(5_000)).to_string().chars().count(), 129);
    }
}
