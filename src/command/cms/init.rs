//! New sketches: CMS.INITBYDIM and CMS.INITBYPROB.

use super::NO_MEMORY;
use crate::command::room::room;
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::Change;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::cms::{self, CountMin, dimensions};
use dunlin_structures::number::{parse_f64, parse_i64};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "cms.initbydim",
        arity: 4,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::CMS,
        group: "module",
        since: "2.0.0",
        summary: "Creates a count-min sketch with that many counters in each of that many rows.",
        complexity: "O(1)",
        syntax: "key width depth",
        run: Run::OnKeys(initbydim),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "cms.initbyprob",
        arity: 4,
        flags: WRITE.and(DENYOOM).and(FAST),
        keys: &[KeySpec::one(1, key::RW.and(key::INSERT))],
        acl: acl::CMS,
        group: "module",
        since: "2.0.0",
        summary: "Creates a count-min sketch that is as large as an error and its probability demand.",
        complexity: "O(1)",
        syntax: "key error probability",
        run: Run::OnKeys(initbyprob),
        ..CommandSpec::BLANK
    },
];

const INVALID: CommandError = CommandError::coded("CMS: invalid init arguments");

fn initbydim(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    const CHANGE: Change<'static> = Change::request(EventClass::Silent, "cms.initbydim");
    create(cx, args.at(1), CHANGE, || {
        let positive = |index, text| {
            let number = parse_i64(args.at(index)).and_then(|number| u64::try_from(number).ok());
            number.filter(|number| *number > 0).ok_or(CommandError::coded(text))
        };
        Ok((positive(2, "CMS: invalid width")?, positive(3, "CMS: invalid depth")?))
    })
}

fn initbyprob(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    const CHANGE: Change<'static> = Change::request(EventClass::Silent, "cms.initbyprob");
    create(cx, args.at(1), CHANGE, || {
        let share = |index, text| {
            let number = parse_f64(args.at(index)).filter(|number| *number > 0.0 && *number < 1.0);
            number.ok_or(CommandError::coded(text))
        };
        let error = share(2, "CMS: invalid overestimation value")?;
        dimensions(error, share(3, "CMS: invalid prob value")?).ok_or(INVALID)
    })
}

fn create(
    cx: &mut Context<'_>,
    key: &[u8],
    change: Change<'_>,
    dimensions: impl FnOnce() -> Result<(u64, u64), CommandError>,
) -> CommandResult {
    let room = room(cx);
    let slot = cx.keys.write(key);
    if slot.exists() {
        return Err(CommandError::coded("CMS: key already exists"));
    }
    let (width, depth) = dimensions()?;
    if width.checked_mul(depth).is_none_or(|counters| i64::try_from(counters).is_err()) {
        return Err(INVALID);
    }
    let fits = cms::bytes(width, depth).is_some_and(|bytes| bytes <= room);
    let sketch = fits.then(|| CountMin::new(width, depth)).flatten();
    slot.place(Entry::module(key, sketch.ok_or(NO_MEMORY)?), change);
    cx.reply.ok();
    Ok(())
}
