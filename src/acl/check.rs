//! Whether a user may do what a request asks for.

use super::selector::{Access, Selector};
use super::user::User;
use crate::resp::Args;
use smallvec::SmallVec;

/// An argument that is a key, and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    pub index: usize,
    pub read: bool,
    pub write: bool,
}

/// An argument that is a channel, or a pattern of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelUse {
    pub index: usize,
    pub is_pattern: bool,
}

/// What a request asks for.
pub struct Request<'a> {
    /// The command's number in the catalogue.
    pub command: usize,
    /// Nobody is refused the command (AUTH); its keys and channels are looked at all the same.
    pub is_for_all: bool,
    pub args: Args<'a>,
    pub keys: SmallVec<[KeyUse; 4]>,
    pub channels: SmallVec<[ChannelUse; 4]>,
}

/// What a user has no right to. Where several selectors refuse, the one that comes last here is told; of two keys, the
/// later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    Command,
    /// The argument at this place.
    Key(usize),
    Channel(usize),
}

/// Looks for a selector that allows all of the request.
///
/// # Errors
/// What is refused.
pub fn check(user: &User, request: &Request<'_>) -> Result<(), Denied> {
    let mut refused = Denied::Command;
    for selector in user.selectors() {
        match check_selector(selector, request) {
            Ok(()) => return Ok(()),
            Err(denied) => refused = refused.max(denied),
        }
    }
    Err(refused)
}

/// Whether the request may also read keys that it doesn't name (SORT BY).
pub fn may_read_all_keys(user: &User, request: &Request<'_>) -> bool {
    let may = |selector: &&Selector| {
        selector.allows_reading_all_keys() && check_selector(selector, request).is_ok()
    };
    user.selectors().iter().find(may).is_some()
}

fn check_selector(selector: &Selector, request: &Request<'_>) -> Result<(), Denied> {
    let args = request.args;
    if !request.is_for_all && !selector.allows_command(request.command, args.get(1)) {
        return Err(Denied::Command);
    }
    for key in &request.keys {
        let needed = Access { read: key.read, write: key.write };
        if !selector.allows_key(args.at(key.index), needed) {
            return Err(Denied::Key(key.index));
        }
    }
    for channel in &request.channels {
        if !selector.allows_channel(args.at(channel.index), channel.is_pattern) {
            return Err(Denied::Channel(channel.index));
        }
    }
    Ok(())
}
