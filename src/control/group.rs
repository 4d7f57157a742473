//! Groups as an operator declares them: streams that are renditions of one.

use crate::media::StreamName;

/// Several streams that are published as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredGroup {
    /// The stream that viewers watch. Nobody publishes to it.
    pub name: StreamName,
    /// Who publishes its renditions, the one that leads first.
    pub members: Vec<StreamName>,
    /// Of those, whose sound is taken, in order.
    pub sound: Vec<StreamName>,
}

impl DeclaredGroup {
    /// Fewest and most members.
    pub const MEMBERS: std::ops::RangeInclusive<usize> = 2..=8;

    /// The places of the members whose sound is taken.
    pub fn sound_places(&self) -> Vec<u8> {
        let place = |name| (0..=u8::MAX).zip(&self.members).find(|(_, member)| *member == name);
        self.sound.iter().filter_map(|name| place(name).map(|(place, _)| place)).collect()
    }

    /// Whether `name` is the member that leads.
    pub fn led_by(&self, name: &StreamName) -> bool {
        self.members.first() == Some(name)
    }
}
