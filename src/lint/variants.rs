//! What a variant says of its media, held to the init section and the frames.

use super::finding::{Finding, Findings, Place};
use super::measure::Init;
use super::multivariant::Stream;
use super::rule::Rule;

/// Holds CODECS, RESOLUTION and FRAME-RATE to the init section of a rendition that the variant plays.
/// `milli_rate` is the measured frame rate in thousandths, of video; `own` tells whether it is the variant's
/// own playlist, rather than one of a group.
pub fn variant(stream: &Stream, init: &Init, own: bool, milli_rate: Option<u64>) -> Vec<Finding> {
    let mut findings = Findings::default();
    codecs(stream, init, &mut findings);
    if let (Some((width, height)), true) = (stream.resolution, own) {
        let size = init.size.map(|(width, height)| (u64::from(width), u64::from(height)));
        // Half a pixel may be rounded either way.
        if let Some((w, h)) = size.filter(|(w, h)| *h != height || w.abs_diff(width) > 1) {
            let expected = format_args!("RESOLUTION is {width}x{height}");
            findings.add(Rule::ResolutionUntrue, Place::WHOLE, format_args!("{w}x{h}"), expected);
        }
    }
    if let (Some(declared), Some(measured), true) = (stream.milli_rate, milli_rate, own) {
        // A stream drops frames and clocks differ: five in a hundred is another rate.
        if measured.abs_diff(declared).saturating_mul(20) > declared {
            let rate = |milli: u64| format!("{}.{:03}", milli / 1_000, milli % 1_000);
            let expected = format!("FRAME-RATE is {}", rate(declared));
            findings.add(Rule::FrameRateUntrue, Place::WHOLE, rate(measured), expected);
        }
    }
    findings.into_vec()
}

fn codecs(stream: &Stream, init: &Init, findings: &mut Findings) {
    if init.codec.is_empty() || stream.codecs.is_empty() {
        return;
    }
    let entry = |codec: &str| codec.split('.').next().unwrap_or("").to_ascii_lowercase();
    let (is, listed) = (entry(&init.codec), stream.codecs.join(","));
    let mut same = stream.codecs.iter().filter(|codec| entry(codec) == is).peekable();
    if same.peek().is_none() {
        findings.add(Rule::CodecsIncomplete, Place::WHOLE, &init.codec, format_args!("CODECS is {listed}"));
    } else if init.codec.contains('.') && !same.any(|codec| codec.eq_ignore_ascii_case(&init.codec)) {
        findings.add(Rule::CodecsUntrue, Place::WHOLE, &init.codec, format_args!("CODECS is {listed}"));
    }
}
