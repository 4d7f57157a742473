//! Paths and queries of players: what they name, what they ask for, and what they are told.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rillcast::hls::{Answer, Directives, File, Request, Route, answer, at_once};
use rillcast::live::View;
use rillcast::m3u8::Media;
use rillcast::progressive::Format;

use crate::timeline::{ended, steady};

/// Pictures and sound, live and over.
static VIEWS: LazyLock<Vec<Arc<View>>> = LazyLock::new(|| steady().into_iter().chain(ended()).collect());

/// A request target: its path is read as a plain reader would have it, and so is its query; what is taken is the same
/// when it is spelled in the one canonical way; and the answer is by the table of RFC 8216bis §6.2.5.2.
pub fn hls_query(data: &[u8]) {
    let Ok(target) = std::str::from_utf8(data) else { return };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let route = Route::parse(path);
    assert_eq!(route.as_ref().map(canonical), plain_route(path), "{path:?}");
    if let Some(route) = &route {
        assert_eq!(Route::parse(&canonical(route)).as_ref(), Some(route));
        assert!(canonical(route) == path || matches!(route, Route::Multivariant(_)), "one path a resource");
    }
    if let Some((format, name)) = Format::parse(path) {
        let ending = [(Format::Mp4, "mp4"), (Format::Flv, "flv"), (Format::Ts, "ts")];
        let ending = ending.iter().find(|(one, _)| *one == format).map_or("", |(_, ending)| ending);
        assert_eq!(path, format!("/live/{name}.{ending}"));
    }
    let (said, skip) = plain_directives(query.unwrap_or(""));
    let directives = Directives::parse(query);
    let state = match said {
        Said::Nothing => "None".to_owned(),
        Said::At(msn, part) => format!("At {{ msn: {msn}, part: {part:?} }}"),
        Said::Malformed => "Malformed".to_owned(),
    };
    let shown = ["Nothing", "Segments", "DateRanges"][skip];
    assert_eq!(
        format!("{directives:?}"),
        format!("Directives {{ state: {state}, skip: {shown} }}"),
        "{query:?}"
    );
    assert_eq!(Directives::parse(Some(&spelled(said, skip))), directives);
    let file = match route {
        Some(Route::Media { file, .. }) => file,
        _ => File::Playlist,
    };
    for view in VIEWS.iter() {
        answered(view, Request { file, directives, gzip: false, whole_segments: false }, said, skip);
    }
}

/// What a query says of a position.
#[derive(Clone, Copy)]
enum Said {
    Nothing,
    At(u64, Option<u64>),
    Malformed,
}

fn spelled(said: Said, skip: usize) -> String {
    let skip = ["", "&_HLS_skip=YES", "&_HLS_skip=v2"][skip];
    match said {
        Said::Nothing => skip.to_owned(),
        Said::At(msn, None) => format!("_HLS_msn={msn}{skip}"),
        Said::At(msn, Some(part)) => format!("_HLS_msn={msn}&_HLS_part={part}{skip}"),
        Said::Malformed => format!("_HLS_msn={skip}"),
    }
}

fn canonical(route: &Route) -> String {
    match route {
        Route::Multivariant(name) => format!("/live/{name}/index.m3u8"),
        Route::Thumbnail(name) => format!("/live/{name}/thumb.mp4"),
        Route::Encoder(name) => format!("/live/{name}/encoder.json"),
        Route::Media { name, generation, track, file } => format!("/live/{name}/{generation}/{track}/{file}"),
    }
}

