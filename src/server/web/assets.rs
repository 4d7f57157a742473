//! The embedded files: bytes, type, hash, how long they may be kept, and a gzip form made once.

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;

/// How long a response may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// The name changes with the content: keep it for good.
    Immutable,
    /// Ask each time whether it has changed; the ETag makes the answer short.
    Revalidate,
}

impl Cache {
    /// The value of `Cache-Control`.
    pub fn control(self) -> &'static str {
        match self {
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Revalidate => "no-cache",
        }
    }
}

/// One embedded file.
pub struct Asset {
    path: &'static str,
    bytes: &'static [u8],
    content_type: &'static str,
    cache: Cache,
    etag: OnceLock<String>,
    gzip: OnceLock<Vec<u8>>,
}

impl Asset {
    pub(super) const fn new(
        path: &'static str,
        bytes: &'static [u8],
        content_type: &'static str,
        cache: Cache,
    ) -> Self {
        Self { path, bytes, content_type, cache, etag: OnceLock::new(), gzip: OnceLock::new() }
    }

    /// The path after `/assets/`; of a page, its file name.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The file, uncompressed.
    pub fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// The file in gzip, made on the first call (some tens of milliseconds for the largest) and kept. Empty for the
    /// few files that gzip would not shorten: send [`bytes`](Self::bytes) then.
    pub fn gzip(&self) -> &[u8] {
        self.gzip.get_or_init(|| {
            let packed = compress(self.bytes).unwrap_or_default();
            if packed.len() < self.bytes.len() { packed } else { Vec::new() }
        })
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// How long the response may be kept.
    pub fn cache(&self) -> Cache {
        self.cache
    }

    /// The value of `ETag`: weak, so that it holds for the plain and the gzip form alike (RFC 9110 §8.8.3.3).
    pub fn etag(&self) -> &str {
        self.etag.get_or_init(|| {
            let mut tag = String::from("W/\"");
            for byte in Sha256::digest(self.bytes).iter().take(12) {
                // Writing to a String cannot fail.
                let _ = write!(tag, "{byte:02x}");
            }
            tag.push('"');
            tag
        })
    }
}

fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

static ASSETS: [Asset; 11] = [
    Asset::new("clock.js", include_bytes!("static/clock.js"), SCRIPT, Cache::Revalidate),
    Asset::new("controls.js", include_bytes!("static/controls.js"), SCRIPT, Cache::Revalidate),
    Asset::new("encoder.js", include_bytes!("static/encoder.js"), SCRIPT, Cache::Revalidate),
    Asset::new(
        "hls-1.7.4.min.js",
        include_bytes!("static/vendor/hls-1.7.4.min.js"),
        SCRIPT,
        Cache::Immutable,
    ),
    Asset::new("icon.svg", include_bytes!("static/icon.svg"), "image/svg+xml", Cache::Revalidate),
    Asset::new("options.js", include_bytes!("static/options.js"), SCRIPT, Cache::Revalidate),
    Asset::new("pace.js", include_bytes!("static/pace.js"), SCRIPT, Cache::Revalidate),
    Asset::new("player.css", include_bytes!("static/player.css"), STYLE, Cache::Revalidate),
    Asset::new("player.js", include_bytes!("static/player.js"), SCRIPT, Cache::Revalidate),
    Asset::new("source.js", include_bytes!("static/source.js"), SCRIPT, Cache::Revalidate),
    Asset::new("stats.js", include_bytes!("static/stats.js"), SCRIPT, Cache::Revalidate),
];

/// The file at `path`, which is what follows `/assets/` in the request; `None` is a 404.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const MANIFEST: &str = include_str!("static/vendor/MANIFEST.toml");

    #[test]
    fn a_vendored_file_is_the_one_that_was_published() {
        let manifest: toml::Table = MANIFEST.parse().unwrap();
        for entry in manifest["vendored"].as_array().unwrap() {
            let file = asset(entry["file"].as_str().unwrap()).unwrap();
            let digest: String = Sha256::digest(file.bytes()).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(digest, entry["sha256"].as_str().unwrap(), "{}", file.path());
            assert_eq!(file.cache(), Cache::Immutable);
        }
    }

    #[test]
    fn every_script_a_script_imports_is_embedded() {
        let mut imports = 0;
        for script in
            ASSETS.iter().filter(|file| file.cache == Cache::Revalidate && file.content_type == SCRIPT)
        {
            let text = std::str::from_utf8(script.bytes()).unwrap();
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let (_, target) = line.split_once("\"./").unwrap();
                let target = target.trim_end_matches("\";");
                assert!(asset(target).is_some(), "{} imports {target}", script.path());
                imports += 1;
            }
        }
        assert!(imports >= 5);
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for file in ASSETS.iter().filter(|file| file.cache == Cache::Revalidate) {
            let text = std::str::from_utf8(file.bytes()).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("://"), "{} names another host", file.path());
        }
    }

    #[test]
    fn the_gzip_form_unpacks_to_the_file() {
        let mut packed_total = 0;
        for file in &ASSETS {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(file.gzip()).read_to_end(&mut plain).unwrap();
            assert!(plain == file.bytes(), "{}", file.path());
            packed_total += file.gzip().len();
        }
        assert!(packed_total < 300_000, "the page weighs {packed_total} bytes");
    }

    #[test]
    fn tags_differ_and_paths_are_exact() {
        let tags: std::collections::BTreeSet<&str> = ASSETS.iter().map(Asset::etag).collect();
        assert_eq!(tags.len(), ASSETS.len());
        for path in ["", "/player.js", "player.js/", "../assets.rs", "vendor/MANIFEST.toml", "watch.html"] {
            assert!(asset(path).is_none(), "{path}");
        }
    }
}
