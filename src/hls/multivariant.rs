//! Multivariant playlist: what a stream can be played as, from the views of all its renditions.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;

use super::answer::{PLAYLIST_TYPE, longest_hold, startable};
use super::gzip;
use super::iframes;
use super::refusal::Refusal;
use super::reply::{Answer, Cache, Reply, Wait};
use super::route::File;
use super::sound::{self, Group};
use crate::live::{Bandwidth, Generation, Memo, Rendition, Scene, View};
use crate::m3u8::{IFrames, Multivariant, Variant};
use crate::media::{
    Captions, CodecConfig, FrameRate, StreamName, Ticks, TrackId, TrackKind, VideoConfig, VideoRange,
};

/// One generation of a stream as it is offered.
#[derive(Debug, Clone, Copy)]
pub struct Presentation<'a> {
    /// The stream.
    pub name: &'a StreamName,
    /// The generation's name in URLs.
    pub generation: &'a str,
    /// Its renditions; none while it is not known yet which there will be.
    pub renditions: &'a [Entry],
    /// Whether every segment of every rendition starts where decoding can start, and will.
    pub independent_segments: bool,
    /// Where what is made of all this is kept.
    pub memo: &'a Memo,
}

/// One rendition of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its state.
    pub view: Arc<View>,
    /// The measured frame rate of video; without it the one the bitstream declares is used.
    pub frame_rate: Option<FrameRate>,
    /// Captions that its pictures carry.
    pub captions: Captions,
    /// The language of audio as an RFC 5646 tag, when known.
    pub language: Option<String>,
    /// The name of audio for people, when it has one.
    pub label: Option<String>,
}

/// How a multivariant playlist is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'a> {
    /// The same for everybody, as text.
    Plain,
    /// The same for everybody, compressed.
    Gzip,
    /// For one viewer, with this id of its own in every URL, where letters and digits need no escape.
    Viewer(&'a str),
}

/// How long the first request of a stream whose tracks are not known yet is held, in target durations'
/// stead: two of the default ones.
const UNSETTLED_TARGET: u32 = 2;
/// The variant listed first, with which players begin, is the largest of at most so many bits a second: one that most
/// networks carry without a stall (Apple's authoring specification has 2 Mbit/s by average).
const START: u64 = 2_500_000;

/// The parameter of a media playlist's URL that has its viewer's id.
pub const VIEWER: &str = "viewer";

/// Slots of the scene's memo: the text, and the same compressed.
const TEXT: usize = 0;
const COMPRESSED: usize = 1;

/// What to do with a request for the multivariant playlist of `generation`: but for the one with a viewer's id, it is
/// made and compressed at most once a state of the generation, and every reader is handed the same bytes.
/// `independent_segments` as in [`Presentation`]; `named` has the language and the name of each audio track.
pub fn multivariant(
    generation: &Generation,
    named: impl Fn(u8) -> (Option<String>, Option<String>),
    independent_segments: bool,
    form: Form<'_>,
) -> Answer {
    let Scene { views, memo } = generation.scene();
    let renditions = generation.renditions();
    let entry = |(rendition, view): (&Arc<Rendition>, Arc<View>)| {
        let TrackId { kind, index } = rendition.id();
        let (language, label) = if kind == TrackKind::Audio { named(index) } else { (None, None) };
        let (frame_rate, captions) = (rendition.frame_rate(), rendition.captions());
        Entry { view, frame_rate, captions, language, label }
    };
    let entries: Vec<Entry> = renditions.iter().zip(views).map(entry).collect();
    Presentation {
        name: generation.name(),
        generation: generation.id().as_str(),
        renditions: &entries,
        independent_segments,
        memo: &memo,
    }
    .answer(form)
}