/// The canonical path of what `path` names, piece by piece.
fn plain_route(path: &str) -> Option<String> {
    let pieces: Vec<_> = path.split('/').collect();
    let ["", "live", names @ .., file] = &pieces[..] else { return None };
    let known = |names: &[&str]| (1..=4).contains(&names.len()) && names.iter().all(|name| plain_name(name));
    let named = |names: &[&str], file| known(names).then(|| format!("/live/{}/{file}", names.join("/")));
    match *file {
        "index.m3u8" | "master.m3u8" if !names.is_empty() => return named(names, "index.m3u8"),
        "thumb.mp4" | "encoder.json" => return named(names, file),
        _ => {}
    }
    if let [names @ .., generation, track] = names {
        let (kind, index) = track.split_at_checked(1).unwrap_or_default();
        let track = ["v", "a"].contains(&kind) && number(index, u8::MAX.into());
        let hex = |byte: u8| b"0123456789abcdef".contains(&byte);
        let generation = generation.len() == 12 && generation.bytes().all(hex);
        let numbered = |before: &str, after: &str, most| {
            file.strip_prefix(before)
                .and_then(|file| file.strip_suffix(after))
                .is_some_and(|n| number(n, most))
        };
        let file = *file == "media.m3u8"
            || *file == "iframe.m3u8" && kind == "v"
            || numbered("part-", ".m4s", u64::MAX)
            || numbered("seg-", ".m4s", u64::MAX)
            || numbered("init-", ".mp4", u32::MAX.into());
        if known(names) && generation && track && file {
            return Some(path.to_owned());
        }
    }
    let name = [names, &[file.strip_suffix(".m3u8")?]].concat();
    named(&name, "index.m3u8")
}

fn plain_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(legal)
}

/// A number up to `most` as it is printed.
fn number(text: &str, most: u64) -> bool {
    text.parse::<u64>().is_ok_and(|number| number <= most && number.to_string() == text)
}

fn plain_directives(query: &str) -> (Said, usize) {
    let (mut msn, mut part, mut skip) = (Vec::new(), Vec::new(), Vec::new());
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match &*decoded(name) {
            "_HLS_msn" => msn.push(decoded(value)),
            "_HLS_part" => part.push(decoded(value)),
            "_HLS_skip" if parameter.contains('=') => skip.push(decoded(value)),
            _ => {}
        }
    }
    let skip = match &skip[..] {
        [one] => ["", "YES", "v2"].iter().position(|word| one == word).unwrap_or(0),
        _ => 0,
    };
    let decimal = |text: &String| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    let said = match (&msn[..], &part[..]) {
        ([], []) => Said::Nothing,
        ([msn], []) => decimal(msn).map_or(Said::Malformed, |msn| Said::At(msn, None)),
        ([msn], [part]) => match (decimal(msn), decimal(part)) {
            (Some(msn), Some(part)) => Said::At(msn, Some(part)),
            _ => Said::Malformed,
        },
        _ => Said::Malformed,
    };
    (said, skip)
}

