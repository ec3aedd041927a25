use crate::command::testing::{TestClient, check, check_effects};

#[test]
fn filters_answer_as_redisbloom_does() {
    check(&[
        ("CF.RESERVE c 1000 BUCKETSIZE 4 MAXITERATIONS 50 EXPANSION 3", "+OK"),
        ("CF.RESERVE c 1000", "-ERR item exists"),
        ("TYPE c", "+MBbloomCF"),
        ("OBJECT ENCODING c", "$3|raw"),
        ("CF.ADD c one", ":1"),
        ("CF.ADD c one", ":1"),
        ("CF.ADDNX c one", ":0"),
        ("CF.ADDNX c two", ":1"),
        ("CF.COUNT c one", ":2"),
        ("CF.COUNT c nine", ":0"),
        ("CF.COUNT none nine", ":0"),
        ("CF.EXISTS c two", ":1"),
        ("CF.MEXISTS c one nine", "*2|:1|:0"),
        ("CF.MEXISTS none one nine", "*2|:0|:0"),
        ("CF.DEL c one", ":1"),
        ("CF.DEL c nine", ":0"),
        ("CF.DEL none nine", "-Not found"),
        ("CF.COMPACT c", "+OK"),
        ("CF.COMPACT none", "-Cuckoo filter was not found"),
        (
            "CF.INFO c",
            "*16|+Size|:1080|+Number of buckets|:256|+Number of filters|:1|+Number of items inserted|:2|\
             +Number of items deleted|:0|+Bucket size|:4|+Expansion rate|:4|+Max iterations|:50",
        ),
        ("CF.INFO none", "-ERR not found"),
        ("CF.INSERT d CAPACITY 500 ITEMS a a b", "*3|:1|:1|:1"),
        ("CF.INSERTNX d ITEMS a c", "*2|:0|:1"),
        ("HELLO 3", &TestClient::new().say("HELLO 3").trim_end().replace("\r\n", "|")),
        ("CF.ADD d a", "#t"),
        ("CF.ADDNX d a", "#f"),
        ("CF.INSERT d ITEMS a b", "*2|#t|#t"),
        ("CF.INSERTNX d ITEMS a e", "*2|:0|:1"),
        ("CF.EXISTS d e", "#t"),
        ("CF.DEL d e", "#t"),
        ("CF.COUNT d a", ":4"),
    ]);
}

#[test]
fn a_full_filter_says_so() {
    check(&[
        ("CF.RESERVE c 4 BUCKETSIZE 2 EXPANSION 0", "+OK"),
        ("CF.INSERT c ITEMS a a a", "*3|:1|:1|:-1"),
        ("CF.INSERTNX c ITEMS a", "*1|:0"),
        ("CF.ADD c a", "-Filter is full"),
        // Both its buckets are one, which is counted twice.
        ("CF.COUNT c a", ":4"),
    ]);
    let mut client = TestClient::new();
    client.say("CF.RESERVE c 2 BUCKETSIZE 1");
    let refusal = (0..200).map(|_| client.say("CF.ADD c a")).find(|reply| !reply.starts_with(':'));
    assert_eq!(refusal.as_deref(), Some("-Maximum expansions reached\r\n"));
}

