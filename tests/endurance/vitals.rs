//! Vitals: what the server holds, looked at every second; and how late this machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::book::Book;
use super::http::Connection;
use super::server::Server;
use crate::Fault;

/// Seconds, or looks, from one word of progress to the next.
const MINUTE: usize = 60;

/// One look.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// Since the beginning.
    pub(crate) at: Duration,
    pub(crate) resident: u64,
    pub(crate) descriptors: u64,
    pub(crate) tasks: u64,
    /// Series of metrics, and those that name a stream.
    pub(crate) series: u64,
    pub(crate) named: u64,
    /// Processor time used.
    pub(crate) busy: Duration,
}

/// Somebody who looks, always along the same connection.
pub(crate) struct Doctor {
    server: Arc<Server>,
    admin: Connection,
    book: Arc<Book>,
}

impl Doctor {
    pub(crate) fn new(server: Arc<Server>, book: Arc<Book>) -> Self {
        let admin = Connection::new(&server.admin.to_string());
        Self { server, admin, book }
    }

    /// Looks once; what must never be is a breach.
    pub(crate) async fn look(&mut self) -> Result<Look, Fault> {
        let ask = |seconds| Duration::from_secs(seconds);
        let status = tokio::time::timeout(ask(10), self.admin.get("/readyz")).await??;
        if status != 200 {
            self.book.breach("not ready", format!("{status} {}", self.admin.text().trim()));
        }
        let status = tokio::time::timeout(ask(10), self.admin.get("/metrics")).await??;
        if status != 200 {
            return Err("no metrics".into());
        }
        let text = self.admin.text();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse::<u64>().ok())
        };
        for name in ["rillcast_panics_total", "rillcast_hls_lint_violations_total"] {
            match value(name) {
                Some(0) => {}
                found => self.book.breach("a mistake of the program", format!("{name} is {found:?}")),
            }
        }
        let series = || text.lines().filter(|line| !line.starts_with('#'));
        Ok(Look {
            at: self.book.began.elapsed(),
            resident: self.server.resident()?,
            descriptors: self.server.descriptors()?,
            tasks: value("rillcast_tasks").ok_or("no rillcast_tasks")?,
            series: series().count() as u64,
            named: series().filter(|line| line.contains("stream=\"")).count() as u64,
            busy: self.server.busy()?,
        })
    }

    fn progress(&self, look: &Look) -> String {
        let pages = self.book.pages();
        let breaches: u64 = pages.breaches.values().map(|(count, _)| count).sum();
        let first = pages.breaches.values().find_map(|(_, told)| told.first());
        format!(
            "{:5.0} s  {:6.1} MiB  {} descriptors  {} tasks  {} series  {} faults  {breaches} breaches {}",
            look.at.as_secs_f64(),
            look.resident as f64 / 1024.0 / 1024.0,
            look.descriptors,
            look.tasks,
            look.series,
            pages.faults.len(),
            first.map_or("", String::as_str),
        )
    }

    /// Looks every second until the instant given.
    pub(crate) async fn watch(&mut self, until: Instant) -> Vec<Look> {
        let mut looks = Vec::new();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        while Instant::now() < until {
            tick.tick().await;
            match self.look().await {
                Ok(look) => {
                    if looks.len() % MINUTE == MINUTE - 1 {
                        eprintln!("{}", self.progress(&look));
                    }
                    looks.push(look);
                }
                Err(error) => self.book.breach("the operator gets no answer", error.to_string()),
            }
        }
        looks
    }
}

/// How late this machine is: a thread that wants to run every 10 ms, and how late it did at worst, in a hundred times.
#[derive(Debug)]
pub(crate) struct Lateness {
    worst: Arc<AtomicU64>,
    often: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Lateness {
    pub(crate) fn watch() -> std::io::Result<Self> {
        let late = Self { worst: Arc::default(), often: Arc::default(), stop: Arc::default() };
        let (worst, often, stop) = (late.worst.clone(), late.often.clone(), late.stop.clone());
        std::thread::Builder::new().name("lateness".into()).spawn(move || {
            const NAP: Duration = Duration::from_millis(10);
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                std::thread::sleep(NAP);
                let late = began.elapsed().saturating_sub(NAP);
                worst.fetch_max(u64::try_from(late.as_micros()).unwrap_or(0), Ordering::Relaxed);
                if late > Duration::from_millis(100) {
                    often.fetch_add(1, Ordering::Relaxed);
                }
            }
        })?;
        Ok(late)
    }

    /// The worst, and how often it was more than 100 ms.
    pub(crate) fn told(&self) -> (Duration, u64) {
        (Duration::from_micros(self.worst.load(Ordering::Relaxed)), self.often.load(Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
