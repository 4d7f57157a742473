//! Chance: SplitMix64, forked for everybody who needs some, so that nobody's draws depend on another's.

#[path = "../chance/splitmix.rs"]
mod splitmix;

use std::time::Duration;

pub(crate) struct Random(u64);

impl Random {
    /// A source of its own for `who`, whatever was drawn here before.
    pub(crate) fn of(seed: u64, who: u64) -> Self {
        let mut mixed = Self(seed ^ who.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(mixed.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        splitmix::next(&mut self.0)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }

    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}
