//! Commands: read the name, then hand the rest to the verb it means.

use std::sync::Arc;

use super::core::{Phase, Session};
use crate::flv::amf0::{Reader, Value};
use crate::rtmp::chunk::Message;
use crate::rtmp::error::Error;
use crate::rtmp::outbox::information;

/// One command, its values unread: those of a command we do not know need not even be AMF0.
pub(super) struct Call<'a> {
    /// Message stream it came on.
    pub(super) stream: u32,
    /// Transaction id: 0 when no answer is wanted.
    pub(super) transaction: f64,
    /// Where in the chunk stream it ends, in bytes.
    pub(super) at: u64,
    rest: Reader<'a>,
}

impl<'a> Call<'a> {
    /// The values after the transaction id.
    pub(super) fn values(mut self) -> Result<Vec<Value<'a>>, Error> {
        let mut values = Vec::new();
        while let Some(value) = self.rest.read().map_err(|fault| Error::Command { at: self.at, fault })? {
            values.push(value);
        }
        Ok(values)
    }
}

impl Session {
    /// Obeys the command in `body`, the AMF0 part of `message`.
    pub(super) fn command(&mut self, message: &Message, body: &[u8]) -> Result<(), Error> {
        let at = self.reader.consumed();
        let limits = Arc::clone(&self.limits);
        let mut rest = Reader::new(body, &limits.rtmp);
        let fail = |fault| Error::Command { at, fault };
        let name = rest.read().map_err(fail)?.and_then(|name| name.as_str());
        let name = name.ok_or(Error::NoCommandName { at })?;
        let transaction = rest.read().map_err(fail)?.and_then(|id| id.as_number()).unwrap_or_default();
        let call = Call { stream: message.stream, transaction, at, rest };
        if name != "connect" && name != "publish" && matches!(self.phase, Phase::Waiting) {
            return self.fail(&call, "Not connected: connect first.");
        }
        match name {
            "connect" => self.connect(call),
            "createStream" => self.create_stream(&call),
            "releaseStream" => self.answer(&call, Value::Undefined),
            "FCPublish" => self.fc_publish(&call),
            "publish" => self.publish(call),
            "FCUnpublish" => {
                self.answer(&call, Value::Undefined)?;
                self.unpublish()
            }
            "deleteStream" => self.delete_stream(call),
            "closeStream" => self.close_stream(&call),
            "play" => self.play(call),
            "FCSubscribe" => self.fc_subscribe(&call),
            "play2" | "seek" | "pause" | "pauseRaw" | "receiveAudio" | "receiveVideo" => {
                self.excuse(&call, name)
            }
            // A bandwidth check and a question about a recording: answered so that nobody waits.
            "_checkbw" | "getStreamLength" => self.answer(&call, Value::Number(0.0)),
            // Answers to what we never ask.
            "_result" | "_error" | "onStatus" => Ok(()),
            _ => self.fail(&call, "Unknown command."),
        }
    }

    /// `_result`, if one is wanted.
    pub(super) fn answer(&mut self, call: &Call<'_>, value: Value<'_>) -> Result<(), Error> {
        if call.transaction == 0.0 {
            return Ok(());
        }
        self.outbox.command(call.stream, "_result", call.transaction, &[Value::Null, value])
    }

    /// `_error`, if an answer is wanted.
    pub(super) fn fail(&mut self, call: &Call<'_>, description: &str) -> Result<(), Error> {
        if call.transaction == 0.0 {
            return Ok(());
        }
        let info = information("error", "NetConnection.Call.Failed", description);
        self.outbox.command(call.stream, "_error", call.transaction, &[Value::Null, Value::Object(info)])
    }
}
