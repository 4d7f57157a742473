//! The multivariant playlist, read by `m3u8-rs`; its raw lines for what that is lenient about.

use std::collections::{BTreeMap, BTreeSet};

use m3u8_rs::{AlternativeMedia, ClosedCaptionGroupId, MasterPlaylist, VariantStream};

use super::attributes::Attributes;
use super::finding::{Finding, Findings, Place};
use super::lines::{Line, lines, text};
use super::rule::Rule;

/// What may be played.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Presentation {
    /// EXT-X-STREAM-INF, I-frame ones left out.
    pub streams: Vec<Stream>,
    /// EXT-X-MEDIA with a URI.
    pub tracks: Vec<Track>,
    /// URIs of I-frame playlists.
    pub iframes: Vec<String>,
}

/// One variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stream {
    /// URI of its media playlist.
    pub uri: String,
    /// BANDWIDTH.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH.
    pub average: Option<u64>,
    /// CODECS, one by one.
    pub codecs: Vec<String>,
    /// RESOLUTION.
    pub resolution: Option<(u64, u64)>,
    /// FRAME-RATE in thousandths.
    pub milli_rate: Option<u64>,
    /// AUDIO: its group.
    pub audio: Option<String>,
}

/// A rendition of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    /// GROUP-ID.
    pub group: String,
    /// URI of its media playlist.
    pub uri: String,
}

/// Reads a multivariant playlist and holds it to its rules. `None` if it is none at all.
pub fn multivariant(bytes: &[u8]) -> (Option<Presentation>, Vec<Finding>) {
    let mut findings = Findings::default();
    let text = text(bytes, &mut findings);
    let lines = lines(&text, &mut findings);
    let named = raw(&lines, &mut findings);
    let Ok((_, playlist)) = m3u8_rs::parse_master_playlist(text.as_bytes()) else {
        return (None, findings.into_vec());
    };
    // One whose URI is missing has been named.
    for variant in playlist.variants.iter().filter(|variant| !variant.is_i_frame && !variant.uri.is_empty()) {
        self::variant(variant, &named, &mut findings);
    }
    groups(&playlist.alternatives, &mut findings);
    (Some(presentation(&playlist)), findings.into_vec())
}

