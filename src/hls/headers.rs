//! Header values that never vary, and the reading of those that decide about a reply.

/// On every response of the public routes, whatever its status: any page may play a stream, and may
/// read what tells how stale a cached playlist is. No credentials are involved, so `*` is right.
///
/// There is no Age here or anywhere: it belongs to caches, and a player takes it for staleness.
pub const CORS: [(&str, &str); 2] = [
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "Age, Date, Content-Length, Content-Range, ETag"),
];

/// On the answer to OPTIONS, besides [`CORS`]. The long life saves a round trip before every part.
pub const PREFLIGHT: [(&str, &str); 3] = [
    ("access-control-allow-methods", ALLOWED_METHODS),
    (
        "access-control-allow-headers",
        "Range, If-None-Match, If-Range, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
    ),
    ("access-control-max-age", "86400"),
];

/// The methods of the public routes.
pub const ALLOWED_METHODS: &str = "GET, HEAD, OPTIONS";

/// Whether Accept-Encoding (all its fields joined by commas) takes gzip (RFC 9110 §12.5.3): it is named,
/// or `*` is, with a weight above zero. A field that is absent is not an invitation.
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut any = false;
    for item in accept_encoding.unwrap_or("").split(',') {
        let mut fields = item.split(';').map(str::trim);
        let coding = fields.next().unwrap_or("");
        let refused = fields.any(|field| {
            let weight = field.strip_prefix("q=").or_else(|| field.strip_prefix("Q="));
            weight.is_some_and(|q| !q.bytes().any(|b| (b'1'..=b'9').contains(&b)))
        });
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            // Being named outweighs the wildcard, wherever that stands.
            return !refused;
        }
        any |= coding == "*" && !refused;
    }
    any
}

/// Whether If-None-Match lets the client keep what it has: a 304 (RFC 9110 §13.1.2, weak comparison).
pub fn none_match(if_none_match: Option<&str>, etag: Option<&str>) -> bool {
    let (Some(field), Some(etag)) = (if_none_match, etag) else {
        return false;
    };
    let same = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag) == etag;
    field.split(',').map(str::trim).any(|tag| tag == "*" || same(tag))
}

/// Whether the player behind a User-Agent knows nothing of parts and takes a playlist that lists no whole
/// segment yet for a broken one, as those built on libavformat do ("Empty segment").
pub fn knows_only_segments(user_agent: Option<&str>) -> bool {
    const PLAYERS: [&str; 4] = ["Lavf/", "libmpv", "VLC/", "GStreamer"];
    user_agent.is_some_and(|agent| PLAYERS.iter().any(|player| agent.starts_with(player)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_where_it_is_welcome() {
        for yes in
            ["gzip", "deflate, gzip;q=0.5", "GZIP", "*", "br;q=1, *;q=0.1", "identity;q=0, gzip; q=0.001"]
        {
            assert!(accepts_gzip(Some(yes)), "{yes}");
        }
        for no in
            ["", "br", "gzip;q=0", "gzip; q=0.000, *", "*, gzip;q=0", "*;q=0", "gzipped", "identity", ";,;"]
        {
            assert!(!accepts_gzip(Some(no)), "{no}");
        }
        assert!(!accepts_gzip(None));
    }

    #[test]
    fn a_validator_matches_itself_weak_or_strong() {
        let etag = Some("\"part-3\"");
        for yes in ["\"part-3\"", "\"a\", W/\"part-3\"", "*"] {
            assert!(none_match(Some(yes), etag), "{yes}");
        }
        for no in ["", "part-3", "\"part-33\"", "\"a\", \"b\""] {
            assert!(!none_match(Some(no), etag), "{no}");
        }
        assert!(!none_match(Some("*"), None));
        assert!(!none_match(None, etag));
    }
}
