//! Masters and replicas. Others can follow Dunlin; what would make it follow another server is refused.

use crate::config::setting::Class::{Accepted, Live, Refused};
use crate::config::setting::{Kind, Setting, count, long, memory, port};

const NO_REPLICA: &str = "this server can be no replica";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("replicaof", Kind::ReplicaOf, "", Refused(NO_REPLICA), "The master to copy.")
        .alias("slaveof")
        .immutable(),
    Setting::text("masterauth", "", Accepted, "Password for the master.").sensitive(),
    Setting::text("masteruser", "", Accepted, "User for the master.").sensitive(),
    Setting::new("min-replicas-to-write", count(0), "0", Live, "Replicas without which writes are refused.")
        .alias("min-slaves-to-write"),
    Setting::new(
        "min-replicas-max-lag",
        count(0),
        "10",
        Live,
        "Seconds after which a replica does not count.",
    )
    .alias("min-slaves-max-lag"),
    Setting::flag("replica-serve-stale-data", "yes", Accepted, "Answer while the master is away.")
        .alias("slave-serve-stale-data"),
    Setting::flag("replica-read-only", "yes", Accepted, "Refuse writes on a replica.")
        .alias("slave-read-only"),
    Setting::flag("replica-lazy-flush", "no", Accepted, "Free old data in the background before a copy.")
        .alias("slave-lazy-flush"),
    Setting::flag("replica-ignore-maxmemory", "yes", Accepted, "Leave eviction to the master.")
        .alias("slave-ignore-maxmemory"),
    Setting::flag("replica-announced", "yes", Accepted, "Show the replica to Sentinel."),
    Setting::flag(
        "replica-ignore-disk-write-errors",
        "no",
        Accepted,
        "Let a replica go on when its disk fails.",
    ),
    Setting::new("replica-priority", count(0), "100", Accepted, "Order in which Sentinel promotes.")
        .alias("slave-priority"),
    Setting::text("replica-announce-ip", "", Accepted, "Address that a replica tells.")
        .alias("slave-announce-ip"),
    Setting::new("replica-announce-port", port(), "0", Accepted, "Port that a replica tells.")
        .alias("slave-announce-port"),
    Setting::flag("repl-disable-tcp-nodelay", "no", Accepted, "Send to replicas in larger packets."),
    Setting::flag("repl-diskless-sync", "yes", Accepted, "Copy to replicas without a file."),
    Setting::new(
        "repl-diskless-sync-delay",
        count(0),
        "5",
        Accepted,
        "Seconds to wait for more replicas before a copy.",
    ),
    Setting::new(
        "repl-diskless-sync-max-replicas",
        count(0),
        "0",
        Accepted,
        "Replicas after which a copy does not wait.",
    ),
    Setting::new(
        "repl-diskless-load",
        Kind::Choice(&["disabled", "on-empty-db", "swapdb"]),
        "disabled",
        Accepted,
        "Load a copy without a file.",
    ),
    Setting::new(
        "repl-timeout",
        count(1),
        "60",
        Live,
        "Seconds of silence after which the other side is given up.",
    ),
    Setting::new("repl-ping-replica-period", count(1), "10", Live, "Seconds between two pings to replicas.")
        .alias("repl-ping-slave-period"),
    Setting::new("repl-backlog-size", memory(1), "1048576", Live, "Bytes kept for replicas that come back."),
    Setting::new("repl-backlog-ttl", long(0), "3600", Live, "Seconds after which that is freed."),
    Setting::new(
        "propagation-error-behavior",
        Kind::Choice(&["ignore", "panic", "panic-on-replicas"]),
        "ignore",
        Accepted,
        "What a replica does about a write that fails on it.",
    ),
];
