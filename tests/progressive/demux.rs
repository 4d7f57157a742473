//! A reader of transport streams, by the letter of ISO/IEC 13818-1: it fails at the first thing that is not as it
//! should be, and gives back every access unit.

use std::collections::HashMap;

/// One access unit. Times are 90 kHz, unwrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) random_access: bool,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) stream_type: u8,
    pub(crate) descriptors: Vec<u8>,
    pub(crate) units: Vec<Unit>,
}

#[derive(Debug, Default)]
pub(crate) struct Ts {
    pub(crate) streams: HashMap<u16, Stream>,
    /// Clock references in order, unwrapped, 27 MHz; and whether each came with a discontinuity.
    pub(crate) clocks: Vec<(i64, bool)>,
    /// How many PMTs there were, and their versions in the order they were first seen.
    pub(crate) tables: usize,
    pub(crate) versions: Vec<u8>,
    /// PIDs of packets that said they do not follow, in order.
    pub(crate) broken: Vec<u16>,
    /// Continuity counters that jumped, as they may then.
    pub(crate) jumps: usize,
    pmt: Option<u16>,
    clock_pid: u16,
    counters: HashMap<u16, u8>,
    open: HashMap<u16, (bool, Vec<u8>)>,
}

const WRAP: i64 = 1 << 33;

/// `value`, of 33 bits, nearest to `last`.
fn unwrap(last: Option<i64>, value: i64) -> i64 {
    let Some(last) = last else { return value };
    let step = (value - last).rem_euclid(WRAP);
    last + if step > WRAP / 2 { step - WRAP } else { step }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |n| u32::from(byte >> n & 1))) {
        sum = if (sum >> 31) ^ bit == 1 { (sum << 1) ^ 0x04C1_1DB7 } else { sum << 1 };
    }
    sum
}

