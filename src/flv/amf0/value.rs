//! Value: one AMF0 value, borrowing its text from the message it was read from.

/// One AMF0 value (Adobe AMF0 §2).
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A double, kept as it came: it may be NaN or infinite.
    Number(f64),
    /// A truth value.
    Boolean(bool),
    /// Text, short or long.
    String(&'a str),
    /// A string that is not UTF-8, though it should be: some encoders write titles in their own code page.
    Opaque(&'a [u8]),
    /// An anonymous object: names and values in order, names possibly repeated.
    Object(Vec<(&'a str, Self)>),
    /// Nothing.
    Null,
    /// Not even nothing.
    Undefined,
    /// An associative array; told from an object only by its marker.
    EcmaArray(Vec<(&'a str, Self)>),
    /// A list.
    StrictArray(Vec<Self>),
    /// A point in time.
    Date {
        /// Milliseconds since 1970-01-01 UTC.
        millis: f64,
        /// Time zone in minutes; the specification wants 0.
        zone: i16,
    },
    /// A value its sender could not express.
    Unsupported,
    /// An XML document as text; empty when it is not UTF-8.
    Xml(&'a str),
    /// An object with a class name.
    Typed {
        /// The class name; empty when it is not UTF-8.
        class: &'a str,
        /// Names and values in order.
        fields: Vec<(&'a str, Self)>,
    },
}

impl<'a> Value<'a> {
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if it is one; a number counts as true when it is not zero.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Number(number) => Some(*number != 0.0),
            _ => None,
        }
    }

    /// The text, if it is some.
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::String(text) | Self::Xml(text) => Some(text),
            _ => None,
        }
    }

    /// Names and values, if it is an object of any of the three kinds.
    pub fn fields(&self) -> Option<&[(&'a str, Self)]> {
        match self {
            Self::Object(fields) | Self::EcmaArray(fields) | Self::Typed { fields, .. } => Some(fields),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::StrictArray(items) => Some(items),
            _ => None,
        }
    }

    /// The first property called `name`, if it is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.fields()?.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}
