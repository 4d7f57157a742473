//! Writes what files of FLV and playlists hold into the corpora, and what no file does: `seeds FOLDER... CORPUS`.

use std::path::{Path, PathBuf};

// What the build counts coverage with is in there.
use libfuzzer_sys as _;
use rillcast_fuzz::Seed;

fn main() -> std::io::Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Some((corpus, folders)) = arguments.split_last().filter(|(_, folders)| !folders.is_empty()) else {
        eprintln!("usage: seeds FOLDER... CORPUS");
        std::process::exit(2);
    };
    write(corpus, "own", rillcast_fuzz::own_seeds())?;
    for folder in folders {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let seeds = match path.extension().and_then(|ending| ending.to_str()) {
                Some("flv") => rillcast_fuzz::seeds(&std::fs::read(&path)?),
                Some("mp4") => rillcast_fuzz::movie(&std::fs::read(&path)?),
                Some("m3u8") => vec![("playlist", std::fs::read(&path)?)],
                _ => Vec::new(),
            };
            write(corpus, &name, seeds)?;
        }
    }
    Ok(())
}

fn write(corpus: &Path, name: &str, seeds: Vec<Seed>) -> std::io::Result<()> {
    for (number, (target, bytes)) in seeds.into_iter().enumerate() {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{name}-{number}")), bytes)?;
    }
    Ok(())
}
