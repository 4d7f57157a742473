//! A checked walk over ISO-BMFF boxes (ISO/IEC 14496-12 §4.2): size, type, body, and nothing allocated.
//!
//! The walk is ours so that unknown and damaged boxes elsewhere in the file do not matter; what is
//! inside the tables is decoded by `mp4-atom`.

use super::error::ClipError;
use crate::base::ByteReader;

/// One box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    /// Its type.
    pub(super) kind: [u8; 4],
    /// Where it begins in the slice that was walked.
    pub(super) at: usize,
    /// Header and body.
    pub(super) whole: &'a [u8],
    /// Body alone.
    pub(super) body: &'a [u8],
}

/// The boxes in `bytes`, one after another. `place` names what is walked in errors.
pub(super) fn walk<'a>(place: &'static str, bytes: &'a [u8]) -> Walk<'a> {
    Walk { place, bytes, at: 0 }
}

/// See [`walk`].
pub(super) struct Walk<'a> {
    place: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn step(&mut self) -> Result<Option<Node<'a>>, ClipError> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let mut reader = ByteReader::new(left);
        // Fewer bytes than a header are padding: QuickTime ends lists with four zeros.
        let (Some(short), Some(kind)) = (reader.u32(), reader.array::<4>()) else {
            return Ok(None);
        };
        let size = match short {
            0 => left.len() as u64,
            1 => reader.u64().ok_or_else(|| ClipError::damaged(self.place, "ends inside a box header"))?,
            size => u64::from(size),
        };
        let header = left.len().saturating_sub(reader.remaining());
        let whole = usize::try_from(size).ok().and_then(|size| left.get(..size));
        let whole = whole
            .ok_or_else(|| ClipError::damaged(self.place, "a box in it says it is longer than it can be"))?;
        let body = whole.get(header..);
        let body = body.ok_or_else(|| {
            ClipError::damaged(self.place, "a box in it says it is shorter than its header")
        })?;
        let node = Node { kind, at: self.at, whole, body };
        self.at = self.at.saturating_add(whole.len());
        Ok(Some(node))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Node<'a>, ClipError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if matches!(step, Some(Err(_))) {
            self.at = self.bytes.len();
        }
        step
    }
}

impl<'a> Node<'a> {
    /// The first box of type `kind` in this one's body.
    pub(super) fn find(&self, place: &'static str, kind: &[u8; 4]) -> Result<Option<Self>, ClipError> {
        find(place, self.body, kind)
    }

    /// The same, which must be there; `name` is its name in errors.
    pub(super) fn need(&self, name: &'static str, kind: &[u8; 4]) -> Result<Self, ClipError> {
        self.find(name, kind)?.ok_or(ClipError::Missing(name))
    }

    /// Decodes the box as `T`.
    pub(super) fn decode<T: mp4_atom::Decode>(&self, place: &'static str) -> Result<T, ClipError> {
        let mut bytes = self.whole;
        T::decode(&mut bytes).map_err(|source| ClipError::Undecodable { place, source })
    }
}

/// The first box of type `kind` among those in `bytes`.
pub(super) fn find<'a>(
    place: &'static str,
    bytes: &'a [u8],
    kind: &[u8; 4],
) -> Result<Option<Node<'a>>, ClipError> {
    for node in walk(place, bytes) {
        let node = node?;
        if node.kind == *kind {
            return Ok(Some(node));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_size_forms_are_walked() {
        let mut bytes = vec![0, 0, 0, 9, b'a', b'a', b'a', b'a', 7];
        bytes.extend([0, 0, 0, 1, b'b', b'b', b'b', b'b', 0, 0, 0, 0, 0, 0, 0, 18, 8, 9]);
        bytes.extend([0, 0, 0, 0, b'c', b'c', b'c', b'c', 1, 2, 3]);
        let nodes: Vec<_> = walk("file", &bytes).map(Result::unwrap).collect();
        assert_eq!(nodes.iter().map(|n| n.body).collect::<Vec<_>>(), [&[7][..], &[8, 9], &[1, 2, 3]]);
        assert_eq!(nodes.iter().map(|n| n.at).collect::<Vec<_>>(), [0, 9, 27]);
    }

    #[test]
    fn a_box_that_lies_about_its_size_is_named() {
        for lie in [&[0, 0, 0, 20, b'a', b'a', b'a', b'a', 7][..], &[0, 0, 0, 7, b'a', b'a', b'a', b'a']] {
            let error = walk("moov", lie).next().unwrap().unwrap_err();
            assert!(error.to_string().starts_with("moov: a box in it says it is"), "{error}");
        }
        assert!(walk("moov", &[0, 0, 0, 1, b'a', b'a', b'a', b'a', 0]).next().unwrap().is_err());
        assert!(walk("moov", &[0, 0, 0, 0]).next().is_none(), "padding");
    }
}
