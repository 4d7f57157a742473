//! API: what the operator may ask and do, as JSON on the admin listener.
//! In:  requests of the admin listener.      Out: what the registry, the book of viewers and the watches know.
//! Belongs here: the documents' shapes, the guard against other pages.   Does not: what is counted (see control).
//! Time: read here.  Memory: a document at a time.  Spec: docs/api.md.

mod door;
mod routes;
mod streams;
mod viewers;

pub(super) use self::routes::routes;
