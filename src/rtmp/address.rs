//! Address: what `app`, `tcUrl` and the publish name say together about where a publisher wants to go.
//!
//! ```text
//!  tcUrl  rtmp://host:1935/live/a?x=1     app  live/a?x=1     publish name  b/c?key=K
//!                          ───┬──                              → application live, path a/b/c, key K, x=1
//! ```

use crate::base::Secret;

/// The longest application, `tcUrl` or publish name: no encoder comes near.
pub(super) const LONGEST: usize = 1_024;

/// Parameters kept of all queries together.
const MAX_PARAMETERS: usize = 32;

/// Names and values of a query, in order.
pub(super) type Parameters = Vec<(String, Secret)>;

/// Where a connection was made to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Application {
    /// Its first segment.
    pub(super) name: String,
    /// Its further segments, joined by `/`.
    prefix: String,
    /// Of its query, then of `tcUrl`'s.
    parameters: Parameters,
}

/// Where a publisher wants to go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) path: String,
    pub(super) key: Option<Secret>,
    pub(super) parameters: Parameters,
}

impl Application {
    /// Reads the `connect` properties; `None` when they name no application, or one longer than `LONGEST`.
    pub(super) fn parse(app: Option<&str>, tc_url: Option<&str>) -> Option<Self> {
        let tc_url = tc_url.unwrap_or_default();
        let tc_path =
            tc_url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
        let app = app.filter(|app| !app.is_empty()).or(tc_path)?;
        if app.len() > LONGEST || tc_url.len() > LONGEST {
            return None;
        }
        let (path, app_query) = split_query(app);
        let path = path.trim_matches('/');
        let (name, prefix) = path.split_once('/').unwrap_or((path, ""));
        // Some encoders fill in Flash Media Server's default instance.
        let prefix = if prefix == "_definst_" { "" } else { prefix };
        let mut parameters = Parameters::new();
        collect(&mut parameters, app_query);
        let tc_query = split_query(tc_url).1;
        if tc_query != app_query {
            collect(&mut parameters, tc_query);
        }
        (!name.is_empty()).then(|| Self { name: name.into(), prefix: prefix.into(), parameters })
    }

    /// Where a publish `name` points to in this application; `None` when it is empty, too long, or holds control
    /// characters.
    pub(super) fn resolve(&self, name: &str) -> Option<Target> {
        if name.len() > LONGEST || name.chars().any(char::is_control) {
            return None;
        }
        let (tail, query) = split_query(name);
        let tail = tail.trim_start_matches('/');
        if tail.is_empty() {
            return None;
        }
        let path = if self.prefix.is_empty() { tail.into() } else { format!("{}/{tail}", self.prefix) };
        let mut parameters = Parameters::new();
        collect(&mut parameters, query);
        let room = MAX_PARAMETERS.saturating_sub(parameters.len());
        parameters.extend(self.parameters.iter().take(room).cloned());
        // The nearest one wins: publish name, then application, then `tcUrl`.
        let key = parameters.iter().find(|(name, _)| name == "key").map(|(_, value)| decode(value.expose()));
        parameters.retain(|(name, _)| name != "key");
        Some(Target { path, key, parameters })
    }
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

fn collect(into: &mut Parameters, query: &str) {
    let room = MAX_PARAMETERS.saturating_sub(into.len());
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    into.extend(pairs.take(room).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), Secret::new(value))
    }));
}

/// Percent-decoding (RFC 3986 §2.1); what is not an escape, or not UTF-8 once decoded, stays as it is.
fn decode(text: &str) -> Secret {
    let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escape = (byte == b'%').then(|| (digit(ahead.next()), digit(ahead.next())));
        match escape {
            Some((Some(high), Some(low))) => {
                out.push(((high << 4) | low) as u8);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    Secret::new(String::from_utf8(out).unwrap_or_else(|_| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(app: &str, tc_url: &str, name: &str) -> (String, String, Option<String>) {
        let app = Application::parse(Some(app), Some(tc_url)).unwrap();
        let target = app.resolve(name).unwrap();
        (app.name, target.path, target.key.map(|key| key.expose().to_owned()))
    }

    #[test]
    fn every_url_form_of_the_encoders_is_understood() {
        let some = |app: &str, path: &str, key: Option<&str>| {
            (app.to_owned(), path.to_owned(), key.map(str::to_owned))
        };
        let tc = "rtmp://h:1935/live";
        assert_eq!(target("live", tc, "main?key=K"), some("live", "main", Some("K")));
        assert_eq!(target("live/", tc, "/main"), some("live", "main", None));
        assert_eq!(target("/live", tc, "secret-key"), some("live", "secret-key", None));
        assert_eq!(target("live/a", "rtmp://h/live/a", "b/c"), some("live", "a/b/c", None));
        assert_eq!(target("live?key=K", "rtmp://h/live?key=K", "main"), some("live", "main", Some("K")));
        assert_eq!(target("live", "rtmp://h/live?key=T", "main"), some("live", "main", Some("T")));
        assert_eq!(target("live", "rtmp://h/live?key=T", "main?key=N"), some("live", "main", Some("N")));
        assert_eq!(target("live/_definst_", tc, "main"), some("live", "main", None));
        assert_eq!(target("live", tc, "m?key=a%2Fb%25%zz%4"), some("live", "m", Some("a/b%%zz%4")));
        assert_eq!(target("other", tc, "main"), some("other", "main", None));
    }

    #[test]
    fn the_application_may_stand_in_tc_url_alone() {
        let app = Application::parse(None, Some("rtmp://h/live/x?key=K")).unwrap();
        assert_eq!(app.name, "live");
        assert_eq!(app.resolve("y").unwrap().path, "x/y");
        assert_eq!(Application::parse(None, None), None);
        assert_eq!(Application::parse(Some("/"), None), None);
        assert_eq!(Application::parse(Some(&"a".repeat(2_000)), None), None);
    }

    #[test]
    fn other_parameters_are_kept_and_counted() {
        let app = Application::parse(Some("live?a=1"), Some("rtmp://h/live?a=1")).unwrap();
        let target = app.resolve("main?clientConfigId=c_7&key=K&flag").unwrap();
        let names: Vec<_> = target.parameters.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["clientConfigId", "flag", "a"]);
        let many = app.resolve(&format!("main?{}", "x=1&".repeat(200))).unwrap();
        assert_eq!(many.parameters.len(), MAX_PARAMETERS);
    }

    /// Hostile case 14: what no stream could ever be called goes no further.
    #[test]
    fn names_that_are_empty_long_or_not_text_lead_nowhere() {
        let app = Application::parse(Some("live"), None).unwrap();
        for name in ["", "/", "?key=K", "a\0b", "a\r\nb", &"n".repeat(10 * 1_024)] {
            assert_eq!(app.resolve(name), None, "{name:?}");
        }
    }
}
