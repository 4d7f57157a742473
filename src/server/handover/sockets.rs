//! Sockets: which listener a socket is for that another process has opened.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use crate::control::Settings;

use super::SocketError;

/// Every listener there may be, in the order in which they are tried.
const NAMES: [&str; 5] = ["rtmp", "http", "admin", "https", "rtmps"];

/// Which listeners there are to be, and where.
#[derive(Debug, Clone)]
pub(in crate::server) struct Wanted(Vec<(&'static str, SocketAddr)>);

/// Sockets of another process, by listener. Those that nobody takes are closed.
#[derive(Debug, Default)]
pub(in crate::server) struct Inherited(Vec<(&'static str, TcpListener)>);

impl Wanted {
    /// What `settings` ask for.
    pub(in crate::server) fn of(settings: &Settings) -> Self {
        let listen = &settings.listen;
        let always = [("rtmp", listen.rtmp), ("http", listen.http), ("admin", listen.admin)];
        let secure = [settings.https().map(|at| ("https", at)), settings.rtmps().map(|at| ("rtmps", at))];
        Self(always.into_iter().chain(secure.into_iter().flatten()).collect())
    }

    fn at(&self, name: &str) -> Option<SocketAddr> {
        self.0.iter().find(|(wanted, _)| *wanted == name).map(|(_, at)| *at)
    }

    /// Whose a manager's socket is: the one's it is named after; else the one's that is to be there.
    fn whose(&self, name: &str, at: SocketAddr) -> Option<&'static str> {
        let by_name = self.0.iter().find(|(wanted, _)| *wanted == name);
        // A name of ours that is not wanted is no accident: it must not become another listener by its address.
        let meant = by_name.is_some() || NAMES.contains(&name);
        let by_address =
            || self.0.iter().find(|(_, wanted)| !meant && wanted.port() != 0 && fits(*wanted, at));
        by_name.or_else(by_address).map(|(wanted, _)| *wanted)
    }
}

impl Inherited {
    /// What a service manager passes, each socket with its name.
    ///
    /// # Errors
    /// For a socket that no listener can use, or two that one would.
    pub(in crate::server) fn from_manager(
        given: Vec<(String, TcpListener)>,
        wanted: &Wanted,
    ) -> Result<Self, SocketError> {
        let mut sockets: Vec<(&'static str, TcpListener)> = Vec::new();
        for (index, (name, socket)) in given.into_iter().enumerate() {
            let number = index.saturating_add(1);
            let address = match socket.local_addr() {
                Ok(address) => address,
                Err(error) => return Err(SocketError::Kind { number, name, error }),
            };
            let Some(listener) = wanted.whose(&name, address) else {
                return Err(SocketError::Unwanted { number, name, address });
            };
            if sockets.iter().any(|(taken, _)| *taken == listener) {
                return Err(SocketError::Twice { number, listener, address });
            }
            sockets.push((listener, socket));
        }
        Ok(Self(sockets))
    }

    /// What a running server hands over: those that are still wanted where they are. What became of the others can only
    /// have been meant.
    pub(in crate::server) fn from_server(given: Vec<(String, TcpListener)>, wanted: &Wanted) -> Self {
        let keep = |(name, socket): (String, TcpListener)| {
            let listener = NAMES.into_iter().find(|known| *known == name)?;
            let at = socket.local_addr().ok()?;
            let kept = wanted.at(listener).is_some_and(|wanted| fits(wanted, at));
            if !kept {
                tracing::info!(listener, address = %at, "listener_given_up");
            }
            kept.then_some((listener, socket))
        };
        Self(given.into_iter().filter_map(keep).collect())
    }

    /// Whether there is none.
    pub(in crate::server) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The socket for this listener.
    pub(in crate::server) fn take(&mut self, listener: &str) -> Option<TcpListener> {
        let index = self.0.iter().position(|(name, _)| *name == listener)?;
        Some(self.0.swap_remove(index).1)
    }
}

/// Whether a socket that is `at` an address is where it is wanted. Service managers listen on `[::]` for both families,
/// where we would say `0.0.0.0`; port 0 is any.
fn fits(wanted: SocketAddr, at: SocketAddr) -> bool {
    let ip = |ip: IpAddr| if ip.is_unspecified() { Ipv4Addr::UNSPECIFIED.into() } else { ip.to_canonical() };
    ip(wanted.ip()) == ip(at.ip()) && (wanted.port() == 0 || wanted.port() == at.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> (SocketAddr, TcpListener) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        (socket.local_addr().unwrap(), socket)
    }

    fn wanted(rtmp: SocketAddr, http: SocketAddr) -> Wanted {
        let mut settings = Settings::default();
        (settings.listen.rtmp, settings.listen.http) = (rtmp, http);
        Wanted::of(&settings)
    }

    fn taken(mut inherited: Inherited) -> Vec<(&'static str, SocketAddr)> {
        let at = |name| Some((name, inherited.take(name)?.local_addr().unwrap()));
        NAMES.into_iter().filter_map(at).collect()
    }

    #[test]
    fn a_named_socket_is_that_listener_wherever_it_is() {
        let ((a, first), (b, second)) = (socket(), socket());
        // The addresses say the opposite of the names.
        let given = vec![("http".to_owned(), first), ("rtmp".to_owned(), second)];
        let inherited = Inherited::from_manager(given, &wanted(a, b)).unwrap();
        assert_eq!(taken(inherited), [("rtmp", b), ("http", a)]);
    }

    #[test]
    fn a_socket_without_a_name_of_ours_is_known_by_its_address() {
        let ((a, first), (b, second)) = (socket(), socket());
        let given = vec![("rillcast.socket".to_owned(), first), (String::new(), second)];
        let inherited = Inherited::from_manager(given, &wanted(b, a)).unwrap();
        assert_eq!(taken(inherited), [("rtmp", b), ("http", a)]);
    }

    #[test]
    fn a_socket_for_no_listener_is_named() {
        let ((a, first), (b, _)) = (socket(), socket());
        let wanted = wanted(b, ([127, 0, 0, 1], 0).into());
        let fault =
            Inherited::from_manager(vec![("web".to_owned(), first)], &wanted).unwrap_err().to_string();
        assert!(fault.contains("socket 1 (\"web\")") && fault.contains(&a.to_string()), "{fault}");
    }

    #[test]
    fn a_listener_that_is_not_configured_is_not_found_by_its_address() {
        let (a, first) = socket();
        let wanted = wanted(a, ([127, 0, 0, 1], 1).into());
        let fault = Inherited::from_manager(vec![("https".to_owned(), first)], &wanted).unwrap_err();
        assert!(matches!(fault, SocketError::Unwanted { number: 1, .. }), "{fault}");
    }

    #[test]
    fn a_listener_has_one_socket() {
        let ((a, first), (b, second)) = (socket(), socket());
        let given = vec![("rtmp".to_owned(), first), ("rtmp".to_owned(), second)];
        let fault = Inherited::from_manager(given, &wanted(a, b)).unwrap_err();
        assert!(matches!(fault, SocketError::Twice { number: 2, listener: "rtmp", .. }), "{fault}");
    }

    #[test]
    fn of_a_running_server_is_kept_what_is_still_wanted_there() {
        let ((a, first), (_, second), (c, third)) = (socket(), socket(), socket());
        let wanted = wanted(a, c);
        let given = [("rtmp", first), ("http", second), ("https", third)];
        let given = given.map(|(name, socket)| (name.to_owned(), socket)).into();
        assert_eq!(taken(Inherited::from_server(given, &wanted)), [("rtmp", a)]);
    }

    #[test]
    fn every_address_and_any_port_fit_what_was_meant() {
        for (wanted, at, fit) in [
            ("0.0.0.0:1935", "[::]:1935", true),
            ("0.0.0.0:1935", "0.0.0.0:1936", false),
            ("0.0.0.0:1935", "127.0.0.1:1935", false),
            ("127.0.0.1:0", "127.0.0.1:4000", true),
            ("127.0.0.1:80", "[::ffff:127.0.0.1]:80", true),
            ("[::1]:80", "127.0.0.1:80", false),
        ] {
            assert_eq!(fits(wanted.parse().unwrap(), at.parse().unwrap()), fit, "{wanted} {at}");
        }
    }
}
