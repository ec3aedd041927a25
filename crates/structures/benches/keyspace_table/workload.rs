//! Keys, random choices, clocks and the size of the process.

use rustix::time::{ClockId, clock_gettime};

pub(crate) type Key = [u8; 16];

/// The key with this number: 16 bytes.
pub(crate) fn key(number: u64) -> Key {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// Keys of numbers below `count`, chosen at random: made beforehand, so that measured loops only read them.
pub(crate) fn random_keys(count: u64, choices: usize, seed: u64) -> Vec<Key> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..choices).map(|_| key(((u128::from(next()) * u128::from(count)) >> 64) as u64)).collect()
}

/// CPU time of this thread, in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Bytes of physical memory that the process has.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs is mounted");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("two figures");
    pages * 4096
}
