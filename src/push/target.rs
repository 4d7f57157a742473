//! Target: where to publish: `rtmp://HOST[:PORT]/APP[/…]/NAME[?QUERY]`, or the same over TLS (`rtmps://`).

use std::fmt;

/// A parsed publish URL. What identifies the publisher (name and query) is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    secure: bool,
    host: String,
    port: u16,
    app: String,
    name: String,
}

/// Why a text is not a publish URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither `rtmp://` nor `rtmps://`.
    #[error("URL does not start with rtmp:// or rtmps://")]
    Scheme,
    /// No host, or one that cannot be one.
    #[error("URL has no valid host (rtmp://HOST[:PORT]/APP/NAME)")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("URL has a port that is not a number from 1 to 65535")]
    Port,
    /// Fewer than two path segments.
    #[error("URL lacks an application or a stream name (rtmp://HOST[:PORT]/APP/NAME)")]
    Path,
    /// A space or control character, or far too long.
    #[error("URL has a space or control character, or more than 2048 characters")]
    Character,
}

impl Target {
    /// RTMP's registered port.
    pub const PORT: u16 = 1_935;
    /// Where RTMP over TLS is expected when a URL names no port, as by other publishers. Our own listener has another
    /// one, which its URL names.
    pub const TLS_PORT: u16 = 443;
    const MAX_URL: usize = 2_048;
    const SHORTEST_SECRET: usize = 4;

    /// Takes a URL apart: the last path segment and the query are the publish name, what is before it the application.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        if url.len() > Self::MAX_URL || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(TargetError::Character);
        }
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
        let secure = scheme.eq_ignore_ascii_case("rtmps");
        if !secure && !scheme.eq_ignore_ascii_case("rtmp") {
            return Err(TargetError::Scheme);
        }
        let (authority, path) = rest.split_once('/').ok_or(TargetError::Path)?;
        let (host, port) = Self::authority(authority)?;
        let port = port.unwrap_or(if secure { Self::TLS_PORT } else { Self::PORT });
        let end = path.find('?').unwrap_or(path.len());
        let (before, query) = path.split_at_checked(end).ok_or(TargetError::Path)?;
        let (app, name) = before.rsplit_once('/').ok_or(TargetError::Path)?;
        if app.split('/').any(str::is_empty) || name.is_empty() {
            return Err(TargetError::Path);
        }
        Ok(Self { secure, host, port, app: app.to_owned(), name: format!("{name}{query}") })
    }

    /// The host, and the port if there is one.
    fn authority(text: &str) -> Result<(String, Option<u16>), TargetError> {
        if text.contains('@') {
            return Err(TargetError::Host);
        }
        let (host, port) = match text.strip_prefix('[') {
            // An IPv6 address is bracketed because it has colons of its own.
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(TargetError::Host)?;
                (
                    host,
                    if port.is_empty() {
                        None
                    } else {
                        Some(port.strip_prefix(':').ok_or(TargetError::Host)?)
                    },
                )
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() || host.contains(['[', ']', '?', '#']) {
            return Err(TargetError::Host);
        }
        let number = |port: &str| port.parse().ok().filter(|port| *port != 0).ok_or(TargetError::Port);
        Ok((host.to_owned(), port.map(number).transpose()?))
    }

    /// Whether it is reached over TLS.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// Host name or address; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The application, as `connect` names it.
    pub(super) fn app(&self) -> &str {
        &self.app
    }

    /// The publish name with its query: secret.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What must not be repeated in print: the publish name, whole and in its parts. Parts too short to be a
    /// secret are left out, or they would blot out common words.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> + Clone {
        let parts = self.name.split(['?', '&', '=']);
        std::iter::once(self.name()).chain(parts).filter(|part| part.len() >= Self::SHORTEST_SECRET)
    }

    /// `tcUrl`: the URL without the publish name.
    pub(super) fn tc_url(&self) -> String {
        let Self { host, port, app, .. } = self;
        let scheme = if self.secure { "rtmps" } else { "rtmp" };
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}/{app}")
        } else {
            format!("{scheme}://{host}:{port}/{app}")
        }
    }
}

/// The URL with `***` in place of the publish name and its query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", self.tc_url())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_comes_apart_into_host_port_application_and_name() {
        for (url, host, port, app, name) in [
            ("rtmp://h/live/k", "h", 1_935, "live", "k"),
            ("RTMP://127.0.0.1:19350/live/a/b?key=K/x", "127.0.0.1", 19_350, "live/a", "b?key=K/x"),
            ("rtmp://[::1]:1/app/n", "::1", 1, "app", "n"),
            ("rtmp://[fe80::2]/app/n?a=b?c", "fe80::2", 1_935, "app", "n?a=b?c"),
            ("rtmps://h/live/k", "h", 443, "live", "k"),
            ("RTMPS://h:1936/live/k", "h", 1_936, "live", "k"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.host(), target.port(), target.app(), target.name()), (host, port, app, name));
            assert_eq!(target.secure(), target.tc_url().starts_with("rtmps://"));
            assert_eq!(target.secure(), url.to_ascii_lowercase().starts_with("rtmps://"));
        }
    }

    #[test]
    fn a_bad_url_says_why() {
        for (url, why) in [
            ("http://h/live/k", TargetError::Scheme),
            ("h/live/k", TargetError::Scheme),
            ("rtmpt://h/live/k", TargetError::Scheme),
            ("rtmp:///live/k", TargetError::Host),
            ("rtmp://user:pw@h/live/k", TargetError::Host),
            ("rtmp://[::1/live/k", TargetError::Host),
            ("rtmp://h:0/live/k", TargetError::Port),
            ("rtmp://h:x/live/k", TargetError::Port),
            ("rtmp://h", TargetError::Path),
            ("rtmp://h/live", TargetError::Path),
            ("rtmp://h/live/", TargetError::Path),
            ("rtmp://h//k", TargetError::Path),
            ("rtmp://h/live?x=/k", TargetError::Path),
            ("rtmp://h/live/k k", TargetError::Character),
            ("rtmp://h/live/k\n", TargetError::Character),
        ] {
            assert_eq!(Target::parse(url), Err(why), "{url}");
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        let target = Target::parse("rtmp://h/live/hush?key=hush").unwrap();
        assert_eq!(target.to_string(), "rtmp://h:1935/live/***");
        assert!(!format!("{target:?}").contains("hush"));
    }
}
