//! The texts of LATENCY GRAPH and LATENCY DOCTOR. Pure: samples in, text out.

use crate::state::latency::Series;
use std::fmt::Write;

/// Columns of a graph: the last so many samples.
const COLUMNS: usize = 80;
const ROWS: usize = 4;

/// A bar for each sample, with its age written downwards below it.
pub(super) fn graph(event: &str, series: &Series, now_s: i64) -> String {
    let shown: Vec<_> = series.samples.iter().rev().take(COLUMNS).rev().collect();
    let (low, high) = shown
        .iter()
        .fold((u64::MAX, 0), |(low, high), sample| (low.min(sample.took_ms), high.max(sample.took_ms)));
    let mut text = format!(
        "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        series.max_ms,
        "-".repeat(COLUMNS)
    );
    // Heights from 1 to twice the rows: half a row is drawn by another letter.
    let steps = 2 * ROWS as u64;
    let height = |took: u64| match high - low {
        0 => steps,
        spread => 1 + (took - low) * (steps - 1) / spread,
    };
    for row in (0..ROWS as u64).rev() {
        let letter = |sample: &&&crate::state::latency::Sample| match height(sample.took_ms) {
            height if height >= 2 * row + 2 => '#',
            height if height == 2 * row + 1 => '_',
            _ => ' ',
        };
        let line: String = shown.iter().map(|sample| letter(&sample)).collect();
        text += line.trim_end();
        text.push('\n');
    }
    let ages: Vec<Vec<char>> =
        shown.iter().map(|sample| age(now_s - sample.time_s).chars().collect()).collect();
    text.push('\n');
    for line in 0..ages.iter().map(Vec::len).max().unwrap_or(0) {
        let letters: String = ages.iter().map(|age| age.get(line).copied().unwrap_or(' ')).collect();
        text += letters.trim_end();
        text.push('\n');
    }
    text
}

fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// What was seen, and what may be behind it.
pub(super) fn doctor(threshold_ms: u64, events: &[(&'static str, Series)]) -> String {
    if threshold_ms == 0 {
        return "The latency monitor is switched off. To have it note what is slow, say CONFIG SET \
                latency-monitor-threshold <milliseconds>.\n"
            .into();
    }
    if events.is_empty() {
        return format!("Nothing took {threshold_ms} ms or longer since the monitor was reset.\n");
    }
    let mut text = format!("What took {threshold_ms} ms or longer:\n\n");
    for (event, series) in events {
        let count = series.samples.len() as u64;
        let sum: u64 = series.samples.iter().map(|sample| sample.took_ms).sum();
        let span = match (series.samples.front(), series.samples.back()) {
            (Some(first), Some(last)) => last.time_s - first.time_s,
            _ => 0,
        };
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "- {event}: {count} slow seconds within {span} s, mean {} ms, worst {} ms.",
            sum / count.max(1),
            series.max_ms
        );
        let _ = writeln!(text, "  {}", advice(event));
    }
    text
}

fn advice(event: &str) -> &'static str {
    match event {
        "command" => {
            "Look at SLOWLOG GET: commands that touch many elements hold up all others of their worker and shards."
        }
        "fast-command" => {
            "Commands that do little took long: the process may not get the CPU, or it waits for memory (swap)."
        }
        "expire-cycle" => "Many keys expired at one moment: spread their times to live.",
        _ if event.starts_with("aof") => "The disk is slow, or shared with others that write much.",
        _ => "See the log for what went on at these times.",
    }
}
