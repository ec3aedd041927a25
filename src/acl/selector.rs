//! A selector: one set of commands, keys and channels that go together. A user has one of its own, and any number more.

use super::catalogue::Catalogue;
use super::rule::{RuleError, has_spaces};
use dunlin_structures::glob;
use std::collections::BTreeMap;

/// What may be done to a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    pub read: bool,
    pub write: bool,
}

impl Access {
    const ALL: Self = Self { read: true, write: true };

    fn covers(self, needed: Self) -> bool {
        (self.read || !needed.read) && (self.write || !needed.write)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyPattern {
    pattern: Box<[u8]>,
    access: Access,
}

/// A rule of commands, as it is shown: `@read`, `config|get` or `select|0`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    allows: bool,
    what: Box<str>,
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    all_keys: bool,
    all_channels: bool,
    all_commands: bool,
    /// Began with `+@all`: its description does, too.
    from_all: bool,
    /// A bit for each command, by number.
    commands: Box<[u64]>,
    /// What has been said since `+@all` or `-@all`, in order, without what was said again.
    shown: Vec<Shown>,
    /// Commands that are allowed with these first arguments only.
    first_args: BTreeMap<usize, Vec<Box<[u8]>>>,
    keys: Vec<KeyPattern>,
    channels: Vec<Box<[u8]>>,
}

impl Selector {
    /// One that allows nothing, but for all channels if `all_channels` says so (`acl-pubsub-default`).
    pub fn new(catalogue: &Catalogue, all_channels: bool) -> Self {
        Self {
            all_keys: false,
            all_channels,
            all_commands: false,
            from_all: false,
            commands: vec![0; catalogue.len().div_ceil(64)].into(),
            shown: Vec::new(),
            first_args: BTreeMap::new(),
            keys: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// From what stands between the parentheses.
    ///
    /// # Errors
    /// The first rule's that is wrong.
    pub fn parse(catalogue: &Catalogue, all_channels: bool, rules: &[u8]) -> Result<Self, RuleError> {
        let mut selector = Self::new(catalogue, all_channels);
        for rule in rules.split(|byte| byte.is_ascii_whitespace()).filter(|rule| !rule.is_empty()) {
            // In a line of rules it would end the selector.
            if rule.ends_with(b")") {
                return Err(RuleError::Syntax);
            }
            selector.apply(catalogue, rule)?;
        }
        Ok(selector)
    }

    /// Obeys one rule.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn apply(&mut self, catalogue: &Catalogue, rule: &[u8]) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => (self.all_keys, self.keys) = (true, Vec::new()),
            b"resetkeys" => (self.all_keys, self.keys) = (false, Vec::new()),
            b"allchannels" | b"&*" => (self.all_channels, self.channels) = (true, Vec::new()),
            b"resetchannels" => (self.all_channels, self.channels) = (false, Vec::new()),
            b"allcommands" | b"+@all" => self.set_all_commands(true),
            b"nocommands" | b"-@all" => self.set_all_commands(false),
            _ => match rule {
                [b'~', pattern @ ..] => self.add_keys(pattern, Access::ALL)?,
                [b'%', rest @ ..] => {
                    let (access, pattern) = access(rest).ok_or(match self.all_keys {
                        true => RuleError::AfterAllKeys,
                        false => RuleError::Syntax,
                    })?;
                    self.add_keys(pattern, access)?;
                }
                [b'&', pattern @ ..] => self.add_channels(pattern)?,
                [sign @ (b'+' | b'-'), b'@', name @ ..] => {
                    self.set_category(catalogue, name, *sign == b'+')?
                }
                [b'+', name @ ..] => self.allow(catalogue, name)?,
                [b'-', name @ ..] => {
                    let number = catalogue.find(name).ok_or(RuleError::Unknown)?;
                    self.set_command(catalogue, number, false);
                    self.show(false, catalogue.entry(number).name);
                }
                _ => return Err(RuleError::Syntax),
            },
        }
        Ok(())
    }

    fn set_all_commands(&mut self, allows: bool) {
        self.commands.fill(if allows { u64::MAX } else { 0 });
        (self.all_commands, self.from_all) = (allows, allows);
        self.shown.clear();
        self.first_args.clear();
    }

