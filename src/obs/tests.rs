//! What OBS asks, as it asks it, and what it is told.

use serde_json::{Value, json};

use super::*;
use crate::media::{FrameRate, VideoCodec};

/// As OBS 32.1 asks on Windows.
fn newer() -> Value {
    json!({
        "service": "IVS", "schema_version": "2025-01-25", "authentication": "canary-key",
        "client": { "name": "obs-studio", "version": "32.1.0", "supported_codecs": ["h264", "h265", "av1"] },
        "capabilities": {
            "cpu": { "physical_cores": 8, "logical_cores": 16, "speed": 3800, "name": "CPU" },
            "memory": { "total": 34359738368_u64, "free": 1 },
            "gaming_features": null,
            "system": { "version": "10.0", "name": "Windows", "build": 19045, "release": "22H2",
                        "revision": "1", "bits": 64, "arm": false, "armEmulation": false },
            "gpu": [
                { "model": "A", "vendor_id": 0x8086, "device_id": 1, "dedicated_video_memory": 1,
                  "shared_system_memory": 1, "driver_version": null },
                { "model": "B", "vendor_id": 0x10DE, "device_id": 2, "dedicated_video_memory": 1,
                  "shared_system_memory": 1, "driver_version": "560.0" },
            ],
        },
        "preferences": {
            "maximum_aggregate_bitrate": null, "maximum_video_tracks": null, "vod_track_audio": false,
            "composition_gpu_index": 1, "audio_samples_per_sec": 48000, "audio_channels": 2,
            "audio_max_buffering_ms": 960, "audio_fixed_buffering": false,
            "canvases": [{ "width": 1920, "height": 1080, "canvas_width": 2560, "canvas_height": 1440,
                           "framerate": { "numerator": 60000, "denominator": 1001 } }],
        },
    })
}

/// As OBS 30.2 asks, which knows neither canvases nor channels.
fn older() -> Value {
    json!({
        "service": "IVS", "schema_version": "2024-06-04", "authentication": "canary-key",
        "client": { "name": "obs-studio", "version": "30.2.3", "supported_codecs": ["h264"] },
        "capabilities": {
            "cpu": { "physical_cores": 2, "logical_cores": 4, "speed": null, "name": null },
            "memory": { "total": 1, "free": 1 }, "gaming_features": null,
            "system": { "name": "Ubuntu Linux", "version": "24.04" }, "gpu": null,
        },
        "preferences": {
            "maximum_aggregate_bitrate": 8000, "maximum_video_tracks": 5, "vod_track_audio": false,
            "width": 1280, "height": 720, "canvas_width": 1280, "canvas_height": 720,
            "framerate": { "numerator": 30, "denominator": 1 },
        },
    })
}

fn parse(document: &Value) -> Result<Request, Fault> {
    Request::parse(document.to_string().as_bytes())
}

fn policy() -> Policy {
    Policy { most_kilobits: 12_000, most_renditions: 5, codec: VideoCodec::Avc, keyframe_seconds: 2 }
}

fn with(path: &str, value: impl Into<Value>) -> Request {
    let mut document = newer();
    *document.pointer_mut(path).unwrap() = value.into();
    parse(&document).unwrap()
}

fn rungs(request: &Request, policy: &Policy) -> Vec<(u32, u32, f64, u64)> {
    let rungs = ladder(request, policy).unwrap();
    rungs.iter().map(|r| (r.width, r.height, (r.rate.fps() * 100.0).round() / 100.0, r.kilobits)).collect()
}

#[test]
fn a_machine_with_a_good_card_gets_five_renditions_of_its_picture() {
    let request = parse(&newer()).unwrap();
    assert_eq!(
        rungs(&request, &policy()),
        [
            (1_920, 1_080, 59.94, 6_000),
            (1_280, 720, 59.94, 3_050),
            (854, 480, 29.97, 1_200),
            (640, 360, 29.97, 650),
            (426, 240, 29.97, 300),
        ]
    );
    assert_eq!(request.encoder, Encoder::Nvenc, "of the card that draws");
}

