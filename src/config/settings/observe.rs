//! What the server says about itself: log, slow log, latencies, events.

use crate::config::setting::Class::{Accepted, Live};
use crate::config::setting::{Kind, Setting, long};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "loglevel",
        Kind::Choice(&["debug", "verbose", "notice", "warning", "nothing"]),
        "notice",
        Live,
        "How much the log tells.",
    ),
    Setting::text("logfile", "", Live, "File of the log; empty for standard output.").immutable(),
    Setting::new(
        "log-format",
        Kind::Choice(&["human", "json"]),
        "human",
        Live,
        "Form of the log's lines. Dunlin's own.",
    ),
    Setting::flag("syslog-enabled", "no", Accepted, "Log to syslog.").immutable(),
    Setting::text("syslog-ident", "redis", Accepted, "Name in syslog.").immutable(),
    Setting::new(
        "syslog-facility",
        Kind::Choice(&[
            "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ]),
        "local0",
        Accepted,
        "Facility in syslog.",
    )
    .immutable(),
    Setting::flag("always-show-logo", "no", Accepted, "Show a logo in the log.").immutable(),
    Setting::flag("crash-log-enabled", "yes", Accepted, "Write a report when the server crashes."),
    Setting::flag("crash-memcheck-enabled", "yes", Accepted, "Test memory when the server crashes."),
    Setting::new(
        "slowlog-log-slower-than",
        long(-1),
        "10000",
        Live,
        "Microseconds from which a command is slow; -1 none, 0 all.",
    ),
    Setting::new("slowlog-max-len", long(0), "128", Live, "Entries of the slow log."),
    Setting::new(
        "latency-monitor-threshold",
        long(0),
        "0",
        Live,
        "Milliseconds from which LATENCY remembers an event; 0 never.",
    ),
    Setting::flag("latency-tracking", "yes", Live, "Keep a histogram of each command's latency."),
    Setting::new(
        "latency-tracking-info-percentiles",
        Kind::Percentiles,
        "50 99 99.9",
        Live,
        "Percentiles that INFO latencystats shows.",
    ),
    Setting::new("notify-keyspace-events", Kind::Events, "", Live, "Events of keys that are published."),
];
