//! What a follower reads from a playlist.

use std::time::Duration;

/// A media playlist, as far as it matters to who follows it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Playlist {
    /// EXT-X-MEDIA-SEQUENCE.
    pub(crate) first: u64,
    /// The segment that is open, and how many of its parts are listed.
    pub(crate) msn: u64,
    pub(crate) part: u64,
    /// EXT-X-TARGETDURATION and PART-TARGET.
    pub(crate) target: Duration,
    pub(crate) part_target: Duration,
    /// Parts, oldest first; gaps have none.
    pub(crate) parts: Vec<String>,
    /// The last whole segment that is none of gaps.
    pub(crate) segment: Option<String>,
    /// The last init section.
    pub(crate) init: Option<String>,
    /// Whether nothing more will come.
    pub(crate) ended: bool,
}

impl Playlist {
    /// Reads one; what is not understood is passed over.
    pub(crate) fn read(text: &str) -> Self {
        let (mut read, mut gap) = (Self::default(), false);
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-MEDIA-SEQUENCE" => {
                    read.first = value.parse().unwrap_or(0);
                    read.msn = read.first;
                }
                // Of those that a delta update leaves out.
                "#EXT-X-SKIP" => read.msn += attribute(value, "SKIPPED-SEGMENTS").parse().unwrap_or(0),
                "#EXT-X-TARGETDURATION" => read.target = seconds(value),
                "#EXT-X-PART-INF" => read.part_target = seconds(attribute(value, "PART-TARGET")),
                "#EXT-X-MAP" => read.init = Some(attribute(value, "URI").to_owned()),
                "#EXT-X-PART" => {
                    read.part += 1;
                    if attribute(value, "GAP") != "YES" {
                        read.parts.push(attribute(value, "URI").to_owned());
                    }
                }
                "#EXT-X-GAP" => gap = true,
                "#EXTINF" => (read.msn, read.part) = (read.msn + 1, 0),
                "#EXT-X-ENDLIST" => read.ended = true,
                _ if !line.starts_with('#') && !line.is_empty() => {
                    if !gap {
                        read.segment = Some(line.to_owned());
                    }
                    gap = false;
                }
                _ => {}
            }
        }
        read
    }

    /// The query of a reload that is answered when something new is there.
    pub(crate) fn query(&self) -> String {
        format!("_HLS_msn={}&_HLS_part={}", self.msn, self.part)
    }
}

/// The media playlists of a multivariant playlist: the first variant's, and the sound's where it is apart.
pub(crate) fn renditions(text: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("#EXT-X-STREAM-INF:")).skip(1);
    let variant = lines.find(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned);
    let sound = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA:TYPE=AUDIO,"));
    let sound = sound.map(|line| attribute(line, "URI").to_owned()).filter(|uri| !uri.is_empty());
    variant.into_iter().chain(sound).collect()
}

/// The value of an attribute; empty where there is none.
fn attribute<'a>(list: &'a str, name: &str) -> &'a str {
    let found = list.match_indices(name).find_map(|(at, _)| {
        let alone = at == 0 || list.as_bytes().get(at - 1) == Some(&b',');
        let rest = list.get(at + name.len()..)?.strip_prefix('=')?;
        alone.then_some(rest)
    });
    match found.map(|rest| (rest, rest.strip_prefix('"'))) {
        Some((_, Some(quoted))) => quoted.split('"').next().unwrap_or(""),
        Some((rest, None)) => rest.split(',').next().unwrap_or(""),
        None => "",
    }
}

fn seconds(text: &str) -> Duration {
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_with_gaps_and_a_skip_is_read() {
        let read = Playlist::read(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.495\n#EXT-X-MEDIA-SEQUENCE:7\n\
             #EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXT-X-MAP:URI=\"init-1.mp4\"\n#EXTINF:1.2,\nseg-10.m4s\n\
             #EXT-X-PART:DURATION=0.4,GAP=YES,URI=\"part-30.m4s\"\n#EXT-X-GAP\n#EXTINF:0.4,\nseg-11.m4s\n\
             #EXT-X-PART:DURATION=0.4,URI=\"part-31.m4s\",INDEPENDENT=YES\n",
        );
        assert_eq!((read.first, read.msn, read.part), (7, 12, 1));
        assert_eq!(read.parts, ["part-31.m4s"]);
        assert_eq!(read.segment.as_deref(), Some("seg-10.m4s"));
        assert_eq!(read.init.as_deref(), Some("init-1.mp4"));
        assert_eq!((read.target, read.part_target), (Duration::from_secs(2), Duration::from_millis(495)));
        assert_eq!(read.query(), "_HLS_msn=12&_HLS_part=1");
    }

    #[test]
    fn renditions_are_the_first_variant_and_its_sound() {
        let text = "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"/a0.m3u8\",GROUP-ID=\"g\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/v0.m3u8\n";
        assert_eq!(renditions(text), ["/v0.m3u8", "/a0.m3u8"]);
    }
}
