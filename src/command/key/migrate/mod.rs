//! MIGRATE: gives keys to another server, by DUMP here and RESTORE there.
//!
//! A thread of its own sends them while the client is parked, and nobody else is held up. So a key may change meanwhile:
//! it is deleted here only if it is still what was sent; if it is not, it is sent again.

mod transfer;

use crate::command::key::{as_del, deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_storage::rdb::entry;
use transfer::{Report, Sent, Target};

/// A key that changes each time it is sent is given up after so many times.
const ATTEMPTS_MAX: u32 = 8;
/// In ms, where the request says none.
const TIMEOUT_MS: i64 = 1000;
/// Options with arguments, any of which may be the word KEYS.
const OPTIONS: &[(&str, u16)] = &[("AUTH", 1), ("AUTH2", 2)];
const TAKEN: KeyFlags = key::RW.and(key::ACCESS).and(key::DELETE);

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "migrate",
    arity: -6,
    flags: WRITE.and(MOVABLE_KEYS),
    keys: &[
        KeySpec {
            notes: "",
            flags: TAKEN,
            begin: Begin::IndexUnless { index: 3, word: "KEYS", from: 6, others: OPTIONS },
            find: Find::Range { last: 0, step: 1, limit: 0 },
        },
        KeySpec {
            notes: "",
            flags: TAKEN.and(key::INCOMPLETE),
            begin: Begin::KeywordAmong { word: "KEYS", told: -2, from: 6, others: OPTIONS },
            find: Find::Range { last: -1, step: 1, limit: 0 },
        },
    ],
    acl: acl::KEYSPACE.and(acl::DANGEROUS),
    since: "2.6.0",
    summary: "Moves keys to another server.",
    complexity: "O(N) where N is the size of the values, as DUMP and DEL here and RESTORE there",
    syntax: "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] \
             [KEYS key [key ...]]",
    history: &[
        ("3.0.0", "Added the `COPY` and `REPLACE` options."),
        ("3.0.6", "Added the `KEYS` option."),
        ("4.0.7", "Added the `AUTH` option."),
        ("6.0.0", "Added the `AUTH2` option."),
    ],
    tips: &["nondeterministic_output"],
    run: Run::OnKeys(migrate),
    ..CommandSpec::BLANK
}];

/// What was asked for.
struct Plan {
    target: Target,
    copies: bool,
    replaces: bool,
    /// The keys are the arguments from here on.
    keys_from: usize,
    keys_to: usize,
}

impl Plan {
    fn parse(args: &mut Args<'_>) -> Result<Self, CommandError> {
        let (mut copies, mut replaces, mut login) = (false, false, Vec::new());
        let (mut keys_from, mut keys_to) = (3, 4);
        args.seek(6);
        while args.remaining() > 0 {
            if args.accept("COPY") {
                copies = true;
            } else if args.accept("REPLACE") {
                replaces = true;
            } else if args.remaining() > 1 && args.accept("AUTH") {
                login = vec![args.required()?.to_vec()];
            } else if args.remaining() > 2 && args.accept("AUTH2") {
                login = vec![args.required()?.to_vec(), args.required()?.to_vec()];
            } else if args.accept("KEYS") {
                if !args.at(3).is_empty() {
                    return Err(CommandError::text(
                        "When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                (keys_from, keys_to) = (args.position(), args.len());
                break;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let timeout_ms = args.integer_at(5)?;
        let db = args.integer_at(4)?;
        let target = Target {
            host: String::from_utf8_lossy(args.at(1)).into_owned(),
            port: String::from_utf8_lossy(args.at(2)).into_owned(),
            db,
            timeout_ms: if timeout_ms <= 0 { TIMEOUT_MS } else { timeout_ms }.unsigned_abs(),
            login,
        };
        Ok(Self { target, copies, replaces, keys_from, keys_to })
    }
}

fn migrate(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let plan = Plan::parse(args)?;
    let Some(server) = cx.server.this.upgrade() else { return Ok(()) };
    let mut keys: Vec<usize> = (plan.keys_from..plan.keys_to).collect();
    let mut report = cx.found::<Report>();
    let (mut attempt, mut replaces) = (0, plan.replaces);
    loop {
        if let Some(report) = report.take() {
            keys = if plan.copies { Vec::new() } else { delete_sent(cx, *args, &report) };
            attempt = report.attempt;
            if let Some(error) = report.error {
                return Err(error);
            }
            if !keys.is_empty() && attempt >= ATTEMPTS_MAX {
                return Err(CommandError::text(
                    "a key changed each time it was sent, and was not deleted here",
                ));
            }
            // What is there now is what was sent before.
            replaces = true;
        }
        let sent = dump_all(cx, *args, &keys)?;
        if sent.is_empty() {
            if attempt == 0 {
                cx.reply.simple("NOKEY");
            } else {
                cx.reply.ok();
            }
            return Ok(());
        }
        let (target, server) = (plan.target.clone(), server.clone());
        let names = sent.iter().map(|sent| args.at(sent.index).to_vec()).collect();
        let work = move || transfer::send(&server, &target, sent, names, replaces, attempt + 1);
        report = cx.aside_for("migrate", work)?;
        if report.is_none() {
            return Ok(());
        }
    }
}

/// Those of the keys that are there, as they are now.
fn dump_all(cx: &mut Context<'_>, args: Args<'_>, keys: &[usize]) -> Result<Vec<Sent>, CommandError> {
    let compresses = cx.server.settings.snapshot().rdb_compression();
    let now = cx.now();
    let mut sent = Vec::new();
    for &index in keys {
        let Some(entry) = cx.keys.read(args.at(index)) else { continue };
        let expire_at = entry.expire_at();
        let payload = entry::dump(&entry, compresses)
            .ok_or(CommandError::text("this type of value has no serialized form"))?;
        let ttl = expire_at.map_or(0, |at| (at - now).max(1));
        sent.push(Sent { index, payload, expire_at, ttl });
    }
    Ok(sent)
}

/// Deletes what the target has taken and is still what was sent. Returns those keys that are not.
fn delete_sent(cx: &mut Context<'_>, args: Args<'_>, report: &Report) -> Vec<usize> {
    let compresses = cx.server.settings.snapshot().rdb_compression();
    let mut changed = Vec::new();
    for sent in report.sent.iter().take(report.taken.len()).zip(&report.taken).filter(|(_, taken)| **taken) {
        let (sent, key) = (sent.0, args.at(sent.0.index));
        let is_same = cx.keys.peek(key).map(|entry| {
            entry.expire_at() == sent.expire_at
                && entry::dump(&entry, compresses).as_ref() == Some(&sent.payload)
        });
        match is_same {
            Some(true) => {
                cx.keys.write(key).discard(deletion("del", &as_del(key)));
            }
            Some(false) => changed.push(sent.index),
            // Somebody else has deleted it, or its time has come.
            None => {}
        }
    }
    changed
}

#[cfg(test)]
mod tests;
