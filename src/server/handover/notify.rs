//! Notify: telling a service manager how we do (`NOTIFY_SOCKET`, see sd_notify(3)). Where there is none, nothing is said.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Says how this process does.
#[derive(Debug, Default)]
pub(in crate::server) struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear that we live.
    every: Option<Duration>,
}

impl Notify {
    /// Whom the environment names.
    pub(in crate::server) fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(name) = variable("NOTIFY_SOCKET") else { return Self::default() };
        let for_us = variable("WATCHDOG_PID").is_none_or(|pid| pid.parse() == Ok(std::process::id()));
        let micros = variable("WATCHDOG_USEC").filter(|_| for_us).and_then(|micros| micros.parse().ok());
        Self::to(&name, micros.map(Duration::from_micros)).unwrap_or_else(|error| {
            tracing::warn!(socket = name, %error, "service_manager_not_reached");
            Self::default()
        })
    }

    fn to(name: &str, patience: Option<Duration>) -> io::Result<Self> {
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None if name.starts_with('/') => SocketAddr::from_pathname(name)?,
            None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "no path, and no abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not listen must not stop us.
        socket.set_nonblocking(true)?;
        // Half of the time is what sd_watchdog_enabled(3) recommends; a third bears one that is lost.
        Ok(Self { to: Some((socket, address)), every: patience.map(|patience| patience / 3) })
    }

    /// It serves.
    pub(in crate::server) fn ready(&self) {
        self.say("READY=1\nSTATUS=serving\n");
    }

    /// It drains.
    pub(in crate::server) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=draining\n");
    }

    /// It lives at `now`, having said so at `last`.
    pub(in crate::server) fn lives(&self, last: &mut Option<Instant>, now: Instant) {
        let Some(every) = self.every else { return };
        if last.is_none_or(|last| now.saturating_duration_since(last) >= every) {
            *last = Some(now);
            self.say("WATCHDOG=1\n");
        }
    }

    fn say(&self, words: &str) {
        if let Some((socket, address)) = &self.to {
            // Whoever is not heard by its manager is restarted by it; there is nothing better to do.
            let _ = socket.send_to_addr(words.as_bytes(), address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Clock;

    fn heard(manager: &UnixDatagram) -> String {
        let mut words = [0; 256];
        let count = manager.recv(&mut words).unwrap();
        String::from_utf8_lossy(&words[..count]).into_owned()
    }

    #[test]
    fn a_manager_hears_that_it_serves_lives_and_stops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("@rillcast-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name[1..]).unwrap();
        for (name, manager) in [
            (path.to_str().unwrap(), UnixDatagram::bind(&path).unwrap()),
            (name.as_str(), UnixDatagram::bind_addr(&abstract_name).unwrap()),
        ] {
            let notify = Notify::to(name, Some(Duration::from_secs(30))).unwrap();
            notify.ready();
            assert_eq!(heard(&manager), "READY=1\nSTATUS=serving\n");
            let (mut last, now) = (None, Clock::mono());
            for seconds in [0, 5, 10, 19, 20] {
                notify.lives(&mut last, now + Duration::from_secs(seconds));
            }
            for _ in 0..3 {
                assert_eq!(heard(&manager), "WATCHDOG=1\n");
            }
            notify.stopping();
            assert_eq!(heard(&manager), "STOPPING=1\nSTATUS=draining\n");
        }
    }

    #[test]
    fn without_a_watchdog_or_a_manager_nothing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notify = Notify::to(path.to_str().unwrap(), None).unwrap();
        notify.lives(&mut None, Clock::mono());
        assert_eq!(manager.recv(&mut [0; 16]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        Notify::default().ready();
        assert!(Notify::to("vsock:2:1", None).is_err());
    }
}
