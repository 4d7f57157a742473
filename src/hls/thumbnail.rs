//! Thumbnail: the newest key picture of a stream as a file that shows it, for whoever has no player.

use std::sync::Arc;

use super::answer::longest_hold;
use super::multivariant::unsettled;
use super::refusal::Refusal;
use super::reply::{Answer, Cache, Reply, Wait};
use crate::base::Rope;
use crate::cmaf;
use crate::live::View;
use crate::media::TrackKind;
use crate::packager::{Part, SegmentHead};

/// What to do with a request for the thumbnail of `generation`, of whose renditions `views` are the states;
/// none while it is not known yet which there will be.
///
/// It waits for the first key picture; a stream without pictures has no thumbnail. Nothing is kept for it:
/// a hundred bytes are made anew for each request, and the picture is shared with its part.
pub fn thumbnail(generation: &str, views: &[Arc<View>]) -> Answer {
    let Some(view) = views.iter().find(|view| view.constants.track.id.kind == TrackKind::Video) else {
        return if views.is_empty() { unsettled() } else { Answer::Refuse(Refusal::UNKNOWN) };
    };
    let target = view.constants.target_duration;
    match newest(view) {
        Some((part, body)) => Answer::Ready(Reply {
            body,
            content_type: "video/mp4",
            // Another key picture comes within about a segment.
            cache: Cache::Seconds(target),
            gzip: false,
            vary: false,
            etag: Some(format!("\"{generation}-{}\"", part.number)),
            ranges: true,
        }),
        None if view.ended => Answer::Refuse(Refusal::NotFound(target)),
        None => Answer::WaitFor(Wait { at_most: longest_hold(target), expired: Refusal::TimedOut }),
    }
}

/// The newest part that holds a key picture, and that picture as a file.
fn newest(view: &View) -> Option<(&Arc<Part>, Rope)> {
    let open = view.open.iter().map(|open| (&open.head, &open.parts));
    let closed = view.segments.iter().rev().map(|segment| (&segment.head, &segment.parts));
    let parts = open.chain(closed).flat_map(|(head, parts)| parts.iter().rev().map(move |part| (head, part)));
    let mut keyed = parts.filter(|(_, part)| part.independent && !part.gap);
    keyed.find_map(|(head, part)| Some((part, still(head, part)?)))
}

fn still(head: &SegmentHead, part: &Part) -> Option<Rope> {
    cmaf::still(&head.init.bytes, &part.body)
}

#[cfg(test)]
mod tests;
