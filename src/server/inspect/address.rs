//! Addresses: HTTP URLs, resolved against one another, and shown without what may be secret in them.

use std::fmt;

/// Where to fetch something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Begins with a slash.
    pub(super) path: String,
    /// Without its question mark.
    pub(super) query: Option<String>,
}

/// Why a text is no address. It is not repeated: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme, or none.
    #[error("a URL begins with http:// or https://")]
    Scheme,
    /// Names and passwords are not sent.
    #[error("a URL with a user name cannot be inspected")]
    User,
    /// No host, or a port that is no number.
    #[error("a URL names a host, and perhaps a port: http://HOST[:PORT]/PATH")]
    Host,
    /// White space or control characters.
    #[error("a URL has no spaces and no control characters")]
    Character,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, AddressError> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err(AddressError::Character);
        }
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        let (secure, scheme) = match () {
            () if lower.starts_with("http://") => (false, "http://"),
            () if lower.starts_with("https://") => (true, "https://"),
            () => return Err(AddressError::Scheme),
        };
        let rest = text.get(scheme.len()..).unwrap_or_default();
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).ok_or(AddressError::Host)?;
        if authority.contains('@') {
            return Err(AddressError::User);
        }
        let usual = if secure { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| AddressError::Host)?)
            }
            _ => (authority, usual),
        };
        if host.is_empty() {
            return Err(AddressError::Host);
        }
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
            query: query.map(str::to_owned),
        })
    }

    /// What `reference` means where this is the base (RFC 3986 §5.2).
    pub(super) fn join(&self, reference: &str) -> Result<Self, AddressError> {
        if reference.split(['/', '?']).next().is_some_and(|scheme| scheme.ends_with(':')) {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            let scheme = if self.secure { "https:" } else { "http:" };
            return Self::parse(&format!("{scheme}{reference}"));
        }
        let reference = reference.split('#').next().unwrap_or_default();
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (reference, None),
        };
        if path.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err(AddressError::Character);
        }
        let base = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match path {
            "" => self.path.clone(),
            path if path.starts_with('/') => normal(path),
            path => normal(&format!("{base}/{path}")),
        };
        Ok(Self { path, query, ..self.clone() })
    }

    /// The same with more parameters.
    pub(super) fn with(&self, parameters: &str) -> Self {
        let query = match &self.query {
            Some(query) if !query.is_empty() => format!("{query}&{parameters}"),
            _ => parameters.to_owned(),
        };
        Self { query: Some(query), ..self.clone() }
    }

    /// What a request line asks for.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The Host field.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Without the query, which may hold a token.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        let query = if self.query.is_some() { "?..." } else { "" };
        write!(f, "{scheme}://{}:{}{}{query}", self.host, self.port, self.path)
    }
}

/// A path without its dot segments (RFC 3986 §5.2.4).
fn normal(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                out.pop();
            }
            segment => out.push(segment),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        out.push("");
    }
    format!("/{}", out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: &str, reference: &str) -> String {
        let address = Address::parse(base).unwrap().join(reference).unwrap();
        format!("{} {}", address.authority(), address.target())
    }

    #[test]
    fn references_are_resolved_as_browsers_do() {
        let base = "http://example.com:8080/live/cam/0/v0/media.m3u8?key=s3cret";
        for (reference, want) in [
            ("part-1.m4s", "example.com:8080 /live/cam/0/v0/part-1.m4s"),
            ("../a0/media.m3u8?x=1", "example.com:8080 /live/cam/0/a0/media.m3u8?x=1"),
            ("/x/./y/../z", "example.com:8080 /x/z"),
            ("//other/y", "other:80 /y"),
            ("https://other/y#z", "other:443 /y"),
            ("", "example.com:8080 /live/cam/0/v0/media.m3u8"),
            ("../../../../../..", "example.com:8080 /"),
        ] {
            assert_eq!(target(base, reference), want, "{reference}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_and_not_repeated() {
        for (text, want) in [
            ("", AddressError::Scheme),
            ("ftp://s3cret/", AddressError::Scheme),
            ("http://", AddressError::Host),
            ("http://:80/", AddressError::Host),
            ("http://host:http/", AddressError::Host),
            ("http://user:s3cret@host/", AddressError::User),
            ("http://host/a b", AddressError::Character),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error, want, "{text}");
            assert!(!error.to_string().contains("s3cret"));
        }
        assert_eq!(Address::parse("http://[::1]:81/a?b#c").unwrap().authority(), "[::1]:81");
    }

    #[test]
    fn a_query_is_sent_and_never_shown() {
        let address = Address::parse("http://host/live?key=s3cret").unwrap();
        assert_eq!(address.to_string(), "http://host:80/live?...");
        assert_eq!(address.with("_HLS_msn=4").target(), "/live?key=s3cret&_HLS_msn=4");
        assert_eq!(address.join("/b").unwrap().with("a=1").target(), "/b?a=1");
    }
}
