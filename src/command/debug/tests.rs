use crate::command::testing::TestClient;

/// A client that may use DEBUG.
fn client() -> TestClient {
    TestClient::configured("enable-debug-command yes")
}

fn check(exchanges: &[(&str, &str)]) {
    let mut client = client();
    for (line, expect) in exchanges {
        let reply = client.say(line);
        assert_eq!(reply.trim_end().replace("\r\n", "|"), *expect, "{line}");
    }
}

#[test]
fn it_must_be_allowed() {
    let mut client = TestClient::new();
    assert!(
        client.say("DEBUG DIGEST").starts_with("-ERR DEBUG command not allowed. If the enable-debug-command")
    );
}

#[test]
fn small_replies() {
    check(&[
        (
            "DEBUG nosuch",
            "-ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.",
        ),
        ("DEBUG SLEEP", "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP."),
        ("DEBUG SLEEP x", "+OK"),
        ("DEBUG SLEEP -1", "+OK"),
        ("DEBUG SLEEP nan", "+OK"),
        ("DEBUG OBJECT nosuch", "-ERR no such key"),
        ("DEBUG SET-ACTIVE-EXPIRE 0", "+OK"),
        ("DEBUG STRINGMATCH-LEN a* abc", ":1"),
        ("DEBUG STRINGMATCH-TEST", "+Apparently Redis did not crash: test passed"),
        ("DEBUG DIGEST-VALUE", "*0"),
        ("DEBUG CONFIG-REWRITE-FORCE-ALL", "-ERR CONFIG-REWRITE-FORCE-ALL failed"),
        ("DEBUG ERROR foo", "-foo"),
        ("DEBUG LOG hi", "+OK"),
        ("DEBUG PROTOCOL x", WRONG_TYPE),
        ("DEBUG PROTOCOL map", "*6|:0|:0|:1|:1|:2|:0"),
        ("DEBUG PROTOCOL double", "$5|3.141"),
        ("DEBUG PROTOCOL push", "-ERR RESP2 is not supported by this command"),
        ("DEBUG POPULATE 2 pre 10", "+OK"),
        ("GET pre:1", "$10|value:1\0\0\0"),
        ("DEBUG POPULATE 3", "+OK"),
        ("GET key:2", "$7|value:2"),
        ("DBSIZE", ":5"),
        ("DEBUG POPULATE x", "-ERR value is out of range, must be positive"),
    ]);
}

const WRONG_TYPE: &str = "-ERR Wrong protocol type name. Please use one of the following: \
                          string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";

#[test]
fn populating_is_logged() {
    let mut client = client();
    client.say("DEBUG POPULATE 2 p");
    assert_eq!(client.effects(), ["0: SET p:0 value:0", "0: SET p:1 value:1"]);
}

/// The digests are what redis-server 7.0.15 says after the same commands.
#[test]
fn digests_are_those_of_redis() {
    check(&[
        ("DEBUG DIGEST", "+0000000000000000000000000000000000000000"),
        ("DEBUG DIGEST-VALUE nosuch", "*1|+0000000000000000000000000000000000000000"),
        ("SET a b", "+OK"),
        ("DEBUG DIGEST", "+479783d7290f02957dfbe3408a858ba13eea1709"),
        ("SET n 12345", "+OK"),
        ("SET v x EX 100", "+OK"),
        ("SELECT 3", "+OK"),
        ("SET other 1", "+OK"),
        ("DEBUG DIGEST", "+db978b591789b5d4b66533a340a52715a884744a"),
        ("SELECT 0", "+OK"),
        (
            "DEBUG DIGEST-VALUE a n v",
            "*3|+b78559cd22bce6e6df712eb99ce7f3b08e8f8f1f|+e1cf90774e995ae03de66e8109dc5cb9d9c2dc83|+0745672cb1bf060476eedeb8a28f5ffe1ff5a2be",
        ),
    ]);
}

