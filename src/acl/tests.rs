use super::*;
use crate::resp::Args;
use crate::resp::decode::Span;
use proptest::prelude::*;
use std::collections::BTreeSet;

const CATEGORIES: &[(u32, &str)] = &[(1, "read"), (2, "write"), (4, "admin"), (8, "pubsub")];

fn catalogue() -> Catalogue {
    let entry = |name, categories, subcommands| Entry {
        name,
        categories,
        is_subcommand: name.contains('|'),
        subcommands,
    };
    let entries = vec![
        entry("get", 1, 0),
        entry("set", 2, 0),
        entry("config", 0, 3),
        entry("config|get", 4, 0),
        entry("config|set", 4, 0),
        entry("config|help", 0, 0),
        entry("select", 0, 0),
        entry("object", 1, 1),
        entry("object|freq", 1, 0),
        entry("subscribe", 8, 0),
        entry("move", 3, 0),
    ];
    Catalogue::new(entries, CATEGORIES)
}

fn described(user: &User) -> String {
    let mut text = Vec::new();
    user.describe(&mut text);
    String::from_utf8(text).expect("the rules are text")
}

fn made_of(rules: &str) -> User {
    let catalogue = catalogue();
    let rules: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    User::new(&catalogue, b"u", false).changed(&catalogue, &rules, false).expect("the rules are right")
}

/// Whether the user may run the command, given by all its words, on keys (`r:key`, `w:key`) and channels (`c:`, `p:`).
fn may(user: &User, command: &str, uses: &str) -> Result<(), Denied> {
    let catalogue = catalogue();
    let words: Vec<&str> =
        command.split(' ').chain(uses.split(' ').filter(|word| !word.is_empty())).collect();
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    let (mut keys, mut channels) = (Vec::new(), Vec::new());
    for (index, word) in words.iter().enumerate() {
        let word = match word.split_once(':') {
            Some((kind @ ("r" | "w" | "rw" | "n"), key)) => {
                keys.push(KeyUse { index, read: kind.contains('r'), write: kind.contains('w') });
                key
            }
            Some((kind @ ("c" | "p"), channel)) => {
                channels.push(ChannelUse { index, is_pattern: kind == "p" });
                channel
            }
            _ => word,
        };
        spans.push(Span { start: buffer.len() as u32, len: word.len() as u32 });
        buffer.extend_from_slice(word.as_bytes());
    }
    let of_container =
        words.get(1).and_then(|word| catalogue.find(format!("{}|{word}", words[0]).as_bytes()));
    let request = Request {
        command: of_container
            .or_else(|| catalogue.find(words[0].as_bytes()))
            .expect("there is such a command"),
        is_for_all: false,
        args: Args::new(&buffer, &spans),
        keys: keys.into_iter().collect(),
        channels: channels.into_iter().collect(),
    };
    check(user, &request)
}

#[test]
fn what_is_refused_is_told() {
    for (rules, command, uses, expect) in [
        ("+get ~a*", "get", "r:ab", Ok(())),
        ("+get ~a*", "get", "r:b", Err(Denied::Key(1))),
        ("+get ~a*", "set", "w:a", Err(Denied::Command)),
        ("+@all", "get", "r:a", Err(Denied::Key(1))),
        ("+@all %R~a", "get", "r:a", Ok(())),
        ("+@all %R~a", "set", "w:a", Err(Denied::Key(1))),
        ("+@all %W~a", "get", "r:a", Err(Denied::Key(1))),
        ("+@all %R~a %W~a", "move", "rw:a", Ok(())),
        // Two patterns that only together would do.
        ("+@all %R~a* %W~*a", "move", "rw:aa", Err(Denied::Key(1))),
        // What neither reads nor writes (EXISTS) needs any pattern.
        ("+@all %W~a", "get", "n:a", Ok(())),
        ("+@all %W~a", "get", "n:b", Err(Denied::Key(1))),
        ("+@all ~*", "move", "r:a w:b", Ok(())),
        ("+@all ~a", "move", "r:a w:b", Err(Denied::Key(2))),
        ("+@all ~a &x*", "subscribe", "c:xy c:z", Err(Denied::Channel(2))),
        ("+@all ~a &x*", "subscribe", "p:x*", Ok(())),
        // A pattern must be allowed as it is.
        ("+@all ~a &x*", "subscribe", "p:xy", Err(Denied::Channel(1))),
        ("+@all &*", "subscribe", "p:xy c:z", Ok(())),
        // Of several selectors, the refusal that came furthest is told.
        ("+get ~a (+set ~b) (+get ~c)", "get", "r:d", Err(Denied::Key(1))),
        ("+get ~a (+set ~b)", "set", "w:a", Err(Denied::Key(1))),
        ("+get ~a (+set ~b)", "select", "", Err(Denied::Command)),
        ("-@all ~a (+move ~b ~c) (+move ~d)", "move", "r:b w:d", Err(Denied::Key(2))),
        ("-@all (+move ~a) (+move ~b)", "move", "r:a w:b", Err(Denied::Key(2))),
        ("+select|0 +select|X", "select 0", "", Ok(())),
        ("+select|0 +select|X", "select x", "", Ok(())),
        ("+select|0", "select 1", "", Err(Denied::Command)),
        ("+select|0", "select", "", Err(Denied::Command)),
        ("+select|0 -select", "select 0", "", Err(Denied::Command)),
        ("+config|get", "config get", "", Ok(())),
        ("+config|get", "config set", "", Err(Denied::Command)),
        ("+config|get", "config", "", Err(Denied::Command)),
        ("+config -config|set", "config set", "", Err(Denied::Command)),
        ("+config -config|set", "config help", "", Ok(())),
        ("+@admin", "config get", "", Ok(())),
        ("+@admin", "config help", "", Err(Denied::Command)),
        // A category that has a container has all of its subcommands.
        ("+@all -@read", "object freq", "", Err(Denied::Command)),
    ] {
        assert_eq!(may(&made_of(rules), command, uses), expect, "{rules}: {command} {uses}");
    }
}

