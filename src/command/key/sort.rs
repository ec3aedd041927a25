//! SORT and SORT_RO: the elements of a list, set or sorted set in order, or what other keys hold for each.
//!
//! Which keys BY and GET read shows only as it runs, so a request with a pattern locks all shards. The elements are
//! copied first: what sorts them is a number and an index each.

use crate::command::key::{as_del, deletion};
use crate::command::spec::*;
use crate::command::{CommandResult, Context, permission};
use crate::keyspace::event::EventClass;
use crate::resp::{Args, CommandError};
use crate::session::gate;
use dunlin_structures::Entry;
use dunlin_structures::entry::{IntText, Kind};
use dunlin_structures::fields::Fields;
use dunlin_structures::list::{self, End};
use dunlin_structures::number::parse_f64;
use dunlin_structures::packed::Item;
use dunlin_structures::set::Set;
use dunlin_structures::texts::Texts;
use dunlin_structures::zset::Zset;
use std::ops::Range;

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "sort",
        flags: WRITE.and(DENYOOM).and(MOVABLE_KEYS),
        keys: &[SOURCE, PATTERNS, DESTINATION],
        since: "1.0.0",
        summary: "Sorts the elements in a list, a set, or a sorted set, optionally storing the result.",
        syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] \
                 [STORE destination]",
        run: Run::OnKeysOrAll(sort, has_patterns),
        ..SORT
    },
    CommandSpec {
        name: "sort_ro",
        flags: READONLY.and(MOVABLE_KEYS),
        keys: &[SOURCE, PATTERNS],
        since: "7.0.0",
        summary: "Returns the sorted elements of a list, a set, or a sorted set.",
        syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
        run: Run::OnKeysOrAll(sort_ro, has_patterns),
        ..SORT
    },
];

const SORT: CommandSpec = CommandSpec {
    arity: -2,
    acl: acl::SET.and(acl::SORTED_SET).and(acl::LIST).and(acl::DANGEROUS),
    group: "generic",
    complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of \
                 returned elements. When the elements are not sorted, complexity is O(N).",
    ..CommandSpec::BLANK
};

const SOURCE: KeySpec = KeySpec::one(1, key::RO.and(key::ACCESS));
const PATTERNS: KeySpec = KeySpec {
    notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the \
            key we sort",
    flags: key::RO.and(key::ACCESS),
    begin: Begin::Unknown,
    find: Find::Unknown,
};
const DESTINATION: KeySpec = KeySpec {
    notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument \
            array",
    flags: key::OW.and(key::UPDATE),
    begin: Begin::Option {
        word: "STORE",
        told: None,
        from: 2,
        others: &[("LIMIT", 2), ("BY", 1), ("GET", 1)],
    },
    find: Find::Range { last: 0, step: 1, limit: 0 },
};

/// Whether BY or GET may name further keys: only a pattern with a star does.
fn has_patterns(args: Args<'_>) -> bool {
    args.from(2).any(|arg| arg.contains(&b'*'))
}

