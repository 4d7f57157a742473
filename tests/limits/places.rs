//! Where each limit is driven: a limit without a place does not compile.

use rillcast::media::Limit;

/// Which table drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `tests/limits`, below, at and above, without sockets.
    Rooms,
    /// `tests/http/limits.rs`, over sockets.
    Sockets,
    /// A test by this name, which drives a process of its own.
    Process(&'static str),
}

/// Where `limit` is driven.
pub(crate) fn place(limit: Limit) -> Place {
    use Limit as L;
    match limit {
        L::RtmpMediaMessage
        | L::RtmpCommandMessage
        | L::RtmpEarlyMessage
        | L::RtmpChunkStreams
        | L::RtmpPartialBytes
        | L::RtmpEarlyPartialBytes
        | L::RtmpMessageStreams
        | L::RtmpHandshake
        | L::RtmpUntilPublish
        | L::RtmpIdle
        | L::RtmpFirstMedia
        | L::RtmpOutbound
        | L::RtmpControlRate
        | L::RtmpPlayerRate
        | L::RtmpAmfDepth
        | L::RtmpAmfValues
        | L::RtmpAmfString
        | L::RtmpAmfKey
        | L::RtmpAggregateTags
        | L::CodecConfig
        | L::CodecSps
        | L::CodecSpsCount
        | L::CodecPpsCount
        | L::CodecMacroblocks
        | L::CodecTracks
        | L::CodecNals
        | L::CodecBadFrames
        | L::RingBytes
        | L::RingPartBytes
        | L::RingSegmentBytes
        | L::RingFirstKeyframe
        | L::RingSkew
        | L::RingHistory
        | L::RingJumps
        | L::RingJumpsWithin
        | L::RingBlocked
        | L::ViewersPerStream
        | L::ViewersTotal
        | L::ViewersPerAddress
        | L::Memory
        | L::AccessAttempts
        | L::Cues
        | L::RtmpConnectionsPerAddress
        | L::HttpConnectionsPerAddress
        | L::HttpHoldsPerAddress
        | L::HoldTime
        | L::HttpH2HeaderList
        | L::HttpH2PendingResets
        | L::HttpH2Unasked
        | L::HttpHeadTime
        | L::HttpIdle
        | L::HttpWriteStall
        | L::HttpBodyTime
        | L::HttpH2Ping
        | L::HttpH2SendBuffer
        | L::TlsHandshake
        | L::TlsInFlightPerCore
        | L::TlsInFlightPerAddress => Place::Rooms,
        L::RtmpConnections
        | L::HttpHead
        | L::HttpHeaders
        | L::HttpTarget
        | L::HttpH2Streams
        | L::HttpHoldsPerConnection
        | L::HttpHolds
        | L::HttpConnections => Place::Sockets,
        // It is the system that refuses, and it refuses a whole process.
        L::Descriptors => Place::Process("the_last_descriptor_is_used_and_the_one_past_it_is_a_pause"),
    }
}
