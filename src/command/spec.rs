//! What a command's spec says of it, in the words of COMMAND INFO and COMMAND DOCS.

use crate::command::CommandResult;
use crate::command::context::Context;
use crate::command::dispatch::{self, Unit};
use crate::command::table::Command;
use crate::keyspace::door::Known;
use crate::resp::{Args, CommandError, Output};
use crate::session::Session;

/// A command or subcommand. `CommandSpec { name: .., ..CommandSpec::BLANK }` spares what does not apply.
pub struct CommandSpec {
    /// Lower case; a subcommand's is its own word only.
    pub name: &'static str,
    /// As Redis counts: the name included; negative: at least that many.
    pub arity: i16,
    pub flags: Flags,
    pub keys: &'static [KeySpec],
    /// Explicit ACL categories; those that follow from flags and group are added by the table.
    pub acl: Categories,
    pub group: &'static str,
    pub since: &'static str,
    pub summary: &'static str,
    pub complexity: &'static str,
    /// The arguments as redis.io writes them, such as `key [NX | XX] [GET]`; COMMAND DOCS parses it.
    pub syntax: &'static str,
    /// Version and what changed in it.
    pub history: &'static [(&'static str, &'static str)],
    pub tips: &'static [&'static str],
    /// The version in which it was deprecated, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    pub subcommands: &'static [CommandSpec],
    /// Where it names elements, so that they can be looked for ahead.
    pub elements: Elements,
    pub run: Run,
}

/// Where a request names elements of the collection at its first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements {
    /// The index of the first one; 0: it names none.
    pub first: usize,
    /// How far the next one is; 0: there is none.
    pub step: usize,
    /// Whether their places in the order are asked for.
    pub ranked: bool,
}

impl Elements {
    pub const NONE: Self = Self { first: 0, step: 0, ranked: false };
    /// One, behind the key.
    pub const ONE: Self = Self { first: 2, ..Self::NONE };
    /// One, the last of three arguments behind the name.
    pub const LAST_OF_THREE: Self = Self { first: 3, ..Self::NONE };
    /// All arguments behind the key.
    pub const ALL: Self = Self { step: 1, ..Self::ONE };
    /// Every other argument behind the key, the first included.
    pub const BEFORE_VALUES: Self = Self { step: 2, ..Self::ONE };
    /// Every other argument behind the key, the first left out.
    pub const BEHIND_SCORES: Self = Self { first: 3, step: 2, ranked: false };
    /// One, behind the key, whose rank is asked for.
    pub const RANKED: Self = Self { ranked: true, ..Self::ONE };
}

