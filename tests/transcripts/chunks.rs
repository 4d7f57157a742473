//! The chunk layer by itself, against a plain reference writer.

use rillcast::media::RtmpLimits;
use rillcast::rtmp::chunk::{Fault, Message, Reader};

use crate::kit::*;

/// A reader with the bounds of an accepted publisher.
fn trusted() -> Reader {
    let limits = RtmpLimits::default();
    let mut reader = Reader::new(&limits);
    reader.trust(&limits);
    reader
}

/// Feeds `bytes` in reads of `size`, obeying Set Chunk Size and Abort as a session does.
fn read_in(reader: &mut Reader, bytes: &[u8], size: usize) -> Result<Vec<Message>, (u32, Fault)> {
    let mut messages = Vec::new();
    for read in bytes.chunks(size) {
        let mut input = read;
        while let Some(message) = reader.next(&mut input)? {
            let field = || u32::from_be_bytes(message.payload[..4].try_into().unwrap());
            match message.kind {
                1 => reader.set_chunk_size(field()).map_err(|fault| (2, fault))?,
                2 => reader.abort(field()),
                _ => {}
            }
            messages.push(message);
        }
        assert!(input.is_empty(), "a reader that wants more has used up what there was");
    }
    Ok(messages)
}

fn read(reader: &mut Reader, bytes: &[u8]) -> Result<Vec<Message>, (u32, Fault)> {
    read_in(reader, bytes, usize::MAX)
}

fn as_message(wire: &Wire) -> Message {
    Message { kind: wire.kind, stream: wire.stream, timestamp: wire.time, payload: wire.body.clone() }
}

/// Hostile case 6: large ids are as good as small ones.
#[test]
fn all_three_forms_of_the_basic_header_are_read() {
    let mut reader = trusted();
    for csid in [2, 3, 63, 64, 65, 319, 320, 321, 65_598, 65_599] {
        let wire = video(40, vec![1; 300]).csid(csid);
        let bytes = Writer::new(Dialect::PLAIN).write(&wire);
        for size in [1, 2, 3, 5, usize::MAX] {
            assert_eq!(read_in(&mut reader, &bytes, size).unwrap(), [as_message(&wire)], "{csid} by {size}");
        }
    }
}

/// Hostile case 6.
#[test]
fn the_sixty_fifth_chunk_stream_is_refused() {
    let mut reader = trusted();
    let mut refused = None;
    for csid in 2..65_002 {
        let bytes = Writer::new(Dialect::PLAIN).write(&sound(0, b"x").csid(csid));
        if let Err(error) = read(&mut reader, &bytes) {
            refused = Some((csid, error));
            break;
        }
    }
    assert_eq!(refused, Some((66, (66, Fault::TooManyStreams(64)))));
}

/// Hostile case 4.
#[test]
fn every_legal_chunk_size_works_and_the_others_are_errors() {
    for size in [1, 127, 128, 4_096, 65_536, 0xFF_FFFF, 0x100_0000, 0x7FFF_FFFF] {
        let mut reader = trusted();
        let mut writer = Writer::new(Dialect::PLAIN);
        let mut bytes = writer.write(&set_chunk_size(size));
        writer.chunk_size = (size as usize).min(0xFF_FFFF);
        let wire = video(40, vec![7; 70_000]);
        bytes.extend(writer.write(&wire));
        assert_eq!(read_in(&mut reader, &bytes, 1_000).unwrap()[1], as_message(&wire), "chunk size {size}");
    }
    for size in [0, 0x8000_0000, 0xFFFF_FFFF] {
        assert_eq!(trusted().set_chunk_size(size), Err(Fault::ChunkSize(size)));
    }
}

/// Hostile case 4.
#[test]
fn a_chunk_size_may_change_inside_a_message() {
    let mut writer = Writer::new(Dialect::PLAIN);
    let wire = video(40, (0..1_000_u32).map(|n| n as u8).collect::<Vec<_>>());
    let mut bytes = Vec::new();
    let at = writer.chunk(&mut bytes, &wire, 0);
    bytes.extend(writer.write(&set_chunk_size(300)));
    writer.chunk_size = 300;
    let mut at = writer.chunk(&mut bytes, &wire, at);
    bytes.extend(writer.write(&set_chunk_size(5_000)));
    writer.chunk_size = 5_000;
    while at < wire.body.len() {
        at = writer.chunk(&mut bytes, &wire, at);
    }
    for size in [1, 7, usize::MAX] {
        assert_eq!(read_in(&mut trusted(), &bytes, size).unwrap().pop(), Some(as_message(&wire)));
    }
}

