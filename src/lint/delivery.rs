//! Delivery: how a response came: its status, its fields, its pace.

use std::time::Duration;

use super::finding::{Finding, Findings, Place};
use super::rule::Rule;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A multivariant playlist.
    Multivariant,
    /// A media playlist as it is.
    Plain,
    /// A media playlist, held for.
    Blocking,
    /// A part, segment or init section that is listed.
    Media,
    /// A part or init section that is hinted.
    Hinted,
    /// Something that is to be refused.
    Refused,
}

/// A request and how it was answered.
#[derive(Debug, Clone)]
pub struct Exchange<'a> {
    /// What was asked for.
    pub class: Class,
    /// The path of the URL, without its query.
    pub path: &'a str,
    /// Status code.
    pub status: u16,
    /// Whether it came over HTTP/2; `None` where that was not to be had, as without TLS.
    pub h2: Option<bool>,
    /// Fields: names in lower case, and values.
    pub fields: &'a [(String, String)],
    /// Bytes of the body, as they were sent.
    pub bytes: usize,
    /// From the first byte of the body to the last.
    pub body_time: Duration,
    /// TARGETDURATION of the presentation in seconds; 0 when it is not known yet.
    pub target: u64,
    /// How long the best response so far took per kilobyte; `None` while there is no telling.
    pub pace: Option<Duration>,
    /// PART-TARGET, where there are parts.
    pub part_target: Option<Duration>,
}

/// Holds one response to the rules of delivery.
pub fn exchange(exchange: &Exchange<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    status(exchange, &mut findings);
    if exchange.status == 200 && exchange.playlist() {
        playlist(exchange, &mut findings);
    }
    cache(exchange, &mut findings);
    cors(exchange, &mut findings);
    if exchange.class == Class::Hinted {
        pace(exchange, &mut findings);
    }
    findings.into_vec()
}

impl Exchange<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn playlist(&self) -> bool {
        matches!(self.class, Class::Multivariant | Class::Plain | Class::Blocking)
    }

    /// How long a cache may keep it, in seconds; `None` if that is not said.
    fn max_age(&self) -> Option<u64> {
        let control = self.field("cache-control")?.to_ascii_lowercase();
        let mut directives = control.split(',').map(str::trim);
        if directives.clone().any(|d| d == "no-store" || d == "no-cache") {
            return Some(0);
        }
        let value = |name: &str| {
            let mut all = control.split(',').map(str::trim);
            all.find_map(|d| d.strip_prefix(name)?.trim_matches('"').parse().ok())
        };
        let immutable = directives.any(|d| d == "immutable").then_some(u64::MAX);
        value("s-maxage=").or_else(|| value("max-age=")).or(immutable)
    }
}

fn status(exchange: &Exchange<'_>, findings: &mut Findings) {
    let status = exchange.status;
    let media = matches!(exchange.class, Class::Media | Class::Hinted);
    match status {
        300..=399 if media => {
            findings.add(Rule::MediaRedirected, Place::WHOLE, status, "200 or 206");
        }
        200..=299 => {}
        _ if exchange.class == Class::Hinted => findings.add(Rule::HintRefused, Place::WHOLE, status, 200),
        _ if exchange.class == Class::Media => {
            findings.add(Rule::NotFound, Place::WHOLE, status, "200 or 206")
        }
        _ if matches!(exchange.class, Class::Plain | Class::Multivariant) => {
            findings.add(Rule::NotFound, Place::WHOLE, status, 200);
        }
        _ => {}
    }
}

