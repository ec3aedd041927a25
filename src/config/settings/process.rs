//! The process: its threads, its place in the system, what administrators may do, how it stops.

use crate::config::setting::Class::{Accepted, Live};
use crate::config::setting::{Kind, Setting, TextRule, count, int};

const ALLOWED: Kind = Kind::Choice(&["no", "yes", "local"]);
const ON_SIGNAL: Kind = Kind::Flags(&["default", "save", "nosave", "now", "force"]);

pub(super) const SETTINGS: &[Setting] = &[
    Setting::flag("daemonize", "no", Live, "Run in the background.").immutable(),
    Setting::text("pidfile", "", Live, "File that holds the process id while the server runs.").immutable(),
    Setting::new(
        "supervised",
        Kind::Choice(&["upstart", "systemd", "auto", "no"]),
        "no",
        Live,
        "Tell a supervisor when the server is ready.",
    )
    .immutable(),
    Setting::new("databases", int(1, u16::MAX as i64), "16", Live, "Databases that SELECT can choose from.")
        .immutable(),
    Setting::new(
        "io-threads",
        int(1, 128),
        "1",
        Live,
        "Workers, each on a thread of its own; the default is one a core.",
    )
    .immutable(),
    Setting::flag(
        "io-uring",
        "yes",
        Live,
        "Whether workers read and answer sockets that are ready together by one call, where the system can. Dunlin's own.",
    ),
    Setting::flag("io-threads-do-reads", "no", Accepted, "Whether threads read; workers always do.")
        .immutable(),
    Setting::new("enable-debug-command", ALLOWED, "no", Live, "Who may use DEBUG.").immutable(),
    Setting::new(
        "enable-protected-configs",
        ALLOWED,
        "no",
        Live,
        "Who may change protected settings by CONFIG SET.",
    )
    .immutable(),
    Setting::new(
        "enable-module-command",
        ALLOWED,
        "no",
        Accepted,
        "Who may use MODULE, which does not exist here.",
    )
    .immutable(),
    Setting::new("shutdown-timeout", count(0), "10", Live, "Seconds to wait for replicas at shutdown."),
    Setting::new("shutdown-on-sigint", ON_SIGNAL, "default", Live, "How SIGINT stops the server."),
    Setting::new("shutdown-on-sigterm", ON_SIGNAL, "default", Live, "How SIGTERM stops the server."),
    Setting::new(
        "hz",
        Kind::Clamped { min: 1, max: 500 },
        "10",
        Accepted,
        "How often background work runs, a second.",
    ),
    Setting::flag("dynamic-hz", "yes", Accepted, "Adapt hz to the number of clients."),
    Setting::flag(
        "activerehashing",
        "yes",
        Accepted,
        "Rehash tables in the background; Dunlin's tables grow in small steps.",
    ),
    Setting::new(
        "busy-reply-threshold",
        Kind::Int { min: 0, max: i64::MAX },
        "5000",
        Live,
        "Milliseconds after which those who wait for a script are told that it is slow; 0: never.",
    )
    .alias("lua-time-limit"),
    Setting::flag(
        "lua-enable-deprecated-api",
        "no",
        Accepted,
        "Give scripts getfenv, setfenv and newproxy; Dunlin's never have them.",
    )
    .immutable()
    .hidden(),
    Setting::new(
        "proc-title-template",
        Kind::Text(TextRule::ProcessTitle),
        "{title} {listen-addr} {server-mode}",
        Accepted,
        "The title that ps shows.",
    ),
    Setting::flag("set-proc-title", "yes", Accepted, "Change the title that ps shows.").immutable(),
    Setting::text("server_cpulist", "", Accepted, "Cores for the server's threads.").immutable(),
    Setting::text("bio_cpulist", "", Accepted, "Cores for background threads.").immutable(),
    Setting::text("aof_rewrite_cpulist", "", Accepted, "Cores for a rewriting child.").immutable(),
    Setting::text("bgsave_cpulist", "", Accepted, "Cores for a saving child.").immutable(),
    Setting::new(
        "oom-score-adj",
        Kind::Choice(&["no", "yes", "relative", "absolute"]),
        "no",
        Live,
        "Adjust the kernel's choice of whom to kill.",
    ),
    Setting::new(
        "oom-score-adj-values",
        Kind::OomScores,
        "0 200 800",
        Live,
        "Scores of master, replica and child.",
    ),
    Setting::flag("disable-thp", "yes", Accepted, "Turn off transparent huge pages.").immutable(),
    Setting::text("ignore-warnings", "", Accepted, "Start-up warnings to pass over."),
    Setting::text("locale-collate", "", Accepted, "Locale of SORT ALPHA."),
    Setting::flag("use-exit-on-panic", "no", Accepted, "Exit rather than abort after an assertion.").hidden(),
    Setting::new("watchdog-period", count(0), "0", Accepted, "Milliseconds of the debugging watchdog.")
        .hidden(),
    Setting::new("acllog-max-len", Kind::Int { min: 0, max: i64::MAX }, "128", Live, "Entries of ACL LOG."),
    Setting::new(
        "acl-pubsub-default",
        Kind::Choice(&["allchannels", "resetchannels"]),
        "resetchannels",
        Live,
        "Channels that new users may use.",
    ),
    Setting::text("aclfile", "", Live, "File of users.").immutable(),
];
