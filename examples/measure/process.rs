//! Process: what the kernel's books say about a process.

use std::time::Duration;

use crate::Fault;

/// Kernel ticks a second, which Linux fixes for what it shows to programs.
const TICKS: f64 = 100.0;

/// One look at a process.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// Processor time used so far, in user and in kernel mode.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) rss: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Times it gave up the processor by itself, over all threads: how often it had nothing to do.
    pub(crate) waits: u64,
}

/// Looks at process `pid`.
pub(crate) fn look(pid: u32) -> Result<Look, Fault> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Past the command, which may hold anything, the fields are plain: state is the first.
    let (_, fields) = stat.rsplit_once(')').ok_or("stat without a command")?;
    let field = |at: usize| fields.split_whitespace().nth(at).and_then(|text| text.parse::<f64>().ok());
    let (user, system) = (field(11).ok_or("no utime")?, field(12).ok_or("no stime")?);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mut waits = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        waits += entry(&status, "voluntary_ctxt_switches:").unwrap_or(0);
    }
    Ok(Look {
        cpu: Duration::from_secs_f64((user + system) / TICKS),
        rss: entry(&status, "VmRSS:").ok_or("no VmRSS")? * 1024,
        threads: entry(&status, "Threads:").ok_or("no Threads")?,
        waits,
    })
}

fn entry(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
