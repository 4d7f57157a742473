//! Every: a scheduler that tries every schedule in which at most so many tasks are interrupted.
//!
//! A task that blocks or ends costs nothing: what is bounded is how often one that could go on does not. Faults of
//! concurrency need few such interruptions, and their number is what makes a full search endless.

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, Runner};

/// Runs `scenario` in every such schedule, and returns how many there are. `RING_INTERRUPTIONS` in the environment asks
/// for so many more: each multiplies the time by twenty or so.
pub(crate) fn every(interruptions: usize, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    let more = std::env::var("RING_INTERRUPTIONS").ok().and_then(|more| more.parse().ok()).unwrap_or(0);
    let every = Every { most: interruptions + more, path: Vec::new(), step: 0, used: 0, begun: false };
    Runner::new(every, Config::new()).run(scenario)
}

struct Every {
    most: usize,
    /// What was chosen at each step, and of how many.
    path: Vec<(usize, usize)>,
    step: usize,
    used: usize,
    begun: bool,
}

impl Scheduler for Every {
    fn new_execution(&mut self) -> Option<Schedule> {
        if std::mem::replace(&mut self.begun, true) {
            while self.path.pop_if(|(chosen, of)| *chosen + 1 == *of).is_some() {}
            self.path.last_mut()?.0 += 1;
        }
        (self.step, self.used) = (0, 0);
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, _yields: bool) -> Option<TaskId> {
        let ids = || runnable.iter().map(|task| task.id());
        let current = current.filter(|current| ids().any(|id| id == *current));
        let mut options: Vec<_> =
            current.into_iter().chain(ids().filter(|id| Some(*id) != current)).collect();
        if current.is_some() && self.used == self.most {
            options.truncate(1);
        }
        if self.step == self.path.len() {
            self.path.push((0, options.len()));
        }
        let (chosen, _) = self.path[self.step];
        self.step += 1;
        self.used += usize::from(current.is_some() && chosen > 0);
        options.get(chosen).copied()
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}
