//! Configuration: a file, variables and flags of an operator who is tired.

use std::path::PathBuf;
use std::time::Duration;

use rillcast::control::{DeclaredGroup, Settings, SettingsError, Sources};

/// A key that must not be seen again.
const CANARY: &str = "canary-in-the-coal-mine";

/// Texts behind a byte that says where they stand: in a file, in variables, in flags. What comes of them are settings
/// that can be used, or one sentence that names the key; and no secret in either.
pub fn config(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(data) else { return };
    // What is planted stands where a key does, and nowhere else.
    let known = text.to_ascii_lowercase().contains(CANARY);
    if known || text.contains("/dev") || text.contains("/proc") {
        return;
    }
    match how & 3 {
        0 | 1 => {
            let mut planted = format!("\n{text}").replace("\nkey = \"%\"", &format!("\nkey = \"{CANARY}\""));
            planted.remove(0);
            let file = Written::new(&planted);
            checked(&Sources { file: Some(file.0.clone()), ..Sources::default() });
        }
        2 => {
            let pair = |line: &str| {
                line.split_once('=').map(|(name, value)| (format!("RILLCAST__{name}"), value.to_owned()))
            };
            let mut variables: Vec<_> = text.lines().filter_map(pair).collect();
            for (_, value) in variables.iter_mut().filter(|(name, _)| name == "RILLCAST__STREAM") {
                *value = value.replace("=%", &format!("={CANARY}"));
            }
            checked(&Sources { variables: variables.clone(), ..Sources::default() });
            if let [(name, value)] = &variables[..] {
                agree(name, value);
            }
        }
        _ => {
            let streams = text.lines().map(|line| line.replace("=%", &format!("={CANARY}"))).collect();
            checked(&Sources { streams, ..Sources::default() });
        }
    }
}

/// A file for as long as it is read.
struct Written(PathBuf);

