//! Report: what a run came to: a table for people, one line for machines, and whether it passed.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::Options;
use super::book::{Book, Pages};
use super::fit::{Slope, slope};
use super::vitals::Look;

const MIB: f64 = 1024.0 * 1024.0;
/// Memory may grow by so much in an hour, and no more for certain.
const GROWTH: f64 = 2.0;
/// How many errors of a slope it may be off by chance.
const SURE: f64 = 2.0;
/// What is left out of the fit, of the run or at least: windows fill up, and whatever is made once is made.
const WARM: (f64, Duration) = (0.2, Duration::from_secs(120));
/// Seconds that are needed for a fit: what a shorter one says is noise.
const ENOUGH: usize = 300;
/// An allocator keeps what it once had: afterwards the process may be as large as while it warmed up, and a little more.
const KEPT: u64 = 4 * 1024 * 1024;
/// Series of metrics that counters of what happened may add, each once.
const SERIES: u64 = 120;
/// A part may be so many PART-TARGETs after the one before, in 99 of 100.
const CADENCE: f64 = 1.5;
/// And later by as much as this machine was, which counts up to so many seconds.
const MACHINE: f64 = 0.25;

/// What was measured besides the book.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) before: Look,
    pub(crate) looks: Vec<Look>,
    pub(crate) after: Look,
    /// How long the load went on, and how long it took until all was given back.
    pub(crate) time: Duration,
    pub(crate) took: Duration,
    /// How late this machine was at worst, and how often by more than 100 ms.
    pub(crate) lateness: (Duration, u64),
    /// Lines that the server logged.
    pub(crate) lines: u64,
    /// PART-TARGET.
    pub(crate) part: Duration,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Report {
    text: String,
    line: Value,
    passed: bool,
}

/// What was taken and is not given back.
pub(crate) fn leftovers(before: &Look, looks: &[Look], after: &Look) -> Vec<String> {
    let from = warm(looks);
    let warm = looks.iter().filter(|look| look.at <= from).map(|look| look.resident).max();
    let most = [
        ("bytes of memory", warm.unwrap_or(before.resident) + KEPT, after.resident),
        ("file descriptors", before.descriptors, after.descriptors),
        ("tasks", before.tasks, after.tasks),
        ("series", before.series + SERIES, after.series),
        ("series that name a stream", before.named, after.named),
    ];
    let over = most.iter().filter(|(_, most, is)| is > most);
    over.map(|(what, most, is)| format!("{is} {what}, at most {most}")).collect()
}

impl Report {
    /// Judges what is in the book, and what was measured.
    pub(crate) fn new(options: Options, book: &Book, shape: Shape) -> Self {
        for what in leftovers(&shape.before, &shape.looks, &shape.after) {
            book.breach("not given back", what);
        }
        let growth = growth(&shape.looks, |look| look.resident as f64 / MIB);
        if let Some(growth) = growth
            && growth.value - SURE * growth.error > GROWTH
        {
            book.breach("memory grows", format!("{:.1} ± {:.1} MiB/h", growth.value, growth.error));
        }
        let most = latest(&shape);
        let mut pages = std::mem::take(&mut *book.pages());
        let cadence = quantiles(&mut pages.calm_gaps);
        if cadence.p99 > most {
            pages
                .breaches
                .insert("parts are late", (1, vec![format!("p99 {:.3} s, at most {most:.3}", cadence.p99)]));
        }
        Self::told(&options, &shape, &mut pages, growth, cadence)
    }

