//! File: the tags of an FLV file, one after the other.
//!
//! ```text
//! "FLV"  version:8 (1)  flags:8  header size:32   previous tag size:32   then per tag:
//! filter:3 type:5   body size:24   time:24   time, high byte:8   stream:24   body   previous tag size:32
//! ```

use bytes::{Buf, Bytes};

use crate::base::ByteReader;

use super::error::Error;
use super::tag::TagKind;

/// An FLV file, read tag by tag. The bytes of a cut last tag are left out: recordings often end so.
#[derive(Debug, Clone)]
pub struct File {
    left: Bytes,
}

/// One tag of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTag {
    /// What it carries.
    pub kind: TagKind,
    /// Decode time in milliseconds.
    pub time: u32,
    /// The tag body, for [`Tag::parse`](super::Tag::parse).
    pub body: Bytes,
}

impl File {
    /// Checks the file header.
    ///
    /// # Errors
    /// When the bytes do not start an FLV file.
    pub fn open(bytes: Bytes) -> Result<Self, Error> {
        let mut reader = ByteReader::new(&bytes);
        if reader.array() != Some(*b"FLV\x01") {
            return Err(Error::Signature);
        }
        let size = reader.u8().and_then(|_flags| reader.u32()).ok_or(Error::Truncated { field: "header" })?;
        // The header may grow in later versions; the tags start behind the first previous tag size.
        let tags = (size as usize).max(9).saturating_add(4);
        let mut left = bytes;
        if left.len() < tags {
            return Err(Error::Truncated { field: "first tag" });
        }
        left.advance(tags);
        Ok(Self { left })
    }

    /// Takes one tag off; `None` at the end, or where the file is cut.
    fn take(&mut self) -> Option<(u8, u32, Bytes)> {
        let mut reader = ByteReader::new(&self.left);
        let head = reader.u8()?;
        let size = reader.u24()? as usize;
        let low = reader.u24()?;
        let high = u32::from(reader.u8()?);
        reader.u24()?;
        let body = self.left.slice_ref(reader.take(size)?);
        // The size behind the last tag may be missing.
        reader.take(4.min(reader.remaining()))?;
        self.left = self.left.slice_ref(reader.rest());
        Some((head, (high << 24) | low, body))
    }
}

/// Tags in file order; tags of unknown types are passed over.
impl Iterator for File {
    type Item = Result<FileTag, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        const FILTER: u8 = 0x20;
        loop {
            let (head, time, body) = self.take()?;
            if head & FILTER != 0 {
                return Some(Err(Error::Encrypted));
            }
            if let Some(kind) = TagKind::from_id(head & 0x1F) {
                return Some(Ok(FileTag { kind, time, body }));
            }
        }
    }
}
