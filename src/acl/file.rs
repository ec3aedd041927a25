//! A file of users: a line `user NAME RULES...` each. Read as a whole or not at all.

use super::catalogue::Catalogue;
use super::rule::{RuleError, has_spaces, merged};
use super::user::User;
use std::collections::HashSet;

const NO_CHANGE: &str =
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

/// The users of a file, in the order of their lines.
///
/// # Errors
/// Everything that is wrong with it, in Redis' words; `path` is how the file is called there.
pub fn parse(
    catalogue: &Catalogue,
    text: &[u8],
    path: &str,
    all_channels: bool,
) -> Result<Vec<User>, String> {
    let mut users: Vec<User> = Vec::new();
    let mut names = HashSet::new();
    let mut errors = String::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        let line = trimmed(line, b" \t\r\n");
        if line.is_empty() {
            continue;
        }
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let [b"user", name, rules @ ..] = words.as_slice() else {
            errors += &format!("{path}:{number} should start with user keyword followed by the username. ");
            continue;
        };
        let shown_name = String::from_utf8_lossy(name);
        if has_spaces(name) {
            errors += &format!("'{path}:{number}: username '{shown_name}' contains invalid characters. ");
            continue;
        }
        if !names.insert(*name) {
            errors += &format!("WARNING: Duplicate user '{shown_name}' found on line {number}. ");
            continue;
        }
        let mut user = User::new(catalogue, name, all_channels);
        let Ok(rules) = merged(rules) else {
            errors += &format!("{path}:{number}: Unmatched parenthesis in selector definition.");
            continue;
        };
        let mut has_failed = false;
        for rule in &rules {
            let rule = trimmed(rule, b"\t\r\n");
            match user.apply(catalogue, rule, all_channels) {
                Ok(()) => {}
                // No secret can be in this one.
                Err(error @ RuleError::Unknown) => {
                    let rule = String::from_utf8_lossy(rule);
                    errors += &format!("{path}:{number}: Error in applying operation '{rule}': {error}. ");
                }
                Err(error) if !has_failed => {
                    errors += &format!("{path}:{number}: {error}. ");
                    has_failed = true;
                }
                Err(_) => {}
            }
        }
        users.push(user);
    }
    if errors.is_empty() { Ok(users) } else { Err(errors + NO_CHANGE) }
}

/// The text of a file with these users.
pub fn render<'a>(users: impl Iterator<Item = &'a User>) -> Vec<u8> {
    let mut text = Vec::new();
    for user in users {
        text.extend_from_slice(&user.line());
        text.push(b'\n');
    }
    text
}

fn trimmed<'a>(text: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    let is_word = |byte: &u8| !blanks.contains(byte);
    let start = text.iter().position(is_word).unwrap_or(text.len());
    let end = text.iter().rposition(is_word).map_or(start, |last| last + 1);
    &text[start..end]
}