impl Ts {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut ts = Self::read_cut(bytes);
        let open: Vec<_> = ts.open.drain().collect();
        open.into_iter().for_each(|(pid, (random, pes))| ts.pes(pid, random, &pes));
        ts
    }

    /// The same of what was cut anywhere between two packets: without the units that are open there.
    pub(crate) fn read_cut(bytes: &[u8]) -> Self {
        assert_eq!(bytes.len() % 188, 0, "whole packets");
        let mut ts = Self::default();
        for (n, packet) in bytes.chunks(188).enumerate() {
            assert_eq!(packet[0], 0x47, "sync of packet {n}");
            ts.packet(packet);
        }
        ts
    }

    fn packet(&mut self, packet: &[u8]) {
        let pid = u16::from_be_bytes([packet[1], packet[2]]) & 0x1FFF;
        assert_eq!(packet[1] & 0xA0, 0, "no error, no priority");
        let (first, has_field, has_payload) =
            (packet[1] & 0x40 != 0, packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        assert!(has_field || has_payload);
        let (mut at, mut random, mut broken, mut timed) = (4, false, false, false);
        if has_field {
            let len = usize::from(packet[4]);
            assert!(if has_payload { len <= 182 } else { len == 183 }, "field of {len}");
            at = 5 + len;
            if len > 0 {
                let flags = packet[5];
                (broken, random) = (flags & 0x80 != 0, flags & 0x40 != 0);
                let said = if flags & 0x10 != 0 { 7 } else { 1 };
                assert_eq!(flags & 0x2F, 0, "nothing else is said");
                assert!(packet[5 + said..at].iter().all(|byte| *byte == 0xFF), "stuffing");
                timed = said == 7;
                if timed {
                    self.clock(pid, &packet[6..12], broken);
                }
            }
        }
        let counter = packet[3] & 0x0F;
        if let Some(last) = self.counters.insert(pid, counter) {
            let expected = if has_payload { (last + 1) & 0x0F } else { last };
            // §2.4.3.5: where the clock is told, only with the first reference of a new time base.
            let may_jump = broken && (pid != self.clock_pid || timed);
            assert!(counter == expected || may_jump, "counter of {pid:#x}: {counter} after {last}");
            self.jumps += usize::from(counter != expected);
        }
        if broken {
            self.broken.push(pid);
        }
        let payload = &packet[at..];
        match pid {
            _ if !has_payload => {}
            0 => {
                let section = Self::section(first, payload, 0);
                self.pmt = Some(u16::from_be_bytes([section[2], section[3]]) & 0x1FFF);
            }
            _ if Some(pid) == self.pmt => self.pmt(&Self::section(first, payload, 2)),
            _ => {
                assert!(self.streams.contains_key(&pid), "PID {pid:#x} is in no table yet");
                if first && let Some((random, pes)) = self.open.remove(&pid) {
                    self.pes(pid, random, &pes);
                }
                assert!(!random || first, "random access is of the first packet");
                let open = self.open.entry(pid).or_insert_with(|| (random, Vec::new()));
                assert!(first || !open.1.is_empty(), "a unit begins with its start");
                open.1.extend(payload);
            }
        }
    }

    fn clock(&mut self, pid: u16, field: &[u8], broken: bool) {
        assert_eq!(pid, self.clock_pid, "clock references are where the table says");
        let base =
            i64::from(u32::from_be_bytes(field[..4].try_into().unwrap())) << 1 | i64::from(field[4] >> 7);
        assert_eq!(field[4] & 0x7E, 0x7E, "reserved bits");
        let extension = i64::from(field[4] & 1) << 8 | i64::from(field[5]);
        let base = unwrap(self.clocks.last().map(|(last, _)| last / 300), base);
        self.clocks.push((base * 300 + extension, broken));
    }

    /// What a section in one packet says, between its header and its checksum.
    fn section(first: bool, payload: &[u8], table: u8) -> Vec<u8> {
        assert!(first && payload[0] == 0, "a section in one packet");
        let section = &payload[1..];
        assert_eq!((section[0], section[1] & 0xF0), (table, 0xB0));
        let len = usize::from(u16::from_be_bytes([section[1] & 0x0F, section[2]])) + 3;
        assert_eq!(crc(&section[..len]), 0, "checksum");
        assert!(section[len..].iter().all(|byte| *byte == 0xFF));
        [&section[8..len - 4], &[section[5]]].concat()
    }

    fn pmt(&mut self, section: &[u8]) {
        let (version, mut rest) = section.split_last().unwrap();
        let version = version >> 1 & 0x1F;
        self.tables += 1;
        let new = self.versions.last() != Some(&version);
        self.clock_pid = u16::from_be_bytes([rest[0], rest[1]]) & 0x1FFF;
        assert_eq!(rest[2..4], [0xF0, 0], "nothing of the programme");
        rest = &rest[4..];
        while !rest.is_empty() {
            let pid = u16::from_be_bytes([rest[1], rest[2]]) & 0x1FFF;
            let len = usize::from(u16::from_be_bytes([rest[3] & 0x0F, rest[4]]));
            let (stream_type, descriptors) = (rest[0], rest[5..5 + len].to_vec());
            let stream = self.streams.entry(pid).or_insert_with(|| Stream {
                stream_type,
                descriptors: descriptors.clone(),
                units: Vec::new(),
            });
            assert!(new || (stream.stream_type, &stream.descriptors) == (stream_type, &descriptors));
            (stream.stream_type, stream.descriptors) = (stream_type, descriptors);
            rest = &rest[5 + len..];
        }
        if new {
            self.versions.push(version);
        }
    }

    fn pes(&mut self, pid: u16, random_access: bool, pes: &[u8]) {
        assert_eq!(pes[..3], [0, 0, 1]);
        let len = usize::from(u16::from_be_bytes([pes[4], pes[5]]));
        assert!(
            len == pes.len() - 6 || (len == 0 && pes[3] == 0xE0),
            "length of a PES packet: {len} said, {} there, {:#x}",
            pes.len() - 6,
            pes[3]
        );
        assert_eq!(pes[6], 0x84, "aligned");
        let stamps = usize::from(pes[8]);
        assert_eq!((pes[7], stamps), if pes[7] == 0xC0 { (0xC0, 10) } else { (0x80, 5) });
        let stamp = |at: usize, prefix: u8| {
            let field = &pes[at..at + 5];
            assert_eq!(
                (field[0] >> 4, field[0] & 1, field[2] & 1, field[4] & 1),
                (prefix, 1, 1, 1),
                "markers"
            );
            let high = i64::from(field[0] >> 1 & 7);
            let part = |n: usize| i64::from(u16::from_be_bytes([field[n], field[n + 1]]) >> 1);
            high << 30 | part(1) << 15 | part(3)
        };
        let pts = stamp(9, if stamps == 10 { 3 } else { 2 });
        let dts = if stamps == 10 { stamp(14, 1) } else { pts };
        // Everything is near the clock.
        let clock = self.clocks.last().map(|(clock, _)| clock / 300);
        let (pts, dts) = (unwrap(clock, pts), unwrap(clock, dts));
        let stream = self.streams.get_mut(&pid).unwrap();
        stream.units.push(Unit { pts, dts, random_access, bytes: pes[9 + stamps..].to_vec() });
    }
}
