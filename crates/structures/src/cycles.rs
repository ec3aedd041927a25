//! The cycle counter: what a duration costs to measure is a few nanoseconds instead of a clock read.
//!
//! Assumes an invariant counter (all x86-64 machines since about 2010); elsewhere it falls back on the clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds in a cycle, as a 32.32 fixed-point number.
static NS_PER_CYCLE: OnceLock<u64> = OnceLock::new();

/// The counter now. Differences are cycles; see [`to_ns`].
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the intrinsic is declared unsafe")]
pub fn now() -> u64 {
    // SAFETY: reading the time-stamp counter has no preconditions on x86-64 and touches no memory.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// The counter now, in nanoseconds since the first call.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Cycles in nanoseconds. The first call takes two milliseconds to calibrate: make it at start.
#[inline]
pub fn to_ns(cycles: u64) -> u64 {
    scale(cycles, *NS_PER_CYCLE.get_or_init(calibrate))
}

/// Nanoseconds in cycles.
pub fn from_ns(ns: u64) -> u64 {
    let factor = *NS_PER_CYCLE.get_or_init(calibrate);
    u64::try_from((u128::from(ns) << 32) / u128::from(factor.max(1))).unwrap_or(u64::MAX)
}

/// Measures one stretch of work after the other, with one look at the counter for each.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    since: u64,
    ns_per_cycle: u64,
}

/// How long a stretch took, in both units.
#[derive(Clone, Copy, Debug)]
pub struct Lap {
    pub cycles: u64,
    pub ns: u64,
}

impl Stopwatch {
    #[inline]
    pub fn start() -> Self {
        // In this order: calibrating takes a while.
        let ns_per_cycle = *NS_PER_CYCLE.get_or_init(calibrate);
        Self { since: now(), ns_per_cycle }
    }

    /// The time since the start or the last lap.
    #[inline]
    pub fn lap(&mut self) -> Lap {
        let now = now();
        let cycles = now.wrapping_sub(self.since);
        self.since = now;
        Lap { cycles, ns: scale(cycles, self.ns_per_cycle) }
    }
}

#[inline]
fn scale(cycles: u64, factor: u64) -> u64 {
    ((u128::from(cycles) * u128::from(factor)) >> 32) as u64
}

fn calibrate() -> u64 {
    let (clock, counter) = (Instant::now(), now());
    while clock.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
    let (ns, cycles) = (clock.elapsed().as_nanos() as u64, now().wrapping_sub(counter));
    ((ns << 32) / cycles.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_measured_about_right() {
        let start = now();
        let mut stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(20));
        let ns = to_ns(now().wrapping_sub(start));
        assert!((15_000_000..2_000_000_000).contains(&ns), "{ns}");
        let lap = stopwatch.lap();
        assert!((15_000_000..2_000_000_000).contains(&lap.ns), "{lap:?}");
        assert_eq!(lap.ns, to_ns(lap.cycles));
        assert!(stopwatch.lap().ns < lap.ns);
        assert!(to_ns(from_ns(1_000_000)).abs_diff(1_000_000) < 1000);
    }
}
