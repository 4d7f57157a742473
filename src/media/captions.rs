//! Captions: which caption channels travel inside the pictures of a track.

/// A set of caption channels: CC1 to CC4 of CEA-608, and services of CEA-708.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Captions(u32);

impl Captions {
    /// Services past this number are not told: nobody has more than the six standard ones and a few.
    pub const MOST_SERVICES: u8 = 28;

    /// A channel of CEA-608, 1 to 4; nothing for other numbers.
    pub fn channel(number: u8) -> Self {
        Self::bit(number, 1..=4, 0)
    }

    /// A service of CEA-708, 1 to [`Captions::MOST_SERVICES`]; nothing for other numbers.
    pub fn service(number: u8) -> Self {
        Self::bit(number, 1..=Self::MOST_SERVICES, 4)
    }

    /// Those of either.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers of the CEA-608 channels.
    pub fn channels(self) -> impl Iterator<Item = u8> {
        (1..=4).filter(move |number| Self::channel(*number).0 & self.0 != 0)
    }

    /// The numbers of the CEA-708 services.
    pub fn services(self) -> impl Iterator<Item = u8> {
        (1..=Self::MOST_SERVICES).filter(move |number| Self::service(*number).0 & self.0 != 0)
    }

    /// The set as a number, for keeping in an atomic.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// The set that [`Captions::to_bits`] gave.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    fn bit(number: u8, known: std::ops::RangeInclusive<u8>, shift: u32) -> Self {
        if known.contains(&number) { Self(1 << (shift + u32::from(number) - 1)) } else { Self(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_back_what_was_put_in_and_nothing_out_of_range() {
        let set = Captions::channel(1).with(Captions::channel(4)).with(Captions::service(1));
        let set = set.with(Captions::service(28));
        assert_eq!(set.channels().collect::<Vec<_>>(), [1, 4]);
        assert_eq!(set.services().collect::<Vec<_>>(), [1, 28]);
        assert_eq!(Captions::from_bits(set.to_bits()), set);
        for none in [Captions::channel(0), Captions::channel(5), Captions::service(0), Captions::service(29)]
        {
            assert!(none.is_empty());
        }
    }
}
