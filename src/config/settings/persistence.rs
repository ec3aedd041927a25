//! What is kept on disk.

use crate::config::setting::Class::{Accepted, Live};
use crate::config::setting::{Kind, Setting, TextRule, count, int, long, memory};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("dir", Kind::Directory, ".", Live, "The data directory.").protected().always_rewritten(),
    Setting::flag("appendonly", "no", Live, "Log every write, and replay the log at the start."),
    Setting::new(
        "appendfsync",
        Kind::Choice(&["everysec", "always", "no"]),
        "everysec",
        Live,
        "When the log is forced to disk.",
    ),
    Setting::new(
        "appendfilename",
        Kind::Text(TextRule::BaseName { empty: false }),
        "appendonly.aof",
        Live,
        "Beginning of the names of the log's files.",
    )
    .immutable(),
    Setting::new(
        "appenddirname",
        Kind::Text(TextRule::BaseDirectory),
        "appendonlydir",
        Live,
        "Directory of the log, in the data directory.",
    )
    .immutable(),
    Setting::flag(
        "aof-load-truncated",
        "yes",
        Live,
        "Cut a torn end off the log at the start, rather than stop.",
    ),
    Setting::new(
        "auto-aof-rewrite-percentage",
        count(0),
        "100",
        Live,
        "Growth at which the log is rewritten, in percent; 0 never.",
    ),
    Setting::new(
        "auto-aof-rewrite-min-size",
        memory(0),
        "67108864",
        Live,
        "Size below which the log is not rewritten by itself, in bytes.",
    ),
    Setting::flag("aof-use-rdb-preamble", "yes", Accepted, "Begin a rewritten log with an RDB file."),
    Setting::flag("aof-timestamp-enabled", "no", Accepted, "Write times into the log."),
    Setting::flag(
        "aof-rewrite-incremental-fsync",
        "yes",
        Accepted,
        "Force a rewritten log to disk bit by bit.",
    ),
    Setting::flag(
        "no-appendfsync-on-rewrite",
        "no",
        Accepted,
        "Do not force the log to disk during a rewrite; Dunlin always does.",
    ),
    Setting::flag("aof-disable-auto-gc", "no", Accepted, "Keep old files of the log.").hidden(),
    Setting::new(
        "save",
        Kind::Save,
        "3600 1 300 100 60 10000",
        Accepted,
        "When an RDB file is written: seconds and changes.",
    ),
    Setting::new(
        "dbfilename",
        Kind::Text(TextRule::BaseName { empty: true }),
        "dump.rdb",
        Accepted,
        "Name of the RDB file.",
    )
    .protected(),
    Setting::flag(
        "rdbcompression",
        "yes",
        Live,
        "Compress long strings in what DUMP and DEBUG RELOAD write.",
    ),
    Setting::flag("rdbchecksum", "yes", Accepted, "Put a checksum at the end of RDB files.").immutable(),
    Setting::flag("rdb-save-incremental-fsync", "yes", Accepted, "Force an RDB file to disk bit by bit."),
    Setting::flag("rdb-del-sync-files", "no", Accepted, "Delete RDB files that came from a master."),
    Setting::flag(
        "stop-writes-on-bgsave-error",
        "yes",
        Accepted,
        "Refuse writes when an RDB file could not be written.",
    ),
    Setting::new(
        "sanitize-dump-payload",
        Kind::Choice(&["no", "yes", "clients"]),
        "no",
        Accepted,
        "Check what RESTORE is given; Dunlin always does.",
    ),
    Setting::new(
        "rdb-key-save-delay",
        int(i32::MIN as i64, i32::MAX as i64),
        "0",
        Accepted,
        "Microseconds to wait at each saved key.",
    )
    .hidden(),
    Setting::new(
        "key-load-delay",
        int(i32::MIN as i64, i32::MAX as i64),
        "0",
        Accepted,
        "Microseconds to wait at each loaded key.",
    )
    .hidden(),
    Setting::new(
        "loading-process-events-interval-bytes",
        int(1024, i32::MAX as i64),
        "2097152",
        Accepted,
        "Bytes loaded between two looks at clients.",
    )
    .hidden(),
    Setting::new("stream-node-max-bytes", memory(0), "4096", Live, "Bytes of one block of a stream."),
    Setting::new("stream-node-max-entries", long(0), "100", Live, "Entries of one block of a stream."),
];