    fn told(
        options: &Options,
        shape: &Shape,
        pages: &mut Pages,
        growth: Option<Slope>,
        cadence: Quantiles,
    ) -> Self {
        let (troubled, holds) = (quantiles(&mut pages.troubled_gaps), quantiles(&mut pages.holds));
        let passed = pages.breaches.is_empty();
        let kinds = pages.breaches.iter().map(|(kind, (count, _))| ((*kind).to_owned(), json!(count)));
        let busy = shape.looks.last().map_or(Duration::ZERO, |last| last.busy);
        let busy = busy.saturating_sub(shape.before.busy).as_secs_f64() / shape.time.as_secs_f64() * 100.0;
        let line = json!({
            "passed": passed, "seed": options.seed, "seconds": shape.time.as_secs(),
            "publishers": options.publishers, "sessions_per_second": options.sessions,
            "faults": pages.faults.len(), "breaches": kinds.collect::<serde_json::Map<_, _>>(),
            "rss_mib": {"before": shape.before.resident as f64 / MIB, "peak": peak(shape, |look| look.resident) / MIB,
                "after": shape.after.resident as f64 / MIB},
            "rss_slope_mib_per_hour": growth.map(|growth| growth.value),
            "rss_slope_error": growth.map(|growth| growth.error),
            "descriptors": {"before": shape.before.descriptors, "peak": peak(shape, |look| look.descriptors),
                "after": shape.after.descriptors},
            "tasks": {"before": shape.before.tasks, "peak": peak(shape, |look| look.tasks), "after": shape.after.tasks},
            "series": {"before": shape.before.series, "peak": peak(shape, |look| look.series), "after": shape.after.series},
            "rested_seconds": shape.took.as_secs_f64(), "cpu_percent": busy,
            "gap_seconds": cadence.json(), "gap_disturbed_seconds": troubled.json(), "hold_seconds": holds.json(),
            "machine_late_seconds": shape.lateness.0.as_secs_f64(), "machine_late_times": shape.lateness.1,
            "counts": pages.counts,
        });
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write_table(&mut text, options, shape, pages, growth, (cadence, troubled, holds), busy);
        Self { text, line, passed }
    }

    /// Whether nothing was amiss.
    pub(crate) fn passed(&self) -> bool {
        self.passed
    }

    /// The table, and the line.
    pub(crate) fn text(&self) -> String {
        format!("{}{}\n", self.text, self.line)
    }
}

fn write_table(
    out: &mut String,
    options: &Options,
    shape: &Shape,
    pages: &Pages,
    growth: Option<Slope>,
    (cadence, troubled, holds): (Quantiles, Quantiles, Quantiles),
    busy: f64,
) -> std::fmt::Result {
    let (before, after) = (&shape.before, &shape.after);
    writeln!(out, "\nfaults")?;
    for (at, what) in &pages.faults {
        writeln!(out, "  {:6.0} s  {what}", at.as_secs_f64())?;
    }
    writeln!(out, "counts")?;
    for (what, count) in &pages.counts {
        writeln!(out, "  {count:10}  {what}")?;
    }
    writeln!(out, "{:28}{:>10}{:>10}{:>10}", "", "before", "peak", "after")?;
    let mut row = |what: &str, before: f64, peak: f64, after: f64| {
        writeln!(out, "{what:28}{before:10.1}{peak:10.1}{after:10.1}")
    };
    let mib = |bytes: u64| bytes as f64 / MIB;
    row("memory, MiB", mib(before.resident), peak(shape, |look| look.resident) / MIB, mib(after.resident))?;
    let whole = |of: fn(&Look) -> u64| (of(before) as f64, peak(shape, of), of(after) as f64);
    for (what, (before, peak, after)) in [
        ("file descriptors", whole(|look| look.descriptors)),
        ("tasks", whole(|look| look.tasks)),
        ("series of metrics", whole(|look| look.series)),
        ("series that name a stream", whole(|look| look.named)),
    ] {
        row(what, before, peak, after)?;
    }
    writeln!(
        out,
        "given back after {:.0} s; the server used {busy:.0} % of a core",
        shape.took.as_secs_f64()
    )?;
    match growth {
        Some(Slope { value, error }) => writeln!(
            out,
            "memory grows by {value:.1} ± {error:.1} MiB/h; passes while {:.1} is at most {GROWTH:.1}",
            value - SURE * error
        )?,
        None => writeln!(out, "too short to fit a line to memory")?,
    }
    writeln!(out, "from part to part            {cadence}; p99 passes up to {:.3} s", latest(shape))?;
    writeln!(out, "the same, disturbed          {troubled}")?;
    writeln!(out, "held requests                {holds}")?;
    let (late, times) = shape.lateness;
    writeln!(out, "this machine was late by up to {late:.1?}, by more than 100 ms {times} times")?;
    writeln!(out, "the server logged {} lines", shape.lines)?;
    for (kind, (count, told)) in &pages.breaches {
        writeln!(out, "BREACH, {count} times: {kind}")?;
        told.iter().try_for_each(|text| writeln!(out, "    {text}"))?;
    }
    let passed = if pages.breaches.is_empty() { "passed" } else { "failed" };
    writeln!(out, "{passed}; again: tests/soak {}", options.flags())
}

