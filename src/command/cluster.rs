//! CLUSTER and what belongs to it: cluster mode is not there, and each of them says so as a standalone Redis does.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};

/// Those that only tell something.
const SUBCOMMAND: CommandSpec = CommandSpec {
    arity: 2,
    flags: STALE,
    group: "cluster",
    since: "3.0.0",
    run: Run::Unlocked(disabled),
    ..CommandSpec::BLANK
};

/// Those that change what the cluster is.
const CHANGE: Flags = ADMIN.and(STALE).and(NO_ASYNC_LOADING);
const RANDOM: &[&str] = &["nondeterministic_output"];

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "asking",
        arity: 1,
        flags: FAST,
        acl: acl::CONNECTION,
        summary: "Says that a cluster client was sent here by an -ASK redirection.",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "cluster",
        arity: -2,
        flags: NONE,
        summary: "A container for cluster commands.",
        complexity: "Depends on subcommand.",
        subcommands: SUBCOMMANDS,
        run: Run::Container,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "readonly",
        arity: 1,
        flags: LOADING.and(STALE).and(FAST),
        acl: acl::CONNECTION,
        summary: "Lets a connection read from a replica of a cluster.",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "readwrite",
        arity: 1,
        flags: LOADING.and(STALE).and(FAST),
        acl: acl::CONNECTION,
        summary: "Has a connection read from primaries of a cluster only.",
        ..SUBCOMMAND
    },
];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "addslots",
        arity: -3,
        flags: CHANGE,
        summary: "Assigns slots to this node.",
        complexity: "O(N) where N is the total number of hash slot arguments",
        syntax: "slot [slot ...]",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "addslotsrange",
        arity: -4,
        flags: CHANGE,
        since: "7.0.0",
        summary: "Assigns ranges of slots to this node.",
        complexity: "O(N) where N is the number of slots in the ranges",
        syntax: "start-slot end-slot [start-slot end-slot ...]",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "bumpepoch",
        flags: CHANGE,
        summary: "Advances the cluster's configuration epoch.",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "count-failure-reports",
        arity: 3,
        flags: ADMIN.and(STALE),
        summary: "Returns how many nodes report a node as failing.",
        complexity: "O(N) where N is the number of failure reports",
        syntax: "node-id",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "countkeysinslot",
        arity: 3,
        summary: "Returns the number of keys in a slot.",
        syntax: "slot",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "delslots",
        arity: -3,
        flags: CHANGE,
        summary: "Makes slots unassigned for this node.",
        complexity: "O(N) where N is the total number of hash slot arguments",
        syntax: "slot [slot ...]",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "delslotsrange",
        arity: -4,
        flags: CHANGE,
        since: "7.0.0",
        summary: "Makes ranges of slots unassigned for this node.",
        complexity: "O(N) where N is the number of slots in the ranges",
        syntax: "start-slot end-slot [start-slot end-slot ...]",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "failover",
        arity: -2,
        flags: CHANGE,
        summary: "Has a replica take its primary's place.",
        syntax: "[FORCE | TAKEOVER]",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "flushslots",
        flags: CHANGE,
        summary: "Forgets all that this node knows of its slots.",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "forget",
        arity: 3,
        flags: CHANGE,
        summary: "Removes a node from the table of nodes.",
        syntax: "node-id",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "getkeysinslot",
        arity: 4,
        summary: "Returns names of keys in a slot.",
        complexity: "O(N) where N is the number of requested keys",
        syntax: "slot count",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec::help(SUBCOMMAND, "5.0.0", disabled),
    CommandSpec { name: "info", summary: "Returns the cluster's state.", tips: RANDOM, ..SUBCOMMAND },
    CommandSpec {
        name: "keyslot",
        arity: 3,
        summary: "Returns the slot of a key.",
        complexity: "O(N) where N is the number of bytes in the key",
        syntax: "key",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "links",
        since: "7.0.0",
        summary: "Returns the connections between this node and others.",
        complexity: "O(N) where N is the total number of Cluster nodes",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "meet",
        arity: -4,
        flags: CHANGE,
        summary: "Makes a node known to this one.",
        syntax: "ip port [cluster-bus-port]",
        history: &[("4.0.0", "Added the optional `cluster_bus_port` argument.")],
        ..SUBCOMMAND
    },
    CommandSpec { name: "myid", summary: "Returns this node's id.", ..SUBCOMMAND },
    CommandSpec {
        name: "myshardid",
        since: "7.2.0",
        summary: "Returns the id of this node's shard.",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "nodes",
        summary: "Returns the cluster's configuration as this node knows it.",
        complexity: "O(N) where N is the total number of Cluster nodes",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "replicas",
        arity: 3,
        flags: ADMIN.and(STALE),
        since: "5.0.0",
        summary: "Lists the replicas of a primary.",
        complexity: "O(N) where N is the number of replicas",
        syntax: "node-id",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "replicate",
        arity: 3,
        flags: CHANGE,
        summary: "Makes this node a replica of a primary.",
        syntax: "node-id",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "reset",
        arity: -2,
        flags: ADMIN.and(NOSCRIPT).and(STALE),
        summary: "Makes this node as new.",
        complexity: "O(N) where N is the number of known nodes",
        syntax: "[HARD | SOFT]",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "saveconfig",
        flags: CHANGE,
        summary: "Writes the cluster's configuration to disk.",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "set-config-epoch",
        arity: 3,
        flags: CHANGE,
        summary: "Sets the configuration epoch of a new node.",
        syntax: "config-epoch",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "setslot",
        arity: -4,
        flags: CHANGE,
        summary: "Binds a slot to a node.",
        syntax: "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>",
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "shards",
        since: "7.0.0",
        summary: "Returns the slots of each shard.",
        complexity: "O(N) where N is the total number of cluster nodes",
        tips: RANDOM,
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "slaves",
        arity: 3,
        flags: ADMIN.and(STALE),
        summary: "Lists the replicas of a primary.",
        complexity: "O(N) where N is the number of replicas",
        syntax: "node-id",
        tips: RANDOM,
        deprecated: Some(("5.0.0", "`CLUSTER REPLICAS`")),
        ..SUBCOMMAND
    },
    CommandSpec {
        name: "slots",
        summary: "Returns which node serves which slots.",
        complexity: "O(N) where N is the total number of Cluster nodes",
        history: &[("4.0.0", "Added node IDs."), ("7.0.0", "Added additional networking metadata field.")],
        tips: RANDOM,
        deprecated: Some(("7.0.0", "`CLUSTER SHARDS`")),
        ..SUBCOMMAND
    },
];

fn disabled(_: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    Err(CommandError::text("This instance has cluster support disabled"))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::check;

    #[test]
    fn there_is_no_cluster() {
        const DISABLED: &str = "-ERR This instance has cluster support disabled";
        check(&[
            ("CLUSTER INFO", DISABLED),
            ("CLUSTER HELP", DISABLED),
            ("CLUSTER KEYSLOT a", DISABLED),
            ("CLUSTER KEYSLOT", "-ERR wrong number of arguments for 'cluster|keyslot' command"),
            ("CLUSTER nosuch", "-ERR unknown subcommand 'nosuch'. Try CLUSTER HELP."),
            ("ASKING", DISABLED),
            ("READONLY", DISABLED),
            ("READWRITE", DISABLED),
        ]);
    }
}