#[test]
fn the_older_schema_is_read_and_a_small_processor_gets_little_to_do() {
    let request = parse(&older()).unwrap();
    assert_eq!((request.encoder, request.channels), (Encoder::X264, 2));
    assert_eq!(rungs(&request, &policy()), [(1_280, 720, 30.0, 2_300), (640, 360, 30.0, 650)]);
}

#[test]
fn renditions_together_never_need_more_than_is_allowed() {
    for allowed in (100..16_000).step_by(50) {
        let request = with("/preferences/maximum_aggregate_bitrate", allowed);
        let least = match ladder(&request, &policy()) {
            Ok(rungs) => {
                let sum: u64 = rungs.iter().map(|rung| rung.kilobits).sum();
                assert!(sum + 160 <= allowed.min(12_000), "{allowed}: {sum}");
                assert!(rungs.is_sorted_by(|a, b| a.height > b.height), "{rungs:?}");
                assert!(rungs.iter().all(|r| r.width % 2 == 0 && r.height % 2 == 0 && r.kilobits >= 150));
                assert!(allowed < 2_500 || rungs.len() > 1, "{allowed}: nowhere to go");
                continue;
            }
            Err(Refusal::Bandwidth { needed, .. }) => needed,
            Err(refusal) => panic!("{refusal}"),
        };
        assert!(allowed < least && least < 500, "{allowed} refused, {least} asked for");
    }
}

#[test]
fn the_users_count_and_the_operators_are_kept() {
    let heights = |request: &Request, policy: &Policy| -> Vec<u32> {
        ladder(request, policy).unwrap().iter().map(|rung| rung.height).collect()
    };
    let two = with("/preferences/maximum_video_tracks", 2);
    assert_eq!(heights(&two, &policy()), [1_080, 480], "two that are worth changing between");
    let three = Policy { most_renditions: 3, ..policy() };
    assert_eq!(heights(&parse(&newer()).unwrap(), &three), [1_080, 720, 480]);
    let none = with("/preferences/maximum_video_tracks", 0);
    assert_eq!(heights(&none, &policy()), [1_080], "no fewer than one");
}

#[test]
fn a_newer_codec_is_used_where_everybody_has_it() {
    let hevc = Policy { codec: VideoCodec::Hevc, ..policy() };
    let codecs = |request: &Request| ladder(request, &hevc).unwrap()[0].codec;
    assert_eq!(codecs(&parse(&newer()).unwrap()), VideoCodec::Hevc);
    assert_eq!(codecs(&with("/client/supported_codecs", json!(["h264"]))), VideoCodec::Avc);
    assert_eq!(codecs(&with("/capabilities/gpu", Value::Null)), VideoCodec::Avc, "x264 makes nothing else");
}

#[test]
fn odd_pictures_are_sized_too() {
    let canvas = |width: u32, height: u32, num: u32| json!([{ "width": width, "height": height, "framerate": { "numerator": num, "denominator": 1 } }]);
    let sizes = |request: &Request| -> Vec<_> {
        rungs(request, &policy()).iter().map(|(width, height, rate, _)| (*width, *height, *rate)).collect()
    };
    let portrait = sizes(&with("/preferences/canvases", canvas(1_080, 1_920, 60)));
    assert_eq!(portrait[..3], [(1_080, 1_920, 60.0), (720, 1_280, 60.0), (480, 854, 30.0)]);
    let fast = sizes(&with("/preferences/canvases", canvas(1_920, 1_080, 144)));
    assert_eq!((fast[0].2, fast[4].2), (48.0, 28.8), "whole parts of the canvas's rate");
    let tiny = with("/preferences/canvases", canvas(63, 63, 30));
    assert_eq!(ladder(&tiny, &policy()), Err(Refusal::Size { width: 63, height: 63 }));
    assert_eq!(sizes(&with("/preferences/canvases", canvas(101, 77, 30))), [(102, 78, 30.0)]);
}

