//! What is in a file, as ffprobe reads it: the truth that what comes out is compared with.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

/// One access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) key: bool,
    pub(crate) hash: String,
}

/// One track of a file, times in seconds of `base.0 / base.1`.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) video: bool,
    pub(crate) base: (i64, i64),
    /// SHA-256 of the decoder configuration.
    pub(crate) record: String,
    pub(crate) size: (u64, u64),
    pub(crate) pixel_aspect: String,
    pub(crate) packets: Vec<Packet>,
}

impl Track {
    /// `value` in ticks of `scale`, to the nearest one.
    pub(crate) fn ticks(&self, value: i64, scale: i64) -> i64 {
        let (num, den) = (value * self.base.0 * scale, self.base.1);
        (2 * num + den).div_euclid(2 * den)
    }
}

/// Reads the video and audio tracks of `file`.
pub(crate) async fn read(file: &Path) -> Vec<Track> {
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-show_streams", "-show_packets", "-show_data_hash", "SHA256", "-of", "json"]);
    let output = probe.arg(file).kill_on_drop(true).output().await.expect("ffprobe is on PATH");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packets = found["packets"].as_array().unwrap();
    let media = |stream: &&Value| stream["codec_type"] == "video" || stream["codec_type"] == "audio";
    found["streams"].as_array().unwrap().iter().filter(media).map(|stream| track(stream, packets)).collect()
}

fn track(stream: &Value, packets: &[Value]) -> Track {
    let (num, den) = stream["time_base"].as_str().unwrap().split_once('/').unwrap();
    let own = packets.iter().filter(|packet| packet["stream_index"] == stream["index"]);
    Track {
        video: stream["codec_type"] == "video",
        base: (num.parse().unwrap(), den.parse().unwrap()),
        record: stream.get("extradata_hash").map(hash).unwrap_or_default(),
        size: (stream["width"].as_u64().unwrap_or(0), stream["height"].as_u64().unwrap_or(0)),
        pixel_aspect: stream["sample_aspect_ratio"].as_str().unwrap_or_default().to_owned(),
        packets: own
            .map(|packet| Packet {
                pts: packet["pts"].as_i64().unwrap(),
                dts: packet["dts"].as_i64().unwrap(),
                key: packet["flags"].as_str().unwrap().starts_with('K'),
                hash: hash(&packet["data_hash"]),
            })
            .collect(),
    }
}

fn hash(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim_start_matches("SHA256:").to_owned()
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
