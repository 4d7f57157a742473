//! Reader: AMF0 values out of one message, with depth, count and lengths bounded.

use std::str;

use crate::base::ByteReader;
use crate::media::RtmpLimits;

use super::super::error::Error;
use super::value::Value;

/// Type markers (AMF0 §2.1).
pub(super) mod marker {
    pub(crate) const NUMBER: u8 = 0x00;
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const STRING: u8 = 0x02;
    pub(crate) const OBJECT: u8 = 0x03;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const UNDEFINED: u8 = 0x06;
    pub(crate) const REFERENCE: u8 = 0x07;
    pub(crate) const ECMA_ARRAY: u8 = 0x08;
    pub(crate) const OBJECT_END: u8 = 0x09;
    pub(crate) const STRICT_ARRAY: u8 = 0x0A;
    pub(crate) const DATE: u8 = 0x0B;
    pub(crate) const LONG_STRING: u8 = 0x0C;
    pub(crate) const UNSUPPORTED: u8 = 0x0D;
    pub(crate) const XML: u8 = 0x0F;
    pub(crate) const TYPED: u8 = 0x10;
    pub(crate) const SWITCH: u8 = 0x11;
}

/// Reads the values of one message, one after the other.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: ByteReader<'a>,
    len: usize,
    values: usize,
    max_values: usize,
    max_depth: usize,
    max_string: usize,
    max_key: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `message`, within the `amf_*` bounds of `limits`, which hold for the message as a whole.
    pub fn new(message: &'a [u8], limits: &RtmpLimits) -> Self {
        Self {
            input: ByteReader::new(message),
            len: message.len(),
            values: 0,
            max_values: limits.amf_values,
            max_depth: limits.amf_depth,
            max_string: limits.amf_string,
            max_key: limits.amf_key,
        }
    }

    /// The next value, or `None` at the end of the message.
    ///
    /// # Errors
    /// Says what is wrong and where; the reader is then of no more use.
    pub fn read(&mut self) -> Result<Option<Value<'a>>, Error> {
        if self.input.is_empty() { Ok(None) } else { self.value(0).map(Some) }
    }

    /// Bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.input.rest()
    }

    fn at(&self) -> usize {
        self.len.saturating_sub(self.input.remaining())
    }

    fn cut(&self) -> Error {
        Error::AmfTruncated { at: self.at() }
    }

    /// One value; `depth` is how many objects and arrays it lies in.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        let at = self.at();
        self.values = self.values.saturating_add(1);
        if self.values > self.max_values {
            return Err(Error::AmfValues { max: self.max_values });
        }
        if depth > self.max_depth {
            return Err(Error::AmfDepth { at, max: self.max_depth });
        }
        let inner = depth.saturating_add(1);
        let marker = self.input.u8().ok_or(Error::AmfTruncated { at })?;
        match marker {
            marker::OBJECT => Ok(Value::Object(self.fields(inner, None)?)),
            marker::ECMA_ARRAY => {
                let count = self.input.u32().ok_or_else(|| self.cut())?;
                Ok(Value::EcmaArray(self.fields(inner, Some(count))?))
            }
            marker::TYPED => {
                let class = str::from_utf8(self.key()?).unwrap_or_default();
                Ok(Value::Typed { class, fields: self.fields(inner, None)? })
            }
            marker::STRICT_ARRAY => self.items(inner),
            _ => self.scalar(marker, at),
        }
    }

    fn scalar(&mut self, marker: u8, at: usize) -> Result<Value<'a>, Error> {
        Ok(match marker {
            marker::NUMBER => Value::Number(self.input.f64().ok_or_else(|| self.cut())?),
            marker::BOOLEAN => Value::Boolean(self.input.u8().ok_or_else(|| self.cut())? != 0),
            marker::STRING => {
                let len = self.input.u16().ok_or_else(|| self.cut())?;
                self.string(usize::from(len))?
            }
            marker::LONG_STRING => {
                let len = self.input.u32().ok_or_else(|| self.cut())?;
                self.string(usize::try_from(len).unwrap_or(usize::MAX))?
            }
            marker::XML => {
                let len = self.input.u32().ok_or_else(|| self.cut())?;
                let text = self.string(usize::try_from(len).unwrap_or(usize::MAX))?;
                Value::Xml(text.as_str().unwrap_or_default())
            }
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
            marker::UNSUPPORTED => Value::Unsupported,
            marker::DATE => {
                let millis = self.input.f64().ok_or_else(|| self.cut())?;
                let zone = self.input.u16().ok_or_else(|| self.cut())?;
                Value::Date { millis, zone: zone.cast_signed() }
            }
            marker::REFERENCE => return Err(Error::AmfReference { at }),
            marker::SWITCH => return Err(Error::AmfSwitch { at }),
            _ => return Err(Error::AmfMarker { at, marker }),
        })
    }

    fn string(&mut self, len: usize) -> Result<Value<'a>, Error> {
        let at = self.at();
        if len > self.max_string {
            return Err(Error::AmfString { at, len, max: self.max_string });
        }
        let bytes = self.input.take(len).ok_or(Error::AmfTruncated { at })?;
        Ok(str::from_utf8(bytes).map_or(Value::Opaque(bytes), Value::String))
    }

    fn key(&mut self) -> Result<&'a [u8], Error> {
        let len = usize::from(self.input.u16().ok_or_else(|| self.cut())?);
        let at = self.at();
        if len > self.max_key {
            return Err(Error::AmfKey { at, len, max: self.max_key });
        }
        self.input.take(len).ok_or(Error::AmfTruncated { at })
    }

    /// Names and values up to the end marker. `count` is what an ECMA array declares: it reserves nothing, and
    /// only excuses muxers that leave out the end marker of an array which ends its message.
    fn fields(&mut self, depth: usize, count: Option<u32>) -> Result<Vec<(&'a str, Value<'a>)>, Error> {
        let mut fields = Vec::new();
        loop {
            if self.input.is_empty() {
                let all = u32::try_from(fields.len()).is_ok_and(|have| Some(have) == count);
                return if all { Ok(fields) } else { Err(Error::AmfUnterminated { at: self.len }) };
            }
            let at = self.at();
            let name = self.key()?;
            if name.is_empty() && self.input.rest().first() == Some(&marker::OBJECT_END) {
                self.input.u8();
                return Ok(fields);
            }
            let name = str::from_utf8(name).map_err(|_| Error::AmfKeyText { at })?;
            fields.push((name, self.value(depth)?));
        }
    }

    /// A strict array; its count reserves nothing.
    fn items(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        let count = self.input.u32().ok_or_else(|| self.cut())?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(Value::StrictArray(items))
    }
}
