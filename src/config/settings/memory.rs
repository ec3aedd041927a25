//! Memory: its limit, eviction, and when values change their encoding.

use crate::config::setting::Class::{Accepted, Live, Refused};
use crate::config::setting::{Kind, Setting, count, int, long, memory};

const POLICIES: Kind = Kind::Choice(&[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
]);

/// The official suite knows this text, and skips what needs defragmentation when it reads it.
const NO_DEFRAG: &str = "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified \
    Jemalloc like the one shipped by default with the Redis source distribution";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "maxmemory",
        Kind::Memory { min: 0, max: u64::MAX },
        "0",
        Live,
        "Bytes of data from which keys are evicted or writes refused; 0 for no limit.",
    ),
    Setting::new("maxmemory-policy", POLICIES, "noeviction", Live, "What is evicted at maxmemory."),
    Setting::new("maxmemory-samples", count(1), "5", Live, "Keys looked at to evict one."),
    Setting::new("maxmemory-eviction-tenacity", int(0, 100), "10", Live, "How long one eviction may take."),
    Setting::new("lfu-log-factor", count(0), "10", Live, "How slowly an access counter grows."),
    Setting::new("lfu-decay-time", count(0), "1", Live, "Minutes after which an access counter falls."),
    Setting::new(
        "active-expire-effort",
        int(1, 10),
        "1",
        Accepted,
        "Work spent on expired keys; Dunlin's index finds them at once.",
    ),
    Setting::flag("lazyfree-lazy-eviction", "no", Accepted, "Free evicted values in the background."),
    Setting::flag("lazyfree-lazy-expire", "no", Accepted, "Free expired values in the background."),
    Setting::flag("lazyfree-lazy-server-del", "no", Accepted, "Free overwritten values in the background."),
    Setting::flag("lazyfree-lazy-user-del", "no", Accepted, "Make DEL free in the background."),
    Setting::flag("lazyfree-lazy-user-flush", "no", Live, "Make FLUSHALL free in the background."),
    Setting::flag("jemalloc-bg-thread", "yes", Accepted, "Give memory back in a background thread."),
    Setting::flag("activedefrag", "no", Refused(NO_DEFRAG), "Defragment memory while running."),
    Setting::new(
        "active-defrag-cycle-min",
        int(1, 99),
        "1",
        Accepted,
        "Least CPU for defragmentation, in percent.",
    ),
    Setting::new(
        "active-defrag-cycle-max",
        int(1, 99),
        "25",
        Accepted,
        "Most CPU for defragmentation, in percent.",
    ),
    Setting::new(
        "active-defrag-threshold-lower",
        int(0, 1000),
        "10",
        Accepted,
        "Fragmentation at which it begins, in percent.",
    ),
    Setting::new(
        "active-defrag-threshold-upper",
        int(0, 1000),
        "100",
        Accepted,
        "Fragmentation at which it works hardest, in percent.",
    ),
    Setting::new(
        "active-defrag-max-scan-fields",
        long(1),
        "1000",
        Accepted,
        "Fields of a value handled at once.",
    ),
    Setting::new(
        "active-defrag-ignore-bytes",
        memory(1),
        "104857600",
        Accepted,
        "Waste below which it does not begin, in bytes.",
    ),
    Setting::new("hash-max-listpack-entries", long(0), "512", Live, "Fields up to which a hash is packed.")
        .alias("hash-max-ziplist-entries"),
    Setting::new(
        "hash-max-listpack-value",
        memory(0),
        "64",
        Live,
        "Bytes up to which a packed hash's fields and values may be.",
    )
    .alias("hash-max-ziplist-value"),
    Setting::new(
        "list-max-listpack-size",
        int(i32::MIN as i64, i32::MAX as i64),
        "-2",
        Live,
        "Size of one block of a list.",
    )
    .alias("list-max-ziplist-size"),
    Setting::new(
        "list-compress-depth",
        count(0),
        "0",
        Accepted,
        "Blocks at the ends of a list that stay uncompressed.",
    ),
    Setting::new(
        "set-max-intset-entries",
        long(0),
        "512",
        Live,
        "Integers up to which a set is packed as integers.",
    ),
    Setting::new("set-max-listpack-entries", long(0), "128", Live, "Members up to which a set is packed."),
    Setting::new(
        "set-max-listpack-value",
        long(0),
        "64",
        Live,
        "Bytes up to which a packed set's members may be.",
    ),
    Setting::new(
        "zset-max-listpack-entries",
        long(0),
        "128",
        Live,
        "Members up to which a sorted set is packed.",
    )
    .alias("zset-max-ziplist-entries"),
    Setting::new(
        "zset-max-listpack-value",
        memory(0),
        "64",
        Live,
        "Bytes up to which a packed sorted set's members may be.",
    )
    .alias("zset-max-ziplist-value"),
    Setting::new(
        "hll-sparse-max-bytes",
        memory(0),
        "3000",
        Live,
        "Bytes up to which a HyperLogLog is sparse.",
    ),
];