#[test]
fn every_user_is_described_by_rules_that_make_it() {
    for (rules, expect) in [
        ("", "off sanitize-payload resetchannels -@all"),
        ("on nopass ~* &* +@all", "on nopass sanitize-payload ~* &* +@all"),
        ("%RW~a %r~b %w~b", "off sanitize-payload ~a ~b resetchannels -@all"),
        ("%R~* %W~*", "off sanitize-payload ~* resetchannels -@all"),
        ("%RW~* ~x", "off sanitize-payload %RW~* ~x resetchannels -@all"),
        ("%R %W~", "off sanitize-payload ~ resetchannels -@all"),
        ("skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all"),
        ("(allkeys allcommands allchannels)", "off sanitize-payload resetchannels -@all (~* &* +@all)"),
        (
            "(%R~a &x +@read) ()",
            "off sanitize-payload resetchannels -@all (%R~a resetchannels &x -@all +@read) (resetchannels -@all)",
        ),
        ("(~a +get ) (~b", "off"),
        ("+get (~a +set) reset on", "on sanitize-payload resetchannels -@all"),
    ] {
        if expect == "off" {
            let catalogue = catalogue();
            let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
            let made = User::new(&catalogue, b"u", false).changed(&catalogue, &words, false);
            assert_eq!(made, Err(SetError::Unmatched { start: b"(~b".to_vec() }));
            continue;
        }
        let user = made_of(rules);
        assert_eq!(described(&user), expect, "{rules}");
        assert_eq!(described(&made_of(expect)), expect, "{rules}");
    }
}

#[test]
fn passwords() {
    let catalogue = catalogue();
    let mut user = User::new(&catalogue, b"u", false);
    let mut apply = |rule: &str| user.apply(&catalogue, rule.as_bytes(), false).map(|()| user.clone());
    assert!(apply(">a").is_ok_and(|user| !user.lets_in(b"a")), "off");
    assert!(apply("on").is_ok_and(|user| user.lets_in(b"a") && !user.lets_in(b"b") && !user.lets_in(b"")));
    assert!(apply(">b").is_ok_and(|user| user.lets_in(b"a") && user.lets_in(b"b")));
    assert!(apply(">b").is_ok_and(|user| user.passwords().len() == 2));
    assert!(apply("<a").is_ok_and(|user| !user.lets_in(b"a") && user.lets_in(b"b")));
    assert_eq!(apply("<a"), Err(RuleError::NoSuchPassword));
    assert!(apply("nopass").is_ok_and(|user| user.lets_in(b"anything") && user.passwords().is_empty()));
    assert!(apply(">c").is_ok_and(|user| user.lets_in(b"c") && !user.lets_in(b"anything")));
    assert!(apply("resetpass").is_ok_and(|user| !user.lets_in(b"c") && !user.lets_in(b"")));
    // The SHA-256 of the empty text, as everybody knows it.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(apply(&format!("#{empty}")).is_ok_and(|user| user.lets_in(b"") && !user.lets_in(b"x")));
    assert_eq!(apply(&format!("#{}", empty.to_uppercase())), Err(RuleError::BadHash));
    assert!(apply(&format!("!{empty}")).is_ok_and(|user| user.passwords().is_empty()));
}

