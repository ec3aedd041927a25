use crate::command::testing::{TestClient, check, check_effects};

/// What a bulk reply in an array of a position and a piece holds.
fn piece(reply: &[u8]) -> (i64, Vec<u8>) {
    let mut lines = reply.splitn(4, |byte| *byte == b'\n');
    let number = |line: Option<&[u8]>| -> i64 {
        let text = String::from_utf8_lossy(line.expect("a line")).trim_end()[1..].to_owned();
        text.parse().expect("a number")
    };
    lines.next();
    let position = number(lines.next());
    let length = number(lines.next()) as usize;
    (position, lines.next().expect("a piece")[..length].to_vec())
}

#[test]
fn filters_answer_as_redisbloom_does() {
    check(&[
        ("BF.RESERVE b 0.001 1000", "+OK"),
        ("BF.RESERVE b 0.001 1000", "-ERR item exists"),
        ("TYPE b", "+MBbloom--"),
        ("OBJECT ENCODING b", "$3|raw"),
        ("BF.ADD b one", ":1"),
        ("BF.ADD b one", ":0"),
        ("BF.MADD b one two three", "*3|:0|:1|:1"),
        ("BF.EXISTS b two", ":1"),
        ("BF.MEXISTS b one nine", "*2|:1|:0"),
        ("BF.CARD b", ":3"),
        ("BF.CARD none", ":0"),
        ("BF.EXISTS none one", ":0"),
        ("BF.MEXISTS none one two", "*2|:0|:0"),
        ("BF.ADD d x", ":1"),
        (
            "BF.INFO d",
            "*10|+Capacity|:100|+Size|:240|+Number of filters|:1|+Number of items inserted|:1|+Expansion rate|:2",
        ),
        ("BF.INFO d capacity", "*1|:100"),
        ("BF.INFO d EXPANSION", "*1|:2"),
        ("BF.INFO d COLOUR", "-Invalid information value"),
        ("BF.INFO d SIZE ITEMS", "-ERR wrong number of arguments for 'bf.info' command"),
        ("BF.INFO none", "-ERR not found"),
        ("HELLO 3", &TestClient::new().say("HELLO 3").trim_end().replace("\r\n", "|")),
        ("BF.ADD d x", "#f"),
        ("BF.MADD d x y", "*2|#f|#t"),
        ("BF.EXISTS d y", "#t"),
        ("BF.INFO d ITEMS", "%1|+Number of items inserted|:2"),
        ("BF.RESERVE n 0.1 2 NONSCALING", "+OK"),
        ("BF.INFO n EXPANSION", "%1|+Expansion rate|_"),
        ("DEL b d", ":2"),
        ("SCAN 0 TYPE mbbloom-- COUNT 1000", "*2|$1|0|*1|$1|n"),
    ]);
}

#[test]
fn a_full_filter_says_so() {
    check(&[
        ("BF.INSERT n CAPACITY 2 ERROR 0.001 NONSCALING ITEMS a b", "*2|:1|:1"),
        ("BF.INSERT n ITEMS a c d", "*2|:0|-ERR non scaling filter is full"),
        ("BF.ADD n e", "-ERR non scaling filter is full"),
        ("BF.ADD n a", ":0"),
        ("BF.INFO n EXPANSION", "*1|$-1"),
    ]);
}

