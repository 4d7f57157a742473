//! Script data: AMF0 values, what is read of them, and what a picture or a metadata packet says in words.

use bytes::{Bytes, BytesMut};
use rillcast::codec::{av1, avc, hevc};
use rillcast::flv::amf0::{Reader, Value, write};
use rillcast::flv::{ColourInfo, Metadata, cue};
use rillcast::media::{CodecLimits, EncoderReport, RtmpLimits};

/// A message of AMF0: what is read of it is within its bounds, and is the same when it is written and read again.
pub fn amf0(data: &[u8]) {
    let limits = RtmpLimits::default();
    let Some(values) = all(data, &limits) else { return };
    assert!(values.iter().map(count).sum::<usize>() <= limits.amf_values);
    let written = wrote(&values);
    let again = all(&written, &limits).expect("what was written can be read");
    // Numbers may be no numbers, which equal nothing: their bytes do.
    assert_eq!(written, wrote(&again));
    let metadata = Metadata::parse(data, &limits);
    if let Ok(Some(Metadata { encoder: Some(encoder), .. })) = metadata {
        assert!(encoder.chars().count() <= 128 && !encoder.contains(char::is_control));
    }
    let _ = cue(data, 0, &limits);
    let _ = ColourInfo::parse(data, &limits);
}

fn all<'a>(data: &'a [u8], limits: &RtmpLimits) -> Option<Vec<Value<'a>>> {
    let (mut reader, mut values) = (Reader::new(data, limits), Vec::new());
    while let Some(value) = reader.read().ok()? {
        values.push(value);
    }
    Some(values)
}

fn wrote(values: &[Value<'_>]) -> Bytes {
    let mut out = BytesMut::new();
    values.iter().for_each(|value| write(&mut out, value));
    out.freeze()
}

fn count(value: &Value<'_>) -> usize {
    let fields = value.fields().into_iter().flatten().map(|(_, value)| count(value)).sum::<usize>();
    1 + fields + value.items().into_iter().flatten().map(count).sum::<usize>()
}

/// The body of a metadata packet: colour that says something, and nothing else.
pub fn colour_info(data: &[u8]) {
    let said = ColourInfo::parse(data, &RtmpLimits::default());
    assert_eq!(said, ColourInfo::parse(data, &RtmpLimits::default()));
    if let Ok(Some(ColourInfo { colour: Some(colour) })) = said {
        assert!(!colour.is_unspecified() && !colour.full_range);
        assert!(colour.primaries != 0 && colour.transfer != 0);
    }
}

/// UUIDs of times, of the session's counters and of the rendition's.
const UUIDS: [[u8; 16]; 3] = [
    0x0aec_ffe7_5272_4e2f_a62f_d19c_d61a_93b5_u128.to_be_bytes(),
    0xca60_e71c_6a8b_4388_a377_151d_f7bf_8ac2_u128.to_be_bytes(),
    0xf1fb_c1d5_101e_4fb5_a61e_b8ce_3c07_b8c0_u128.to_be_bytes(),
];
/// What is looked at of a message in H.264 and HEVC.
const SHOWN: usize = 128;

/// User data behind a choice of its UUID: H.264, HEVC and AV1 tell the same by it.
pub fn bpm(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let uuid = UUIDS.get(usize::from(which % 4)).map_or(&[][..], |uuid| uuid);
    let mut user_data = [uuid, data].concat();
    user_data.truncate(SHOWN);
    let limits = CodecLimits::default();
    let in_avc = lengths(&[&sei(&[0x06], &user_data), b"\x65\x88\x80"]);
    let in_hevc = lengths(&[b"\x26\x01\x80", &sei(&[0x50, 0x01], &user_data)]);
    // Metadata of a private type, and a shown key frame, behind their sizes.
    let size = [user_data.len() as u8 + 1 | 0x80, (user_data.len() + 1 >> 7) as u8];
    let in_av1 = [&b"\x2A"[..], &size, b"\x06", &user_data, b"\x32\x01\x10"].concat();
    let told = [
        avc::scan(&in_avc, 4, &limits).expect("a sound frame").report,
        hevc::scan(&in_hevc, 4, &limits).expect("a sound frame").report,
        av1::scan(&in_av1, false, &limits).expect("a sound frame").report,
    ];
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert!(uuid.len() == 16 || data.len() >= 16 || told[0] == EncoderReport::default());
}

/// A unit of supplemental information with one message of unregistered user data.
fn sei(header: &[u8], user_data: &[u8]) -> Vec<u8> {
    let mut unit = [header, &[5, user_data.len() as u8]].concat();
    for byte in user_data {
        if *byte <= 3 && unit.ends_with(&[0, 0]) {
            unit.push(3);
        }
        unit.push(*byte);
    }
    unit.push(0x80);
    unit
}

fn lengths(units: &[&[u8]]) -> Vec<u8> {
    let behind = |unit: &&[u8]| [&(unit.len() as u32).to_be_bytes()[..], unit].concat();
    units.iter().flat_map(behind).collect()
}

/// Four times, and counters, as OBS Studio tells them.
pub(crate) fn told() -> Vec<Vec<u8>> {
    let stamp = |event: u8, text: &str| [&[1, event], text.as_bytes(), &[0]].concat();
    let times = [stamp(1, "2024-05-31T12:26:03.591Z"), stamp(2, "2024-05-31T12:26:03.592Z")];
    let counters = |count: u8| (1..=count).flat_map(|n| [n, 0, 0, 1, n]).collect::<Vec<u8>>();
    vec![
        [&[0, 1][..], &times.concat()].concat(),
        [&[0, 1, 2, 1][..], &7_u64.to_be_bytes(), &[3, 2], &9_u64.to_be_bytes()].concat(),
        [&[1, 0][..], &stamp(4, "2024-05-31T12:26:03.650Z"), &[3], &counters(4)].concat(),
        [&[2, 0][..], &stamp(4, "2024-05-31T12:26:03.650Z"), &[2], &counters(3)].concat(),
    ]
}
