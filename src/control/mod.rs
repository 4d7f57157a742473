//! Control: what the operator decided: settings, streams and their keys, who may publish, who watches, what is counted.
//! In:  flags, environment, one TOML file, the store; `Claim`s from drivers.   Out: `Settings`, `Verdict`s, metrics text.
//! Belongs here: configuration, key hashing, permission, admission, the audience, counters.   Does not: sockets, tasks (see server).
//! Time: passed in.  Memory: streams and keys as configured; the throttle keeps at most 4,096 addresses;
//! `ViewerLimits` viewers of 512 bytes, and the history 20 MiB.
//! Spec: none; the outside contract is in the crate's documentation.

mod access;
mod audience;
mod bounds;
mod crowd;
mod denied;
mod encoders;
mod entry;
mod fault;
mod group;
mod history;
mod identity;
mod key;
mod listing;
mod load;
mod memory;
mod metrics;
mod outputs;
mod panics;
mod schema;
mod seldom;
mod settings;
mod store;
mod stream;
mod throttle;
mod tls;
mod value;
mod verdict;
mod viewer;
mod viewers;

pub use self::access::{Access, Claim};
pub use self::audience::Audience;
pub use self::bounds::Bounds;
pub use self::crowd::Crowd;
pub use self::denied::{Cap, Denied, Status};
pub use self::encoders::Encoders;
pub use self::fault::{Fault, Origin, SettingsError};
pub use self::group::DeclaredGroup;
pub use self::history::History;
pub use self::identity::{Protocol, VIEWER_ID, ViewerRequest, cmcd_session, draw_viewer_id};
pub use self::key::{KeyFault, KeyHash, check_key, generate_key};
pub use self::listing::{Listing, ViewerId, Watched, Watching};
pub use self::load::Sources;
pub use self::memory::{Memory, Strain};
pub use self::metrics::{Metrics, RequestClass};
pub use self::outputs::Outputs;
pub use self::panics::watch_panics;
pub use self::seldom::Seldom;
pub use self::settings::{Latency, Listen, Obs, Settings};
pub use self::store::{Store, StoreError};
pub use self::stream::{DeclaredStream, Policy, Voice};
pub use self::throttle::Quota;
pub use self::tls::{Certificate, Tls};
pub use self::value::Value;
pub use self::verdict::{Grant, Refused, Verdict};
pub use self::viewer::{Dismissal, Viewer};
pub use self::viewers::Viewers;