#[test]
fn wrong_requests_are_refused() {
    check(&[
        ("SET s x", "+OK"),
        ("BF.ADD s x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("BF.CARD s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("BF.EXISTS s x", ":0"),
        ("CF.RESERVE c 100", "+OK"),
        ("BF.ADD c x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("GET c", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("BF.RESERVE b x 100", "-ERR bad error rate"),
        ("BF.RESERVE b 1 100", "-ERR (0 < error rate range < 1)"),
        ("BF.RESERVE b 0.1 x", "-ERR bad capacity"),
        ("BF.RESERVE b 0.1 0", "-ERR (capacity should be larger than 0)"),
        ("BF.RESERVE b 0.1 1073741825", "-ERR capacity must be in the range [1, 1073741824]"),
        ("BF.RESERVE b 1e-300 1073741824", "-ERR insufficient memory to create filter"),
        ("BF.RESERVE b 0.1 10 EXPANSION", "-ERR no expansion"),
        ("BF.RESERVE b 0.1 10 EXPANSION x", "-ERR bad expansion"),
        ("BF.RESERVE b 0.1 10 EXPANSION 0", "-ERR expansion should be greater or equal to 1"),
        ("BF.RESERVE b 0.1 10 EXPANSION 2 NONSCALING", "-Nonscaling filters cannot expand"),
        ("BF.RESERVE b 0.1 10 a b c d", "-ERR wrong number of arguments for 'bf.reserve' command"),
        ("BF.INSERT b NOCREATE ITEMS a", "-ERR not found"),
        ("BF.INSERT b ERROR x ITEMS a", "-Bad error rate"),
        ("BF.INSERT b ERROR 1 ITEMS a", "-Bad argument received"),
        ("BF.INSERT b CAPACITY x ITEMS a", "-Bad capacity"),
        ("BF.INSERT b CAPACITY 0 ITEMS a", "-Bad argument received"),
        ("BF.INSERT b EXPANSION x ITEMS a", "-Bad expansion"),
        ("BF.INSERT b WORD ITEMS a", "-Unknown argument received"),
        ("BF.INSERT b ERROR 0.1 ITEMS", "-ERR wrong number of arguments for 'bf.insert' command"),
        ("BF.INSERT b NOCREATE CAPACITY", "-ERR wrong number of arguments for 'bf.insert' command"),
        ("BF.SCANDUMP b 0", "-ERR not found"),
        ("BF.LOADCHUNK b x y", "-ERR Second argument must be numeric"),
        ("BF.LOADCHUNK b 1 y", "-ERR received bad data"),
        ("BF.LOADCHUNK b 2 y", "-ERR not found"),
        ("EXISTS b", ":0"),
        ("BF.ADD b a", ":1"),
        ("BF.SCANDUMP b x", "-Second argument must be numeric"),
        ("BF.SCANDUMP b 1000", "*2|:0|$0"),
        ("BF.LOADCHUNK b 1 y", "-ERR invalid offset - no link found"),
        ("BF.LOADCHUNK b 1 yy", "-ERR received bad data"),
        ("BF.LOADCHUNK b 200 y", "-ERR invalid offset - no link found"),
        ("BF.LOADCHUNK b 147 yyy", "-ERR invalid chunk - Too big for current filter"),
    ]);
}

#[test]
fn effects_say_what_was_new_and_what_was_made() {
    check_effects(&[
        ("BF.RESERVE b 0.001 1000", "0: BF.RESERVE b 0.001 1000 EXPANSION 2"),
        ("BF.RESERVE n 0.001 2 NONSCALING", "0: BF.RESERVE n 0.001 2 NONSCALING"),
        ("BF.ADD b one", "0: BF.ADD b one"),
        ("BF.ADD b one", ""),
        ("BF.MADD b one two three", "0: BF.MADD b two three"),
        ("BF.MADD n a b c", "0: BF.MADD n a b"),
        ("BF.ADD n c", ""),
        ("BF.ADD d x", "0: BF.INSERT d CAPACITY 100 ERROR 0.01 EXPANSION 2 ITEMS x"),
        (
            "BF.INSERT e ERROR 0.25 EXPANSION 4 ITEMS x x",
            "0: BF.INSERT e CAPACITY 100 ERROR 0.25 EXPANSION 4 ITEMS x",
        ),
        ("BF.EXISTS d x", ""),
    ]);
}

#[test]
fn a_filter_moves_in_pieces_and_as_a_whole() {
    let mut client = TestClient::configured("enable-debug-command yes");
    client.say("BF.RESERVE b 0.01 100");
    for number in 0..1000 {
        client.say(&format!("BF.ADD b item{number}"));
    }
    client.say("PEXPIREAT b 1800000000000");
    let (mut position, header) = piece(&client.run(&[b"BF.SCANDUMP", b"b", b"0"]).expect("a reply"));
    assert_eq!(client.run(&[b"BF.LOADCHUNK", b"c", b"1", &header]).as_deref(), Some(&b"+OK\r\n"[..]));
    assert_eq!(position, 1);
    while position != 0 {
        let at = position.to_string();
        let (next, bits) = piece(&client.run(&[b"BF.SCANDUMP", b"b", at.as_bytes()]).expect("a reply"));
        if next != 0 {
            let at = next.to_string();
            let loaded = client.run(&[b"BF.LOADCHUNK", b"c", at.as_bytes(), &bits]);
            assert_eq!(loaded.as_deref(), Some(&b"+OK\r\n"[..]));
        }
        position = next;
    }
    client.say("PEXPIREAT c 1800000000000");
    client.say("COPY b d");
    let digests = client.say("DEBUG DIGEST-VALUE b c d");
    let digests: Vec<_> = digests.lines().skip(1).collect();
    assert!(digests[0] == digests[1] && digests[0] == digests[2], "{digests:?}");
    let everything = client.say("DEBUG DIGEST");
    assert_eq!(client.say("DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(client.say("DEBUG DIGEST"), everything);
    let mut other = TestClient::configured("enable-debug-command yes");
    client.replay_into(&mut other);
    assert_eq!(other.say("DEBUG DIGEST"), everything);
    assert!(!client.say("MEMORY USAGE b").starts_with("$"));
}

#[test]
fn a_payload_is_redisblooms() {
    let mut client = TestClient::new();
    client.say("BF.RESERVE b 0.5 1 NONSCALING");
    let reply = client.run(&[b"DUMP", b"b"]).expect("a reply");
    let start = reply.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    let payload = &reply[start..reply.len() - 12];
    // Module 2, MBbloom-- in version 4; items, layers, options, growth; the layer; end.
    let mut expected = b"\x07\x81\x30\x16\xe5\xa2\x89\xbe\xf8\x04".to_vec();
    expected[2..10].copy_from_slice(&(0x000c_05b9_68a2_6fbe_u64 << 10 | 4).to_be_bytes());
    expected.extend_from_slice(b"\x02\x00\x02\x01\x02\x0d\x02\x02");
    expected.extend_from_slice(b"\x02\x01\x04\0\0\0\0\0\0\xe0\x3f\x02\x02\x04");
    expected.extend_from_slice(&((0.5_f64.ln() / 0.480_453_013_918_201).abs()).to_le_bytes());
    expected.extend_from_slice(b"\x02\x40\x40\x02\x00\x05\x08\0\0\0\0\0\0\0\0\x02\x00\x00");
    assert_eq!(payload, expected.as_slice());
}