#[test]
fn channels_that_are_lost() {
    let lost = |before: &str, after: &str, channel: &str, is_pattern| {
        let (before, after) = (made_of(before), made_of(after));
        Kept::of(&before, &after).is_some_and(|kept| !kept.allows(channel.as_bytes(), is_pattern))
    };
    assert!(!lost("&a", "&a &b", "zzz", false), "nothing was taken away");
    assert!(!lost("&a", "&*", "zzz", false));
    assert!(!lost("&a*", "&b (&a*)", "zzz", false));
    assert!(lost("&*", "&a", "b", false) && !lost("&*", "&a", "a", false));
    assert!(lost("&a* &b*", "&a*", "bc", false) && !lost("&a* &b*", "&a*", "ac", false));
    assert!(lost("&a* &b*", "&a*", "ac", true) && !lost("&a* &b*", "&a*", "a*", true));
}

#[test]
fn a_file_is_right_or_says_all_that_is_wrong() {
    let catalogue = catalogue();
    let read = |text: &str| file::parse(&catalogue, text.as_bytes(), "f.acl", false);
    let users = read("\n  user a on  +get (~b +set)\t\r\nuser b off\n\n").expect("it is right");
    assert_eq!(users.iter().map(User::name).collect::<Vec<_>>(), [b"a", b"b"]);
    let text = file::render(users.iter());
    assert_eq!(
        String::from_utf8_lossy(&text),
        "user a on sanitize-payload resetchannels -@all +get (~b resetchannels -@all +set)\nuser b off sanitize-payload \
         resetchannels -@all\n"
    );
    assert_eq!(read(&String::from_utf8_lossy(&text)), Ok(users));
    for (text, expect) in [
        ("usr a on", "f.acl:1 should start with user keyword followed by the username. "),
        ("user", "f.acl:1 should start with user keyword followed by the username. "),
        ("user a\nuser a", "WARNING: Duplicate user 'a' found on line 2. "),
        (
            "user a +nosuch +@no",
            "f.acl:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. f.acl:1: Error in applying operation '+@no': Unknown command or category name in ACL. ",
        ),
        ("\nuser a x y <z", "f.acl:2: Syntax error. "),
        ("user a (+get", "f.acl:1: Unmatched parenthesis in selector definition."),
        ("user a\tb on", "'f.acl:1: username 'a\tb' contains invalid characters. "),
    ] {
        let end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
        assert_eq!(read(text), Err(format!("{expect}{end}")), "{text}");
    }
}

#[test]
fn denials_of_a_kind_share_an_entry() {
    let log = Log::default();
    let add = |reason, object: &str, now| {
        let denial = log::Denial {
            reason,
            context: Context::TopLevel,
            object: object.as_bytes(),
            user: b"u",
            client: vec![],
            now,
        };
        log.add(denial, 12);
    };
    add(Reason::Key, "a", 0);
    add(Reason::Key, "a", 60_000);
    add(Reason::Key, "a", 120_001);
    let counts = |count| log.latest(count).iter().map(|entry| (entry.id, entry.count)).collect::<Vec<_>>();
    assert_eq!(counts(9), [(1, 1), (0, 2)]);
    (0..9).for_each(|number| add(Reason::Channel, &number.to_string(), 120_001));
    add(Reason::Key, "a", 120_002);
    assert_eq!(counts(1), [(1, 2)], "it was the tenth");
    (0..10).for_each(|number| add(Reason::Command, &number.to_string(), 120_003));
    add(Reason::Key, "a", 120_003);
    assert_eq!((counts(1), log.latest(99).len()), (vec![(21, 1)], 12));
    assert_eq!((log.count(Reason::Key), log.count(Reason::Channel), log.count(Reason::Auth)), (5, 9, 0));
}

fn words(pattern: &str) -> impl Strategy<Value = String> + use<> {
    proptest::string::string_regex(pattern).expect("the pattern is right")
}

fn rule() -> impl Strategy<Value = String> {
    let commands = "(get|set|config|config\\|get|config\\|set|object|select|select\\|[01]|move|@read|@write|@admin|@all)";
    prop_oneof![
        4 => words(&format!("[+-]{commands}")),
        3 => "(~|%R~|%W~|%RW~)[ab*]{0,2}",
        2 => "&[ab*]{0,2}",
        1 => "(on|off|nopass|resetpass|resetkeys|resetchannels|allkeys|allchannels|reset|clearselectors|skip-sanitize-payload)",
        1 => "[><][ab]",
        1 => words(&format!("\\(([+-]{commands} )?(%R~|~)[ab*]{{0,2}}( &[ab*])?( [+-]{commands})?\\)")),
        1 => "[ -~]{0,6}",
    ]
}

