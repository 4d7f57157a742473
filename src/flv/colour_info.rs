//! ColourInfo: what a publisher says of the colour of its pictures beside the bitstream.
//!
//! ```text
//! body       (name, value)*                  AMF0; one name is defined
//! colorInfo  undefined                       back to what the bitstream says
//!            object ─ colorConfig ─ colorPrimaries  transferCharacteristics  matrixCoefficients
//! ```
//! How bright the mastering display was (`hdrMdcv`, `hdrCll`) is not taken up: no player asks for it in a playlist, and
//! HDR10 streams repeat it in their own messages.
//! Spec: Enhanced RTMP v2, `VideoPacketType.Metadata`; code points of ISO/IEC 23091-2.

use super::amf0::{Reader, Value};
use super::error::Error;
use crate::media::{Colour, RtmpLimits};

/// What the body of a metadata packet says of colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColourInfo {
    /// The colours, by a description without a range; `None` goes back to what the bitstream says.
    pub colour: Option<Colour>,
}

impl ColourInfo {
    /// Reads the body of a metadata packet. `None` when it says nothing of colour: names that are not known and values
    /// that are none of the defined ones say nothing.
    ///
    /// # Errors
    /// When the body is not AMF0 within the bounds of `limits`.
    pub fn parse(body: &[u8], limits: &RtmpLimits) -> Result<Option<Self>, Error> {
        let mut reader = Reader::new(body, limits);
        while let Some(name) = reader.read()? {
            let Some(value) = reader.read()? else { break };
            if name.as_str() == Some("colorInfo") {
                return Ok(Self::of(&value));
            }
        }
        Ok(None)
    }

    fn of(value: &Value<'_>) -> Option<Self> {
        if matches!(value, Value::Undefined | Value::Null) {
            return Some(Self { colour: None });
        }
        value.fields()?;
        let config = value.get("colorConfig");
        let point = |name| config?.get(name)?.as_number().and_then(point);
        let or_unspecified = |point: Option<u8>| point.unwrap_or(Colour::UNSPECIFIED);
        let (primaries, transfer) = (point("colorPrimaries"), point("transferCharacteristics"));
        let matrix = point("matrixCoefficients");
        // The code point 0 is a matrix (of RGB), and reserved in the other two.
        let used = |point: Option<u8>| or_unspecified(point.filter(|point| *point != 0));
        let colour = Colour {
            primaries: used(primaries),
            transfer: used(transfer),
            matrix: or_unspecified(matrix),
            full_range: false,
        };
        Some(Self { colour: (!colour.is_unspecified()).then_some(colour) })
    }
}

/// A whole number of eight bits.
fn point(number: f64) -> Option<u8> {
    let whole = (0.0..=255.0).contains(&number) && number.fract() == 0.0;
    whole.then_some(number as u8)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::flv::amf0;

    fn parse(values: &[Value<'_>]) -> Result<Option<ColourInfo>, Error> {
        let mut body = BytesMut::new();
        values.iter().for_each(|value| amf0::write(&mut body, value));
        ColourInfo::parse(&body, &RtmpLimits::default())
    }

    fn info(config: Vec<(&'static str, Value<'static>)>) -> Option<Colour> {
        let object = Value::Object(vec![("colorConfig", Value::Object(config))]);
        parse(&[Value::String("colorInfo"), object]).unwrap().unwrap().colour
    }

    #[test]
    fn the_three_code_points_are_taken_as_far_as_they_are_some() {
        let number = Value::Number;
        let hlg = vec![
            ("bitDepth", number(10.0)),
            ("colorPrimaries", number(9.0)),
            ("transferCharacteristics", number(18.0)),
            ("matrixCoefficients", number(9.0)),
        ];
        assert_eq!(info(hlg), Some(Colour { primaries: 9, transfer: 18, matrix: 9, full_range: false }));
        let odd = vec![
            ("colorPrimaries", number(0.0)),
            ("transferCharacteristics", number(16.0)),
            ("matrixCoefficients", number(9.5)),
        ];
        assert_eq!(info(odd), Some(Colour { primaries: 2, transfer: 16, matrix: 2, full_range: false }));
        for nothing in [f64::NAN, f64::INFINITY, -1.0, 256.0, 1e300] {
            assert_eq!(info(vec![("transferCharacteristics", number(nothing))]), None);
        }
        assert_eq!(info(vec![("transferCharacteristics", Value::String("16"))]), None);
        assert_eq!(info(vec![]), None);
    }

    #[test]
    fn undefined_goes_back_and_what_is_not_known_says_nothing() {
        let name = || Value::String("colorInfo");
        let back = Some(ColourInfo { colour: None });
        assert_eq!(parse(&[name(), Value::Undefined]), Ok(back));
        let other = [Value::String("other"), Value::Number(1.0), name(), Value::Null];
        assert_eq!(parse(&other), Ok(back), "behind a name of no meaning");
        assert_eq!(parse(&[name(), Value::Number(16.0)]), Ok(None));
        assert_eq!(parse(&[name(), Value::Object(vec![("colorConfig", Value::Number(16.0))])]), Ok(back));
        assert_eq!(parse(&[name()]), Ok(None), "a name without a value");
        assert_eq!(parse(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_amf0_or_too_deep_is_refused_by_name() {
        let limits = RtmpLimits::default();
        let deep = [&b"\x02\x00\x09colorInfo"[..], &b"\x03\x00\x01a".repeat(40)].concat();
        let fault = ColourInfo::parse(&deep, &limits).unwrap_err();
        assert!(matches!(fault, Error::AmfDepth { .. }), "{fault}");
        assert!(ColourInfo::parse(b"\xFFgarbage", &limits).is_err());
        let many = Value::StrictArray(vec![Value::Null; limits.amf_values + 1]);
        assert!(parse(&[Value::String("colorInfo"), many]).is_err());
    }
}