/// What runs a command.
#[derive(Clone, Copy)]
pub enum Run {
    /// The shards of the request's keys are locked, in order, while it runs.
    OnKeys(Handler),
    /// As [`Run::OnKeys`], or as [`Run::OnAll`] for requests that may reach further keys (SORT BY).
    OnKeysOrAll(Handler, fn(Args<'_>) -> bool),
    /// Every shard is locked while it runs (FLUSHALL, SWAPDB).
    OnAll(Handler),
    /// Nothing is locked; it may take shards one at a time.
    Unlocked(Handler),
    /// It is a unit of several commands, which locks and runs them itself (EXEC).
    Whole(Whole),
    /// It has subcommands only.
    Container,
    /// It has subcommands; this runs, with nothing locked, when none is named (COMMAND).
    Bare(Handler),
}

/// A command's function. It must report every error before it changes anything.
pub type Handler = fn(&mut Context<'_>, &mut Args<'_>) -> CommandResult;

/// The function of a command that runs others. It leaves replies out itself where CLIENT REPLY says so, and returns what
/// its own reply waits for.
pub type Whole = fn(
    &mut Unit<'_>,
    &mut Session,
    &Command,
    Args<'_>,
    &[Known],
    &mut Output,
) -> Result<dispatch::Whole, CommandError>;

impl CommandSpec {
    pub const BLANK: Self = Self {
        name: "",
        arity: 0,
        flags: Flags(0),
        keys: &[],
        acl: Categories(0),
        group: "generic",
        since: "1.0.0",
        summary: "",
        complexity: "O(1)",
        syntax: "",
        history: &[],
        tips: &[],
        deprecated: None,
        subcommands: &[],
        elements: Elements::NONE,
        run: Run::Container,
    };

    /// HELP, which is the same in every container whose other subcommands are as `like`.
    pub const fn help(like: Self, since: &'static str, handler: Handler) -> Self {
        Self {
            name: "help",
            arity: 2,
            flags: LOADING.and(STALE),
            keys: &[],
            since,
            summary: "Returns helpful text about the different subcommands.",
            syntax: "",
            tips: &[],
            run: Run::Unlocked(handler),
            ..like
        }
    }
}

/// A set of command flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Both sets; usable in constants.
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

pub const NONE: Flags = Flags(0);
pub const WRITE: Flags = Flags(1 << 0);
pub const READONLY: Flags = Flags(1 << 1);
pub const DENYOOM: Flags = Flags(1 << 2);
pub const ADMIN: Flags = Flags(1 << 3);
pub const PUBSUB: Flags = Flags(1 << 4);
pub const NOSCRIPT: Flags = Flags(1 << 5);
pub const BLOCKING: Flags = Flags(1 << 6);
pub const LOADING: Flags = Flags(1 << 7);
pub const STALE: Flags = Flags(1 << 8);
pub const SKIP_MONITOR: Flags = Flags(1 << 9);
pub const SKIP_SLOWLOG: Flags = Flags(1 << 10);
pub const ASKING: Flags = Flags(1 << 11);
pub const FAST: Flags = Flags(1 << 12);
pub const NO_AUTH: Flags = Flags(1 << 13);
pub const MAY_REPLICATE: Flags = Flags(1 << 14);
pub const NO_MANDATORY_KEYS: Flags = Flags(1 << 15);
pub const PROTECTED: Flags = Flags(1 << 16);
pub const NO_ASYNC_LOADING: Flags = Flags(1 << 17);
pub const NO_MULTI: Flags = Flags(1 << 18);
pub const ALLOW_BUSY: Flags = Flags(1 << 19);
pub const MOVABLE_KEYS: Flags = Flags(1 << 20);
/// Not shown: runs at once inside of MULTI, too.
pub const NOT_QUEUED: Flags = Flags(1 << 27);
/// Not shown: may run in RESP2 while the client has subscribed to something.
pub const WHILE_SUBSCRIBED: Flags = Flags(1 << 26);
/// Not shown: what it answers are pushes, which CLIENT REPLY does not keep back.
pub const PUSHES: Flags = Flags(1 << 25);
/// Not shown: reads the whole dataset (KEYS, SCAN, DBSIZE): a unit of several commands that holds shards holds them all.
pub const READS_ALL: Flags = Flags(1 << 28);
/// Not shown: CLIENT PAUSE does not hold it (Redis: its ALLOW_BUSY commands and those of an operator).
pub const NEVER_PAUSED: Flags = Flags(1 << 29);
/// Not shown: of a value it mostly reads the beginning only, so the rest is not fetched ahead.
pub const READS_HEAD: Flags = Flags(1 << 30);

/// The flags that clients are told of, by their names, in Redis' order.
pub const FLAG_NAMES: &[(Flags, &str)] = &[
    (WRITE, "write"),
    (READONLY, "readonly"),
    (DENYOOM, "denyoom"),
    (ADMIN, "admin"),
    (PUBSUB, "pubsub"),
    (NOSCRIPT, "noscript"),
    (BLOCKING, "blocking"),
    (LOADING, "loading"),
    (STALE, "stale"),
    (SKIP_MONITOR, "skip_monitor"),
    (SKIP_SLOWLOG, "skip_slowlog"),
    (ASKING, "asking"),
    (FAST, "fast"),
    (NO_AUTH, "no_auth"),
    (MAY_REPLICATE, "may_replicate"),
    (NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (PROTECTED, "protected"),
    (NO_ASYNC_LOADING, "no_async_loading"),
    (NO_MULTI, "no_multi"),
    (ALLOW_BUSY, "allow_busy"),
    (MOVABLE_KEYS, "movablekeys"),
];

/// A set of ACL categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categories(pub u32);

impl Categories {
    pub const fn and(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    pub const fn has(self, other: Categories) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The ACL categories.
pub mod acl {
    use super::Categories;
    pub const NONE: Categories = Categories(0);
    pub const KEYSPACE: Categories = Categories(1 << 0);
    pub const READ: Categories = Categories(1 << 1);
    pub const WRITE: Categories = Categories(1 << 2);
    pub const SET: Categories = Categories(1 << 3);
    pub const SORTED_SET: Categories = Categories(1 << 4);
    pub const LIST: Categories = Categories(1 << 5);
    pub const HASH: Categories = Categories(1 << 6);
    pub const STRING: Categories = Categories(1 << 7);
    pub const BITMAP: Categories = Categories(1 << 8);
    pub const HYPERLOGLOG: Categories = Categories(1 << 9);
    pub const GEO: Categories = Categories(1 << 10);
    pub const STREAM: Categories = Categories(1 << 11);
    pub const PUBSUB: Categories = Categories(1 << 12);
    pub const ADMIN: Categories = Categories(1 << 13);
    pub const FAST: Categories = Categories(1 << 14);
    pub const SLOW: Categories = Categories(1 << 15);
    pub const BLOCKING: Categories = Categories(1 << 16);
    pub const DANGEROUS: Categories = Categories(1 << 17);
    pub const CONNECTION: Categories = Categories(1 << 18);
    pub const TRANSACTION: Categories = Categories(1 << 19);
    pub const SCRIPTING: Categories = Categories(1 << 20);
    pub const BLOOM: Categories = Categories(1 << 21);
    pub const CUCKOO: Categories = Categories(1 << 22);
    pub const CMS: Categories = Categories(1 << 23);
    pub const TOPK: Categories = Categories(1 << 24);
    pub const TDIGEST: Categories = Categories(1 << 25);

    /// All categories by name, in Redis' order: those of module types last.
    pub const NAMES: &[(Categories, &str)] = &[
        (KEYSPACE, "keyspace"),
        (READ, "read"),
        (WRITE, "write"),
        (SET, "set"),
        (SORTED_SET, "sortedset"),
        (LIST, "list"),
        (HASH, "hash"),
        (STRING, "string"),
        (BITMAP, "bitmap"),
        (HYPERLOGLOG, "hyperloglog"),
        (GEO, "geo"),
        (STREAM, "stream"),
        (PUBSUB, "pubsub"),
        (ADMIN, "admin"),
        (FAST, "fast"),
        (SLOW, "slow"),
        (BLOCKING, "blocking"),
        (DANGEROUS, "dangerous"),
        (CONNECTION, "connection"),
        (TRANSACTION, "transaction"),
        (SCRIPTING, "scripting"),
        (BLOOM, "bloom"),
        (CUCKOO, "cuckoo"),
        (CMS, "cms"),
        (TOPK, "topk"),
        (TDIGEST, "tdigest"),
    ];
}

/// Where keys stand among the arguments, and what happens to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    pub notes: &'static str,
    pub flags: KeyFlags,
    pub begin: Begin,
    pub find: Find,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Index(u16),
    /// Told as an index: the argument there, unless such a word stands among options from an index on. The others take
    /// so many arguments.
    IndexUnless {
        index: u16,
        word: &'static str,
        from: u16,
        others: &'static [(&'static str, u16)],
    },
    /// Behind this word, looked for from an index on (negative: from the end, backwards).
    Keyword(&'static str, i16),
    /// Told as a keyword that is looked for from `told` on: behind the first such word among options that stand from an
    /// index on. The others take so many arguments, any of which may be that word.
    KeywordAmong {
        word: &'static str,
        told: i16,
        from: u16,
        others: &'static [(&'static str, u16)],
    },
    Unknown,
    /// Behind the last such word among options that stand from an index on: the one that counts. The others take so many
    /// arguments. Told as a keyword that is looked for from `told` on, or as unknown.
    Option {
        word: &'static str,
        told: Option<i16>,
        from: u16,
        others: &'static [(&'static str, u16)],
    },
}

