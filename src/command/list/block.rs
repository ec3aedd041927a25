//! Commands that wait for an element: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BLMPOP.
//!
//! Each is its impatient twin until there is nothing; see [`crate::command::blocking`] for the rest.

use super::end;
use super::pop::{Request, pop_elements, pop_first};
use super::transfer::move_element;
use crate::command::blocking::{Nothing, Wait, deadline_after_seconds};
use crate::command::spec::*;
use crate::command::{CommandResult, Context};
use crate::resp::{Args, Reply};
use dunlin_structures::entry::Kind;
use dunlin_structures::list::End;

const TIMEOUT_IS_A_DOUBLE: &[(&str, &str)] =
    &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")];

/// What BLPOP and BRPOP have in common.
const POP: CommandSpec = CommandSpec {
    arity: -3,
    flags: WRITE.and(NOSCRIPT).and(BLOCKING),
    keys: &[KeySpec::range(1, -2, 1, key::RW.and(key::ACCESS).and(key::DELETE))],
    acl: acl::LIST,
    group: "list",
    since: "2.0.0",
    complexity: "O(N) where N is the number of provided keys.",
    syntax: "key [key ...] timeout",
    history: TIMEOUT_IS_A_DOUBLE,
    ..CommandSpec::BLANK
};

/// What BLMOVE and BRPOPLPUSH have in common.
const MOVE: CommandSpec = CommandSpec {
    flags: WRITE.and(DENYOOM).and(NOSCRIPT).and(BLOCKING),
    keys: &[
        KeySpec::one(1, key::RW.and(key::ACCESS).and(key::DELETE)),
        KeySpec::one(2, key::RW.and(key::INSERT)),
    ],
    acl: acl::LIST,
    group: "list",
    ..CommandSpec::BLANK
};

pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "blpop",
        summary: "Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes \
                  the list if the last element was popped.",
        run: Run::OnKeys(blpop),
        ..POP
    },
    CommandSpec {
        name: "brpop",
        summary: "Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes \
                  the list if the last element was popped.",
        run: Run::OnKeys(brpop),
        ..POP
    },
    CommandSpec {
        name: "blmove",
        arity: 6,
        since: "6.2.0",
        summary: "Pops an element from a list, pushes it to another list and returns it. Blocks until an element is \
                  available otherwise. Deletes the list if the last element was moved.",
        syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
        run: Run::OnKeys(blmove),
        ..MOVE
    },
    CommandSpec {
        name: "brpoplpush",
        arity: 4,
        since: "2.2.0",
        summary: "Pops an element from a list, pushes it to another list and returns it. Block until an element is \
                  available otherwise. Deletes the list if the last element was popped.",
        syntax: "source destination timeout",
        history: TIMEOUT_IS_A_DOUBLE,
        deprecated: Some(("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")),
        run: Run::OnKeys(brpoplpush),
        ..MOVE
    },
    CommandSpec {
        name: "blmpop",
        arity: -5,
        flags: WRITE.and(BLOCKING).and(MOVABLE_KEYS),
        keys: &[KeySpec::counted(2, key::RW.and(key::ACCESS).and(key::DELETE))],
        acl: acl::LIST,
        group: "list",
        since: "7.0.0",
        summary: "Pops the first element from one of multiple lists. Blocks until an element is available otherwise. \
                  Deletes the list if the last element was popped.",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
        syntax: "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        run: Run::OnKeys(blmpop),
        ..CommandSpec::BLANK
    },
];

fn blpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop(cx, args, End::Head)
}

fn brpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    pop(cx, args, End::Tail)
}

fn pop(cx: &mut Context<'_>, args: &Args<'_>, end: End) -> CommandResult {
    let deadline = deadline_after_seconds(args.at(args.len() - 1), cx.now())?;
    let keys: Vec<&[u8]> = args.from(1).take(args.len() - 2).collect();
    for key in &keys {
        let head = |reply: &mut Reply<'_>, _: usize| {
            reply.array(2);
            reply.bulk(key);
        };
        if cx.keys.reaches(key) && pop_elements(cx, key, end, 1, head)? > 0 {
            return Ok(());
        }
    }
    cx.block(&keys, wait(deadline, Nothing::NullArray))
}

fn blmove(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(3);
    let (from, to) = (end::parse(args)?, end::parse(args)?);
    move_or_wait(cx, args, from, to)
}

fn brpoplpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    move_or_wait(cx, args, End::Tail, End::Head)
}

fn move_or_wait(cx: &mut Context<'_>, args: &Args<'_>, from: End, to: End) -> CommandResult {
    let deadline = deadline_after_seconds(args.at(args.len() - 1), cx.now())?;
    match move_element(cx, args.at(1), args.at(2), from, to)? {
        Some(text) => {
            cx.reply.bulk(&text);
            Ok(())
        }
        None => cx.block(&[args.at(1)], wait(deadline, Nothing::Null)),
    }
}

