//! A reference chunk writer: plain and slow, one message or several interleaved, in every dialect seen in the field.

use std::collections::HashMap;

use super::Wire;

/// How a sender writes what the specification leaves open or senders disagree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Headers with deltas where they can be, else always whole ones.
    pub(crate) compress: bool,
    /// The extended timestamp again on every type 3 header.
    pub(crate) repeat_extended: bool,
    /// A whole header on every chunk of a message.
    pub(crate) full_continuation: bool,
}

impl Dialect {
    pub(crate) const PLAIN: Self = Self { compress: false, repeat_extended: true, full_continuation: false };
    pub(crate) const FFMPEG: Self = Self { compress: true, repeat_extended: true, full_continuation: false };
    pub(crate) const ADOBE: Self = Self { compress: true, repeat_extended: false, full_continuation: false };
}

/// What was last written on a chunk stream.
#[derive(Clone)]
struct Last {
    message: Wire,
    field: u32,
}

pub(crate) struct Writer {
    pub(crate) dialect: Dialect,
    pub(crate) chunk_size: usize,
    last: HashMap<u32, Last>,
}

impl Writer {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, chunk_size: 128, last: HashMap::new() }
    }

    /// A whole message.
    pub(crate) fn write(&mut self, message: &Wire) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        loop {
            at = self.chunk(&mut out, message, at);
            if at >= message.body.len() {
                return out;
            }
        }
    }

    /// The next chunk of `message`, from byte `at` of its body; answers where the next one starts.
    pub(crate) fn chunk(&mut self, out: &mut Vec<u8>, message: &Wire, at: usize) -> usize {
        if at == 0 {
            self.head(out, message);
        } else {
            self.continuation(out, message);
        }
        let end = message.body.len().min(at + self.chunk_size);
        out.extend_from_slice(&message.body[at..end]);
        end
    }

    fn head(&mut self, out: &mut Vec<u8>, message: &Wire) {
        let last = self.last.get(&message.csid).filter(|last| {
            self.dialect.compress
                && last.message.stream == message.stream
                && message.time.wrapping_sub(last.message.time) < 0x8000_0000
        });
        let (format, field) = match last {
            None => (0, message.time),
            Some(last) => {
                let delta = message.time.wrapping_sub(last.message.time);
                let same_shape =
                    last.message.kind == message.kind && last.message.body.len() == message.body.len();
                let format = match (same_shape, last.field == delta) {
                    (true, true) => 3,
                    (true, false) => 2,
                    (false, _) => 1,
                };
                (format, delta)
            }
        };
        self.header(out, format, field, message);
        self.last.insert(message.csid, Last { message: message.clone(), field });
    }

    fn continuation(&mut self, out: &mut Vec<u8>, message: &Wire) {
        let field = self.last[&message.csid].field;
        if self.dialect.full_continuation {
            self.header(out, 0, message.time, message);
        } else {
            self.header(out, 3, field, message);
        }
    }

    fn header(&self, out: &mut Vec<u8>, format: u8, field: u32, message: &Wire) {
        let csid = message.csid;
        match csid {
            2..=63 => out.push((format << 6) | csid as u8),
            64..=319 => out.extend([format << 6, (csid - 64) as u8]),
            _ => out.extend([(format << 6) | 1, (csid - 64) as u8, ((csid - 64) >> 8) as u8]),
        }
        if format < 3 {
            out.extend(&field.min(0xFF_FFFF).to_be_bytes()[1..]);
        }
        if format < 2 {
            out.extend(&(message.body.len() as u32).to_be_bytes()[1..]);
            out.push(message.kind);
        }
        if format == 0 {
            out.extend(message.stream.to_le_bytes());
        }
        if field >= 0xFF_FFFF && (format < 3 || self.dialect.repeat_extended) {
            out.extend(field.to_be_bytes());
        }
    }
}