/// What rules of commands say, as naively as can be: the last word on each command counts.
fn may_naively(rules: &[String], command: &str, argument: &str) -> bool {
    let catalogue = catalogue();
    let number = catalogue.find(command.as_bytes()).expect("there is such a command");
    let parent = command.split('|').next().unwrap_or(command);
    let is_about = |what: &str| match what.strip_prefix('@') {
        Some("all") => true,
        Some(category) => {
            let bit = catalogue.category(category.as_bytes()).unwrap_or(0);
            let is_in = |name: &str| {
                catalogue.find(name.as_bytes()).is_some_and(|n| catalogue.entry(n).categories & bit != 0)
            };
            is_in(command) || is_in(parent)
        }
        None => what == command || what == parent,
    };
    let mut allowed = false;
    let mut arguments = BTreeSet::new();
    for rule in rules {
        let (sign, what) = rule.split_at(1);
        if is_about(what) {
            (allowed, arguments) = (sign == "+", BTreeSet::new());
        } else if let Some(argument) = what.strip_prefix(&format!("{command}|"))
            && catalogue.entry(number).subcommands == 0
        {
            arguments.insert(argument.to_owned());
        }
    }
    allowed || arguments.contains(argument)
}

proptest! {
    #[test]
    fn a_description_makes_the_same_user(rules in proptest::collection::vec(rule(), 0..12), all in any::<bool>()) {
        let catalogue = catalogue();
        let mut user = User::new(&catalogue, b"u", all);
        for rule in &rules {
            // What is wrong changes nothing.
            let before = user.clone();
            if user.apply(&catalogue, rule.as_bytes(), all).is_err() {
                prop_assert_eq!(&before, &user);
            }
        }
        let text = described(&user);
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        for all in [false, true] {
            let again = User::new(&catalogue, b"u", all).changed(&catalogue, &words, all);
            let again = again.map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
            prop_assert_eq!(described(&again), text.as_str());
            for command in ["get", "set", "config", "config get", "config set", "select 0", "select 1", "move"] {
                for uses in ["", "r:a", "w:ab", "rw:b", "c:a", "p:a*"] {
                    prop_assert_eq!(may(&again, command, uses), may(&user, command, uses));
                }
            }
        }
        let line = [b"user u ", text.as_bytes()].concat();
        prop_assert_eq!(file::parse(&catalogue, &line, "f", false).map(|users| described(&users[0])), Ok(text));
    }

    #[test]
    fn the_last_word_on_a_command_counts(
        rules in proptest::collection::vec("[+-](get|config|object|@read|@write|@admin|@all)|[+-]config\\|(get|set)|\\+select\\|[01]", 0..10)
    ) {
        let user = made_of(&rules.join(" "));
        for (command, argument) in [
            ("get", ""), ("set", ""), ("config|get", ""), ("config|set", ""), ("config|help", ""), ("object", ""),
            ("object|freq", ""), ("select", "0"), ("select", "1"), ("select", "2"), ("move", ""),
        ] {
            let request = [&command.replace('|', " "), argument].join(" ");
            let expect = may_naively(&rules, command, argument);
            prop_assert_eq!(may(&user, request.trim_end(), "").is_ok(), expect, "{:?}: {}", rules, request);
        }
    }

    #[test]
    fn a_key_needs_a_pattern_that_covers_it(
        patterns in proptest::collection::vec("(R|W|RW)~[ab?]{1,2}", 0..5),
        key in "[ab]{1,2}", read in any::<bool>(), write in any::<bool>(),
    ) {
        let rules: Vec<String> = patterns.iter().map(|pattern| format!("%{pattern}")).collect();
        let user = made_of(format!("+@all resetkeys {}", rules.join(" ")).trim_end());
        // What was given to one pattern in parts counts together.
        let expect = patterns.iter().any(|pattern| {
            let (_, glob) = pattern.split_once('~').unwrap_or_default();
            let same = patterns.iter().filter(|other| other.split_once('~').is_some_and(|(_, text)| text == glob));
            let access: String = same.filter_map(|other| other.split_once('~')).map(|(access, _)| access).collect();
            let fits = glob.len() == key.len()
                && glob.bytes().zip(key.bytes()).all(|(wanted, byte)| wanted == b'?' || wanted == byte);
            fits && (!read || access.contains('R')) && (!write || access.contains('W'))
        });
        let kind = match (read, write) { (true, true) => "rw", (true, false) => "r", (false, true) => "w", _ => "n" };
        prop_assert_eq!(may(&user, "get", &format!("{kind}:{key}")).is_ok(), expect);
    }

    #[test]
    fn any_file_is_read_without_panic(text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..200)) {
        let _ = file::parse(&catalogue(), &text, "f", false);
        let with_user = [b"user a ".as_slice(), &text].concat();
        if let Ok(users) = file::parse(&catalogue(), &with_user, "f", false) {
            let again = file::parse(&catalogue(), &file::render(users.iter()), "f", false);
            prop_assert_eq!(again.map(|users| file::render(users.iter())), Ok(file::render(users.iter())));
        }
    }
}
