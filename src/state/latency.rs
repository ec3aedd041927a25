//! The latency monitor: for each kind of event, when it was slow and how slow.
//!
//! An event is a name such as `command` or `expire-cycle`; whoever has measured one above `latency-monitor-threshold`
//! adds it. Kept for each: the last 160 seconds in which something was slow, the slowest of each.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};

/// Seconds that are kept of one event.
const SAMPLES_MAX: usize = 160;

/// The slowest of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// In s since 1970.
    pub time_s: i64,
    pub took_ms: u64,
}

/// What is known of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// The oldest first; never empty once it is seen.
    pub samples: VecDeque<Sample>,
    /// The slowest since the last reset.
    pub max_ms: u64,
}

/// See the module's text.
#[derive(Default)]
pub struct LatencyMonitor {
    events: Mutex<BTreeMap<&'static str, Series>>,
}

impl LatencyMonitor {
    /// Notes an event that was slow.
    pub fn add(&self, event: &'static str, time_s: i64, took_ms: u64) {
        let mut events = self.events.lock();
        let series = events.entry(event).or_default();
        series.max_ms = series.max_ms.max(took_ms);
        if let Some(last) = series.samples.back_mut().filter(|last| last.time_s == time_s) {
            last.took_ms = last.took_ms.max(took_ms);
            return;
        }
        if series.samples.len() == SAMPLES_MAX {
            series.samples.pop_front();
        }
        series.samples.push_back(Sample { time_s, took_ms });
    }

    pub fn event(&self, name: &[u8]) -> Option<Series> {
        let events = self.events.lock();
        events.iter().find(|(event, _)| event.as_bytes() == name).map(|(_, series)| series.clone())
    }

    /// All events by name.
    pub fn events(&self) -> Vec<(&'static str, Series)> {
        self.events.lock().iter().map(|(event, series)| (*event, series.clone())).collect()
    }

    /// Forgets the events that `is_meant` picks. Returns how many there were.
    pub fn reset(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|event, _| !is_meant(event));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_sample_and_the_oldest_go() {
        let monitor = LatencyMonitor::default();
        for (time, took) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            monitor.add("command", time, took);
        }
        let series = monitor.event(b"command").expect("it was added");
        let sample = |time_s, took_ms| Sample { time_s, took_ms };
        assert_eq!((series.max_ms, Vec::from(series.samples)), (9, vec![sample(1, 9), sample(2, 3)]));
        (3..500).for_each(|time| monitor.add("command", time, 1));
        let series = monitor.event(b"command").expect("it was added");
        assert_eq!((series.samples.len(), series.samples[0].time_s, series.max_ms), (SAMPLES_MAX, 340, 9));
        assert_eq!((monitor.reset(|event| event == "x"), monitor.reset(|_| true)), (0, 1));
        assert!(monitor.events().is_empty());
    }
}