/// What only the lines show: doubles, missing attributes and URIs, the form of numbers. Returns TYPE and GROUP-ID
/// of every EXT-X-MEDIA: the crate leaves out those in which it finds a fault.
fn raw<'a>(lines: &[(usize, Line<'a>)], findings: &mut Findings) -> Vec<(&'a str, &'a str)> {
    let mut named = Vec::new();
    let mut seen = BTreeSet::new();
    let mut awaited: Option<usize> = None;
    for (number, line) in lines {
        let place = Place::line(*number);
        let Line::Tag { name, value } = *line else {
            if awaited.take().is_none() {
                findings.add(Rule::NoVariant, place, "a URI without EXT-X-STREAM-INF", "the tag before it");
            }
            continue;
        };
        match name {
            "EXT-X-VERSION" | "EXT-X-INDEPENDENT-SEGMENTS" | "EXT-X-START" if !seen.insert(name) => {
                findings.add(Rule::TagTwice, place, name, "once");
            }
            "EXT-X-STREAM-INF" | "EXT-X-I-FRAME-STREAM-INF" => {
                if let Some(line) = awaited.take() {
                    findings.add(Rule::NoVariant, Place::line(line), "no URI after it", "a URI");
                }
                awaited = (name == "EXT-X-STREAM-INF").then_some(*number);
                let list = Attributes::read(value, *number, findings);
                if list.get("BANDWIDTH").is_none() {
                    findings.add(Rule::BandwidthMissing, place, "none", "BANDWIDTH");
                }
                rate_form(&list, place, findings);
            }
            "EXT-X-MEDIA" => {
                let list = Attributes::read(value, *number, findings);
                for name in ["TYPE", "GROUP-ID", "NAME"] {
                    list.need(name, findings);
                }
                named.push((list.get("TYPE").unwrap_or(""), list.get("GROUP-ID").unwrap_or("")));
            }
            "EXT-X-SESSION-DATA" | "EXT-X-SESSION-KEY" | "EXT-X-CONTENT-STEERING" | "EXT-X-DEFINE" => {
                Attributes::read(value, *number, findings);
            }
            _ => {}
        }
    }
    if let Some(line) = awaited {
        findings.add(Rule::NoVariant, Place::line(line), "no URI after it", "a URI");
    }
    let stream = |(_, line): &(usize, Line<'_>)| matches!(line, Line::Tag { name: "EXT-X-STREAM-INF", .. });
    if !lines.iter().any(stream) {
        findings.add(Rule::NoVariant, Place::WHOLE, "none", "EXT-X-STREAM-INF");
    }
    named
}

fn rate_form(list: &Attributes<'_>, place: Place, findings: &mut Findings) {
    let Some(rate) = list.get("FRAME-RATE") else { return };
    if rate.split_once('.').is_none_or(|(_, decimals)| decimals.len() != 3) {
        findings.add(Rule::FrameRateForm, place, rate, "three decimals");
    }
}

fn variant(variant: &VariantStream, named: &[(&str, &str)], findings: &mut Findings) {
    let uri = &variant.uri;
    let mut missing = |rule, name: &str, is: bool| {
        if is {
            findings.add(rule, Place::WHOLE, format_args!("{uri} without it"), name);
        }
    };
    let codecs = variant.codecs.as_deref().unwrap_or_default();
    let video = variant.resolution.is_some() || codecs.split(',').any(|codec| is_video(codec.trim()));
    missing(Rule::CodecsMissing, "CODECS", codecs.is_empty());
    missing(Rule::AverageMissing, "AVERAGE-BANDWIDTH", variant.average_bandwidth.is_none());
    missing(Rule::ResolutionMissing, "RESOLUTION", video && variant.resolution.is_none());
    missing(Rule::FrameRateMissing, "FRAME-RATE", video && variant.frame_rate.is_none());
    missing(Rule::CaptionsUnsaid, "CLOSED-CAPTIONS", video && variant.closed_captions.is_none());
    if let Some(average) = variant.average_bandwidth.filter(|average| *average > variant.bandwidth) {
        let expected = format_args!("at most {}", variant.bandwidth);
        findings.add(Rule::AverageOverPeak, Place::WHOLE, average, expected);
    }
    let captions = match &variant.closed_captions {
        Some(ClosedCaptionGroupId::GroupId(group)) => Some(group.as_str()),
        _ => None,
    };
    for (kind, group) in [
        ("AUDIO", variant.audio.as_deref()),
        ("VIDEO", variant.video.as_deref()),
        ("SUBTITLES", variant.subtitles.as_deref()),
        ("CLOSED-CAPTIONS", captions),
    ] {
        let Some(group) = group else { continue };
        if !named.iter().any(|(a, b)| *a == kind && *b == group) {
            let measured = format_args!("{kind} group \"{group}\" of {uri}");
            findings.add(Rule::GroupMissing, Place::WHOLE, measured, "EXT-X-MEDIA of that group");
        }
    }
    let sound = variant.audio.is_some() && !codecs.is_empty();
    if sound && !codecs.split(',').any(|codec| is_audio(codec.trim())) {
        findings.add(Rule::CodecsIncomplete, Place::WHOLE, codecs, "the sound of its audio group too");
    }
}

fn is_video(codec: &str) -> bool {
    ["avc", "hvc", "hev", "av01", "vp0", "vp8", "vp9", "dvh", "dva", "mp4v"]
        .iter()
        .any(|p| codec.starts_with(p))
}

fn is_audio(codec: &str) -> bool {
    let audio = ["mp4a", "ac-3", "ec-3", "ec+3", "opus", "flac", "alac", "mp3", "usac", "apac"];
    audio.iter().any(|prefix| codec.to_ascii_lowercase().starts_with(prefix))
}

fn groups(media: &[AlternativeMedia], findings: &mut Findings) {
    let mut names = BTreeSet::new();
    let mut defaults: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for one in media {
        let group = (one.media_type.to_string(), one.group_id.as_str());
        if !names.insert((group.clone(), one.name.as_str())) {
            findings.add(Rule::NameTwice, Place::WHOLE, &one.name, "a name of its own");
        }
        if one.default && !one.autoselect {
            findings.add(Rule::DefaultNotAutoselect, Place::WHOLE, &one.name, "AUTOSELECT=YES");
        }
        if one.default {
            let count = defaults.entry(group).or_default();
            *count = count.saturating_add(1);
            if *count == 2 {
                findings.add(Rule::DefaultTwice, Place::WHOLE, &one.name, "one DEFAULT=YES");
            }
        }
    }
}

fn presentation(playlist: &MasterPlaylist) -> Presentation {
    let stream = |variant: &VariantStream| Stream {
        uri: variant.uri.clone(),
        bandwidth: variant.bandwidth,
        average: variant.average_bandwidth,
        codecs: variant
            .codecs
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .map(|codec| codec.trim().to_owned())
            .filter(|codec| !codec.is_empty())
            .collect(),
        resolution: variant.resolution.as_ref().map(|size| (size.width, size.height)),
        milli_rate: variant
            .frame_rate
            .filter(|rate| (0.0..1e6).contains(rate))
            .map(|rate| (rate * 1_000.0).round() as u64),
        audio: variant.audio.clone(),
    };
    let (iframes, streams): (Vec<_>, Vec<_>) = playlist.variants.iter().partition(|v| v.is_i_frame);
    Presentation {
        streams: streams.into_iter().map(stream).collect(),
        tracks: playlist
            .alternatives
            .iter()
            .filter_map(|one| Some(Track { group: one.group_id.clone(), uri: one.uri.clone()? }))
            .collect(),
        iframes: iframes.into_iter().map(|variant| variant.uri.clone()).collect(),
    }
}
