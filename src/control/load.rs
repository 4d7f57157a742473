//! Loading: flag over environment over file over default, into one [`Settings`].

mod groups;

use std::path::{Path, PathBuf};

use crate::media::StreamName;

use super::fault::{Fault, Origin, SettingsError};
use super::key::{self, KeyHash};
use super::schema;
use super::settings::Settings;
use super::stream::{DeclaredStream, Policy, Voice};
use super::value::Value;

const PREFIX: &str = "RILLCAST__";

/// Where settings come from, besides the defaults.
#[derive(Debug, Default)]
pub struct Sources {
    /// The configuration file, when one is named.
    pub file: Option<PathBuf>,
    /// Environment variables; those without the product's prefix are passed over.
    pub variables: Vec<(String, String)>,
    /// Flags as key path and value.
    pub flags: Vec<(&'static str, Value)>,
    /// `NAME=KEY` of each `--stream`.
    pub streams: Vec<String>,
    /// The folder a service manager keeps for us (`$STATE_DIRECTORY`).
    pub state_directory: Option<PathBuf>,
}

impl Sources {
    /// Reads all sources and checks the result as a whole.
    pub fn load(&self) -> Result<Settings, SettingsError> {
        let mut loader = Loader::default();
        if let Some(folder) = &self.state_directory {
            loader.settings.data.clone_from(folder);
        }
        if let Some(path) = &self.file {
            loader.file(path)?;
        }
        for (name, text) in &self.variables {
            if let Some(path) = name.strip_prefix(PREFIX) {
                loader.variable(name, path, text)?;
            }
        }
        for (path, value) in &self.flags {
            loader.set(path, value, &Origin::Flag)?;
        }
        for pair in &self.streams {
            loader.pair(pair, "stream", &Origin::Flag)?;
        }
        loader.finish()
    }
}

/// The settings so far, and the plain keys of their streams for as long as they are checked.
#[derive(Default)]
struct Loader {
    settings: Settings,
    streams: Vec<(StreamName, Candidate, Origin)>,
}

/// A stream's key as it was written.
enum Candidate {
    Plain(String),
    Hashed(KeyHash),
}

impl Loader {
    fn file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = read(path)?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            SettingsError::Syntax { path: path.into(), line, message }
        })?;
        self.table("", table, &Origin::File(path.into()))
    }

    fn table(&mut self, prefix: &str, table: toml::Table, origin: &Origin) -> Result<(), SettingsError> {
        for (word, value) in table {
            let path = if prefix.is_empty() { word } else { format!("{prefix}.{word}") };
            let value = match value {
                toml::Value::Array(list) if path == "stream" => {
                    for (index, entry) in list.into_iter().enumerate() {
                        self.entry(index, entry, origin)?;
                    }
                    continue;
                }
                toml::Value::Table(inner) if path == "groups" => {
                    self.settings.groups = groups::read(inner, origin)?;
                    continue;
                }
                toml::Value::Table(inner) if schema::find(&path).is_none() => {
                    self.table(&path, inner, origin)?;
                    continue;
                }
                toml::Value::String(text) => Value::Text(text),
                toml::Value::Integer(integer) => Value::Integer(integer),
                toml::Value::Boolean(flag) => Value::Bool(flag),
                _ if schema::find(&path).is_some() => return Err(wrong(&path, origin, Fault::Shape)),
                _ => return Err(unknown(&path, origin)),
            };
            self.set(&path, &value, origin)?;
        }
        Ok(())
    }

    /// One `[[stream]]` of the file.
    fn entry(&mut self, index: usize, entry: toml::Value, origin: &Origin) -> Result<(), SettingsError> {
        let at = |word: &str| format!("stream[{index}].{word}");
        let toml::Value::Table(table) = entry else {
            return Err(wrong(&format!("stream[{index}]"), origin, Fault::Expected("a table")));
        };
        if let Some(word) = table.keys().find(|word| !schema::STREAM_KEYS.contains(&word.as_str())) {
            let near =
                schema::STREAM_KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, word));
            let suggestion = near.map(|known| at(known));
            return Err(SettingsError::Unknown { key: at(word), origin: origin.clone(), suggestion });
        }
        let text = |word: &str| match table.get(word) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(&at(word), origin, Fault::Expected("a string"))),
        };
        let name = text("name")?.unwrap_or_default();
        let name = StreamName::parse(name).map_err(|fault| wrong(&at("name"), origin, fault.into()))?;
        let candidate = match (text("key")?, text("key_hash")?, text("key_file")?) {
            (Some(key), None, None) => Candidate::Plain(key.to_owned()),
            (None, None, Some(file)) => Candidate::Plain(read(Path::new(file))?.trim().to_owned()),
            (None, Some(hash), None) => {
                let hash = KeyHash::parse(hash);
                Candidate::Hashed(hash.map_err(|fault| wrong(&at("key_hash"), origin, fault.into()))?)
            }
            _ => return Err(wrong(&format!("stream[{index}]"), origin, Fault::OneKey)),
        };
        let read = |word: &str| Ok(text(word)?.map(|text| Value::Text(text.to_owned())));
        let expected = |word, expects| move || wrong(&at(word), origin, Fault::Expected(expects));
        let policy = Policy {
            grace: match read("grace")? {
                Some(value) => Some(schema::grace(&value).ok_or_else(expected("grace", schema::GRACE))?),
                None => None,
            },
            takeover: match read("takeover")? {
                Some(value) => {
                    Some(schema::takeover(&value).ok_or_else(expected("takeover", schema::TAKEOVER))?)
                }
                None => None,
            },
            audio: match table.get("audio") {
                Some(list) => voices(list).ok_or_else(expected("audio", schema::AUDIO))?,
                None => Vec::new(),
            },
        };
        self.settings.policies.insert(name.clone(), policy);
        self.stream(name, candidate, &at("key"), origin)
    }

    fn variable(&mut self, name: &str, path: &str, text: &str) -> Result<(), SettingsError> {
        let origin = Origin::Variable(name.to_owned());
        let path = path.to_ascii_lowercase().replace("__", ".");
        let pairs = match path.as_str() {
            "stream" => text.to_owned(),
            "stream_file" => read(Path::new(text))?,
            path => return self.set(path, &Value::Text(text.to_owned()), &origin),
        };
        pairs.split_whitespace().try_for_each(|pair| self.pair(pair, &path, &origin))
    }

    /// `NAME=KEY`.
    fn pair(&mut self, pair: &str, path: &str, origin: &Origin) -> Result<(), SettingsError> {
        let fault = Fault::Expected("a stream and its key, as NAME=KEY");
        let (name, key) = pair.split_once('=').ok_or_else(|| wrong(path, origin, fault))?;
        let name = StreamName::parse(name).map_err(|fault| wrong(path, origin, fault.into()))?;
        self.stream(name, Candidate::Plain(key.to_owned()), path, origin)
    }

    /// Adds a key to a stream. A stronger source replaces what a weaker one says of the same stream.
    fn stream(
        &mut self,
        name: StreamName,
        candidate: Candidate,
        path: &str,
        origin: &Origin,
    ) -> Result<(), SettingsError> {
        if let Candidate::Plain(key) = &candidate {
            key::check_key(key).map_err(|fault| wrong(path, origin, fault.into()))?;
        }
        let rank = |origin: &Origin| {
            matches!(origin, Origin::Variable(_)) as u8 + 2 * matches!(origin, Origin::Flag) as u8
        };
        self.streams.retain(|(known, _, from)| *known != name || rank(from) == rank(origin));
        self.streams.push((name, candidate, origin.clone()));
        Ok(())
    }

    fn set(&mut self, path: &str, value: &Value, origin: &Origin) -> Result<(), SettingsError> {
        let key = schema::find(path).ok_or_else(|| unknown(path, origin))?;
        let fault = || wrong(path, origin, Fault::Expected(key.expects));
        (key.set)(&mut self.settings, value).ok_or_else(fault)
    }

    /// Checks everything together and forgets the plain keys.
    fn finish(mut self) -> Result<Settings, SettingsError> {
        for (at, (name, candidate, _)) in self.streams.iter().enumerate() {
            let own_name = candidate.opens_with(name.as_str());
            if own_name {
                return Err(SettingsError::Together(Fault::KeyIsName(name.to_string())));
            }
            let others = self.streams.iter().take(at).filter(|(other, ..)| other != name);
            for (other, earlier, _) in others {
                if earlier.same(candidate) {
                    let fault = Fault::SharedKey(other.to_string(), name.to_string());
                    return Err(SettingsError::Together(fault));
                }
            }
        }
        for (name, candidate, _) in std::mem::take(&mut self.streams) {
            let hash = candidate.hash()?;
            match self.settings.streams.iter_mut().find(|stream| stream.name == name) {
                Some(stream) => stream.keys.push(hash),
                None => self.settings.streams.push(DeclaredStream { name, keys: vec![hash] }),
            }
        }
        groups::finish(&mut self.settings)?;
        self.settings.check()?;
        Ok(self.settings)
    }
}