impl Written {
    fn new(text: &str) -> Self {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = folder.join(format!("rillcast-fuzz-{}.toml", std::process::id()));
        std::fs::write(&path, text).expect("room for a small file");
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

fn checked(sources: &Sources) {
    match (sources.load(), sources.load()) {
        (Ok(settings), Ok(again)) => {
            sound(&settings);
            assert_eq!(settings.policies, again.policies);
            let plain =
                |settings: Settings| format!("{:?}", Settings { policies: Default::default(), ..settings });
            assert_eq!(plain(settings), plain(again));
        }
        (Err(error), Err(again)) => {
            assert_eq!(error.to_string(), again.to_string());
            said(&error);
        }
        (one, other) => panic!("{one:?}, then {other:?}"),
    }
}

/// A refusal is one sentence, and names what it is about.
fn said(error: &SettingsError) {
    let text = error.to_string();
    // What cannot be read is named as the operator wrote it.
    let named = matches!(error, SettingsError::Read { .. });
    assert!(named || !text.contains(char::is_control), "{text:?}");
    assert!(!text.contains(CANARY) && !format!("{error:?}").contains(CANARY), "{text:?}");
    match error {
        SettingsError::Unknown { key, .. } | SettingsError::Value { key, .. } => {
            assert!(text.contains(&format!("`{}`", key.escape_debug())), "{text:?}");
        }
        SettingsError::Syntax { line, message, .. } => assert!(*line > 0 && !message.is_empty()),
        SettingsError::Read { .. } | SettingsError::Together(_) => assert!(text.len() > 10),
    }
}

/// Settings that were taken can be used.
fn sound(settings: &Settings) {
    assert!(settings.check().is_ok());
    let paths = format!("{:?}{:?}{:?}", settings.data, settings.tls, settings.obs);
    assert!(paths.contains(CANARY) || !format!("{settings:?}").contains(CANARY));
    let loopback = |address: std::net::SocketAddr| address.ip().is_loopback();
    assert!(loopback(settings.listen.admin));
    assert!(!settings.open_publish || loopback(settings.listen.rtmp));
    assert!(!settings.open_publish || settings.rtmps().is_none_or(loopback));
    assert!(settings.part_target().is_none_or(|part| part * 2 <= settings.segment && !part.is_zero()));
    assert!(settings.window >= settings.segment * 4 && settings.segment >= Duration::from_secs(1));
    let limits = &settings.limits;
    assert!(limits.ring.bytes > 0 && limits.rtmp.connections > 0 && limits.http.holds > 0);
    assert!(limits.rtmp.media_message <= 16 << 20 && limits.rtmp.idle >= Duration::from_secs(2));
    for (n, stream) in settings.streams.iter().enumerate() {
        assert!(!stream.keys.is_empty());
        assert!(
            stream.keys.iter().all(|key| !bool::from(key.matches(stream.name.as_str()))),
            "the name is the key"
        );
        let opens = |other: &&rillcast::control::DeclaredStream| {
            other.keys.iter().any(|key| key.matches(CANARY).into())
        };
        assert!(settings.streams.iter().take(n + 1).filter(opens).count() < 2, "one key, two streams");
        assert!(settings.streams.iter().take(n).all(|other| other.name != stream.name));
    }
    for (n, group) in settings.groups.iter().enumerate() {
        assert!(DeclaredGroup::MEMBERS.contains(&group.members.len()));
        assert!(group.sound.iter().all(|one| group.members.contains(one)));
        assert_eq!(group.sound_places().len(), group.sound.len());
        let others = settings.groups.iter().take(n);
        assert!(others.flat_map(|other| &other.members).all(|one| !group.members.contains(one)));
        assert!(settings.streams.iter().all(|stream| stream.name != group.name));
    }
}

/// A variable and the file say the same by the same words.
fn agree(name: &str, value: &str) {
    let path = name.trim_start_matches("RILLCAST__").to_ascii_lowercase().replace("__", ".");
    let bare = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !path.split('.').all(bare)
        || path.starts_with("stream")
        || path.starts_with("group")
        || value.contains(char::is_control)
    {
        return;
    }
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
    let file = Written::new(&format!("{path} = \"{quoted}\"\n"));
    let one = Sources { variables: vec![(name.to_owned(), value.to_owned())], ..Sources::default() }.load();
    let other = Sources { file: Some(file.0.clone()), ..Sources::default() }.load();
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(format!("{one:?}"), format!("{other:?}")),
        (Err(one), Err(other)) => {
            // A key below one that is none is named by a variable, and makes a table of that one in a file.
            if let (
                SettingsError::Value { key, fault, .. },
                SettingsError::Value { key: same, fault: told, .. },
            ) = (&one, &other)
            {
                assert_eq!((key, fault.to_string()), (same, told.to_string()));
            }
        }
        (one, other) => panic!("{path} = {value:?}: {one:?}, but {other:?}"),
    }
}

/// A file with everything in it, and the like in variables and flags.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let file = "\0data = \"d\"\nopen_publish = false\ndrain = \"3s\"\n[listen]\nrtmp = \"127.0.0.1:1935\"\nhttp = \":80\"\n\
                admin = \"localhost:9\"\nhttps = \"[::1]:443\"\n[tls]\nself_signed = true\n[live]\nlatency = \"low\"\n\
                part = \"200ms\"\nsegment = \"2s\"\nwindow = \"1m\"\ngrace = \"10s\"\ntakeover = \"stale\"\n[obs]\n\
                server = \"rtmp://a.example/live\"\nmax_kbps = 1\nmax_renditions = 7\ncodec = \"av1\"\n\
                [limits]\nmemory = \"64MiB\"\n[limits.rtmp]\nidle = \"5s\"\nmedia_message = \"1MiB\"\n[limits.ring]\n\
                bytes = \"50MiB\"\n[[stream]]\nname = \"a\"\nkey = \"%\"\naudio = [\"de Deutsch\", \"en\"]\ngrace = \"1s\"\n\
                [[stream]]\nname = \"b/c\"\nkey_hash = \"sha256:00:00\"\ntakeover = \"always\"\n";
    let group = "\0[groups.cam]\nmembers = [\"a\", \"b\"]\nsound = [\"b\"]\n[[stream]]\nname = \"a\"\nkey = \"%\"\n\
                 [[stream]]\nname = \"b\"\nkey = \"other\"\naudio = [\"fr\"]\n";
    let wrong = [
        "\0[live]\nsegmnt = 3\n",
        "\0x = \"\\u001b\"\n\"a\\nb\" = 1\n",
        "\0[[stream]]\nname = \"%\"\nkey = \"%\"\nkye = 1\n",
    ];
    let others =
        ["\x02LIVE__SEGMENT=3s", "\x02STREAM=a=% b/c=k\nLISTEN__RTMP=:1", "\x03a=%\nb=other", "\x03a=a"];
    [file, group].into_iter().chain(wrong).chain(others).map(|text| text.as_bytes().to_vec()).collect()
}