/// When it had warmed up.
fn warm(looks: &[Look]) -> Duration {
    looks.last().map_or(WARM.1, |last| last.at.mul_f64(WARM.0).max(WARM.1))
}

/// How fast something grows, an hour, past the warm-up.
fn growth(looks: &[Look], of: fn(&Look) -> f64) -> Option<Slope> {
    let from = warm(looks);
    let steady = looks.iter().filter(|look| look.at >= from);
    let samples: Vec<_> = steady.map(|look| (look.at.as_secs_f64() / 3600.0, of(look))).collect();
    if samples.len() < ENOUGH { None } else { slope(&samples) }
}

/// How long after a part the next may come: what this machine does not even manage for a thread that only wakes up is
/// not asked of the server.
fn latest(shape: &Shape) -> f64 {
    CADENCE * shape.part.as_secs_f64() + shape.lateness.0.as_secs_f64().min(MACHINE)
}

fn peak(shape: &Shape, of: fn(&Look) -> u64) -> f64 {
    shape.looks.iter().map(of).max().unwrap_or(0) as f64
}

/// Some of the times there were, in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Quantiles {
    count: usize,
    p50: f64,
    p99: f64,
    max: f64,
}

fn quantiles(all: &mut [Duration]) -> Quantiles {
    all.sort_unstable();
    // The nearest rank: a value that was measured, never one between two.
    let rank = |percent: usize| {
        let at = (all.len() * percent).div_ceil(100).saturating_sub(1);
        all.get(at).map_or(0.0, Duration::as_secs_f64)
    };
    Quantiles { count: all.len(), p50: rank(50), p99: rank(99), max: rank(100) }
}

impl Quantiles {
    fn json(self) -> Value {
        json!({"count": self.count, "p50": self.p50, "p99": self.p99, "max": self.max})
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "n {:7}  p50 {:.3}  p99 {:.3}  max {:.3} s", self.count, self.p50, self.p99, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endurance::relay::Chance;

    /// An hour of looks, whose memory grows by `growth` MiB an hour in noise of four MiB that lasts for minutes.
    fn hour(growth: f64) -> Vec<Look> {
        let (mut chance, mut noise) = (Chance::new(1), 0.0);
        let look = |second: u64| {
            noise += (chance.unit() * 4.0 - 2.0 - noise) * 0.05;
            let resident = ((80.0 + noise + growth * second as f64 / 3600.0) * MIB) as u64;
            Look { at: Duration::from_secs(second), resident, ..Look::default() }
        };
        (0..3600).map(look).collect()
    }

    fn report(shape: Shape) -> Report {
        let book = Book::new();
        book.pages().calm_gaps = vec![Duration::from_millis(480); 100];
        Report::new(Options::new(Duration::from_secs(3600), 1, "x".into()), &book, shape)
    }

    fn shape(growth: f64) -> Shape {
        let (looks, part) = (hour(growth), Duration::from_millis(495));
        let after = Look { resident: 80 << 20, ..Look::default() };
        Shape { looks, part, after, ..Shape::default() }
    }

    #[test]
    fn memory_that_grows_is_told_from_memory_that_wavers() {
        let steady = report(shape(0.0));
        assert!(steady.passed(), "{}", steady.text());
        let leaks = report(shape(12.0));
        assert!(
            !leaks.passed() && leaks.text().contains("BREACH, 1 times: memory grows"),
            "{}",
            leaks.text()
        );
    }

    #[test]
    fn what_is_not_given_back_and_parts_that_are_late_are_breaches() {
        let mut kept = shape(0.0);
        kept.after = Look { descriptors: 1, tasks: 1, named: 1, resident: 100 << 20, ..Look::default() };
        let text = report(kept).text();
        assert!(text.contains("BREACH, 4 times: not given back"), "{text}");
        let late = report(Shape { part: Duration::from_millis(200), ..shape(0.0) });
        assert!(!late.passed() && late.text().contains("parts are late"), "{}", late.text());
    }
}
