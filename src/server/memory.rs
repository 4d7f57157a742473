//! Memory: reads once a second how much the process uses and may use, and looks after who watches.
//!
//! What may be used is the least of what the control groups (cgroup v2) around the process allow and what the operator
//! set. The kernel gives file pages back by itself, so those that nobody has touched lately are not counted as used.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control::{Strain, Viewers};

use super::clock::Clock;
use super::context::Context;

/// How often memory is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// In how many looks all viewers are looked through for idle ones.
const SWEEP: usize = 5;
/// At most one line of the log in this time.
const LOG_EVERY: Duration = Duration::from_secs(10);

const GROUPS: &str = "/sys/fs/cgroup";

/// Looks for as long as the server runs.
pub(super) async fn watch(context: Arc<Context>) {
    let gauge = Gauge::new(Path::new(GROUPS), context.limits.memory);
    let mut logged: Option<Instant> = None;
    let mut told = Strain::None;
    for turn in (0..SWEEP).cycle() {
        tokio::time::sleep(EVERY).await;
        let now = Clock::now();
        let (used, bound) = gauge.read().unwrap_or_default();
        let viewers = &context.viewers;
        let (strain, _) = viewers.memory.sample(used, bound);
        let audience = &context.metrics.audience;
        audience.strain.set(i64::from(strain as u8));
        audience.memory.set(i64::try_from(used).unwrap_or(i64::MAX));
        audience.memory_limit.set(i64::try_from(bound).unwrap_or(i64::MAX));
        let shed = if strain == Strain::Shed { viewers.shed(now) } else { 0 };
        let quiet = logged.is_none_or(|at| now.mono.saturating_duration_since(at) >= LOG_EVERY);
        if quiet && (strain != told || shed > 0) {
            (logged, told) = (Some(now.mono), strain);
            tracing::warn!(strain = strain.name(), used, bound, shed, "memory");
        }
        for part in (turn..Viewers::PARTS).step_by(SWEEP) {
            viewers.sweep(part, now);
            tokio::task::yield_now().await;
        }
        let registry = &context.registry;
        let goes_on = |stream: &_, id: &str| {
            registry.find(stream).is_some_and(|found| found.id().as_str() == id && !found.ended())
        };
        viewers.history.look(goes_on, now.wall);
    }
}

/// What to read.
#[derive(Debug)]
struct Gauge {
    /// The process's control group and those around it.
    groups: Vec<PathBuf>,
    own: Option<u64>,
}

impl Gauge {
    fn new(root: &Path, own: Option<usize>) -> Self {
        let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let path = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
        Self { groups: groups(root, path), own: own.map(|bytes| bytes as u64) }
    }

    /// Bytes used and bytes there are, where it is tightest; `None` where nothing bounds them.
    fn read(&self) -> Option<(u64, u64)> {
        let own = self.own.and_then(|bound| Some((resident()?, bound)));
        let tighter = |a: (u64, u64), b: (u64, u64)| {
            let a_is = u128::from(a.0) * u128::from(b.1) >= u128::from(b.0) * u128::from(a.1);
            if a_is { a } else { b }
        };
        self.groups.iter().filter_map(|group| usage(group)).chain(own).reduce(tighter)
    }
}

/// The folders of the group at `path` and of those around it.
fn groups(root: &Path, path: &str) -> Vec<PathBuf> {
    let group = root.join(path);
    group.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_path_buf).collect()
}

/// What a group uses and may use; `None` when nothing bounds it.
fn usage(group: &Path) -> Option<(u64, u64)> {
    let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
    // Unbounded, it says `max`.
    let bound = number("memory.max")?;
    let current = number("memory.current")?;
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let idle = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok()).unwrap_or(0);
    Some((current.saturating_sub(idle), bound))
}

/// Bytes of the process that are in memory.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    kibibytes.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, max: &str, current: &str, stat: &str) {
        fs::create_dir_all(folder).unwrap();
        for (file, text) in [("memory.max", max), ("memory.current", current), ("memory.stat", stat)] {
            fs::write(folder.join(file), text).unwrap();
        }
    }

    #[test]
    fn the_tightest_group_around_the_process_counts_without_idle_file_pages() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("a/b/c")).unwrap();
        write(&root.join("a"), "1000\n", "900\n", "anon 1\ninactive_file 300\nfile 2\n");
        write(&root.join("a/b"), "max\n", "900\n", "");
        let gauge = Gauge { groups: groups(root, "a/b/c"), own: None };
        assert_eq!(gauge.read(), Some((600, 1_000)));
        write(&root.join("a/b/c"), "800\n", "700\n", "");
        assert_eq!(gauge.read(), Some((700, 800)));
        let free = Gauge { groups: groups(root, ""), own: None };
        assert_eq!(free.read(), None);
    }

    #[test]
    fn a_bound_of_the_operator_holds_what_is_resident() {
        let gauge = Gauge { groups: Vec::new(), own: Some(u64::MAX) };
        let (used, bound) = gauge.read().unwrap();
        assert!(used > 100_000 && bound == u64::MAX, "{used}");
        let small = Gauge { groups: Vec::new(), own: Some(1) };
        assert_eq!(small.read().map(|(_, bound)| bound), Some(1));
    }
}
