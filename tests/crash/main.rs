//! Promise 2: what was acknowledged is never lost. Real servers, really killed.
//!
//! CRASH_ROUNDS and CRASH_SEED make the runs longer and repeatable; `scripts/soak` sets them.

#![allow(unreachable_pub, reason = "everything in a test binary is")]

mod damage;
mod durability;
mod failure;
mod kill;
mod replay;
mod scripts;
mod server;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the next random number.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
