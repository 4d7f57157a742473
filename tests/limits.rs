//! Every limit, driven just below it, at it and just above: what is within it goes on, what is past it is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test reports by panicking"
)]

use std::collections::BTreeSet;

use rillcast::media::{
    CodecLimits, HttpLimits, Limit, Limits, RingLimits, RtmpLimits, TlsLimits, ViewerLimits,
};

#[path = "limits/codec.rs"]
mod codec;
#[path = "limits/indoors.rs"]
mod indoors;
#[path = "ring/item.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod item;
#[path = "transcripts/kit/mod.rs"]
#[allow(dead_code, unused_imports, clippy::print_stderr, reason = "other tests use more of it")]
mod kit;
#[path = "limits/places.rs"]
mod places;
#[path = "limits/readers.rs"]
mod readers;
#[path = "limits/refused.rs"]
mod refused;
#[path = "limits/ring.rs"]
mod ring;
#[path = "limits/rtmp.rs"]
mod rtmp;
#[path = "sim/source.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod source;
#[path = "limits/tls.rs"]
mod tls;
#[path = "limits/waits.rs"]
mod waits;
#[path = "limits/watched.rs"]
mod watched;

use places::{Place, place};

/// One limit, and what happens this much above it (or below): which limit was hit.
struct Row {
    limit: Limit,
    /// The first offset at which it is hit: 1 of what may be as much as the limit, 0 of a time that is over.
    first: i64,
    probe: fn(i64) -> Option<Limit>,
}

/// A bound on how much there may be.
fn most(limit: Limit, probe: fn(i64) -> Option<Limit>) -> Row {
    Row { limit, first: 1, probe }
}

/// A time after which it is over.
fn until(limit: Limit, probe: fn(i64) -> Option<Limit>) -> Row {
    Row { limit, first: 0, probe }
}

fn rows() -> Vec<Row> {
    [rtmp::rows(), codec::rows(), ring::rows(), readers::rows(), watched::rows()]
        .into_iter()
        .chain([indoors::rows(), waits::rows(), tls::rows()])
        .flatten()
        .collect()
}

#[test]
fn every_limit_holds_below_at_and_above_it_and_is_named() {
    for Row { limit, first, probe } in rows() {
        for offset in -1..=1 {
            let wanted = (offset >= first).then_some(limit);
            assert_eq!(probe(offset), wanted, "{} {offset:+}", limit.name());
        }
    }
}

#[test]
fn no_limit_is_left_out() {
    let driven: Vec<_> = rows().into_iter().map(|row| row.limit.name()).collect();
    let here = Limit::ALL.into_iter().filter(|limit| place(*limit) == Place::Rooms).map(Limit::name);
    assert_eq!(driven.iter().copied().collect::<BTreeSet<_>>(), here.collect(), "rows and places differ");
    assert_eq!(driven.len(), driven.iter().collect::<BTreeSet<_>>().len(), "a limit has two rows");

    // Each test that is named instead is there.
    let sources = sources();
    for limit in Limit::ALL {
        if let Place::Process(name) = place(limit) {
            assert!(sources.contains(&format!("fn {name}(")), "{}: there is no test {name}", limit.name());
        }
    }
}

/// Every test and every unit test, as text.
fn sources() -> String {
    let mut folders = vec![std::path::PathBuf::from("src"), std::path::PathBuf::from("tests")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    text
}

/// Takes a struct apart, field by field: a further field does not compile until it is named here.
macro_rules! fields {
    ($names:ident, $room:literal, $kind:ident { $($field:ident),* $(,)? } = $value:expr) => {
        let $kind { $($field: _),* } = $value;
        $names.extend([$(concat!($room, ".", stringify!($field))),*]);
    };
}

#[test]
fn every_field_of_the_limits_is_a_limit_by_its_name() {
    let Limits { rtmp, codec, http, tls, ring, viewers, memory: _ } = Limits::default();
    let mut names = vec!["memory"];
    fields!(
        names,
        "rtmp",
        RtmpLimits {
            media_message,
            command_message,
            early_message,
            chunk_streams,
            partial_bytes,
            early_partial_bytes,
            message_streams,
            handshake,
            until_publish,
            idle,
            first_media,
            outbound,
            control_rate,
            player_rate,
            connections,
            connections_per_address,
            amf_depth,
            amf_values,
            amf_string,
            amf_key,
            aggregate_tags,
        } = rtmp
    );
    fields!(
        names,
        "codec",
        CodecLimits { config, sps, sps_count, pps_count, macroblocks, tracks, nals, bad_frames } = codec
    );
    fields!(
        names,
        "http",
        HttpLimits {
            head,
            headers,
            target,
            head_time,
            idle,
            write_stall,
            body_time,
            h2_streams,
            h2_header_list,
            h2_send_buffer,
            h2_pending_resets,
            h2_unasked,
            h2_ping,
            holds_per_connection,
            holds_per_address,
            holds,
            connections,
            connections_per_address,
        } = http
    );
    fields!(names, "tls", TlsLimits { handshake, in_flight_per_core, in_flight_per_address } = tls);
    fields!(
        names,
        "ring",
        RingLimits {
            bytes,
            part_bytes,
            segment_bytes,
            first_keyframe,
            skew,
            history,
            jumps,
            jumps_within,
            blocked,
        } = ring
    );
    fields!(names, "viewers", ViewerLimits { per_stream, total, per_address } = viewers);
    // Those that are no setting of anybody's.
    names.extend(["access.attempts", "cues", "descriptors", "hold_time"]);
    let known: BTreeSet<_> = Limit::ALL.into_iter().map(Limit::name).collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(names.len(), known.len());
}
