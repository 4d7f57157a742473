//! Cue messages as encoders send them, and as nobody should.

use bytes::BytesMut;

use super::super::amf0;
use super::*;

fn read_as(name: &str, fields: Vec<(&str, Value<'_>)>, time: i64) -> Result<Option<Cue>, Error> {
    let mut script = BytesMut::new();
    amf0::write(&mut script, &Value::String(name));
    amf0::write(&mut script, &Value::EcmaArray(fields));
    cue(&script, time, &RtmpLimits::default())
}

fn point(fields: Vec<(&str, Value<'_>)>, time: i64) -> Cue {
    read_as("onCuePoint", fields, time).unwrap().unwrap()
}

#[test]
fn its_own_time_counts_where_it_can_be_by_the_clock_of_its_message() {
    for (seconds, at) in [
        (20.0, 20_000),
        (19.999_6, 20_000),
        (10.0, 10_000),
        (80.0, 80_000),
        (9.9, 20_000),
        (81.0, 20_000),
        (1.7e9, 20_000),
        (f64::NAN, 20_000),
        (f64::NEG_INFINITY, 20_000),
    ] {
        assert_eq!(point(vec![("time", Value::Number(seconds))], 20_000).at, at, "{seconds}");
    }
    assert_eq!(point(vec![("time", Value::Number(1e300))], i64::MAX).at, i64::MAX);
    assert_eq!(point(vec![("time", Value::String("20"))], 5).at, 5);
}

#[test]
fn a_duration_is_a_number_of_seconds_or_nothing() {
    let lasts = |value| point(vec![("duration", value)], 0).lasts;
    assert_eq!(lasts(Value::Number(30.5)), Some(Duration::from_millis(30_500)));
    assert_eq!(lasts(Value::String(" 30 ")), Some(Duration::from_secs(30)));
    for none in [
        Value::Number(0.0),
        Value::Number(-1.0),
        Value::Number(f64::NAN),
        Value::Number(1e18),
        Value::String("inf"),
        Value::String("soon"),
        Value::Null,
    ] {
        assert_eq!(lasts(none.clone()), None, "{none:?}");
    }
}

#[test]
fn scalars_become_attributes_with_legal_names() {
    let fields = vec![
        ("break_duration_sec", Value::Number(30.0)),
        ("Pre Roll", Value::Number(2.56)),
        ("start", Value::Boolean(true)),
        ("__", Value::Number(1.0)),
        ("naïve", Value::String("ja\u{7}")),
        ("PRE_ROLL", Value::Number(9.0)),
        ("list", Value::StrictArray(vec![Value::Number(1.0)])),
        ("big", Value::Number(1e15)),
        ("bytes", Value::Opaque(b"\xFF")),
    ];
    let said = point(fields, 0).attributes;
    let said: Vec<_> = said.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        said,
        [("X-BREAK-DURATION-SEC", "30"), ("X-PRE-ROLL", "2.56"), ("X-START", "YES"), ("X-NA-VE", "ja ")]
    );
}

#[test]
fn a_splice_that_cannot_be_read_is_refused_and_one_that_is_not_there_is_a_cue() {
    let splice = |text| {
        let fields = vec![("type", Value::String("urn:scte:scte35:2013:bin")), ("cue", Value::String(text))];
        read_as("onAdCue", fields, 0)
    };
    assert_eq!(splice("%%%%"), Err(Error::CueText));
    assert_eq!(splice("0xFG"), Err(Error::CueText));
    for cut in ["", "/DAl", "0xFC30", "0x"] {
        assert!(matches!(splice(cut), Err(Error::CueSplice(_))), "{cut}");
    }
    let plain = vec![
        ("type", Value::String("SpliceOut")),
        ("id", Value::Number(7.0)),
        ("duration", Value::Number(30.0)),
    ];
    let plain = read_as("onAdCue", plain, 0).unwrap().unwrap();
    assert_eq!((plain.class, plain.name.as_deref(), plain.splice), ("onAdCue", Some("7"), None));
    assert_eq!(plain.lasts, Some(Duration::from_secs(30)));
    let bare = point(vec![("name", Value::String("scte35")), ("id", Value::String("5"))], 0);
    assert_eq!((bare.class, bare.name, bare.splice), ("scte35", None, None));
}

#[test]
fn base64_of_every_length_and_both_alphabets_is_read() {
    for (text, bytes) in [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm8", b"fo"), ("Zm9v", b"foo")] {
        assert_eq!(bytes_of(text.trim_end_matches('='), 6, sextet).unwrap(), bytes);
    }
    assert_eq!(bytes_of("+/-_", 6, sextet).unwrap(), &[0xFB, 0xFF, 0xBF][..]);
    assert_eq!(bytes_of("a b", 6, sextet), None);
}

#[test]
fn other_messages_are_none_of_its_business_however_broken() {
    for other in ["onMetaData", "onCaptionInfo", "onCuePoints", "", "@setDataFrame"] {
        assert_eq!(read_as(other, vec![], 0), Ok(None), "{other}");
    }
    assert_eq!(cue(b"", 0, &RtmpLimits::default()), Ok(None));
    assert_eq!(cue(b"\x02\xFF\xFF", 0, &RtmpLimits::default()), Ok(None));
}
