//! First run: a stream to publish to when none is configured, and what a new user must know to use it.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use crate::base::Secret;
use crate::control::{DeclaredStream, KeyHash, Settings, Store, generate_key};
use crate::media::StreamName;

use super::Error;
use super::run::Addresses;

/// Name of the stream the first start makes.
const MAIN: &str = "main";
/// Name of the stream the built-in clip is published to.
const DEMO: &str = "demo";

/// What to tell the user once the listeners are bound.
#[derive(Debug)]
pub(super) enum Greeting {
    /// A stream was made now; its key is shown this once and kept nowhere.
    Made {
        /// The stream.
        name: StreamName,
        /// Its key.
        key: Secret,
    },
    /// Streams from an earlier start.
    Known(Vec<StreamName>),
    /// The operator has configured what there is.
    Configured,
}

/// The store, when there is one or must be. While it is open, no other server can use the same folder.
pub(super) fn store(settings: &Settings) -> Result<Option<Store>, Error> {
    Ok(if settings.needs_store() {
        Some(Store::open(&settings.data)?)
    } else {
        Store::open_existing(&settings.data)?
    })
}

/// Every stream there is to publish to in this run, and the greeting for it.
pub(super) fn streams(
    settings: &Settings,
    store: Option<&Store>,
) -> Result<(Vec<DeclaredStream>, Greeting), Error> {
    let mut streams = settings.streams.clone();
    let mut stored = store.map(Store::streams).transpose()?.unwrap_or_default();
    // What the operator declares for this run stands over what an earlier run made.
    stored.retain(|known| streams.iter().all(|declared| declared.name != known.name));
    let known: Vec<_> = stored.iter().map(|stream| stream.name.clone()).collect();
    streams.append(&mut stored);
    if settings.demo {
        let (stream, greeting) = make(DEMO)?;
        streams.retain(|known| known.name != stream.name);
        streams.push(stream);
        return Ok((streams, greeting));
    }
    match store {
        Some(store) if streams.is_empty() => {
            let (stream, greeting) = make(MAIN)?;
            for hash in &stream.keys {
                store.add_key(&stream.name, hash)?;
            }
            Ok((vec![stream], greeting))
        }
        Some(_) if settings.needs_store() => Ok((streams, Greeting::Known(known))),
        _ => Ok((streams, Greeting::Configured)),
    }
}

fn make(name: &str) -> Result<(DeclaredStream, Greeting), Error> {
    let key = generate_key()?;
    // The names above are valid; a wrong one is a configuration error like any other.
    let fault = |fault: crate::media::NameError| crate::control::SettingsError::Together(fault.into());
    let name = StreamName::parse(name).map_err(fault)?;
    let stream = DeclaredStream { name: name.clone(), keys: vec![KeyHash::new(key.expose())?] };
    Ok((stream, Greeting::Made { name, key }))
}

impl Greeting {
    /// The key made in this run, for the built-in clip's own publish.
    pub(super) fn key(&self) -> Option<&Secret> {
        match self {
            Self::Made { key, .. } => Some(key),
            Self::Known(_) | Self::Configured => None,
        }
    }

    /// Prints it. This is the only place a key is ever printed.
    pub(super) fn print(&self, at: &Addresses, mut out: impl Write) -> io::Result<()> {
        let (rtmp, http) = (reachable(at.rtmp), reachable(at.http));
        let (rtmps, https) = (at.rtmps.map(reachable), at.https.map(reachable));
        let watch = |out: &mut dyn Write, name: &StreamName| {
            writeln!(out, "watch     http://{http}/watch/{name}")?;
            https.iter().try_for_each(|https| writeln!(out, "          https://{https}/watch/{name}"))
        };
        match self {
            Self::Made { name, key } => {
                writeln!(out, "publish   rtmp://{rtmp}/live")?;
                rtmps.iter().try_for_each(|rtmps| writeln!(out, "          rtmps://{rtmps}/live"))?;
                writeln!(out, "key       {}   (shown once: keep it)", key.expose())?;
                watch(&mut out, name)?;
            }
            Self::Known(names) => {
                writeln!(out, "publish   rtmp://{rtmp}/live   with the key shown at the first start")?;
                rtmps.iter().try_for_each(|rtmps| writeln!(out, "          rtmps://{rtmps}/live"))?;
                names.iter().try_for_each(|name| watch(&mut out, name))?;
                writeln!(out, "Key lost? `rillcast key` prints a new one; give it with --stream NAME=KEY.")?;
            }
            Self::Configured => {}
        }
        out.flush()
    }
}