fn blmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> CommandResult {
    args.seek(2);
    let request = Request::parse(args)?;
    // As in Redis, a wrong timeout is told of last.
    let deadline = deadline_after_seconds(args.at(1), cx.now())?;
    if pop_first(cx, &request)? {
        return Ok(());
    }
    let keys: Vec<&[u8]> = request.keys().collect();
    cx.block(&keys, wait(deadline, Nothing::NullArray))
}

fn wait(deadline: Option<i64>, nothing: Nothing) -> Wait {
    Wait { kind: Kind::List, deadline, nothing, wants_missing: false }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{TestClient, check};

    fn pair() -> (TestClient, TestClient) {
        let first = TestClient::new();
        let second = first.beside();
        (first, second)
    }

    #[test]
    fn what_is_there_is_taken_at_once() {
        let (mut client, _) = pair();
        client.say("RPUSH b 1 2 3");
        assert_eq!(client.say("BLPOP a b 0"), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
        assert_eq!(client.say("BRPOP a b 0"), "*2\r\n$1\r\nb\r\n$1\r\n3\r\n");
        assert_eq!(client.effects(), ["0: RPUSH b 1 2 3", "0: LPOP b 1", "0: RPOP b 1"]);
        assert_eq!(client.say("BLMOVE b c LEFT RIGHT 0"), "$1\r\n2\r\n");
        assert_eq!(client.say("BLMPOP 0 2 b c LEFT COUNT 5"), "*2\r\n$1\r\nc\r\n*1\r\n$1\r\n2\r\n");
        assert_eq!(client.say("EXISTS b c"), ":0\r\n");
    }

    #[test]
    fn waiters_are_served_in_their_order_before_the_pusher_goes_on() {
        let (mut pusher, mut first) = pair();
        let mut second = pusher.beside();
        assert_eq!(first.say("BLPOP k 0"), "(parked)");
        assert_eq!(second.say("BRPOP other k 0"), "(parked)");
        assert_eq!(pusher.say("RPUSH k a b c"), ":3\r\n");
        assert_eq!(first.answer(), "*2|$1|k|$1|a");
        assert_eq!(second.answer(), "*2|$1|k|$1|c");
        assert_eq!(second.answer(), "(not waiting)");
        assert_eq!(pusher.say("LRANGE k 0 -1"), "*1\r\n$1\r\nb\r\n");
        assert_eq!(pusher.effects(), ["0: RPUSH k a b c", "0: LPOP k 1", "0: RPOP k 1"]);
    }

    #[test]
    fn several_keys_are_waited_for_in_several_shards() {
        let (mut pusher, mut waiter) = pair();
        for key in ["a", "b", "c"] {
            waiter.say("BLMPOP 0 3 a b c LEFT COUNT 2");
            pusher.say(&format!("RPUSH {key} 1 2 3"));
            assert_eq!(waiter.answer(), format!("*2|$1|{key}|*2|$1|1|$1|2"));
            pusher.say("DEL a b c");
        }
    }

    #[test]
    fn moves_make_others_ready_in_turn() {
        let (mut pusher, mut first) = pair();
        let (mut second, mut third) = (pusher.beside(), pusher.beside());
        first.say("BLMOVE one two LEFT LEFT 0");
        second.say("BLMOVE two three LEFT LEFT 0");
        third.say("BLPOP three 0");
        pusher.say("RPUSH one x");
        assert_eq!((first.answer(), second.answer()), ("$1|x".into(), "$1|x".into()));
        assert_eq!(third.answer(), "*2|$5|three|$1|x");
        assert_eq!(pusher.say("EXISTS one two three"), ":0\r\n");
    }

    #[test]
    fn a_list_of_another_kind_serves_nobody_but_a_wrong_destination_is_told() {
        let (mut pusher, mut waiter) = pair();
        waiter.say("BLMOVE k target LEFT LEFT 0");
        pusher.say("SET k string");
        assert_eq!(waiter.answer(), "(waiting)");
        pusher.say("SET target string");
        pusher.say("DEL k");
        pusher.say("RPUSH k x");
        assert!(waiter.answer().starts_with("-WRONGTYPE"));
        assert_eq!(pusher.say("LLEN k"), ":1\r\n");
    }

    #[test]
    fn whatever_makes_a_list_serves_those_who_wait_for_it() {
        for (prepare, make) in [
            ("RPUSH other 1", "RENAME other k"),
            ("RPUSH other 1", "COPY other k"),
            ("RPUSH other 1", "LMOVE other k LEFT LEFT"),
        ] {
            let (mut pusher, mut waiter) = pair();
            pusher.say(prepare);
            waiter.say("BLPOP k 0");
            pusher.say(make);
            assert_eq!(waiter.answer(), "*2|$1|k|$1|1", "{make}");
        }
        let (mut pusher, mut waiter) = pair();
        pusher.say("SELECT 1");
        pusher.say("RPUSH k 1");
        waiter.say("BLPOP k 0");
        pusher.say("SWAPDB 0 1");
        assert_eq!(waiter.answer(), "*2|$1|k|$1|1");
    }

    #[test]
    fn what_is_due_when_a_transaction_ends_serves_nobody() {
        let mut pusher = TestClient::configured("enable-debug-command yes");
        let mut waiter = pusher.beside();
        waiter.say("BLPOP k 0");
        for (line, reply) in [
            ("MULTI", "+OK"),
            ("RPUSH k x", "+QUEUED"),
            ("PEXPIRE k 1", "+QUEUED"),
            ("DEBUG SLEEP 0.003", "+QUEUED"),
        ] {
            assert_eq!(pusher.say(line), format!("{reply}\r\n"));
        }
        pusher.say("EXEC");
        assert_eq!(waiter.answer(), "(waiting)");
    }

    #[test]
    fn patience_ends_once() {
        let (mut pusher, mut waiter) = pair();
        waiter.say("BLPOP k 0.5");
        waiter.pass(499);
        assert_eq!(waiter.answer(), "(waiting)");
        waiter.pass(1);
        assert_eq!(waiter.answer(), "*-1");
        pusher.say("RPUSH k x");
        assert_eq!(pusher.say("LLEN k"), ":1\r\n");
        waiter.say("BLMOVE none k LEFT LEFT 0.001");
        waiter.pass(1);
        assert_eq!(waiter.answer(), "*-1");
    }

    #[test]
    fn others_may_end_a_wait() {
        let (mut other, mut waiter) = pair();
        let id = waiter.session.client.id;
        assert_eq!(other.say(&format!("CLIENT UNBLOCK {id}")), ":0\r\n");
        waiter.say("BLPOP k 0");
        assert_eq!(other.say(&format!("CLIENT UNBLOCK {id}")), ":1\r\n");
        assert_eq!(other.say(&format!("CLIENT UNBLOCK {id}")), ":0\r\n");
        assert_eq!(waiter.answer(), "*-1");
        waiter.say("BLPOP k 0");
        assert_eq!(other.say(&format!("CLIENT UNBLOCK {id} ERROR")), ":1\r\n");
        assert_eq!(waiter.answer(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    }

    #[test]
    fn a_waiter_that_has_gone_takes_nothing() {
        let (mut pusher, mut waiter) = pair();
        waiter.say("BLPOP k k2 0");
        let blocked = waiter.session.client.blocked.lock().clone().expect("it waits");
        blocked.leave(&waiter.server, false);
        pusher.say("RPUSH k x");
        assert_eq!(pusher.say("LLEN k"), ":1\r\n");
        let waiting = pusher.server.keyspace.sum(|shard| shard.waiters.key_count());
        assert_eq!(waiting, 0);
    }

    #[test]
    fn bad_timeouts_are_refused() {
        let (mut client, _) = pair();
        for (timeout, text) in [
            ("x", "-ERR timeout is not a float or out of range\r\n"),
            ("-1", "-ERR timeout is negative\r\n"),
            ("1e300", "-ERR timeout is out of range\r\n"),
            ("1e400", "-ERR timeout is out of range\r\n"),
            ("-1e400", "-ERR timeout is negative\r\n"),
            ("inf", "-ERR timeout is out of range\r\n"),
            ("1e5000", "-ERR timeout is not a float or out of range\r\n"),
        ] {
            assert_eq!(client.say(&format!("BLPOP k {timeout}")), text);
            assert_eq!(client.say(&format!("BLMOVE k l LEFT LEFT {timeout}")), text);
            assert_eq!(client.say(&format!("BLMPOP {timeout} 1 k LEFT")), text);
        }
    }

    #[test]
    fn a_wrong_timeout_is_told_of_last() {
        check(&[
            ("BLMPOP abc a k LEFT", "-ERR numkeys should be greater than 0"),
            ("BLMPOP abc 9 k LEFT", "-ERR syntax error"),
            ("BLMPOP abc 1 k FIRST", "-ERR syntax error"),
            ("BLMPOP abc 1 k LEFT COUNT 0", "-ERR count should be greater than 0"),
            ("BLMPOP -1 1 k LEFT COUNT 2 b", "-ERR syntax error"),
            ("SET s x", "+OK"),
            ("BLMPOP abc 1 s LEFT", "-ERR timeout is not a float or out of range"),
            ("BLMPOP -1 1 s LEFT COUNT 1", "-ERR timeout is negative"),
        ]);
    }
}
