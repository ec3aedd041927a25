//! One bit: SETBIT and GETBIT.

use super::{SET_BITS, bit_offset};
use crate::command::spec::*;
use crate::command::string::range::length_of;
use crate::command::string::value::computed;
use crate::command::{CommandResult, Context};
use crate::keyspace::door::Expiry;
use crate::resp::{Args, CommandError};
use dunlin_structures::bits;
use dunlin_structures::entry::IntText;
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "setbit",
        arity: 4,
        flags: WRITE.and(DENYOOM),
        keys: &[KeySpec::one(1, key::RW.and(key::ACCESS).and(key::UPDATE))],
        acl: acl::BITMAP,
        group: "bitmap",
        since: "2.2.0",
        summary: "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
        syntax: "key offset value",
        run: Run::OnKeys(setbit),
        ..CommandSpec::BLANK
    },
    CommandSpec {
        name: "getbit",
        arity: 3,
        flags: READONLY.and(FAST),
        keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
        acl: acl::BITMAP,
        group: "bitmap",
        since: "2.2.0",
        summary: "Returns a bit value by offset.",
        syntax: "key offset",
        run: Run::OnKeys(getbit),
        ..CommandSpec::BLANK
    },
];

fn setbit(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let limit = cx.string_len_max();
    let offset = bit_offset(args.at(2), None, limit)?;
    let on = match parse_i64(args.at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(CommandError::text("bit is not an integer or out of range")),
    };
    let end = (offset / 8) as usize + 1;
    let slot = cx.keys.write(args.at(1));
    let before = match slot.string()?.map(length_of) {
        Some(length) => {
            let flip = |entry: &mut dunlin_structures::Entry| {
                entry.with_bytes_mut(end, |bytes| bits::set_bit(bytes, offset, on)).unwrap_or(false)
            };
            // A bit that is as it was is no change, unless the string grew to hold it.
            let before = slot.edit_existing(flip, |before, announcer| {
                if length < end || *before != on {
                    announcer.change(SET_BITS);
                }
            });
            before.unwrap_or(false)
        }
        None => {
            let mut bytes = vec![0; end];
            bits::set_bit(&mut bytes, offset, on);
            slot.put_string(computed(&bytes.into()), Expiry::Clear, SET_BITS);
            false
        }
    };
    cx.reply.flag(before);
    Ok(())
}

fn getbit(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let limit = cx.string_len_max();
    let offset = bit_offset(args.at(2), None, limit)?;
    let mut text = IntText::new();
    let entry = cx.keys.read_string(args.at(1))?;
    let bytes = entry.as_ref().and_then(|entry| entry.string_bytes(&mut text)).unwrap_or_default();
    cx.reply.flag(bits::bit(bytes, offset));
    Ok(())
}
