//! Sync: the one kind of lock that rings take.
//!
//! tests/ring/schedules.rs compiles this folder with a lock whose every order of arrival can be tried; nothing else
//! of the standard library's synchronisation may be used here.

pub(super) use std::sync::{Mutex, MutexGuard};
