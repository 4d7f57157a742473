//! Multivariant playlist: what a stream can be played as, from the views of all its renditions.

use std::sync::Arc;

use super::answer::{PLAYLIST_TYPE, longest_hold, startable};
use super::gzip;
use super::iframes;
use super::refusal::Refusal;
use super::reply::{Answer, Cache, Reply, Wait};
use super::route::File;
use crate::live::{Bandwidth, View};
use crate::m3u8::{Audio, IFrames, Multivariant, Variant};
use crate::media::{
    AudioConfig, CodecConfig, FrameRate, StreamName, Ticks, TrackId, VideoConfig, VideoRange,
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
}

/// One rendition of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its state.
    pub view: Arc<View>,
    /// The measured frame rate of video; without it the one the bitstream declares is used.
    pub frame_rate: Option<FrameRate>,
    /// The language of audio as an RFC 5646 tag, when known.
    pub language: Option<String>,
}

/// How long the first request of a stream whose tracks are not known yet is held, in target durations'
/// stead: two of the default ones.
const UNSETTLED_TARGET: u32 = 2;

impl Presentation<'_> {
    /// What to do with a request for the multivariant playlist: it waits until every rendition can be
    /// played, since a player that meets an empty one gives up on it or on all.
    pub fn answer(&self, gzip: bool) -> Answer {
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
        let text = self.playlist(&offered).render();
        let body = if gzip { gzip::compressed(text.as_bytes()) } else { text.into() };
        Answer::Ready(Reply {
            body: body.into(),
            content_type: PLAYLIST_TYPE,
            // Short: the declared bit rates follow the measured ones.
            cache: Cache::Seconds(1),
            gzip,
            vary: true,
            etag: None,
            ranges: false,
        })
    }

    fn playlist(&self, offered: &[&Entry]) -> Multivariant {
        let (mut videos, mut audios) = (Vec::new(), Vec::new());
        for entry in offered {
            match &entry.view.constants.track.config {
                // A player that changed to it would find no keyframe where it expects one.
                CodecConfig::Video(_) if !entry.view.aligned => {}
                CodecConfig::Video(config) => videos.push((*entry, config)),
                CodecConfig::Audio(config) => audios.push((*entry, config)),
            }
        }
        // A lone audio track is a variant of its own, with no group to choose from.
        let group = !audios.is_empty() && (audios.len() > 1 || !videos.is_empty());
        let variants = if videos.is_empty() {
            audios.first().map(|(entry, _)| self.variant(entry, None, &audios, group)).into_iter().collect()
        } else {
            videos.iter().map(|(entry, config)| self.variant(entry, Some(config), &audios, group)).collect()
        };
        let mut playlist = Multivariant {
            independent_segments: self.independent_segments,
            i_frames: videos.iter().filter_map(|(entry, config)| self.i_frames(entry, config)).collect(),
            audio: if group { self.audio(&audios) } else { Vec::new() },
            variants,
        };
        // It must be said of all as soon as one is not SDR (§4.4.6.2), and need not be before.
        if videos.iter().all(|(_, config)| VideoRange::of(config.colour) == VideoRange::Sdr) {
            playlist.variants.iter_mut().for_each(|variant| variant.video_range = None);
            playlist.i_frames.iter_mut().for_each(|i_frames| i_frames.video_range = None);
        }
        playlist
    }

    /// A variant that plays `main`, and with video any one of `audios`.
    fn variant(
        &self,
        main: &Entry,
        video: Option<&VideoConfig>,
        audios: &[(&Entry, &AudioConfig)],
        group: bool,
    ) -> Variant {
        let mut codecs: Vec<String> = video.iter().map(|config| config.codecs.clone()).collect();
        for (_, config) in audios {
            if !codecs.contains(&config.codecs) {
                codecs.push(config.codecs.clone());
            }
        }
        // The dearest combination (§4.1): with the audio rendition that takes most, if any is added.
        let own = video.map(|_| bandwidth(&main.view)).unwrap_or_default();
        let sound = audios.iter().map(|(entry, _)| bandwidth(&entry.view));
        let sound = sound.fold(Bandwidth::default(), |most, b| Bandwidth {
            peak: most.peak.max(b.peak),
            average: most.average.max(b.average),
        });
        Variant {
            uri: self.uri(main, File::Playlist),
            bandwidth: own.peak.saturating_add(sound.peak),
            average_bandwidth: Some(own.average.saturating_add(sound.average)),
            codecs,
            resolution: video.map(|config| (config.width, config.height)),
            frame_rate: video.and_then(|config| main.frame_rate.or(config.frame_rate)),
            video_range: video.map(|config| VideoRange::of(config.colour)),
            audio: group,
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
            resolution: (config.width, config.height),
            video_range: Some(VideoRange::of(config.colour)),
        })
    }

    fn audio(&self, audios: &[(&Entry, &AudioConfig)]) -> Vec<Audio> {
        let line = |(index, (entry, config)): (usize, &(&Entry, &AudioConfig))| Audio {
            // Numbered from 1 for people, and so unique.
            name: format!("Audio {}", index + 1),
            language: entry.language.clone(),
            channels: (config.channels > 0).then_some(config.channels),
            default: index == 0,
            uri: self.uri(entry, File::Playlist),
        };
        audios.iter().enumerate().map(line).collect()
    }

    /// An absolute path, since the playlist has several URLs of different depth. It names neither host
    /// nor scheme: those are whatever the player came by.
    fn uri(&self, entry: &Entry, file: File) -> String {
        let track: TrackId = entry.view.constants.track.id;
        format!("/live/{}/{}/{track}/{file}", self.name, self.generation)
    }
}

/// It is not known yet which tracks the stream has.
pub(super) fn unsettled() -> Answer {
    Answer::WaitFor(Wait { at_most: longest_hold(UNSETTLED_TARGET), expired: Refusal::TimedOut })
}

/// What to declare for a rendition. Before its first segment closes nothing has been measured over a
/// segment; what its parts so far come to is the best there is, and BANDWIDTH must not be 0.
fn bandwidth(view: &View) -> Bandwidth {
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