/// Which arguments from there on are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// `last` counts from the beginning, or from the end if negative; `limit` 2 means the first half, and so on.
    Range {
        last: i16,
        step: u16,
        limit: u16,
    },
    /// A count stands at `count`, the first key at `first` (both from the beginning).
    Counted {
        count: u16,
        first: u16,
        step: u16,
    },
    Unknown,
}

/// What a command does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFlags(pub u16);

impl KeyFlags {
    pub const fn and(self, other: KeyFlags) -> KeyFlags {
        KeyFlags(self.0 | other.0)
    }

    pub const fn has(self, other: KeyFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The flags of key specs.
pub mod key {
    use super::KeyFlags;
    pub const RO: KeyFlags = KeyFlags(1 << 0);
    pub const RW: KeyFlags = KeyFlags(1 << 1);
    pub const OW: KeyFlags = KeyFlags(1 << 2);
    pub const RM: KeyFlags = KeyFlags(1 << 3);
    pub const ACCESS: KeyFlags = KeyFlags(1 << 4);
    pub const UPDATE: KeyFlags = KeyFlags(1 << 5);
    pub const INSERT: KeyFlags = KeyFlags(1 << 6);
    pub const DELETE: KeyFlags = KeyFlags(1 << 7);
    pub const NOT_KEY: KeyFlags = KeyFlags(1 << 8);
    pub const INCOMPLETE: KeyFlags = KeyFlags(1 << 9);
    pub const VARIABLE_FLAGS: KeyFlags = KeyFlags(1 << 10);

    /// All key flags by name, in Redis' order.
    pub const NAMES: &[(KeyFlags, &str)] = &[
        (RO, "RO"),
        (RW, "RW"),
        (OW, "OW"),
        (RM, "RM"),
        (ACCESS, "access"),
        (UPDATE, "update"),
        (INSERT, "insert"),
        (DELETE, "delete"),
        (NOT_KEY, "not_key"),
        (INCOMPLETE, "incomplete"),
        (VARIABLE_FLAGS, "variable_flags"),
    ];
}

impl KeySpec {
    /// One key at `index`.
    pub const fn one(index: u16, flags: KeyFlags) -> Self {
        Self::range(index, 0, 1, flags)
    }

    /// Keys from `first` on; `last` counts from there, or from the end if negative.
    pub const fn range(first: u16, last: i16, step: u16, flags: KeyFlags) -> Self {
        Self { notes: "", flags, begin: Begin::Index(first), find: Find::Range { last, step, limit: 0 } }
    }

    /// Keys behind their number, which stands at `index`.
    pub const fn counted(index: u16, flags: KeyFlags) -> Self {
        let find = Find::Counted { count: 0, first: 1, step: 1 };
        Self { notes: "", flags, begin: Begin::Index(index), find }
    }

    pub const fn note(self, notes: &'static str) -> Self {
        Self { notes, ..self }
    }
}
