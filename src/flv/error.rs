//! Error: why bytes are not FLV or AMF0. The blame is always the peer's.

/// What is wrong with a tag, a script value or a file; `at` counts bytes from the start of what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A script value ends before it is whole.
    #[error("AMF0 value at byte {at} is cut short")]
    AmfTruncated {
        /// Where the bytes ran out.
        at: usize,
    },
    /// An object or array without its end marker.
    #[error("AMF0 object is not terminated at byte {at}")]
    AmfUnterminated {
        /// Where the end marker was missing.
        at: usize,
    },
    /// Values nested deeper than allowed.
    #[error("AMF0 value at byte {at} is nested deeper than {max}")]
    AmfDepth {
        /// Where the value that is too deep starts.
        at: usize,
        /// The ceiling.
        max: usize,
    },
    /// More values in one message than allowed.
    #[error("AMF0 message holds more than {max} values")]
    AmfValues {
        /// The ceiling.
        max: usize,
    },
    /// A string longer than allowed.
    #[error("AMF0 string at byte {at} is {len} bytes, more than {max}")]
    AmfString {
        /// Where the string starts.
        at: usize,
        /// Its declared length in bytes.
        len: usize,
        /// The ceiling.
        max: usize,
    },
    /// A property name longer than allowed.
    #[error("AMF0 property name at byte {at} is {len} bytes, more than {max}")]
    AmfKey {
        /// Where the name starts.
        at: usize,
        /// Its declared length in bytes.
        len: usize,
        /// The ceiling.
        max: usize,
    },
    /// A property name that is not UTF-8.
    #[error("AMF0 property name at byte {at} is not UTF-8")]
    AmfKeyText {
        /// Where the name starts.
        at: usize,
    },
    /// A reference to an earlier object: a message could refer to itself.
    #[error("AMF0 reference at byte {at} is not accepted")]
    AmfReference {
        /// Where it stands.
        at: usize,
    },
    /// The marker that switches to AMF3.
    #[error("AMF3 value at byte {at} where AMF0 is expected")]
    AmfSwitch {
        /// Where it stands.
        at: usize,
    },
    /// A type marker that is reserved or unknown.
    #[error("AMF0 marker {marker:#04x} at byte {at} is unknown")]
    AmfMarker {
        /// Where it stands.
        at: usize,
        /// The marker.
        marker: u8,
    },
}