fn decoded(text: &str) -> String {
    let (mut out, mut left) = (Vec::new(), text.as_bytes());
    while let Some((first, rest)) = left.split_first() {
        let escape = rest.get(..2).filter(|hex| *first == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let escape = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(escape.unwrap_or(*first));
        left = if escape.is_some() { &rest[2..] } else { rest };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn answered(view: &View, request: Request, said: Said, skip: usize) {
    let told = answer(view, &request);
    let now = at_once(view, &request);
    assert!(!matches!(now, Answer::WaitFor(_)), "at once is at once");
    match request.file {
        File::Playlist => playlist(view, &told, said, skip),
        File::IFrames => playlist_without_parts(&told, said, view),
        File::Part(number) => {
            let part = view.part(number).filter(|part| !part.gap);
            media(&told, part.map(|part| part.body.runs().concat()), number == view.next_part && !view.ended);
        }
        File::Segment(msn) => {
            let segment = view.segment(msn).filter(|segment| !segment.is_gap());
            media(&told, segment.map(|segment| segment.body().runs().concat()), false);
        }
        File::Init(number) => media(&told, view.init(number).map(|bytes| bytes.to_vec()), false),
    }
}

fn media(told: &Answer, there: Option<Vec<u8>>, hinted: bool) {
    match (told, there) {
        (Answer::Ready(reply), Some(bytes)) => assert!(reply.body.runs().concat() == bytes),
        (Answer::WaitFor(_), None) => assert!(hinted, "what was not hinted is not waited for"),
        (Answer::Refuse(refusal), None) => assert_eq!((refusal.status(), hinted), (404, false)),
        (told, there) => panic!("{told:?}, and there is something: {}", there.is_some()),
    }
}

/// By the table, with L the last whole segment.
fn playlist(view: &View, told: &Answer, said: Said, skip: usize) {
    let open = view.next_msn;
    let listed = view.open.as_ref().map_or(0, |open| open.parts.len() as u64);
    let parts =
        |msn: u64| view.segments.iter().find(|one| one.head.msn == msn).map(|one| one.parts.len() as u64);
    let second = Duration::from_secs(1).as_nanos();
    let target = view.constants.part_target.unwrap_or_default().as_nanos().max(1);
    let longest = (u128::from(view.constants.target_duration) * second).div_ceil(target) as u64 + 1;
    let most = |listed: u64| longest.max(listed + (3 * second / target) as u64 - 1);
    let at = |msn: u64, part: Option<u64>| match (msn.checked_sub(open), part) {
        (None, _) => 200,
        (Some(0), Some(part)) if part < listed => 200,
        (Some(0), Some(part)) if part > most(listed) => 400,
        (Some(1), Some(part)) if part > most(0) => 400,
        (Some(0 | 1), _) => 0,
        (Some(_), _) => 400,
    };
    let expected = match said {
        _ if view.ended => 200,
        Said::Malformed => 400,
        Said::Nothing => 200,
        Said::At(msn, Some(part)) if parts(msn).is_some_and(|parts| part >= parts) => at(msn + 1, Some(0)),
        Said::At(msn, part) => at(msn, part),
    };
    assert_eq!(status(told), expected, "L + 1 is {open}, with {listed} parts");
    let Answer::Ready(reply) = told else { return };
    let text = String::from_utf8(reply.body.runs().concat()).expect("a playlist is text");
    let media = Media::parse(&text).expect("a playlist can be read");
    let whole = rillcast::hls::playlist(view);
    let skipped = media.skip.as_ref().map_or(0, |skip| skip.segments);
    assert_eq!(media.segments.len() as u64 + skipped, whole.segments.len() as u64);
    assert!(media.skip.is_none() || skip > 0 && !view.ended, "nobody asked for a delta update");
    assert!(media.skip.is_some() || media.render() == whole.render());
}

/// Of I-frames the segments alone count, which are whole.
fn playlist_without_parts(told: &Answer, said: Said, view: &View) {
    let expected = match said {
        _ if view.ended => 200,
        Said::Malformed => 400,
        Said::At(msn, _) if msn >= view.next_msn.saturating_add(2) => 400,
        Said::At(msn, _) if msn >= view.next_msn => 0,
        Said::At(..) | Said::Nothing => 200,
    };
    assert_eq!(status(told), expected);
}

/// 0 for a wait.
fn status(told: &Answer) -> u16 {
    match told {
        Answer::Ready(_) => 200,
        Answer::WaitFor(_) => 0,
        Answer::Refuse(refusal) => refusal.status(),
    }
}

/// Every path and every directive once.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let paths = [
        "index.m3u8",
        "master.m3u8",
        "thumb.mp4",
        "encoder.json",
        "a/b.m3u8",
        "x.ts",
        "a.flv",
        "a/b/c/d.mp4",
    ];
    let files = ["media.m3u8", "iframe.m3u8", "init-0.mp4", "part-21.m4s", "part-3.m4s", "seg-3.m4s"];
    let queries = [
        "_HLS_msn=4",
        "_HLS_msn=5&_HLS_part=1",
        "_HLS_msn=6&_HLS_part=9&_HLS_skip=YES",
        "_HLS_skip=v2&utm=1",
        "%5fHLS_msn=%37&_HLS_part=0",
        "_HLS_part=1",
        "_HLS_msn=3&_HLS_part=7",
        "_HLS_msn=18446744073709551615",
    ];
    let named = paths.map(|path| format!("/live/main/{path}"));
    let filed = files.map(|file| format!("/live/main/0123456789ab/v0/{file}"));
    let asked = queries.map(|query| format!("/live/main/0123456789ab/v0/media.m3u8?{query}"));
    named.into_iter().chain(filed).chain(asked).map(String::into_bytes).collect()
}
