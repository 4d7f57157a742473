//! Precedence, unknown keys, and what may not stand together.

use std::io::Write;
use std::time::Duration;

use super::*;
use crate::control::settings::Latency;

fn file(text: &str) -> (tempfile::NamedTempFile, Sources) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let sources = Sources { file: Some(file.path().into()), ..Sources::default() };
    (file, sources)
}

fn of_file(text: &str) -> Result<Settings, SettingsError> {
    let (_keep, sources) = file(text);
    sources.load()
}

fn of_variable(name: &str, value: &str) -> Result<Settings, SettingsError> {
    Sources { variables: vec![(name.into(), value.into())], ..Sources::default() }.load()
}

fn sentence(result: Result<Settings, SettingsError>) -> String {
    let text = result.unwrap_err().to_string();
    assert!(!text.contains('\n'), "one sentence: {text}");
    text
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    assert_eq!(Sources::default().load().unwrap().segment, Duration::from_secs(2));
    let (_keep, mut sources) = file("[live]\nsegment = \"3s\"\nlatency = \"low\"\n");
    assert_eq!(sources.load().unwrap().segment, Duration::from_secs(3));
    sources.variables = vec![("RILLCAST__LIVE__SEGMENT".into(), "4s".into()), ("HOME".into(), "x".into())];
    assert_eq!(sources.load().unwrap().segment, Duration::from_secs(4));
    sources.flags = vec![("live.segment", Value::Text("5s".into()))];
    let settings = sources.load().unwrap();
    assert_eq!((settings.segment, settings.latency), (Duration::from_secs(5), Latency::Low));
    assert_eq!(settings.part_target(), Some(Duration::from_millis(200)));
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let text = sentence(of_file("[live]\nsegmnt = \"3s\"\n"));
    assert!(text.contains("`live.segmnt`") && text.ends_with("did you mean `live.segment`?"), "{text}");
    let text = sentence(of_file("[server]\nhttp = \":80\"\n"));
    assert!(text.ends_with("did you mean `listen.http`?"), "{text}");
    let text = sentence(of_file("[[stream]]\nname = \"a\"\nkye = \"secret-of-mine\"\n"));
    assert!(text.contains("`stream[0].kye`") && text.contains("`stream[0].key`"), "{text}");
    assert!(!text.contains("secret-of-mine"));
    let text = sentence(of_variable("RILLCAST__LISTEN__RTPM", ":1"));
    assert!(text.contains("RILLCAST__LISTEN__RTPM") && text.contains("`listen.rtmp`"), "{text}");
    let text = sentence(of_file("bananas = 1\n"));
    assert!(!text.contains("did you mean"), "{text}");
}

