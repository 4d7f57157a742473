//! Keeper: the certificate in use, replaced without a restart when its files change.
//!
//! ```text
//!   files change ──▶ hold still for one look ──▶ load and check ──▶ new connections get the new pair
//!   SIGHUP ─────────────────────────────────────▶      └─ wrong ──▶ the old pair stays; said in log and metrics
//! ```

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};

use crate::control::{Certificate, Metrics, Settings};
use crate::media::WallTime;

use super::self_signed::{self, Files};
use super::{Identity, TlsError, provider};
use crate::server::clock::Clock;
use crate::server::context::Context;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The certificate shown to new connections.
#[derive(Debug)]
pub(in crate::server) struct Keeper {
    current: ArcSwap<Identity>,
    files: Files,
    provider: Arc<CryptoProvider>,
}

/// What tells one state of the two files from another: inode, size, and time of change, of each.
type Stamp = [Option<(u64, u64, i64, i64)>; 2];

impl Keeper {
    /// The certificate that `settings` ask for; `None` when they ask for no TLS.
    pub(in crate::server) fn open(settings: &Settings, now: WallTime) -> Result<Option<Self>, TlsError> {
        let Some(certificate) = settings.tls.certificate() else { return Ok(None) };
        let provider = provider::provider()?;
        let files = match certificate {
            Certificate::Files { cert, key } => Files { cert: cert.into(), key: key.into() },
            Certificate::SelfSigned => Self::own(&settings.data, &provider, now)?,
        };
        let identity = Identity::load(&files.cert, &files.key, &provider, now)?;
        Ok(Some(Self { current: ArcSwap::from_pointee(identity), files, provider }))
    }

    /// The self-signed pair in the data folder: the one that is there, or a new one.
    fn own(folder: &Path, provider: &CryptoProvider, now: WallTime) -> Result<Files, TlsError> {
        let files = self_signed::files(folder);
        if files.cert.exists() && files.key.exists() {
            match Identity::load(&files.cert, &files.key, provider, now) {
                Ok(identity) if !self_signed::is_due(identity.not_after(), now) => return Ok(files),
                Ok(_) | Err(TlsError::Expired { .. } | TlsError::Mismatch { .. }) => {}
                // Somebody has touched what is ours: better asked than overwritten.
                Err(error) => return Err(error),
            }
        }
        self_signed::make(folder, now)
    }

    /// What is shown now.
    pub(in crate::server) fn identity(&self) -> Arc<Identity> {
        self.current.load_full()
    }

    /// The cryptography it is for.
    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    /// Where the certificate is, for whoever is to trust it.
    pub(in crate::server) fn certificate(&self) -> PathBuf {
        self.files.cert.clone()
    }

    /// Follows the files until the task is dropped.
    pub(in crate::server) async fn watch(self: Arc<Self>, context: Arc<Context>) {
        let metrics = &context.metrics;
        metrics.tls_not_after.set(self.identity().not_after().unix_micros / 1_000_000);
        // Without the signal, looking is enough.
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut loaded = stamp(&self.files);
        let mut seen = loaded;
        loop {
            let asked = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                Some(()) = told(&mut hangup) => true,
            };
            let found = stamp(&self.files);
            // Two files are never changed at once: what still moves is left to settle.
            let settled = found != loaded && found == seen;
            seen = found;
            if asked || settled {
                loaded = found;
                self.reload(metrics).await;
            }
        }
    }

    async fn reload(self: &Arc<Self>, metrics: &Metrics) {
        let keeper = self.clone();
        let load = move || {
            let Files { cert, key } = &keeper.files;
            Identity::load(cert, key, &keeper.provider, Clock::now().wall)
        };
        match tokio::task::spawn_blocking(load).await {
            Ok(Ok(identity)) => {
                metrics.tls_reloads.inc();
                metrics.tls_not_after.set(identity.not_after().unix_micros / 1_000_000);
                tracing::info!(fingerprint = identity.fingerprint(), until = %identity.not_after(), "tls_reloaded");
                self.current.store(Arc::new(identity));
            }
            Ok(Err(error)) => {
                metrics.tls_reload_failures.inc();
                tracing::error!(%error, "tls_reload_failed: the certificate before it stays in use");
            }
            // The runtime is going away.
            Err(_) => {}
        }
    }
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().pair.clone())
    }
}

async fn told(hangup: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match hangup {
        Some(signal) => signal.recv().await,
        None => None,
    }
}

fn stamp(files: &Files) -> Stamp {
    [&files.cert, &files.key].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
    })
}