#[test]
fn how_things_are_stored() {
    check(&[
        ("SET a hello", "+OK"),
        ("DEBUG LISTPACK a", "-ERR Not a listpack encoded object."),
        ("DEBUG LISTPACK nosuch", "-ERR no such key"),
        ("DEBUG HTSTATS-KEY nosuch", "-ERR no such key"),
        (
            "DEBUG HTSTATS-KEY a",
            "-ERR The value stored at the specified key is not represented using an hash table",
        ),
        ("ZADD z 1 a", ":1"),
        ("DEBUG LISTPACK z", "+Listpack structure printed on stdout"),
        ("DEBUG SET-DISABLE-DENY-SCRIPTS 1", "+OK"),
    ]);
    let mut client = client();
    client.say("SET a hello");
    assert!(client.say("DEBUG OBJECT a").contains(" serializedlength:6 "));
    assert!(
        client
            .say("DEBUG HTSTATS 0")
            .contains("[Dictionary HT]\nHash table 0 stats (main hash table):\n table size: ")
    );
}

#[test]
fn tables_tell_how_full_they_are() {
    let number = |text: &str, name: &str| -> usize {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name)).expect(name);
        line.trim_start_matches([':', ' ']).split(' ').next().unwrap_or_default().parse().expect("a number")
    };
    let mut client = client();
    let empty = client.say("DEBUG HTSTATS 1");
    assert_eq!(empty.matches("No stats available for empty dictionaries\n").count(), 2, "{empty}");
    for member in 0..1000 {
        client.say(&format!("SADD s member:{member}"));
        client.say(&format!("ZADD z {member} member:{member}"));
        client.say(&format!("HSET h member:{member} x"));
        client.say(&format!("SET key:{member} x"));
    }
    client.say("EXPIRE s 100");
    for (question, elements) in
        [("HTSTATS 0", 1003), ("HTSTATS-KEY s", 1000), ("HTSTATS-KEY z", 1000), ("HTSTATS-KEY h full", 1000)]
    {
        let text = client.say(&format!("DEBUG {question}"));
        let (size, slots) = (number(&text, "table size"), number(&text, "different slots"));
        assert_eq!(number(&text, "number of elements"), elements, "{text}");
        assert!(slots <= elements && slots <= size && size < 3 * elements.max(1000), "{text}");
        let longest = number(&text, "max chain length");
        assert_eq!(number(&text, &format!("{longest}:")).min(1), 1, "{text}");
        let (mut homes, mut members) = (0, 0);
        for length in 0..=longest {
            let here = text.lines().find_map(|line| line.strip_prefix(&format!("   {length}: ")));
            let here = here.map_or(0, |line| line.split(' ').next().unwrap_or("").parse().expect("a number"));
            (homes, members) = (homes + here, members + length * here);
        }
        assert_eq!((homes, members), (size, elements), "{text}");
    }
    assert!(!client.say("DEBUG HTSTATS-KEY s short").contains("chain"));
}

#[test]
fn a_reload_changes_nothing() {
    let mut client = client();
    for line in ["SET a hello", "SET n 12345 EX 100", "RPUSH l a b 3", "ZADD z 1.5 a 2 b"] {
        client.say(line);
    }
    client.effects();
    let before = client.say("DEBUG DIGEST");
    assert_eq!(client.say("DEBUG RELOAD NOSUCH").get(..4), Some("-ERR"));
    assert_eq!(client.say("DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(client.say("DEBUG RELOAD NOSAVE"), "+OK\r\n");
    const LOADED_TWICE: &str = "-ERR Error trying to load the RDB dump, check server logs.\r\n";
    assert_eq!(client.say("DEBUG RELOAD NOFLUSH"), LOADED_TWICE);
    assert_eq!(client.say("DEBUG RELOAD NOFLUSH MERGE"), "+OK\r\n");
    assert_eq!(client.say("DEBUG DIGEST"), before);
    assert_eq!(client.say("TTL n"), ":100\r\n");
    assert!(client.effects().is_empty());
    client.say("FLUSHALL");
    assert_eq!(client.say("DEBUG RELOAD NOFLUSH"), "+OK\r\n");
}