#[test]
fn a_key_of_control_characters_forges_no_line() {
    for text in
        ["\"a\\nb\" = 1\n", "[\"group\".\"a\\nb\"]\nc = 1\n", "[groups.\"a\\u001b[2J\"]\nmembers = []\n"]
    {
        let text = sentence(of_file(text));
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn a_wrong_value_says_what_is_wanted_and_where() {
    let text = sentence(of_file("[limits.http]\nholds = \"many\"\n"));
    assert!(text.contains("`limits.http.holds` in ") && text.contains("whole number above zero"), "{text}");
    let text = sentence(of_file("[live]\npart = 200\n"));
    assert!(text.contains("\"100ms\" to \"2s\""), "{text}");
    let text = sentence(of_file("[live]\nsegment = [1]\n"));
    assert!(text.contains("not a table or a list"), "{text}");
    let text = sentence(of_file("x = 1\n[live\n"));
    assert!(text.contains("line 2 is not valid TOML"), "{text}");
}

#[test]
fn streams_come_from_every_source_and_keep_only_hashes() {
    let hash = KeyHash::new("hashed-key").unwrap();
    let (_keep, mut sources) = file(&format!(
        "[[stream]]\nname = \"a\"\nkey = \"key-a\"\n[[stream]]\nname = \"a\"\nkey = \"key-a2\"\n\
         [[stream]]\nname = \"b\"\nkey_hash = \"{hash}\"\n"
    ));
    sources.variables = vec![("RILLCAST__STREAM".into(), "c=key-c d/e=key-d".into())];
    sources.streams = vec!["b=flag-key".into()];
    let settings = sources.load().unwrap();
    let seen: Vec<_> = settings.streams.iter().map(|s| (s.name.as_str(), s.keys.len())).collect();
    assert_eq!(seen, [("a", 2), ("c", 1), ("d/e", 1), ("b", 1)]);
    assert!(bool::from(settings.streams[3].keys[0].matches("flag-key")), "the flag replaced the file's");
    assert!(!format!("{settings:?}").contains("key-a"), "no key in debug output");
}

#[test]
fn a_key_may_come_from_a_file_of_its_own() {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    secret.write_all(b"cam=key-in-file\n").unwrap();
    let settings = of_variable("RILLCAST__STREAM_FILE", secret.path().to_str().unwrap()).unwrap();
    assert!(bool::from(settings.streams[0].keys[0].matches("key-in-file")));
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    secret.write_all(b"key-in-file\n").unwrap();
    let text = format!("[[stream]]\nname = \"cam\"\nkey_file = {:?}\n", secret.path());
    assert!(bool::from(of_file(&text).unwrap().streams[0].keys[0].matches("key-in-file")));
}

#[test]
fn a_stream_says_what_its_audio_tracks_are() {
    let of =
        |audio: &str| of_file(&format!("[[stream]]\nname = \"cam\"\nkey = \"key-a\"\naudio = {audio}\n"));
    let settings = of("[\"de Deutsch\", \"en\"]").unwrap();
    let name = crate::media::StreamName::parse("cam").unwrap();
    let voice =
        |index| settings.voice(&name, index).map(|voice| (voice.language.as_str(), voice.name.as_deref()));
    assert_eq!([voice(0), voice(1), voice(2)], [Some(("de", Some("Deutsch"))), Some(("en", None)), None]);
    for wrong in ["\"de\"", "[1]", "[\"German, loud\"]"] {
        let text = sentence(of(wrong));
        assert!(text.contains("`stream[0].audio`") && text.contains("a list of languages"), "{text}");
    }
}

#[test]
fn keys_that_give_themselves_away_are_refused() {
    let flag = |pair: &str| sentence(Sources { streams: vec![pair.into()], ..Sources::default() }.load());
    assert!(flag("cam=cam").contains("must not have its own name as its key"));
    assert!(flag("cam").contains("NAME=KEY"));
    assert!(flag("cam=").contains("empty"));
    assert!(flag("c m=key").contains("stream name"));
    let own = KeyHash::new("cam").unwrap();
    let text = sentence(of_file(&format!("[[stream]]\nname = \"cam\"\nkey_hash = \"{own}\"\n")));
    assert!(text.contains("must not have its own name"), "{text}");
    let both = Sources { streams: vec!["a=same-key".into(), "b=same-key".into()], ..Sources::default() };
    assert!(sentence(both.load()).contains("have the same key"));
    let none = sentence(of_file("[[stream]]\nname = \"cam\"\n"));
    assert!(none.contains("exactly one of key"), "{none}");
}

#[test]
fn what_would_be_open_to_all_is_refused() {
    let flags = |flags| Sources { flags, ..Sources::default() }.load();
    let on = || ("open_publish", Value::Bool(true));
    assert!(sentence(flags(vec![on()])).contains("must be on loopback"));
    let loopback = ("listen.rtmp", Value::Text("127.0.0.1:0".into()));
    assert!(flags(vec![on(), loopback]).unwrap().open_publish);
    let admin = ("listen.admin", Value::Text("0.0.0.0:9080".into()));
    assert!(sentence(flags(vec![admin])).contains("admin listener"));
}

#[test]
fn lengths_must_fit_together() {
    assert!(sentence(of_file("[live]\nlatency = \"standard\"\npart = \"200ms\"\n")).contains("no meaning"));
    assert!(sentence(of_file("[live]\nsegment = \"1s\"\npart = \"600ms\"\n")).contains("at most half"));
    assert!(sentence(of_file("[live]\nsegment = \"10s\"\n")).contains("four times"));
    assert_eq!(of_file("[live]\nlatency = \"standard\"\n").unwrap().part_target(), None);
}

#[test]
fn the_service_managers_folder_is_the_default_data_folder() {
    let sources = Sources { state_directory: Some("/var/lib/rillcast".into()), ..Sources::default() };
    assert_eq!(sources.load().unwrap().data, PathBuf::from("/var/lib/rillcast"));
}

#[test]
fn tls_needs_one_whole_certificate_and_a_reason_to_listen() {
    let settings = of_file("[tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n[listen]\nrtmps = \":1\"\n").unwrap();
    assert_eq!(settings.https(), Some(Settings::HTTPS));
    assert_eq!(settings.rtmps(), Some(([0, 0, 0, 0], 1).into()));
    assert_eq!(Sources::default().load().unwrap().https(), None);
    let settings = of_variable("RILLCAST__TLS__SELF_SIGNED", "true").unwrap();
    assert_eq!(settings.tls.certificate(), Some(crate::control::Certificate::SelfSigned));
    for (text, what) in [
        ("[tls]\ncert = \"c.pem\"\n", "`tls.cert` and `tls.key`"),
        ("[tls]\nkey = \"c.pem\"\n", "`tls.cert` and `tls.key`"),
        ("[tls]\nself_signed = true\ncert = \"c.pem\"\nkey = \"k.pem\"\n", "choose one"),
        ("[listen]\nhttps = \":443\"\n", "need a certificate"),
        ("[tls]\nself_signed = \"yes\"\n", "`tls.self_signed`"),
        (
            "open_publish = true\n[listen]\nrtmp = \"127.0.0.1:1\"\n[tls]\nself_signed = true\n",
            "--rtmps 127.0.0.1:1936",
        ),
    ] {
        let sentence = sentence(of_file(text));
        assert!(sentence.contains(what), "{sentence}");
    }
}
