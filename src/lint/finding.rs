//! Finding: one rule broken once: where, what was measured, what was expected.

use std::fmt;

use super::rule::Rule;

/// How bad it is that a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Against a recommendation, or against what players have been seen to need.
    Warning,
    /// Against a requirement: a strict player may give up.
    Error,
}

/// Where in a playlist something stands; whatever of it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Line of the text, from 1.
    pub line: Option<usize>,
    /// Media sequence number.
    pub msn: Option<u64>,
    /// Index of the part in its segment, from 0.
    pub part: Option<usize>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// Where.
    pub place: Place,
    /// What is there; text of a peer in it is cut and has no control characters.
    pub measured: String,
    /// What should be there.
    pub expected: String,
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lead = "";
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            lead = ", ";
        }
        if let Some(msn) = self.msn {
            write!(f, "{lead}segment {msn}")?;
            lead = ", ";
        }
        if let Some(part) = self.part {
            write!(f, "{lead}part {part}")?;
        }
        Ok(())
    }
}

/// `error part-over-target (§4.4.4.9) at line 12, segment 7, part 1: 0.52 s; expected at most 0.51 s`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.severity(), self.rule.id(), self.rule.source())?;
        if self.place != Place::default() {
            write!(f, " at {}", self.place)?;
        }
        write!(f, ": {}; expected {}", self.measured, self.expected)
    }
}

impl Place {
    /// Nowhere in particular: the playlist as a whole.
    pub const WHOLE: Self = Self { line: None, msn: None, part: None };

    /// A line.
    pub(super) fn line(line: usize) -> Self {
        Self { line: Some(line), ..Self::WHOLE }
    }

    /// A segment.
    pub(super) fn msn(msn: u64) -> Self {
        Self { msn: Some(msn), ..Self::WHOLE }
    }

    /// A part of a segment.
    pub(super) fn part(msn: u64, part: usize) -> Self {
        Self { msn: Some(msn), part: Some(part), ..Self::WHOLE }
    }

    /// The same, in a line.
    pub(super) fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

/// Where rules leave what they find. Bounded: what a peer sends decides how much there is to find.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    const MOST: usize = 256;
    const LONGEST: usize = 120;

    pub(super) fn add(
        &mut self,
        rule: Rule,
        place: Place,
        measured: impl fmt::Display,
        expected: impl fmt::Display,
    ) {
        if self.0.len() < Self::MOST {
            let (measured, expected) = (clean(&measured.to_string()), clean(&expected.to_string()));
            self.0.push(Finding { rule, place, measured, expected });
        }
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

/// What may stand in a log or on a terminal, whoever wrote it.
fn clean(text: &str) -> String {
    let mut out: String =
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(Findings::LONGEST).collect();
    if out.len() < text.len() && text.chars().nth(Findings::LONGEST).is_some() {
        out.push('\u{2026}');
    }
    out
}
