//! What is evicted at `maxmemory`, and the access clock that says what was used lately, or often.
//!
//! The clock is 24 bits of an entry's header, read as Redis reads its own: the second of the last use (LRU policies, and
//! while nothing is evicted), or 16 bits of the minute in which the counter last moved and an 8-bit logarithmic counter of
//! uses (LFU policies; see Redis' documentation of key eviction, "The new LFU mode").

use dunlin_structures::cycles;

/// The bits that an entry keeps.
const CLOCK_MASK: u64 = 0x00ff_ffff;
/// The counter of a new entry: it is to have a chance before it is among the least used ones.
const LFU_START: u64 = 5;
const LFU_MAX: u64 = 255;
const COUNTER_BITS: u32 = 8;
const MINUTES_MASK: u64 = 0xffff;
/// What was used by so little in the future is used now: another thread has read the clock since.
const AHEAD_S: u32 = 3600;
const AHEAD_MINUTES: u64 = 60;

/// What may be evicted, and what goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Only keys with a time to live.
    pub volatile_only: bool,
    pub order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The least recently used first, about.
    Lru,
    /// The least often used first, about.
    Lfu,
    Random,
    /// What expires first.
    Ttl,
}

/// The settings' names; the index of one is its code.
const POLICIES: [(&str, Policy); 7] = [
    ("volatile-lru", Policy { volatile_only: true, order: Order::Lru }),
    ("volatile-lfu", Policy { volatile_only: true, order: Order::Lfu }),
    ("volatile-random", Policy { volatile_only: true, order: Order::Random }),
    ("volatile-ttl", Policy { volatile_only: true, order: Order::Ttl }),
    ("allkeys-lru", Policy { volatile_only: false, order: Order::Lru }),
    ("allkeys-lfu", Policy { volatile_only: false, order: Order::Lfu }),
    ("allkeys-random", Policy { volatile_only: false, order: Order::Random }),
];

impl Policy {
    /// The code of `maxmemory-policy`'s value, for where only a number can stand; that of `noeviction` stands for none.
    pub fn code(name: &str) -> u8 {
        POLICIES.iter().position(|(other, _)| *other == name).unwrap_or(POLICIES.len()) as u8
    }

    pub fn of_code(code: u8) -> Option<Self> {
        POLICIES.get(usize::from(code)).map(|(_, policy)| *policy)
    }
}

/// What the access clocks of used entries become: the time, and how uses are counted.
///
/// ```text
/// clock 24 bits │ counts uses 1 │ 0 7 │ lfu-log-factor 16 │ lfu-decay-time 16
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessClock(u64);

impl AccessClock {
    const COUNTS: u64 = 1 << 24;
    const FACTOR_SHIFT: u32 = 32;
    const DECAY_SHIFT: u32 = 48;

    /// Notes when entries are used, in seconds. `now` in ms since 1970.
    pub fn of_time(now: i64) -> Self {
        Self((now / 1000) as u64 & CLOCK_MASK)
    }

    /// Counts how often. A counter grows by one with a chance of 1 in (counter - 5) * `log_factor` + 1, and falls by one
    /// for each `decay_minutes` without use; 0: never.
    pub fn of_uses(now: i64, log_factor: u16, decay_minutes: u16) -> Self {
        let minutes = (now / 60_000) as u64 & MINUTES_MASK;
        Self(
            minutes << COUNTER_BITS
                | Self::COUNTS
                | u64::from(log_factor) << Self::FACTOR_SHIFT
                | u64::from(decay_minutes) << Self::DECAY_SHIFT,
        )
    }

    /// Whether uses are counted, and not just their time noted.
    #[inline(always)]
    pub fn counts_uses(self) -> bool {
        self.0 & Self::COUNTS != 0
    }

    /// The clock of a new entry.
    #[inline(always)]
    pub fn initial(self) -> u32 {
        if self.counts_uses() { self.with_count(LFU_START) } else { self.0 as u32 }
    }

    /// Whether an entry with that clock was not used at this time. Where uses are counted every one is.
    #[inline(always)]
    pub fn is_news_to(self, clock: u32) -> bool {
        u64::from(clock) != self.0
    }

    /// The clock of an entry that is used now and had that one.
    #[inline(always)]
    pub fn after(self, clock: u32) -> u32 {
        if self.counts_uses() { self.counted(clock, cycles::now()) } else { self.0 as u32 }
    }

