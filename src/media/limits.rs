//! Limits: every bound a peer can run into, in one place, each with its reason.

use std::time::Duration;

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
    /// Rings and what waits to enter them.
    pub ring: RingLimits,
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
    /// Tracks of one publish.
    pub tracks: usize,
    /// NAL units in one frame.
    pub nals: usize,
    /// Bad frames within ten seconds before the publisher is closed.
    pub bad_frames: u32,
}

/// Bounds on HTTP.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Request head of HTTP/1.
    pub head: usize,
    /// Header fields.
    pub headers: usize,
    /// Request target.
    pub target: usize,
    /// From the first byte of a request head to its last.
    pub head_time: Duration,
    /// A kept-alive connection with nothing asked.
    pub idle: Duration,
    /// A response that makes no progress: the reader is gone.
    pub write_stall: Duration,
    /// HTTP/2 streams of one connection.
    pub h2_streams: u32,
    /// HTTP/2 header list, decoded.
    pub h2_header_list: u32,
    /// HTTP/2 send buffer of one stream.
    pub h2_send_buffer: usize,
    /// HTTP/2 resets waiting to be accepted.
    pub h2_pending_resets: usize,
    /// HTTP/2 ping interval and its answer's time.
    pub h2_ping: (Duration, Duration),
    /// Held requests of one connection.
    pub holds_per_connection: usize,
    /// Held requests from one address.
    pub holds_per_address: usize,
    /// Held requests in all.
    pub holds: usize,
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
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
    /// How far one track may run ahead of another before the packager goes on without the late one.
    pub skew: Duration,
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
            tracks: 8,
            nals: 4_096,
            bad_frames: 100,
        }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head: 16 * KIB,
            headers: 64,
            target: 4 * KIB,
            head_time: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(10),
            h2_streams: 64,
            h2_header_list: 16 * 1_024,
            h2_send_buffer: 64 * KIB,
            h2_pending_resets: 20,
            h2_ping: (Duration::from_secs(20), Duration::from_secs(10)),
            holds_per_connection: 16,
            holds_per_address: 256,
            holds: 20_000,
            connections: 16_384,
            connections_per_address: 4_096,
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
        }
    }
}
