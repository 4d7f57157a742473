//! Control: what the operator decided: settings, streams and their keys, who may publish, what is counted.
//! In:  flags, environment, one TOML file, the store; `Claim`s from drivers.   Out: `Settings`, `Verdict`s, metrics text.
//! Belongs here: configuration, key hashing, permission, counters.   Does not: sockets, tasks (see server).
//! Time: passed in.  Memory: streams and keys as configured; the throttle keeps at most 4,096 addresses.
//! Spec: none; the outside contract is in the crate's documentation.

mod access;
mod encoders;
mod fault;
mod group;
mod key;
mod load;
mod metrics;
mod schema;
mod settings;
mod store;
mod stream;
mod throttle;
mod tls;
mod value;
mod verdict;

pub use self::access::{Access, Claim};
pub use self::encoders::Encoders;
pub use self::fault::{Fault, Origin, SettingsError};
pub use self::group::DeclaredGroup;
pub use self::key::{KeyFault, KeyHash, check_key, generate_key};
pub use self::load::Sources;
pub use self::metrics::{Limit, Metrics, RequestClass};
pub use self::settings::{Latency, Listen, Obs, Settings};
pub use self::store::{Store, StoreError};
pub use self::stream::{DeclaredStream, Policy, Voice};
pub use self::throttle::Quota;
pub use self::tls::{Certificate, Tls};
pub use self::value::Value;
pub use self::verdict::{Grant, Refused, Verdict};
