//! Finds commands by name: built once from the specs, read by every worker.

use crate::command::spec::{self, Begin, Categories, CommandSpec, Find, Flags, acl};
use crate::command::{FAMILIES, keys};
use crate::resp::Args;
use std::collections::HashMap;

/// A command as the server runs it: its spec, and what is worked out from it once.
pub struct Command {
    pub spec: &'static CommandSpec,
    /// Its place in [`Commands::all`], under which statistics are kept.
    pub id: usize,
    /// `config|get` for subcommands.
    pub full_name: &'static str,
    pub categories: Categories,
    pub key_pattern: KeyPattern,
    subcommands: HashMap<Box<[u8]>, usize>,
    pub subcommand_ids: Vec<usize>,
}

/// How dispatch finds the keys without walking the specs, where that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPattern {
    None,
    /// One key, at this index.
    One(usize),
    /// From `first` to the end, less `back`, each `step`th.
    Tail {
        first: usize,
        back: usize,
        step: usize,
    },
    General,
}

impl Command {
    #[inline]
    pub fn flags(&self) -> Flags {
        self.spec.flags
    }

    #[inline]
    pub fn accepts(&self, argc: usize) -> bool {
        let arity = self.spec.arity;
        if arity >= 0 { argc == arity as usize } else { argc >= arity.unsigned_abs() as usize }
    }

    /// All keys of a request, or `None` where specs and arguments disagree (the handler will complain).
    pub fn keys(&self, args: Args<'_>) -> Option<smallvec::SmallVec<[keys::KeyArg; 4]>> {
        keys::find(self.spec.keys, args)
    }

    /// As [`Command::keys`], with what this very request does to each, where that depends on its arguments.
    pub fn keys_and_flags(&self, args: Args<'_>) -> Option<smallvec::SmallVec<[keys::KeyArg; 4]>> {
        let mut keys = self.keys(args)?;
        for key in &mut keys {
            key.flags = keys::actual_flags(self.full_name, args, key.flags);
        }
        Some(keys)
    }
}

/// All commands.
pub struct Commands {
    all: Vec<Command>,
    index: NameIndex,
    /// By their own names, whatever clients must call them.
    originals: NameIndex,
    reset: usize,
}

impl Commands {
    /// Builds the table; `renames` maps names to what clients must say instead (empty: disabled).
    pub fn new(renames: &[(String, String)]) -> Self {
        let mut commands =
            Self { all: Vec::new(), index: NameIndex::default(), originals: NameIndex::default(), reset: 0 };
        for spec in FAMILIES.iter().flat_map(|family| family.iter()) {
            let id = commands.add(spec, None);
            commands.originals.insert(spec.name.as_bytes(), id);
            let rename = renames.iter().rev().find(|(from, _)| from.eq_ignore_ascii_case(spec.name));
            match rename {
                Some((_, to)) if to.is_empty() => {}
                Some((_, to)) => commands.index.insert(to.as_bytes(), id),
                None => commands.index.insert(spec.name.as_bytes(), id),
            }
        }
        commands.reset = commands.originals.find(b"reset").unwrap_or(usize::MAX);
        commands
    }