#[test]
fn encoders_are_only_named_where_they_are_there_for_certain() {
    let mut found = Vec::new();
    for (vendor, system) in [
        (Some(0x10DE), "Windows"),
        (Some(0x1002), "Windows"),
        (Some(0x8086), "Windows"),
        (Some(0x1002), "Ubuntu Linux"),
        (Some(0x106B), "macOS"),
        (Some(0x1414), "Windows"),
        (None, "Windows"),
    ] {
        let mut document = newer();
        document["preferences"]["composition_gpu_index"] = Value::Null;
        document["capabilities"]["system"]["name"] = system.into();
        document["capabilities"]["gpu"] =
            vendor.map_or(Value::Null, |vendor| json!([{ "vendor_id": vendor }]));
        found.push(parse(&document).unwrap().encoder);
    }
    use Encoder::*;
    assert_eq!(found, [Nvenc, Amf, QuickSync, Vaapi, VideoToolbox, X264, X264]);
}

#[test]
fn the_answer_has_every_field_that_obs_reads_and_not_the_key() {
    let request = parse(&newer()).unwrap();
    let rungs = ladder(&request, &policy()).unwrap();
    let endpoints = [
        Endpoint { secure: true, url: "rtmps://h:1936/live".to_owned() },
        Endpoint { secure: false, url: "rtmp://h:1935/live".to_owned() },
    ];
    let text = accept(&request, &rungs, &endpoints, "c1", 2);
    assert!(!text.contains("canary-key"));
    let answer: Value = serde_json::from_str(&text).unwrap();
    for field in ["service", "schema_version", "config_id"] {
        assert!(answer["meta"][field].is_string(), "{field}");
    }
    assert_eq!(answer["status"], json!({ "result": "success" }));
    assert_eq!(answer["ingest_endpoints"][0]["url_template"], "rtmps://h:1936/live/{stream_key}");
    assert_eq!(answer["ingest_endpoints"][1]["protocol"], "RTMP");
    let encoders = answer["encoder_configurations"].as_array().unwrap();
    assert_eq!(encoders.len(), 5);
    for encoder in encoders {
        assert_eq!(encoder["type"], "obs_nvenc_h264_tex");
        assert_eq!(encoder["settings"]["keyint_sec"], 2, "keyframes of all come together");
        assert_eq!(encoder["settings"]["rate_control"], "CBR");
        assert!(encoder["settings"]["bitrate"].is_u64() && encoder["width"].is_u64(), "{encoder}");
    }
    assert_eq!(encoders[2]["framerate"], json!({ "numerator": 60_000, "denominator": 2_002 }));
    let sound = &answer["audio_configurations"]["live"][0];
    for field in ["codec", "track_id", "channels", "settings"] {
        assert!(!sound[field].is_null(), "{field}");
    }
}

#[test]
fn a_place_to_publish_has_an_application_and_no_key() {
    for url in ["rtmp://h/live", "rtmps://h:1936/live/", "rtmp://[::1]:1935/a/b"] {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!(
            (endpoint.secure, endpoint.url.as_str()),
            (url.starts_with("rtmps"), url.trim_end_matches('/'))
        );
    }
    for url in [
        "",
        "http://h/live",
        "rtmp://h",
        "rtmp:///live",
        "rtmp://h/",
        "rtmp://h/live?key=k",
        "rtmp://u@h/live",
    ] {
        assert_eq!(Endpoint::parse(url), None, "{url}");
    }
}

#[test]
fn an_id_of_ours_is_told_from_anything_else() {
    assert_eq!(config_id([0, 1, 0xAB, 0, 0, 0xFF]), "c0001ab0000ff");
    assert!(is_config_id(&config_id([7; 6])));
    for other in ["", "c", "0001ab0000ff", "c0001AB0000ff", "c0001ab0000ff0", "ccanary-secret"] {
        assert!(!is_config_id(other), "{other}");
    }
}

