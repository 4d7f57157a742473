//! History: every part that a rendition ever had, in order, and what can be said of all of them together.

use std::collections::BTreeMap;

use crate::ledger::Promise;
use crate::marks::Mark;

/// A part as the server made it.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) start: i64,
    pub(crate) duration: i64,
    pub(crate) gap: bool,
    pub(crate) msn: u64,
    pub(crate) marks: Vec<Mark>,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) pieces: BTreeMap<u64, Piece>,
    /// Which epoch each segment belongs to.
    pub(crate) epochs: BTreeMap<u64, u32>,
}

/// One publish as its encoder knows it.
#[derive(Debug, Default)]
pub(crate) struct Publish {
    /// The how-many-th that was let in.
    pub(crate) turn: Option<usize>,
    /// What was sent whole of pictures and of sound: the number, and whether nothing excuses its loss.
    pub(crate) sent: [Vec<(u32, bool)>; 2],
    /// Whether a bit of it was another: a message that is longer for that takes those after it along, as they are.
    pub(crate) damaged: bool,
}

impl History {
    /// Everything that can be said of all parts in order, which are of pictures (0) or of sound (1).
    pub(crate) fn check(&self, track: u8, publishes: &[Publish]) -> Result<(), (Promise, String)> {
        let mut last: Option<(u64, &Piece, u32)> = None;
        let mut newest: Option<(usize, Mark, u32, bool)> = None;
        for (number, piece) in &self.pieces {
            let Some(&epoch) = self.epochs.get(&piece.msn) else {
                return Err((Promise::Listed, format!("part {number}: segment {} never was", piece.msn)));
            };
            if let Some((before, piece_before, epoch_before)) = last {
                if before + 1 != *number {
                    return Err((Promise::Listed, format!("part {number} follows {before}")));
                }
                let due = piece_before.start + piece_before.duration;
                if epoch == epoch_before && piece.start != due {
                    let what = format!("part {number} starts at {}, and not at {due}", piece.start);
                    return Err((Promise::Order, what));
                }
                if epoch < epoch_before || piece.msn < piece_before.msn {
                    return Err((Promise::Order, format!("part {number} is of an earlier epoch")));
                }
            }
            last = Some((*number, piece, epoch));
            if piece.gap {
                newest = newest.map(|(turn, mark, epoch, _)| (turn, mark, epoch, true));
            }
            for mark in &piece.marks {
                if mark.track != track {
                    if publishes.get(usize::from(mark.publish)).is_some_and(|publish| publish.damaged) {
                        continue;
                    }
                    return Err((Promise::Order, format!("part {number} has {mark:?} of another track")));
                }
                newest = Some(follows(*number, *mark, epoch, newest, publishes)?);
            }
        }
        Ok(())
    }
}

/// Whether `mark` may come after the newest one before it.
fn follows(
    part: u64,
    mark: Mark,
    epoch: u32,
    newest: Option<(usize, Mark, u32, bool)>,
    publishes: &[Publish],
) -> Result<(usize, Mark, u32, bool), (Promise, String)> {
    let publish = publishes.get(usize::from(mark.publish));
    let Some((publish, turn)) = publish.and_then(|publish| Some((publish, publish.turn?))) else {
        return Err((Promise::Order, format!("part {part} has {mark:?}, whom nobody let in")));
    };
    let next = (turn, mark, epoch, false);
    let Some((turn_before, before, epoch_before, gap)) = newest else { return Ok(next) };
    if turn < turn_before {
        return Err((Promise::Order, format!("part {part}: {mark:?} comes after {before:?}")));
    }
    if turn > turn_before {
        if epoch == epoch_before {
            return Err((Promise::Order, format!("part {part}: {mark:?} in the epoch of {before:?}")));
        }
        return Ok(next);
    }
    if mark.number <= before.number {
        return Err((Promise::Order, format!("part {part}: {mark:?} comes after {before:?}")));
    }
    let between = before.number + 1..mark.number;
    let missing = || {
        let sent = &publish.sent[usize::from(mark.track & 1)];
        let from = sent.partition_point(|(number, _)| *number < between.start);
        sent[from..].iter().take_while(|(number, _)| *number < between.end).find(|(_, clean)| *clean)
    };
    if !gap
        && epoch == epoch_before
        && !between.is_empty()
        && let Some((number, _)) = missing()
    {
        return Err((Promise::NothingLost, format!("part {part}: {number} is missing before {mark:?}")));
    }
    Ok(next)
}
