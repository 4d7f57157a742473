//! Request: what a publisher or player asks for, and how it is told no.

use std::fmt;

use super::codecs::Codecs;
use crate::base::Secret;

/// A request to publish, not yet judged.
#[derive(Clone, PartialEq)]
pub struct PublishRequest {
    /// The application, without what the publisher put after it.
    pub app: String,
    /// What stands between the application and the query: further segments of the application, then the
    /// publish name. It may be a stream's name or a stream key, so it is no fit thing to log.
    pub path: String,
    /// `key=` of the publish name's query, else of the application's, else of `tcUrl`'s; percent-decoded.
    pub key: Option<Secret>,
    /// Every other parameter of the three queries, as sent: values may be tokens.
    pub parameters: Vec<(String, Secret)>,
    /// What the encoder calls itself (`flashVer`), at most 128 printable characters.
    pub encoder: Option<String>,
}

/// The path may be a key: it is not printed.
impl fmt::Debug for PublishRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishRequest")
            .field("app", &self.app)
            .field("encoder", &self.encoder)
            .finish_non_exhaustive()
    }
}

/// A request to play, not yet judged.
#[derive(Clone, PartialEq)]
pub struct PlayRequest {
    /// The application, without what the player put after it.
    pub app: String,
    /// What stands between the application and the query, as in [`PublishRequest::path`]: some paste a key here.
    pub name: String,
    /// Every parameter of the three queries but `key`, as sent: values may be tokens.
    pub parameters: Vec<(String, Secret)>,
    /// What the player calls itself (`flashVer`), at most 128 printable characters.
    pub player: Option<String>,
    /// Which codecs it takes with a FourCC.
    pub codecs: Codecs,
}

/// The name may be a key: it is not printed.
impl fmt::Debug for PlayRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlayRequest")
            .field("app", &self.app)
            .field("player", &self.player)
            .finish_non_exhaustive()
    }
}

/// Why a publish or play is refused or ended, in the peer's protocol and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// A status code, such as `NetStream.Publish.BadName`.
    pub code: &'static str,
    /// For the human at the encoder; must hold no secret.
    pub description: String,
}

impl Rejection {
    /// The code of a name that cannot be published to.
    pub(super) const BAD_NAME: &'static str = "NetStream.Publish.BadName";
    /// The code of what cannot be played.
    pub(super) const PLAY_FAILED: &'static str = "NetStream.Play.Failed";
    /// The code of a stream that is over.
    pub(super) const UNPUBLISHED: &'static str = "NetStream.Play.UnpublishNotify";

    /// Not under this name, or not with this key.
    pub fn bad_name(description: impl Into<String>) -> Self {
        Self { code: Self::BAD_NAME, description: description.into() }
    }

    /// Nothing to play under this name.
    pub fn not_found(description: impl Into<String>) -> Self {
        Self { code: "NetStream.Play.StreamNotFound", description: description.into() }
    }

    /// It cannot be played, or not by this player.
    pub fn play_failed(description: impl Into<String>) -> Self {
        Self { code: Self::PLAY_FAILED, description: description.into() }
    }

    /// The stream that is played has ended.
    pub fn unpublished(description: impl Into<String>) -> Self {
        Self { code: Self::UNPUBLISHED, description: description.into() }
    }

    /// The player takes less than there is.
    pub fn too_slow(description: impl Into<String>) -> Self {
        Self { code: "NetStream.Play.InsufficientBW", description: description.into() }
    }

    /// Not to this application or server.
    pub fn connection(description: impl Into<String>) -> Self {
        Self { code: "NetConnection.Connect.Rejected", description: description.into() }
    }

    /// The server ends it.
    pub fn shutdown(description: impl Into<String>) -> Self {
        Self { code: "NetConnection.Connect.AppShutdown", description: description.into() }
    }

    /// What is sent cannot be served.
    pub fn failed(description: impl Into<String>) -> Self {
        Self { code: "NetStream.Failed", description: description.into() }
    }
}

/// Why an orderly conversation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The publisher is done.
    Unpublished,
    /// The player is done.
    Stopped,
    /// Its request was refused by `Session::reject`.
    Refused(&'static str),
    /// The session refused its request itself: nobody else has heard of it.
    Declined {
        /// The status code it was told.
        code: &'static str,
        /// What was wrong with which field, as it was told.
        words: &'static str,
        /// Where in the peer's chunk stream the command ends, in bytes.
        at: u64,
    },
    /// `Session::finish` was called.
    Finished(&'static str),
}

impl CloseReason {
    /// The status code that the peer was told; `None` when it was the peer that was done.
    pub fn code(&self) -> Option<&'static str> {
        match *self {
            Self::Unpublished | Self::Stopped => None,
            Self::Refused(code) | Self::Declined { code, .. } | Self::Finished(code) => Some(code),
        }
    }
}
