//! Playlists and media as the product makes them, from a simulated encoder.

use std::sync::Arc;

use rillcast::hls::{self, Answer, Directives, File};
use rillcast::lint::{Finding, Rule, Severity};
use rillcast::live::{Expect, Generation, Registry, Settings, View};
use rillcast::media::{Now, StreamName, TrackId};

use crate::source::{Sent, Source, epoch};

/// One look at every rendition.
pub(crate) type Look = Vec<(TrackId, Arc<View>)>;

pub(crate) fn now_at(start: Now, sent: &Sent) -> Now {
    start.plus(sent.frame.arrival.saturating_duration_since(start.mono))
}

/// Publishes what `source` sends, and calls `look` whenever something changed, at the end last.
pub(crate) fn publish(source: &Source, seconds: i64, look: impl FnMut(&Generation)) {
    let start = epoch();
    publish_frames(source, source.frames(seconds, start), start, look);
}

pub(crate) fn publish_frames(
    source: &Source,
    sent: Vec<Sent>,
    start: Now,
    mut look: impl FnMut(&Generation),
) {
    let registry = Registry::new(Settings::default());
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
    let generation = publisher.generation().clone();
    let video = Some(source.video);
    publisher.expect(Expect { video, audio: Some(source.audio_rate.is_some()), ..Expect::default() });
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    let mut seen = Look::new();
    for one in &sent {
        publisher.push(one.frame.clone(), now_at(start, one)).unwrap();
        let now: Look = views(&generation);
        let all_same =
            now.iter().map(|(_, view)| Arc::as_ptr(view)).eq(seen.iter().map(|(_, view)| Arc::as_ptr(view)));
        if !all_same {
            look(&generation);
            seen = now;
        }
    }
    publisher.finish();
    look(&generation);
}

pub(crate) fn views(generation: &Generation) -> Look {
    generation.renditions().iter().map(|rendition| (rendition.id(), rendition.view())).collect()
}

/// The media playlist of a view, as it is sent.
pub(crate) fn playlist(view: &View) -> Option<String> {
    body(view, File::Playlist).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// Any file of a view, as it is sent.
pub(crate) fn body(view: &View, file: File) -> Option<Vec<u8>> {
    answer(view, file, Directives::NONE)
}

/// What a client is sent that asks for a delta.
pub(crate) fn delta(view: &View) -> Option<Vec<u8>> {
    answer(view, File::Playlist, Directives::parse(Some("_HLS_skip=YES")))
}

fn answer(view: &View, file: File, directives: Directives) -> Option<Vec<u8>> {
    let request = hls::Request { file, directives, gzip: false, whole_segments: false };
    match hls::answer(view, &request) {
        Answer::Ready(reply) => Some(reply.body.into_iter().flatten().collect()),
        Answer::WaitFor(_) | Answer::Refuse(_) => None,
    }
}

/// The multivariant playlist, as it is sent.
pub(crate) fn multivariant(generation: &Generation) -> Option<String> {
    match hls::multivariant(generation, |_| (None, None), false, hls::Form::Plain) {
        Answer::Ready(reply) => Some(String::from_utf8(reply.body.into_iter().flatten().collect()).unwrap()),
        Answer::WaitFor(_) | Answer::Refuse(_) => None,
    }
}

/// A steady source that was published for `seconds`: its states one after another, each with a part more, up to one
/// with an open segment.
pub(crate) fn states(seconds: i64) -> Vec<String> {
    let source = Source::default();
    let mut out = Vec::new();
    publish(&source, seconds, |generation| {
        let view = generation.rendition(TrackId::VIDEO).map(|rendition| rendition.view());
        let text = view.filter(|view| !view.ended).and_then(|view| playlist(&view));
        let Some(text) = text.filter(|text| out.last() != Some(text)) else { return };
        // The first one is shown again when the other rendition has come.
        if out.last().is_some_and(|last: &String| hint(last) == hint(&text)) {
            out.pop();
        }
        out.push(text);
    });
    while out.last().is_some_and(|text| text.contains("m4s\n#EXT-X-PRELOAD-HINT")) {
        out.pop();
    }
    out
}

fn hint(playlist: &str) -> Option<&str> {
    playlist.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT"))
}

pub(crate) fn errors(findings: &[Finding]) -> Vec<Rule> {
    let mut rules: Vec<Rule> =
        findings.iter().filter(|f| f.severity() == Severity::Error).map(|f| f.rule).collect();
    rules.dedup();
    rules
}

/// `rule` was found, and no error but it.
#[track_caller]
pub(crate) fn only(rule: Rule, findings: &[Finding], what: &str) {
    let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        findings.iter().any(|finding| finding.rule == rule),
        "{} not found in {shown:#?}\n{what}",
        rule.id()
    );
    assert!(
        errors(findings).iter().all(|other| *other == rule),
        "{}, but also {shown:#?}\n{what}",
        rule.id()
    );
}

/// The text with the one place that reads `from` made to read `to`.
#[track_caller]
pub(crate) fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is in\n{text}");
    text.replacen(from, to, 1)
}
