//! What is offered for every mix of renditions.

use super::*;
use crate::base::Rope;
use crate::hls::fixture::{Builder, audio_track};
use crate::media::{AudioCodec, TrackKind};

fn name() -> StreamName {
    StreamName::parse("a/main").unwrap()
}

fn entry(builder: &Builder) -> Entry {
    let (captions, language, label) = (Captions::default(), None, None);
    Entry { view: Arc::new(builder.view()), frame_rate: None, captions, language, label }
}

fn audio(index: u8) -> Builder {
    let mut builder = Builder::new(audio_track());
    builder.constants.track.id = TrackId { kind: TrackKind::Audio, index };
    builder.bandwidth = Bandwidth { peak: 140_000, average: 128_000 };
    builder.segment(4);
    builder
}

fn ask(renditions: &[Entry]) -> Answer {
    let (name, memo) = (name(), Memo::default());
    Presentation {
        name: &name,
        generation: "0123456789ab",
        renditions,
        independent_segments: true,
        memo: &memo,
    }
    .answer(Form::Plain)
}

fn written(body: Rope) -> String {
    body.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect()
}

fn text(renditions: &[Entry]) -> String {
    match ask(renditions) {
        Answer::Ready(reply) => {
            assert_eq!((reply.cache, reply.content_type), (Cache::Seconds(1), PLAYLIST_TYPE));
            written(reply.body)
        }
        other => panic!("expected a reply, got {other:?}"),
    }
}

#[test]
fn video_with_audio_is_one_variant_with_a_group() {
    let mut video = entry(&Builder::video(1, 1));
    video.frame_rate = FrameRate::new(30_000, 1_001);
    assert_eq!(text(&[video, entry(&audio(0))]), include_str!("../../../tests/golden/multivariant.m3u8"));
}

#[test]
fn captions_in_the_pictures_are_declared_in_one_group_of_every_variant() {
    let mut video = entry(&Builder::video(1, 1));
    video.captions = Captions::channel(1).with(Captions::channel(3));
    let said = text(&[video.clone(), entry(&audio(0))]);
    assert!(said.starts_with("#EXTM3U\n#EXT-X-VERSION:6\n"), "{said}");
    let line =
        |id, rest| format!("#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"{id}\",{rest}\n");
    assert!(said.contains(&line("CC1", "AUTOSELECT=YES,INSTREAM-ID=\"CC1\"")), "{said}");
    assert!(said.contains(&line("CC3", "INSTREAM-ID=\"CC3\"")), "{said}");
    assert!(said.contains(",CLOSED-CAPTIONS=\"captions\"\n") && !said.contains("NONE"), "{said}");
    // Services came with version 7 (RFC 8216bis §8).
    video.captions = video.captions.with(Captions::service(2));
    let said = text(&[video]);
    assert!(
        said.starts_with("#EXTM3U\n#EXT-X-VERSION:7\n") && said.contains(",INSTREAM-ID=\"SERVICE2\"\n"),
        "{said}"
    );
}

#[test]
fn the_id_of_a_viewer_is_in_every_url_of_what_only_it_gets() {
    let memo = Memo::default();
    let renditions = [entry(&Builder::video(1, 1)), entry(&audio(0)), entry(&audio(1))];
    let presentation = Presentation {
        name: &name(),
        generation: "0123456789ab",
        renditions: &renditions,
        independent_segments: true,
        memo: &memo,
    };
    let ask = |form| match presentation.answer(form) {
        Answer::Ready(reply) => (written(reply.body), reply.cache, reply.vary),
        other => panic!("expected a reply, got {other:?}"),
    };
    let (mine, cache, vary) = ask(Form::Viewer("00ff"));
    assert_eq!((cache, vary), (Cache::NoStore, false));
    assert_eq!(mine.matches(".m3u8").count(), mine.matches(".m3u8?viewer=00ff").count(), "{mine}");
    let (plain, cache, _) = ask(Form::Plain);
    assert_eq!((plain.contains("viewer"), cache), (false, Cache::Seconds(1)));
    assert_eq!(mine.replace("?viewer=00ff", ""), plain);
}

#[test]
fn audio_alone_is_a_variant_of_its_own() {
    let text = text(&[entry(&audio(0))]);
    assert!(
        !text.contains("EXT-X-MEDIA") && !text.contains("RESOLUTION") && !text.contains("FRAME-RATE"),
        "{text}"
    );
    assert!(
        text.contains(
            "BANDWIDTH=140000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\",CLOSED-CAPTIONS=NONE\n"
        )
    );
    assert!(text.ends_with("\n/live/a/main/0123456789ab/a0/media.m3u8\n"), "{text}");
}

