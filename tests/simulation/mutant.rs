//! Mutants: mistakes between the server and those who watch it, which must be found. What is one of the server's own
//! mistakes is seen by the auditor and by every player alike.

use std::time::Duration;

use crate::marks::Mark;
use crate::shelf::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Gap parts are not listed.
    GapPartForgotten,
    /// The third part of each segment is not.
    PartForgotten,
    /// DISCONTINUITY is not written.
    DiscontinuityForgotten,
    /// The media sequence number goes back now and then.
    SequenceStepsBack,
    /// A delta skips a segment less than it says.
    DeltaTooShort,
    /// A part is served under the name of another, to some.
    UriReused,
    /// Held requests are not woken.
    WakingForgotten,
    /// A connection with a request in it is closed without a word.
    AnswerDropped,
    /// One frame is not in its part.
    FrameLost,
    /// A frame of a publisher that was taken over comes late.
    OldFrame,
    /// A frame comes twice.
    FrameTwice,
    /// What ended is kept.
    GenerationKept,
}

/// Whether a playlist or a frame with this number is one that is mistaken.
fn rarely(number: u64) -> bool {
    number % 7 == 3
}

/// A whole playlist or a delta as it is sent.
pub(crate) fn playlist(mutant: Option<Mutant>, place: Place, text: &[u8]) -> Vec<u8> {
    let Some(mutant) = mutant.filter(|_| place.track[0] == b'v') else { return text.to_vec() };
    let text = String::from_utf8_lossy(text);
    let is_third = |line: &str| line.starts_with("#EXT-X-PART:") && number(line).is_some_and(rarely);
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let left_out = match mutant {
            Mutant::GapPartForgotten => line.starts_with("#EXT-X-PART:") && line.contains("GAP=YES"),
            Mutant::PartForgotten => is_third(line),
            Mutant::DiscontinuityForgotten => line == "#EXT-X-DISCONTINUITY",
            _ => false,
        };
        if left_out {
            continue;
        }
        let sequence = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:").and_then(|n| n.parse::<u64>().ok());
        let skipped = line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS=");
        match (mutant, sequence, skipped) {
            (Mutant::SequenceStepsBack, Some(number), _) if rarely(number) => {
                out.push_str(&format!("#EXT-X-MEDIA-SEQUENCE:{}", number - 2));
            }
            (Mutant::DeltaTooShort, _, Some(count)) => {
                let (digits, rest) = count.split_at(count.find(',').unwrap_or(count.len()));
                let fewer = digits.parse::<u64>().unwrap_or(1).saturating_sub(1);
                out.push_str(&format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={fewer}{rest}"));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out.into_bytes()
}

/// The number in the name of a part.
fn number(line: &str) -> Option<u64> {
    let rest = line.split("part-").nth(1)?;
    rest.split('.').next()?.parse().ok()
}

/// A part or a segment as it is sent to player `who`.
pub(crate) fn media(mutant: Option<Mutant>, who: usize, file: &str, mut body: Vec<u8>) -> Vec<u8> {
    if mutant == Some(Mutant::UriReused) && who == 3 && number(file).is_some_and(rarely) {
        body.reverse();
    }
    body
}

/// How much later than it is answered a player hears of it.
pub(crate) fn delay(mutant: Option<Mutant>, who: usize, held: bool) -> Duration {
    let forgotten = mutant == Some(Mutant::WakingForgotten) && who == 2 && held;
    Duration::from_secs(if forgotten { 10 } else { 0 })
}

/// Whether a connection is closed instead of an answer.
pub(crate) fn drops(mutant: Option<Mutant>, who: usize, held: bool) -> bool {
    mutant == Some(Mutant::AnswerDropped) && who == 2 && held
}

/// The frames of a part.
pub(crate) fn marks(mutant: Option<Mutant>, place: Place, mut marks: Vec<Mark>) -> Vec<Mark> {
    let at = marks.iter().position(|mark| mark.number % 19 == 7);
    match (mutant, at) {
        (Some(Mutant::FrameLost), Some(at)) => drop(marks.remove(at)),
        (Some(Mutant::FrameTwice), Some(at)) => marks.insert(at, marks[at]),
        (Some(Mutant::OldFrame), Some(at)) if place.track[0] == b'v' && marks[at].publish > 0 => {
            marks[at].publish -= 1;
        }
        _ => {}
    }
    marks
}
