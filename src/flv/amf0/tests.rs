//! Tests of AMF0: round trips, bounds at, below and above, hostile nesting on a small stack.

use bytes::BytesMut;
use proptest::prelude::*;

use super::{Reader, Value, write};
use crate::flv::Error;
use crate::media::RtmpLimits;

fn all<'a>(message: &'a [u8], limits: &RtmpLimits) -> Result<Vec<Value<'a>>, Error> {
    let mut reader = Reader::new(message, limits);
    let mut values = Vec::new();
    while let Some(value) = reader.read()? {
        values.push(value);
    }
    Ok(values)
}

fn read(message: &[u8]) -> Result<Vec<Value<'_>>, Error> {
    all(message, &RtmpLimits::default())
}

fn written(value: &Value<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out, value);
    out
}

/// `depth` objects, each the only property of the one around it, with a null inside the last.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..depth {
        bytes.extend([0x03, 0, 1, b'o']);
    }
    bytes.push(0x05);
    for _ in 0..depth {
        bytes.extend([0, 0, 0x09]);
    }
    bytes
}

#[test]
fn a_connect_command_is_read_as_it_was_sent() {
    let mut message = vec![0x02, 0, 7];
    message.extend(b"connect");
    message.extend([0x00, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]);
    message.extend([0x03, 0, 3]);
    message.extend(b"app");
    message.extend([0x02, 0, 4]);
    message.extend(b"live");
    message.extend([0, 4]);
    message.extend(b"fpad");
    message.extend([0x01, 0, 0, 0, 0x09]);
    let values = read(&message).unwrap();
    assert_eq!(values[0].as_str(), Some("connect"));
    assert_eq!(values[1].as_number(), Some(1.0));
    assert_eq!(values[2].get("app").and_then(Value::as_str), Some("live"));
    assert_eq!(values[2].get("fpad").and_then(Value::as_bool), Some(false));
    assert_eq!(values[2].get("nothing"), None);
    assert_eq!(values.len(), 3);
}

#[test]
fn every_marker_is_read_or_refused_by_name() {
    assert_eq!(read(&[0x05, 0x06, 0x0D]).unwrap(), [Value::Null, Value::Undefined, Value::Unsupported]);
    let date = [0x0B, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xC4];
    assert_eq!(read(&date).unwrap(), [Value::Date { millis: 0.0, zone: -60 }]);
    assert_eq!(read(&[0x0C, 0, 0, 0, 2, b'h', b'i']).unwrap(), [Value::String("hi")]);
    assert_eq!(read(&[0x0F, 0, 0, 0, 4, b'<', b'a', b'/', b'>']).unwrap(), [Value::Xml("<a/>")]);
    let typed = [0x10, 0, 1, b'C', 0, 1, b'x', 0x05, 0, 0, 0x09];
    assert_eq!(read(&typed).unwrap(), [Value::Typed { class: "C", fields: vec![("x", Value::Null)] }]);
    assert_eq!(read(&[0x07, 0, 0]), Err(Error::AmfReference { at: 0 }));
    assert_eq!(read(&[0x05, 0x11, 0x0A]), Err(Error::AmfSwitch { at: 1 }));
    for marker in [0x04, 0x09, 0x0E, 0x12, 0xFF] {
        assert_eq!(read(&[marker]), Err(Error::AmfMarker { at: 0, marker }));
    }
}

#[test]
fn numbers_that_are_not_numbers_are_kept() {
    let nan = written(&Value::Number(f64::NAN));
    assert!(read(&nan).unwrap()[0].as_number().unwrap().is_nan());
    let infinite = written(&Value::Number(f64::NEG_INFINITY));
    assert_eq!(read(&infinite).unwrap(), [Value::Number(f64::NEG_INFINITY)]);
}

#[test]
fn a_string_that_is_not_utf8_is_opaque_and_such_a_name_is_refused() {
    assert_eq!(read(&[0x02, 0, 2, 0xC3, 0x28]).unwrap(), [Value::Opaque(&[0xC3, 0x28])]);
    assert_eq!(read(&[0x03, 0, 1, 0xFF, 0x05, 0, 0, 9]), Err(Error::AmfKeyText { at: 1 }));
}

#[test]
fn an_object_must_end_but_a_full_array_at_the_end_need_not() {
    assert_eq!(read(&[0x03, 0, 1, b'a', 0x05]), Err(Error::AmfUnterminated { at: 5 }));
    assert_eq!(read(&[0x03]), Err(Error::AmfUnterminated { at: 1 }));
    let array = [0x08, 0, 0, 0, 1, 0, 1, b'a', 0x05];
    assert_eq!(read(&array).unwrap(), [Value::EcmaArray(vec![("a", Value::Null)])]);
    let short = [0x08, 0, 0, 0, 2, 0, 1, b'a', 0x05];
    assert_eq!(read(&short), Err(Error::AmfUnterminated { at: 9 }));
    let lying = [0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1, b'a', 0x05, 0, 0, 0x09];
    assert_eq!(read(&lying).unwrap(), [Value::EcmaArray(vec![("a", Value::Null)])]);
}