#[test]
fn video_alone_has_no_audio_codec_and_the_declared_frame_rate() {
    let text = text(&[entry(&Builder::video(1, 0))]);
    assert!(
        text.contains("CODECS=\"avc1.64001f\",RESOLUTION=1280x720,FRAME-RATE=30.000,CLOSED-CAPTIONS=NONE\n"),
        "{text}"
    );
    assert!(!text.contains("AUDIO"), "{text}");
}

/// §4.4.6.2: RESOLUTION is the size at which to display, not the coded one.
#[test]
fn a_resolution_is_that_of_square_pixels() {
    let mut builder = Builder::video(1, 1);
    if let CodecConfig::Video(config) = &mut builder.constants.track.config {
        (config.width, config.height, config.pixel_aspect) = (720, 576, (64, 45));
    }
    let text = text(&[entry(&builder)]);
    assert_eq!(text.matches("RESOLUTION=1024x576").count(), text.matches("RESOLUTION").count(), "{text}");
    assert!(text.contains("RESOLUTION=1024x576"), "{text}");
}

#[test]
fn of_several_audio_tracks_one_is_the_default_and_the_dearest_counts() {
    let mut second = audio(1);
    second.bandwidth = Bandwidth { peak: 300_000, average: 256_000 };
    let mut second = entry(&second);
    second.language = Some("fr".into());
    let both = text(&[entry(&Builder::video(1, 0)), entry(&audio(0)), second.clone()]);
    assert!(both.contains("NAME=\"Audio 1\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n"), "{both}");
    assert!(both.contains("LANGUAGE=\"fr\",NAME=\"Audio 2\",AUTOSELECT=YES,CHANNELS=\"2\"\n"), "{both}");
    assert!(
        both.contains("BANDWIDTH=2300000,AVERAGE-BANDWIDTH=1756000,CODECS=\"avc1.64001f,mp4a.40.2\""),
        "{both}"
    );
    let sound = text(&[entry(&audio(0)), second]);
    assert_eq!(sound.matches("#EXT-X-STREAM-INF").count(), 1, "{sound}");
    assert_eq!(sound.matches("#EXT-X-MEDIA:").count(), 2, "{sound}");
}

#[test]
fn a_rendition_that_cannot_be_played_yet_holds_the_whole_playlist() {
    let empty = entry(&Builder::new(audio_track()));
    for renditions in [vec![], vec![empty.clone()], vec![entry(&Builder::video(1, 0)), empty]] {
        match ask(&renditions) {
            Answer::WaitFor(wait) => {
                assert_eq!((wait.at_most.as_secs(), wait.expired), (6, Refusal::TimedOut));
            }
            other => panic!("expected a wait, got {other:?}"),
        }
    }
}

#[test]
fn a_rendition_that_ended_before_it_began_is_not_offered() {
    let mut barren = Builder::new(audio_track());
    barren.end();
    assert!(!text(&[entry(&Builder::video(1, 0)), entry(&barren)]).contains("a0"));
    assert!(matches!(ask(&[entry(&barren)]), Answer::Refuse(Refusal::UNKNOWN)));
}

#[test]
fn before_anything_is_measured_the_parts_tell_the_bit_rate() {
    let mut builder = Builder::video(0, 1);
    builder.bandwidth = Bandwidth::default();
    // "head 0 body 0;" is 14 bytes in half a second.
    assert!(text(&[entry(&builder)]).contains(":BANDWIDTH=224,AVERAGE-BANDWIDTH=224,"));
}

/// Players match a rendition report to a rendition by URL.
#[test]
fn rendition_reports_resolve_to_the_urls_of_the_multivariant() {
    let mut builder = Builder::video(1, 1);
    builder.report(TrackId::AUDIO, 1, 3);
    let offered = text(&[entry(&builder), entry(&audio(0))]);
    let report = crate::hls::playlist(&builder.view()).reports[0].uri.clone();
    let folder = "/live/a/main/0123456789ab/";
    let resolved = format!("{folder}{}", report.strip_prefix("../").unwrap());
    assert!(offered.contains(&format!("URI=\"{resolved}\"")), "{offered}");
}

