//! Faults: everything that can be wrong with a configuration, each said in one sentence that names the key.

use std::fmt;
use std::path::PathBuf;

use crate::media::NameError;

use super::key::KeyFault;

/// Where a setting came from, lowest precedence first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A command-line flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "in environment variable {}", name.escape_debug()),
            Self::Flag => write!(f, "on the command line"),
        }
    }
}

/// Why a configuration cannot be used. Exit code 78.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file named by the operator cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} line {line} is not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// The parser's word.
        message: String,
    },
    /// A key that means nothing.
    #[error("unknown key `{}` {origin}{}", key.escape_debug(), Suggested(.suggestion))]
    Unknown {
        /// Dotted path.
        key: String,
        /// Where it was found.
        origin: Origin,
        /// The nearest key there is, when one is near.
        suggestion: Option<String>,
    },
    /// A key whose value cannot be used. The value is not repeated: it may be a secret.
    #[error("`{}` {origin} {fault}", key.escape_debug())]
    Value {
        /// Dotted path.
        key: String,
        /// Where it was found.
        origin: Origin,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Settings that are fine alone but not together.
    #[error("{0}")]
    Together(Fault),
}

/// What is wrong with a value, or with several together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not of the kind that is wanted.
    #[error("must be {0}")]
    Expected(&'static str),
    /// A table where a value is wanted, or the other way round.
    #[error("must be a value, not a table or a list")]
    Shape,
    /// Not a stream name.
    #[error("is not a stream name: {0}")]
    Name(#[from] NameError),
    /// Not a stream key.
    #[error("cannot be a stream key: {0}")]
    Key(#[from] KeyFault),
    /// A stream without exactly one of `key`, `key_hash`, `key_file`.
    #[error("needs exactly one of key, key_hash and key_file")]
    OneKey,
    /// The key is what everybody can read in the watch URL.
    #[error("stream `{0}` must not have its own name as its key: the name is public")]
    KeyIsName(String),
    /// A key alone must find one stream.
    #[error("streams `{0}` and `{1}` have the same key; each stream needs its own")]
    SharedKey(String, String),
    /// `--open-publish` on a listener others can reach.
    #[error(
        "open publishing lets anyone who can connect publish, so the RTMP listener must be on loopback: add --rtmp 127.0.0.1:{0}"
    )]
    OpenToAll(u16),
    /// The same, of the listener with TLS.
    #[error(
        "open publishing lets anyone who can connect publish, so the RTMPS listener must be on loopback as well: add --rtmps 127.0.0.1:{0}"
    )]
    OpenToAllOverTls(u16),
    /// A name that is there already.
    #[error("names `{0}` twice")]
    Twice(String),
    /// Sound of somebody who is not there.
    #[error("names `{0}`, which is no member")]
    NoMember(String),
    /// Viewers watch a group; nobody publishes to it.
    #[error(
        "`{0}` is a group, so it cannot be a stream with a key as well: publishers use the keys of its members"
    )]
    GroupWithKey(String),
    /// A group cannot be a member.
    #[error("group `{0}` has `{1}` as a member, which is a group: members are streams")]
    GroupInGroup(String, String),
    /// A stream is a rendition of one thing.
    #[error("stream `{0}` is a member of both {1}; each stream can be of one group")]
    TwoGroups(String, String),
    /// Nobody could publish it.
    #[error("member `{1}` of group `{0}` has no stream key: add a [[stream]] of that name")]
    MemberWithoutKey(String, String),
    /// A certificate without a key, or the other way round.
    #[error("`tls.cert` and `tls.key` belong together: give both")]
    HalfAPair,
    /// A certificate from files and one made here.
    #[error("`tls.self_signed` makes a certificate, `tls.cert` names one: choose one of them")]
    TwoCertificates,
    /// A listener with TLS and nothing to show on it.
    #[error(
        "`listen.https` and `listen.rtmps` need a certificate: set `tls.cert` and `tls.key`, or use --tls self-signed"
    )]
    NoCertificate,
    /// The admin listener has no token and no TLS yet.
    #[error("the admin listener has no password, so it must be on loopback: use --admin 127.0.0.1:{0}")]
    AdminToAll(u16),
    /// Parts asked for and switched off.
    #[error("`live.part` has no meaning with latency `standard`, which serves whole segments only")]
    PartWithoutParts,
    /// A part is no shorter than half a segment.
    #[error("`live.part` must be at most half of `live.segment`")]
    PartTooLong,
    /// Players need three segments (RFC 8216bis §6.2.2).
    #[error("`live.window` must be at least four times `live.segment`")]
    WindowTooShort,
}

/// The tail of the unknown-key sentence.
struct Suggested<'a>(&'a Option<String>);

impl fmt::Display for Suggested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(near) => write!(f, "; did you mean `{}`?", near.escape_debug()),
            None => Ok(()),
        }
    }
}
