//! What the product makes breaks no rule, however awkward the encoder.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rillcast::hls::File;
use rillcast::lint::{self, Chunk, Finding, Listing, Sibling};
use rillcast::live::{Generation, Registry, Settings, View};
use rillcast::media::{CodecConfig, StreamName, TrackId};

use crate::rig::{body, delta, errors, multivariant, playlist, publish, publish_frames, views};
use crate::source::{Source, epoch};

/// Lints every state of every rendition, every change, and the renditions side by side.
#[derive(Default)]
pub(crate) struct Judge {
    views: BTreeMap<TrackId, Arc<View>>,
    last: BTreeMap<TrackId, Listing>,
    chunks: BTreeMap<TrackId, (u64, Option<Chunk>)>,
    iframes: BTreeMap<TrackId, Listing>,
    states: usize,
    deltas: usize,
    pub(crate) warnings: BTreeMap<&'static str, usize>,
}

impl Judge {
    pub(crate) fn look(&mut self, generation: &Generation) {
        let known = self.last.clone();
        for (id, view) in views(generation) {
            let looked_at = self.views.insert(id, view.clone());
            if looked_at.is_some_and(|looked_at| Arc::ptr_eq(&looked_at, &view)) {
                continue;
            }
            let Some(text) = playlist(&view) else { continue };
            let (listing, findings) = lint::media_playlist(text.as_bytes());
            self.judge(&findings, &text);
            if let Some(before) = known.get(&id) {
                let findings = lint::change(before, &listing);
                self.judge(&findings, &text);
                self.delta(&view, before, &listing);
            }
            self.iframes(id, &view);
            self.media(id, &view, &listing);
            // A state is as new as its last part: what it says of others was true then.
            if known.get(&id).is_some_and(|known| known.position() == listing.position()) {
                continue;
            }
            let siblings: Vec<_> =
                known.iter().map(|(id, listing)| (format!("../{id}/media.m3u8"), listing)).collect();
            let siblings: Vec<_> = siblings
                .iter()
                .map(|(uri, listing)| Sibling { uri, before: Some(listing), now: None })
                .collect();
            let findings = lint::reports(&listing, &format!("../{id}/media.m3u8"), &siblings, str::to_owned);
            self.judge(&findings, &text);
            self.last.insert(id, listing);
            self.states += 1;
        }
        let mut all = self.last.values();
        if let (Some(one), Some(other)) = (all.next(), all.next()) {
            let findings = lint::renditions(one, other);
            self.judge(&findings, "side by side");
        }
        if let Some(text) = multivariant(generation) {
            let (presentation, findings) = lint::multivariant(text.as_bytes());
            self.judge(&findings, &text);
            assert!(presentation.is_some(), "{text}");
        }
    }

    /// What a client with the state before makes of a delta.
    fn delta(&mut self, view: &View, before: &Listing, full: &Listing) {
        let Some(text) = delta(view) else { return };
        let (listing, findings) = lint::media_playlist(&text);
        let text = String::from_utf8(text).unwrap();
        self.judge(&findings, &text);
        self.deltas += usize::from(listing.skip.is_some());
        self.judge(&lint::delta(before, &listing, full), &text);
    }

    fn iframes(&mut self, id: TrackId, view: &View) {
        let Some(text) = body(view, File::IFrames) else { return };
        let (listing, findings) = lint::media_playlist(&text);
        let text = String::from_utf8(text).unwrap();
        self.judge(&findings, &text);
        if let Some(before) = self.iframes.insert(id, listing.clone()) {
            self.judge(&lint::change(&before, &listing), &text);
        }
    }

    /// Every new part, as its bytes are.
    fn media(&mut self, id: TrackId, view: &View, listing: &Listing) {
        let Some(init) = view.init(0).and_then(|bytes| lint::init(bytes)) else { return };
        self.judge(&lint::section(Some(&init)), "init");
        let (next, mut before) = self.chunks.get(&id).copied().unwrap_or_default();
        let mut next = next;
        for (msn, entry) in listing.numbered() {
            for (index, part) in entry.parts.iter().enumerate() {
                let number: u64 =
                    part.uri.trim_start_matches("part-").trim_end_matches(".m4s").parse().unwrap();
                if number < next {
                    continue;
                }
                // Parts that came and went between two looks leave a hole too.
                if number > next {
                    before = None;
                }
                next = number + 1;
                if part.gap {
                    before = None;
                    continue;
                }
                if entry.discontinuity && index == 0 {
                    before = None;
                }
                let bytes = body(view, File::Part(number)).unwrap();
                let chunk = lint::chunk(&bytes, &init).unwrap();
                let place = lint::Place { msn: Some(msn), part: Some(index), line: Some(part.line) };
                let findings = lint::sealed_part(
                    place,
                    part,
                    listing.part_target,
                    Some((&chunk, &init)),
                    before.as_ref(),
                );
                self.judge(&findings, &part.uri);
                before = Some(chunk);
            }
        }
        self.chunks.insert(id, (next, before));
    }

    #[track_caller]
    fn judge(&mut self, findings: &[Finding], what: &str) {
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(errors(findings).is_empty(), "{shown:#?}\n{what}");
        for finding in findings {
            *self.warnings.entry(finding.rule.id()).or_default() += 1;
        }
    }

