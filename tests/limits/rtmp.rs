//! Conversations: what one connection may send, hold and take its time for.

use std::time::Duration;

use rillcast::flv::amf0;
use rillcast::flv::amf0::{Reader as Amf, Value};
use rillcast::media::{Limit, Limits, RtmpLimits};
use rillcast::rtmp::chunk::Reader;

use crate::kit::*;
use crate::{Row, most, until};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn rows() -> Vec<Row> {
    vec![
        most(Limit::RtmpMediaMessage, |offset| {
            let mut peer = publishing(|_| {});
            peer.sends(video(0, vec![0; plus(RtmpLimits::default().media_message, offset)]));
            hit(&peer)
        }),
        most(Limit::RtmpCommandMessage, |offset| {
            let mut peer = publishing(|_| {});
            peer.sends(message(99, vec![0; plus(RtmpLimits::default().command_message, offset)]));
            hit(&peer)
        }),
        most(Limit::RtmpEarlyMessage, |offset| {
            let mut peer = Peer::connected();
            peer.sends(video(0, vec![0; plus(RtmpLimits::default().early_message, offset)]));
            hit(&peer)
        }),
        most(Limit::RtmpChunkStreams, |offset| {
            let mut peer = Peer::greeted();
            let count = plus(RtmpLimits::default().chunk_streams, offset) as u32;
            (0..count).for_each(|n| peer.sends(message(99, vec![0]).csid(3 + n)));
            hit(&peer)
        }),
        most(Limit::RtmpPartialBytes, |offset| {
            let limits = RtmpLimits { partial_bytes: 100_000, ..RtmpLimits::default() };
            let mut reader = Reader::new(&limits);
            reader.trust(&limits);
            unfinished(&mut reader, &[60_000, plus(40_000, offset)], &limits)
        }),
        most(Limit::RtmpEarlyPartialBytes, |offset| {
            let limits = RtmpLimits::default();
            let last = plus(limits.early_partial_bytes - 2 * 11_000, offset);
            unfinished(&mut Reader::new(&limits), &[11_000, 11_000, last], &limits)
        }),
        most(Limit::RtmpMessageStreams, |offset| {
            let mut peer = Peer::greeted();
            peer.sends(connect("live"));
            let count = plus(RtmpLimits::default().message_streams as usize, offset);
            (0..count).for_each(|n| peer.sends(create_stream(2.0 + n as f64)));
            hit(&peer)
        }),
        until(Limit::RtmpHandshake, |offset| {
            waiting(Peer::silent(), RtmpLimits::default().handshake, offset)
        }),
        until(Limit::RtmpUntilPublish, |offset| {
            waiting(Peer::connected(), RtmpLimits::default().until_publish, offset)
        }),
        until(Limit::RtmpFirstMedia, |offset| {
            waiting(Peer::publishing(), RtmpLimits::default().first_media, offset)
        }),
        until(Limit::RtmpIdle, |offset| {
            let mut peer = Peer::publishing();
            peer.sends(avc_config(0));
            waiting(peer, RtmpLimits::default().idle, offset)
        }),
        most(Limit::RtmpOutbound, |offset| {
            let pings = |limit: usize| {
                let mut peer = publishing(|limits| limits.rtmp.outbound = limit);
                let (before, mut bytes) = (peer.sent, Vec::new());
                (0..100).for_each(|n| bytes.extend(peer.writer.write(&user_control(6, n))));
                peer.says(&bytes);
                (peer.sent - before, hit(&peer))
            };
            let (all, none) = pings(usize::MAX);
            assert_eq!(none, None);
            pings(plus(all, -offset)).1
        }),
        most(Limit::RtmpControlRate, |offset| {
            let mut peer = Peer::publishing();
            peer.waits(2 * SECOND);
            talks(peer, RtmpLimits::default().control_rate, offset)
        }),
        most(Limit::RtmpPlayerRate, |offset| {
            let mut peer = Peer::playing();
            peer.waits(2 * SECOND);
            talks(peer, RtmpLimits::default().player_rate, offset)
        }),
        most(Limit::RtmpAggregateTags, |offset| {
            let mut peer = Peer::publishing();
            let tag = [[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]; 1];
            let tags = tag.repeat(plus(RtmpLimits::default().aggregate_tags, offset)).concat();
            // None of them is of a type that is looked at.
            let tags: Vec<u8> = tags.chunks(15).flat_map(|tag| [&[77], &tag[1..]].concat()).collect();
            peer.sends(message(22, tags).on(1));
            hit(&peer)
        }),
        most(Limit::RtmpAmfDepth, |offset| {
            let depth = plus(RtmpLimits::default().amf_depth, offset);
            amf(&(0..depth).fold(Value::Null, |inner, _| Value::StrictArray(vec![inner])))
        }),
        most(Limit::RtmpAmfValues, |offset| {
            // The array is one of them.
            let inside = plus(RtmpLimits::default().amf_values, offset) - 1;
            amf(&Value::StrictArray(vec![Value::Null; inside]))
        }),
        most(Limit::RtmpAmfString, |offset| {
            amf(&Value::String(&"x".repeat(plus(RtmpLimits::default().amf_string, offset))))
        }),
        most(Limit::RtmpAmfKey, |offset| {
            let key = "x".repeat(plus(RtmpLimits::default().amf_key, offset));
            amf(&Value::Object(vec![(&key, Value::Null)]))
        }),
    ]
}

pub(crate) fn plus(limit: usize, offset: i64) -> usize {
    limit.saturating_add_signed(offset as isize)
}

/// A publisher in a server of these limits.
pub(crate) fn publishing(set: impl Fn(&mut Limits)) -> Peer {
    let mut limits = Limits::default();
    set(&mut limits);
    let mut peer = Peer::with_limits(limits);
    peer.greets();
    peer.sends(connect("live"));
    peer.sends(create_stream(2.0));
    peer.sends(publish(1, "main"));
    peer.is_accepted();
    peer
}

fn hit(peer: &Peer) -> Option<Limit> {
    peer.error.as_ref()?.limit(&RtmpLimits::default())
}

/// Nothing more is said for so long.
fn waiting(mut peer: Peer, limit: Duration, offset: i64) -> Option<Limit> {
    let span = if offset < 0 {
        limit - Duration::from_millis(1)
    } else {
        limit + Duration::from_millis(offset as u64)
    };
    peer.waits(span);
    hit(&peer)
}

/// So many pings at once.
fn talks(mut peer: Peer, rate: u32, offset: i64) -> Option<Limit> {
    (0..plus(rate as usize, offset)).for_each(|n| peer.sends(user_control(6, n as u32)));
    hit(&peer)
}

/// The first chunk of messages of these lengths, each on a chunk stream of its own.
fn unfinished(reader: &mut Reader, lengths: &[usize], limits: &RtmpLimits) -> Option<Limit> {
    for (csid, length) in (3_u8..).zip(lengths) {
        let length = (*length as u32).to_be_bytes();
        let chunk = [&[csid, 0, 0, 0][..], &length[1..], &[9, 1, 0, 0, 0], &[0; 128]].concat();
        if let Err((_, fault)) = reader.next(&mut &chunk[..]) {
            return fault.limit(limits);
        }
    }
    None
}

fn amf(value: &Value<'_>) -> Option<Limit> {
    let mut bytes = bytes::BytesMut::new();
    amf0::write(&mut bytes, value);
    let limits = RtmpLimits::default();
    let mut reader = Amf::new(&bytes, &limits);
    while let Some(read) = reader.read().transpose() {
        if let Err(fault) = read {
            return fault.limit();
        }
    }
    None
}
