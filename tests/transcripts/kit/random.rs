//! A small random source (SplitMix64). Its seed is printed, and shown when the test fails.

#[path = "../../chance/splitmix.rs"]
mod splitmix;

pub(crate) struct Random(u64);

impl Random {
    /// Seeded by `RTMP_TEST_SEED`, else by the clock.
    pub(crate) fn new() -> Self {
        Self(splitmix::seed("RTMP_TEST_SEED"))
    }

    pub(crate) fn next(&mut self) -> u64 {
        splitmix::next(&mut self.0)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}
