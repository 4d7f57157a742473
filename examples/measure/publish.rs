//! Publish: a clip sent over RTMP in real time, with a note of when each picture left.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::media::TrackKind;
use rillcast::push::{Client, Clip, Output, Pace, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Fault, Source};

/// The last bytes of a picture, by which a player recognises it.
pub(crate) type Tail = [u8; 32];

/// When pictures were sent, in order.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Vec<Sent>>);

/// One picture sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    /// How it ends; `None` when it is too short, or another of the clip ends alike.
    pub(crate) tail: Option<Tail>,
    /// Just before its first byte was handed to the kernel.
    pub(crate) at: Instant,
}

impl Journal {
    /// Everything noted so far.
    pub(crate) fn all(&self) -> Vec<Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, sent: Sent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    }
}

/// The last bytes of `payload`.
pub(crate) fn tail(payload: &[u8]) -> Option<Tail> {
    payload.last_chunk().copied()
}

/// A clip, and the tails that only one of its pictures has.
pub(crate) struct Reel {
    pub(crate) clip: Arc<Clip>,
    tails: std::collections::HashMap<Tail, usize>,
}

impl Reel {
    /// Reads the source's file.
    pub(crate) fn load(source: &Source) -> Result<Self, Fault> {
        let clip = Clip::parse(Bytes::from(std::fs::read(&source.file)?))?;
        let mut tails = std::collections::HashMap::new();
        let video = clip.tracks().iter().filter(|track| track.track.id.kind == TrackKind::Video);
        for sample in video.flat_map(|track| &track.samples) {
            if let Some(tail) = tail(&sample.payload) {
                *tails.entry(tail).or_insert(0) += 1;
            }
        }
        Ok(Self { clip: Arc::new(clip), tails })
    }

    fn only(&self, payload: &[u8]) -> Option<Tail> {
        tail(payload).filter(|tail| self.tails.get(tail) == Some(&1))
    }

    /// Payload bits a second.
    pub(crate) fn bit_rate(&self) -> u64 {
        let samples = self.clip.tracks().iter().flat_map(|track| &track.samples);
        let bytes: usize = samples.map(|sample| sample.payload.len()).sum();
        (bytes as f64 * 8.0 / self.clip.duration().as_secs_f64()) as u64
    }
}

/// Publishes `reel` to `url` until the future is dropped or the server ends it.
pub(crate) async fn publish(url: &str, reel: &Reel, journal: Option<&Journal>) -> Result<(), Fault> {
    let target = Target::parse(url)?;
    let mut socket = TcpStream::connect((target.host(), target.port())).await?;
    socket.set_nodelay(true)?;
    let mut client = Client::new(target, Arc::clone(&reel.clip), Instant::now())?;
    let mut pace: Option<Pace> = None;
    let mut buffer = [0; 4_096];
    loop {
        while let Some(output) = client.poll_output() {
            match output {
                Output::Send(bytes) => socket.write_all(&bytes).await?,
                Output::Live => pace = Some(Pace::new(Arc::clone(&reel.clip), true, Instant::now())),
            }
        }
        let far = Instant::now() + Duration::from_secs(5);
        let wake = pace.as_ref().and_then(Pace::due).unwrap_or(far);
        tokio::select! {
            got = socket.read(&mut buffer) => match got? {
                0 => return Err("the server closed the connection".into()),
                got => client.handle_input(Instant::now(), buffer.get(..got).unwrap_or_default())?,
            },
            () = tokio::time::sleep_until(wake.into()) => {
                client.handle_timeout(Instant::now())?;
                let Some(pace) = &mut pace else { continue };
                while let Some(due) = pace.next(Instant::now()) {
                    client.send(&due)?;
                    let sent = (due.track.kind == TrackKind::Video)
                        .then(|| Sent { tail: reel.only(&due.sample.payload), at: Instant::now() });
                    while let Some(Output::Send(bytes)) = client.poll_output() {
                        socket.write_all(&bytes).await?;
                    }
                    sent.into_iter().for_each(|sent| journal.into_iter().for_each(|journal| journal.note(sent)));
                }
            }
        }
    }
}
