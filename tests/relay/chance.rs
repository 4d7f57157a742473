//! Numbers that look like chance and are the same for the same seed.

#[path = "../chance/splitmix.rs"]
mod splitmix;

/// A source of them.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The numbers of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Numbers of the same seed that have nothing to do with those of another `name`.
    pub(crate) fn of(seed: u64, name: u64) -> Self {
        let mut apart = Self(seed ^ name.wrapping_mul(0xd6e8_feb8_6659_fd93));
        apart.next();
        apart
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        splitmix::next(&mut self.0)
    }

    /// One below `end`; 0 when that is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or(0)
    }

    /// One from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something comes to pass that does so with this probability.
    pub(crate) fn hits(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// How many times something with this probability fails before it comes to pass.
    pub(crate) fn failures(&mut self, probability: f64) -> u64 {
        if probability <= 0.0 {
            return u64::MAX;
        }
        // The inverse of the geometric distribution; the cast ends at the largest number.
        ((1.0 - self.unit()).ln() / (1.0 - probability.min(1.0 - 1e-12)).ln()) as u64
    }

    /// One of them; `None` of none.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(all.len() as u64);
        all.get(usize::try_from(at).unwrap_or(0))
    }
}
