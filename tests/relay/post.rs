//! Datagrams that wait for their time: the earliest goes first, and of two at the same time the one that came first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::pending;
use std::time::Instant;

use tokio::sync::mpsc;

/// Most that wait at once; past it they are lost, as in a router's queue.
const QUEUE: usize = 4_096;

/// One that waits.
type Waiting = Reverse<(Instant, u64, Vec<u8>)>;

/// Where datagrams are handed in. What is due is sent even when it is dropped before.
#[derive(Debug, Clone)]
pub(crate) struct Post(mpsc::Sender<(Instant, Vec<u8>)>);

impl Post {
    /// Sends each datagram by `send` when it is due.
    pub(crate) fn new<F: Future<Output = ()> + Send>(
        send: impl Fn(Vec<u8>) -> F + Send + Sync + 'static,
    ) -> Self {
        let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(QUEUE);
        tokio::spawn(async move {
            let (mut waiting, mut number, mut open) = (BinaryHeap::<Waiting>::new(), 0, true);
            while open || !waiting.is_empty() {
                let first = waiting.peek().map(|Reverse((due, ..))| *due);
                tokio::select! {
                    got = receiver.recv(), if open => match got {
                        Some((due, bytes)) if waiting.len() < QUEUE => {
                            waiting.push(Reverse((due, number, bytes)));
                            number += 1;
                        }
                        Some(_) => {}
                        None => open = false,
                    },
                    () = until(first) => {
                        if let Some(Reverse((.., bytes))) = waiting.pop() {
                            send(bytes).await;
                        }
                    }
                }
            }
        });
        Self(sender)
    }

    /// Hands one in; lost where too many wait.
    pub(crate) fn hand_in(&self, due: Instant, bytes: Vec<u8>) {
        let _ = self.0.try_send((due, bytes));
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) if due <= Instant::now() => {}
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => pending().await,
    }
}
