//! Endurance: a real server under a day's trouble in an hour: publishers, viewers who come and go, readers who do not
//! read, and a fault every half minute. What must hold is checked all the time; afterwards everything must be as it was.
//!
//! ```text
//! server process ◀── encoders (some through the relay) ◀── faults, by seed
//!       ▲ ▲ ▲
//!       │ │ └─ churn: sessions of HLS, endless files, WebSocket, RTMP, some over TLS;
//!       │ │          every tenth does not read
//!       │ └─── followers: one a stream, who know when the next part is due
//!       └───── vitals: memory, descriptors, tasks, series         all of them ──▶ book ──▶ report
//! ```

mod book;
mod calm;
mod churn;
mod encoder;
mod faults;
mod fit;
mod floods;
mod follower;
#[path = "../../examples/measure/http.rs"]
mod http;
mod playlist;
mod readers;
#[path = "../relay/mod.rs"]
#[allow(dead_code, reason = "shared with tests, which use all of it")]
mod relay;
mod report;
mod run;
mod secure;
mod server;
mod viewer;
mod vitals;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use run::run;

/// What is run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How long publishers, viewers and faults go on. Half a minute to two comes after that.
    pub(crate) time: Duration,
    /// Decides on faults, sessions and streams.
    pub(crate) seed: u64,
    /// The server's binary.
    pub(crate) server: PathBuf,
    /// How many streams.
    pub(crate) publishers: usize,
    /// Viewers' sessions that begin in a second.
    pub(crate) sessions: f64,
    /// From one fault to the next.
    pub(crate) fault: Duration,
    /// How much media playlists list.
    pub(crate) window: Duration,
    /// How long streams wait for their encoders.
    pub(crate) grace: Duration,
    /// How long it rests after the load at least: streams that are over can be had for a minute and more.
    pub(crate) rest: Duration,
    /// Where the server's log goes.
    pub(crate) log: Option<PathBuf>,
}

impl Options {
    /// The real thing: twenty publishers, five sessions a second, a fault every 30 s.
    pub(crate) fn new(time: Duration, seed: u64, server: PathBuf) -> Self {
        Self {
            time,
            seed,
            server,
            publishers: 20,
            sessions: 5.0,
            fault: Duration::from_secs(30),
            window: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            rest: Duration::from_secs(90),
            log: None,
        }
    }

    /// The flags that make the same run again.
    pub(crate) fn flags(&self) -> String {
        let time = |span| humantime::format_duration(span).to_string().replace(' ', "");
        let usual = Self::new(self.time, self.seed, PathBuf::new());
        let mut flags = format!("--for {} --seed {}", time(self.time), self.seed);
        for (changed, flag) in [
            (self.publishers != usual.publishers, format!(" --publishers {}", self.publishers)),
            (self.sessions != usual.sessions, format!(" --sessions {}", self.sessions)),
            (self.fault != usual.fault, format!(" --fault {}", time(self.fault))),
            (self.window != usual.window, format!(" --window {}", time(self.window))),
            (self.grace != usual.grace, format!(" --grace {}", time(self.grace))),
            (self.rest != usual.rest, format!(" --rest {}", time(self.rest))),
        ] {
            if changed {
                flags += &flag;
            }
        }
        flags
    }
}
