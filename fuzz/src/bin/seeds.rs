//! Writes what the fixtures hold into the corpora: `seeds FIXTURES CORPUS`.

use std::path::Path;

// What the build counts coverage with is in there.
use libfuzzer_sys as _;

fn main() -> std::io::Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [fixtures, corpus] = &arguments[..] else {
        eprintln!("usage: seeds FIXTURES CORPUS");
        std::process::exit(2);
    };
    for entry in std::fs::read_dir(fixtures)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ext| ext != "flv") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (number, (target, bytes)) in rillcast_fuzz::seeds(&std::fs::read(&path)?).into_iter().enumerate()
        {
            let folder = Path::new(corpus).join(target);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(format!("{name}-{number}")), bytes)?;
        }
    }
    Ok(())
}
