//! EXT-X-DATERANGE: a span of wall time with attributes.

use std::fmt;

use super::attributes::Attributes;
use super::date;
use super::seconds::Seconds;
use crate::media::WallTime;

/// EXT-X-DATERANGE (§4.4.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRange {
    /// ID.
    pub id: String,
    /// CLASS.
    pub class: Option<String>,
    /// START-DATE; printed in milliseconds.
    pub start: WallTime,
    /// END-DATE; printed in milliseconds.
    pub end: Option<WallTime>,
    /// DURATION.
    pub duration: Option<Seconds>,
    /// PLANNED-DURATION.
    pub planned_duration: Option<Seconds>,
    /// Every other attribute by name, in the order they stand: CUE, END-ON-NEXT, SCTE35-... and X-...
    pub attributes: Vec<(String, Value)>,
}

/// The value of an attribute that only the client and the author need to understand (§4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A quoted-string, without its quotes.
    Quoted(String),
    /// A number, a hexadecimal sequence or an enumerated string, as it stands.
    Bare(String),
}

impl DateRange {
    /// Reads the attribute list. ID and START-DATE must be there.
    pub(super) fn parse(list: &str) -> Option<Self> {
        let (mut id, mut class, mut start, mut end) = (None, None, None, None);
        let (mut duration, mut planned_duration) = (None, None);
        let mut others = Vec::new();
        let mut attributes = Attributes::new(list);
        for attribute in attributes.by_ref() {
            let text = attribute.value;
            match attribute.name {
                "ID" => id = Some(text.to_owned()),
                "CLASS" => class = Some(text.to_owned()),
                "START-DATE" => start = Some(date::parse(text)?),
                "END-DATE" => end = Some(date::parse(text)?),
                "DURATION" => duration = Some(Seconds::parse(text)?),
                "PLANNED-DURATION" => planned_duration = Some(Seconds::parse(text)?),
                name if attribute.quoted => others.push((name.to_owned(), Value::Quoted(text.to_owned()))),
                name => others.push((name.to_owned(), Value::Bare(text.to_owned()))),
            }
        }
        attributes.finish()?;
        Some(Self { id: id?, class, start: start?, end, duration, planned_duration, attributes: others })
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A clock outside the calendar has no RFC 3339 form: better no range than one of another date.
        if !self.start.is_in_calendar() {
            return Ok(());
        }
        write!(f, "#EXT-X-DATERANGE:ID=\"{}\"", self.id)?;
        if let Some(class) = &self.class {
            write!(f, ",CLASS=\"{class}\"")?;
        }
        write!(f, ",START-DATE=\"{}\"", self.start)?;
        if let Some(end) = self.end.filter(|end| end.is_in_calendar()) {
            write!(f, ",END-DATE=\"{end}\"")?;
        }
        if let Some(span) = self.duration {
            write!(f, ",DURATION={span:#}")?;
        }
        if let Some(span) = self.planned_duration {
            write!(f, ",PLANNED-DURATION={span:#}")?;
        }
        for (name, value) in &self.attributes {
            match value {
                Value::Quoted(text) => write!(f, ",{name}=\"{text}\"")?,
                Value::Bare(text) => write!(f, ",{name}={text}")?,
            }
        }
        f.write_str("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_printed_and_read_back() {
        let line = "ID=\"splice-6FFFFFF0\",CLASS=\"ad\",START-DATE=\"2014-03-05T11:15:00.000Z\",\
                    END-DATE=\"2014-03-05T11:16:00.000Z\",DURATION=60.0,PLANNED-DURATION=59.993,\
                    X-COM-EXAMPLE-AD-ID=\"XYZ123, and more\",X-N=1.5,SCTE35-OUT=0xFC002F0000,END-ON-NEXT=YES";
        let range = DateRange::parse(line).unwrap();
        assert_eq!(range.to_string(), format!("#EXT-X-DATERANGE:{line}\n"));
        assert_eq!(range.planned_duration, Some(Seconds::from_micros(59_993_000)));
        let out = ("SCTE35-OUT".to_owned(), Value::Bare("0xFC002F0000".to_owned()));
        assert_eq!(range.attributes[2], out);
    }

    #[test]
    fn a_range_without_id_or_start_is_refused() {
        for line in [
            "",
            "ID=\"a\"",
            "START-DATE=\"2014-03-05T11:15:00Z\"",
            "ID=\"a\",START-DATE=\"now\"",
            "ID=\"a\",START-DATE=\"2014-03-05T11:15:00Z\",DURATION=-1",
            "ID=\"a\",START-DATE=\"2014-03-05T11:15:00Z\",",
            "ID=a\",START-DATE=\"2014-03-05T11:15:00Z\"",
        ] {
            assert_eq!(DateRange::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_date_outside_the_calendar_is_left_out() {
        let out = WallTime { unix_micros: i64::MAX };
        let range = DateRange::parse("ID=\"a\",START-DATE=\"2014-03-05T11:15:00Z\"").unwrap();
        assert_eq!(DateRange { start: out, ..range.clone() }.to_string(), "");
        let late = DateRange { end: Some(out), ..range.clone() };
        assert_eq!(late.to_string(), range.to_string());
    }
}
