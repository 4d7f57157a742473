//! Flow: when to acknowledge what has arrived (§5.4.3, §5.4.4).

/// The window we announce, and by which we acknowledge when the peer announces none.
pub(super) const WINDOW: u32 = 2_500_000;

/// Acknowledgements are never closer than this, whatever window the peer asks for.
const CLOSEST: u64 = 64 * 1_024;

/// Decides when an acknowledgement is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    window: u64,
    acknowledged: u64,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self { window: u64::from(WINDOW), acknowledged: 0 }
    }

    /// The peer wants an acknowledgement every `size` bytes. A window above ours is as good as none.
    pub(super) fn announce(&mut self, size: u32) {
        self.window = u64::from(size.min(WINDOW)).max(CLOSEST);
    }

    /// With `total` bytes received: the running total to acknowledge, modulo 2^32, if it is time.
    pub(super) fn due(&mut self, total: u64) -> Option<u32> {
        if total.saturating_sub(self.acknowledged) < self.window {
            return None;
        }
        self.acknowledged = total;
        Some((total & u64::from(u32::MAX)) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hostile case 12.
    #[test]
    fn a_window_of_one_byte_is_no_storm_and_a_huge_one_no_silence() {
        for (window, acks) in [(0, 16), (1, 16), (65_536, 16), (524_288, 2), (u32::MAX, 0)] {
            let mut flow = Flow::new();
            flow.announce(window);
            let count = (1..=1_024_u64).filter(|n| flow.due(n * 1_024).is_some()).count();
            assert_eq!(count, acks, "window {window}");
        }
    }

    #[test]
    fn the_running_total_wraps_at_32_bits() {
        let mut flow = Flow::new();
        assert_eq!(flow.due(0x1_0000_0005), Some(5));
        assert_eq!(flow.due(0x1_0000_0006), None);
    }
}