    #[inline(never)]
    fn counted(self, clock: u32, random: u64) -> u32 {
        let count = u64::from(self.uses(clock));
        let factor = self.0 >> Self::FACTOR_SHIFT & 0xffff;
        let odds = count.saturating_sub(LFU_START) * factor + 1;
        // Cycles are no random bits until they are mixed (the end of splitmix64).
        let mixed = (random ^ random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32;
        let grows = count < LFU_MAX && (mixed * odds) >> 32 == 0;
        self.with_count(count + u64::from(grows))
    }

    /// The counter of an entry with that clock, after what it has lost since it last moved.
    pub fn uses(self, clock: u32) -> u8 {
        let (then, count) = (u64::from(clock) >> COUNTER_BITS & MINUTES_MASK, u64::from(clock) & LFU_MAX);
        let minutes = (self.0 >> COUNTER_BITS).wrapping_sub(then) & MINUTES_MASK;
        let minutes = if minutes > MINUTES_MASK - AHEAD_MINUTES { 0 } else { minutes };
        let lost = minutes.checked_div(self.0 >> Self::DECAY_SHIFT).unwrap_or(0);
        count.saturating_sub(lost) as u8
    }

    /// Seconds since an entry with that clock was used. The clock goes round in 194 days.
    pub fn idle_s(self, clock: u32) -> u32 {
        let idle = (self.0 as u32).wrapping_sub(clock) & CLOCK_MASK as u32;
        if idle > CLOCK_MASK as u32 - AHEAD_S { 0 } else { idle }
    }

    /// The clock of an entry that was last used so long ago.
    pub fn idle_for(self, seconds: u32) -> u32 {
        (self.0 as u32).wrapping_sub(seconds) & CLOCK_MASK as u32
    }

    /// The clock of an entry with that counter, as of now.
    pub fn with_uses(self, count: u8) -> u32 {
        self.with_count(u64::from(count))
    }

    fn with_count(self, count: u64) -> u32 {
        (self.0 & (MINUTES_MASK << COUNTER_BITS) | count) as u32
    }
}

impl Order {
    /// How much sooner than others an entry goes: the higher the sooner. `now` in ms since 1970.
    pub fn worth(self, clock: AccessClock, of_entry: u32, expire_at: Option<i64>, now: i64) -> u64 {
        match expire_at {
            Some(at) if at < now => u64::MAX,
            _ => match self {
                Self::Lru => u64::from(clock.idle_s(of_entry)),
                Self::Lfu => LFU_MAX - u64::from(clock.uses(of_entry)),
                Self::Random => 0,
                Self::Ttl => expire_at.map_or(0, |at| i64::MAX.abs_diff(at)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn policies_have_redis_names() {
        assert_eq!(Policy::of_code(Policy::code("noeviction")), None);
        let policy = |name| Policy::of_code(Policy::code(name)).expect("a policy");
        assert_eq!(policy("volatile-ttl"), Policy { volatile_only: true, order: Order::Ttl });
        assert_eq!(policy("allkeys-lfu"), Policy { volatile_only: false, order: Order::Lfu });
    }

    #[test]
    fn seconds_since_the_last_use_survive_the_clock_going_round() {
        let then = AccessClock::of_time(0x00ff_fff0 * 1000 + 999);
        let clock = then.initial();
        assert_eq!((clock, then.after(7)), (0x00ff_fff0, 0x00ff_fff0));
        assert!(!then.is_news_to(clock) && then.is_news_to(clock - 1));
        let now = AccessClock::of_time(0x0100_0010 * 1000);
        assert_eq!((now.idle_s(clock), now.idle_for(32)), (32, clock));
        // Another thread may have read the clock a moment later.
        assert_eq!(then.idle_s(AccessClock::of_time(0x00ff_fff2 * 1000).initial()), 0);
        let older = now.idle_for(100);
        assert!(Order::Lru.worth(now, older, None, 0) > Order::Lru.worth(now, clock, None, 0));
    }

    #[test]
    fn counters_start_low_grow_by_chance_and_fall_with_time() {
        let start = AccessClock::of_uses(70_000 * MINUTE, 10, 1);
        let mut clock = start.initial();
        assert_eq!((start.uses(clock), start.is_news_to(clock)), (5, true));
        // The first use beyond the start always counts.
        clock = start.counted(clock, 12_345);
        assert_eq!(start.uses(clock), 6);
        let mut random = 1u64;
        let mut use_often = |clock: &mut u32, times: usize| {
            for _ in 0..times {
                random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                *clock = start.counted(*clock, random);
            }
            start.uses(*clock)
        };
        // Redis' documentation: with a factor of 10 about 18 after 1,000 uses, 142 after 100,000, at the end after a million.
        let thousand = use_often(&mut clock, 1_000);
        assert!((12..=26).contains(&thousand), "{thousand}");
        let hundred_thousand = use_often(&mut clock, 99_000);
        assert!((125..=160).contains(&hundred_thousand), "{hundred_thousand}");
        assert_eq!(use_often(&mut clock, 1_000_000), 255);
        let later = |minutes: i64, decay| AccessClock::of_uses((70_000 + minutes) * MINUTE, 10, decay);
        assert_eq!(later(100, 1).uses(clock), 155);
        assert_eq!(later(100, 10).uses(clock), 245);
        assert_eq!(later(60_000, 0).uses(clock), 255);
        assert_eq!(later(300, 1).uses(clock), 0);
        // The minutes go round, too.
        assert_eq!(AccessClock::of_uses((65_536 + 3) * MINUTE, 10, 1).uses(65_535 << 8 | 100), 96);
        let rare = start.with_uses(7);
        assert!(Order::Lfu.worth(start, rare, None, 0) > Order::Lfu.worth(start, clock, None, 0));
    }

    #[test]
    fn what_has_expired_goes_before_all_else() {
        let clock = AccessClock::of_time(1_000_000);
        for order in [Order::Lru, Order::Lfu, Order::Random, Order::Ttl] {
            let worth = |at| order.worth(clock, 0, Some(at), 500);
            assert!(worth(499) > worth(500), "{order:?}");
        }
        let worth = |at| Order::Ttl.worth(clock, 0, at, 500);
        assert!(worth(Some(600)) > worth(Some(700)) && worth(Some(i64::MAX - 1)) > worth(None));
    }
}
