//! Streams: the tasks that answer the requests of an HTTP/2 connection.
//!
//! hyper asks a body for more only when there is room for it, so a body cannot notice that its peer takes nothing; its
//! task can. It ends then, and with it the stream, which is reset (RFC 9113 §5.4.2): the others of the connection go on.
//! They may be other viewers, of a proxy that takes all their requests along one connection.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use hyper::rt::Executor;

use super::context::Context;
use super::due::until_over;
use super::vitals::Asking;

tokio::task_local! {
    /// What the task of a stream answers, and whom; once it does.
    static ANSWERS: Arc<OnceLock<(Asking, IpAddr)>>;
}

/// Starts the tasks of streams.
#[derive(Clone)]
pub(super) struct Streams(Arc<Context>);

impl Streams {
    /// For the connections of `context`.
    pub(super) fn new(context: &Arc<Context>) -> Self {
        Self(Arc::clone(context))
    }
}

impl<S: Future<Output = ()> + Send + 'static> Executor<S> for Streams {
    fn execute(&self, stream: S) {
        tokio::spawn(run(stream, Arc::clone(&self.0)));
    }
}

/// The task that runs answers `asking`, from `address`. Of HTTP/1, whose connection is one task for all, nothing is kept.
pub(super) fn answers(asking: &Asking, address: IpAddr) {
    // Set once: a stream is one request.
    let _ = ANSWERS.try_with(|answers| answers.set((asking.clone(), address)));
}

async fn run(stream: impl Future<Output = ()>, context: Arc<Context>) {
    let answers = Arc::<OnceLock<_>>::default();
    let stream = pin!(ANSWERS.scope(Arc::clone(&answers), stream));
    let limits = &context.limits.http;
    let ended = until_over(stream, |cx, now| {
        let Some((asking, address)) = answers.get() else { return Ok(None) };
        match asking.due(limits, cx, now) {
            Some((due, over)) if due <= now => {
                asking.give_up(over);
                over.limit().into_iter().for_each(|limit| context.hit(limit, *address));
                Err(over)
            }
            due => Ok(due.map(|(due, _)| due)),
        }
    });
    // What is left of the stream is dropped, which resets it.
    let _ = ended.await;
}
