use super::*;
use crate::keyspace::door::{Access, Expiry};
use crate::keyspace::event::EventClass;
use crate::keyspace::{Change, EffectBuffer, Keys};
use crate::resp::Args;
use dunlin_structures::entry::StringValue;
use std::collections::BTreeSet;

const NOW: i64 = 1_700_000_000_000;

/// Stores a key that was used at that time, in ms since 1970.
fn store(keyspace: &Keyspace, db: u16, key: &str, used_at: i64, expiry: Expiry) {
    let mut effects = EffectBuffer::default();
    let key = key.as_bytes();
    let locked = keyspace.lock_one(Position::of(key).shard());
    let access = Access { clock: AccessClock::of_time(used_at), no_touch: false, keeps_expired: false };
    let request = Args::new(&[], &[]);
    let mut keys = Keys::new(keyspace, locked, &[], db, NOW, access, request, &mut effects, 0);
    keys.write(key).put_string(StringValue::Int(1), expiry, Change::covered(EventClass::String, "set"));
}

fn goal(policy: &str, samples: usize) -> Goal {
    let policy = Policy::of_code(Policy::code(policy)).expect("a policy");
    Goal { policy, clock: AccessClock::of_time(NOW), now: NOW, samples }
}

/// Takes a key out, as one who evicts it does. Returns whether it was still what it was.
fn evict(keyspace: &Keyspace, candidate: &Candidate, goal: &Goal) -> bool {
    let mut effects = EffectBuffer::default();
    let locked = keyspace.lock_one(candidate.position.shard());
    let access = Access { clock: goal.clock, no_touch: true, keeps_expired: false };
    let request = Args::new(&[], &[]);
    Keys::new(keyspace, locked, &[], 0, NOW, access, request, &mut effects, 0)
        .evict(candidate, goal.policy)
        .is_some()
}

/// Evicts so many keys and returns their names.
fn evicted(keyspace: &Keyspace, goal: &Goal, count: usize) -> Vec<String> {
    let mut evictor = Evictor::default();
    let mut names = Vec::new();
    while names.len() < count {
        let Found::Candidate(candidate) = evictor.next(keyspace, goal) else { break };
        if evict(keyspace, &candidate, goal) {
            names.push(format!("{}:{}", candidate.db, String::from_utf8_lossy(&candidate.key)));
        }
    }
    names
}

#[test]
fn all_that_may_go_goes_at_last_and_nothing_else() {
    for policy in
        ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu"]
            .into_iter()
            .chain(["allkeys-random"])
    {
        // Few of many, many of few, in two databases.
        for (keys, volatile_step) in [(1, 1), (7, 2), (300, 1), (3_000, 100)] {
            let keyspace = Keyspace::new(4);
            let mut expect = BTreeSet::new();
            for index in 0..keys {
                let (db, key) = (index % 2 * 3, format!("k{index}"));
                let is_volatile = index % volatile_step == 0;
                let expiry = if is_volatile { Expiry::At(NOW + 1 + i64::from(index)) } else { Expiry::Clear };
                store(&keyspace, db, &key, NOW - 5_000, expiry);
                if is_volatile || policy.starts_with("all") {
                    expect.insert(format!("{db}:{key}"));
                }
            }
            let names = evicted(&keyspace, &goal(policy, 5), usize::MAX);
            assert_eq!(names.len(), expect.len(), "{policy}, {keys}");
            assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expect, "{policy}, {keys}");
            assert!(matches!(Evictor::default().next(&keyspace, &goal(policy, 5)), Found::Nothing));
        }
    }
}

#[test]
fn what_was_used_long_ago_goes_first() {
    let number = |name: &String| name[3..].parse::<u32>().expect("a number");
    // Of the few that have a time to live in the last case most are old for the first 25 only.
    for (policy, expiry, count, rounds) in [
        ("allkeys-lru", Expiry::Clear, 1_000, 1),
        ("volatile-lru", Expiry::At(NOW + 100_000), 1_000, 1),
        ("volatile-lru", Expiry::Clear, 25, 16),
    ] {
        let mut wrong = 0;
        for _ in 0..rounds {
            let keyspace = Keyspace::new(1);
            for index in 0..4_000 {
                let used_at = if index % 2 == 0 { NOW - 60_000 } else { NOW - 1_000 };
                // One key in twenty has a time to live, if not all have.
                let is_volatile = policy == "volatile-lru" && index % 40 < 2;
                let expiry = if is_volatile { Expiry::At(NOW + 100_000) } else { expiry };
                store(&keyspace, 0, &format!("k{index}"), used_at, expiry);
            }
            let names = evicted(&keyspace, &goal(policy, 5), count);
            wrong += names.iter().filter(|name| number(name) % 2 == 1).count();
        }
        // Of five samples all are young now and then, but the pool remembers others. Chance alone would be wrong half the time.
        let all = count * rounds;
        println!("{wrong} of {all}");
        assert!(wrong * 4 < all, "{wrong} of {all} for {policy}");
    }
}

#[test]
fn what_expires_first_goes_first() {
    let keyspace = Keyspace::new(1);
    for index in 0..1_000 {
        store(&keyspace, 0, &format!("k{index}"), NOW, Expiry::At(NOW + 1_000 * (i64::from(index) + 1)));
    }
    let names = evicted(&keyspace, &goal("volatile-ttl", 5), 200);
    let late = names.iter().filter(|name| name[3..].parse::<u32>().expect("a number") >= 300).count();
    assert!(late < 10, "{late} of 200 were not among the first 300 to expire");
}

#[test]
fn a_hash_tag_that_holds_most_keys_gives_most_of_what_goes() {
    let keyspace = Keyspace::new(1);
    for index in 0..10_000 {
        let key = if index % 10 == 0 { format!("k{index}") } else { format!("k{{tag}}{index}") };
        store(&keyspace, 0, &key, NOW, Expiry::Clear);
    }
    let names = evicted(&keyspace, &goal("allkeys-random", 5), 1_000);
    let tagged = names.iter().filter(|name| name.contains("tag")).count();
    assert!((850..=945).contains(&tagged), "{tagged} of 1000");
}

#[test]
fn a_key_that_was_used_since_it_was_seen_stays() {
    let keyspace = Keyspace::new(1);
    let goal = goal("allkeys-lru", 5);
    let mut evictor = Evictor::default();
    assert!(matches!(evictor.next(&keyspace, &goal), Found::Nothing));
    store(&keyspace, 0, "k", NOW - 9_000, Expiry::Clear);
    let Found::Candidate(candidate) = evictor.next(&keyspace, &goal) else { unreachable!("there is one") };
    store(&keyspace, 0, "k", NOW, Expiry::Clear);
    assert!(!evict(&keyspace, &candidate, &goal));
    let Found::Candidate(candidate) = Evictor::default().next(&keyspace, &goal) else {
        unreachable!("there is one")
    };
    assert!(evict(&keyspace, &candidate, &goal) && !evict(&keyspace, &candidate, &goal));
}

#[test]
fn what_a_script_owns_is_left_alone() {
    let keyspace = Keyspace::new(1);
    store(&keyspace, 0, "k", NOW, Expiry::Clear);
    let shard = Position::of(b"k").shard();
    keyspace.lock(shard).owner = 7;
    assert!(matches!(Evictor::default().next(&keyspace, &goal("allkeys-random", 5)), Found::NotNow));
}
