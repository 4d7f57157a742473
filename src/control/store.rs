//! Store: what must outlive a restart: the streams made by the server and the hashes of their keys.
//!
//! One redb file. A change is acknowledged after its transaction is on disk.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::{Database, MultimapTableDefinition, ReadableDatabase, ReadableMultimapTable};

use crate::media::StreamName;

use super::key::KeyHash;
use super::stream::DeclaredStream;

/// Stream name to its keys' hashes.
const KEYS: MultimapTableDefinition<'_, &str, &str> = MultimapTableDefinition::new("stream_keys");
const FILE: &str = "rillcast.redb";
/// The whole state is a few kilobytes; redb's own default is sized for a database server.
const CACHE: usize = 1 << 20;

/// The state store in the data folder.
#[derive(Debug)]
pub struct Store {
    database: Database,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file cannot be made or opened.
    #[error("cannot open the data folder {}: {error}", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Another server runs on the same folder.
    #[error("the data folder {} is in use by another running server; use --data to give each its own", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The database said no.
    #[error("the state store failed: {0}")]
    Database(Box<redb::Error>),
}

impl Store {
    /// Opens the store in `folder`, making both (0700 and 0600) when they are not there.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let fail = |error| StoreError::Open { path: folder.into(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(folder.join(FILE)).map_err(fail)?;
        let database = Database::builder().set_cache_size(CACHE).create_file(file);
        let database = database.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: folder.into() },
            other => StoreError::Database(Box::new(other.into())),
        })?;
        Ok(Self { database })
    }

    /// Opens the store when it has been made before.
    pub fn open_existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        if folder.join(FILE).exists() { Self::open(folder).map(Some) } else { Ok(None) }
    }

    /// Every stream, in the order of names. Rows this version cannot read are left out.
    pub fn streams(&self) -> Result<Vec<DeclaredStream>, StoreError> {
        self.read().map_err(|error| StoreError::Database(Box::new(error)))
    }

    /// Adds a key to a stream, making the stream when it is new.
    pub fn add_key(&self, name: &StreamName, hash: &KeyHash) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            let text = hash.to_string();
            transaction.open_multimap_table(KEYS)?.insert(name.as_str(), text.as_str())?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| StoreError::Database(Box::new(error)))
    }

    fn read(&self) -> Result<Vec<DeclaredStream>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let table = match transaction.open_multimap_table(KEYS) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            table => table?,
        };
        let mut streams = Vec::new();
        for row in table.iter()? {
            let (name, hashes) = row?;
            let mut keys = Vec::new();
            for hash in hashes {
                keys.extend(KeyHash::parse(hash?.value()).ok());
            }
            streams.extend(StreamName::parse(name.value()).ok().map(|name| DeclaredStream { name, keys }));
        }
        Ok(streams)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_stream_and_its_keys_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("deep/data");
        assert!(Store::open_existing(&data).unwrap().is_none());
        let name = StreamName::parse("main").unwrap();
        {
            let store = Store::open(&data).unwrap();
            assert!(store.streams().unwrap().is_empty());
            store.add_key(&name, &KeyHash::new("one").unwrap()).unwrap();
            store.add_key(&name, &KeyHash::new("two").unwrap()).unwrap();
        }
        let streams = Store::open_existing(&data).unwrap().unwrap().streams().unwrap();
        assert_eq!(streams.len(), 1);
        assert_eq!((&streams[0].name, streams[0].keys.len()), (&name, 2));
        assert!(streams[0].keys.iter().any(|hash| hash.matches("two").into()));
    }

    #[test]
    fn nobody_else_can_read_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let _store = Store::open(&data).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&data.join(FILE))), (0o700, 0o600));
    }

    #[test]
    fn two_servers_cannot_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _store = Store::open(folder.path()).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::InUse { .. })));
    }
}
