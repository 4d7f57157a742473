//! Denied: why somebody is not let in, and the one table of what that is called in every protocol.

use crate::live;
use crate::media::Limit;
use crate::rtmp::Rejection;

use super::verdict::Refused;

/// Why somebody is not let in, whatever protocol they speak. The playlist rules of HLS have reasons of their own
/// (`hls::Refusal`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such stream.
    #[error("there is no such stream")]
    NotFound,
    /// There is, and nobody publishes it now.
    #[error("nobody publishes this stream now")]
    NotLive,
    /// Not without a key, or not with this one.
    #[error("that is not allowed without the right key")]
    Unauthorised,
    /// Too many attempts that failed.
    #[error("too many failed attempts from this address")]
    Throttled,
    /// Somebody else has what only one may have.
    #[error("this stream is taken")]
    Busy {
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// A configured bound is reached.
    #[error("{0}")]
    OverCap(Cap),
    /// The server has too little memory left for one more.
    #[error("the server is short of memory, try again")]
    Memory,
    /// What the stream is coded in does not go into what was asked for; the text says which track.
    #[error("{0}")]
    Incompatible(String),
    /// The operator has sent this viewer away.
    #[error("this viewer was sent away")]
    Kicked,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// A fault of our own.
    #[error("the server cannot do that now")]
    Internal,
}

/// Which bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cap {
    /// Viewers of one stream.
    #[error("this stream has as many viewers as it may have, try again")]
    StreamViewers,
    /// Viewers in all.
    #[error("the server has as many viewers as it may have, try again")]
    Viewers,
    /// Viewers of one address.
    #[error("there are too many viewers at this address, try again")]
    AddressViewers,
}

impl Cap {
    /// What it is called in metrics and settings.
    pub fn limit(self) -> Limit {
        match self {
            Self::StreamViewers => Limit::ViewersPerStream,
            Self::Viewers => Limit::ViewersTotal,
            Self::AddressViewers => Limit::ViewersPerAddress,
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// HTTP status code (RFC 9110 §15), of WHEP as well.
    pub http: u16,
    /// Retry-After, in seconds, where trying again may help.
    pub retry_after: Option<u32>,
    /// RTMP status code of a publish.
    pub publish: &'static str,
    /// RTMP status code of a play.
    pub play: &'static str,
    /// In metrics and in the API.
    pub name: &'static str,
}

const BAD_NAME: &str = "NetStream.Publish.BadName";
const FAILED: &str = "NetStream.Failed";
const NO_STREAM: &str = "NetStream.Play.StreamNotFound";
const NO_PLAY: &str = "NetStream.Play.Failed";
const SHUTDOWN: &str = "NetConnection.Connect.AppShutdown";

impl Denied {
    /// What it is called in every protocol. `BadName` is what encoders show of a publish that cannot be.
    pub fn status(&self) -> Status {
        let (http, retry_after, publish, play, name) = match self {
            Self::NotFound => (404, None, BAD_NAME, NO_STREAM, "not_found"),
            Self::NotLive => (404, None, BAD_NAME, NO_STREAM, "not_live"),
            Self::Unauthorised => (401, None, BAD_NAME, NO_PLAY, "unauthorised"),
            Self::Throttled => (429, Some(60), BAD_NAME, NO_PLAY, "throttled"),
            Self::Busy { retry_after } => (503, Some(*retry_after), BAD_NAME, NO_PLAY, "busy"),
            Self::OverCap(Cap::StreamViewers) => (503, Some(10), FAILED, NO_PLAY, "stream_viewers"),
            Self::OverCap(Cap::Viewers) => (503, Some(10), FAILED, NO_PLAY, "viewers"),
            Self::OverCap(Cap::AddressViewers) => (503, Some(10), FAILED, NO_PLAY, "address_viewers"),
            Self::Memory => (503, Some(5), FAILED, NO_PLAY, "memory"),
            Self::Incompatible(_) => (406, None, FAILED, NO_PLAY, "incompatible"),
            Self::Kicked => (403, None, FAILED, NO_PLAY, "kicked"),
            Self::Stopping => (503, Some(5), SHUTDOWN, SHUTDOWN, "stopping"),
            Self::Internal => (500, Some(5), FAILED, NO_PLAY, "internal"),
        };
        Status { http, retry_after, publish, play, name }
    }

    /// Which limit was run into, if it was one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Throttled => Some(Limit::AccessAttempts),
            Self::OverCap(cap) => Some(cap.limit()),
            Self::Memory => Some(Limit::Memory),
            _ => None,
        }
    }