impl Presentation<'_> {
    /// What to do with a request for the multivariant playlist: it waits until every rendition can be
    /// played, since a player that meets an empty one gives up on it or on all.
    pub fn answer(&self, form: Form<'_>) -> Answer {
        // One that ended before it began is not offered; the others are all there is.
        let barren = |entry: &&Entry| entry.view.ended && !startable(&entry.view);
        let offered: Vec<&Entry> = self.renditions.iter().filter(|entry| !barren(entry)).collect();
        let Some(first) = offered.first() else {
            return if self.renditions.is_empty() { unsettled() } else { Answer::Refuse(Refusal::UNKNOWN) };
        };
        if offered.iter().any(|entry| !startable(&entry.view)) {
            let at_most = longest_hold(first.view.constants.target_duration);
            return Answer::WaitFor(Wait { at_most, expired: Refusal::TimedOut });
        }
        let playlist = |viewer| Bytes::from(self.playlist(&offered, viewer).render());
        let plain = || self.memo.get(TEXT, || playlist(None));
        let (body, cache) = match form {
            // Short: the declared bit rates follow the measured ones.
            Form::Plain => (plain(), Cache::Seconds(1)),
            Form::Gzip => (self.memo.get(COMPRESSED, || gzip::compressed(&plain())), Cache::Seconds(1)),
            Form::Viewer(id) => (playlist(Some(id)), Cache::NoStore),
        };
        Answer::Ready(Reply {
            body: body.into(),
            content_type: PLAYLIST_TYPE,
            cache,
            gzip: form == Form::Gzip,
            vary: !matches!(form, Form::Viewer(_)),
            etag: None,
            ranges: false,
        })
    }

    fn playlist(&self, offered: &[&Entry], viewer: Option<&str>) -> Multivariant {
        let (mut videos, mut audios) = (Vec::new(), Vec::new());
        for entry in offered {
            match &entry.view.constants.track.config {
                // A player that changed to it would find no keyframe where it expects one.
                CodecConfig::Video(_) if !entry.view.aligned => {}
                CodecConfig::Video(config) => videos.push((*entry, config)),
                CodecConfig::Audio(config) => audios.push((*entry, config)),
            }
        }
        videos.sort_by_key(|(entry, config)| Reverse(size(entry, config)));
        // A lone audio track is a variant of its own, with no group to choose from.
        let grouped = audios.len() > 1 || !videos.is_empty();
        let groups = sound::groups(&audios);
        let mut playlist = Multivariant {
            independent_segments: self.independent_segments,
            i_frames: videos.iter().filter_map(|(entry, config)| self.i_frames(entry, config)).collect(),
            captions: videos.iter().fold(Captions::default(), |all, (entry, _)| all.with(entry.captions)),
            audio: if grouped {
                sound::renditions(&groups, |entry| self.uri(entry, File::Playlist))
            } else {
                Vec::new()
            },
            variants: if videos.is_empty() {
                groups.iter().filter_map(|group| self.heard(group, grouped)).collect()
            } else {
                self.seen(&videos, &groups)
            },
        };
        // It must be said of all as soon as one is not SDR (§4.4.6.2), and need not be before.
        if videos.iter().all(|(_, config)| VideoRange::of(config.colour) == VideoRange::Sdr) {
            playlist.variants.iter_mut().for_each(|variant| variant.video_range = None);
            playlist.i_frames.iter_mut().for_each(|i_frames| i_frames.video_range = None);
        }
        if let Some(id) = viewer {
            playlist.uris_mut().for_each(|uri| uri.push_str(&format!("?{VIEWER}={id}")));
        }
        playlist
    }

    /// Variants of sound alone: one that plays the first member of `group`.
    fn heard(&self, group: &Group<'_>, grouped: bool) -> Option<Variant> {
        let rate = group.bandwidth();
        Some(Variant {
            uri: self.uri(group.first()?, File::Playlist),
            bandwidth: rate.peak,
            average_bandwidth: Some(rate.average),
            codecs: group.codecs(),
            audio: grouped.then(|| group.id.clone()),
            ..Variant::default()
        })
    }

    /// Each of `videos` with each of `groups`, or alone where there is no sound. Players begin with the first one
    /// they can play; the others follow from the largest to the smallest.
    fn seen(&self, videos: &[(&Entry, &VideoConfig)], groups: &[Group<'_>]) -> Vec<Variant> {
        let mut variants: Vec<Variant> = Vec::new();
        for (entry, config) in videos {
            variants.extend(groups.iter().map(|group| self.variant(entry, config, Some(group))));
            if groups.is_empty() {
                variants.push(self.variant(entry, config, None));
            }
        }
        let each = groups.len().max(1);
        let fits = |variant: &Variant| variant.bandwidth <= START;
        let start = variants.iter().position(fits).unwrap_or_else(|| variants.len().saturating_sub(each));
        // Whole: all combinations of one picture stay together.
        let start = start.checked_div(each).and_then(|rung| rung.checked_mul(each)).unwrap_or(0);
        if let Some(before) = variants.get_mut(..start.saturating_add(each)) {
            before.rotate_right(each);
        }
        variants
    }

    /// A variant that plays `entry`, with any one of `group`.
    fn variant(&self, entry: &Entry, config: &VideoConfig, group: Option<&Group<'_>>) -> Variant {
        let own = bandwidth(&entry.view);
        let sound = group.map(Group::bandwidth).unwrap_or_default();
        let mut codecs = vec![config.codecs.clone()];
        codecs.extend(group.into_iter().flat_map(Group::codecs));
        Variant {
            uri: self.uri(entry, File::Playlist),
            bandwidth: own.peak.saturating_add(sound.peak),
            average_bandwidth: Some(own.average.saturating_add(sound.average)),
            codecs,
            resolution: Some(config.display_size()),
            frame_rate: rate(entry, config),
            video_range: Some(VideoRange::of(config.colour)),
            audio: group.map(|group| group.id.clone()),
        }
    }

    /// The I-frames of a video rendition, once one is there to tell how large they are.
    fn i_frames(&self, entry: &Entry, config: &VideoConfig) -> Option<IFrames> {
        let rate = iframes::bandwidth(&entry.view)?;
        Some(IFrames {
            uri: self.uri(entry, File::IFrames),
            bandwidth: rate.peak,
            average_bandwidth: rate.average,
            codecs: config.codecs.clone(),
            resolution: config.display_size(),
            video_range: Some(VideoRange::of(config.colour)),
        })
    }

    /// An absolute path, since the playlist has several URLs of different depth. It names neither host
    /// nor scheme: those are whatever the player came by.
    fn uri(&self, entry: &Entry, file: File) -> String {
        let track: TrackId = entry.view.constants.track.id;
        format!("/live/{}/{}/{track}/{file}", self.name, self.generation)
    }
}

