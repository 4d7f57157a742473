//! Answer: the decision tables of playlist and media requests, pure.

use std::time::Duration;

use super::refusal::Refusal;
use super::render;
use super::reply::{Answer, Cache, Reply, Wait};
use super::request::Request;
use super::route::File;
use crate::base::Rope;
use crate::live::View;
use crate::media::TrackKind;

/// Content-Type of playlists (§4).
pub(super) const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";

/// What to do with a request in the state `view`.
///
/// The driver asks again with each newer view while the answer is to wait. A playlist request that was
/// told to wait is never refused by a later view; a part that was waited for is, when it cannot come.
pub fn answer(view: &View, request: &Request) -> Answer {
    match request.file {
        File::Playlist | File::IFrames => playlist(view, request),
        File::Init(number) => init(view, number),
        File::Part(number) => part(view, number),
        File::Segment(msn) => segment(view, msn),
    }
}

/// The answer when nothing more can be held: instead of a wait, the playlist as it is now, or 503.
///
/// A player that is given the current playlist just asks again, as it would of a server that cannot block.
pub fn at_once(view: &View, request: &Request) -> Answer {
    match answer(view, request) {
        // It does not hold what its URL asked for, so no cache may keep it under that URL.
        Answer::WaitFor(_) if request.file.is_playlist() && suits(view, request) => {
            Answer::Ready(playlist_reply(view, request, Cache::NoStore))
        }
        Answer::WaitFor(_) => Answer::Refuse(Refusal::Busy),
        decided => decided,
    }
}

/// Whether a playlist of this view has anything in it to play.
pub(super) fn startable(view: &View) -> bool {
    match view.constants.part_target {
        Some(_) => view.playable(),
        None => !view.listed().is_empty(),
    }
}

/// Whether the one who asks can play what a playlist of this view lists.
fn suits(view: &View, request: &Request) -> bool {
    let whole = request.whole_segments || request.file == File::IFrames;
    startable(view) && !(whole && view.listed().is_empty())
}

/// Whether parts are listed where the request looks: never among I-frames (§4.4.4.9).
fn parted(view: &View, request: &Request) -> bool {
    view.constants.part_target.is_some() && request.file != File::IFrames
}

/// Three target durations: how long a request may be held (§6.2.5.2).
pub(super) fn longest_hold(target_duration: u32) -> Duration {
    Duration::from_secs(u64::from(target_duration).saturating_mul(3))
}

/// Playlist requests (§6.2.5.2).
///
/// With L the last closed segment, L+1 the open one and k its last part:
///
/// ```text
/// no directives                        200, once anything is listed
/// ENDLIST, any directives              200
/// malformed directives                 400
/// msn <= L, also when long gone        200
/// msn <= L, part past its last         as (msn+1, 0)
/// msn = L+1                            wait until L+1 closes
/// msn = L+1, part <= k                 200
/// msn = L+1, part within the bound     wait
/// msn = L+2, part within the bound     wait
/// further ahead in either              400
/// ```
///
/// `_HLS_skip` changes nothing of this: it makes a 200 before ENDLIST a delta update (§6.2.5.1).
fn playlist(view: &View, request: &Request) -> Answer {
    let target = view.constants.target_duration;
    let plain = Cache::Seconds((target / 2).max(1));
    // What a directive asks for is there and stays true, so it keeps longer than the plain playlist (B.1).
    let satisfied = Cache::Seconds(target.saturating_mul(6));
    let position = request.directives.position();
    if view.ended {
        // "If the playlist contains EXT-X-ENDLIST the directives are ignored": malformed ones too. A
        // generation that ended with nothing listed never had a playlist.
        return match position {
            _ if !suits(view, request) => Answer::Refuse(Refusal::NotFound(target)),
            Ok(Some(_)) => Answer::Ready(playlist_reply(view, request, satisfied)),
            Ok(None) | Err(_) => Answer::Ready(playlist_reply(view, request, plain)),
        };
    }
    let (due, cache) = match position {
        Err(_) => return Answer::Refuse(Refusal::BadDirective),
        Ok(None) => (Due::Now, plain),
        // Where no parts are listed there is no part to wait for: the segment is meant.
        Ok(Some((msn, part))) => (due(view, msn, part.filter(|_| parted(view, request))), satisfied),
    };
    match due {
        Due::Now if suits(view, request) => Answer::Ready(playlist_reply(view, request, cache)),
        Due::Now | Due::Later => wait(view, Refusal::TimedOut),
        Due::TooFar => Answer::Refuse(Refusal::TooFarAhead),
    }
}

/// When the state that a playlist request asks for is reached.
enum Due {
    Now,
    Later,
    TooFar,
}

