//! Limit: the name of a bound, by which every hit of it is counted and told.

/// Names each bound once: as a variant, and as it is called in metrics, logs and settings.
macro_rules! limits {
    ($($variant:ident = $name:literal,)*) => {
        /// A bound that a peer, or what it sends, can run into: `room.field` of [`Limits`](super::Limits), or a bound
        /// that is fixed. A label of metrics, so there are no more of them than these.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Limit {
            /// All of them, in the order of their numbers.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// In metrics, logs and settings.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

limits! {
    RtmpMediaMessage = "rtmp.media_message",
    RtmpCommandMessage = "rtmp.command_message",
    RtmpEarlyMessage = "rtmp.early_message",
    RtmpChunkStreams = "rtmp.chunk_streams",
    RtmpPartialBytes = "rtmp.partial_bytes",
    RtmpEarlyPartialBytes = "rtmp.early_partial_bytes",
    RtmpMessageStreams = "rtmp.message_streams",
    RtmpHandshake = "rtmp.handshake",
    RtmpUntilPublish = "rtmp.until_publish",
    RtmpIdle = "rtmp.idle",
    RtmpFirstMedia = "rtmp.first_media",
    RtmpOutbound = "rtmp.outbound",
    RtmpControlRate = "rtmp.control_rate",
    RtmpPlayerRate = "rtmp.player_rate",
    RtmpConnections = "rtmp.connections",
    RtmpConnectionsPerAddress = "rtmp.connections_per_address",
    RtmpAmfDepth = "rtmp.amf_depth",
    RtmpAmfValues = "rtmp.amf_values",
    RtmpAmfString = "rtmp.amf_string",
    RtmpAmfKey = "rtmp.amf_key",
    RtmpAggregateTags = "rtmp.aggregate_tags",
    CodecConfig = "codec.config",
    CodecSps = "codec.sps",
    CodecSpsCount = "codec.sps_count",
    CodecPpsCount = "codec.pps_count",
    CodecMacroblocks = "codec.macroblocks",
    CodecTracks = "codec.tracks",
    CodecNals = "codec.nals",
    CodecBadFrames = "codec.bad_frames",
    HttpHead = "http.head",
    HttpHeaders = "http.headers",
    HttpTarget = "http.target",
    HttpHeadTime = "http.head_time",
    HttpIdle = "http.idle",
    HttpWriteStall = "http.write_stall",
    HttpBodyTime = "http.body_time",
    HttpH2Streams = "http.h2_streams",
    HttpH2HeaderList = "http.h2_header_list",
    HttpH2SendBuffer = "http.h2_send_buffer",
    HttpH2PendingResets = "http.h2_pending_resets",
    HttpH2Unasked = "http.h2_unasked",
    HttpH2Ping = "http.h2_ping",
    HttpHoldsPerConnection = "http.holds_per_connection",
    HttpHoldsPerAddress = "http.holds_per_address",
    HttpHolds = "http.holds",
    HttpConnections = "http.connections",
    HttpConnectionsPerAddress = "http.connections_per_address",
    TlsHandshake = "tls.handshake",
    TlsInFlightPerCore = "tls.in_flight_per_core",
    TlsInFlightPerAddress = "tls.in_flight_per_address",
    RingBytes = "ring.bytes",
    RingPartBytes = "ring.part_bytes",
    RingSegmentBytes = "ring.segment_bytes",
    RingFirstKeyframe = "ring.first_keyframe",
    RingSkew = "ring.skew",
    RingHistory = "ring.history",
    RingJumps = "ring.jumps",
    RingJumpsWithin = "ring.jumps_within",
    RingBlocked = "ring.blocked",
    ViewersPerStream = "viewers.per_stream",
    ViewersTotal = "viewers.total",
    ViewersPerAddress = "viewers.per_address",
    Memory = "memory",
    AccessAttempts = "access.attempts",
    Cues = "cues",
    Descriptors = "descriptors",
    HoldTime = "hold_time",
}

/// Bounds that were run into since they were last taken, each once: rooms that do not fail for it keep them until the
/// one that drives them takes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits(u128);

impl Hits {
    /// `limit` was run into.
    pub fn add(&mut self, limit: Limit) {
        self.0 |= 1_u128 << (limit as u8);
    }

    /// Those that another kept, besides.
    pub fn join(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those there are; none are left.
    pub fn take(&mut self) -> impl Iterator<Item = Limit> + use<> {
        let bits = std::mem::take(&mut self.0);
        Limit::ALL.into_iter().filter(move |limit| bits >> (*limit as u8) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_limit_has_a_name_of_its_own_and_fits_in_the_set() {
        let names: BTreeSet<_> = Limit::ALL.into_iter().map(Limit::name).collect();
        assert_eq!(names.len(), Limit::ALL.len());
        assert!(Limit::ALL.len() <= 128);
        for name in names {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b"._2".contains(&b)), "{name}");
        }
    }

    #[test]
    fn hits_are_kept_once_and_taken_once() {
        let (mut hits, mut others) = (Hits::default(), Hits::default());
        assert!(hits.is_empty());
        for limit in [Limit::HoldTime, Limit::RingBytes, Limit::HoldTime] {
            hits.add(limit);
        }
        others.add(Limit::RtmpMediaMessage);
        hits.join(others);
        assert_eq!(
            hits.take().collect::<Vec<_>>(),
            [Limit::RtmpMediaMessage, Limit::RingBytes, Limit::HoldTime]
        );
        assert!(hits.is_empty());
    }
}
