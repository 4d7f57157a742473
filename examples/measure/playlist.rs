//! Playlist: the little that a follower of a live playlist must read from it.

/// What comes next in a media playlist.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Next {
    /// Sequence number of the segment that is open.
    pub(crate) msn: u64,
    /// How many of its parts are listed.
    pub(crate) part: u64,
    /// The last part listed.
    pub(crate) last: Option<String>,
    /// The part that is hinted.
    pub(crate) hint: Option<String>,
    /// Whether any media is listed.
    pub(crate) playable: bool,
    /// Whether nothing more will come.
    pub(crate) ended: bool,
}

impl Next {
    /// Reads a media playlist.
    pub(crate) fn read(text: &str) -> Self {
        let mut next = Self::default();
        for line in text.lines() {
            if let Some(number) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
                next.msn = number.trim().parse().unwrap_or(0);
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-PART:") {
                next.part += 1;
                next.last = uri(attributes);
                next.playable = true;
            } else if line.starts_with("#EXTINF:") {
                next.msn += 1;
                next.part = 0;
                next.playable = true;
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-PRELOAD-HINT:") {
                next.hint = uri(attributes);
            } else if line == "#EXT-X-ENDLIST" {
                next.ended = true;
            }
        }
        next
    }

    /// The query of a reload that is answered when the next part is there.
    pub(crate) fn query(&self) -> String {
        format!("_HLS_msn={}&_HLS_part={}", self.msn, self.part)
    }
}

/// The first variant of a multivariant playlist.
pub(crate) fn first_variant(text: &str) -> Option<&str> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("#EXT-X-STREAM-INF:")).skip(1);
    lines.find(|line| !line.starts_with('#') && !line.is_empty())
}

fn uri(attributes: &str) -> Option<String> {
    let (_, rest) = attributes.split_once("URI=\"")?;
    rest.split_once('"').map(|(uri, _)| uri.to_owned())
}
