//! Redis Cluster. Not built yet: turning it on is refused, the rest is kept for the file's sake.

use crate::config::setting::Class::{Accepted, Refused};
use crate::config::setting::{Kind, Setting, TextRule, count, long, port};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::flag(
        "cluster-enabled",
        "no",
        Refused("cluster mode is not supported"),
        "Be a node of a cluster.",
    )
    .immutable(),
    Setting::text(
        "cluster-config-file",
        "nodes.conf",
        Accepted,
        "File in which a node keeps the cluster's state.",
    )
    .immutable(),
    Setting::new("cluster-port", port(), "0", Accepted, "Port of the cluster bus.").immutable(),
    Setting::new(
        "cluster-node-timeout",
        long(0),
        "15000",
        Accepted,
        "Milliseconds after which a node is called failed.",
    ),
    Setting::new(
        "cluster-replica-validity-factor",
        count(0),
        "10",
        Accepted,
        "How old a replica's data may be to take over.",
    )
    .alias("cluster-slave-validity-factor"),
    Setting::flag("cluster-replica-no-failover", "no", Accepted, "Never take over.")
        .alias("cluster-slave-no-failover"),
    Setting::new(
        "cluster-migration-barrier",
        count(0),
        "1",
        Accepted,
        "Replicas a master keeps when one moves.",
    ),
    Setting::flag(
        "cluster-allow-replica-migration",
        "yes",
        Accepted,
        "Let replicas move to masters without any.",
    ),
    Setting::flag("cluster-require-full-coverage", "yes", Accepted, "Stop when slots are without a node."),
    Setting::flag("cluster-allow-reads-when-down", "no", Accepted, "Answer reads while the cluster is down."),
    Setting::flag(
        "cluster-allow-pubsubshard-when-down",
        "yes",
        Accepted,
        "Publish while the cluster is down.",
    ),
    Setting::new(
        "cluster-link-sendbuf-limit",
        Kind::Memory { min: 0, max: u64::MAX },
        "0",
        Accepted,
        "Bytes that may wait for another node.",
    ),
    Setting::text("cluster-announce-ip", "", Accepted, "Address that a node tells."),
    Setting::new("cluster-announce-port", port(), "0", Accepted, "Port that a node tells."),
    Setting::new("cluster-announce-tls-port", port(), "0", Accepted, "TLS port that a node tells."),
    Setting::new("cluster-announce-bus-port", port(), "0", Accepted, "Bus port that a node tells."),
    Setting::new(
        "cluster-announce-hostname",
        Kind::Text(TextRule::HostName),
        "",
        Accepted,
        "Host name that a node tells.",
    ),
    Setting::new(
        "cluster-announce-human-nodename",
        Kind::Text(TextRule::NodeName),
        "",
        Accepted,
        "Name of a node in logs.",
    ),
    Setting::new(
        "cluster-preferred-endpoint-type",
        Kind::Choice(&["ip", "hostname", "unknown-endpoint"]),
        "ip",
        Accepted,
        "What clients are told of a node.",
    ),
];