    fn add(&mut self, spec: &'static CommandSpec, parent: Option<&'static str>) -> usize {
        let id = self.all.len();
        let full_name: &'static str = match parent {
            // Once a start, for the life of the process.
            Some(parent) => Box::leak(format!("{parent}|{}", spec.name).into_boxed_str()),
            None => spec.name,
        };
        self.all.push(Command {
            spec,
            id,
            full_name,
            categories: categories(spec),
            key_pattern: key_pattern(spec),
            subcommands: HashMap::new(),
            subcommand_ids: Vec::new(),
        });
        for child in spec.subcommands {
            let child_id = self.add(child, Some(spec.name));
            self.all[id].subcommands.insert(child.name.as_bytes().into(), child_id);
            self.all[id].subcommand_ids.push(child_id);
        }
        id
    }

    /// The id of RESET, whatever it is called: what comes after it may have to authenticate again.
    #[inline]
    pub fn reset_id(&self) -> usize {
        self.reset
    }

    /// Commands and subcommands, by id.
    pub fn all(&self) -> &[Command] {
        &self.all
    }

    /// The top-level commands that clients can name.
    pub fn named(&self) -> impl Iterator<Item = &Command> {
        self.index.ids().map(|id| &self.all[id])
    }

    /// The command with this name, in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Command> {
        self.index.find(name).map(|id| &self.all[id])
    }

    /// The command that a log means: effects are composed with the commands' own names, and requests are logged as the
    /// client called them.
    pub fn find_logged(&self, name: &[u8]) -> Option<&Command> {
        let original = self.originals.find(name).map(|id| &self.all[id]);
        original.or_else(|| self.find(name))
    }

    /// The subcommand of a container, in any case.
    pub fn subcommand(&self, container: &Command, name: &[u8]) -> Option<&Command> {
        let id = container.subcommands.get(name.to_ascii_lowercase().as_slice())?;
        Some(&self.all[*id])
    }

    /// The subcommands of a container, in the order of its spec.
    pub fn subcommands(&self, container: &Command) -> impl Iterator<Item = &Command> {
        container.subcommand_ids.iter().map(|&id| &self.all[id])
    }

    /// `name` or `container|subcommand`, as COMMAND INFO and ACL write it.
    pub fn find_full(&self, name: &[u8]) -> Option<&Command> {
        match memchr::memchr(b'|', name) {
            Some(bar) => self.subcommand(self.find(&name[..bar])?, &name[bar + 1..]),
            None => self.find(name),
        }
    }
}

/// The categories that follow from the flags, beside the explicit ones: as Redis adds them.
fn categories(spec: &CommandSpec) -> Categories {
    let flags = spec.flags;
    let mut set = spec.acl;
    let mut add = |condition: bool, category: Categories| {
        if condition {
            set = set.and(category);
        }
    };
    add(flags.has(spec::WRITE), acl::WRITE);
    add(flags.has(spec::READONLY) && !spec.acl.has(acl::SCRIPTING), acl::READ);
    add(flags.has(spec::ADMIN), acl::ADMIN.and(acl::DANGEROUS));
    add(flags.has(spec::PUBSUB), acl::PUBSUB);
    add(flags.has(spec::FAST), acl::FAST);
    add(flags.has(spec::BLOCKING), acl::BLOCKING);
    add(!flags.has(spec::FAST), acl::SLOW);
    set
}

fn key_pattern(spec: &CommandSpec) -> KeyPattern {
    match spec.keys {
        [] => KeyPattern::None,
        [only] if !only.flags.has(spec::key::NOT_KEY) => match (only.begin, only.find) {
            (Begin::Index(first), Find::Range { last: 0, .. }) => KeyPattern::One(first as usize),
            (Begin::Index(first), Find::Range { last, step, limit: 0 | 1 }) if last < 0 => KeyPattern::Tail {
                first: first as usize,
                back: last.unsigned_abs() as usize - 1,
                step: step.max(1) as usize,
            },
            _ => KeyPattern::General,
        },
        _ => KeyPattern::General,
    }
}

/// The first and the last eight letters, the whole name, and the command's id.
type NameCell = (u64, u64, Box<[u8]>, usize);

/// An open-addressing index over the first eight letters, folded to lower case: a few compares a look-up.
#[derive(Default)]
struct NameIndex {
    /// A power of two, at most half full.
    cells: Vec<Option<NameCell>>,
    count: usize,
}

impl NameIndex {
    fn insert(&mut self, name: &[u8], id: usize) {
        if self.cells.len() < (self.count + 1) * 4 {
            let old = std::mem::take(&mut self.cells);
            self.cells.resize_with((old.len() * 2).max(64), || None);
            for (_, _, name, id) in old.into_iter().flatten() {
                self.place(name, id);
            }
        }
        let name = name.to_ascii_lowercase();
        // A later definition of a name (a rename onto it) wins.
        if let Some(at) = self.position(&name) {
            self.cells[at] = Some((head(&name), tail(&name), name.into(), id));
            return;
        }
        self.count += 1;
        self.place(name.into(), id);
    }

    fn place(&mut self, name: Box<[u8]>, id: usize) {
        let (head, tail) = (head(&name), tail(&name));
        let mut at = self.home(head, name.len());
        while self.cells[at].is_some() {
            at = (at + 1) & (self.cells.len() - 1);
        }
        self.cells[at] = Some((head, tail, name, id));
    }

