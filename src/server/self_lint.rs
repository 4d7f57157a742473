//! Self-lint: the server holds the playlists that it sends to the rules that `rillcast inspect` knows.
//!
//! A debug build looks at every state that anyone is sent; a release build at one in 64, beside the request and
//! not in its way. What is found is counted and logged: it is our mistake, and nobody else's business.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::control::Metrics;
use crate::hls::{self, Answer, Directives, File, Request};
use crate::lint::{self, Finding, Listing, Severity};
use crate::live::{Rendition, View};

/// One in so many states is looked at in release.
const SAMPLE: u64 = 64;

/// What has been looked at.
#[derive(Default)]
pub(super) struct SelfLint {
    /// By rendition, I-frame playlist or not; those of renditions that are gone are dropped by [`Self::sweep`].
    last: Mutex<HashMap<(usize, bool), Last>>,
    multivariants: AtomicU64,
}

/// The last state of a playlist that was looked at.
struct Last {
    /// Kept so that the address in the key is not used again.
    rendition: Weak<Rendition>,
    state: State,
    /// `None` while the first look is being taken.
    listing: Option<Arc<Listing>>,
}

/// What tells two states of a rendition apart, and which is the later.
type State = (u64, u64, bool);

impl SelfLint {
    /// A playlist of `view` is about to be sent.
    pub(super) fn sent(
        self: &Arc<Self>,
        metrics: &Arc<Metrics>,
        rendition: &Arc<Rendition>,
        view: &Arc<View>,
        file: File,
    ) {
        let due = cfg!(debug_assertions) || view.next_part.is_multiple_of(SAMPLE) || view.ended;
        if !due || !matches!(file, File::Playlist | File::IFrames) {
            return;
        }
        let (key, state) = ((Arc::as_ptr(rendition) as usize, file == File::IFrames), state(view));
        let before = {
            let mut last = self.last();
            let fresh = || Last { rendition: Arc::downgrade(rendition), state, listing: None };
            let known = last.contains_key(&key);
            let entry = last.entry(key).or_insert_with(fresh);
            // The first who is sent a state has it looked at; an older one was looked at, or passed over.
            if known && entry.state >= state {
                return;
            }
            entry.state = state;
            entry.listing.clone()
        };
        let (this, metrics, view) = (self.clone(), metrics.clone(), view.clone());
        let track = rendition.id();
        let look = move || {
            let Some((listing, findings)) = judge(&view, file, before.as_deref()) else { return };
            report(&metrics, &format!("{track} {file}"), &findings);
            if let Some(entry) = this.last().get_mut(&key).filter(|entry| entry.state == state) {
                entry.listing = Some(Arc::new(listing));
            }
        };
        // In its way only where every state is looked at, so that a test hears of it before it goes on.
        if cfg!(debug_assertions) {
            look();
        } else {
            tokio::task::spawn_blocking(look);
        }
    }

    /// A multivariant playlist is about to be sent; `plain` makes it, not compressed.
    pub(super) fn multivariant(&self, metrics: &Metrics, plain: impl FnOnce() -> Answer) {
        let count = self.multivariants.fetch_add(1, Ordering::Relaxed);
        if !(cfg!(debug_assertions) || count.is_multiple_of(SAMPLE)) {
            return;
        }
        if let Some(text) = bytes(plain()) {
            report(metrics, "multivariant", &lint::multivariant(&text).1);
        }
    }

    /// Forgets renditions that are gone.
    pub(super) fn sweep(&self) {
        self.last().retain(|_, last| last.rendition.strong_count() > 0);
    }

    fn last(&self) -> MutexGuard<'_, HashMap<(usize, bool), Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state(view: &View) -> State {
    (view.next_msn, view.next_part, view.ended)
}

/// Everything that can be said of a state: alone, after the one before, and as the delta that a client is sent
/// who has that.
fn judge(view: &View, file: File, before: Option<&Listing>) -> Option<(Listing, Vec<Finding>)> {
    let sent = |directives| {
        let request = Request { file, directives, gzip: false, whole_segments: false };
        bytes(hls::answer(view, &request))
    };
    let (listing, mut findings) = lint::media_playlist(&sent(Directives::NONE)?);
    let Some(before) = before else { return Some((listing, findings)) };
    findings.extend(lint::change(before, &listing));
    // A client that is further behind than the delta reaches asks for the whole.
    for directive in ["_HLS_skip=YES", "_HLS_skip=v2"] {
        let Some(delta) = sent(Directives::parse(Some(directive))) else { continue };
        let (delta, more) = lint::media_playlist(&delta);
        if delta.skip.is_some() && lint::merge(before, &delta).is_some() {
            findings.extend(more);
            findings.extend(lint::delta(before, &delta, &listing));
        }
    }
    Some((listing, findings))
}

fn bytes(answer: Answer) -> Option<Vec<u8>> {
    match answer {
        Answer::Ready(reply) => Some(reply.body.into_iter().flatten().collect()),
        Answer::WaitFor(_) | Answer::Refuse(_) => None,
    }
}

fn report(metrics: &Metrics, playlist: &str, findings: &[Finding]) {
    metrics.lint_checks.inc();
    for finding in findings.iter().filter(|finding| finding.severity() == Severity::Error) {
        metrics.lint_violations.inc();
        tracing::error!(playlist, rule = finding.rule.id(), %finding, "hls_lint_violation");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_and_warnings_are_not() {
        let metrics = Metrics::new();
        let text = b"#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n";
        let (_, findings) = lint::media_playlist(text);
        assert!(!findings.is_empty() && findings.iter().all(|f| f.severity() == Severity::Warning));
        report(&metrics, "v0", &findings);
        assert_eq!((metrics.lint_checks.get(), metrics.lint_violations.get()), (1, 0));
        let (_, findings) = lint::media_playlist(b"#EXTM3U\n#EXT-X-TARGETDURATION:0\n");
        report(&metrics, "v0", &findings);
        assert_eq!((metrics.lint_checks.get(), metrics.lint_violations.get()), (2, 1));
    }
}