fn video(index: u8, size: (u32, u32), rate: u32, peak: u64) -> Entry {
    let mut builder = Builder::video(1, 1);
    let id = TrackId { kind: TrackKind::Video, index };
    builder.constants.track.id = id;
    if let CodecConfig::Video(config) = &mut builder.constants.track.config {
        (config.width, config.height) = size;
        config.frame_rate = FrameRate::new(rate, 1);
    }
    builder.bandwidth = Bandwidth { peak, average: peak / 2 };
    entry(&builder)
}

fn sound(index: u8, codec: AudioCodec, codecs: &str, peak: u64) -> Entry {
    let mut builder = audio(index);
    if let CodecConfig::Audio(config) = &mut builder.constants.track.config {
        config.codec = codec;
        config.codecs = codecs.into();
    }
    builder.bandwidth = Bandwidth { peak, average: peak };
    entry(&builder)
}

/// URIs of the variants, with the group of each.
fn variants(text: &str) -> Vec<(String, Option<String>)> {
    let (_, playlist) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
    let shown = playlist.variants.iter().filter(|variant| !variant.is_i_frame);
    let track = |uri: &str| uri.rsplit('/').nth(1).unwrap().to_owned();
    shown.map(|variant| (track(&variant.uri), variant.audio.clone())).collect()
}

fn rungs(text: &str) -> Vec<String> {
    variants(text).into_iter().map(|(track, _)| track).collect()
}

#[test]
fn rungs_are_sorted_by_size_rate_and_bit_rate_and_a_sensible_one_is_first() {
    let ladder = [
        video(0, (854, 480), 30, 1_500_000),
        video(1, (1_280, 720), 30, 3_000_000),
        video(2, (1_920, 1_080), 60, 6_000_000),
        video(3, (1_280, 720), 60, 3_500_000),
        video(4, (640, 360), 30, 800_000),
        video(5, (640, 360), 30, 800_000),
        video(6, (854, 480), 30, 1_600_000),
    ];
    assert_eq!(rungs(&text(&ladder)), ["v6", "v2", "v3", "v1", "v0", "v4", "v5"]);
    // The I-frames of every rung, the largest first.
    let text = text(&ladder);
    let i_frames = text.lines().filter(|line| line.starts_with("#EXT-X-I-FRAME-STREAM-INF"));
    let order: Vec<&str> = i_frames.map(|line| &line[line.find("/v").unwrap() + 1..][..2]).collect();
    assert_eq!(order, ["v2", "v3", "v1", "v6", "v0", "v4", "v5"]);
}

#[test]
fn a_ladder_of_only_large_rungs_begins_with_the_smallest() {
    let ladder = [video(0, (3_840, 2_160), 60, 20_000_000), video(1, (1_920, 1_080), 60, 9_000_000)];
    assert_eq!(rungs(&text(&ladder)), ["v1", "v0"]);
}

#[test]
fn a_rung_that_is_not_aligned_is_left_out_with_its_i_frames() {
    let mut astray = Builder::video(1, 1).view();
    astray.aligned = false;
    let astray = Entry { view: Arc::new(astray), ..entry(&Builder::video(1, 1)) };
    let text = text(&[video(1, (640, 360), 30, 800_000), astray]);
    assert_eq!(rungs(&text), ["v1"]);
    assert!(!text.contains("/v0/"), "{text}");
}

#[test]
fn sound_that_not_every_player_knows_is_a_group_of_its_own_and_every_rung_is_listed_with_each() {
    let tracks = [
        video(0, (1_280, 720), 30, 3_000_000),
        video(1, (640, 360), 30, 800_000),
        sound(0, AudioCodec::Opus, "Opus", 100_000),
        sound(1, AudioCodec::Aac, "mp4a.40.2", 150_000),
    ];
    let text = text(&tracks);
    let pair = |track: &str, group: &str| (track.to_owned(), Some(group.to_owned()));
    assert_eq!(
        variants(&text),
        [
            pair("v1", "audio-aac"),
            pair("v1", "audio-opus"),
            pair("v0", "audio-aac"),
            pair("v0", "audio-opus")
        ]
    );
    let (_, playlist) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
    let said: Vec<(&str, u64)> =
        playlist.variants[..2].iter().map(|v| (v.codecs.as_deref().unwrap(), v.bandwidth)).collect();
    assert_eq!(said, [("avc1.64001f,mp4a.40.2", 950_000), ("avc1.64001f,Opus", 900_000)]);
    let members: Vec<(&str, &str, bool)> =
        playlist.alternatives.iter().map(|a| (a.group_id.as_str(), a.name.as_str(), a.default)).collect();
    assert_eq!(members, [("audio-aac", "Audio 1", true), ("audio-opus", "Audio 1", true)]);
}

