//! Indoors: a house without listeners: whoever holds it brings the connections.
//!
//! What runs is what runs behind sockets: the same drivers, bounds and end. It is for programs that accept by ways of
//! their own, and for simulations, whose runtime's clock stands still between two events.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::control::{Access, Metrics, Settings};
use crate::live::Registry;
use crate::media::Limit;

use super::admission::{Admission, Full};
use super::clock::Clock;
use super::contain::{One, forever};
use super::context::Context;
use super::http::HttpDoor;
use super::routes;
use super::rtmp;
use super::run::{admin_places, keep, live, sweep, wind_down};
use super::tls::{Ahead, Doors, Handshake, Keeper, TlsError};

/// A server that listens nowhere. Nothing is stored: its streams are those of its settings, and how much memory the
/// process has left is the business of whoever holds it.
pub struct Indoors {
    context: Arc<Context>,
    encoders: Arc<Admission>,
    viewers: Arc<Admission>,
    door: Arc<HttpDoor>,
    operators: Arc<Admission>,
    office: Arc<HttpDoor>,
    /// In front of encoders.
    tls: Option<Handshake>,
    publishing: (mpsc::Sender<()>, mpsc::Receiver<()>),
    open: (mpsc::Sender<()>, mpsc::Receiver<()>),
    tending: JoinHandle<()>,
}

impl Indoors {
    /// One that is ready to serve, on the runtime it is made on.
    pub fn new(settings: Settings) -> Self {
        Self::behind(None, settings)
    }

    /// The same behind TLS, with the certificate that the settings ask for, as it is now; plain where they ask for none.
    ///
    /// # Errors
    /// When there can be no TLS with what is configured.
    pub fn secure(settings: Settings) -> Result<Self, TlsError> {
        let keeper = Keeper::open(&settings, Clock::now().wall)?.map(Arc::new);
        let doors = keeper.map(|keeper| Doors::new(&keeper, &settings.limits.tls)).transpose()?;
        Ok(Self::behind(doors, settings))
    }

    fn behind(doors: Option<Doors>, settings: Settings) -> Self {
        let access = Access::new(settings.streams.clone(), settings.open_publish);
        let registry = Registry::new(live(&settings));
        let context = Arc::new(Context::new(access, registry, settings));
        let limits = &context.limits.rtmp;
        let encoders = Admission::new(limits.connections, limits.connections_per_address);
        let limits = &context.limits.http;
        let viewers = Admission::new(limits.connections, limits.connections_per_address);
        context.crowding.watch([encoders.clone(), viewers.clone()]);
        let door = HttpDoor::new(routes::public(context.clone()), context.clone(), viewers.clone()).playing();
        let (door, tls) = match doors {
            Some(Doors { https, rtmps }) => (door.secure(https), Some(rtmps)),
            None => (door, None),
        };
        let operators = admin_places();
        let office = HttpDoor::new(routes::admin(context.clone()), context.clone(), operators.clone());
        let tended = context.clone();
        let tending = tokio::spawn(async move {
            tokio::join!(forever(|| sweep(tended.clone())), forever(|| keep(tended.clone(), Arc::default())));
        });
        Self {
            context,
            encoders,
            viewers,
            door: Arc::new(door),
            operators,
            office: Arc::new(office),
            tls,
            publishing: mpsc::channel(1),
            open: mpsc::channel(1),
            tending,
        }
    }

    /// Takes an encoder's connection, or that of a player of RTMP. Whether there is room for it.
    pub fn encoder<S>(&self, stream: S, peer: SocketAddr) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let full = |full| match full {
            Full::Total => Limit::RtmpConnections,
            Full::Address => Limit::RtmpConnectionsPerAddress,
        };
        let permit = match self.encoders.admit(peer.ip()).map_err(full) {
            Ok(permit) => permit,
            Err(limit) => return self.turn_away(limit, peer.ip()),
        };
        let (context, tls) = (self.context.clone(), self.tls.clone());
        let open = self.publishing.0.clone();
        tokio::spawn(async move {
            let counted = One::more(&context.metrics.rtmp_connections);
            rtmp::greet(Ahead::new(stream), tls, peer, &context).await;
            drop((counted, permit, open));
        });
        true
    }

    /// Takes a connection that speaks HTTP. Whether there is room for it.
    pub fn viewer<S>(&self, stream: S, address: IpAddr) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.caller(&self.door, &self.viewers, stream, address)
    }

    /// The same of an operator, who sees what is counted and may send viewers away.
    pub fn operator<S>(&self, stream: S, address: IpAddr) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.caller(&self.office, &self.operators, stream, address)
    }

    fn caller<S>(&self, door: &Arc<HttpDoor>, places: &Arc<Admission>, stream: S, address: IpAddr) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let full = |full| match full {
            Full::Total => Limit::HttpConnections,
            Full::Address => Limit::HttpConnectionsPerAddress,
        };
        let permit = match places.admit(address).map_err(full) {
            Ok(permit) => permit,
            Err(limit) => return self.turn_away(limit, address),
        };
        let (door, open) = (door.clone(), self.open.0.clone());
        tokio::spawn(async move {
            door.greet(Ahead::new(stream), address).await;
            drop((permit, open));
        });
        true
    }

    /// There is no room.
    fn turn_away(&self, limit: Limit, address: IpAddr) -> bool {
        self.context.hit(limit, address);
        false
    }

    /// Who is live.
    pub fn registry(&self) -> &Registry {
        &self.context.registry
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.context.metrics
    }

    /// Ends everything in order, within the configured time; whether it came to that.
    pub async fn close(self) -> bool {
        let Self { context, door, office, publishing, open, tending, .. } = self;
        drop((publishing.0, open.0, door, office));
        let drained = wind_down(&context, context.settings.drain, publishing.1, open.1).await;
        tending.abort();
        drained
    }
}
