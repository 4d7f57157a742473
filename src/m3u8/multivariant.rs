//! Multivariant playlist: what may be played, printed through `m3u8-rs`.

use std::collections::HashMap;

use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, ClosedCaptionGroupId, InstreamId, MasterPlaylist,
    QuotedOrUnquoted, Resolution, VariantStream,
};

use crate::media::{Captions, FrameRate, VideoRange};

/// A multivariant playlist (§4.4.6).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Multivariant {
    /// EXT-X-INDEPENDENT-SEGMENTS: every segment of every rendition starts where decoding can start.
    pub independent_segments: bool,
    /// EXT-X-MEDIA:TYPE=AUDIO.
    pub audio: Vec<Audio>,
    /// EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS, all in the group [`Multivariant::CAPTIONS_GROUP`] of every variant.
    pub captions: Captions,
    /// EXT-X-STREAM-INF, the preferred one first.
    pub variants: Vec<Variant>,
    /// EXT-X-I-FRAME-STREAM-INF.
    pub i_frames: Vec<IFrames>,
}

/// One audio rendition (§4.4.6.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audio {
    /// GROUP-ID.
    pub group: String,
    /// NAME, for people; unique in the group.
    pub name: String,
    /// LANGUAGE as an RFC 5646 tag, when it is known.
    pub language: Option<String>,
    /// CHANNELS: the channel count.
    pub channels: Option<u8>,
    /// DEFAULT=YES; at most one of the group.
    pub default: bool,
    /// URI of its media playlist.
    pub uri: String,
}

/// One variant (§4.4.6.2).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variant {
    /// Its media playlist.
    pub uri: String,
    /// BANDWIDTH: peak segment bit rate of the dearest combination, in bits per second.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH, in bits per second.
    pub average_bandwidth: Option<u64>,
    /// CODECS: an RFC 6381 string for every format in every rendition it refers to.
    pub codecs: Vec<String>,
    /// RESOLUTION: width and height to display, in square pixels (§4.4.6.2); `None` without video.
    pub resolution: Option<(u32, u32)>,
    /// FRAME-RATE; `None` without video, or not measured yet.
    pub frame_rate: Option<FrameRate>,
    /// VIDEO-RANGE; `None` is taken for SDR.
    pub video_range: Option<VideoRange>,
    /// AUDIO: the group that belongs to it.
    pub audio: Option<String>,
}

/// The I-frames of one video rendition (§4.4.6.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IFrames {
    /// Its I-frame playlist.
    pub uri: String,
    /// BANDWIDTH: peak bit rate when every I-frame is loaded once, in bits per second.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH, in bits per second.
    pub average_bandwidth: u64,
    /// CODECS: the RFC 6381 string of the video.
    pub codecs: String,
    /// RESOLUTION: width and height to display, in square pixels.
    pub resolution: (u32, u32),
    /// VIDEO-RANGE; `None` is taken for SDR.
    pub video_range: Option<VideoRange>,
}

impl Multivariant {
    /// GROUP-ID of the audio renditions where there is one group, and how it begins where there are several.
    pub const AUDIO_GROUP: &'static str = "audio";

    /// GROUP-ID of the caption channels.
    pub const CAPTIONS_GROUP: &'static str = "captions";

