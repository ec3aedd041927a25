//! How fast counters grow: an average over the last 16 samples, as Redis' `instantaneous_` figures.
//!
//! The clockwork samples them ten times a second, so that a rate covers about the last 1.6 s.

use parking_lot::Mutex;

const SAMPLES: usize = 16;

/// What is watched, in the order of [`Rates::sample`]'s argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    Commands,
    InputBytes,
    OutputBytes,
    /// Batches of requests: one round of a worker for one connection.
    Batches,
}

const RATES: usize = 4;

#[derive(Default)]
struct State {
    last: Option<(i64, [u64; RATES])>,
    per_second: [[u64; SAMPLES]; RATES],
    next: usize,
}

/// See the module's text.
#[derive(Default)]
pub struct Rates {
    state: Mutex<State>,
}

impl Rates {
    /// Takes the totals at `now` (in ms). A total that went back (a reset) counts as unchanged.
    pub fn sample(&self, now: i64, totals: [u64; RATES]) {
        let mut state = self.state.lock();
        if let Some((before, last)) = state.last {
            let elapsed_ms = (now - before).max(1).unsigned_abs();
            let next = state.next;
            for rate in 0..RATES {
                state.per_second[rate][next] =
                    totals[rate].saturating_sub(last[rate]).saturating_mul(1000) / elapsed_ms;
            }
            state.next = (next + 1) % SAMPLES;
        }
        state.last = Some((now, totals));
    }

    /// How much a total grows in a second.
    pub fn per_second(&self, rate: Rate) -> u64 {
        self.state.lock().per_second[rate as usize].iter().sum::<u64>() / SAMPLES as u64
    }

    pub fn reset(&self) {
        *self.state.lock() = State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_found_after_all_samples() {
        let rates = Rates::default();
        for step in 0..=SAMPLES as u64 {
            rates.sample(step as i64 * 100, [step * 10, step * 1000, 0, step]);
        }
        assert_eq!((rates.per_second(Rate::Commands), rates.per_second(Rate::InputBytes)), (100, 10_000));
        assert_eq!((rates.per_second(Rate::OutputBytes), rates.per_second(Rate::Batches)), (0, 10));
        rates.sample(1700, [0; RATES]);
        assert_eq!(rates.per_second(Rate::Batches), 9);
        rates.reset();
        assert_eq!(rates.per_second(Rate::Commands), 0);
    }
}
