//! The two pages, and the headers that keep them to themselves.

use super::assets::{Asset, Cache};

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `/watch/NAME`: the picture and its numbers. Not for frames of other sites.
    Watch,
    /// `/embed/NAME`: the picture alone, for frames anywhere.
    Embed,
}

const PAGE: &str = "text/html; charset=utf-8";

static WATCH: Asset = Asset::new("watch.html", include_bytes!("static/watch.html"), PAGE, Cache::Revalidate);
static EMBED: Asset = Asset::new("embed.html", include_bytes!("static/embed.html"), PAGE, Cache::Revalidate);

/// What both pages may do: load from this server, and play what its scripts put together (`blob:`). A list of
/// sources that ends without `frame-ancestors`, in which the pages differ.
macro_rules! policy {
    ($ancestors:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; ",
            "media-src 'self' blob:; connect-src 'self'; worker-src 'none'; base-uri 'none'; ",
            "form-action 'none'; frame-ancestors ",
            $ancestors
        )
    };
}

const NO_SNIFF: (&str, &str) = ("x-content-type-options", "nosniff");
const NO_REFERRER: (&str, &str) = ("referrer-policy", "no-referrer");

/// Headers for every file under `/assets/`, beside its type, tag and cache control.
pub const ASSET_HEADERS: [(&str, &str); 2] = [NO_SNIFF, ("content-security-policy", "default-src 'none'")];

static WATCH_HEADERS: [(&str, &str); 3] =
    [("content-security-policy", policy!("'self'")), NO_SNIFF, NO_REFERRER];
static EMBED_HEADERS: [(&str, &str); 3] = [("content-security-policy", policy!("*")), NO_SNIFF, NO_REFERRER];

/// The page of one kind; it is the same for every stream.
pub fn page(kind: Kind) -> &'static Asset {
    match kind {
        Kind::Watch => &WATCH,
        Kind::Embed => &EMBED,
    }
}

/// Headers for that page, beside its type, tag and cache control. Names are lower case.
pub fn page_headers(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Watch => &WATCH_HEADERS,
        Kind::Embed => &EMBED_HEADERS,
    }
}

#[cfg(test)]
mod tests {
    use super::super::asset;
    use super::*;

    const KINDS: [Kind; 2] = [Kind::Watch, Kind::Embed];

    fn text(kind: Kind) -> &'static str {
        std::str::from_utf8(page(kind).bytes()).unwrap()
    }

    fn policy(kind: Kind) -> &'static str {
        page_headers(kind).iter().find(|(name, _)| *name == "content-security-policy").unwrap().1
    }

    #[test]
    fn every_file_a_page_names_is_embedded() {
        for kind in KINDS {
            let names: Vec<&str> = text(kind)
                .split('"')
                .filter_map(|value| value.strip_prefix("/assets/"))
                .inspect(|name| assert!(asset(name).is_some(), "{kind:?} names {name}"))
                .collect();
            assert!(names.len() >= 4, "{names:?}");
        }
    }

    #[test]
    fn no_script_or_style_stands_in_a_page() {
        for kind in KINDS {
            assert!(!policy(kind).contains("unsafe"), "{}", policy(kind));
            assert!(policy(kind).starts_with("default-src 'none'"));
            let page = text(kind);
            assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick"));
            assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/assets/").count());
        }
    }

    #[test]
    fn only_the_embed_page_may_be_framed_by_others() {
        assert!(policy(Kind::Watch).ends_with("frame-ancestors 'self'"));
        assert!(policy(Kind::Embed).ends_with("frame-ancestors *"));
    }

    #[test]
    fn both_pages_have_every_element_the_scripts_use() {
        for script in ["player.js", "controls.js"] {
            let script = std::str::from_utf8(asset(script).unwrap().bytes()).unwrap();
            for opening in ["element(\"", "on(\"", "show(\""] {
                for part in script.split(opening).skip(1) {
                    let id = part.split('"').next().unwrap();
                    for kind in KINDS {
                        assert!(text(kind).contains(&format!("id=\"{id}\"")), "{kind:?} has no #{id}");
                    }
                }
            }
        }
    }
}
