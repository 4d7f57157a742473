//! Progressive: streams as endless files over HTTP, as FLV over WebSocket, and played over RTMP.
//! In:  a request, and a generation's moments.      Out: a body without end, made once and shared by all its readers.
//! Belongs here: feeds, readers, their bodies and messages.   Does not: formats (see `progressive`), slow readers'
//! rules (see `live`), who may watch (see `control`).
//! Time: the server's clock.  Memory: one ring a feed, whose payloads are the generation's own in MP4 and FLV; a few
//! shared chunks a reader.  Spec: RFC 9112 §7.1, RFC 6455.

mod answer;
mod body;
mod feed;
mod player;
mod reader;
mod socket;

pub(super) use self::answer::take;
pub(super) use self::body::LiveBody;
pub(super) use self::feed::Feeds;
pub(super) use self::player::Player;
