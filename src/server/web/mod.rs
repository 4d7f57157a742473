//! Web: the pages of the public listener: the player and what it loads, embedded in the binary.
//! In:  a page's kind, or the path after `/assets/`.      Out: `&'static Asset` and the headers to send with it.
//! Belongs here: files, their types, hashes, compressed forms, the content policy.   Does not: routes, status codes,
//! conditional requests (see the HTTP driver), the stream's name (the page reads it from its own address).
//! Time: none.  Memory: the files, and one gzip form of each, made when first asked for.  Spec: CSP Level 3; RFC 9110 §8.8.

mod assets;
mod page;

pub use self::assets::{Asset, Cache, asset};
pub use self::page::{ASSET_HEADERS, Kind, page, page_headers};