fn playlist(exchange: &Exchange<'_>, findings: &mut Findings) {
    if exchange.h2 == Some(false) && exchange.part_target.is_some() {
        findings.add(Rule::NotHttp2, Place::WHOLE, "HTTP/1.1", "HTTP/2");
    }
    let full = exchange.field("content-type").unwrap_or("").to_ascii_lowercase();
    let kind = full.split(';').next().unwrap_or("").trim();
    let known =
        ["application/vnd.apple.mpegurl", "audio/mpegurl", "application/x-mpegurl", "audio/x-mpegurl"];
    // The name does when the type is left out.
    let named = kind.is_empty() && (exchange.path.ends_with(".m3u8") || exchange.path.ends_with(".m3u"));
    if !named && !known.contains(&kind) {
        findings.add(Rule::ContentType, Place::WHOLE, kind, "application/vnd.apple.mpegurl");
    }
    let encoding = exchange.field("content-encoding").unwrap_or("").to_ascii_lowercase();
    match encoding.as_str() {
        "" => findings.add(Rule::NotCompressed, Place::WHOLE, "no Content-Encoding", "gzip"),
        "identity" => {
            findings.add(Rule::IdentityEncoding, Place::WHOLE, "identity", "no field");
            findings.add(Rule::NotCompressed, Place::WHOLE, "identity", "gzip");
        }
        _ => {
            let vary = exchange.field("vary").unwrap_or("").to_ascii_lowercase();
            if !vary.contains("accept-encoding") && vary != "*" {
                findings.add(Rule::NoVary, Place::WHOLE, &vary, "Accept-Encoding");
            }
        }
    }
}

/// How long caches may keep it (B.1). Times of a cache on the way are its own.
fn cache(exchange: &Exchange<'_>, findings: &mut Findings) {
    let relayed = ["via", "x-cache", "x-cache-status", "cf-cache-status", "x-served-by"];
    let through_cache = relayed.iter().any(|name| exchange.field(name).is_some());
    if let Some(age) = exchange.field("age").filter(|_| !through_cache) {
        findings.add(Rule::AgeFromOrigin, Place::WHOLE, age, "no Age");
    }
    let good = (200..300).contains(&exchange.status);
    let Some(life) = exchange.max_age() else {
        if good {
            findings.add(Rule::NoCacheControl, Place::WHOLE, "none", "Cache-Control: max-age");
        }
        return;
    };
    let target = exchange.target;
    if target == 0 {
        return;
    }
    let mut longest = |rule, most: u64| {
        if life > most {
            findings.add(rule, Place::WHOLE, format_args!("{life} s"), format_args!("at most {most} s"));
        }
    };
    match exchange.class {
        // Whole seconds: half of an odd target is rounded up.
        Class::Plain if good => longest(Rule::PlaylistKeptLong, target.div_ceil(2)),
        _ if exchange.status >= 400 => longest(Rule::ErrorKeptLong, target.saturating_mul(4)),
        Class::Blocking if good && life < target => {
            let expected = format_args!("{} s", target.saturating_mul(6));
            findings.add(Rule::ReloadNotKept, Place::WHOLE, format_args!("{life} s"), expected);
        }
        Class::Media | Class::Hinted if good && life < target => {
            let expected = format_args!("{target} s or more");
            findings.add(Rule::MediaNotKept, Place::WHOLE, format_args!("{life} s"), expected);
        }
        _ => {}
    }
}

fn cors(exchange: &Exchange<'_>, findings: &mut Findings) {
    if exchange.field("access-control-allow-origin").is_none() {
        let measured = format_args!("none with status {}", exchange.status);
        findings.add(Rule::NoCors, Place::WHOLE, measured, "Access-Control-Allow-Origin");
        return;
    }
    let exposed = exchange.field("access-control-expose-headers").unwrap_or("").to_ascii_lowercase();
    let shown = exposed.split(',').map(str::trim).any(|name| name == "age" || name == "*");
    if exchange.playlist() && exchange.status == 200 && !shown {
        findings.add(Rule::CorsHidesAge, Place::WHOLE, exposed, "Age among them");
    }
}

/// A part that takes as long to send as to make was sent while it was made (§6.2.6). A slow network is told
/// by its best: then nothing can be said.
fn pace(exchange: &Exchange<'_>, findings: &mut Findings) {
    let (Some(pace), Some(part)) = (exchange.pace, exchange.part_target) else { return };
    let kilobytes = u32::try_from(exchange.bytes.div_ceil(1_024)).unwrap_or(u32::MAX);
    let fair = pace.saturating_mul(kilobytes).saturating_mul(4);
    let half = part.checked_div(2).unwrap_or_default();
    if exchange.body_time > half && exchange.body_time > fair {
        let measured = format_args!("{:?} from first byte to last", exchange.body_time);
        findings.add(Rule::PartTrickled, Place::WHOLE, measured, format_args!("{fair:?}"));
    }
}