#[derive(Default)]
struct Options<'a> {
    is_descending: bool,
    is_alpha: bool,
    limit: Option<(i64, i64)>,
    by: Option<&'a [u8]>,
    /// BY a pattern without a star: elements stay as they are.
    keeps_order: bool,
    gets: Vec<&'a [u8]>,
    destination: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(cx: &Context<'_>, args: &mut Args<'a>, may_store: bool) -> Result<Self, CommandError> {
        const BY_DENIED: CommandError =
            CommandError::text("BY option of SORT denied due to insufficient ACL permissions.");
        const GET_DENIED: CommandError =
            CommandError::text("GET option of SORT denied due to insufficient ACL permissions.");
        let may_read_all = permission::may_read_all_keys(cx.session, cx.command, *args);
        let mut options = Self::default();
        args.seek(2);
        while args.remaining() > 0 {
            let left = args.remaining() - 1;
            if args.accept("ASC") {
                options.is_descending = false;
            } else if args.accept("DESC") {
                options.is_descending = true;
            } else if args.accept("ALPHA") {
                options.is_alpha = true;
            } else if left >= 2 && args.accept("LIMIT") {
                options.limit = Some((args.integer()?, args.integer()?));
            } else if left >= 1 && may_store && args.accept("STORE") {
                options.destination = Some(args.required()?);
            } else if left >= 1 && args.accept("BY") {
                let pattern = args.required()?;
                // Once said, it stays so, whatever other pattern comes.
                let has_star = pattern.contains(&b'*');
                options.keeps_order |= !has_star;
                if has_star && !may_read_all {
                    return Err(BY_DENIED);
                }
                options.by = Some(pattern);
            } else if left >= 1 && args.accept("GET") {
                options.gets.push(args.required()?);
                if !may_read_all {
                    return Err(GET_DENIED);
                }
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.keeps_order {
            options.by = None;
        }
        Ok(options)
    }

    /// The places, among so many elements in order, of those that are asked for.
    fn range(&self, len: usize) -> Range<usize> {
        let (offset, count) = self.limit.unwrap_or((0, -1));
        let start = usize::try_from(offset).unwrap_or(0).min(len);
        let end = usize::try_from(count).map_or(len, |count| start.saturating_add(count).min(len));
        start..end
    }
}

/// What an element is sorted by, in short, and which one it is.
struct Element {
    /// Of two elements whose ranks differ, the lower one comes first: see [`rank_of_score`] and [`rank_of_text`].
    rank: u64,
    index: usize,
}

/// A number that is in order as the score is: compared in one step, whatever the signs.
fn rank_of_score(score: f64) -> u64 {
    // Adding makes one zero of the two.
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The first eight bytes of a text: most texts differ in them.
fn rank_of_text(text: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = text.len().min(8);
    first[..len].copy_from_slice(&text[..len]);
    u64::from_be_bytes(first)
}

/// What an element's rank is made of.
#[derive(Clone, Copy)]
enum Rank {
    Number,
    Text,
    /// Its place, or another key's value.
    Elsewhere,
}

fn sort(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let options = Options::parse(cx, args, true)?;
    run(cx, args.at(1), options)
}

fn sort_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    let options = Options::parse(cx, args, false)?;
    run(cx, args.at(1), options)
}

fn run(cx: &mut Context<'_>, key: &[u8], mut options: Options<'_>) -> CommandResult {
    let mut loaded = Loaded::default();
    let is_in_script = cx.session.gates & gate::IN_SCRIPT != 0;
    if let Some(entry) = cx.keys.read(key) {
        match entry.kind() {
            Kind::Set if options.keeps_order && (options.destination.is_some() || is_in_script) => {
                // The order of a set is nobody's business: what is stored must not depend on it.
                (options.keeps_order, options.is_alpha) = (false, true);
            }
            Kind::List | Kind::Set | Kind::Zset => {}
            Kind::String | Kind::Hash | Kind::Module | Kind::Stream => return Err(CommandError::WrongType),
        }
        loaded.load(&entry, &options);
    }
    if !options.keeps_order {
        sort_loaded(cx, &mut loaded, &options)?;
    }
    let chosen = &loaded.elements[loaded.range.clone()];
    match options.destination {
        Some(destination) => store(cx, destination, chosen, &loaded.texts, &options.gets),
        None => reply(cx, chosen, &loaded.texts, &options.gets),
    }
    Ok(())
}

/// The elements, and which of them are asked for once they are sorted.
#[derive(Default)]
struct Loaded {
    texts: Texts,
    elements: Vec<Element>,
    /// Whether an element is no number.
    has_words: bool,
    range: Range<usize>,
}

impl Loaded {
    /// Copies what is needed: all, or only the part that LIMIT asks for where the order is the value's own.
    fn load(&mut self, entry: &Entry, options: &Options<'_>) {
        let by = match options.is_alpha {
            _ if options.by.is_some() || options.keeps_order => Rank::Elsewhere,
            true => Rank::Text,
            false => Rank::Number,
        };
        match entry.kind() {
            Kind::List => {
                let len = list::len(entry);
                self.range = options.range(len);
                if !options.keeps_order {
                    list::items(entry, 0, End::Tail).for_each(|item| self.push(item, by));
                    return;
                }
                let range = self.take_range();
                let (from, towards) = match options.is_descending {
                    true => (len.saturating_sub(range.start + 1), End::Head),
                    false => (range.start, End::Tail),
                };
                list::items(entry, from, towards).take(range.len()).for_each(|item| self.push(item, by));
            }
            Kind::Zset => {
                let set = Zset::of(entry);
                let len = set.len();
                self.range = options.range(len);
                if !options.keeps_order {
                    set.iter_all().for_each(|(member, _)| self.push(member, by));
                    return;
                }
                let range = self.take_range();
                let ranks = match options.is_descending {
                    true => len - range.end..len - range.start,
                    false => range,
                };
                set.walk(ranks, options.is_descending).for_each(|(member, _)| self.push(member, by));
            }
            _ => {
                let set = Set::of(entry);
                self.range = options.range(set.len());
                set.iter().for_each(|member| self.push(member, by));
            }
        }
    }

    /// The range, which from now on is that of what is copied.
    fn take_range(&mut self) -> Range<usize> {
        let all = 0..self.range.len();
        std::mem::replace(&mut self.range, all)
    }

    fn push(&mut self, item: Item<'_>, by: Rank) {
        let mut digits = IntText::new();
        let text = item.text(&mut digits);
        let rank = match (by, item) {
            (Rank::Number, Item::Int(number)) => Some(rank_of_score(number as f64)),
            (Rank::Number, Item::Text(text)) => number(text).map(rank_of_score),
            (Rank::Text, _) => Some(rank_of_text(text)),
            (Rank::Elsewhere, _) => Some(0),
        };
        self.has_words |= rank.is_none();
        self.elements.push(Element { rank: rank.unwrap_or(0), index: self.texts.len() });
        self.texts.push(text);
    }
}

/// A number as C's strtod reads it: space may come before, no text at all is 0, and a NUL ends the text.
fn number(text: &[u8]) -> Option<f64> {
    let text = text.iter().position(|byte| *byte == 0).map_or(text, |end| &text[..end]);
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    parse_f64(&text[start..]).filter(|number| !number.is_nan())
}

fn sort_loaded(cx: &mut Context<'_>, loaded: &mut Loaded, options: &Options<'_>) -> CommandResult {
    let mut weights = Vec::new();
    if let Some(pattern) = options.by {
        for (element, text) in loaded.elements.iter_mut().zip(loaded.texts.iter()) {
            let weight = look_up(cx, pattern, text, |weight| weight.to_vec());
            match weight {
                // One without a weight comes before all others.
                _ if options.is_alpha => {
                    element.rank = weight.as_deref().map_or(0, rank_of_text);
                    weights.push(weight);
                }
                // One without a weight comes where 0 does.
                None => element.rank = rank_of_score(0.0),
                Some(weight) => match number(&weight) {
                    Some(score) => element.rank = rank_of_score(score),
                    None => loaded.has_words = true,
                },
            }
        }
    }
    if loaded.has_words {
        return Err(CommandError::text("One or more scores can't be converted into double"));
    }
    let texts = &loaded.texts;
    let by_weight = options.is_alpha && options.by.is_some();
    let of_equal_rank = |a: &Element, b: &Element| match by_weight {
        true => weights[a.index].cmp(&weights[b.index]),
        false => texts.get(a.index).cmp(&texts.get(b.index)),
    };
    let order = |a: &Element, b: &Element| {
        let order = a.rank.cmp(&b.rank).then_with(|| of_equal_rank(a, b));
        // Elements whose weights are the same text stay in their order, up or down.
        let order = if options.is_descending { order.reverse() } else { order };
        order.then_with(|| a.index.cmp(&b.index))
    };
    let end = loaded.range.end;
    if (1..loaded.elements.len() / 2).contains(&end) {
        // Only the first ones are asked for.
        loaded.elements.select_nth_unstable_by(end, order);
        loaded.elements.truncate(end);
    }
    loaded.elements.sort_unstable_by(order);
    Ok(())
}

/// Hands `with` the value that a pattern names for an element, if there is one.
fn look_up<R>(
    cx: &mut Context<'_>,
    pattern: &[u8],
    element: &[u8],
    with: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    if pattern == b"#" {
        return Some(with(element));
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (prefix, behind) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = behind.windows(2).position(|two| two == b"->").filter(|at| at + 2 < behind.len());
    let (suffix, field) = match arrow {
        Some(at) => (&behind[..at], Some(&behind[at + 2..])),
        None => (behind, None),
    };
    let key = [prefix, element, suffix].concat();
    let now = cx.now();
    let entry = cx.keys.read(&key)?;
    let mut digits = IntText::new();
    match field {
        Some(field) if entry.kind() == Kind::Hash => {
            Some(with(Fields::of(&entry, now).get(field)?.text(&mut digits)))
        }
        Some(_) => None,
        None => entry.string_bytes(&mut digits).map(with),
    }
}

fn reply(cx: &mut Context<'_>, chosen: &[Element], texts: &Texts, gets: &[&[u8]]) {
    cx.reply.array(chosen.len() * gets.len().max(1));
    for element in chosen {
        let text = texts.get(element.index).unwrap_or_default();
        if gets.is_empty() {
            cx.reply.bulk(text);
        }
        for pattern in gets {
            match look_up(cx, pattern, text, |value| value.to_vec()) {
                Some(value) => cx.reply.bulk(&value),
                None => cx.reply.null(),
            }
        }
    }
}

fn store(cx: &mut Context<'_>, destination: &[u8], chosen: &[Element], texts: &Texts, gets: &[&[u8]]) {
    let mut result = Texts::new();
    for element in chosen {
        let text = texts.get(element.index).unwrap_or_default();
        if gets.is_empty() {
            result.push(text);
        }
        for pattern in gets {
            // What isn't there is stored as nothing.
            let value = look_up(cx, pattern, text, |value| value.to_vec());
            result.push(value.as_deref().unwrap_or_default());
        }
    }
    if result.is_empty() {
        cx.keys.write(destination).discard(deletion("del", &as_del(destination)));
    } else {
        let entry = list::build(destination, result.iter(), cx.server.thresholds.list());
        cx.keys.write(destination).put(entry, EventClass::List, "sortstore");
    }
    cx.reply.integer(result.len() as i64);
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check, check_effects};

    #[test]
    fn elements_of_equal_weight_stay_in_their_order() {
        let mut client = TestClient::new();
        let elements: Vec<String> = (0..100).map(|number| format!("e{}", number * 37 % 100)).collect();
        client.say(&format!("RPUSH l {}", elements.join(" ")));
        let in_order = client.say("LRANGE l 0 -1");
        assert_eq!(client.say("SORT l BY missing_* ALPHA"), in_order);
        assert_eq!(client.say("SORT l BY missing_* ALPHA DESC"), in_order);
    }

    #[test]
    fn a_number_ends_at_a_nul() {
        for (text, number) in [
            (&b"12\0x"[..], Some(12.0)),
            (b"\0\xff", Some(0.0)),
            (b" -1e2\0", Some(-100.0)),
            (b"", Some(0.0)),
            (b" \0", None),
            (b"1x\0", None),
            (b"nan\0", None),
        ] {
            assert_eq!(super::number(text), number, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn elements_in_order() {
        check(&[
            ("RPUSH l 3 10 2 1.5", ":4"),
            ("SORT l", "*4|$3|1.5|$1|2|$1|3|$2|10"),
            ("SORT l DESC", "*4|$2|10|$1|3|$1|2|$3|1.5"),
            ("SORT l ALPHA", "*4|$3|1.5|$2|10|$1|2|$1|3"),
            ("SORT l LIMIT 1 2", "*2|$1|2|$1|3"),
            ("SORT l LIMIT -1 1", "*1|$3|1.5"),
            ("SORT l LIMIT 0 1 DESC", "*1|$2|10"),
            ("SORT l LIMIT 9 1", "*0"),
            ("SORT l BY nosort", "*4|$1|3|$2|10|$1|2|$3|1.5"),
            ("SORT l BY nosort DESC LIMIT 1 2", "*2|$1|2|$2|10"),
            ("SORT l BY nosort BY w_*", "*4|$1|3|$2|10|$1|2|$3|1.5"),
            ("RPUSH signs 1 -0 -2 0 -1e300 1e-300 -10 inf -inf", ":9"),
            ("SORT signs", "*9|$4|-inf|$6|-1e300|$3|-10|$2|-2|$2|-0|$1|0|$6|1e-300|$1|1|$3|inf"),
            ("SORT signs DESC LIMIT 4 2", "*2|$2|-0|$2|-2"),
            ("RPUSH names abcdefgh abcdefg abcdefghi abcdefghA b", ":5"),
            ("SORT names ALPHA", "*5|$7|abcdefg|$8|abcdefgh|$9|abcdefghA|$9|abcdefghi|$1|b"),
            ("SORT nosuch", "*0"),
            ("RPUSH words a b", ":2"),
            ("SORT words", "-ERR One or more scores can't be converted into double"),
            ("SET s x", "+OK"),
            ("SORT s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SORT l LIMIT 1", "-ERR syntax error"),
            ("SORT l LIMIT a 1", "-ERR value is not an integer or out of range"),
            ("SORT_RO l STORE x", "-ERR syntax error"),
            ("SORT_RO l LIMIT 0 2", "*2|$3|1.5|$1|2"),
            ("ZADD z 1 a 5 b 2 c 10 d 3 e", ":5"),
            ("SORT z ALPHA DESC LIMIT 0 2", "*2|$1|e|$1|d"),
            ("SORT z BY nosort DESC LIMIT 0 2", "*2|$1|d|$1|b"),
            ("SORT z BY nosort LIMIT -10 100", "*5|$1|a|$1|c|$1|e|$1|b|$1|d"),
        ]);
    }

    #[test]
    fn other_keys_weigh_and_answer() {
        check(&[
            ("SADD s 1 2 3", ":3"),
            ("MSET w_1 30 w_2 10 w_3 20", "+OK"),
            ("SORT s BY w_*", "*3|$1|2|$1|3|$1|1"),
            ("SORT s BY w_* GET # GET w_* DESC LIMIT 0 2", "*4|$1|1|$2|30|$1|3|$2|20"),
            ("SORT s BY x_*", "*3|$1|1|$1|2|$1|3"),
            ("SORT s GET x_* LIMIT 0 1", "*1|$-1"),
            ("SORT s GET w LIMIT 0 1", "*1|$-1"),
            ("SORT s BY w_* ALPHA", "*3|$1|2|$1|3|$1|1"),
            ("MSET v_1 same-for-8-bytes-b v_3 same-for-8-bytes-a", "+OK"),
            ("SORT s BY v_* ALPHA", "*3|$1|2|$1|3|$1|1"),
            ("SORT s BY v_* ALPHA DESC", "*3|$1|1|$1|3|$1|2"),
            ("SET w_1-> hm", "+OK"),
            ("SORT s GET w_*-> LIMIT 0 1", "*1|$2|hm"),
            ("COMMAND GETKEYS SORT abc STORE no STORE bad STORE def", "*2|$3|abc|$3|def"),
            ("COMMAND GETKEYS SORT abc BY STORE GET x", "*1|$3|abc"),
        ]);
    }

    #[test]
    fn what_is_stored_is_logged_as_a_list() {
        check_effects(&[
            ("RPUSH l 3 1 2", "0: RPUSH l 3 1 2"),
            ("SORT l STORE d", "0: DEL d; 0: RPUSH d 1 2 3"),
            ("SORT l LIMIT 9 9 STORE d", "0: DEL d"),
            ("SADD s b a", "0: SADD s b a"),
            ("SORT s BY nosort STORE d", "0: DEL d; 0: RPUSH d a b"),
        ]);
        let mut client = TestClient::new();
        client.say("RPUSH l 3 1 2");
        client.events();
        client.say("SORT l STORE d");
        assert_eq!(client.events(), ["0: new d", "0: sortstore d"]);
        client.say("SORT l LIMIT 9 9 STORE d");
        assert_eq!(client.events(), ["0: del d"]);
    }
}
