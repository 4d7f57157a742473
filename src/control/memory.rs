//! Memory: how near the server is to the memory it may have, and what is refused for it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What the server does without while memory is short. Each includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strain {
    /// There is enough.
    #[default]
    None,
    /// No new viewers, and nothing is held.
    Viewers,
    /// No new publishers.
    Publishers,
    /// The slowest readers are sent away.
    Shed,
}

impl Strain {
    const ALL: [Self; 4] = [Self::None, Self::Viewers, Self::Publishers, Self::Shed];

    /// In the log and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Viewers => "no_new_viewers",
            Self::Publishers => "no_new_publishers",
            Self::Shed => "shedding",
        }
    }

    /// From how much of the memory it holds, in per cent.
    fn begins(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Viewers => 85,
            Self::Publishers => 90,
            Self::Shed => 95,
        }
    }
}

/// Below the beginning of a strain by how much it ends, in per cent: one that comes and goes with every segment helps
/// nobody.
const EASE: u64 = 5;

/// The last sample. Reading takes no lock and no memory.
#[derive(Debug, Default)]
pub struct Memory {
    strain: AtomicU8,
    used: AtomicU64,
    bound: AtomicU64,
}

impl Memory {
    /// Takes a sample: `used` of `bound` bytes. What it comes to, and whether that is new.
    pub fn sample(&self, used: u64, bound: u64) -> (Strain, bool) {
        let before = self.strain();
        let strain = next(before, used, bound);
        self.used.store(used, Ordering::Relaxed);
        self.bound.store(bound, Ordering::Relaxed);
        self.strain.store(strain as u8, Ordering::Relaxed);
        (strain, strain != before)
    }

    /// How short memory is.
    pub fn strain(&self) -> Strain {
        let number = usize::from(self.strain.load(Ordering::Relaxed));
        Strain::ALL.get(number).copied().unwrap_or_default()
    }

    /// Bytes used and bytes there are, as sampled last; `None` where nothing bounds them.
    pub fn sampled(&self) -> Option<(u64, u64)> {
        let bound = self.bound.load(Ordering::Relaxed);
        (bound > 0).then(|| (self.used.load(Ordering::Relaxed), bound))
    }
}

fn next(before: Strain, used: u64, bound: u64) -> Strain {
    let reached = |strain: &Strain| {
        let ease = if *strain <= before { EASE } else { 0 };
        let begins = strain.begins().saturating_sub(ease);
        u128::from(used) * 100 >= u128::from(bound) * u128::from(begins)
    };
    if bound == 0 { Strain::None } else { Strain::ALL.into_iter().rfind(reached).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strain_grows_at_once_and_eases_late() {
        let memory = Memory::default();
        let mut told = 0;
        for (used, strain) in [
            (84, Strain::None),
            (85, Strain::Viewers),
            (81, Strain::Viewers),
            (79, Strain::None),
            (84, Strain::None),
            (96, Strain::Shed),
            (91, Strain::Shed),
            (89, Strain::Publishers),
            (86, Strain::Publishers),
            (84, Strain::Viewers),
            (79, Strain::None),
        ] {
            let (found, new) = memory.sample(used, 100);
            assert_eq!((found, memory.strain()), (strain, strain), "{used} %");
            told += usize::from(new);
        }
        assert_eq!(told, 6);
    }

    #[test]
    fn without_a_bound_there_is_no_strain() {
        let memory = Memory::default();
        assert_eq!(memory.sample(u64::MAX, 0), (Strain::None, false));
        assert_eq!(memory.sampled(), None);
        memory.sample(u64::MAX, u64::MAX);
        assert_eq!(memory.strain(), Strain::Shed);
    }
}