    /// What a publisher is told over RTMP, with `words` for the human at the encoder.
    pub fn rejection(&self, words: impl Into<String>) -> Rejection {
        Rejection { code: self.status().publish, description: words.into() }
    }
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::WrongKey => Self::Unauthorised,
            Refused::TooMany => Self::Throttled,
            Refused::BadName => Self::NotFound,
        }
    }
}

impl From<&live::Error> for Denied {
    fn from(error: &live::Error) -> Self {
        match error {
            live::Error::Busy(_) | live::Error::Yielding(_) => Self::Busy { retry_after: 5 },
            live::Error::NoKeyframe { .. }
            | live::Error::ClockStopped { .. }
            | live::Error::ClockUnit { .. }
            | live::Error::OffClock { .. }
            | live::Error::TooMuch { .. }
            | live::Error::Restless(_) => Self::Incompatible(error.to_string()),
            live::Error::Group(_) | live::Error::NoMember(_) => Self::NotFound,
            live::Error::Entropy(_) | live::Error::Packager(_) => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_denied() -> impl Strategy<Value = Denied> {
        prop_oneof![
            Just(Denied::NotFound),
            Just(Denied::NotLive),
            Just(Denied::Unauthorised),
            Just(Denied::Throttled),
            (1..100_u32).prop_map(|retry_after| Denied::Busy { retry_after }),
            Just(Denied::OverCap(Cap::StreamViewers)),
            Just(Denied::OverCap(Cap::Viewers)),
            Just(Denied::OverCap(Cap::AddressViewers)),
            Just(Denied::Memory),
            "[ -~]{1,60}".prop_map(Denied::Incompatible),
            Just(Denied::Kicked),
            Just(Denied::Stopping),
            Just(Denied::Internal),
        ]
    }

    proptest! {
        #[test]
        fn every_reason_has_a_status_in_each_protocol_and_words_for_people(denied in any_denied()) {
            let status = denied.status();
            prop_assert!((400..600).contains(&status.http), "{status:?}");
            // What is over soon says when; what is not, does not invite.
            let soon = [429, 500, 503].contains(&status.http);
            prop_assert_eq!(status.retry_after.is_some_and(|seconds| seconds > 0), soon);
            for code in [status.publish, status.play] {
                prop_assert!(code.starts_with("NetStream.") || code.starts_with("NetConnection."), "{code}");
            }
            prop_assert!(!status.publish.contains(".Play."));
            prop_assert!(!status.play.contains(".Publish."));
            prop_assert!(status.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            prop_assert!(!denied.to_string().is_empty());
            prop_assert_eq!(denied.rejection("words").code, status.publish);
        }
    }

    #[test]
    fn what_is_full_or_short_of_memory_is_503_and_what_cannot_be_is_not() {
        let status = |denied: Denied| denied.status().http;
        assert_eq!(status(Denied::Memory), 503);
        assert_eq!(status(Denied::OverCap(Cap::StreamViewers)), 503);
        assert_eq!(status(Denied::Incompatible("opus in MPEG-TS".into())), 406);
        assert_eq!(status(Denied::Kicked), 403);
        assert_eq!(status(Refused::WrongKey.into()), 401);
    }
}
