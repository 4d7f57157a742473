//! Scene: what all renditions of a generation show at one moment, for what is made of all of them together.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::view::{Memo, View};

/// What all renditions of a generation show at one moment.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Their views, in their order.
    pub views: Vec<Arc<View>>,
    /// Where what is made of all of them together is kept, made at most once each.
    pub memo: Arc<Memo>,
}

/// The newest scene that anybody has looked at. It keeps no view, nor the media in it, from being freed.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    views: Vec<Weak<View>>,
    memo: Arc<Memo>,
}

impl Newest {
    /// The scene that `views` answers; the same one as before where it answers the same.
    pub(super) fn look(&self, views: impl FnOnce() -> Vec<Arc<View>>) -> Scene {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that a later scene is never followed by an earlier one.
        let views = views();
        let same = |(seen, view): (&Weak<View>, &Arc<View>)| std::ptr::eq(seen.as_ptr(), Arc::as_ptr(view));
        if seen.views.len() != views.len() || !seen.views.iter().zip(&views).all(same) {
            *seen = Seen { views: views.iter().map(Arc::downgrade).collect(), memo: Arc::default() };
        }
        Scene { views, memo: Arc::clone(&seen.memo) }
    }
}
