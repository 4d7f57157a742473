//! Limits: every bound a peer can run into, in one place, each with its reason.

use std::time::Duration;

use super::limits_http::{HttpLimits, TlsLimits};
use super::limits_viewers::ViewerLimits;

const KIB: usize = 1_024;
const MIB: usize = 1_024 * KIB;

/// Ceilings on what a peer may make the server hold or wait for.
///
/// Passing one is an error of its own that names it, and a metric. Defaults are the product's; an
/// operator may move some of them, never to "unlimited".
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// RTMP conversations.
    pub rtmp: RtmpLimits,
    /// Codec configurations and frames.
    pub codec: CodecLimits,
    /// HTTP connections and held requests.
    pub http: HttpLimits,
    /// TLS handshakes.
    pub tls: TlsLimits,
    /// Rings and what waits to enter them.
    pub ring: RingLimits,
    /// The audience.
    pub viewers: ViewerLimits,
    /// Bytes of memory that the process may have, besides what the system allows it.
    pub memory: Option<usize>,
}

/// Bounds on one RTMP connection.
#[derive(Debug, Clone)]
pub struct RtmpLimits {
    /// Largest audio, video or aggregate message: a 4K keyframe fits, the 16 MiB of the field does not.
    pub media_message: usize,
    /// Largest command or data message.
    pub command_message: usize,
    /// Largest message of any type before publishing is accepted: nobody has earned more yet.
    pub early_message: usize,
    /// Chunk streams alive at once: encoders use fewer than ten.
    pub chunk_streams: usize,
    /// Bytes reserved for unfinished messages over all chunk streams, once publishing.
    pub partial_bytes: usize,
    /// The same before publishing is accepted.
    pub early_partial_bytes: usize,
    /// Message streams (createStream) of one connection.
    pub message_streams: u32,
    /// Handshake, from accept, absolute.
    pub handshake: Duration,
    /// From accept to an accepted publish, absolute: slow drips earn nothing.
    pub until_publish: Duration,
    /// A publisher that sends no byte for this long is gone.
    pub idle: Duration,
    /// First audio or video after publishing is accepted.
    pub first_media: Duration,
    /// Bytes waiting to be written to the peer: one that does not read is closed.
    pub outbound: usize,
    /// Control messages (types 1 to 6) a second: more is an attack, not an encoder.
    pub control_rate: u32,
    /// Messages of any type a second from a player: it acknowledges, answers pings, and leaves.
    pub player_rate: u32,
    /// Connections in all, and from one address.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// AMF0 nesting: what ffmpeg allows.
    pub amf_depth: usize,
    /// AMF0 values in one message.
    pub amf_values: usize,
    /// AMF0 string.
    pub amf_string: usize,
    /// AMF0 property name.
    pub amf_key: usize,
    /// Tags in one aggregate message.
    pub aggregate_tags: usize,
}

/// Bounds on configurations and frames.
#[derive(Debug, Clone)]
pub struct CodecLimits {
    /// One configuration record.
    pub config: usize,
    /// One SPS.
    pub sps: usize,
    /// SPS in one record.
    pub sps_count: usize,
    /// PPS in one record.
    pub pps_count: usize,
    /// Macroblocks of a picture: H.264 level 6.2.
    pub macroblocks: u32,
    /// Tracks of one publish: ten pictures and six sounds are the most that OBS Studio sends (multitrack video). Each
    /// is a rendition with a ring of `RingLimits::bytes` at most, and as large as what it holds: of the largest ladder
    /// that OBS is told to send, 12 Mbit/s, all rings together hold 30 s, which is 45 MB.
    pub tracks: usize,
    /// NAL units in one frame.
    pub nals: usize,
    /// Bad frames within ten seconds before the publisher is closed.
    pub bad_frames: u32,
}

/// Bounds on rings and the packager in front of them.
#[derive(Debug, Clone)]
pub struct RingLimits {
    /// Bytes kept of one rendition.
    pub bytes: usize,
    /// Bytes of one part.
    pub part_bytes: usize,
    /// Bytes of one segment.
    pub segment_bytes: usize,
    /// No keyframe for this long after the first media: the publish is refused.
    pub first_keyframe: Duration,
    /// How far one track may run ahead of another before the packager goes on without the late one; where pictures come
    /// seldom, five of them if that is longer.
    pub skew: Duration,
    /// Media time kept frame by frame, for readers that do not wait for parts.
    pub history: Duration,
    /// A reader that has to leave frames out for this time within `jumps_within` is closed.
    pub jumps: usize,
    /// See `jumps`.
    pub jumps_within: Duration,
    /// A reader of an endless file, or of RTMP, that takes no byte for this long is closed.
    pub blocked: Duration,
}

impl Default for RtmpLimits {
    fn default() -> Self {
        Self {
            media_message: 8 * MIB,
            command_message: 64 * KIB,
            early_message: 16 * KIB,
            chunk_streams: 64,
            partial_bytes: 9 * MIB,
            early_partial_bytes: 32 * KIB,
            message_streams: 8,
            handshake: Duration::from_secs(5),
            until_publish: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            first_media: Duration::from_secs(10),
            outbound: 64 * KIB,
            control_rate: 1_000,
            player_rate: 64,
            connections: 4_096,
            connections_per_address: 256,
            amf_depth: 16,
            amf_values: 1_024,
            amf_string: 16 * KIB,
            amf_key: 256,
            aggregate_tags: 4_096,
        }
    }
}

impl Default for CodecLimits {
    fn default() -> Self {
        Self {
            config: 64 * KIB,
            sps: 4 * KIB,
            sps_count: 32,
            pps_count: 256,
            macroblocks: 139_264,
            tracks: 16,
            nals: 4_096,
            bad_frames: 100,
        }
    }
}

impl Default for RingLimits {
    fn default() -> Self {
        Self {
            bytes: 48 * MIB,
            part_bytes: 4 * MIB,
            segment_bytes: 32 * MIB,
            first_keyframe: Duration::from_secs(15),
            skew: Duration::from_secs(2),
            history: Duration::from_secs(12),
            jumps: 3,
            jumps_within: Duration::from_secs(30),
            blocked: Duration::from_secs(6),
        }
    }
}
