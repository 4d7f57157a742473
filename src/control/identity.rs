//! Identity: by what a viewer is known from one request to the next.

use std::borrow::Cow;
use std::net::IpAddr;

use prometheus_client::encoding::EncodeLabelValue;

use crate::media::StreamName;

/// The longest session id there may be (CTA-5004 §3, `sid`).
const SESSION: usize = 64;

/// Characters of an id that is put into a viewer's URLs.
pub const VIEWER_ID: usize = 16;

/// A new id for a viewer's URLs, in hexadecimal digits: nobody can guess another's.
///
/// # Errors
/// When the system has no randomness to give.
pub fn draw_viewer_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; VIEWER_ID / 2];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How a viewer is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Protocol {
    /// HLS, request by request.
    Hls,
    /// Fragmented MP4 without end.
    Mp4,
    /// FLV over HTTP.
    Flv,
    /// FLV over WebSocket.
    WebSocket,
    /// MPEG-TS over HTTP.
    Ts,
    /// RTMP.
    Rtmp,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Hls, Self::Mp4, Self::Flv, Self::WebSocket, Self::Ts, Self::Rtmp];

    /// In the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hls => "hls",
            Self::Mp4 => "mp4",
            Self::Flv => "flv",
            Self::WebSocket => "websocket",
            Self::Ts => "ts",
            Self::Rtmp => "rtmp",
        }
    }
}

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub struct ViewerRequest<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// How it is to be served.
    pub protocol: Protocol,
    /// Where from.
    pub address: IpAddr,
    /// What the player calls itself.
    pub agent: Option<&'a str>,
    /// The player's session id, where it tells one.
    pub session: Option<&'a str>,
}

/// The session id (`sid`) of a player that tells one by CMCD (CTA-5004 §2): in the `CMCD-Session` field, which leaves
/// shared caches alone, or as `CMCD=` in the query, which few caches do not mind.
pub fn cmcd_session<'a>(field: Option<&'a str>, query: Option<&'a str>) -> Option<Cow<'a, str>> {
    if let Some(sid) = field.and_then(sid) {
        return Some(Cow::Borrowed(sid));
    }
    let list = query?.split('&').find_map(|pair| pair.strip_prefix("CMCD="))?;
    if !list.contains('%') {
        return sid(list).map(Cow::Borrowed);
    }
    let decoded = decoded(list)?;
    sid(&decoded).map(|sid| Cow::Owned(sid.to_owned()))
}

/// The value of `sid` in a list of keys and values; values in quotes may hold commas.
fn sid(list: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let mut parts = list.split(|c| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match c {
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => return c == ',' && !quoted,
        }
        false
    });
    let value = parts.find_map(|part| part.trim_ascii().strip_prefix("sid="))?;
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    ((1..=SESSION).contains(&value.len()) && value.bytes().all(plain)).then_some(value)
}

/// Without percent signs (RFC 3986 §2.1); `None` for what is not ASCII then.
fn decoded(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()?.checked_mul(16)?.checked_add(digit()?)?).ok()?
            }
            byte => byte,
        };
        byte.is_ascii().then(|| out.push(char::from(byte)))?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_session_is_read_from_the_field_or_the_query() {
        let read = |field, query| cmcd_session(field, query).map(Cow::into_owned);
        let sid = Some("6e2f-b5".to_owned());
        assert_eq!(read(Some("sid=\"6e2f-b5\""), None), sid);
        assert_eq!(read(Some("cid=\"a,sid=\\\"x\\\",\", sid=\"6e2f-b5\",v=1"), None), sid);
        assert_eq!(read(None, Some("_HLS_msn=4&CMCD=bl%3D1%2Csid%3D%226e2f-b5%22")), sid);
        assert_eq!(read(None, Some("CMCD=sid=\"6e2f-b5\"")), sid);
        for query in
            ["", "CMCD=", "CMCD=sid", "CMCD=sid%3", "CMCD=sid%3D%22%22", "xCMCD=sid=\"a\"", "CMCD=sid=%FF"]
        {
            assert_eq!(read(None, Some(query)), None, "{query}");
        }
        let long = format!("sid=\"{}\"", "x".repeat(65));
        assert_eq!(read(Some(&long), None), None, "longer than there may be");
        assert_eq!(read(None, None), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reading_fail(field in ".{0,80}", query in ".{0,80}") {
            if let Some(sid) = cmcd_session(Some(&field), Some(&format!("CMCD={query}"))) {
                prop_assert!((1..=SESSION).contains(&sid.len()));
            }
        }
    }
}
