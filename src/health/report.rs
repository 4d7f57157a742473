//! Report: what a watch knows, as one JSON document.

use serde_json::{Value, json};

use super::finding::Held;
use super::track::{Measures, seconds};
use super::watch::Watch;
use crate::media::{Now, StreamName, TrackId};

impl Watch {
    /// What the encoder tells of itself, as JSON: nothing that a viewer may not know. One that tells nothing has no
    /// latency, and no frames.
    pub fn encoder(&self) -> String {
        self.counted().to_string()
    }

    fn counted(&self) -> Value {
        json!({
            "latency_seconds": self.latency().map(thousandths),
            "frames_rendered": self.total.rendered,
            "frames_lagged": self.total.lagged,
            "frames_dropped": self.total.dropped,
            "frames_output": self.total.output,
            "frames_input": self.total.input,
            "frames_skipped": self.total.skipped,
        })
    }

    /// All that is known of the publish to `stream`, as JSON. Times are in seconds, dates in RFC 3339.
    pub fn document(&self, stream: &StreamName, now: Now) -> String {
        let tracks: Vec<Value> = self.tracks.iter().map(|(id, measures)| track(*id, measures, now)).collect();
        let verdicts: Vec<Value> = self.findings.held().map(verdict).collect();
        let document = json!({
            "stream": stream.as_str(),
            "since": self.since.to_string(),
            "at": now.wall.to_string(),
            "received_bytes": self.received,
            "healthy": verdicts.is_empty(),
            "verdicts": verdicts,
            "tracks": tracks,
            "declared": {
                "frames_per_second": self.declared.frame_rate,
                "video_bits_per_second": self.declared.video_bitrate,
            },
            "encoder": self.counted(),
        });
        format!("{document:#}\n")
    }

    /// Bytes of all frames since the publish began.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What is wrong now, each in one sentence.
    pub fn reasons(&self) -> Vec<String> {
        let sentence = |held: &Held| match held.finding.track {
            Some(track) => format!("{track}: {}", held.finding.verdict),
            None => held.finding.verdict.to_string(),
        };
        self.findings.held().map(sentence).collect()
    }
}

fn track(id: TrackId, measures: &Measures, now: Now) -> Value {
    let rates = measures.rates();
    json!({
        "track": id.to_string(),
        "codecs": measures.codecs,
        "frames_per_second": rates.map(|(frames, ..)| thousandths(frames)),
        "bits_per_second": rates.map(|(_, bits, _)| bits.round()),
        "keyframe_interval_seconds": measures.keyframes().map(seconds),
        "silent_seconds": seconds(measures.silence(now.mono)),
        "stalled": measures.stalled(now.mono),
    })
}

fn verdict(held: &Held) -> Value {
    let (unit, value) = held.finding.verdict.measured();
    json!({
        "verdict": held.finding.verdict.name(),
        "track": held.finding.track.map(|track| track.to_string()),
        "words": held.finding.verdict.to_string(),
        "measured": thousandths(value),
        "unit": unit,
        "obs": held.finding.verdict.mend(),
        "since": held.since.to_string(),
    })
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
