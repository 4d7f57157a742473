//! The verbs around playing: play, what players say during it, and its end (§7.2.2.1).
//!
//! What is played is not the session's: once a play is accepted, the driver writes messages that it shares with other
//! players between two outputs of the session.

use std::time::Duration;

use super::command::Call;
use super::core::{Phase, Session, Wish};
use crate::flv::amf0::Value;
use crate::rtmp::chunk::{PLAY_CHUNK, PLAY_STREAM};
use crate::rtmp::error::{Error, Wait};
use crate::rtmp::outbox::information;
use crate::rtmp::output::Output;
use crate::rtmp::request::{CloseReason, PlayRequest, Rejection};

/// How often a player is asked whether it is there.
const PING: Duration = Duration::from_secs(10);
/// A player that has answered a ping before, and says nothing for this long, is gone. Those that never do are left to
/// TCP: some players know no pings.
const SILENCE: Duration = Duration::from_secs(35);

impl Session {
    /// `play`: null, the name, where to start, for how long, and whether to forget what was played before. What is live
    /// begins where it is, whatever is asked for.
    pub(super) fn play(&mut self, call: Call<'_>) -> Result<(), Error> {
        let (stream, at) = (call.stream, call.at);
        let busy = match self.phase {
            Phase::Publishing { .. } => Some("This connection publishes: play on another one."),
            Phase::Playing { .. } => Some("This connection plays already."),
            _ => None,
        };
        if let Some(words) = busy {
            // What goes on is none the worse for it.
            return self.outbox.status(stream, "warning", Rejection::PLAY_FAILED, words);
        }
        let values = call.values()?;
        let name = values.iter().find_map(Value::as_str);
        let Phase::Connected(application) = &self.phase else { return Ok(()) };
        let target = name.and_then(|name| application.resolve(name));
        let fault = match target {
            _ if stream == 0 || stream > self.streams => "No such message stream: createStream first.",
            _ if stream != PLAY_STREAM => "Play on the first message stream of the connection.",
            None => "The stream name is missing, empty, too long or not plain text.",
            Some(target) => {
                let request = PlayRequest {
                    app: application.name.clone(),
                    name: target.path,
                    parameters: target.parameters,
                    player: self.encoder.take(),
                    codecs: std::mem::take(&mut self.codecs),
                };
                let keeps = values.contains(&Value::Boolean(false));
                self.phase = Phase::Asking { stream, wish: Wish::Play { reset: !keeps } };
                self.outbox.push(Output::PlayRequested(Box::new(request)));
                return Ok(());
            }
        };
        self.decline(stream, at, Rejection::PLAY_FAILED, fault);
        Ok(())
    }

    /// Lets the play that was requested begin: behind what is sent now the driver writes messages as
    /// [`chunk::write`](crate::rtmp::chunk::write()) makes them. Without a request it does nothing.
    pub fn accept_play(&mut self) {
        let Phase::Asking { stream, wish: Wish::Play { reset } } = self.phase else { return };
        self.phase = Phase::Playing { stream, pinged: self.now, answers: false };
        let sent = self.begin_play(stream, reset);
        // A few statuses never pass the bound: the outbox was drained before.
        debug_assert!(sent.is_ok());
    }

    fn begin_play(&mut self, stream: u32, reset: bool) -> Result<(), Error> {
        self.outbox.chunk_size(PLAY_CHUNK)?;
        self.outbox.stream_begin(stream)?;
        if reset {
            self.outbox.status(stream, "status", "NetStream.Play.Reset", "Playing anew.")?;
        }
        self.outbox.status(stream, "status", "NetStream.Play.Start", "Playing has started.")?;
        // Flash Player lets scripts look at sound and pictures only when it is told that they may.
        let may = Value::Boolean(true);
        self.outbox.data(stream, &[Value::String("|RtmpSampleAccess"), may.clone(), may])
    }

    /// Ends the play under way: the player is told why, that the stream is over, and that nothing more comes; then
    /// [`Output::Close`] comes. Without a play it is [`finish`](Self::finish).
    pub fn end_play(&mut self, reason: &Rejection) {
        let Phase::Playing { stream, .. } = self.phase else { return self.finish(reason) };
        // Full of unsent bytes, it closes without a word.
        let _ = self.say_end(stream, reason);
        self.close(CloseReason::Finished(reason.code));
    }

    fn say_end(&mut self, stream: u32, reason: &Rejection) -> Result<(), Error> {
        if reason.code != Rejection::UNPUBLISHED {
            self.outbox.status(stream, "warning", reason.code, &reason.description)?;
        }
        self.outbox.stream_eof(stream)?;
        self.outbox.status(stream, "status", Rejection::UNPUBLISHED, &reason.description)?;
        self.outbox.status(stream, "status", "NetStream.Play.Stop", "Playing has ended.")
    }

    /// The player is done: whatever else it sends is not read.
    pub(super) fn stop(&mut self, stream: u32) -> Result<(), Error> {
        self.outbox.stream_eof(stream)?;
        self.outbox.status(stream, "status", "NetStream.Play.Stop", "Playing has ended.")?;
        self.outbox.push(Output::Stopped);
        self.part(CloseReason::Stopped);
        Ok(())
    }

    /// Answers what a player wants of the play under way that a live stream does not have.
    pub(super) fn excuse(&mut self, call: &Call<'_>, name: &str) -> Result<(), Error> {
        let (code, words) = match name {
            "seek" => ("NetStream.Seek.Failed", "This is live: there is nothing to seek in."),
            "pause" | "pauseRaw" => ("NetStream.Failed", "This is live: it goes on and cannot be paused."),
            "play2" => (Rejection::PLAY_FAILED, "A play is not changed: play anew on another connection."),
            // Sound and pictures are sent together, whichever of them is wanted.
            _ => return self.answer(call, Value::Undefined),
        };
        self.outbox.status(call.stream, "warning", code, words)
    }

    /// Players of Flash Media Server's line send it before they play, and some wait for the answer.
    pub(super) fn fc_subscribe(&mut self, call: &Call<'_>) -> Result<(), Error> {
        let info = information("status", "NetStream.Play.Start", "Ready to play.");
        self.outbox.command(call.stream, "onFCSubscribe", 0.0, &[Value::Null, Value::Object(info)])?;
        self.answer(call, Value::Undefined)
    }

    /// A player answered a ping.
    pub(super) fn ponged(&mut self) {
        if let Phase::Playing { answers, .. } = &mut self.phase {
            *answers = true;
        }
    }

    /// Asks a player whether it is there, when that is due.
    pub(super) fn ask_after(&mut self) -> Result<(), Error> {
        let silent = self.now.saturating_duration_since(self.heard);
        let Phase::Playing { pinged, answers, .. } = &mut self.phase else { return Ok(()) };
        if self.now.saturating_duration_since(*pinged) < PING {
            return Ok(());
        }
        if *answers && silent >= SILENCE {
            return Err(Error::Timeout { wait: Wait::Pong, limit: SILENCE });
        }
        *pinged = self.now;
        let since = self.now.saturating_duration_since(self.opened).as_millis();
        self.outbox.ping((since & u128::from(u32::MAX)) as u32)
    }

    /// When [`ask_after`](Self::ask_after) is due.
    pub(super) fn asks_at(pinged: std::time::Instant) -> Option<std::time::Instant> {
        pinged.checked_add(PING)
    }
}
