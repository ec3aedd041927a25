//! What one row of the settings table says: name, kind, default, when it may change, and whether it does anything here.

/// What a setting does in this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It has the effect that its documentation says.
    Live,
    /// It changes nothing here: taken for compatibility, kept, shown, and listed once in the log at the start.
    Accepted,
    /// Ignoring it would change access, data or safety, and what it asks for is not built: any value but the
    /// default is refused, with this reason.
    Refused(&'static str),
}

/// When a setting may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// CONFIG SET works.
    Settable,
    /// Only at the start.
    Immutable,
    /// By CONFIG SET only where `enable-protected-configs` allows it.
    Protected,
}

/// Which texts are good for a [`Kind::Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextRule {
    Any,
    /// A name without a directory; may it be empty?
    BaseName {
        empty: bool,
    },
    /// A directory's name without its parent; not empty.
    BaseDirectory,
    /// Letters, digits, hyphens, dots.
    HostName,
    /// Printable, without blanks and the characters that CLUSTER NODES uses.
    NodeName,
    /// `{variable}` parts must be known ones.
    ProcessTitle,
    /// `address:port`, `[address]:port`, or empty for none.
    SocketAddress,
}

/// How a setting is read from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `yes` or `no`.
    Flag,
    /// A whole number in a range, both ends included.
    Int { min: i64, max: i64 },
    /// A whole number from 0 up that is moved into the range silently.
    Clamped { min: i64, max: i64 },
    /// Bytes, with an optional unit (`1gb`).
    Memory { min: u64, max: u64 },
    /// Bytes, or `n%` of maxmemory.
    MemoryOrPercent,
    /// Permission bits in octal.
    Octal { max: u32 },
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Several of some words; the first one stands for none of the others.
    Flags(&'static [&'static str]),
    /// A text of one argument.
    Text(TextRule),
    /// A directory's path, which is made absolute where it is set.
    Directory,
    /// Several texts, at most so many.
    Words { max: usize },
    /// `seconds changes` pairs.
    Save,
    /// `class hard soft seconds` groups.
    BufferLimits,
    /// Three numbers, for master, replica and background child.
    OomScores,
    /// Numbers from 0 to 100.
    Percentiles,
    /// Letters of keyspace event classes.
    Events,
    /// `host port`, or `no one`.
    ReplicaOf,
}

impl Kind {
    /// True when the directive takes several arguments, so that a single one is split again at blanks.
    pub fn takes_many(self) -> bool {
        match self {
            Kind::Flag
            | Kind::Int { .. }
            | Kind::Clamped { .. }
            | Kind::Memory { .. }
            | Kind::MemoryOrPercent
            | Kind::Octal { .. }
            | Kind::Choice(_)
            | Kind::Text(_)
            | Kind::Directory
            | Kind::Events => false,
            Kind::Flags(_)
            | Kind::Words { .. }
            | Kind::Save
            | Kind::BufferLimits
            | Kind::OomScores
            | Kind::Percentiles
            | Kind::ReplicaOf => true,
        }
    }

    /// What a right value looks like, to end the sentence "`name` takes ...".
    pub fn describe(self) -> String {
        match self {
            Kind::Flag => "yes or no".into(),
            Kind::Int { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Clamped { .. } => format!("a whole number from 0 to {}", i32::MAX),
            Kind::Memory { min: 0, max: _ } => "a number of bytes, such as 100mb or 2gb".into(),
            Kind::Memory { min, max: _ } => format!("a number of bytes from {min} up, such as 100mb or 2gb"),
            Kind::MemoryOrPercent => "a number of bytes, such as 100mb, or a percentage of maxmemory, such as 5%".into(),
            Kind::Octal { max } => format!("permissions in octal, from 0 to {max:o}, such as 700"),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Flags(words) => format!("one or more of {}", words.join(", ")),
            Kind::Text(rule) => match rule {
                TextRule::Any => "one text; quote it if it has blanks",
                TextRule::BaseName { .. } => "the name of a file, without a directory",
                TextRule::BaseDirectory => "the name of a directory, without its parent",
                TextRule::HostName => "a host name of letters, digits, hyphens and dots",
                TextRule::NodeName => "a name without blanks",
                TextRule::ProcessTitle => "a text whose {variables} are known ones, such as {title} or {listen-addr}",
                TextRule::SocketAddress => "an address and port, such as 127.0.0.1:9121, or \"\" for none",
            }
            .into(),
            Kind::Directory => "the path of a directory".into(),
            Kind::Words { max } => format!("up to {max} words"),
            Kind::Save => "pairs of seconds and changes, such as 3600 1 300 100, or \"\" for none".into(),
            Kind::BufferLimits => {
                "groups of class (normal, replica or pubsub), hard limit, soft limit and seconds, such as pubsub 32mb 8mb 60"
                    .into()
            }
            Kind::OomScores => "three numbers from -2000 to 2000".into(),
            Kind::Percentiles => "numbers from 0 to 100, such as 50 99 99.9, or \"\" for none".into(),
            Kind::Events => "letters out of Ag$lshzxeKEtmdn, or \"\" for none".into(),
            Kind::ReplicaOf => "a host and a port, or no one".into(),
        }
    }
}

/// One row of the table. Rows are built by the `const` functions below, which read like sentences.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    /// An older name: found, shown and matched by CONFIG GET like the name itself.
    pub alias: Option<&'static str>,
    pub kind: Kind,
    /// The value nobody asked for, as CONFIG GET shows it.
    pub default: &'static str,
    pub runtime: Runtime,
    /// Shown by CONFIG GET only when named exactly.
    pub hidden: bool,
    /// Holds a secret: kept out of logs.
    pub sensitive: bool,
    /// Kept up to date in redis.conf by CONFIG REWRITE even where it has its default.
    pub always_rewritten: bool,
    pub class: Class,
    /// One line for people.
    pub doc: &'static str,
}

impl Setting {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        class: Class,
        doc: &'static str,
    ) -> Self {
        Setting {
            name,
            alias: None,
            kind,
            default,
            runtime: Runtime::Settable,
            hidden: false,
            sensitive: false,
            always_rewritten: false,
            class,
            doc,
        }
    }

    pub(super) const fn flag(
        name: &'static str,
        default: &'static str,
        class: Class,
        doc: &'static str,
    ) -> Self {
        Self::new(name, Kind::Flag, default, class, doc)
    }

    pub(super) const fn text(
        name: &'static str,
        default: &'static str,
        class: Class,
        doc: &'static str,
    ) -> Self {
        Self::new(name, Kind::Text(TextRule::Any), default, class, doc)
    }

    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(super) const fn immutable(mut self) -> Self {
        self.runtime = Runtime::Immutable;
        self
    }

    pub(super) const fn protected(mut self) -> Self {
        self.runtime = Runtime::Protected;
        self
    }

    pub(super) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    pub(super) const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    pub(super) const fn always_rewritten(mut self) -> Self {
        self.always_rewritten = true;
        self
    }
}

pub(super) const fn int(min: i64, max: i64) -> Kind {
    Kind::Int { min, max }
}

/// From 0 (or what `min` says) to the largest C `int`.
pub(super) const fn count(min: i64) -> Kind {
    Kind::Int { min, max: i32::MAX as i64 }
}

/// From 0 (or what `min` says) to the largest C `long`.
pub(super) const fn long(min: i64) -> Kind {
    Kind::Int { min, max: i64::MAX }
}

pub(super) const fn port() -> Kind {
    int(0, 65535)
}

pub(super) const fn memory(min: u64) -> Kind {
    Kind::Memory { min, max: i64::MAX as u64 }
}
