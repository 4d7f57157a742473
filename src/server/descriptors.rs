//! Descriptors: how many the system gives us, and how they are shared out.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept back for listeners, the store, the log and what the runtime needs.
const RESERVED: usize = 64;
/// When the system names no bound.
const UNBOUNDED: usize = 1 << 20;

/// Connections there can be without running out of descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Of encoders.
    pub(super) rtmp: usize,
    /// Of viewers.
    pub(super) http: usize,
}

impl Budget {
    /// Raises the soft bound to the hard one and shares out what there is then.
    pub(super) fn claim() -> Self {
        let bound = getrlimit(Resource::Nofile);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: bound.maximum, ..bound }).is_ok();
        let descriptors = if raised { bound.maximum } else { bound.current };
        Self::of(descriptors.and_then(|count| usize::try_from(count).ok()).unwrap_or(UNBOUNDED))
    }

    /// Four fifths of what is not kept back: a quarter of that for encoders, the rest for viewers.
    fn of(descriptors: usize) -> Self {
        let shared = descriptors.saturating_sub(RESERVED) / 5 * 4;
        let rtmp = shared / 4;
        Self { rtmp: rtmp.max(1), http: shared.saturating_sub(rtmp).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_use_up_the_descriptors() {
        for descriptors in [0, 64, 100, 256, 1_024, 20_000, UNBOUNDED] {
            let budget = Budget::of(descriptors);
            let used = budget.rtmp + budget.http;
            assert!(used <= (descriptors * 4 / 5).max(2), "{descriptors}: {budget:?}");
        }
        assert_eq!(Budget::of(20_064), Budget { rtmp: 4_000, http: 12_000 });
    }
}
