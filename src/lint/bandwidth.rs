//! Bit rates: measured over whole segments as §4.1 has it, and held to what was declared.

use std::collections::BTreeMap;

use super::finding::{Finding, Findings, Place};
use super::multivariant::Stream;
use super::rule::Rule;

/// What was fetched of one rendition: bytes and microseconds of each segment, by its number.
#[derive(Debug, Clone, Default)]
pub struct Bits(BTreeMap<u64, (u64, u64)>);

impl Bits {
    /// How many segments are remembered.
    const MOST: usize = 4_096;

    /// A segment was fetched whole.
    pub fn segment(&mut self, msn: u64, bytes: u64, micros: u64) {
        if micros > 0 {
            self.0.insert(msn, (bytes, micros));
        }
        if self.0.len() > Self::MOST {
            self.0.pop_first();
        }
    }

    /// Bits a second over everything; `None` before the first segment.
    pub fn average(&self) -> Option<u64> {
        let sum = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.saturating_add(c), b.saturating_add(d));
        let (bytes, micros) = self.0.values().copied().fold((0, 0), sum);
        rate(bytes, micros)
    }

    /// Peak segment bit rate: the largest over any run of segments that lasts from half a target duration to
    /// one and a half (§4.1).
    pub fn peak(&self, target: u64) -> Option<u64> {
        let target = target.saturating_mul(1_000_000);
        let (least, most) = (target / 2, target.saturating_add(target / 2));
        let all: Vec<(u64, u64, u64)> = self.0.iter().map(|(msn, (b, m))| (*msn, *b, *m)).collect();
        let mut peak = None;
        for (index, (first, ..)) in all.iter().enumerate() {
            let (mut bytes, mut micros, mut due) = (0_u64, 0_u64, *first);
            for (msn, more, longer) in all.get(index..).unwrap_or_default() {
                bytes = bytes.saturating_add(*more);
                micros = micros.saturating_add(*longer);
                if *msn != due || micros > most {
                    break;
                }
                due = due.saturating_add(1);
                if micros >= least {
                    peak = peak.max(rate(bytes, micros));
                }
            }
        }
        peak
    }
}

fn rate(bytes: u64, micros: u64) -> Option<u64> {
    let bits = u128::from(bytes).saturating_mul(8_000_000).checked_div(u128::from(micros))?;
    u64::try_from(bits).ok()
}

/// Holds a variant's BANDWIDTH and AVERAGE-BANDWIDTH to what its renditions were measured at: `peak` and
/// `average` are sums over the renditions that it plays together.
pub fn bandwidth(stream: &Stream, peak: Option<u64>, average: Option<u64>) -> Vec<Finding> {
    let mut findings = Findings::default();
    let percent = |value: u64, of: u64| value.saturating_mul(of) / 100;
    if let Some(peak) = peak {
        let expected = format_args!("BANDWIDTH is {}", stream.bandwidth);
        if peak > percent(stream.bandwidth, 125) {
            findings.add(Rule::BandwidthUnderstated, Place::WHOLE, format_args!("{peak} at peak"), expected);
        } else if peak > stream.bandwidth {
            findings.add(Rule::BandwidthTight, Place::WHOLE, format_args!("{peak} at peak"), expected);
        }
    }
    if let (Some(average), Some(declared)) = (average, stream.average)
        && average > percent(declared, 110)
    {
        let expected = format_args!("AVERAGE-BANDWIDTH is {declared}");
        findings.add(Rule::AverageUnderstated, Place::WHOLE, format_args!("{average} on average"), expected);
    }
    findings.into_vec()
}
