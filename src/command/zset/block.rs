//! Commands that wait for a member: BZPOPMIN, BZPOPMAX, BZMPOP. See [`crate::command::blocking`].

use super::pop::{End, ManyKeys, pop, reply_flat_of_key};
use crate::command::blocking::{Nothing, Wait, deadline_after_seconds};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::Args;
use dunlin_structures::entry::Kind;

/// What BZPOPMIN and BZPOPMAX have in common.
const POP: CommandSpec = CommandSpec {
    arity: -3,
    flags: WRITE.and(NOSCRIPT).and(BLOCKING).and(FAST),
    keys: &[KeySpec::range(1, -2, 1, key::RW.and(key::ACCESS).and(key::DELETE))],
    acl: acl::SORTED_SET,
    group: "sorted-set",
    since: "5.0.0",
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    syntax: "key [key ...] timeout",
    history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "bzpopmin",
        summary: "Removes and returns the member with the lowest score from one or more sorted sets. Blocks until a member \
                  is available otherwise. Deletes the sorted set if the last element was popped.",
        run: Run::OnKeys(bzpopmin),
        ..POP
    },
    CommandSpec {
        name: "bzpopmax",
        summary: "Removes and returns the member with the highest score from one or more sorted sets. Blocks until a \
                  member available otherwise. Deletes the sorted set if the last element was popped.",
        run: Run::OnKeys(bzpopmax),
        ..POP
    },
    CommandSpec {
        name: "bzmpop",
        arity: -5,
        flags: WRITE.and(BLOCKING).and(MOVABLE_KEYS),
        keys: &[KeySpec::counted(2, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::SORTED_SET,
        group: "sorted-set",
        since: "7.0.0",
        summary: "Removes and returns a member by score from one or more sorted sets. Blocks until a member is available \
                  otherwise. Deletes the sorted set if the last element was popped.",
        complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
        syntax: "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
        run: Run::OnKeys(bzmpop),
        ..CommandSpec::BLANK
    },
];

fn bzpopmin(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop_or_wait(cx, args, End::Min)
}

fn bzpopmax(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop_or_wait(cx, args, End::Max)
}

fn pop_or_wait(cx: &mut Context<'_>, args: &Args<'_>, end: End) -> CommandResult {
    let deadline = deadline_after_seconds(args.at(args.len() - 1), cx.now())?;
    let keys: Vec<&[u8]> = args.from(1).take(args.len() - 2).collect();
    for key in &keys {
        if cx.keys.reaches(key)
            && let Some(popped) = pop(&mut cx.keys, key, end, 1)?
        {
            reply_flat_of_key(&mut cx.reply, key, &popped);
            return Ok(());
        }
    }
    cx.block(&keys, wait(deadline))
}

fn bzmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    let wanted = ManyKeys::parse(args)?;
    // As in Redis, a wrong timeout is told of last.
    let deadline = deadline_after_seconds(args.at(1), cx.now())?;
    if wanted.pop(cx, args)? {
        return Ok(());
    }
    let keys: Vec<&[u8]> = args.from(wanted.first).take(wanted.keys).collect();
    cx.block(&keys, wait(deadline))
}

fn wait(deadline: Option<i64>) -> Wait {
    Wait { kind: Kind::Zset, deadline, nothing: Nothing::NullArray, wants_missing: false }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check};

    #[test]
    fn a_wrong_timeout_is_told_of_last() {
        check(&[
            ("BZMPOP -1 a z MAX", "-ERR numkeys should be greater than 0"),
            ("BZMPOP abc 9 z MIN", "-ERR syntax error"),
            ("BZMPOP abc 1 z FIRST", "-ERR syntax error"),
            ("BZMPOP abc 1 z MIN COUNT 0", "-ERR count should be greater than 0"),
            ("BZMPOP (1 1 z MIN COUNT 2 b", "-ERR syntax error"),
            ("SET s x", "+OK"),
            ("BZMPOP abc 1 s MIN", "-ERR timeout is not a float or out of range"),
            ("BZMPOP -1 1 s MIN COUNT 1", "-ERR timeout is negative"),
        ]);
    }

    #[test]
    fn waiters_get_members_in_their_order() {
        let mut pusher = TestClient::new();
        let (mut first, mut second, mut third) = (pusher.beside(), pusher.beside(), pusher.beside());
        pusher.say("ZADD there 1 a 2 b");
        assert_eq!(first.say("BZPOPMAX none there 0"), "*3\r\n$5\r\nthere\r\n$1\r\nb\r\n$1\r\n2\r\n");
        first.say("BZPOPMIN none k 0");
        second.say("BZMPOP 0 3 other k none MAX COUNT 2");
        third.say("BZPOPMAX k 0");
        pusher.say("RPUSH other 1");
        pusher.say("ZADD k 1 one 2 two 3 three");
        assert_eq!(first.answer(), "*3|$1|k|$3|one|$1|1");
        assert_eq!(second.answer(), "*2|$1|k|*2|*2|$5|three|$1|3|*2|$3|two|$1|2");
        assert_eq!(third.answer(), "(waiting)");
        pusher.effects();
        pusher.say("ZADD z 5 five");
        pusher.say("ZUNIONSTORE k 1 z");
        assert_eq!(third.answer(), "*3|$1|k|$4|five|$1|5");
        assert_eq!(pusher.effects().last().map(String::as_str), Some("0: ZPOPMAX k 1"));
        assert_eq!(pusher.say("EXISTS k"), ":0\r\n");
    }
}
