//! Attribute lists (§4.2): `NAME=VALUE,NAME="VALUE"`, read without copying.

/// The attributes of one tag. Ends at the first fault; [`Attributes::finish`] tells whether there was one.
pub(super) struct Attributes<'a> {
    rest: Option<&'a str>,
    fault: bool,
}

/// One attribute: its name, its value, and whether the value stood in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) quoted: bool,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(list: &'a str) -> Self {
        Self { rest: Some(list), fault: false }
    }

    fn one(list: &'a str) -> Option<(Attribute<'a>, Option<&'a str>)> {
        let (name, after) = list.split_once('=')?;
        let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || !name.bytes().all(legal) {
            return None;
        }
        let (value, quoted, rest) = match after.strip_prefix('"') {
            Some(after) => {
                let (value, rest) = after.split_once('"')?;
                // Only the end or a comma may follow the closing quote.
                let rest = if rest.is_empty() { None } else { Some(rest.strip_prefix(',')?) };
                (value, true, rest)
            }
            None => {
                let (value, rest) =
                    after.split_once(',').map_or((after, None), |(value, rest)| (value, Some(rest)));
                // Whatever stands without quotes holds none (§4.2): printed in quotes it could not be read again.
                if value.contains('"') {
                    return None;
                }
                (value, false, rest)
            }
        };
        Some((Attribute { name, value, quoted }, rest))
    }

    /// Whether the whole list was well formed; call it when the iterator has ended.
    pub(super) fn finish(self) -> Option<()> {
        (!self.fault).then_some(())
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let Some((attribute, rest)) = Self::one(self.rest.take()?) else {
            self.fault = true;
            return None;
        };
        self.rest = rest;
        Some(attribute)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    fn read(list: &str) -> (Vec<(&str, &str, bool)>, bool) {
        let mut attributes = Attributes::new(list);
        let all = attributes.by_ref().map(|a| (a.name, a.value, a.quoted)).collect();
        (all, attributes.finish().is_some())
    }

    #[test]
    fn quoted_values_may_hold_commas_and_equals_signs() {
        let (all, good) = read("CODECS=\"avc1.64001f,mp4a.40.2\",URI=\"a?b=c\",X=1");
        let want = [("CODECS", "avc1.64001f,mp4a.40.2", true), ("URI", "a?b=c", true), ("X", "1", false)];
        assert_eq!(all, want);
        assert!(good);
    }

    #[test]
    fn a_broken_list_says_so() {
        for list in ["", "A", "=1", "a=1", "A=\"x", "A=\"x\"y", "A=1,", "A=1,,B=2", "A=x\"", "A=x\"y\",B=2"] {
            assert!(!read(list).1, "{list:?}");
        }
    }
}