/// Hostile case 5: what is declared is not what is reserved.
#[test]
fn a_declared_length_reserves_nothing_by_itself() {
    let mut early = Reader::new(&RtmpLimits::default());
    let head = |csid: u8, len: u32, kind| {
        let mut bytes = vec![csid, 0, 0, 0];
        bytes.extend(&len.to_be_bytes()[1..]);
        bytes.extend([kind, 1, 0, 0, 0, 0xAA]);
        bytes
    };
    let refused = read(&mut early, &head(3, 0xFF_FFFF, 9));
    assert_eq!(refused, Err((3, Fault::MessageTooLong { kind: 9, length: 0xFF_FFFF, limit: 16_384 })));

    // With chunks of one byte, every chunk stream gets as far as its first byte.
    let mut early = Reader::new(&RtmpLimits::default());
    early.set_chunk_size(1).unwrap();
    let errors: Vec<_> = (3..6).filter_map(|csid| read(&mut early, &head(csid, 16_384, 9)).err()).collect();
    assert_eq!(errors, [(5, Fault::TooMuchUnfinished(32_768))]);
    assert!(early.reserved() <= 32_768);

    let mut reader = trusted();
    reader.set_chunk_size(1).unwrap();
    for csid in 3..63 {
        read(&mut reader, &head(csid, 8 << 20, 9)).unwrap();
    }
    assert!(reader.reserved() <= 60 * 65_536, "{}", reader.reserved());
}

/// Hostile case 5: bytes that do come are bounded over all chunk streams together.
#[test]
fn unfinished_messages_are_bounded_together() {
    let mut reader = trusted();
    let mut writer = Writer::new(Dialect::PLAIN);
    read(&mut reader, &writer.write(&set_chunk_size(1 << 20))).unwrap();
    writer.chunk_size = 1 << 20;
    let wire = video(0, vec![0; 8 << 20]);
    let mut error = None;
    for csid in 3..30 {
        let mut bytes = Vec::new();
        writer.chunk(&mut bytes, &wire.clone().csid(csid), 0);
        error = read(&mut reader, &bytes[..bytes.len() - 1]).err();
        assert!(reader.reserved() <= 9 << 20);
        if error.is_some() {
            break;
        }
    }
    assert!(matches!(error, Some((_, Fault::TooMuchUnfinished(_)))), "{error:?}");
}

/// Hostile case 7.
#[test]
fn a_header_that_builds_on_nothing_is_an_error() {
    for first in [0x43, 0x83, 0xC3] {
        assert_eq!(read(&mut trusted(), &[first, 0, 0, 1, 0, 0, 1, 9]), Err((3, Fault::NoEarlierHeader)));
    }
}

/// Hostile case 7.
#[test]
fn a_message_cannot_change_its_length_on_the_way() {
    let mut bytes = vec![3, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0];
    bytes.extend([0xAA; 128]);
    for (len, first) in [(1_u8, 0x03_u8), (1, 0x43), (200, 0x03), (200, 0x43)] {
        let mut next = bytes.clone();
        next.extend([first, 0, 0, 0, 0, 0, len, 9, 1, 0, 0, 0]);
        let error = read(&mut trusted(), &next).unwrap_err();
        assert_eq!(error, (3, Fault::HeaderInMessage { was: 256, is: usize::from(len) }));
    }
    let mut other_kind = bytes.clone();
    other_kind.extend([0x03, 0, 0, 0, 0, 1, 0, 8, 1, 0, 0, 0]);
    assert!(read(&mut trusted(), &other_kind).is_err());
    let mut other_stream = bytes;
    other_stream.extend([0x03, 0, 0, 0, 0, 1, 0, 9, 2, 0, 0, 0]);
    assert!(read(&mut trusted(), &other_stream).is_err());
}

#[test]
fn a_whole_header_on_every_chunk_of_a_message_is_tolerated() {
    let dialect = Dialect { full_continuation: true, ..Dialect::PLAIN };
    let wire = video(0x100_0000, vec![5; 1_000]);
    let bytes = Writer::new(dialect).write(&wire);
    for size in [1, usize::MAX] {
        assert_eq!(read_in(&mut trusted(), &bytes, size).unwrap(), [as_message(&wire)]);
    }
}

