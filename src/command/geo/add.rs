//! Storing positions: GEOADD.

use super::position;
use crate::command::spec::*;
use crate::command::zset::add::{Options, add_pairs};
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "geoadd",
    arity: -5,
    flags: WRITE.and(DENYOOM),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
    acl: acl::GEO,
    group: "geo",
    since: "3.2.0",
    summary: "Add one or more geospatial items in the geospatial index represented using a sorted set.",
    complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    syntax: "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
    history: &[("6.2.0", "Added the `CH`, `NX` and `XX` options.")],
    run: Run::OnKeys(geoadd),
    ..CommandSpec::BLANK
}];

fn geoadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut options = Options::default();
    args.seek(2);
    loop {
        if args.accept("nx") {
            options.only_new = true;
        } else if args.accept("xx") {
            options.only_existing = true;
        } else if args.accept("ch") {
            options.count_changed = true;
        } else {
            break;
        }
    }
    let first = args.position();
    let is_odd = args.remaining() == 0 || !args.remaining().is_multiple_of(3);
    if is_odd || (options.only_new && options.only_existing) {
        return Err(CommandError::Syntax);
    }
    let mut scores = Vec::with_capacity(args.remaining() / 3);
    for index in (first..args.len()).step_by(3) {
        scores.push(position(args, index)?.score());
    }
    let members = args.from(first + 2).step_by(3);
    add_pairs(cx, args.at(1), options, scores.iter().copied().zip(members))
}
