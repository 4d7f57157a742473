//! `rillcast obs-profile NAME`: writes a folder that OBS Studio imports as a profile, which sends a ladder of renditions.
//!
//! It holds what `POST /api/obs/multitrack` would answer, for an OBS that asks nobody (32.1 and later).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::control::Settings;
use crate::media::StreamName;
use crate::obs::{self, Canvas, Encoder, Endpoint, Profile, Request};

/// What to write.
#[derive(Debug, Clone)]
pub struct Options {
    /// The stream, after which profile and folder are called.
    pub name: StreamName,
    /// Where OBS is to publish.
    pub server: Endpoint,
    /// The stream key; empty to be filled in by hand.
    pub key: String,
    /// The encoders of the machine that OBS runs on.
    pub encoder: Encoder,
    /// OBS's canvas and output.
    pub canvas: Canvas,
    /// Most kilobits per second of all renditions and the sound together.
    pub max_kbps: u64,
    /// The folder to make the profile's folder in.
    pub folder: PathBuf,
}

/// Why no profile was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no ladder for it.
    #[error(transparent)]
    Ladder(#[from] obs::Refusal),
    /// A file cannot be written; one that is there already is left as it is.
    #[error("cannot write {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Writes the profile and answers its folder.
///
/// # Errors
/// When there is no ladder for the options, or a file cannot be made.
pub fn write(options: &Options) -> Result<PathBuf, Error> {
    let request = Request::of_machine(options.encoder, options.canvas);
    let policy = obs::Policy { most_kilobits: options.max_kbps, ..Settings::default().obs_policy() };
    let rungs = obs::ladder(&request, &policy)?;
    let config =
        obs::accept(&request, &rungs, std::slice::from_ref(&options.server), "", policy.keyframe_seconds);
    let name = options.name.as_str().replace('/', "-");
    let profile = Profile {
        name: &name,
        server: &options.server.url,
        key: &options.key,
        canvas: options.canvas,
        config: &config,
    };
    let folder = options.folder.join(&name);
    fs::create_dir_all(&folder).map_err(|error| Error::File { path: folder.clone(), error })?;
    for (file, text) in obs::files(&profile) {
        let path = folder.join(file);
        create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Error::File { path, error })?;
    }
    Ok(folder)
}

/// A new file that nobody else may read, since one holds the key.
fn create(path: &std::path::Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