#[test]
fn a_refusal_is_plain_words_in_rich_text() {
    let answer: Value = serde_json::from_str(&refuse("a <b> & \"c\"")).unwrap();
    assert_eq!(answer["status"]["result"], "error");
    assert_eq!(answer["status"]["html_en_us"], "a &lt;b&gt; &amp; \"c\"");
}

#[test]
fn what_is_no_request_is_named_by_its_field_without_its_value() {
    assert_eq!(Request::parse(b"{").unwrap_err(), Fault::Json);
    assert_eq!(
        Request::parse("[".repeat(60_000).as_bytes()).unwrap_err(),
        Fault::Json,
        "deep, and no overflow"
    );
    for (path, value, named) in [
        ("/authentication", json!(["canary"]), "authentication"),
        ("/preferences/canvases/0/width", json!("canary"), "canvases[0].width"),
        ("/preferences/canvases/0/width", json!(0), "canvases[0].width"),
        ("/preferences/canvases/0/height", json!(1e300), "canvases[0].height"),
        ("/preferences/canvases/0/framerate", json!({ "numerator": 1, "denominator": 0 }), "framerate"),
        ("/preferences/canvases/0/framerate/numerator", json!(u64::MAX), "framerate"),
    ] {
        let mut document = newer();
        *document.pointer_mut(path).unwrap() = value;
        let words = parse(&document).unwrap_err().to_string();
        assert!(words.contains(named) && !words.contains("canary"), "{path}: {words}");
    }
    let strange = with("/preferences/maximum_aggregate_bitrate", u64::MAX);
    assert_eq!(ladder(&strange, &policy()).unwrap().len(), 5, "more than everything is no bound");
}

#[test]
fn a_profile_reads_back_as_obs_reads_it() {
    let canvas = Canvas::parse("1920x1080@60").unwrap();
    let request = Request::of_machine(Encoder::Nvenc, canvas);
    let config = accept(&request, &ladder(&request, &policy()).unwrap(), &[], "", 2);
    let profile = Profile { name: "cam", server: "rtmp://h/live", key: "K", canvas, config: &config };
    let [(service, settings), (basic, ini)] = files(&profile);
    assert_eq!((service, basic), ("service.json", "basic.ini"));
    let settings: Value = serde_json::from_str(&settings).unwrap();
    assert_eq!(settings["type"], "rtmp_custom");
    assert_eq!(
        (&settings["settings"]["server"], &settings["settings"]["key"]),
        (&json!("rtmp://h/live"), &json!("K"))
    );
    let line = ini.lines().find_map(|line| line.strip_prefix("MultitrackVideoConfigOverride=")).unwrap();
    let held: Value = serde_json::from_str(&unescape(line)).unwrap();
    assert_eq!(held["text"], config);
    for line in ["[General]", "Name=cam", "EnableMultitrackVideo=true", "FPSNum=60", "OutputCY=1080"] {
        assert!(ini.lines().any(|own| own == line), "{line}");
    }
}

/// OBS's own reading of a value: `\\`, `\r` and `\n` mean one character, any other backslash itself.
fn unescape(value: &str) -> String {
    value.replace("\\\\", "\u{0}").replace("\\r", "\r").replace("\\n", "\n").replace('\u{0}', "\\")
}

#[test]
fn a_canvas_is_read_from_words() {
    let canvas = Canvas::parse("1280x720@30000/1001").unwrap();
    assert_eq!(
        (canvas.width, canvas.height, canvas.rate),
        (1_280, 720, FrameRate::new(30_000, 1_001).unwrap())
    );
    for text in ["", "1280x720", "x720@30", "1280x720@", "1280x720@0", "0x720@30", "1280x99999@30", "1x1@1/0"]
    {
        assert_eq!(Canvas::parse(text), None, "{text}");
    }
}
