//! Where clients come in, and what one client may use.

use crate::config::setting::Class::{Accepted, Live, Refused};
use crate::config::setting::{Kind, Setting, TextRule, count, int, memory, port};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "bind",
        Kind::Words { max: 16 },
        "127.0.0.1",
        Live,
        "Addresses to listen on; one that begins with - may be missing.",
    ),
    Setting::new("port", port(), "6379", Live, "TCP port; 0 listens on none."),
    Setting::new("tcp-backlog", count(0), "511", Live, "Connections that may wait to be accepted.")
        .immutable(),
    Setting::text("unixsocket", "", Live, "Path of a unix socket to listen on; empty for none.").immutable(),
    Setting::new(
        "unixsocketperm",
        Kind::Octal { max: 0o777 },
        "0",
        Live,
        "Permissions of the unix socket; 0 leaves the umask's.",
    )
    .immutable(),
    Setting::flag("protected-mode", "yes", Live, "Without a password, refuse clients from other machines."),
    Setting::text("requirepass", "", Live, "Password of the default user; empty for none.").sensitive(),
    Setting::new("maxclients", int(1, u32::MAX as i64), "10000", Live, "Connections at one time."),
    Setting::new("timeout", count(0), "0", Live, "Seconds after which an idle client is closed; 0 never."),
    Setting::new(
        "tcp-keepalive",
        count(0),
        "300",
        Live,
        "Seconds between TCP keep-alive probes; 0 for none.",
    ),
    Setting::new(
        "client-query-buffer-limit",
        memory(1 << 20),
        "1073741824",
        Live,
        "Bytes of unexecuted requests a client may pile up.",
    ),
    Setting::new(
        "client-output-buffer-limit",
        Kind::BufferLimits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Live,
        "Bytes of unread replies after which a client is closed, by class.",
    ),
    Setting::new(
        "proto-max-bulk-len",
        memory(1 << 20),
        "536870912",
        Live,
        "Longest argument and string value, in bytes.",
    ),
    Setting::new(
        "maxmemory-clients",
        Kind::MemoryOrPercent,
        "0",
        Live,
        "Bytes that all clients may use together; 0 for no limit.",
    ),
    Setting::new(
        "tracking-table-max-keys",
        Kind::Int { min: 0, max: i64::MAX },
        "1000000",
        Live,
        "Keys remembered for client side caching.",
    ),
    Setting::text("bind-source-addr", "", Accepted, "Address that outgoing connections come from."),
    Setting::new(
        "socket-mark-id",
        int(0, u32::MAX as i64),
        "0",
        Refused("marking sockets is not supported"),
        "Mark put on listening sockets, for packet filters.",
    )
    .immutable(),
    Setting::new(
        "metrics-bind",
        Kind::Text(TextRule::SocketAddress),
        "127.0.0.1:9121",
        Live,
        "Address and port of /metrics, /healthz and /readyz; empty for none. Dunlin's own.",
    ),
];
