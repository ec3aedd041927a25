//! INFO: the sections of the server's report, with the field names and the order of Redis 7.2.
//!
//! Every figure is measured, or a constant where the thing can't exist here (no fork, no modules). Fields of our own
//! begin with `dunlin_` or `server_name`.

mod memory;
mod sections;
mod statistics;

pub use sections::REDIS_VERSION;

use crate::keyspace::router::Survey;
use crate::observe::figures::{self, ShardTotals};
use crate::state::Server;
use std::fmt::{Display, Write};

/// One section.
struct Section {
    name: &'static str,
    title: &'static str,
    /// Part of a plain INFO.
    is_default: bool,
    write: fn(&Server, i64, &mut Lines),
}

const SECTIONS: &[Section] = &[
    Section { name: "server", title: "Server", is_default: true, write: sections::server },
    Section { name: "clients", title: "Clients", is_default: true, write: sections::clients },
    Section { name: "memory", title: "Memory", is_default: true, write: memory::memory },
    Section { name: "persistence", title: "Persistence", is_default: true, write: sections::persistence },
    Section { name: "stats", title: "Stats", is_default: true, write: statistics::stats },
    Section { name: "replication", title: "Replication", is_default: true, write: sections::replication },
    Section { name: "cpu", title: "CPU", is_default: true, write: sections::cpu },
    Section { name: "modules", title: "Modules", is_default: true, write: |_, _, _| {} },
    Section { name: "commandstats", title: "Commandstats", is_default: false, write: statistics::commands },
    Section { name: "errorstats", title: "Errorstats", is_default: true, write: statistics::errors },
    Section { name: "latencystats", title: "Latencystats", is_default: false, write: statistics::latencies },
    Section { name: "cluster", title: "Cluster", is_default: true, write: sections::cluster },
    Section { name: "keyspace", title: "Keyspace", is_default: true, write: sections::keyspace },
];

/// The report's lines: `name:value` and CRLF.
struct Lines {
    text: String,
    /// What the shards said, once for all sections.
    shards: ShardTotals,
}

impl Lines {
    fn add(&mut self, name: impl Display, value: impl Display) {
        // Writing to a String can't fail.
        let _ = write!(self.text, "{name}:{value}\r\n");
    }

    /// Constants: of what can't exist here.
    fn constants(&mut self, lines: &[(&str, &str)]) {
        lines.iter().for_each(|(name, value)| self.add(name, value));
    }

    fn bytes(&mut self, name: &str, bytes: u64) {
        self.add(name, bytes);
        self.add(format_args!("{name}_human"), crate::observe::memory::human(bytes));
    }
}

/// The sections that were asked for, each once and in their own order; the default ones if none was named. Unknown
/// names are left out, as in Redis. `now` in ms since 1970.
pub fn report(server: &Server, keyspace: &mut dyn Survey, names: &[&[u8]], now: i64) -> String {
    let is_named = |name: &str| names.iter().any(|given| given.eq_ignore_ascii_case(name.as_bytes()));
    let all = is_named("all") || is_named("everything");
    let default = names.is_empty() || is_named("default");
    let mut lines = Lines { text: String::new(), shards: figures::shards(keyspace, now) };
    for section in SECTIONS {
        if all || default && section.is_default || is_named(section.name) {
            let gap = if lines.text.is_empty() { "" } else { "\r\n" };
            let _ = write!(lines.text, "{gap}# {}\r\n", section.title);
            (section.write)(server, now, &mut lines);
        }
    }
    lines.text
}