impl Candidate {
    fn opens_with(&self, key: &str) -> bool {
        match self {
            Self::Plain(own) => own == key,
            Self::Hashed(hash) => hash.matches(key).into(),
        }
    }

    /// Whether one key opens both; unknowable of two hashes with different salts.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(key), other) | (other, Self::Plain(key)) => other.opens_with(key),
            (Self::Hashed(a), Self::Hashed(b)) => a == b,
        }
    }

    fn hash(self) -> Result<KeyHash, SettingsError> {
        match self {
            Self::Hashed(hash) => Ok(hash),
            Self::Plain(key) => KeyHash::new(&key).map_err(|error| SettingsError::Read {
                path: "the system's random source".into(),
                error: std::io::Error::other(error),
            }),
        }
    }
}

/// What listeners are told of a stream's audio tracks.
fn voices(list: &toml::Value) -> Option<Vec<Voice>> {
    list.as_array()?.iter().map(|voice| Voice::parse(voice.as_str()?)).collect()
}

fn read(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|error| SettingsError::Read { path: path.into(), error })
}

fn unknown(path: &str, origin: &Origin) -> SettingsError {
    let suggestion = schema::nearest(path);
    SettingsError::Unknown { key: path.to_owned(), origin: origin.clone(), suggestion }
}

fn wrong(path: &str, origin: &Origin, fault: Fault) -> SettingsError {
    SettingsError::Value { key: path.to_owned(), origin: origin.clone(), fault }
}

#[cfg(test)]
mod tests;
