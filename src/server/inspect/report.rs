//! The report of an inspection, for people and for programs.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::account::{Account, Broken, Playlist};
use super::address::Address;
use crate::lint::{Position, Rule, Severity};

/// Bad transitions that are shown to people; programs get all that were kept.
const SHOWN: usize = 20;

/// For people.
pub(super) fn text(account: &Account, url: &Address, took: Duration, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{url}, {:.1} s\n", took.as_secs_f64())?;
    let widest = account.playlists.keys().map(String::len).max().unwrap_or(8).max(8);
    writeln!(
        out,
        "{:widest$}  states  parts  {:>17}  {:>17}  {:>17}",
        "playlist", "cadence p50/p99", "latency p50/p99", "Mbit/s of declared"
    )?;
    for (name, playlist) in &account.playlists {
        let spread = |series: Option<(i64, i64)>| {
            series.map_or_else(|| "-".to_owned(), |(p50, p99)| format!("{}/{} s", seconds(p50), seconds(p99)))
        };
        writeln!(
            out,
            "{name:widest$}  {:>6}  {:>5}  {:>17}  {:>17}  {:>17}",
            playlist.states,
            playlist.parts,
            spread(playlist.cadence.spread()),
            spread(playlist.latency.spread()),
            rates(playlist),
        )?;
    }
    for severity in [Severity::Error, Severity::Warning] {
        if account.of(severity).next().is_some() {
            writeln!(out, "\n{severity}s")?;
        }
        for (rule, broken) in account.of(severity) {
            writeln!(out, "  {} ({}), {} times: {}", rule.id(), rule.source(), broken.times, rule.what())?;
            for (place, finding) in &broken.examples {
                let at = finding.place.to_string();
                let at = if at.is_empty() { at } else { format!(", {at}") };
                writeln!(out, "    {place}{at}: {}; expected {}", finding.measured, finding.expected)?;
            }
        }
    }
    let bad = account.transitions.iter().filter(|t| t.broken.iter().any(|r| r.severity() == Severity::Error));
    let bad: Vec<_> = bad.take(SHOWN).collect();
    if !bad.is_empty() {
        writeln!(out, "\ntransitions that broke a rule")?;
    }
    for t in bad {
        let rules: Vec<&str> = t.broken.iter().map(|rule| rule.id()).collect();
        let (at, from, to) = (t.at.as_secs_f64(), shown(t.from), shown(t.to));
        writeln!(out, "  {at:>7.2} s  {}  {from} -> {to}: {}", t.playlist, rules.join(", "))?;
    }
    let (seen, broken) = account.seen;
    let (errors, warnings) = (account.of(Severity::Error).count(), account.of(Severity::Warning).count());
    writeln!(out, "\n{seen} transitions, {broken} of them bad; {errors} errors, {warnings} warnings")
}

fn shown(position: Position) -> String {
    format!("{}.{}", position.msn, position.parts)
}

/// Milliseconds as seconds.
fn seconds(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:02}", millis / 1_000, millis % 1_000 / 10)
}

fn rates(playlist: &Playlist) -> String {
    let mega = |bits: u64| format!("{}.{:02}", bits / 1_000_000, bits % 1_000_000 / 10_000);
    match (playlist.bits.0, playlist.declared) {
        (Some(peak), Some((declared, _))) => format!("{} of {}", mega(peak), mega(declared)),
        (Some(peak), None) => mega(peak),
        (None, _) => "-".to_owned(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    url: String,
    seconds: f64,
    errors: usize,
    warnings: usize,
    rules: Vec<RuleEntry<'a>>,
    playlists: Vec<PlaylistEntry<'a>>,
    transitions: TransitionsEntry<'a>,
}

#[derive(Serialize)]
struct RuleEntry<'a> {
    rule: &'static str,
    severity: String,
    source: &'static str,
    what: &'static str,
    times: u64,
    examples: Vec<ExampleEntry<'a>>,
}

#[derive(Serialize)]
struct ExampleEntry<'a> {
    playlist: &'a str,
    line: Option<usize>,
    msn: Option<u64>,
    part: Option<usize>,
    measured: &'a str,
    expected: &'a str,
}

