//! Activation: listening sockets that a service manager has opened (`LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`, see
//! sd_listen_fds(3)).

use std::net::TcpListener;

use listenfd::ListenFd;
use socket2::SockRef;

use super::SocketError;

/// More than there are listeners; the number comes from outside.
const MOST: usize = 16;

/// What was passed to this process, each with its name.
#[derive(Debug, Default)]
pub struct Activated(Vec<(String, TcpListener)>);

impl Activated {
    /// What the environment says was passed. To be called before there are threads: the variables are taken out.
    ///
    /// # Errors
    /// When something was passed that is no listening TCP socket.
    pub fn from_environment() -> Result<Self, SocketError> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let count: usize = variable("LISTEN_FDS").parse().unwrap_or(0);
        // They may have been meant for a process before us.
        let ours = variable("LISTEN_PID").parse() == Ok(std::process::id());
        if !ours || count == 0 {
            return Ok(Self::default());
        }
        if count > MOST {
            return Err(SocketError::Many(count));
        }
        let names = variable("LISTEN_FDNAMES");
        let names = names.split(':').map(str::to_owned).chain(std::iter::repeat(String::new()));
        let mut passed = ListenFd::from_env();
        let sockets = (0..passed.len()).zip(names).filter_map(|(index, name)| {
            let number = index.saturating_add(1);
            let listens = |socket: TcpListener| {
                let listens = SockRef::from(&socket).is_listener()?;
                let not = || std::io::Error::new(std::io::ErrorKind::InvalidInput, "it does not listen");
                listens.then_some(socket).ok_or_else(not)
            };
            match passed.take_tcp_listener(index).and_then(|socket| socket.map(listens).transpose()) {
                Ok(socket) => Some(Ok((name, socket?))),
                Err(error) => Some(Err(SocketError::Kind { number, name, error })),
            }
        });
        sockets.collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing was.
    pub(in crate::server) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sockets.
    pub(in crate::server) fn into_sockets(self) -> Vec<(String, TcpListener)> {
        self.0
    }
}