fn due(view: &View, msn: u64, part: Option<u64>) -> Due {
    // L + 1 in the table above.
    let open = view.next_msn;
    if msn < open {
        // A segment that is gone has been followed by others: whatever was asked for has come to pass.
        return match (part, view.segment(msn)) {
            (Some(part), Some(segment)) if part >= segment.parts.len() as u64 => {
                due(view, msn.saturating_add(1), Some(0))
            }
            _ => Due::Now,
        };
    }
    let listed = match &view.open {
        Some(segment) if msn == open => segment.parts.len() as u64,
        _ => 0,
    };
    match (msn - open, part) {
        (0, Some(part)) if part < listed => Due::Now,
        (0 | 1, Some(part)) if part > furthest(view, listed) => Due::TooFar,
        (0 | 1, _) => Due::Later,
        _ => Due::TooFar,
    }
}

/// The furthest part index to wait for in a segment of which `listed` parts are listed: max(k + A, C).
///
/// A is the advance part limit of the specification, C the most parts a segment can have and one more.
/// The second is ours: players that load whole segments ask for the last part of the open one at once.
/// The bound depends on the view only through `listed`, which grows, so no accepted wait turns into a 400.
fn furthest(view: &View, listed: u64) -> u64 {
    let target = view.constants.part_target.unwrap_or(Duration::from_secs(1)).as_nanos().max(1);
    let second = Duration::from_secs(1).as_nanos();
    let advance = if target < second { 3 * second / target } else { 3 };
    let segment = u128::from(view.constants.target_duration) * second;
    let most = segment.div_ceil(target) + 1;
    // k is `listed - 1`.
    let ahead = (u128::from(listed) + advance).saturating_sub(1);
    u64::try_from(ahead.max(most)).unwrap_or(u64::MAX)
}

/// Init sections: those that a fetchable segment needs, and the hinted one. That one is there before it is
/// hinted, so nobody waits for it.
fn init(view: &View, number: u32) -> Answer {
    match view.init(number) {
        Some(bytes) => media_reply(view, File::Init(number), bytes.clone().into()),
        None => {
            let newest = view.open.as_ref().map(|open| &open.head);
            let newest = newest.or_else(|| view.segments.last().map(|segment| &segment.head));
            missing(view, newest.is_some_and(|head| number <= head.init.number))
        }
    }
}

/// Parts (§6.2.6): listed and retained ones at once; the hinted one, and no other, when it is complete.
/// One that turned out to be a gap is not available (§4.4.4.9): whoever waited for it is told so.
fn part(view: &View, number: u64) -> Answer {
    if view.constants.part_target.is_none() {
        // They exist, but no playlist has ever named one.
        return missing(view, true);
    }
    if let Some(part) = view.part(number) {
        if part.gap {
            return missing(view, true);
        }
        return media_reply(view, File::Part(number), part.body.clone());
    }
    match number == view.next_part {
        true if view.ended => Answer::Refuse(Refusal::Cancelled),
        true => wait(view, Refusal::Cancelled),
        false => missing(view, number < view.next_part),
    }
}

/// Segments: closed ones that are retained. The open one has no URL yet. One that is a gap holds no media
/// (§4.4.4.7), and players that load it all the same go on with the next.
fn segment(view: &View, msn: u64) -> Answer {
    match view.segment(msn) {
        Some(segment) => media_reply(view, File::Segment(msn), segment.body()),
        None => missing(view, msn < view.next_msn),
    }
}

/// 404, kept for a while by caches only if there is no way that the resource will be there later.
fn missing(view: &View, past: bool) -> Answer {
    let gone = Refusal::NotFound(view.constants.target_duration);
    Answer::Refuse(if past { gone } else { Refusal::NotYet })
}

fn wait(view: &View, expired: Refusal) -> Answer {
    Answer::WaitFor(Wait { at_most: longest_hold(view.constants.target_duration), expired })
}

fn playlist_reply(view: &View, request: &Request, cache: Cache) -> Reply {
    Reply {
        body: render::text(view, request).into(),
        content_type: PLAYLIST_TYPE,
        cache,
        gzip: request.gzip,
        vary: true,
        etag: None,
        ranges: false,
    }
}

fn media_reply(view: &View, file: File, body: Rope) -> Answer {
    Answer::Ready(Reply {
        body,
        content_type: match view.constants.track.id.kind {
            TrackKind::Video => "video/mp4",
            TrackKind::Audio => "audio/mp4",
        },
        cache: Cache::Immutable,
        gzip: false,
        vary: false,
        // Names are never reused within a generation, nor generations, so the name tells the bytes.
        etag: Some(format!("\"{file}\"")),
        ranges: true,
    })
}

#[cfg(test)]
mod tests;
