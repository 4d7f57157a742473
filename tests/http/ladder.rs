//! A publish of several tracks as it is offered to players.

use bytes::Bytes;
use rillcast::control::{Policy, Voice};
use rillcast::flv::{File, TagKind, mux};
use rillcast::lint;
use rillcast::media::StreamName;

use crate::rig::{Encoder, Server, get, metric, playable, settings};

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The sound of an FLV fixture alone, over and over until it lasts about as long as the pictures.
fn sound_of(name: &str) -> tempfile::NamedTempFile {
    let source = Bytes::from(std::fs::read(fixture(name)).unwrap());
    let mut out = mux::file_header(true, false).to_vec();
    for tag in File::open(source).unwrap().map(Result::unwrap).filter(|tag| tag.kind == TagKind::Audio) {
        out.extend(mux::file_tag(tag.kind, tag.time, &tag.body).unwrap());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), out).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rungs_and_sounds_of_one_publish_are_offered_in_every_combination_and_break_no_rule() {
    let mut settings = settings();
    let audio = ["de Deutsch", "en"].iter().map(|text| Voice::parse(text).unwrap()).collect();
    let policy = Policy { audio, ..Policy::default() };
    settings.policies.insert(StreamName::parse("cam").unwrap(), policy);
    let server = Server::start(settings).await;
    let opus = sound_of("synthetic_enhanced_opus.flv");
    let pictures = fixture("bbb_720p25_avc_aac.mp4");
    let files = vec![pictures.clone(), pictures, opus.path().to_owned()];
    let encoder = Encoder::of(files, server.at.rtmp, "cam");
    let folder = playable(&server, "cam").await;
    let (_, text) = get(server.at.http, "/live/cam/index.m3u8", "").await;
    let (read, findings) = lint::multivariant(text.as_bytes());
    assert!(findings.is_empty(), "{findings:?}\n{text}");
    let read = read.unwrap();
    let streams: Vec<_> = read
        .streams
        .iter()
        .map(|stream| {
            let track = stream.uri.strip_prefix(&folder[..folder.len() - 3]).unwrap();
            (track.split('/').next().unwrap(), stream.audio.as_deref().unwrap(), stream.codecs.join(","))
        })
        .collect();
    let pair = |track, group, sound: &str| (track, group, format!("avc1.64001f,{sound}"));
    let of = |track| [pair(track, "audio-aac", "mp4a.40.2"), pair(track, "audio-opus", "Opus")];
    assert!(streams == [of("v0"), of("v1")].concat() || streams == [of("v1"), of("v0")].concat(), "{text}");
    // Members of both groups have the same name and language: of the second track it is not told.
    assert_eq!(text.matches("LANGUAGE=\"de\",NAME=\"Deutsch\"").count(), 2, "{text}");
    assert_eq!(read.iframes.len(), 2, "{text}");
    assert_eq!(metric(&server, "rillcast_hls_lint_violations_total").await, Some(0));
    encoder.stop().await;
}
