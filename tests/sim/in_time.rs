//! A publish whose server has a clock: what is due before a frame comes is done before it.

use std::sync::Arc;

use rillcast::live::{Generation, Settings};
use rillcast::media::Now;

use crate::source::{Sent, Source};
use crate::watch::Watcher;
use crate::{begin, now_at};

/// Publishes `sent` of `source` as time goes on, to its end.
pub(crate) fn publish_in_time(
    source: &Source,
    sent: &[Sent],
    start: Now,
    settings: Settings,
) -> (Watcher, Arc<Generation>) {
    let (mut publisher, generation) = begin(source, start, settings);
    let mut watcher = Watcher::default();
    for one in sent {
        while let Some(due) = publisher.deadline().filter(|due| *due < one.frame.arrival) {
            publisher.tick(start.plus(due.saturating_duration_since(start.mono)));
            watcher.look(&generation);
        }
        publisher.push(one.frame.clone(), now_at(start, one)).unwrap();
        watcher.look(&generation);
    }
    publisher.finish();
    watcher.look(&generation);
    (watcher, generation)
}
