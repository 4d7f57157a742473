//! What a hostile codec configuration may cost: under a millisecond, however it is made.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::codec::{aac, av1, avc, hevc};
use rillcast::media::CodecLimits;

/// The fastest of several runs: the machine may be busy, and test builds are not optimised.
#[allow(clippy::disallowed_methods)]
fn fastest(mut run: impl FnMut()) -> Duration {
    let mut once = || {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..20).map(|_| once()).min().unwrap_or_default()
}

fn record(sps: &[u8], count: u8) -> Bytes {
    let mut record = vec![1, 0x64, 0, 0x1F, 0xFF, 0xE0 | count];
    for _ in 0..count {
        record.extend((sps.len() as u16).to_be_bytes());
        record.extend(sps);
    }
    record.extend([1, 0, 4, 0x68, 0xEF, 0x3C, 0x80]);
    record.into()
}

/// VPS, 15 times the SPS, PPS.
fn hevc_record(sps: &[u8]) -> Bytes {
    let mut record = vec![1];
    record.extend([0; 20]);
    record.extend([3, 3, 32, 0, 1, 0, 2, 0x40, 1, 33, 0, 15]);
    for _ in 0..15 {
        record.extend((sps.len() as u16).to_be_bytes());
        record.extend(sps);
    }
    record.extend([34, 0, 1, 0, 2, 0x44, 1]);
    record.into()
}

#[test]
fn the_largest_hostile_records_cost_under_a_millisecond() {
    let limits = CodecLimits::default();
    let head = [0x67, 0x64, 0, 0x1F];
    for filler in [&[0xFF][..], &[0x55], &[0, 0, 3], &[0, 1], &[0b1001_0010, 0x49, 0x24]] {
        let tail: Vec<u8> = filler.iter().copied().cycle().take(4_091).chain([0x80]).collect();
        let bytes = record(&[&head[..], &tail].concat(), 15);
        let took = fastest(|| drop(avc::Config::parse(bytes.clone(), &limits)));
        assert!(took < Duration::from_millis(1), "AVC record of {filler:02x?}: {took:?}");

        let bytes = hevc_record(&[&[0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90][..], &tail[10..]].concat());
        let took = fastest(|| drop(hevc::Config::parse(bytes.clone(), &limits)));
        assert!(took < Duration::from_millis(1), "HEVC record of {filler:02x?}: {took:?}");

        let bytes = Bytes::from([&[0x81, 0, 0, 0, 0x0A, 0xFC, 0x1F][..], &tail].concat());
        let took = fastest(|| drop(av1::Config::parse(bytes.clone(), &limits)));
        assert!(took < Duration::from_millis(1), "AV1 record of {filler:02x?}: {took:?}");

        let bytes = Bytes::from(tail);
        let took = fastest(|| drop(aac::Config::parse(bytes.clone(), &limits)));
        assert!(took < Duration::from_millis(1), "AAC record of {filler:02x?}: {took:?}");
    }
}