    fn add_keys(&mut self, pattern: &[u8], access: Access) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AfterAllKeys);
        }
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => {
                known.access.read |= access.read;
                known.access.write |= access.write;
            }
            None => self.keys.push(KeyPattern { pattern: pattern.into(), access }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::AfterAllChannels);
        }
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.channels.iter().any(|known| **known == *pattern) {
            self.channels.push(pattern.into());
        }
        Ok(())
    }

    fn set_category(&mut self, catalogue: &Catalogue, name: &[u8], allows: bool) -> Result<(), RuleError> {
        let category = catalogue.category(name).ok_or(RuleError::Unknown)?;
        self.show(allows, &format!("@{}", String::from_utf8_lossy(name)));
        for number in catalogue.within(category) {
            self.set_command(catalogue, number, allows);
        }
        Ok(())
    }

    /// `+command`, `+command|subcommand`, or `+command|argument` where it has no subcommands.
    fn allow(&mut self, catalogue: &Catalogue, name: &[u8]) -> Result<(), RuleError> {
        let Some(bar) = memchr::memrchr(b'|', name) else {
            let number = catalogue.find(name).ok_or(RuleError::Unknown)?;
            self.set_command(catalogue, number, true);
            self.show(true, catalogue.entry(number).name);
            return Ok(());
        };
        let number = catalogue.find(&name[..bar]).ok_or(RuleError::Unknown)?;
        let entry = catalogue.entry(number);
        let argument = &name[bar + 1..];
        if entry.is_subcommand {
            return Err(RuleError::FirstArgumentOfSubcommand);
        }
        // A blank would end the rule where it is shown.
        let Some(text) =
            std::str::from_utf8(name).ok().filter(|_| !argument.is_empty() && !has_spaces(argument))
        else {
            return Err(RuleError::Syntax);
        };
        if entry.subcommands > 0 {
            let subcommand = catalogue.find(name).ok_or(RuleError::Unknown)?;
            self.set_command(catalogue, subcommand, true);
        } else {
            let known = self.first_args.entry(number).or_default();
            if !known.iter().any(|known| known.eq_ignore_ascii_case(argument)) {
                known.push(argument.into());
            }
        }
        self.show(true, text);
        Ok(())
    }

    /// With its subcommands.
    fn set_command(&mut self, catalogue: &Catalogue, number: usize, allows: bool) {
        self.first_args.remove(&number);
        for number in std::iter::once(number).chain(catalogue.subcommands(number)) {
            let (word, bit) = (number / 64, 1 << (number % 64));
            if allows {
                self.commands[word] |= bit;
            } else {
                self.commands[word] &= !bit;
                self.all_commands = false;
            }
        }
    }

    /// What was said before of the same, or of a part of it, holds no longer.
    fn show(&mut self, allows: bool, what: &str) {
        let what = what.to_ascii_lowercase();
        self.shown.retain(|rule| {
            let rest = rule.what.strip_prefix(what.as_str());
            !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        });
        self.shown.push(Shown { allows, what: what.into() });
    }

    /// Whether nothing needs to be looked at.
    pub fn allows_everything(&self) -> bool {
        self.all_commands && self.all_keys && self.all_channels
    }

    pub fn has_all_keys(&self) -> bool {
        self.all_keys
    }

    pub fn has_all_channels(&self) -> bool {
        self.all_channels
    }

    pub fn channels(&self) -> &[Box<[u8]>] {
        &self.channels
    }

    /// Whether the command may run, given its first argument.
    pub(super) fn allows_command(&self, number: usize, first_arg: Option<&[u8]>) -> bool {
        let has_bit = || self.commands.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1);
        let allows_first = |first: &[u8]| {
            let known = self.first_args.get(&number);
            known.is_some_and(|known| known.iter().any(|known| known.eq_ignore_ascii_case(first)))
        };
        self.all_commands || has_bit() || first_arg.is_some_and(allows_first)
    }

    pub(super) fn allows_key(&self, key: &[u8], needed: Access) -> bool {
        let allows =
            |known: &KeyPattern| known.access.covers(needed) && glob::matches(&known.pattern, key, false);
        self.all_keys || self.keys.iter().any(allows)
    }

    /// Whether every key may be read, also one that the request doesn't name.
    pub(super) fn allows_reading_all_keys(&self) -> bool {
        self.all_keys || self.keys.iter().any(|known| known.access.read && *known.pattern == *b"*")
    }

    /// A pattern that somebody subscribes to must stand in a rule as it is.
    pub(super) fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_channels || super::channels::match_any(&self.channels, channel, is_pattern)
    }

    /// The rules of commands, as GETUSER shows them.
    pub fn describe_commands(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.from_all { b"+@all" } else { b"-@all" });
        for rule in &self.shown {
            out.extend_from_slice(if rule.allows { b" +" } else { b" -" });
            out.extend_from_slice(rule.what.as_bytes());
        }
    }

    /// The patterns of keys, with blanks between them.
    pub fn describe_keys(&self, out: &mut Vec<u8>) {
        if self.all_keys {
            out.extend_from_slice(b"~*");
        }
        for (index, known) in self.keys.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            let may_be_all = *known.pattern == *b"*" && self.keys.len() > 1;
            out.extend_from_slice(match known.access {
                // `~*` would mean the end of all other patterns, and refuse those behind it.
                Access { read: true, write: true } if may_be_all => b"%RW~".as_slice(),
                Access { read: true, write: true } => b"~",
                Access { read: true, write: false } => b"%R~",
                Access { read: false, .. } => b"%W~",
            });
            out.extend_from_slice(&known.pattern);
        }
    }

    /// The patterns of channels, with blanks between them.
    pub fn describe_channels(&self, out: &mut Vec<u8>) {
        if self.all_channels {
            out.extend_from_slice(b"&*");
        }
        for (index, pattern) in self.channels.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b" &" } else { b"&" });
            out.extend_from_slice(pattern);
        }
    }

    /// All rules that make a new selector this one.
    pub fn describe(&self, out: &mut Vec<u8>) {
        self.describe_keys(out);
        if self.all_keys || !self.keys.is_empty() {
            out.push(b' ');
        }
        if !self.all_channels {
            out.extend_from_slice(b"resetchannels ");
        }
        self.describe_channels(out);
        if self.all_channels || !self.channels.is_empty() {
            out.push(b' ');
        }
        self.describe_commands(out);
    }
}

/// `R~pattern`, `W~pattern` or `RW~pattern`: what it allows, and the pattern.
fn access(rule: &[u8]) -> Option<(Access, &[u8])> {
    let mut access = Access::default();
    for (index, letter) in rule.iter().enumerate() {
        match letter.to_ascii_uppercase() {
            b'R' if !access.read => access.read = true,
            b'W' if !access.write => access.write = true,
            b'~' if access != Access::default() => return Some((access, &rule[index + 1..])),
            _ => return None,
        }
    }
    (access != Access::default()).then_some((access, b""))
}
