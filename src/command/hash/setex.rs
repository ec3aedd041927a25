//! HSETEX: stores fields, under conditions, and says when they go.

use super::arguments::Unit;
use super::expire::Timed;
use super::value::{BLANK, composed, write_deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError, text};
use dunlin_structures::entry::Kind;
use dunlin_structures::fields::{self, FieldExpiry, Fields};
use dunlin_structures::number::parse_i64;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "hsetex",
    arity: -6,
    flags: WRITE.and(DENYOOM).and(FAST),
    keys: &[KeySpec::one(1, key::RW.and(key::UPDATE))],
    since: "8.0.0",
    summary: "Sets the values of fields of a hash, and optionally their times to live.",
    complexity: "O(N) where N is the number of fields being set.",
    syntax: "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | \
             KEEPTTL] FIELDS numfields field value [field value ...]",
    run: Run::OnKeys(hsetex),
    ..BLANK
}];

/// Which fields must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    None,
    NoneExists,
    AllExist,
}

/// What is asked for. The pairs are the arguments from `first` on.
struct Options {
    condition: Condition,
    expiry: Option<FieldExpiry>,
    first: usize,
}

impl Options {
    fn parse(args: &mut Args<'_>, now: i64, command: &'static str) -> Result<Self, CommandError> {
        const ONE_CONDITION: CommandError =
            CommandError::text("Only one of FXX or FNX arguments can be specified");
        const ONE_TIME: CommandError =
            CommandError::text("Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        let mut options = Self { condition: Condition::None, expiry: None, first: 0 };
        args.seek(2);
        while !args.accept("FIELDS") {
            let expiry = if let Some(unit) = Unit::accept(args) {
                if options.expiry.is_some() {
                    return Err(ONE_TIME);
                }
                let amount = args.next().ok_or(CommandError::text("missing expire time"))?;
                FieldExpiry::At(unit.deadline(amount, now, command)?)
            } else if args.accept("KEEPTTL") {
                FieldExpiry::Keep
            } else {
                let condition = match () {
                    () if args.accept("FXX") => Condition::AllExist,
                    () if args.accept("FNX") => Condition::NoneExists,
                    () => match args.next() {
                        None => return Err(CommandError::WrongArity(command)),
                        Some(word) => {
                            let word = text::shown(word);
                            return Err(CommandError::formatted(format!("unknown argument: {word}")));
                        }
                    },
                };
                if options.condition != Condition::None {
                    return Err(ONE_CONDITION);
                }
                options.condition = condition;
                continue;
            };
            if options.expiry.is_some() {
                return Err(ONE_TIME);
            }
            options.expiry = Some(expiry);
        }
        if args.remaining() < 3 {
            return Err(CommandError::WrongArity(command));
        }
        let count = parse_i64(args.required()?).and_then(|count| i32::try_from(count).ok());
        let count = count.filter(|count| *count > 0).ok_or(CommandError::text("invalid number of fields"))?;
        options.first = args.position();
        if usize::try_from(count).ok().and_then(|count| count.checked_mul(2)) != Some(args.remaining()) {
            return Err(CommandError::WrongArity(command));
        }
        Ok(options)
    }
}

/// Logged with the time at which the fields go, and without the condition, which held. Fields that go in the past are
/// deleted.
fn hsetex(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let now = cx.now();
    let key = args.at(1);
    let Options { condition, expiry, first } = Options::parse(args, now, cx.command.full_name)?;
    let limits = cx.server.thresholds.hash();
    let names = || args.from(first).step_by(2);
    let slot = cx.keys.write(key);
    let entry = slot.of_kind(Kind::Hash)?;
    let exists = |name: &[u8]| entry.is_some_and(|entry| Fields::all_of(entry).find(name).is_some());
    let holds = match condition {
        Condition::None => true,
        Condition::NoneExists => !names().any(exists),
        Condition::AllExist => names().all(exists),
    };
    if !holds {
        cx.reply.flag(false);
        return Ok(());
    }
    let expiry = expiry.unwrap_or(FieldExpiry::Clear);
    let is_past = matches!(expiry, FieldExpiry::At(at) if at <= now);
    slot.edit(
        fields::empty,
        |entry| {
            let mut texts = args.from(first);
            if is_past {
                // Stored and deleted at once.
                let mut timed = Timed::default();
                texts.step_by(2).for_each(|name| timed.apply(entry, name, now, now));
                return;
            }
            fields::make_room(entry, texts.len() / 2, texts.clone(), limits);
            while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
                fields::set(entry, name, value, expiry, limits);
            }
        },
        |(), out| {
            if is_past {
                out.event(EventClass::Hash, "hset");
                let compose = |effect: &mut EffectWriter| {
                    let names: Vec<_> = names().collect();
                    write_deletion(effect, key, &names);
                };
                return out.change(composed("hdel", &compose));
            }
            let compose = |effect: &mut EffectWriter| write_pairs(effect, key, expiry, args, first);
            out.change(composed("hset", &compose));
            if let FieldExpiry::At(_) = expiry {
                out.event(EventClass::Hash, "hexpire");
            }
        },
    );
    cx.reply.flag(true);
    Ok(())
}

/// Writes the command as it can be repeated at any time.
fn write_pairs(effect: &mut EffectWriter, key: &[u8], expiry: FieldExpiry, args: &Args<'_>, first: usize) {
    effect.arg(b"HSETEX").arg(key);
    match expiry {
        FieldExpiry::Clear => {}
        FieldExpiry::Keep => {
            effect.arg(b"KEEPTTL");
        }
        FieldExpiry::At(at) => {
            effect.arg(b"PXAT").integer(at);
        }
    }
    let texts = args.from(first);
    effect.arg(b"FIELDS").integer(texts.len() as i64 / 2);
    for text in texts {
        effect.arg(text);
    }
}
