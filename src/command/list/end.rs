//! The words for a list's ends, in requests, effects and events.

use crate::resp::{Args, CommandError};
use dunlin_structures::list::End;

/// The next argument: LEFT or RIGHT.
pub(super) fn parse(args: &mut Args<'_>) -> Result<End, CommandError> {
    if args.accept("LEFT") {
        Ok(End::Head)
    } else if args.accept("RIGHT") {
        Ok(End::Tail)
    } else {
        Err(CommandError::Syntax)
    }
}

pub(super) const fn word(end: End) -> &'static [u8] {
    match end {
        End::Head => b"LEFT",
        End::Tail => b"RIGHT",
    }
}

pub(super) const fn push_event(end: End) -> &'static str {
    match end {
        End::Head => "lpush",
        End::Tail => "rpush",
    }
}

pub(super) const fn pop_event(end: End) -> &'static str {
    match end {
        End::Head => "lpop",
        End::Tail => "rpop",
    }
}

pub(super) const fn push_command(end: End) -> &'static [u8] {
    match end {
        End::Head => b"LPUSH",
        End::Tail => b"RPUSH",
    }
}

pub(super) const fn pop_command(end: End) -> &'static [u8] {
    match end {
        End::Head => b"LPOP",
        End::Tail => b"RPOP",
    }
}