#[test]
fn a_strict_array_count_is_never_trusted() {
    assert_eq!(read(&[0x0A, 0xFF, 0xFF, 0xFF, 0xFF]), Err(Error::AmfTruncated { at: 5 }));
    let mut many = vec![0x0A, 0xFF, 0xFF, 0xFF, 0xFF];
    many.resize(5_000, 0x05);
    assert_eq!(read(&many), Err(Error::AmfValues { max: 1_024 }));
}

#[test]
fn the_bounds_hold_at_below_and_above() {
    let limits = RtmpLimits::default();
    assert!(read(&nested(limits.amf_depth - 1)).is_ok());
    assert!(read(&nested(limits.amf_depth)).is_ok());
    assert!(matches!(read(&nested(limits.amf_depth + 1)), Err(Error::AmfDepth { max: 16, .. })));

    assert_eq!(read(&vec![0x05; limits.amf_values]).unwrap().len(), limits.amf_values);
    assert_eq!(read(&vec![0x05; limits.amf_values + 1]), Err(Error::AmfValues { max: 1_024 }));

    let text = "x".repeat(limits.amf_string + 1);
    assert!(read(&written(&Value::String(&text[1..]))).is_ok());
    assert_eq!(
        read(&written(&Value::String(&text))),
        Err(Error::AmfString { at: 3, len: 16_385, max: 16_384 })
    );
    let key = &text[..limits.amf_key + 1];
    assert!(read(&written(&Value::Object(vec![(&key[1..], Value::Null)]))).is_ok());
    assert_eq!(
        read(&written(&Value::Object(vec![(key, Value::Null)]))),
        Err(Error::AmfKey { at: 3, len: 257, max: 256 })
    );
}

#[test]
fn ten_thousand_nested_objects_cost_little_stack() {
    let hostile = [nested(10_000), [0x0A, 0, 0, 0, 1].repeat(10_000)];
    let thread = std::thread::Builder::new().stack_size(64 * 1_024);
    let results =
        thread.spawn(move || hostile.map(|message| read(&message).is_err())).unwrap().join().unwrap();
    assert_eq!(results, [true, true]);
}

#[test]
fn a_cut_message_is_an_error_at_every_length() {
    let value = Value::Object(vec![
        ("code", Value::String("NetStream.Publish.Start")),
        ("list", Value::StrictArray(vec![Value::Number(1.0), Value::Boolean(true)])),
        ("when", Value::Date { millis: 5.0, zone: 0 }),
    ]);
    let whole = written(&value);
    assert_eq!(read(&whole).unwrap(), [value]);
    for len in 1..whole.len() {
        assert!(read(&whole[..len]).is_err(), "{len} bytes");
    }
}

fn scalars() -> impl Strategy<Value = Value<'static>> {
    const TEXTS: [&str; 4] = ["", "a", "\u{1F3A5} live", "NetStream.Publish.Start"];
    prop_oneof![
        any::<f64>().prop_filter("NaN is not equal to itself", |n| !n.is_nan()).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        prop::sample::select(&TEXTS[..]).prop_map(Value::String),
        prop::sample::select(&TEXTS[..]).prop_map(Value::Xml),
        Just(Value::Null),
        Just(Value::Undefined),
        Just(Value::Unsupported),
        (-1e15..1e15, any::<i16>()).prop_map(|(millis, zone)| Value::Date { millis, zone }),
    ]
}

fn values() -> impl Strategy<Value = Value<'static>> {
    const NAMES: [&str; 3] = ["a", "width", "\u{e9}"];
    scalars().prop_recursive(4, 64, 6, |inner| {
        let field = (prop::sample::select(&NAMES[..]), inner.clone());
        let fields = prop::collection::vec(field, 0..6);
        prop_oneof![
            fields.clone().prop_map(Value::Object),
            fields.clone().prop_map(Value::EcmaArray),
            fields.prop_map(|fields| Value::Typed { class: "C", fields }),
            prop::collection::vec(inner, 0..6).prop_map(Value::StrictArray),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(list in prop::collection::vec(values(), 0..5)) {
        let mut out = BytesMut::new();
        list.iter().for_each(|value| write(&mut out, value));
        prop_assert_eq!(read(&out).unwrap(), list);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(value in values(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = written(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
    }
}
