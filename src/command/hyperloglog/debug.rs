//! What developers and tests look at sketches with: PFDEBUG and PFSELFTEST.

use super::{refusal, sketch};
use crate::command::spec::*;
use crate::command::string::value::computed;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, text};
use dunlin_structures::hll::{self, Layout, Pattern, Union};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "pfdebug",
        arity: 3,
        flags: WRITE.and(DENYOOM).and(ADMIN),
        keys: &[KeySpec::one(2, key::RW.and(key::ACCESS))],
        acl: acl::HYPERLOGLOG,
        group: "hyperloglog",
        since: "2.8.9",
        summary: "Internal commands for debugging HyperLogLog values.",
        complexity: "N/A",
        syntax: "subcommand key",
        run: Run::OnKeys(pfdebug),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "pfselftest",
        arity: 1,
        flags: ADMIN,
        acl: acl::HYPERLOGLOG,
        group: "hyperloglog",
        since: "2.8.9",
        summary: "An internal command for testing HyperLogLog values.",
        complexity: "N/A",
        run: Run::Unlocked(pfselftest),
        ..CommandSpec::BLANK
    },
];

fn pfdebug(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let mut slot = cx.keys.write(args.at(2));
    let Some((bytes, layout)) = sketch(&slot)? else {
        return Err(CommandError::text("The specified key does not exist"));
    };
    if args.is(1, "ENCODING") {
        cx.reply.simple(if layout == Layout::Dense { "dense" } else { "sparse" });
        return Ok(());
    }
    if args.is(1, "DECODE") {
        if layout == Layout::Dense {
            return Err(CommandError::text("HLL encoding is not sparse"));
        }
        cx.reply.bulk_str(&hll::sparse::describe(bytes).map_err(refusal)?);
        return Ok(());
    }
    let shows_registers = args.is(1, "GETREG");
    if !shows_registers && !args.is(1, "TODENSE") {
        let name = text::shown(args.at(1));
        return Err(CommandError::formatted(format!("Unknown PFDEBUG subcommand '{name}'")));
    }
    let mut union = Union::default();
    if shows_registers {
        union.merge(bytes).map_err(refusal)?;
    }
    if layout == Layout::Sparse {
        let dense = hll::sparse::to_dense(bytes).map_err(refusal)?.into();
        let change = Change::request(EventClass::Silent, "pfdebug");
        slot.update(change, |entry| entry.set_string(computed(&dense)));
    }
    if shows_registers {
        cx.reply.array(hll::REGISTERS);
        union.registers().iter().for_each(|value| cx.reply.integer(i64::from(*value)));
    } else {
        cx.reply.flag(layout == Layout::Sparse);
    }
    Ok(())
}

/// Adds elements to a sparse and a dense sketch, and compares both with each other and with how many there were.
fn pfselftest(cx: &mut Context<'_>, _: &mut Args<'_>) -> CommandResult {
    const ELEMENTS: u64 = 100_000;
    // Six times the standard error: no good sketch is that far off.
    let tolerance = 6.0 * 1.04 / (hll::REGISTERS as f64).sqrt();
    let limit = cx.server.thresholds.hll_sparse_bytes();
    let mut sketch = hll::empty();
    let mut dense = hll::sparse::to_dense(&sketch).map_err(refusal)?;
    let mut checkpoint = 1;
    let seed = cx.now() as u64;
    for number in 1..=ELEMENTS {
        let pattern = Pattern::of(&(number ^ seed << 20).to_le_bytes());
        let raised = hll::raise(&mut sketch, pattern, limit).map_err(refusal)?;
        if raised != hll::dense::raise(&mut dense, pattern) {
            return Err(CommandError::text("TESTFAILED dense/sparse disagree"));
        }
        if number == checkpoint {
            checkpoint *= 10;
            let cardinality = hll::count(&dense).map_err(refusal)?;
            if hll::count(&sketch) != Ok(cardinality) {
                return Err(CommandError::text("TESTFAILED dense/sparse disagree"));
            }
            let error = cardinality.abs_diff(number);
            if error as f64 > (tolerance * number as f64).ceil() {
                return Err(CommandError::formatted(format!(
                    "TESTFAILED Too big error. card:{number} abserr:{error}"
                )));
            }
        }
    }
    cx.reply.ok();
    Ok(())
}
