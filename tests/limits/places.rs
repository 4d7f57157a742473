//! Where each limit is driven: a limit without a place does not compile.

use rillcast::media::Limit;

/// Which table drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `tests/limits`, below, at and above, without sockets.
    Rooms,
    /// `tests/http/limits.rs`, over sockets.
    Sockets,
    /// A test by this name: what it bounds is not seen from outside, or only of other machines than this one.
    Test(&'static str),
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
        | L::HttpH2Unasked => Place::Rooms,
        L::RtmpConnections
        | L::HttpHead
        | L::HttpHeaders
        | L::HttpTarget
        | L::HttpHeadTime
        | L::HttpIdle
        | L::HttpWriteStall
        | L::HttpH2Streams
        | L::HttpH2Ping
        | L::HttpHoldsPerConnection
        | L::HttpHolds
        | L::HttpConnections => Place::Sockets,
        L::HttpBodyTime => Place::Test("a_stream_that_is_read_in_crumbs_is_reset_and_the_others_go_on"),
        L::HttpH2SendBuffer => Place::Test("a_stream_whose_window_stays_shut_is_reset_and_the_others_go_on"),
        L::TlsHandshake | L::TlsInFlightPerCore | L::TlsInFlightPerAddress => {
            Place::Test("a_handshake_has_a_deadline_and_waits_for_a_place")
        }
        L::Descriptors => {
            Place::Test("when_the_system_has_no_descriptor_accepting_pauses_and_recovers_at_once")
        }
    }
}
