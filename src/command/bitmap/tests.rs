//! Exchanges, effects and replays. Replies were compared with redis-server 7.0.15; those of BITOP's newer operations
//! follow the documentation of Redis 8.2.

use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

const SYNTAX: &str = "-ERR syntax error";
const WRONG_INTEGER: &str = "-ERR value is not an integer or out of range";
const BAD_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const BAD_BIT: &str = "-ERR bit is not an integer or out of range";

#[test]
fn one_bit() {
    check(&[
        ("SETBIT k 1 1", ":0"),
        ("GET k", "$1|@"),
        ("SETBIT k 1 1", ":1"),
        ("SETBIT k 7 1", ":0"),
        ("SETBIT k 1 0", ":1"),
        ("GETBIT k 7", ":1"),
        ("GETBIT k 1", ":0"),
        ("GETBIT k 4294967295", ":0"),
        ("GETBIT none 0", ":0"),
        ("SETBIT k 23 0", ":0"),
        ("STRLEN k", ":3"),
        ("OBJECT ENCODING k", "$3|raw"),
        ("SETBIT k 4294967296 1", BAD_OFFSET),
        ("SETBIT k -1 1", BAD_OFFSET),
        ("SETBIT k x 1", BAD_OFFSET),
        ("SETBIT k #1 1", BAD_OFFSET),
        ("GETBIT k 4294967296", BAD_OFFSET),
        ("SETBIT k 0 2", BAD_BIT),
        ("SETBIT k 0 -1", BAD_BIT),
        ("SETBIT k 0 x", BAD_BIT),
        ("SET n 1", "+OK"),
        ("GETBIT n 3", ":1"),
        ("SETBIT n 6 1", ":0"),
        ("GET n", "$1|3"),
        ("OBJECT ENCODING n", "$3|raw"),
    ]);
    check_effects(&[
        ("SETBIT k 0 0", "0: SETBIT k 0 0"),
        ("SETBIT k 0 0", ""),
        ("SETBIT k 0 1", "0: SETBIT k 0 1"),
        ("SETBIT k 0 1", ""),
        ("SETBIT k 8 0", "0: SETBIT k 8 0"),
    ]);
}

#[test]
fn counting() {
    check(&[
        ("SET k foobar", "+OK"),
        ("BITCOUNT k", ":26"),
        ("BITCOUNT k 0 0", ":4"),
        ("BITCOUNT k 1 1 BYTE", ":6"),
        ("BITCOUNT k 5 30 bit", ":17"),
        ("BITCOUNT k -6 -5", ":10"),
        ("BITCOUNT k -1 -2 what", ":0"),
        ("BITCOUNT k 0 100", ":26"),
        ("BITCOUNT k 3 2", ":0"),
        ("BITCOUNT k 1", SYNTAX),
        ("BITCOUNT k 1 2 what", SYNTAX),
        ("BITCOUNT k 1 2 BIT 3", SYNTAX),
        ("BITCOUNT k x 2", WRONG_INTEGER),
        ("BITCOUNT none 1 2 what", ":0"),
        ("SET n 1234", "+OK"),
        ("BITCOUNT n", ":13"),
        ("SET empty \"\"", "+OK"),
        ("BITCOUNT empty", ":0"),
        ("BITCOUNT empty 0 -1", ":0"),
    ]);
}

#[test]
fn finding() {
    let mut client = TestClient::new();
    client.run(&[b"SET", b"k", b"\x00\xff\xf0"]);
    client.run(&[b"SET", b"ones", b"\xff\xff\xff"]);
    client.run(&[b"SET", b"empty", b""]);
    for (line, reply) in [
        ("BITPOS k 1", ":8"),
        ("BITPOS k 0", ":0"),
        ("BITPOS k 0 1", ":20"),
        ("BITPOS k 1 2", ":16"),
        ("BITPOS k 1 2 -1 BYTE", ":16"),
        ("BITPOS k 1 7 15 BIT", ":8"),
        ("BITPOS k 1 7 -3 BIT", ":8"),
        ("BITPOS k 0 8 19 bit", ":-1"),
        ("BITPOS k 1 20 -1 bit", ":-1"),
        ("BITPOS k 1 2 1", ":-1"),
        ("BITPOS ones 0", ":24"),
        ("BITPOS ones 0 1", ":24"),
        ("BITPOS ones 0 0 -1", ":-1"),
        ("BITPOS ones 0 3", ":-1"),
        ("BITPOS empty 0", ":-1"),
        ("BITPOS none 0", ":0"),
        ("BITPOS none 1 x", ":-1"),
        ("BITPOS k 2", "-ERR The bit argument must be 1 or 0."),
        ("BITPOS k x", WRONG_INTEGER),
        ("BITPOS k 0 x", WRONG_INTEGER),
        ("BITPOS k 0 0 x what", SYNTAX),
        ("BITPOS k 0 0 x bit", WRONG_INTEGER),
        ("BITPOS k 0 0 0 bit x", SYNTAX),
    ] {
        assert_eq!(client.say(line).trim_end(), reply, "{line}");
    }
}

