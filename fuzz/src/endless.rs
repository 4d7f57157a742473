//! Endless files: what every viewer of a stream gets, read back by readers that share no code with what wrote it.

// A reader of transport streams, which the server's own tests have as well.
#[path = "../../tests/progressive/demux.rs"]
mod demux;
mod mp4;
mod source;
mod tags;
mod ts;

use std::sync::Arc;

use rillcast::media::Track;
use rillcast::progressive::{Chunk, Format, Head, Mux, Onward};

use crate::steps::Steps;

use self::source::{Epoch, Given};

/// Frames by steps as FLV, as the messages of an RTMP play, and as fragmented MP4: each format has every frame once, in
/// order, with its bytes, times and key flag.
pub fn endless(data: &[u8]) {
    let epochs = source::read(&mut Steps(data));
    let files = tags::judge(Format::Flv, &epochs);
    let messages = tags::judge(Format::Rtmp, &epochs);
    if let (Some(files), Some(messages)) = (files, messages) {
        // A file cannot go on with a kind that its header has not promised.
        let common = files.len().min(messages.len());
        assert_eq!(files[..common], messages[..common], "a tag's body is that of the message");
    }
    mp4::judge(&epochs);
}

/// The same as a transport stream, which keeps the rules of ISO/IEC 13818-1 on the way.
pub fn ts(data: &[u8]) {
    let mut steps = Steps(data);
    let gaps = steps.short();
    self::ts::judge(&source::read(&mut steps), gaps);
}

/// What a mux made of the frames of one epoch after the other.
struct Made {
    /// Every chunk, and after how many frames of which epoch it came.
    chunks: Vec<Chunk>,
    /// Where in `chunks` each epoch begins.
    begins: Vec<usize>,
    unfit: u64,
}

/// Runs a mux over `epochs`, up to the one it must end at. `None` where the first tracks do not fit `format`.
fn made(format: Format, epochs: &[Epoch], each: impl Fn(&Track) -> bool) -> Option<Made> {
    let fits = |epoch: &Epoch| epoch.tracks.iter().all(&each);
    let first = epochs.first()?;
    let mut mux = match Mux::new(format, &first.tracks) {
        Ok(mux) => mux,
        Err(why) => {
            assert!(!fits(first), "{why}");
            return None;
        }
    };
    assert!(fits(first));
    let mut made = Made { chunks: Vec::new(), begins: Vec::new(), unfit: 0 };
    for (n, epoch) in epochs.iter().enumerate() {
        if n > 0 {
            let onward = mux.begin(&epoch.tracks);
            made.chunks.extend(std::iter::from_fn(|| mux.pull()));
            if let Onward::MustEnd(_) = onward {
                epoch.frames.iter().for_each(|given| mux.push(&given.frame));
                assert!(mux.pull().is_none(), "an end is an end");
                break;
            }
            assert!(fits(epoch), "what does not fit goes on");
        }
        made.begins.push(made.chunks.len());
        for Given { frame, .. } in &epoch.frames {
            mux.push(frame);
            made.chunks.extend(std::iter::from_fn(|| mux.pull()));
        }
    }
    mux.end();
    made.chunks.extend(std::iter::from_fn(|| mux.pull()));
    made.unfit = mux.unfit();
    Some(made)
}

/// What a reader is sent that gets one of `runs` after the other, and misses what was between.
fn sent(runs: &[&[Chunk]]) -> Vec<u8> {
    let (mut had, mut bytes): (Option<&Arc<Head>>, _) = (None, Vec::new());
    for run in runs {
        for (place, chunk) in run.iter().enumerate() {
            bytes.extend(&chunk.preface(had, place == 0)[..]);
            had = Some(&chunk.head);
            bytes.extend(chunk.body.runs().concat());
        }
    }
    bytes
}

/// `value` units of one scale in another, to the nearest, halves away from zero.
fn scaled(value: i64, from: u32, to: u32) -> i64 {
    let (value, from, to) = (i128::from(value), i128::from(from), i128::from(to));
    let twice = value * to * 2;
    ((twice.abs() + from) / (2 * from) * twice.signum()) as i64
}

/// Pictures and sound with everything in them once.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    source::seeds()
}
