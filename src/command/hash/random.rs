//! HRANDFIELD: fields by chance.

use super::get::with_fields;
use super::value::{BLANK, reply_item};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::shard::below;
use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::fields::{FieldRef, Fields};
use std::collections::HashSet;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "hrandfield",
    arity: -2,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    since: "6.2.0",
    summary: "Returns one or more random fields from a hash.",
    complexity: "O(N) where N is the number of fields returned",
    syntax: "key [count [WITHVALUES]]",
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(hrandfield),
    ..BLANK
}];

/// The longest reply of fields that may repeat, about. Redis has no such bound: a client there gets what memory holds.
const REPEATED_BYTES_MAX: u64 = 256 << 20;
/// What a bulk's frame takes, about.
const BULK_BYTES: u64 = 8;

fn hrandfield(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    if args.len() == 2 {
        let found = with_fields(cx, args.at(1), |fields, reply| {
            fields.sample(&mut rand::random).map(|field| reply_item(reply, field.name))
        })?;
        if found.flatten().is_none() {
            cx.reply.null();
        }
        return Ok(());
    }
    let count = args.integer_at(2)?;
    if count == i64::MIN {
        return Err(CommandError::text(
            "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_values = args.len() == 4 && args.is(3, "WITHVALUES");
    if args.len() > 3 && !with_values {
        return Err(CommandError::Syntax);
    }
    if with_values && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(CommandError::OutOfRange);
    }
    let found = with_fields(cx, args.at(1), |fields, reply| {
        let mut picked = Picked { reply, with_values };
        if count < 0 {
            picked.repeatable(fields, count.unsigned_abs())
        } else {
            picked.distinct(fields, usize::try_from(count).unwrap_or(usize::MAX));
            Ok(())
        }
    })?;
    found.unwrap_or_else(|| {
        cx.reply.array(0);
        Ok(())
    })
}

/// Replies the fields that were picked.
struct Picked<'r, 'a> {
    reply: &'r mut Reply<'a>,
    with_values: bool,
}

impl Picked<'_, '_> {
    fn begin(&mut self, count: u64) {
        let flat = self.with_values && !self.reply.is_resp3();
        self.reply.array(if flat { count * 2 } else { count } as usize);
    }

    fn add(&mut self, field: FieldRef<'_>) {
        if self.with_values && self.reply.is_resp3() {
            self.reply.array(2);
        }
        reply_item(self.reply, field.name);
        if self.with_values {
            reply_item(self.reply, field.value);
        }
    }

    /// Each drawn by itself, so that one may come more than once.
    fn repeatable(&mut self, fields: &Fields<'_>, count: u64) -> CommandResult {
        let bytes = fields.mean_bytes() as u64 + BULK_BYTES;
        if count.saturating_mul(bytes) > REPEATED_BYTES_MAX {
            return Err(CommandError::OutOfRange);
        }
        self.begin(count);
        if fields.is_packed() {
            let all: Vec<_> = fields.iter().collect();
            for _ in 0..count {
                let index = below(all.len() as u64, rand::random()).unwrap_or(0);
                self.add(all[index as usize]);
            }
        } else {
            for _ in 0..count {
                if let Some(field) = fields.sample(&mut rand::random) {
                    self.add(field);
                }
            }
        }
        Ok(())
    }

    /// Up to `count` different ones.
    fn distinct(&mut self, fields: &Fields<'_>, count: usize) {
        /// If more than one of so many is wanted, all are gone through: drawing would meet too many twice.
        const SPARSE: usize = 3;
        let len = fields.len();
        let count = count.min(len);
        self.begin(count as u64);
        if count == len {
            fields.iter().for_each(|field| self.add(field));
        } else if fields.is_packed() || count.saturating_mul(SPARSE) > len {
            let mut all: Vec<_> = fields.iter().collect();
            for place in 0..count {
                let ahead = below((all.len() - place) as u64, rand::random()).unwrap_or(0);
                all.swap(place, place + ahead as usize);
                self.add(all[place]);
            }
        } else {
            let mut names = HashSet::with_capacity(count);
            while names.len() < count {
                let Some(field) = fields.sample(&mut rand::random) else { break };
                if names.insert(field.name.to_vec()) {
                    self.add(field);
                }
            }
        }
    }
}
