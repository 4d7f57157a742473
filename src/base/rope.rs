//! Rope: a list of shared byte runs that reads as one body, so that nothing is joined to be sent.

use std::ops::Range;

use bytes::Bytes;

/// Byte runs in order, shared: cloning one costs a reference count a run.
#[derive(Debug, Clone, Default)]
pub struct Rope {
    runs: Vec<Bytes>,
    len: u64,
}

impl Rope {
    /// An empty rope with room for `runs` runs.
    pub fn with_capacity(runs: usize) -> Self {
        Self { runs: Vec::with_capacity(runs), len: 0 }
    }

    /// Appends one run; empty runs are left out.
    pub fn push(&mut self, run: Bytes) {
        if !run.is_empty() {
            self.len = self.len.saturating_add(run.len() as u64);
            self.runs.push(run);
        }
    }

    /// Appends every run of `other`.
    pub fn append(&mut self, other: &Self) {
        self.runs.extend(other.runs.iter().cloned());
        self.len = self.len.saturating_add(other.len);
    }

    /// Length of the whole in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The runs in order.
    pub fn runs(&self) -> &[Bytes] {
        &self.runs
    }

    /// The bytes of `range`, still shared; what lies past the end is left out.
    #[must_use]
    pub fn slice(&self, range: Range<u64>) -> Self {
        let mut out = Self::default();
        let mut at = 0_u64;
        for run in &self.runs {
            let end = at.saturating_add(run.len() as u64);
            let from = range.start.clamp(at, end).saturating_sub(at) as usize;
            let to = range.end.clamp(at, end).saturating_sub(at) as usize;
            if from < to {
                out.push(run.slice(from..to));
            }
            at = end;
        }
        out
    }
}

impl From<Bytes> for Rope {
    fn from(run: Bytes) -> Self {
        let mut rope = Self::with_capacity(1);
        rope.push(run);
        rope
    }
}

/// Gives up the runs one by one, in order.
impl IntoIterator for Rope {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.runs.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(runs: &[&'static str]) -> Rope {
        let mut rope = Rope::default();
        runs.iter().for_each(|run| rope.push(Bytes::from_static(run.as_bytes())));
        rope
    }

    fn text(rope: Rope) -> String {
        rope.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_slice_keeps_the_bytes_and_shares_the_runs() {
        let whole = rope(&["abc", "", "de", "fgh"]);
        assert_eq!(whole.len(), 8);
        assert_eq!(text(whole.slice(0..8)), "abc|de|fgh");
        assert_eq!(text(whole.slice(2..6)), "c|de|f");
        assert_eq!(text(whole.slice(3..5)), "de");
        assert_eq!(text(whole.slice(6..99)), "gh");
        assert!(whole.slice(8..9).is_empty());
        let part = whole.slice(1..3);
        assert_eq!(part.runs()[0].as_ptr(), whole.runs()[0][1..].as_ptr());
    }
}
