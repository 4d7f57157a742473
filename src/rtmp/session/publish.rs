//! The verbs around publishing: createStream, FCPublish, publish, deleteStream, closeStream (§7.2).

use super::command::Call;
use super::core::{Phase, Session, Wish};
use crate::flv::amf0::Value;
use crate::rtmp::error::Error;
use crate::rtmp::outbox::information;
use crate::rtmp::output::Output;
use crate::rtmp::request::{PublishRequest, Rejection};

impl Session {
    /// Answers the number of a new message stream: 1, 2, …
    pub(super) fn create_stream(&mut self, call: &Call<'_>) -> Result<(), Error> {
        let max = self.limits.rtmp.message_streams;
        if self.streams >= max {
            return Err(Error::MessageStreams(max));
        }
        self.streams = self.streams.saturating_add(1);
        self.answer(call, Value::Number(f64::from(self.streams)))
    }

    /// Encoders of Flash Media Encoder's line send it, and some wait for both answers.
    pub(super) fn fc_publish(&mut self, call: &Call<'_>) -> Result<(), Error> {
        let info = information("status", "NetStream.Publish.Start", "Ready for publish.");
        self.outbox.command(call.stream, "onFCPublish", 0.0, &[Value::Null, Value::Object(info)])?;
        self.answer(call, Value::Undefined)
    }

    /// `publish`: null, the name, and the kind of publish where the encoder says it ("live" mostly).
    pub(super) fn publish(&mut self, call: Call<'_>) -> Result<(), Error> {
        let (stream, at) = (call.stream, call.at);
        let busy = match self.phase {
            Phase::Publishing { .. } => Some("This connection publishes already."),
            Phase::Playing { .. } => Some("This connection plays: publish on another one."),
            _ => None,
        };
        if let Some(words) = busy {
            // What goes on is none the worse for it.
            let reason = Rejection::bad_name(words);
            return self.outbox.status(stream, "error", reason.code, &reason.description);
        }
        let values = call.values()?;
        // Some leave the null out: the first text is the name, and the kind does not matter.
        let name = values.iter().find_map(Value::as_str);
        let fault = match (&self.phase, name) {
            (Phase::Connected(_), _) if stream == 0 || stream > self.streams => {
                "No such message stream: createStream first."
            }
            (Phase::Connected(application), Some(name)) => match application.resolve(name) {
                Some(target) => {
                    let request = PublishRequest {
                        app: application.name.clone(),
                        path: target.path,
                        key: target.key,
                        parameters: target.parameters,
                        encoder: self.encoder.take(),
                    };
                    self.phase = Phase::Asking { stream, wish: Wish::Publish };
                    self.outbox.push(Output::PublishRequested(Box::new(request)));
                    return Ok(());
                }
                None => "The stream name is empty, too long or not plain text.",
            },
            (Phase::Connected(_), None) => "The stream name is missing.",
            _ => "Not connected: connect first.",
        };
        self.decline(stream, at, Rejection::BAD_NAME, fault);
        Ok(())
    }

    /// `deleteStream` ends the publish or play when it names its message stream, or none.
    pub(super) fn delete_stream(&mut self, call: Call<'_>) -> Result<(), Error> {
        let values = call.values()?;
        let named = values.iter().find_map(Value::as_number);
        match self.phase {
            Phase::Publishing { stream, .. } if named.is_none_or(|id| id == f64::from(stream)) => {
                self.unpublish()
            }
            Phase::Playing { stream, .. } if named.is_none_or(|id| id == f64::from(stream)) => {
                self.stop(stream)
            }
            _ => Ok(()),
        }
    }

    /// `closeStream` ends the publish or play of the message stream it came on.
    pub(super) fn close_stream(&mut self, call: &Call<'_>) -> Result<(), Error> {
        match self.phase {
            Phase::Publishing { stream, .. } if call.stream == stream || call.stream == 0 => self.unpublish(),
            Phase::Playing { stream, .. } if call.stream == stream || call.stream == 0 => self.stop(stream),
            _ => Ok(()),
        }
    }
}