/// A type 3 header that starts a message repeats the delta; after a type 0 header that is the timestamp itself
/// (§5.3.1.2.4), as ffmpeg's writer relies on.
#[test]
fn deltas_are_repeated_as_the_specification_says() {
    let body = [0xAF, 1, 0];
    let mut bytes = vec![4, 0, 0, 23, 0, 0, 3, 8, 1, 0, 0, 0];
    bytes.extend(body);
    bytes.extend([0xC4, 0xAF, 1, 1]); // type 3: 23 + 23
    bytes.extend([0x84, 0, 0, 21, 0xAF, 1, 2]); // type 2: + 21
    bytes.extend([0xC4, 0xAF, 1, 3]); // type 3: + 21
    bytes.extend([0x44, 0, 0, 5, 0, 0, 2, 9, 0x17, 2]); // type 1: + 5, another shape
    bytes.extend([0xC4, 0x17, 2]); // type 3: + 5
    let times = |messages: Vec<Message>| messages.iter().map(|m| m.timestamp).collect::<Vec<_>>();
    for size in [1, 3, usize::MAX] {
        assert_eq!(
            times(read_in(&mut trusted(), &bytes, size).unwrap()),
            [23, 46, 67, 88, 93, 98],
            "reads of {size}"
        );
    }
}

#[test]
fn a_delta_wraps_at_32_bits() {
    let mut writer = Writer::new(Dialect::FFMPEG);
    let wires = [sound(0xFFFF_FFF0, b"aa"), sound(5, b"bb"), sound(26, b"cc")];
    let bytes: Vec<u8> = wires.iter().flat_map(|wire| writer.write(wire)).collect();
    let messages = read(&mut trusted(), &bytes).unwrap();
    assert_eq!(messages, wires.iter().map(as_message).collect::<Vec<_>>());
}

/// Hostile cases 10 and 11: times around 2^24, 2^31 and 2^32, repeated on type 3 headers or not, cut everywhere.
#[test]
fn extended_timestamps_are_read_in_both_dialects_wherever_reads_cut_them() {
    for dialect in [Dialect::PLAIN, Dialect::FFMPEG, Dialect::ADOBE] {
        for time in [0xFF_FFFE, 0xFF_FFFF, 0x100_0000, 0x0101_0101, 0x7FFF_FFFF, 0x8000_0001, 0xFFFF_FFFF] {
            // The body begins with bytes that agree with the timestamp for a while.
            let start = u32::to_be_bytes(time);
            for agree in 0..=3 {
                let body: Vec<u8> = [&start[..agree], &[0x55; 300]].concat();
                let body = [&[0x17; 128][..], &body].concat();
                let wires =
                    [video(time, body), sound(time.wrapping_add(20), b"s"), inter_frame(time, &[3; 400])];
                let mut writer = Writer::new(dialect);
                let bytes: Vec<u8> = wires.iter().flat_map(|wire| writer.write(wire)).collect();
                let expected: Vec<_> = wires.iter().map(as_message).collect();
                for size in [1, 2, 3, 4, 5, 17, 129, usize::MAX] {
                    let got = read_in(&mut trusted(), &bytes, size).unwrap();
                    assert_eq!(got, expected, "{dialect:?} {time:#x} agreeing {agree}, reads of {size}");
                }
            }
        }
    }
}

/// Hostile case 10: some senders repeat the absolute time where the header had a delta.
#[test]
fn an_absolute_time_repeated_after_a_delta_is_recognised() {
    let mut bytes = vec![4, 0, 0, 10, 0, 0, 1, 8, 1, 0, 0, 0, 0xAA];
    // Type 1 with an extended delta of 0x0100_0000, then a continuation that repeats the absolute time.
    bytes.extend([0x44, 0xFF, 0xFF, 0xFF, 0, 0, 200, 8, 1, 0, 0, 0]);
    bytes.extend([0xBB; 128]);
    bytes.extend([0xC4, 1, 0, 0, 10]);
    bytes.extend([0xCC; 72]);
    let messages = read(&mut trusted(), &bytes).unwrap();
    assert_eq!(messages[1].timestamp, 0x0100_000A);
    assert_eq!(messages[1].payload[..], [vec![0xBB; 128], vec![0xCC; 72]].concat());
}