    /// Every URI in it.
    pub fn uris_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let sound = self.audio.iter_mut().map(|audio| &mut audio.uri);
        let variants = self.variants.iter_mut().map(|variant| &mut variant.uri);
        sound.chain(variants).chain(self.i_frames.iter_mut().map(|i_frames| &mut i_frames.uri))
    }

    /// The whole text.
    pub fn render(&self) -> String {
        let playlist = MasterPlaylist {
            // What the media playlists need (EXT-X-MAP), or services among the captions (§8).
            version: Some(if self.captions.services().next().is_some() { 7 } else { 6 }),
            independent_segments: self.independent_segments,
            alternatives: self.audio.iter().map(Audio::tag).chain(captions(self.captions)).collect(),
            variants: self
                .variants
                .iter()
                .map(|variant| variant.tag(self.captions))
                .chain(self.i_frames.iter().map(IFrames::tag))
                .collect(),
            ..MasterPlaylist::default()
        };
        let mut text = Vec::with_capacity(1_024);
        // Writing to a Vec cannot fail, and every string given to the crate came from a String.
        let _infallible = playlist.write_to(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Audio {
    fn tag(&self) -> AlternativeMedia {
        AlternativeMedia {
            media_type: AlternativeMediaType::Audio,
            uri: Some(quotable(&self.uri)),
            group_id: quotable(&self.group),
            language: self.language.as_deref().map(quotable),
            name: quotable(&self.name),
            default: self.default,
            // A default must be selectable by itself; another is when its language says for whom.
            autoselect: self.default || self.language.is_some(),
            channels: self.channels.map(|count| count.to_string()),
            ..AlternativeMedia::default()
        }
    }
}

impl Variant {
    fn tag(&self, captions: Captions) -> VariantStream {
        // The crate prints its own `frame_rate` as a bare float ("30", "29.97002997002997"); three
        // decimals are wanted (§4.4.6.2), so it goes in as text.
        let rate = self.frame_rate.map(|rate| ("FRAME-RATE", thousandths(rate)));
        let range = self.video_range.map(|range| ("VIDEO-RANGE", word(range).to_owned()));
        VariantStream {
            uri: self.uri.clone(),
            bandwidth: self.bandwidth,
            average_bandwidth: self.average_bandwidth,
            codecs: Some(quotable(&self.codecs.join(","))),
            resolution: self
                .resolution
                .map(|(width, height)| Resolution { width: width.into(), height: height.into() }),
            other_attributes: further([rate, range]),
            audio: self.audio.as_deref().map(quotable),
            // Said on every variant even when there are none, or Apple's players show a caption menu with nothing in it.
            closed_captions: Some(match captions.is_empty() {
                true => ClosedCaptionGroupId::None,
                false => ClosedCaptionGroupId::GroupId(Multivariant::CAPTIONS_GROUP.to_owned()),
            }),
            ..VariantStream::default()
        }
    }
}

/// A line for every caption channel (§4.4.6.1); its language is not known, so its number is its name.
fn captions(captions: Captions) -> impl Iterator<Item = AlternativeMedia> {
    let channels = captions.channels().map(InstreamId::CC);
    channels.chain(captions.services().map(InstreamId::Service)).enumerate().map(|(index, id)| {
        AlternativeMedia {
            media_type: AlternativeMediaType::ClosedCaptions,
            group_id: Multivariant::CAPTIONS_GROUP.to_owned(),
            name: id.to_string(),
            autoselect: index == 0,
            instream_id: Some(id),
            ..AlternativeMedia::default()
        }
    })
}

impl IFrames {
    /// Frame rate, groups and captions are not for I-frames.
    fn tag(&self) -> VariantStream {
        let (width, height) = self.resolution;
        VariantStream {
            is_i_frame: true,
            uri: quotable(&self.uri),
            bandwidth: self.bandwidth,
            average_bandwidth: Some(self.average_bandwidth),
            codecs: Some(quotable(&self.codecs)),
            resolution: Some(Resolution { width: width.into(), height: height.into() }),
            other_attributes: further([
                self.video_range.map(|range| ("VIDEO-RANGE", word(range).to_owned())),
                None,
            ]),
            ..VariantStream::default()
        }
    }
}

/// VIDEO-RANGE's word for it.
fn word(range: VideoRange) -> &'static str {
    match range {
        VideoRange::Sdr => "SDR",
        VideoRange::Hlg => "HLG",
        VideoRange::Pq => "PQ",
    }
}

/// Attributes that the crate does not know. Its map of them has no order of its own: with one entry it has one, so
/// the second attribute goes in behind the first one's value.
fn further(attributes: [Option<(&str, String)>; 2]) -> Option<HashMap<String, QuotedOrUnquoted>> {
    let (name, value) = attributes.into_iter().flatten().reduce(|(name, mut text), (second, value)| {
        text.extend([",", second, "=", &value]);
        (name, text)
    })?;
    Some(HashMap::from([(name.to_owned(), QuotedOrUnquoted::Unquoted(value))]))
}

/// Frames per second with three decimals, rounded to the nearest.
fn thousandths(rate: FrameRate) -> String {
    let den = u64::from(rate.den.max(1));
    let half = den.checked_div(2).unwrap_or(0);
    let milli = u64::from(rate.num).saturating_mul(1_000).saturating_add(half).checked_div(den).unwrap_or(0);
    format!("{}.{:03}", milli.checked_div(1_000).unwrap_or(0), milli.checked_rem(1_000).unwrap_or(0))
}

/// Without what a quoted-string may not hold (§4.2): the crate prints what it is given.
fn quotable(text: &str) -> String {
    text.chars().filter(|c| *c != '"' && !c.is_control()).collect()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    fn video() -> Variant {
        Variant {
            uri: "/live/main/0123456789ab/v0/media.m3u8".into(),
            bandwidth: 2_400_000,
            average_bandwidth: Some(2_000_000),
            codecs: vec!["avc1.64001f".into(), "mp4a.40.2".into()],
            resolution: Some((1_280, 720)),
            frame_rate: FrameRate::new(30_000, 1_001),
            video_range: None,
            audio: Some("audio".into()),
        }
    }

    fn audio() -> Audio {
        Audio {
            group: "audio".into(),
            name: "Audio \"1\"\n".into(),
            language: Some("de".into()),
            channels: Some(2),
            default: true,
            uri: "/live/main/0123456789ab/a0/media.m3u8".into(),
        }
    }

    #[test]
    fn every_attribute_is_printed_as_the_specification_has_it() {
        let playlist = Multivariant {
            independent_segments: true,
            captions: Captions::default(),
            audio: vec![audio()],
            variants: vec![video()],
            i_frames: vec![IFrames {
                uri: "/live/main/0123456789ab/v0/iframe.m3u8".into(),
                bandwidth: 400_000,
                average_bandwidth: 300_000,
                codecs: "avc1.64001f".into(),
                resolution: (1_280, 720),
                video_range: None,
            }],
        };
        assert_eq!(
            playlist.render(),
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-MEDIA:TYPE=AUDIO,URI=\"/live/main/0123456789ab/a0/media.m3u8\",GROUP-ID=\"audio\",\
             LANGUAGE=\"de\",NAME=\"Audio 1\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=2400000,AVERAGE-BANDWIDTH=2000000,CODECS=\"avc1.64001f,mp4a.40.2\",\
             RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n\
             /live/main/0123456789ab/v0/media.m3u8\n\
             #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=400000,AVERAGE-BANDWIDTH=300000,CODECS=\"avc1.64001f\",\
             RESOLUTION=1280x720,URI=\"/live/main/0123456789ab/v0/iframe.m3u8\"\n"
        );
    }

    #[test]
    fn the_range_of_high_dynamic_range_is_printed() {
        let i_frames = IFrames { video_range: Some(VideoRange::Hlg), ..IFrames::default() };
        let variants = vec![
            Variant { video_range: Some(VideoRange::Pq), ..video() },
            Variant { video_range: Some(VideoRange::Sdr), frame_rate: None, ..video() },
        ];
        let text = Multivariant { variants, i_frames: vec![i_frames], ..Default::default() }.render();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("STREAM-INF")).collect();
        assert!(lines[0].contains(",FRAME-RATE=29.970,VIDEO-RANGE=PQ,AUDIO="), "{text}");
        assert!(lines[1].contains(",VIDEO-RANGE=SDR,") && !lines[1].contains("FRAME-RATE"), "{text}");
        assert!(lines[2].contains(",VIDEO-RANGE=HLG"), "{text}");
    }

    #[test]
    fn the_crate_reads_back_what_it_printed() {
        let playlist = Multivariant { audio: vec![audio()], variants: vec![video()], ..Default::default() };
        let text = playlist.render();
        let (_, read) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
        assert_eq!(read.variants[0].frame_rate, Some(29.97));
        assert_eq!(read.variants[0].closed_captions, Some(ClosedCaptionGroupId::None));
        assert_eq!(read.alternatives[0].channels.as_deref(), Some("2"));
    }

    #[test]
    fn frame_rates_have_three_decimals() {
        for (num, den, want) in [
            (30, 1, "30.000"),
            (24_000, 1_001, "23.976"),
            (60_000, 1_001, "59.940"),
            (12_500, 1_000, "12.500"),
            (1, 3, "0.333"),
        ] {
            assert_eq!(thousandths(FrameRate::new(num, den).unwrap()), want);
        }
    }
}
