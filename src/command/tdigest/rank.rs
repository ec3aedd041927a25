//! Ranks, and shares of what is below: TDIGEST.CDF, RANK, REVRANK, BYRANK and BYREVRANK.

use super::{READ, numbers, read, reply_doubles};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::number::parse_i64;
use dunlin_structures::tdigest::Order;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "tdigest.cdf",
        arity: -3,
        summary: "Estimates which share of a t-digest's numbers is below a number, half of those equal to it included.",
        complexity: "O(N) with N being the number of values",
        syntax: "key value [value ...]",
        run: Run::OnKeys(cdf),
        ..READ
    },
    CommandSpec {
        name: "tdigest.rank",
        arity: -3,
        summary: "Estimates how many of a t-digest's numbers are below a number, half of those equal to it included.",
        complexity: "O(N) with N being the number of values",
        syntax: "key value [value ...]",
        run: Run::OnKeys(|cx, args| rank(cx, args, Order::Ascending)),
        ..READ
    },
    CommandSpec {
        name: "tdigest.revrank",
        arity: -3,
        summary: "Estimates how many of a t-digest's numbers are above a number, half of those equal to it included.",
        complexity: "O(N) with N being the number of values",
        syntax: "key value [value ...]",
        run: Run::OnKeys(|cx, args| rank(cx, args, Order::Descending)),
        ..READ
    },
    CommandSpec {
        name: "tdigest.byrank",
        arity: -3,
        summary: "Estimates the numbers of those ranks in a t-digest, counted from the lowest.",
        complexity: "O(N) with N being the number of ranks",
        syntax: "key rank [rank ...]",
        run: Run::OnKeys(|cx, args| by_rank(cx, args, Order::Ascending)),
        ..READ
    },
    CommandSpec {
        name: "tdigest.byrevrank",
        arity: -3,
        summary: "Estimates the numbers of those ranks in a t-digest, counted from the highest.",
        complexity: "O(N) with N being the number of ranks",
        syntax: "key reverse_rank [reverse_rank ...]",
        run: Run::OnKeys(|cx, args| by_rank(cx, args, Order::Descending)),
        ..READ
    },
];

fn cdf(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let digest = read(&mut cx.keys, args.at(1))?;
    let numbers = numbers(args, "T-Digest: error parsing cdf")?;
    let shares: Vec<_> = numbers.iter().map(|number| digest.cdf(*number)).collect();
    reply_doubles(&mut cx.reply, &shares);
    Ok(())
}

fn rank(cx: &mut Context<'_>, args: &mut Args<'_>, order: Order) -> CommandResult {
    let digest = read(&mut cx.keys, args.at(1))?;
    let numbers = numbers(args, "T-Digest: error parsing value")?;
    cx.reply.array(numbers.len());
    for number in numbers {
        cx.reply.integer(digest.rank(number, order));
    }
    Ok(())
}

fn by_rank(cx: &mut Context<'_>, args: &mut Args<'_>, order: Order) -> CommandResult {
    let digest = read(&mut cx.keys, args.at(1))?;
    let rank = |arg| {
        let rank = parse_i64(arg).ok_or(CommandError::text("T-Digest: error parsing rank"))?;
        u64::try_from(rank).map_err(|_| CommandError::text("T-Digest: rank needs to be non negative"))
    };
    let ranks = args.from(2).map(rank).collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<_> = ranks.iter().map(|rank| digest.by_rank(*rank, order)).collect();
    reply_doubles(&mut cx.reply, &numbers);
    Ok(())
}