/// Hostile case 8: whatever is interleaved however, each chunk stream reassembles alone, and an abort frees
/// only its own.
#[test]
fn interleaved_chunk_streams_reassemble_alone() {
    let mut random = Random::new();
    for _ in 0..300 {
        let dialect = [Dialect::PLAIN, Dialect::FFMPEG, Dialect::ADOBE][random.below(3)];
        let mut writer = Writer::new(dialect);
        let mut reader = trusted();
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        let mut clock = random.next() as u32;
        let csids: Vec<u32> = (0..1 + random.below(5)).map(|n| [3, 6, 70, 400, 65_000][n]).collect();
        let mut open: Vec<(Wire, usize)> = Vec::new();
        for _ in 0..60 {
            match random.below(12) {
                0 => {
                    let size = 1 + random.below(400) as u32;
                    let wire = set_chunk_size(size);
                    bytes.extend(writer.write(&wire));
                    writer.chunk_size = size as usize;
                    expected.push(as_message(&wire));
                }
                1 if !open.is_empty() => {
                    let (wire, at) = open.swap_remove(random.below(open.len()));
                    if at > 0 {
                        let abort = abort(wire.csid);
                        bytes.extend(writer.write(&abort));
                        expected.push(as_message(&abort));
                    }
                }
                _ => {
                    let csid = csids[random.below(csids.len())];
                    let place = open.iter().position(|(wire, _)| wire.csid == csid).unwrap_or_else(|| {
                        clock = clock.wrapping_add(random.below(50) as u32);
                        let len = random.below(1_000);
                        let kind = [8, 9, 18][random.below(3)];
                        let body = random.bytes(len);
                        open.push((message(kind, body).csid(csid).on(1).at(clock), 0));
                        open.len() - 1
                    });
                    let (wire, at) = open.swap_remove(place);
                    let at = writer.chunk(&mut bytes, &wire, at);
                    if at >= wire.body.len() {
                        expected.push(as_message(&wire));
                    } else {
                        open.push((wire, at));
                    }
                }
            }
        }
        let size = 1 + random.below(300);
        assert_eq!(read_in(&mut reader, &bytes, size).unwrap(), expected, "{dialect:?}, reads of {size}");
        for (wire, _) in open {
            reader.abort(wire.csid);
        }
        assert_eq!(reader.reserved(), 0);
    }
}

/// Hostile case 8.
#[test]
fn an_abort_frees_one_chunk_stream_only() {
    let mut writer = Writer::new(Dialect::PLAIN);
    let mut reader = trusted();
    let (one, two) = (video(1, vec![1; 400]).csid(6), sound(2, &[2; 400]).csid(4));
    let mut bytes = Vec::new();
    writer.chunk(&mut bytes, &one, 0);
    let at = writer.chunk(&mut bytes, &two, 0);
    assert_eq!(read(&mut reader, &bytes).unwrap(), []);
    let both = reader.reserved();
    read(&mut reader, &writer.write(&abort(6))).unwrap();
    assert!(reader.reserved() > 0 && reader.reserved() < both);
    read(&mut reader, &writer.write(&abort(77))).unwrap();
    let mut rest = Vec::new();
    let mut at = at;
    while at < two.body.len() {
        at = writer.chunk(&mut rest, &two, at);
    }
    assert_eq!(read(&mut reader, &rest).unwrap(), [as_message(&two)]);
    assert_eq!(reader.reserved(), 0);
}

/// A steady stream needs no more memory than its largest message.
#[test]
fn a_message_reserves_what_earlier_ones_have_earned() {
    let mut writer = Writer::new(Dialect::PLAIN);
    let mut reader = trusted();
    read(&mut reader, &writer.write(&set_chunk_size(4_096))).unwrap();
    writer.chunk_size = 4_096;
    let wire = video(0, vec![0; 1 << 20]);
    let mut first = Vec::new();
    writer.chunk(&mut first, &wire, 0);
    read(&mut reader, &first).unwrap();
    assert_eq!(reader.reserved(), 65_536);
    reader.abort(wire.csid);
    read(&mut reader, &writer.write(&wire)).unwrap();
    read(&mut reader, &first).unwrap();
    assert_eq!(reader.reserved(), 1 << 20);
}
