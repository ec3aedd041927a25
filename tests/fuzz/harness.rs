//! Drives one decoder with spoiled inputs until its time is up.

use crate::mutate::mutant;
use crate::random::Random;
use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::{Duration, Instant};

/// How many inputs are kept for being answered in a new way.
const KEPT_MAX: usize = 4000;

/// No input may take longer: what is slow by design is none of a decoder's.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a failing input may be made smaller.
const SHRINKING: Duration = Duration::from_secs(30);

/// One decoder under test.
pub(crate) struct Decoder<'a> {
    pub(crate) name: &'a str,
    /// Valid inputs of many kinds.
    pub(crate) corpus: Vec<Vec<u8>>,
    /// Words that it knows.
    pub(crate) words: &'a [&'a [u8]],
    /// Mends what random bytes never get right, such as checksums. Applied to half of the inputs.
    pub(crate) mend: fn(&mut Random, &mut Vec<u8>),
    /// Decodes, asserts all that must hold, and says in short what came of it.
    pub(crate) check: &'a dyn Fn(&[u8]) -> String,
}

impl Decoder<'_> {
    pub(crate) fn run(self) {
        let seed = setting("DUNLIN_FUZZ_SEED").unwrap_or(20_261_122);
        let seconds = setting("DUNLIN_FUZZ_SECONDS").unwrap_or(2);
        println!("DUNLIN_FUZZ_SEED={seed}");
        let mut random = Random::new(seed);
        let mut corpus = self.corpus.clone();
        let mut seen: HashSet<String> = corpus.iter().map(|input| self.answer(input)).collect();
        let known = seen.len();
        let (start, mut inputs) = (Instant::now(), 0u64);
        while start.elapsed() < Duration::from_secs(seconds) {
            let mut input = mutant(&mut random, &corpus, self.words);
            if random.one_in(2) {
                (self.mend)(&mut random, &mut input);
            }
            let answer = self.answer(&input);
            inputs += 1;
            if corpus.len() < KEPT_MAX && seen.insert(answer) {
                corpus.push(input);
            }
        }
        println!(
            "{}: {inputs} inputs, {} different answers, {known} of them to the corpus",
            self.name,
            seen.len()
        );
        assert!(seen.len() > known, "nothing was found that the corpus did not say");
    }

    /// What the decoder says; a failure is made small and shown.
    fn answer(&self, input: &[u8]) -> String {
        self.attempt(input).unwrap_or_else(|_| {
            let small = quietly(|| self.shrink(input.to_vec()));
            panic!("{} fails on b\"{}\"", self.name, small.escape_ascii());
        })
    }

    fn attempt(&self, input: &[u8]) -> std::thread::Result<String> {
        let began = Instant::now();
        let answer = catch_unwind(AssertUnwindSafe(|| (self.check)(input)))?;
        assert!(began.elapsed() < PATIENCE, "{} takes long for {} bytes", self.name, input.len());
        Ok(answer)
    }

    /// Leaves out whatever can go while it still fails.
    fn shrink(&self, mut input: Vec<u8>) -> Vec<u8> {
        let (start, mut size) = (Instant::now(), input.len() / 2);
        while size > 0 {
            let mut at = 0;
            while at < input.len() && start.elapsed() < SHRINKING {
                let mut shorter = input.clone();
                shorter.drain(at..(at + size).min(input.len()));
                if self.attempt(&shorter).is_err() { input = shorter } else { at += size }
            }
            size /= 2;
        }
        input
    }
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Without the messages of panics on this thread: the first one said it.
fn quietly<T>(act: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                hook(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let done = act();
    IS_QUIET.set(false);
    done
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs `decode` and asserts that it took no more memory in all than `factor` times what it was given and a constant.
pub(crate) fn within_memory<T>(given_bytes: usize, factor: u64, decode: impl FnOnce() -> T) -> T {
    use dunlin_structures::alloc::thread_allocated_bytes;
    const CONSTANT: u64 = 256 * 1024;
    let before = thread_allocated_bytes();
    let decoded = decode();
    let taken = thread_allocated_bytes() - before;
    assert!(taken <= factor * given_bytes as u64 + CONSTANT, "{taken} bytes for {given_bytes}");
    decoded
}

/// A number's size, for answers that shall not differ for every other number.
pub(crate) fn magnitude(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}