/// The address as somebody on this machine would type it.
fn reachable(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => format!("localhost:{}", address.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &tempfile::TempDir) -> Settings {
        Settings { data: folder.path().join("data"), ..Settings::default() }
    }

    fn opened(settings: &Settings) -> Result<(Vec<DeclaredStream>, Greeting), Error> {
        streams(settings, store(settings)?.as_ref())
    }

    fn printed(greeting: &Greeting) -> String {
        let at = Addresses {
            rtmp: ([0, 0, 0, 0], 1935).into(),
            http: ([0, 0, 0, 0], 8080).into(),
            admin: ([127, 0, 0, 1], 9080).into(),
            https: None,
            rtmps: Some(([0, 0, 0, 0], 1936).into()),
        };
        let mut out = Vec::new();
        greeting.print(&at, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_first_start_makes_main_and_shows_its_key_once() {
        let folder = tempfile::tempdir().unwrap();
        let (streams, greeting) = opened(&settings(&folder)).unwrap();
        let key = greeting.key().unwrap().expose().to_owned();
        assert_eq!(streams[0].name.as_str(), "main");
        assert!(bool::from(streams[0].keys[0].matches(&key)));
        let text = printed(&greeting);
        assert!(
            text.contains("rtmp://localhost:1935/live\n          rtmps://localhost:1936/live\n")
                && text.contains(&key),
            "{text}"
        );
        assert!(text.contains("http://localhost:8080/watch/main\n"), "{text}");

        let (again, greeting) = opened(&settings(&folder)).unwrap();
        assert_eq!(again, streams, "the key of the first start still opens it");
        let text = printed(&greeting);
        assert!(
            !text.contains(&key) && text.contains("/watch/main") && text.contains("rillcast key"),
            "{text}"
        );
    }

    #[test]
    fn declared_streams_need_no_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let declared = DeclaredStream {
            name: StreamName::parse("cam").unwrap(),
            keys: vec![KeyHash::new("secret").unwrap()],
        };
        let settings = Settings { streams: vec![declared.clone()], ..settings(&folder) };
        let (streams, greeting) = opened(&settings).unwrap();
        assert_eq!(streams, [declared]);
        assert_eq!(printed(&greeting), "");
        assert!(!settings.data.exists());
    }

    #[test]
    fn what_an_earlier_start_made_stays_publishable_beside_declared_streams() {
        let folder = tempfile::tempdir().unwrap();
        drop(opened(&settings(&folder)).unwrap());
        let mut names = Vec::new();
        for name in ["cam", "main"] {
            let stream = DeclaredStream {
                name: StreamName::parse(name).unwrap(),
                keys: vec![KeyHash::new("secret").unwrap()],
            };
            let settings = Settings { streams: vec![stream], ..settings(&folder) };
            let (streams, _) = opened(&settings).unwrap();
            names.push(streams.iter().map(|stream| stream.name.to_string()).collect::<Vec<_>>());
        }
        assert_eq!(names, [vec!["cam", "main"], vec!["main"]], "a declared main replaces the stored one");
    }

    #[test]
    fn the_demo_has_a_key_of_its_own_for_this_run() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { demo: true, ..settings(&folder) };
        let (streams, greeting) = opened(&settings).unwrap();
        assert_eq!(streams[0].name.as_str(), "demo");
        assert!(printed(&greeting).contains("/watch/demo"));
        assert!(!settings.data.exists());
    }
}
