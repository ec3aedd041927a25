//! LPOS: where a list has an element.

use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, CommandError};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;
use dunlin_structures::list::{self, End};
use dunlin_structures::number::parse_i64;
use dunlin_structures::packed::Item;

pub const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "lpos",
    arity: -3,
    flags: READONLY,
    keys: &[KeySpec::one(1, key::RO.and(key::ACCESS))],
    acl: acl::LIST,
    group: "list",
    since: "6.0.6",
    summary: "Returns the index of matching elements in a list.",
    complexity: "O(N) where N is the number of elements in the list, for the average case. When searching for elements \
                 near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in \
                 constant time.",
    syntax: "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    run: Run::OnKeys(lpos),
    ..CommandSpec::BLANK
}];

/// What LPOS was told beside key and element.
struct Search {
    from: End,
    /// Matches that are passed over.
    skipped: usize,
    /// How many matches are wanted; 0: all. Without it the reply is the first one alone.
    count: Option<usize>,
    /// How many elements are compared at most; 0: all.
    compared: usize,
}

impl Search {
    fn parse(args: &mut Args<'_>) -> Result<Self, CommandError> {
        let mut search = Self { from: End::Head, skipped: 0, count: None, compared: 0 };
        while args.remaining() > 0 {
            if args.remaining() == 1 {
                return Err(CommandError::Syntax);
            } else if args.accept("RANK") {
                let rank = rank(args)?;
                search.from = if rank < 0 { End::Tail } else { End::Head };
                search.skipped = usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
            } else if args.accept("COUNT") {
                search.count = Some(not_negative(args, "COUNT can't be negative")?);
            } else if args.accept("MAXLEN") {
                search.compared = not_negative(args, "MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(search)
    }

    /// The indexes of the elements that stand for `text`, in the order of the search.
    fn indexes<'e>(&self, entry: &'e Entry, text: &'e [u8]) -> impl Iterator<Item = usize> + use<'e> {
        let (len, wanted) = (list::len(entry), Item::of(text));
        let most = |number: usize| if number == 0 { usize::MAX } else { number };
        let (from, first) = (self.from, if self.from == End::Head { 0 } else { len.saturating_sub(1) });
        list::items(entry, first, from.opposite())
            .take(most(self.compared))
            .enumerate()
            .filter(move |(_, item)| *item == wanted)
            .map(move |(place, _)| if from == End::Head { place } else { len - 1 - place })
            .skip(self.skipped)
            .take(most(self.count.unwrap_or(1)))
    }
}

fn rank(args: &mut Args<'_>) -> Result<i64, CommandError> {
    match args.integer()? {
        0 => Err(CommandError::text(
            "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
             from the end of the list",
        )),
        i64::MIN => Err(CommandError::text(
            "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        rank => Ok(rank),
    }
}

fn not_negative(args: &mut Args<'_>, complaint: &'static str) -> Result<usize, CommandError> {
    let number = args.next().and_then(parse_i64).and_then(|number| usize::try_from(number).ok());
    number.ok_or(CommandError::text(complaint))
}

fn lpos(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let text = args.at(2);
    args.seek(3);
    let search = Search::parse(args)?;
    let entry = cx.keys.read_kind(args.at(1), Kind::List)?;
    let mut indexes = entry.iter().flat_map(|entry| search.indexes(entry, text));
    if search.count.is_none() {
        match indexes.next() {
            Some(index) => cx.reply.integer(index as i64),
            None => cx.reply.null(),
        }
        return Ok(());
    }
    let indexes: Vec<_> = indexes.collect();
    cx.reply.array(indexes.len());
    for index in indexes {
        cx.reply.integer(index as i64);
    }
    Ok(())
}
