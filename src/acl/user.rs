//! A user: a name, passwords, and selectors. Never changes: [`User::changed`] makes another.

use super::catalogue::Catalogue;
use super::password::Hash;
use super::rule::{RuleError, SetError, merged};
use super::selector::Selector;

/// Who clients are that have not said who they are.
pub const DEFAULT_USER: &[u8] = b"default";

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: Box<[u8]>,
    is_on: bool,
    /// Any password is right.
    needs_no_password: bool,
    /// RESTORE need not look at payloads closely; it does here all the same.
    skips_sanitizing: bool,
    passwords: Vec<Hash>,
    /// The user's own first.
    selectors: Vec<Selector>,
}

impl User {
    /// A new user, who may do nothing; but use all channels if `all_channels` says so (`acl-pubsub-default`).
    pub fn new(catalogue: &Catalogue, name: &[u8], all_channels: bool) -> Self {
        Self {
            name: name.into(),
            is_on: false,
            needs_no_password: false,
            skips_sanitizing: false,
            passwords: Vec::new(),
            selectors: vec![Selector::new(catalogue, all_channels)],
        }
    }

    /// The default user as nobody has changed it: it may do everything, without a password.
    pub fn unlimited(catalogue: &Catalogue) -> Self {
        let mut user = Self::new(catalogue, DEFAULT_USER, true);
        (user.is_on, user.needs_no_password) = (true, true);
        for rule in [b"+@all".as_slice(), b"~*", b"&*"] {
            let obeyed = user.selectors[0].apply(catalogue, rule);
            debug_assert_eq!(obeyed, Ok(()));
        }
        user
    }

    /// This user with all of these rules obeyed, which may stand in words of several arguments. `all_channels` is what
    /// `acl-pubsub-default` says.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn changed(
        &self,
        catalogue: &Catalogue,
        rules: &[&[u8]],
        all_channels: bool,
    ) -> Result<Self, SetError> {
        let rules = merged(rules).map_err(|start| SetError::Unmatched { start: start.to_vec() })?;
        let mut user = self.clone();
        for rule in rules {
            let obeyed = user.apply(catalogue, &rule, all_channels);
            obeyed.map_err(|error| SetError::Rule { rule: rule.into_owned(), error })?;
        }
        Ok(user)
    }

    /// Obeys one rule; an empty one says nothing.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn apply(&mut self, catalogue: &Catalogue, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => self.is_on = true,
            b"off" => self.is_on = false,
            b"skip-sanitize-payload" => self.skips_sanitizing = true,
            b"sanitize-payload" => self.skips_sanitizing = false,
            b"nopass" => (self.needs_no_password, self.passwords) = (true, Vec::new()),
            b"resetpass" => (self.needs_no_password, self.passwords) = (false, Vec::new()),
            b"clearselectors" => self.selectors.truncate(1),
            b"reset" => *self = Self::new(catalogue, &self.name, all_channels),
            _ => match rule {
                [b'>', password @ ..] => self.add_password(Hash::of(password)),
                [b'#', hash @ ..] => self.add_password(Hash::parse(hash).ok_or(RuleError::BadHash)?),
                [b'<', password @ ..] => self.remove_password(Hash::of(password))?,
                [b'!', hash @ ..] => self.remove_password(Hash::parse(hash).ok_or(RuleError::BadHash)?)?,
                [b'(', rules @ .., b')'] => {
                    self.selectors.push(Selector::parse(catalogue, all_channels, rules)?);
                }
                _ => self.selectors[0].apply(catalogue, rule)?,
            },
        }
        Ok(())
    }

    fn add_password(&mut self, hash: Hash) {
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.needs_no_password = false;
    }

    fn remove_password(&mut self, hash: Hash) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|known| *known == hash).ok_or(RuleError::NoSuchPassword)?;
        self.passwords.remove(at);
        Ok(())
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    pub fn is_on(&self) -> bool {
        self.is_on
    }

    pub fn needs_no_password(&self) -> bool {
        self.needs_no_password
    }

    pub fn passwords(&self) -> &[Hash] {
        &self.passwords
    }

    /// The user's own selector first.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// Whether nothing that this user asks for needs to be looked at.
    pub fn may_everything(&self) -> bool {
        self.selectors.iter().any(Selector::allows_everything)
    }

    /// Whether this password lets somebody in. All that are known are compared, so that time tells nothing.
    pub fn lets_in(&self, password: &[u8]) -> bool {
        let given = Hash::of(password);
        let is_right = self.passwords.iter().fold(false, |found, known| found | known.is_same(&given));
        self.is_on && (self.needs_no_password || is_right)
    }

    /// The words `on`, `nopass` and so on that are true of the user.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.is_on, "on"),
            (!self.is_on, "off"),
            (self.needs_no_password, "nopass"),
            (self.skips_sanitizing, "skip-sanitize-payload"),
            (!self.skips_sanitizing, "sanitize-payload"),
        ];
        flags.into_iter().filter(|(is_true, _)| *is_true).map(|(_, word)| word)
    }

    /// All rules that make a new user this one, as ACL LIST shows them.
    pub fn describe(&self, out: &mut Vec<u8>) {
        for flag in self.flags() {
            out.extend_from_slice(flag.as_bytes());
            out.push(b' ');
        }
        for password in &self.passwords {
            out.extend_from_slice(format!("#{} ", password.hex()).as_bytes());
        }
        for (index, selector) in self.selectors.iter().enumerate() {
            if index == 0 {
                selector.describe(out);
            } else {
                out.extend_from_slice(b" (");
                selector.describe(out);
                out.push(b')');
            }
        }
    }

    /// The line of a file that says who the user is: `user alice on ...`.
    pub fn line(&self) -> Vec<u8> {
        let mut line = [b"user ", &*self.name, b" "].concat();
        self.describe(&mut line);
        line
    }
}