/// What orders rungs: pixels, then frames a second in thousandths, then bit rate, which never falls; of equals the
/// track that comes first.
fn size(entry: &Entry, config: &VideoConfig) -> (u64, u64, u64, Reverse<TrackId>) {
    let pixels = u64::from(config.width).saturating_mul(u64::from(config.height));
    let milli =
        rate(entry, config).map_or(0, |rate| u64::from(rate.num).saturating_mul(1_000) / u64::from(rate.den));
    (pixels, milli, entry.view.bandwidth.peak, Reverse(entry.view.constants.track.id))
}

/// The measured frame rate, or else the declared one.
fn rate(entry: &Entry, config: &VideoConfig) -> Option<FrameRate> {
    entry.frame_rate.or(config.frame_rate)
}

/// It is not known yet which tracks the stream has.
pub(super) fn unsettled() -> Answer {
    Answer::WaitFor(Wait { at_most: longest_hold(UNSETTLED_TARGET), expired: Refusal::TimedOut })
}

/// What to declare for a rendition. Before its first segment closes nothing has been measured over a
/// segment; what its parts so far come to is the best there is, and BANDWIDTH must not be 0.
pub(super) fn bandwidth(view: &View) -> Bandwidth {
    if view.bandwidth.peak > 0 {
        return Bandwidth { average: view.bandwidth.average.min(view.bandwidth.peak), ..view.bandwidth };
    }
    let open = view.open.iter().flat_map(|open| &open.parts);
    let parts = view.segments.iter().flat_map(|segment| &segment.parts).chain(open);
    let (bytes, span) = parts.fold((0_u64, 0_i64), |(bytes, span), part| {
        (bytes.saturating_add(part.body.len()), span.saturating_add(part.duration))
    });
    let micros = Ticks::new(span, view.constants.timescale()).micros().max(1);
    let bits = u128::from(bytes) * 8 * 1_000_000 / u128::from(micros.unsigned_abs());
    let rate = u64::try_from(bits).unwrap_or(u64::MAX).max(1);
    Bandwidth { peak: rate, average: rate }
}

#[cfg(test)]
mod tests;
