//! Numbers by their share: TDIGEST.MIN, MAX, QUANTILE and TRIMMED_MEAN.

use super::{READ, numbers, read, reply_doubles};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::number::parse_f64;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "tdigest.min",
        arity: 2,
        summary: "Returns the lowest number of a t-digest.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(min),
        ..READ
    },
    CommandSpec {
        name: "tdigest.max",
        arity: 2,
        summary: "Returns the highest number of a t-digest.",
        complexity: "O(1)",
        syntax: "key",
        run: Run::OnKeys(max),
        ..READ
    },
    CommandSpec {
        name: "tdigest.quantile",
        arity: -3,
        summary: "Estimates the numbers below which those shares of all numbers of a t-digest are.",
        complexity: "O(N) with N being the number of quantiles",
        syntax: "key quantile [quantile ...]",
        run: Run::OnKeys(quantile),
        ..READ
    },
    CommandSpec {
        name: "tdigest.trimmed_mean",
        arity: 4,
        flags: READONLY,
        summary: "Estimates the mean of those numbers of a t-digest that are between two quantiles.",
        complexity: "O(N) with N being the number of centroids",
        syntax: "key low_cut_quantile high_cut_quantile",
        run: Run::OnKeys(trimmed_mean),
        ..READ
    },
];

fn min(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let number = read(&mut cx.keys, args.at(1))?.min();
    cx.reply.double(number.unwrap_or(f64::NAN));
    Ok(())
}

fn max(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let number = read(&mut cx.keys, args.at(1))?.max();
    cx.reply.double(number.unwrap_or(f64::NAN));
    Ok(())
}

fn quantile(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let digest = read(&mut cx.keys, args.at(1))?;
    let quantiles = numbers(args, "T-Digest: error parsing quantile")?;
    if !quantiles.iter().all(|quantile| (0.0..=1.0).contains(quantile)) {
        return Err(CommandError::text("T-Digest: quantile should be in [0,1]"));
    }
    reply_doubles(&mut cx.reply, &digest.quantiles(&quantiles));
    Ok(())
}

fn trimmed_mean(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let digest = read(&mut cx.keys, args.at(1))?;
    let cut = |index, refusal| parse_f64(args.at(index)).ok_or(CommandError::text(refusal));
    let low = cut(2, "T-Digest: error parsing low_cut_percentile")?;
    let high = cut(3, "T-Digest: error parsing high_cut_percentile")?;
    if ![low, high].iter().all(|cut| (0.0..=1.0).contains(cut)) {
        return Err(CommandError::text(
            "T-Digest: low_cut_percentile and high_cut_percentile should be in [0,1]",
        ));
    }
    if low >= high {
        return Err(CommandError::text(
            "T-Digest: low_cut_percentile should be lower than high_cut_percentile",
        ));
    }
    cx.reply.double(digest.trimmed_mean(low, high));
    Ok(())
}
