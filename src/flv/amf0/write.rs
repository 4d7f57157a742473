//! Write: AMF0 values into a message of ours.

use bytes::{BufMut, Bytes, BytesMut};

use super::read::marker;
use super::value::Value;

/// A command's body: its name, its transaction, its values (Adobe RTMP 1.0 §7.2).
pub fn command(name: &str, transaction: f64, values: &[Value<'_>]) -> Bytes {
    let mut body = BytesMut::with_capacity(256);
    write(&mut body, &Value::String(name));
    write(&mut body, &Value::Number(transaction));
    values.iter().for_each(|value| write(&mut body, value));
    body.freeze()
}

/// Appends `value` to `out`.
///
/// What AMF0 cannot hold is cut: names and class names at 65,535 bytes. Counts and lengths are those of what is written.
pub fn write(out: &mut BytesMut, value: &Value<'_>) {
    match value {
        Value::Number(number) => {
            out.put_u8(marker::NUMBER);
            out.put_f64(*number);
        }
        Value::Boolean(truth) => out.put_slice(&[marker::BOOLEAN, u8::from(*truth)]),
        Value::String(text) => string(out, text.as_bytes()),
        Value::Opaque(bytes) => string(out, bytes),
        Value::Object(pairs) => {
            out.put_u8(marker::OBJECT);
            fields(out, pairs);
        }
        Value::Null => out.put_u8(marker::NULL),
        Value::Undefined => out.put_u8(marker::UNDEFINED),
        Value::EcmaArray(pairs) => {
            out.put_u8(marker::ECMA_ARRAY);
            out.put_u32(u32::try_from(pairs.len()).unwrap_or(u32::MAX));
            fields(out, pairs);
        }
        Value::StrictArray(items) => {
            let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
            out.put_u8(marker::STRICT_ARRAY);
            out.put_u32(count);
            items.iter().take(count as usize).for_each(|item| write(out, item));
        }
        Value::Date { millis, zone } => {
            out.put_u8(marker::DATE);
            out.put_f64(*millis);
            out.put_i16(*zone);
        }
        Value::Unsupported => out.put_u8(marker::UNSUPPORTED),
        Value::Xml(text) => {
            out.put_u8(marker::XML);
            long(out, text.as_bytes());
        }
        Value::Typed { class, fields: pairs } => {
            out.put_u8(marker::TYPED);
            short(out, class.as_bytes());
            fields(out, pairs);
        }
    }
}

fn string(out: &mut BytesMut, bytes: &[u8]) {
    if bytes.len() > usize::from(u16::MAX) {
        out.put_u8(marker::LONG_STRING);
        long(out, bytes);
    } else {
        out.put_u8(marker::STRING);
        short(out, bytes);
    }
}

fn short(out: &mut BytesMut, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.put_u16(len);
    out.put_slice(bytes.get(..usize::from(len)).unwrap_or(bytes));
}

fn long(out: &mut BytesMut, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.put_u32(len);
    out.put_slice(bytes.get(..len as usize).unwrap_or(bytes));
}

fn fields(out: &mut BytesMut, pairs: &[(&str, Value<'_>)]) {
    for (name, value) in pairs {
        short(out, name.as_bytes());
        write(out, value);
    }
    out.put_slice(&[0, 0, marker::OBJECT_END]);
}