#[derive(Serialize)]
struct PlaylistEntry<'a> {
    playlist: &'a str,
    states: u64,
    parts: u64,
    part_target_micros: Option<u64>,
    cadence_millis: Option<Spread>,
    latency_millis: Option<Spread>,
    peak_bits_per_second: Option<u64>,
    average_bits_per_second: Option<u64>,
    declared_bandwidth: Option<u64>,
    declared_average_bandwidth: Option<u64>,
}

#[derive(Serialize)]
struct Spread {
    p50: i64,
    p99: i64,
}

#[derive(Serialize)]
struct TransitionsEntry<'a> {
    seen: u64,
    bad: u64,
    listed: Vec<TransitionEntry<'a>>,
}

#[derive(Serialize)]
struct TransitionEntry<'a> {
    playlist: &'a str,
    at_seconds: f64,
    from: [u64; 2],
    to: [u64; 2],
    verdict: &'static str,
    rules: Vec<&'static str>,
}

/// For programs: one JSON object.
pub(super) fn json(account: &Account, url: &Address, took: Duration, out: &mut impl Write) -> io::Result<()> {
    let rules = account.of(Severity::Error).chain(account.of(Severity::Warning));
    let document = Document {
        url: url.to_string(),
        seconds: took.as_secs_f64(),
        errors: account.of(Severity::Error).count(),
        warnings: account.of(Severity::Warning).count(),
        rules: rules.map(|(rule, broken)| rule_entry(rule, broken)).collect(),
        playlists: account.playlists.iter().map(|(name, playlist)| playlist_entry(name, playlist)).collect(),
        transitions: transitions(account),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn rule_entry(rule: Rule, broken: &Broken) -> RuleEntry<'_> {
    RuleEntry {
        rule: rule.id(),
        severity: rule.severity().to_string(),
        source: rule.source(),
        what: rule.what(),
        times: broken.times,
        examples: broken
            .examples
            .iter()
            .map(|(place, finding)| ExampleEntry {
                playlist: place,
                line: finding.place.line,
                msn: finding.place.msn,
                part: finding.place.part,
                measured: &finding.measured,
                expected: &finding.expected,
            })
            .collect(),
    }
}

fn playlist_entry<'a>(name: &'a str, playlist: &Playlist) -> PlaylistEntry<'a> {
    let spread = |series: Option<(i64, i64)>| series.map(|(p50, p99)| Spread { p50, p99 });
    PlaylistEntry {
        playlist: name,
        states: playlist.states,
        parts: playlist.parts,
        part_target_micros: playlist.part_target,
        cadence_millis: spread(playlist.cadence.spread()),
        latency_millis: spread(playlist.latency.spread()),
        peak_bits_per_second: playlist.bits.0,
        average_bits_per_second: playlist.bits.1,
        declared_bandwidth: playlist.declared.map(|(peak, _)| peak),
        declared_average_bandwidth: playlist.declared.and_then(|(_, average)| average),
    }
}

fn transitions(account: &Account) -> TransitionsEntry<'_> {
    let verdict = |broken: &[Rule]| match broken.iter().map(|rule| rule.severity()).max() {
        None => "good",
        Some(Severity::Warning) => "warning",
        Some(Severity::Error) => "error",
    };
    TransitionsEntry {
        seen: account.seen.0,
        bad: account.seen.1,
        listed: account
            .transitions
            .iter()
            .map(|t| TransitionEntry {
                playlist: &t.playlist,
                at_seconds: t.at.as_secs_f64(),
                from: [t.from.msn, t.from.parts],
                to: [t.to.msn, t.to.parts],
                verdict: verdict(&t.broken),
                rules: t.broken.iter().map(|rule| rule.id()).collect(),
            })
            .collect(),
    }
}