    pub(crate) fn done(&self, label: &str) {
        println!("{label}: {} states, {} deltas, warnings {:?}", self.states, self.deltas, self.warnings);
        assert!(self.states > 20, "{label}: {} states", self.states);
    }
}

const RATES: [(u32, u32); 8] =
    [(24_000, 1_001), (24, 1), (25, 1), (30_000, 1_001), (30, 1), (50, 1), (60_000, 1_001), (60, 1)];

#[test]
fn steady_streams_break_no_rule_at_any_rate() {
    for rate in RATES {
        for audio in [44_100, 48_000] {
            let mut judge = Judge::default();
            let source = Source { rate, audio_rate: Some(audio), delay: 2, gop: 48, ..Source::default() };
            publish(&source, 60, |generation| judge.look(generation));
            judge.done(&format!("{rate:?} {audio}"));
            assert!(judge.warnings.is_empty(), "{:?}", judge.warnings);
        }
    }
}

#[test]
fn jitter_and_drops_break_no_rule() {
    for (n, rate) in RATES.into_iter().enumerate() {
        for (jitter_ms, drop_every) in [(20, 0), (0, 7), (20, 11)] {
            let seed = 77 + n as u64;
            println!("rate {rate:?}, jitter {jitter_ms} ms, one in {drop_every} dropped, seed {seed}");
            let source = Source { rate, jitter_ms, drop_every, seed, delay: 2, gop: 60, ..Source::default() };
            let mut judge = Judge::default();
            publish(&source, 45, |generation| judge.look(generation));
            judge.done("jitter");
        }
    }
}

#[test]
fn gops_of_any_length_break_no_rule() {
    for gop in [1, 12, 25, 32, 61, 75, 132, 250, 1_000_000] {
        let mut judge = Judge::default();
        publish(&Source { gop, ..Source::default() }, 60, |generation| judge.look(generation));
        judge.done(&format!("GOP of {gop}"));
    }
}

#[test]
fn one_track_alone_breaks_no_rule() {
    for source in [
        Source { video: false, audio_rate: Some(44_100), ..Source::default() },
        Source { audio_rate: None, ..Source::default() },
    ] {
        let mut judge = Judge::default();
        publish(&source, 60, |generation| judge.look(generation));
        judge.done("alone");
    }
}

#[test]
fn pauses_and_jumps_break_no_rule() {
    for track in [TrackId::VIDEO, TrackId::AUDIO] {
        for pause in [300_000, 900_000, 2_500_000, 7_000_000] {
            let (source, start) = (Source { gop: 25, ..Source::default() }, epoch());
            let mut sent = source.frames(45, start);
            sent.retain(|one| {
                one.frame.track != track || !(10_000_000..10_000_000 + pause).contains(&one.true_pts)
            });
            let mut judge = Judge::default();
            publish_frames(&source, sent, start, |generation| judge.look(generation));
            judge.done(&format!("{track} pauses {pause} us"));
        }
    }
    for jump in [36_000_000, -36_000_000, -5_000] {
        let (source, start) = (Source { delay: 2, ..Source::default() }, epoch());
        let mut sent = source.frames(60, start);
        let middle = sent.len() / 2;
        sent[middle..].iter_mut().for_each(|one| one.frame.dts.value += jump);
        let mut judge = Judge::default();
        publish_frames(&source, sent, start, |generation| judge.look(generation));
        judge.done(&format!("jump {jump}"));
    }
}

/// An encoder that stalls, drops and returns with another configuration, within the grace and to its end.
#[test]
fn stalls_drops_and_returns_break_no_rule() {
    for (away, size) in [(300, None), (2_000, None), (7_000, Some((640, 360))), (15_000, None)] {
        let (source, registry) =
            (Source { gop: 25, ..Source::default() }, Registry::new(Settings::default()));
        let name = StreamName::parse("cam").unwrap();
        let (mut now, mut judge) = (epoch(), Judge::default());
        let mut generations = Vec::new();
        for run in 0..3 {
            let mut publisher = registry.publish(&name, now).unwrap();
            let generation = publisher.generation().clone();
            if generations.last() != Some(&generation.id().as_str().to_owned()) {
                generations.push(generation.id().as_str().to_owned());
                judge = Judge::default();
            }
            for mut track in source.tracks() {
                if let (Some(size), 1, CodecConfig::Video(video)) = (size, run, &mut track.config) {
                    (video.width, video.height) = size;
                }
                publisher.configure(track, now);
            }
            // In the second run the line is stuck for two seconds, and then everything comes at once.
            let stuck = Duration::from_secs(5)..Duration::from_secs(7);
            let begin = now;
            for one in source.frames(14, begin) {
                let mut at = one.frame.arrival.saturating_duration_since(begin.mono);
                if run == 1 && stuck.contains(&at) {
                    at = stuck.end;
                }
                while now.mono < begin.mono + at {
                    now = now.plus(Duration::from_millis(10));
                    if publisher.deadline().is_some_and(|due| due <= now.mono) {
                        publisher.tick(now);
                    }
                    judge.look(&generation);
                }
                publisher.push(one.frame, now).unwrap();
            }
            judge.look(&generation);
            drop(publisher);
            for _ in 0..away / 10 {
                now = now.plus(Duration::from_millis(10));
                registry.tick(now.mono);
                judge.look(&generation);
            }
        }
        judge.done(&format!("away for {away} ms, {} generations", generations.len()));
        assert_eq!(generations.len() > 1, away > 10_000);
    }
}
