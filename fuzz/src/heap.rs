//! How much memory a target has at most at a time, for those that must not take it from what an input declares.

pub use peak_alloc::PeakAlloc as Heap;

/// What `work` answers, and how many bytes it had at most at a time: of a target whose `global_allocator` is [`Heap`].
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = Heap.current_usage();
    Heap.reset_peak_usage();
    let done = work();
    (done, Heap.peak_usage().saturating_sub(before))
}