#[test]
fn combining() {
    check(&[
        ("MSET a abc b \x01 c d", "+OK"),
        ("BITOP AND r a b", ":3"),
        ("GET r", "$3|\x01\0\0"),
        ("BITOP or r a b", ":3"),
        ("GET r", "$3|abc"),
        ("BITOP XOR r a b none", ":3"),
        ("GET r", "$3|`bc"),
        ("BITOP DIFF r a b", ":3"),
        ("GET r", "$3|`bc"),
        ("BITOP DIFF1 r b a", ":3"),
        ("GET r", "$3|`bc"),
        ("BITOP ANDOR r a b c", ":3"),
        ("GET r", "$3|a\0\0"),
        ("BITOP ONE r a b c", ":3"),
        ("GET r", "$3|\x04bc"),
        ("BITOP NOT a a", ":3"),
        ("BITOP NOT a a", ":3"),
        ("GET a", "$3|abc"),
        ("OBJECT ENCODING a", "$3|raw"),
        ("BITOP NOT r a b", "-ERR BITOP NOT must be called with a single source key."),
        ("BITOP diff1 r a", "-ERR BITOP DIFF1 must be called with at least two source keys."),
        ("BITOP NAND r a b", SYNTAX),
        ("BITOP AND r none", ":0"),
        ("EXISTS r", ":0"),
    ]);
    check_effects(&[
        ("SET a abc", "0: SET a abc"),
        ("BITOP OR r a none", "0: SET r abc"),
        ("EXPIRE r 10", "0: PEXPIREAT r 1700000010000"),
        ("BITOP OR r a none", "0: SET r abc"),
        ("TTL r", ""),
        ("BITOP OR r none", "0: DEL r"),
        ("BITOP OR r none", ""),
    ]);
}

#[test]
fn fields() {
    let bad_type =
        "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    check(&[
        ("BITFIELD k", "*0"),
        ("BITFIELD k SET u8 0 255 GET u8 0 get i8 #0 GET u4 4", "*4|:0|:255|:-1|:15"),
        ("BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1", "*2|:1|:1"),
        ("STRLEN k", ":13"),
        ("BITFIELD k OVERFLOW sat SET u8 0 -1 SET i8 0 200 GET i8 0", "*3|:255|:-1|:127"),
        ("BITFIELD k OVERFLOW FAIL INCRBY i8 0 1 OVERFLOW WRAP INCRBY i8 0 1", "*2|$-1|:-128"),
        (
            "BITFIELD w INCRBY i64 #1 9223372036854775807 INCRBY i64 #1 1",
            "*2|:9223372036854775807|:-9223372036854775808",
        ),
        ("BITFIELD k GET u64 0", bad_type),
        ("BITFIELD k GET i65 0", bad_type),
        ("BITFIELD k GET u0 0", bad_type),
        ("BITFIELD k GET I8 0", bad_type),
        ("BITFIELD k GET i08 0", bad_type),
        ("BITFIELD k GET u8 -1", BAD_OFFSET),
        ("BITFIELD k GET u8 #x", BAD_OFFSET),
        ("BITFIELD k SET u8 #536870911 1 GET u8", SYNTAX),
        ("BITFIELD k SET u8 #536870912 1", BAD_OFFSET),
        ("BITFIELD k SET u8 0", SYNTAX),
        ("BITFIELD k SET u8 0 x", WRONG_INTEGER),
        ("BITFIELD k OVERFLOW what", "-ERR Invalid OVERFLOW type specified"),
        ("BITFIELD k OVERFLOW", SYNTAX),
        ("BITFIELD_RO k GET i8 0", "*1|:-128"),
        ("BITFIELD_RO none GET i8 0", "*1|:0"),
        ("BITFIELD_RO k SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
        ("SET n 12", "+OK"),
        ("BITFIELD n GET u8 8 GET u8 12", "*2|:50|:32"),
        ("OBJECT ENCODING n", "$3|int"),
    ]);
    check_effects(&[
        ("BITFIELD k GET u8 0", ""),
        ("BITFIELD k SET u8 0 0", "0: BITFIELD k SET u8 0 0"),
        ("BITFIELD k SET u8 0 0", ""),
        ("BITFIELD k OVERFLOW FAIL SET u8 8 256", "0: BITFIELD k OVERFLOW FAIL SET u8 8 256"),
        ("STRLEN k", ""),
    ]);
}

#[test]
fn events() {
    let mut client = TestClient::new();
    for (line, events) in [
        ("SETBIT k 0 1", &["0: new k", "0: setbit k"][..]),
        ("SETBIT k 0 1", &[]),
        ("BITFIELD k INCRBY u8 0 1 INCRBY u8 0 1", &["0: setbit k"]),
        ("BITOP NOT r k", &["0: new r", "0: set r"]),
        ("BITOP OR r none", &["0: del r"]),
    ] {
        client.say(line);
        assert_eq!(client.events(), events, "{line}");
    }
}

/// Requests on few keys and near bits.
fn request() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let offset = || prop_oneof![8 => 0..100u64, 1 => 0..20_000u64];
    let field = || prop::sample::select(vec!["u1", "i5", "u8", "i64", "u63", "i17"]);
    let overflow = || prop::sample::select(vec!["WRAP", "SAT", "FAIL"]);
    let operation = || prop::sample::select(vec!["AND", "OR", "XOR", "DIFF", "DIFF1", "ANDOR", "ONE"]);
    prop_oneof![
        (key(), offset(), 0..2u8).prop_map(|(key, offset, bit)| format!("SETBIT {key} {offset} {bit}")),
        (key(), overflow(), field(), offset(), any::<i64>()).prop_map(
            |(key, overflow, field, offset, number)| {
                format!("BITFIELD {key} OVERFLOW {overflow} INCRBY {field} {offset} {number} SET {field} #3 {number}")
            }
        ),
        (operation(), key(), key(), key()).prop_map(|(op, to, a, b)| format!("BITOP {op} {to} {a} {b}")),
        (key(), key()).prop_map(|(to, from)| format!("BITOP NOT {to} {from}")),
        (key(), any::<i32>()).prop_map(|(key, number)| format!("SET {key} {number}")),
        key().prop_map(|key| format!("DEL {key}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn effects_replayed_give_the_same(requests in prop::collection::vec(request(), 1..60)) {
        let (mut client, mut replica) = TestClient::with_replica("enable-debug-command yes", &requests);
        prop_assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
    }
}
