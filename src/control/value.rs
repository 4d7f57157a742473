//! Values: one setting as written in a flag, a variable or the file, read as what it is meant to be.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// One setting's value before it is read. Flags and variables are always text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer of the file.
    Integer(i64),
    /// `true` or `false` of the file.
    Bool(bool),
}

impl Value {
    /// The text, when it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Bool(_) => None,
        }
    }

    /// `true` or `false`.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Text(text) => text.parse().ok(),
            Self::Integer(_) => None,
        }
    }

    /// A count above zero.
    pub fn count(&self) -> Option<usize> {
        let count = match self {
            Self::Integer(count) => usize::try_from(*count).ok()?,
            Self::Text(text) => text.parse().ok()?,
            Self::Bool(_) => return None,
        };
        (count > 0).then_some(count)
    }

    /// A span of time with its unit: `"2s"`, `"200ms"`, `"1m 30s"`.
    pub fn duration(&self) -> Option<Duration> {
        humantime::parse_duration(self.text()?).ok()
    }

    /// A size in bytes with its unit: `"50MiB"`, `"64KiB"`, `"800B"`; a bare integer is bytes.
    pub fn size(&self) -> Option<usize> {
        let text = match self {
            Self::Integer(bytes) => return usize::try_from(*bytes).ok().filter(|bytes| *bytes > 0),
            Self::Text(text) => text.trim(),
            Self::Bool(_) => return None,
        };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit: usize = match text.get(digits.len()..)?.trim() {
            "B" | "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return None,
        };
        digits.trim().parse::<usize>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
    }

    /// A listening address: `IP:PORT`, `[IPV6]:PORT`, `localhost:PORT`, or `:PORT` for every IPv4 address.
    pub fn address(&self) -> Option<SocketAddr> {
        let text = self.text()?.trim();
        let port = |host: &str| text.strip_prefix(host)?.parse::<u16>().ok();
        if let Some(port) = port(":") {
            return Some((Ipv4Addr::UNSPECIFIED, port).into());
        }
        if let Some(port) = port("localhost:") {
            return Some((Ipv4Addr::LOCALHOST, port).into());
        }
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn spans_and_sizes_need_a_unit_they_know() {
        assert_eq!(text("2s").duration(), Some(Duration::from_secs(2)));
        assert_eq!(text("200ms").duration(), Some(Duration::from_millis(200)));
        assert_eq!(text("2").duration(), None);
        assert_eq!(Value::Integer(2).duration(), None);
        assert_eq!(text("50MiB").size(), Some(50 << 20));
        assert_eq!(text("64 KiB").size(), Some(64 << 10));
        assert_eq!(text("1.5GiB").size(), None);
        assert_eq!(text("0B").size(), None);
        assert_eq!(text("99999999999GiB").size(), None);
        assert_eq!(text("5 bananas").size(), None);
    }

    #[test]
    fn addresses_have_short_forms() {
        assert_eq!(text(":1935").address(), Some(([0, 0, 0, 0], 1935).into()));
        assert_eq!(text("localhost:0").address(), Some(([127, 0, 0, 1], 0).into()));
        assert_eq!(text("[::1]:80").address().map(|a| a.is_ipv6()), Some(true));
        assert_eq!(text("1935").address(), None);
        assert_eq!(text("host.example:80").address(), None);
    }
}
