//! Finding what is near: GEOSEARCH, GEOSEARCHSTORE, and the GEORADIUS commands that they replace.

use super::query::{Form, Order, Query, Target, parse};
use super::{reply_distance, reply_position};
use crate::command::spec::*;
use crate::command::zset::range::store;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, Reply};
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::geo::{Position, Shape, cover};
use dunlin_structures::packed::Item;
use dunlin_structures::zset::{Bound, Builder, ScoreRange, Zset};

/// A key behind a word.
/// The key where the result is stored, behind one of two options that may be given again: the last one counts.
const fn stored(word: &'static str, from: u16) -> KeySpec {
    const OTHERS: &[(&str, u16)] = &[("STORE", 1), ("STOREDIST", 1), ("COUNT", 1)];
    let find = Find::Range { last: 0, step: 1, limit: 0 };
    let begin = Begin::Option { word, told: Some(from as i16), from, others: OTHERS };
    KeySpec { notes: "", flags: key::OW.and(key::UPDATE), begin, find }
}

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "geosearch",
        arity: -7,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::GEO,
        group: "geo",
        since: "6.2.0",
        summary: "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle.",
        complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape",
        syntax: "key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
        history: &[("7.0.0", "Added support for uppercase unit names.")],
        run: Run::OnKeys(geosearch),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "geosearchstore",
        arity: -8,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::OW.and(key::UPDATE)), KeySpec::one(2, key::RO.and(key::ACCESS))],
        acl: acl::GEO,
        group: "geo",
        since: "6.2.0",
        summary: "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle, and store the result in another key.",
        complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape",
        syntax: "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
        history: &[("7.0.0", "Added support for uppercase unit names.")],
        run: Run::OnKeys(geosearchstore),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "georadius",
        arity: -6,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS)), stored("STORE", 6), stored("STOREDIST", 6)],
        acl: acl::GEO,
        group: "geo",
        since: "3.2.0",
        summary: "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a point.",
        complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
        syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key] [STOREDIST key]",
        history: &[
            ("6.2.0", "Added the `ANY` option for `COUNT`."),
            ("7.0.0", "Added support for uppercase unit names."),
        ],
        deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")),
        run: Run::OnKeys(georadius),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "georadius_ro",
        arity: -6,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::GEO,
        group: "geo",
        since: "3.2.10",
        summary: "A read-only variant for GEORADIUS.",
        complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
        syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
        history: &[("6.2.0", "Added the `ANY` option for `COUNT`.")],
        deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")),
        run: Run::OnKeys(georadius_ro),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "georadiusbymember",
        arity: -5,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS)), stored("STORE", 5), stored("STOREDIST", 5)],
        acl: acl::GEO,
        group: "geo",
        since: "3.2.0",
        summary: "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a member.",
        complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
        syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key] [STOREDIST key]",
        history: &[("7.0.0", "Added support for uppercase unit names.")],
        deprecated: Some((
            "6.2.0",
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
        )),
        run: Run::OnKeys(georadiusbymember),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "georadiusbymember_ro",
        arity: -5,
        flags: READONLY,
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::GEO,
        group: "geo",
        since: "3.2.10",
        summary: "A read-only variant for GEORADIUSBYMEMBER.",
        complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
        syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
        deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")),
        run: Run::OnKeys(georadiusbymember_ro),
        ..CommandSpec::BLANK
    },
];

/// A member inside of what is searched.
struct Found<'a> {
    member: Item<'a>,
    score: f64,
    position: Position,
    /// From the middle, in metres.
    distance: f64,
}

fn geosearch(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    answer(cx, args, 1, Form::Search, false)
}

fn geosearchstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    answer(cx, args, 2, Form::SearchStore, true)
}

fn georadius(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    answer(cx, args, 1, Form::AroundPosition, true)
}

fn georadius_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    answer(cx, args, 1, Form::AroundPosition, false)
}

fn georadiusbymember(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    answer(cx, args, 1, Form::AroundMember, true)
}

fn georadiusbymember_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    answer(cx, args, 1, Form::AroundMember, false)
}

fn answer(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    source: usize,
    form: Form,
    may_store: bool,
) -> CommandResult {
    let event = if form == Form::SearchStore { "geosearchstore" } else { "georadiusstore" };
    let entry = cx.keys.read_kind(args.at(source), Kind::Zset)?;
    let set = entry.as_ref().map(|entry| Zset::of(entry));
    let query = parse(args, form, may_store, set)?;
    let found = match (set, query.middle, &query.shape) {
        (Some(set), Some(middle), Some(shape)) => search(set, middle, shape, &query),
        _ => Vec::new(),
    };
    match query.target {
        Some(target) => {
            let result = result_to_store(&found, &query, target);
            drop(entry);
            store(cx, target.key, result, event);
        }
        None => {
            cx.reply.array(found.len());
            found.iter().for_each(|found| reply_found(&mut cx.reply, found, &query));
        }
    }
    Ok(())
}

/// What is inside the shape, in the order and number that are asked for.
fn search<'a>(set: Zset<'a>, middle: Position, shape: &Shape, query: &Query<'_>) -> Vec<Found<'a>> {
    let enough = if query.any { query.count } else { usize::MAX };
    let mut found = Vec::new();
    for (from, to) in cover(middle, shape) {
        if found.len() >= enough {
            break;
        }
        let range = ScoreRange { min: Bound::Included(from), max: Bound::Excluded(to) };
        for (member, score) in set.iter(set.ranks_of_scores(&range)) {
            let position = Position::of_score(score);
            if let Some(distance) = shape.distance_inside(middle, position) {
                found.push(Found { member, score, position, distance });
                if found.len() >= enough {
                    break;
                }
            }
        }
    }
    // The nearest ones, unless any will do.
    let order = match query.order {
        Order::None if query.count > 0 && !query.any => Order::Ascending,
        order => order,
    };
    let compare = |one: &Found<'_>, other: &Found<'_>| match order {
        Order::Descending => other.distance.total_cmp(&one.distance),
        Order::None | Order::Ascending => one.distance.total_cmp(&other.distance),
    };
    let wanted = if query.count == 0 { found.len() } else { query.count.min(found.len()) };
    if order != Order::None {
        if wanted < found.len() {
            found.select_nth_unstable_by(wanted, compare);
            found.truncate(wanted);
        }
        found.sort_by(compare);
    }
    found.truncate(wanted);
    found
}

fn result_to_store(found: &[Found<'_>], query: &Query<'_>, target: Target<'_>) -> Builder {
    let mut result = Builder::new();
    for found in found {
        let score = if target.distances { found.distance / query.metres } else { found.score };
        result.merge(found.member.text(&mut IntText::new()), |_| score);
    }
    result
}

fn reply_found(reply: &mut Reply<'_>, found: &Found<'_>, query: &Query<'_>) {
    let extras = [query.with_distance, query.with_hash, query.with_position];
    let extras = extras.iter().filter(|&&is_wanted| is_wanted).count();
    if extras > 0 {
        reply.array(1 + extras);
    }
    reply.bulk(found.member.text(&mut IntText::new()));
    if query.with_distance {
        reply_distance(reply, found.distance / query.metres);
    }
    if query.with_hash {
        reply.integer(found.score as i64);
    }
    if query.with_position {
        reply_position(reply, found.position);
    }
}