    #[inline]
    fn home(&self, head: u64, len: usize) -> usize {
        let mixed = (head ^ (len as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as usize & (self.cells.len() - 1)
    }

    #[inline(always)]
    fn position(&self, name: &[u8]) -> Option<usize> {
        if self.cells.is_empty() {
            return None;
        }
        let head = head(name);
        let mut at = self.home(head, name.len());
        while let Some((cell_head, cell_tail, cell_name, _)) = &self.cells[at] {
            if *cell_head == head
                && cell_name.len() == name.len()
                && (name.len() <= 8 || *cell_tail == tail(name))
                && (name.len() <= 16 || cell_name.eq_ignore_ascii_case(name))
            {
                return Some(at);
            }
            at = (at + 1) & (self.cells.len() - 1);
        }
        None
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<usize> {
        let at = self.position(name)?;
        self.cells[at].as_ref().map(|(.., id)| *id)
    }

    fn ids(&self) -> impl Iterator<Item = usize> + '_ {
        self.cells.iter().flatten().map(|(.., id)| *id)
    }
}

/// As [`head`], for the last eight bytes.
#[inline]
fn tail(name: &[u8]) -> u64 {
    head(&name[name.len().saturating_sub(8)..])
}

/// The first eight bytes with letters folded to lower case; other bytes keep their identity.
#[inline]
fn head(name: &[u8]) -> u64 {
    // Reads that may overlap: no copy of unknown length, which would be a call.
    let word = if let Some(bytes) = name.first_chunk::<8>() {
        u64::from_le_bytes(*bytes)
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (name.len() - 4));
        u64::from(u32::from_le_bytes(*first)) | last
    } else if let [first, .., last] = *name {
        let middle = name.len() / 2;
        u64::from(first) | u64::from(name[middle]) << (8 * middle) | u64::from(last) << (8 * (name.len() - 1))
    } else {
        name.first().map_or(0, |&only| u64::from(only))
    };
    // A byte is an upper-case letter if adding 0x3f sets its top bit (>= 'A') and adding 0x25 doesn't (<= 'Z').
    let low = word & 0x7f7f_7f7f_7f7f_7f7f;
    let from_a = low + 0x3f3f_3f3f_3f3f_3f3f;
    let past_z = low + 0x2525_2525_2525_2525;
    let upper = from_a & !past_z & !word & 0x8080_8080_8080_8080;
    word | upper >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_touches_upper_case_letters_only() {
        for byte in 0..=255u8 {
            let expect = u64::from(byte.to_ascii_lowercase());
            assert_eq!(head(&[byte]), expect, "{byte}");
            assert_eq!(head(&[b'x', byte, b'Y']) >> 8 & 0xff, expect, "{byte}");
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_renames_are_obeyed() {
        let commands = Commands::new(&[("get".into(), "fetch".into()), ("SET".into(), String::new())]);
        assert_eq!(commands.find(b"FeTcH").map(|c| c.full_name), Some("get"));
        assert!(commands.find(b"get").is_none() && commands.find(b"set").is_none());
        for logged in [&b"fetch"[..], b"GET"] {
            assert_eq!(commands.find_logged(logged).map(|c| c.full_name), Some("get"));
        }
        assert!(commands.find_logged(b"set").is_some());
        assert!(commands.find(b"").is_none() && commands.find(b"pingping").is_none());
        for wrong in
            ["sismembes", "zrangebyscorf", "zrangebxscore", "georadiusbymember_rp", "georadiusbxmember_ro"]
        {
            assert!(commands.find(wrong.as_bytes()).is_none(), "{wrong}");
        }
        for command in commands.named().filter(|command| command.full_name != "get") {
            let name = command.full_name.to_ascii_uppercase();
            assert_eq!(commands.find(name.as_bytes()).map(|found| found.id), Some(command.id));
        }
        assert_eq!(commands.find(b"pInG").map(|c| c.full_name), Some("ping"));
        for command in commands.named() {
            assert_eq!(command.spec.name, command.spec.name.to_ascii_lowercase());
        }
    }
}
