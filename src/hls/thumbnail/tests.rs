//! Which picture a thumbnail shows, and what is said where there is none.

use super::*;
use crate::hls::fixture::{Builder, audio_track, real_part};

const GENERATION: &str = "0123456789ab";

fn ask(builder: &Builder) -> Answer {
    thumbnail(GENERATION, &[Arc::new(builder.view())])
}

fn picture(builder: &Builder) -> (u8, Reply) {
    match ask(builder) {
        Answer::Ready(reply) => (*reply.body.runs().last().unwrap().first().unwrap(), reply),
        other => panic!("{other:?}"),
    }
}

/// Two segments and an open one; a part is filled with its number.
fn live() -> Builder {
    let mut builder = Builder::video(2, 2);
    for segment in &mut builder.segments {
        let parts = segment.parts.iter().map(real_part).collect();
        *segment = Arc::new(crate::packager::Segment { parts, ..(**segment).clone() });
    }
    let open = builder.open.as_mut().unwrap();
    open.parts = open.parts.iter().map(real_part).collect();
    builder
}

#[test]
fn the_newest_key_picture_is_shown_until_the_next_one_is_due() {
    let mut builder = live();
    let (fill, reply) = picture(&builder);
    assert_eq!((fill, reply.content_type, reply.cache), (8, "video/mp4", Cache::Seconds(2)));
    assert_eq!(reply.etag.as_deref(), Some("\"0123456789ab-8\""));
    assert!(reply.ranges && !reply.gzip && !reply.vary);
    assert_eq!(&*reply.body.runs()[0], b"init");
    // No segment is open: the one that closed last has it.
    builder.open = None;
    assert_eq!(picture(&builder).0, 4);
    builder.evict(1);
    builder.end();
    assert_eq!(picture(&builder).0, 4);
}

#[test]
fn a_stream_that_has_no_picture_yet_is_waited_for() {
    let mut builder = Builder::video(0, 0);
    builder.gap();
    for answer in [ask(&builder), ask(&Builder::video(0, 0)), thumbnail(GENERATION, &[])] {
        match answer {
            Answer::WaitFor(wait) => {
                assert_eq!((wait.at_most.as_secs(), wait.expired), (6, Refusal::TimedOut));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_stream_that_will_have_no_picture_is_404() {
    let mut ended = Builder::video(0, 0);
    ended.end();
    assert!(matches!(ask(&ended), Answer::Refuse(Refusal::NotFound(2))));
    let mut audio = Builder::new(audio_track());
    audio.segment(4);
    assert!(matches!(ask(&audio), Answer::Refuse(Refusal::UNKNOWN)));
}