#[test]
fn wrong_requests_are_refused() {
    check(&[
        ("SET s x", "+OK"),
        ("CF.ADD s x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("CF.EXISTS s x", ":0"),
        ("CF.COUNT s x", ":0"),
        ("CF.DEL s x", "-Not found"),
        ("CF.INFO s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("CF.RESERVE c x", "-Bad capacity"),
        ("CF.RESERVE c 3", "-Capacity must be at least (BucketSize * 2)"),
        ("CF.RESERVE c 1073741825", "-Capacity must be in the range [2 * BUCKETSIZE, 1073741824]"),
        ("CF.RESERVE c 10 BUCKETSIZE", "-ERR wrong number of arguments for 'cf.reserve' command"),
        ("CF.RESERVE c 10 BUCKETSIZE x", "-Couldn't parse BUCKETSIZE"),
        (
            "CF.RESERVE c 1000 BUCKETSIZE 256",
            "-BUCKETSIZE: value must be an integer between 1 and 255, inclusive.",
        ),
        ("CF.RESERVE c 10 MAXITERATIONS x", "-Couldn't parse MAXITERATIONS"),
        (
            "CF.RESERVE c 10 MAXITERATIONS 0",
            "-MAXITERATIONS: value must be an integer between 1 and 65535, inclusive.",
        ),
        ("CF.RESERVE c 10 EXPANSION x", "-Couldn't parse EXPANSION"),
        (
            "CF.RESERVE c 10 EXPANSION -1",
            "-EXPANSION: value must be an integer between 0 and 32768, inclusive.",
        ),
        ("CF.INSERT c NOCREATE ITEMS a", "-ERR not found"),
        ("CF.INSERT c CAPACITY x ITEMS a", "-Bad capacity"),
        ("CF.INSERT c CAPACITY 3 ITEMS a", "-Capacity must be at least (BucketSize * 2)"),
        ("CF.INSERT c WORD ITEMS a", "-Unknown argument received"),
        ("CF.INSERTNX c CAPACITY 10 ITEMS", "-ERR wrong number of arguments for 'cf.insertnx' command"),
        ("CF.SCANDUMP c 0", "-ERR not found"),
        ("CF.SCANDUMP c -1", "-Invalid position"),
        ("CF.LOADCHUNK c 0 x", "-Invalid position"),
        ("CF.LOADCHUNK c 1 x", "-Invalid header"),
        ("CF.LOADCHUNK c 1 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "-Couldn't create filter!"),
        ("CF.LOADCHUNK c 2 x", "-ERR not found"),
        ("EXISTS c", ":0"),
        ("CF.RESERVE c 10", "+OK"),
        ("CF.SCANDUMP c 0", "*2|:0|$-1"),
        ("CF.LOADCHUNK c 1 x", "-ERR item exists"),
        ("CF.LOADCHUNK c 100 x", "-Couldn't load chunk!"),
    ]);
}

#[test]
fn effects_say_what_was_added_and_what_was_made() {
    check_effects(&[
        (
            "CF.RESERVE c 4 BUCKETSIZE 2 EXPANSION 0",
            "0: CF.RESERVE c 4 BUCKETSIZE 2 MAXITERATIONS 20 EXPANSION 0",
        ),
        ("CF.INSERT c ITEMS a a a", "0: CF.INSERT c NOCREATE ITEMS a a"),
        ("CF.ADDNX c a", ""),
        ("CF.ADD c a", ""),
        ("CF.DEL c a", "0: CF.DEL c a"),
        ("CF.DEL c x", ""),
        ("CF.ADD c a", "0: CF.ADD c a"),
        (
            "CF.ADD d a",
            "0: CF.RESERVE d 1024 BUCKETSIZE 2 MAXITERATIONS 20 EXPANSION 1; 0: CF.INSERT d NOCREATE ITEMS a",
        ),
        ("CF.INSERTNX d ITEMS a b", "0: CF.INSERT d NOCREATE ITEMS b"),
        ("CF.COMPACT d", "0: CF.COMPACT d"),
    ]);
}

#[test]
fn replaying_and_reloading_give_the_same() {
    let mut client = TestClient::configured("enable-debug-command yes");
    client.say("CF.RESERVE c 64 EXPANSION 2");
    for number in 0..2000_u32 {
        let item = number.wrapping_mul(2_654_435_761) % 700;
        match number % 7 {
            0 => client.say(&format!("CF.DEL c {item}")),
            1 => client.say(&format!("CF.ADDNX c {item}")),
            2 => client.say(&format!("CF.INSERT e ITEMS {item} {number}")),
            _ => client.say(&format!("CF.ADD c {item}")),
        };
    }
    client.say("CF.RESERVE empty 64");
    client.say("PEXPIREAT c 1800000000000");
    client.say("COPY c d");
    client.say("COPY empty nothing");
    let everything = client.say("DEBUG DIGEST");
    assert_eq!(client.say("DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(client.say("DEBUG DIGEST"), everything);
    let mut other = TestClient::configured("enable-debug-command yes");
    client.replay_into(&mut other);
    assert_eq!(other.say("DEBUG DIGEST"), everything);
    assert_eq!(other.say("CF.INFO nothing"), client.say("CF.INFO empty"));
}
