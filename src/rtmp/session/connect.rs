//! `connect`: the application, and what both sides can do (§7.2.1.1; Enhanced RTMP v2, "Enhancing NetConnection
//! connect Command").

use super::command::Call;
use super::core::{Phase, Session};
use crate::flv::amf0::Value;
use crate::rtmp::address::Application;
use crate::rtmp::codecs::Codecs;
use crate::rtmp::error::Error;
use crate::rtmp::flow::WINDOW;
use crate::rtmp::outbox::information;
use crate::rtmp::request::CloseReason;

/// The one application there is.
const APPLICATION: &str = "live";

/// What we send in one chunk: every answer of ours fits.
const CHUNK_SIZE: u32 = 4_096;

/// `FourCcInfoMask::CanForward`: we hand frames on as they are.
const CAN_FORWARD: f64 = 4.0;

/// `capsEx`, one bit each: we ask clients that can to connect anew (1), and read several tracks (2), `ModEx` packets (4)
/// and the nanoseconds in them (8).
const CAPS_EX: f64 = 15.0;
/// The bit of `capsEx` for clients that connect anew when asked.
const CAPS_RECONNECT: u32 = 1;

/// Every codec that is taken.
const VIDEO_CODECS: [&str; 4] = ["avc1", "hvc1", "av01", "vp09"];
const AUDIO_CODECS: [&str; 6] = ["mp4a", "Opus", "fLaC", "ac-3", "ec-3", ".mp3"];

/// `fmsVer` and `capabilities` as clients have known them since Flash Media Server 3.
const SERVER_VERSION: &str = "FMS/3,0,1,123";
const CAPABILITIES: f64 = 31.0;

/// The longest encoder name kept, in characters.
const ENCODER_NAME: usize = 128;

impl Session {
    pub(super) fn connect(&mut self, call: Call<'_>) -> Result<(), Error> {
        if !matches!(self.phase, Phase::Waiting) {
            return self.fail(&call, "Already connected.");
        }
        let (stream, transaction, at) = (call.stream, call.transaction, call.at);
        let values = call.values()?;
        let properties = values.iter().find(|value| value.fields().is_some()).unwrap_or(&Value::Null);
        let text = |name| properties.get(name).and_then(Value::as_str);
        self.encoder = text("flashVer").map(printable).filter(|name| !name.is_empty());
        let capabilities = properties.get("capsEx").and_then(Value::as_number).unwrap_or_default();
        self.reconnects = capabilities as u32 & CAPS_RECONNECT != 0;
        self.codecs = Codecs::of(properties);
        let application = Application::parse(text("app"), text("tcUrl"));
        let Some(application) = application.filter(|application| application.name == APPLICATION) else {
            return self.turn_away(stream, transaction, at);
        };
        self.outbox.window(WINDOW)?;
        self.outbox.bandwidth(WINDOW)?;
        self.outbox.chunk_size(CHUNK_SIZE)?;
        let extras = enhancements(properties);
        let mut server = vec![
            ("fmsVer", Value::String(SERVER_VERSION)),
            ("capabilities", Value::Number(CAPABILITIES)),
            ("mode", Value::Number(1.0)),
        ];
        server.extend(extras.iter().cloned());
        let mut info = information("status", "NetConnection.Connect.Success", "Connection succeeded.");
        info.push(("objectEncoding", Value::Number(0.0)));
        // The specification leaves open which of the two objects is meant, and clients look in either.
        info.extend(extras);
        self.outbox.command(stream, "_result", transaction, &[Value::Object(server), Value::Object(info)])?;
        self.phase = Phase::Connected(application);
        Ok(())
    }

    /// The application is not repeated: people paste their keys in its place.
    fn turn_away(&mut self, stream: u32, transaction: f64, at: u64) -> Result<(), Error> {
        let (code, words) =
            ("NetConnection.Connect.Rejected", "No such application. Publish to rtmp://HOST/live.");
        let info = information("error", code, words);
        self.outbox.command(stream, "_error", transaction, &[Value::Null, Value::Object(info)])?;
        self.close(CloseReason::Declined { code, words, at });
        Ok(())
    }
}

/// What we answer of Enhanced RTMP: the counterpart of what the client offered, so that a client that
/// knows nothing of it sees nothing of it.
fn enhancements(offer: &Value<'_>) -> Vec<(&'static str, Value<'static>)> {
    let offers = |name| offer.get(name).is_some();
    let forward = |codecs: &[&'static str]| {
        Value::Object(codecs.iter().map(|codec| (*codec, Value::Number(CAN_FORWARD))).collect())
    };
    let mut extras = Vec::new();
    if offers("fourCcList") {
        let all = VIDEO_CODECS.iter().chain(&AUDIO_CODECS);
        extras.push(("fourCcList", Value::StrictArray(all.map(|codec| Value::String(codec)).collect())));
    }
    if offers("videoFourCcInfoMap") {
        extras.push(("videoFourCcInfoMap", forward(&VIDEO_CODECS)));
    }
    if offers("audioFourCcInfoMap") {
        extras.push(("audioFourCcInfoMap", forward(&AUDIO_CODECS)));
    }
    if offers("capsEx") {
        extras.push(("capsEx", Value::Number(CAPS_EX)));
    }
    extras
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ENCODER_NAME).collect()
}
