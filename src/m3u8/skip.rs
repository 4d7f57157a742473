//! EXT-X-SKIP: the tag that makes a playlist a delta update.

use std::fmt;

use super::attributes::Attributes;
use super::parse::integer;

/// EXT-X-SKIP (§4.4.5.2): what makes a playlist a delta update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skip {
    /// SKIPPED-SEGMENTS: how many segments it stands for, at least one, from EXT-X-MEDIA-SEQUENCE on.
    pub segments: u64,
    /// RECENTLY-REMOVED-DATERANGES: the ids of date ranges that left the playlist lately. `None` in an
    /// update that skips no date ranges.
    pub removed_date_ranges: Option<Vec<String>>,
}

impl Skip {
    /// Reads the attribute list.
    pub(super) fn parse(list: &str) -> Option<Self> {
        let (mut segments, mut removed) = (None, None);
        let mut attributes = Attributes::new(list);
        for attribute in attributes.by_ref() {
            match attribute.name {
                "SKIPPED-SEGMENTS" => segments = Some(integer(attribute.value)?),
                // A quoted string, or it is something else of the same name.
                "RECENTLY-REMOVED-DATERANGES" if attribute.quoted => {
                    let ids = attribute.value.split('\t').filter(|id| !id.is_empty());
                    removed = Some(ids.map(str::to_owned).collect());
                }
                _ => {}
            }
        }
        attributes.finish()?;
        Some(Self { segments: segments?, removed_date_ranges: removed })
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}", self.segments)?;
        match &self.removed_date_ranges {
            Some(ids) => writeln!(f, ",RECENTLY-REMOVED-DATERANGES=\"{}\"", ids.join("\t")),
            None => writeln!(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_stand_without_quotes_are_none() {
        for list in ["SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\ta", "SKIPPED-SEGMENTS=3"] {
            let skip = Skip::parse(list).unwrap();
            assert_eq!(skip.removed_date_ranges, None, "{list}");
        }
        let quotes = "SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\ta\"b\"";
        assert_eq!(Skip::parse(quotes), None, "quotes stand around a value or nowhere");
    }
}