#[test]
fn groups_have_the_same_members_and_the_first_stays_playable_by_all() {
    let tracks = [
        video(0, (640, 360), 30, 800_000),
        sound(0, AudioCodec::Aac, "mp4a.40.2", 100_000),
        sound(1, AudioCodec::Aac, "mp4a.40.5", 100_000),
        sound(2, AudioCodec::Opus, "Opus", 100_000),
        sound(3, AudioCodec::Ac3, "ac-3", 400_000),
    ];
    let shown = |tracks: &[Entry]| {
        let text = text(tracks);
        let (_, playlist) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
        let member = |a: &m3u8_rs::AlternativeMedia| {
            format!("{} {} {}", a.group_id, a.name, a.uri.as_deref().unwrap().rsplit('/').nth(1).unwrap())
        };
        let codecs = playlist.variants.iter().filter(|v| !v.is_i_frame).map(|v| v.codecs.clone().unwrap());
        (playlist.alternatives.iter().map(member).collect::<Vec<_>>(), codecs.collect::<Vec<_>>())
    };
    let (members, codecs) = shown(&tracks);
    assert_eq!(
        members,
        [
            "audio-aac Audio 1 a0",
            "audio-aac Audio 2 a1",
            "audio-ac3 Audio 1 a3",
            "audio-ac3 Audio 2 a1",
            "audio-opus Audio 1 a2",
            "audio-opus Audio 2 a1"
        ]
    );
    assert_eq!(
        codecs,
        ["avc1.64001f,mp4a.40.2,mp4a.40.5", "avc1.64001f,ac-3,mp4a.40.5", "avc1.64001f,Opus,mp4a.40.5"]
    );
    let tracks = [
        video(0, (640, 360), 30, 800_000),
        sound(0, AudioCodec::Opus, "Opus", 100_000),
        sound(1, AudioCodec::Aac, "mp4a.40.2", 100_000),
        sound(2, AudioCodec::Opus, "Opus", 100_000),
    ];
    let (members, codecs) = shown(&tracks);
    assert_eq!(members[..2], ["audio-aac Audio 1 a1", "audio-aac Audio 2 a1"]);
    assert_eq!(codecs, ["avc1.64001f,mp4a.40.2", "avc1.64001f,Opus"]);
}

#[test]
fn names_and_languages_are_the_same_in_every_group_and_no_name_stands_twice() {
    let named = |mut entry: Entry, language: &str, label: &str| {
        entry.language = Some(language.into());
        entry.label = Some(label.into());
        entry
    };
    let tracks = [
        video(0, (640, 360), 30, 800_000),
        named(sound(0, AudioCodec::Aac, "mp4a.40.2", 100_000), "de", "Main"),
        named(sound(1, AudioCodec::Opus, "Opus", 100_000), "de", "Main"),
        named(sound(2, AudioCodec::Opus, "Opus", 100_000), "en", "Main"),
    ];
    let text = text(&tracks);
    let (_, playlist) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
    let told: Vec<_> = playlist
        .alternatives
        .iter()
        .map(|a| (a.group_id.as_str(), a.language.as_deref().unwrap(), a.name.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("audio-aac", "de", "Main"),
            ("audio-aac", "en", "Main 2"),
            ("audio-opus", "de", "Main"),
            ("audio-opus", "en", "Main 2")
        ]
    );
}

#[test]
fn sound_alone_in_two_codecs_is_a_variant_for_each() {
    let text =
        text(&[sound(0, AudioCodec::Opus, "Opus", 100_000), sound(1, AudioCodec::Aac, "mp4a.40.2", 100_000)]);
    let pair = |track: &str, group: &str| (track.to_owned(), Some(group.to_owned()));
    assert_eq!(variants(&text), [pair("a1", "audio-aac"), pair("a0", "audio-opus")]);
}

#[test]
fn every_rung_is_listed_with_each_group_and_has_its_i_frames() {
    let mut tracks: Vec<Entry> =
        (0..5).map(|n| video(n, (320 * (u32::from(n) + 1), 180), 30, 500_000)).collect();
    tracks.push(sound(0, AudioCodec::Opus, "Opus", 100_000));
    tracks.push(sound(1, AudioCodec::Aac, "mp4a.40.2", 100_000));
    tracks.push(sound(2, AudioCodec::Aac, "mp4a.40.2", 100_000));
    let text = text(&tracks);
    assert_eq!(variants(&text).len(), 10);
    assert_eq!(text.matches("#EXT-X-I-FRAME-STREAM-INF").count(), 5);
}
