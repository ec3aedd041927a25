//! Asking for positions and distances: GEOPOS, GEOHASH, GEODIST.

use super::{reply_distance, reply_position, unit};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::entry::Kind;
use dunlin_structures::geo::{Position, distance, geohash as text_of};
use dunlin_structures::zset::Zset;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "geopos",
        arity: -2,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::GEO,
        group: "geo",
        since: "3.2.0",
        summary: "Returns longitude and latitude of members of a geospatial index.",
        complexity: "O(N) where N is the number of members requested.",
        syntax: "key member [member ...]",
        run: Run::OnKeys(geopos),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "geohash",
        arity: -2,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::GEO,
        group: "geo",
        since: "3.2.0",
        summary: "Returns members of a geospatial index as standard geohash strings.",
        complexity: "O(log(N)) for each member requested, where N is the number of elements in the sorted set.",
        syntax: "key member [member ...]",
        run: Run::OnKeys(geohash),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "geodist",
        arity: -4,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::GEO,
        group: "geo",
        since: "3.2.0",
        summary: "Returns the distance between two members of a geospatial index.",
        complexity: "O(log(N))",
        syntax: "key member1 member2 [M | KM | FT | MI]",
        run: Run::OnKeys(geodist),
        ..CommandSpec::BLANK
    },
];

fn geopos(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    cx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match entry.as_ref().and_then(|entry| Zset::of(entry).score(member)) {
            Some(score) => reply_position(&mut cx.reply, Position::of_score(score)),
            None => cx.reply.null_array(),
        }
    }
    Ok(())
}

fn geohash(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    cx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match entry.as_ref().and_then(|entry| Zset::of(entry).score(member)) {
            Some(score) => cx.reply.bulk(&text_of(Position::of_score(score))),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

fn geodist(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() > 5 {
        return Err(CommandError::Syntax);
    }
    let metres = args.get(4).map_or(Ok(1.0), unit)?;
    let entry = cx.keys.read_kind(args.at(1), Kind::Zset)?;
    let positions = entry.and_then(|entry| {
        let position = |member| Zset::of(&entry).score(member).map(Position::of_score);
        Some((position(args.at(2))?, position(args.at(3))?))
    });
    match positions {
        Some((one, other)) => reply_distance(&mut cx.reply, distance(one, other) / metres),
        None => cx.reply.null(),
    }
    Ok(())
}
