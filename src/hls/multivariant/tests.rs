//! What is offered for every mix of renditions.

use super::*;
use crate::hls::fixture::{Builder, audio_track};
use crate::media::TrackKind;

fn name() -> StreamName {
    StreamName::parse("a/main").unwrap()
}

fn entry(builder: &Builder) -> Entry {
    let captions = Captions::default();
    Entry { view: Arc::new(builder.view()), frame_rate: None, captions, language: None }
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
    .answer(false)
}

fn text(renditions: &[Entry]) -> String {
    match ask(renditions) {
        Answer::Ready(reply) => {
            assert_eq!((reply.cache, reply.content_type), (Cache::Seconds(1), PLAYLIST_TYPE));
            reply.body.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect()
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
