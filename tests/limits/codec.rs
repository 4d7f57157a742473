//! Configurations and frames.

use bytes::Bytes;
use rillcast::codec::avc;
use rillcast::flv::mux::{self, Form};
use rillcast::media::{CodecLimits, Limit, Limits, VideoCodec};
use rillcast::rtmp::Output;

use crate::kit::*;
use crate::rtmp::{plus, publishing};
use crate::{Row, most};

/// 1280x720: 80 by 45 macroblocks.
const MACROBLOCKS: u32 = 3_600;
const PPS: [u8; 6] = [0x68, 0xE9, 0x78, 0xB2, 0xC8, 0xB0];

pub(crate) fn rows() -> Vec<Row> {
    vec![
        most(Limit::CodecConfig, |offset| {
            let limits = CodecLimits::default();
            let mut bytes = record(&[sps()], 1);
            bytes.resize(plus(limits.config, offset), 0);
            parse(bytes, &limits)
        }),
        most(Limit::CodecSps, |offset| {
            let limits = CodecLimits::default();
            let mut sps = sps();
            sps.resize(plus(limits.sps, offset), 0xFF);
            parse(record(&[sps], 1), &limits)
        }),
        most(Limit::CodecSpsCount, |offset| {
            let limits = CodecLimits { sps_count: 3, ..CodecLimits::default() };
            parse(record(&vec![sps(); plus(3, offset)], 1), &limits)
        }),
        most(Limit::CodecPpsCount, |offset| {
            let limits = CodecLimits { pps_count: 3, ..CodecLimits::default() };
            parse(record(&[sps()], plus(3, offset)), &limits)
        }),
        most(Limit::CodecMacroblocks, |offset| {
            let macroblocks = MACROBLOCKS.saturating_add_signed(-offset as i32);
            parse(record(&[sps()], 1), &CodecLimits { macroblocks, ..CodecLimits::default() })
        }),
        most(Limit::CodecNals, |offset| {
            let limits = CodecLimits::default();
            let unit = idr(&[1]).repeat(plus(limits.nals, offset));
            avc::scan(&unit, 4, &limits).err()?.limit()
        }),
        most(Limit::CodecTracks, |offset| {
            let mut peer = publishing(|limits| limits.codec.tracks = 1);
            [avc_config(0), aac_config(0)]
                .into_iter()
                .take(plus(1, offset))
                .for_each(|wire| peer.sends(wire));
            discarded(&mut peer)
        }),
        most(Limit::CodecBadFrames, |offset| {
            let mut peer = publishing(|_| {});
            peer.sends(avc_config(0));
            let bad = mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, false, &[0xFF; 8]);
            let count = plus(CodecLimits::default().bad_frames as usize, offset);
            (0..count).for_each(|n| peer.sends(video(n as u32 * 40, bad.clone())));
            peer.error.as_ref()?.limit(&Limits::default().rtmp)
        }),
    ]
}

fn sps() -> Vec<u8> {
    AVC_RECORD[8..8 + 0x1A].to_vec()
}

fn record(sps: &[Vec<u8>], pps: usize) -> Vec<u8> {
    let mut bytes = vec![1, 0x64, 0, 0x1F, 0xFF, 0xE0 | sps.len() as u8];
    let add = |bytes: &mut Vec<u8>, set: &[u8]| {
        bytes.extend((set.len() as u16).to_be_bytes());
        bytes.extend(set);
    };
    sps.iter().for_each(|set| add(&mut bytes, set));
    bytes.push(pps as u8);
    (0..pps).for_each(|_| add(&mut bytes, &PPS));
    bytes
}

fn parse(record: Vec<u8>, limits: &CodecLimits) -> Option<Limit> {
    match avc::Config::parse(Bytes::from(record), limits) {
        Ok(_) => None,
        Err(fault) => Some(fault.limit().unwrap_or_else(|| panic!("{fault}"))),
    }
}

fn discarded(peer: &mut Peer) -> Option<Limit> {
    peer.outputs.drain(..).find_map(|output| match output {
        Output::Discarded(discarded) => discarded.reason.limit(),
        _ => None,
    })
}
