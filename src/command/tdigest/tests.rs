use crate::command::testing::{TestClient, check, check_effects};
use proptest::prelude::*;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const MISSING: &str = "-ERR T-Digest: key does not exist";

/// The beginning of INFO's reply: compression and capacity.
fn info(line: &str, compression: u64, facts: [u64; 6]) -> (String, String) {
    let names = ["Merged nodes", "Unmerged nodes", "Merged weight", "Unmerged weight", "Observations"];
    let capacity = 6 * compression + 10;
    let mut reply = format!("*18|+Compression|:{compression}|+Capacity|:{capacity}");
    for (name, fact) in names.iter().chain(&["Total compressions"]).zip(facts) {
        reply += &format!("|+{name}|:{fact}");
    }
    reply += &format!("|+Memory usage|:{}", capacity * 16 + 8);
    (line.into(), reply)
}

fn check_infos(exchanges: &[(String, String)]) {
    let lines: Vec<_> = exchanges.iter().map(|(line, reply)| (line.as_str(), reply.as_str())).collect();
    check(&lines);
}

fn ok(line: &str) -> (String, String) {
    (line.into(), "+OK".into())
}

#[test]
fn digests_are_made_and_forget() {
    check_infos(&[
        ok("TDIGEST.CREATE t"),
        ("TYPE t".into(), "+TDIS-TYPE".into()),
        ("OBJECT ENCODING t".into(), "$3|raw".into()),
        // The example of the documentation.
        ok("TDIGEST.ADD t 1 2 3 4 5"),
        info("TDIGEST.INFO t", 100, [0, 5, 0, 5, 5, 0]),
        ok("TDIGEST.RESET t"),
        info("TDIGEST.INFO t", 100, [0, 0, 0, 0, 0, 0]),
        ok("TDIGEST.CREATE u compression 1000"),
        info("TDIGEST.INFO u", 1000, [0, 0, 0, 0, 0, 0]),
    ]);
    check(&[
        ("TDIGEST.CREATE t", "+OK"),
        ("TDIGEST.CREATE t", "-ERR T-Digest: key already exists"),
        ("TDIGEST.CREATE t COMPRESSION x", "-ERR T-Digest: key already exists"),
        ("SET s x", "+OK"),
        ("TDIGEST.CREATE s", WRONG_TYPE),
        ("TDIGEST.CREATE u COMPRESSION", "-ERR wrong number of arguments for 'tdigest.create' command"),
        ("TDIGEST.CREATE u COMPRESSION 1 1", "-ERR wrong number of arguments for 'tdigest.create' command"),
        ("TDIGEST.CREATE u word 100", "-ERR T-Digest: wrong keyword"),
        ("TDIGEST.CREATE u COMPRESSION a", "-ERR T-Digest: error parsing compression parameter"),
        (
            "TDIGEST.CREATE u COMPRESSION 100000000000000000000",
            "-ERR T-Digest: error parsing compression parameter",
        ),
        ("TDIGEST.CREATE u 100 COMPRESSION", "-ERR T-Digest: error parsing compression parameter"),
        (
            "TDIGEST.CREATE u COMPRESSION 0",
            "-ERR T-Digest: compression parameter needs to be a positive integer",
        ),
        (
            "TDIGEST.CREATE u COMPRESSION -1",
            "-ERR T-Digest: compression parameter needs to be a positive integer",
        ),
        ("TDIGEST.CREATE u COMPRESSION 9223372036854775807", "-ERR T-Digest: allocation failed"),
        ("TDIGEST.CREATE u COMPRESSION 1400000", "-ERR T-Digest: allocation failed"),
        ("EXISTS u", ":0"),
        ("TDIGEST.RESET u", MISSING),
        ("TDIGEST.RESET s", WRONG_TYPE),
        ("TDIGEST.INFO u", MISSING),
        ("TDIGEST.INFO s", WRONG_TYPE),
    ]);
}

#[test]
fn numbers_are_added() {
    check(&[
        ("TDIGEST.CREATE t", "+OK"),
        ("TDIGEST.MIN t", "$3|nan"),
        ("TDIGEST.MAX t", "$3|nan"),
        ("TDIGEST.ADD t 3 -0.5 1e3", "+OK"),
        ("TDIGEST.MIN t", "$4|-0.5"),
        ("TDIGEST.MAX t", "$4|1000"),
        ("TDIGEST.ADD t 5 a", "-ERR T-Digest: error parsing val parameter"),
        ("TDIGEST.ADD t nan", "-ERR T-Digest: error parsing val parameter"),
        ("TDIGEST.ADD t 5000 -inf", "-ERR T-Digest: val parameter needs to be a finite number"),
        ("TDIGEST.ADD t +inf", "-ERR T-Digest: val parameter needs to be a finite number"),
        ("TDIGEST.MAX t", "$4|1000"),
        ("TDIGEST.ADD t", "-ERR wrong number of arguments for 'tdigest.add' command"),
        ("TDIGEST.ADD missing 1", MISSING),
        ("SET s x", "+OK"),
        ("TDIGEST.ADD s a", WRONG_TYPE),
        ("TDIGEST.MIN s", WRONG_TYPE),
        ("TDIGEST.MAX missing", MISSING),
    ]);
}

/// The examples of the documentation.
#[test]
fn answers_are_the_documented_ones() {
    check(&[
        ("TDIGEST.CREATE t COMPRESSION 1000", "+OK"),
        ("TDIGEST.ADD t 1 2 2 3 3 3 4 4 4 4 5 5 5 5 5", "+OK"),
        (
            "TDIGEST.CDF t 0 1 2 3 4 5 6",
            "*7|$1|0|$19|0.03333333333333333|$19|0.13333333333333333|$3|0.3|$18|0.5333333333333333|$18|0.8333333333333334|$1|1",
        ),
        (
            "TDIGEST.QUANTILE t 0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1",
            "*11|$1|1|$1|2|$1|3|$1|3|$1|4|$1|4|$1|4|$1|5|$1|5|$1|5|$1|5",
        ),
        ("TDIGEST.RANK t 0 1 2 3 4 5 6", "*7|:-1|:0|:2|:4|:8|:12|:15"),
        ("TDIGEST.REVRANK t 0 1 2 3 4 5 6", "*7|:15|:14|:13|:10|:7|:2|:-1"),
        (
            "TDIGEST.BYRANK t 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
            "*16|$1|1|$1|2|$1|2|$1|3|$1|3|$1|3|$1|4|$1|4|$1|4|$1|4|$1|5|$1|5|$1|5|$1|5|$1|5|$3|inf",
        ),
        (
            "TDIGEST.BYREVRANK t 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
            "*16|$1|5|$1|5|$1|5|$1|5|$1|5|$1|4|$1|4|$1|4|$1|4|$1|3|$1|3|$1|3|$1|2|$1|2|$1|1|$4|-inf",
        ),
        ("TDIGEST.CREATE m COMPRESSION 1000", "+OK"),
        ("TDIGEST.ADD m 1 2 3 4 5 6 7 8 9 10", "+OK"),
        ("TDIGEST.TRIMMED_MEAN m 0.1 0.6", "$1|4"),
        ("TDIGEST.TRIMMED_MEAN m 0.3 0.9", "$3|6.5"),
        ("TDIGEST.TRIMMED_MEAN m 0 1", "$3|5.5"),
        ("TDIGEST.CREATE empty", "+OK"),
        ("TDIGEST.QUANTILE empty 0 1", "*2|$3|nan|$3|nan"),
        ("TDIGEST.CDF empty 0", "*1|$3|nan"),
        ("TDIGEST.RANK empty 0", "*1|:-2"),
        ("TDIGEST.REVRANK empty 0", "*1|:-2"),
        ("TDIGEST.BYRANK empty 0", "*1|$3|nan"),
        ("TDIGEST.TRIMMED_MEAN empty 0 1", "$3|nan"),
    ]);
}

/// What RedisBloom's tests expect after ten thousand numbers.
#[test]
fn compressions_happen_when_they_do_in_redisbloom() {
    let mut client = TestClient::new();
    client.say("TDIGEST.CREATE t");
    for number in 1..=10_000 {
        assert_eq!(client.say(&format!("TDIGEST.ADD t {number}")), "+OK\r\n");
        if number % 1000 == 0 {
            // Reading in between doesn't change what follows.
            client.say("TDIGEST.QUANTILE t 0.5");
        }
    }
    let (_, expect) = info("", 100, [51, 422, 9578, 422, 10_000, 17]);
    assert_eq!(client.say("TDIGEST.INFO t").trim_end().replace("\r\n", "|"), expect);
}

#[test]
fn refusals() {
    check(&[
        ("TDIGEST.CREATE t", "+OK"),
        ("TDIGEST.ADD t 1 2", "+OK"),
        ("SET s x", "+OK"),
        ("TDIGEST.QUANTILE t 1 a", "-ERR T-Digest: error parsing quantile"),
        ("TDIGEST.QUANTILE t -0.5", "-ERR T-Digest: quantile should be in [0,1]"),
        ("TDIGEST.QUANTILE t 1.1", "-ERR T-Digest: quantile should be in [0,1]"),
        ("TDIGEST.QUANTILE t", "-ERR wrong number of arguments for 'tdigest.quantile' command"),
        ("TDIGEST.QUANTILE missing x", MISSING),
        ("TDIGEST.QUANTILE s 0.9", WRONG_TYPE),
        ("TDIGEST.CDF t 1 foo", "-ERR T-Digest: error parsing cdf"),
        ("TDIGEST.CDF t -inf inf", "*2|$1|0|$1|1"),
        ("TDIGEST.CDF missing 1", MISSING),
        ("TDIGEST.RANK t nan", "-ERR T-Digest: error parsing value"),
        ("TDIGEST.REVRANK t 1 a", "-ERR T-Digest: error parsing value"),
        ("TDIGEST.RANK t -inf inf", "*2|:-1|:2"),
        ("TDIGEST.BYRANK t 0.5", "-ERR T-Digest: error parsing rank"),
        ("TDIGEST.BYREVRANK t 0 -1", "-ERR T-Digest: rank needs to be non negative"),
        ("TDIGEST.TRIMMED_MEAN t a 1", "-ERR T-Digest: error parsing low_cut_percentile"),
        ("TDIGEST.TRIMMED_MEAN t 0 a", "-ERR T-Digest: error parsing high_cut_percentile"),
        (
            "TDIGEST.TRIMMED_MEAN t 10 20",
            "-ERR T-Digest: low_cut_percentile and high_cut_percentile should be in [0,1]",
        ),
        (
            "TDIGEST.TRIMMED_MEAN t 0.5 0.5",
            "-ERR T-Digest: low_cut_percentile should be lower than high_cut_percentile",
        ),
        ("TDIGEST.TRIMMED_MEAN t 0.5", "-ERR wrong number of arguments for 'tdigest.trimmed_mean' command"),
    ]);
}

#[test]
fn digests_are_merged() {
    check_infos(&[
        ok("TDIGEST.CREATE a COMPRESSION 100"),
        ok("TDIGEST.CREATE b COMPRESSION 200"),
        ok("TDIGEST.ADD a 1"),
        ok("TDIGEST.ADD b 2 3 4"),
        // The highest compression of the sources, the destination's own, a given one, or the sources' again.
        ok("TDIGEST.MERGE to 2 a b"),
        info("TDIGEST.INFO to", 200, [4, 0, 4, 0, 4, 2]),
        ok("TDIGEST.CREATE kept COMPRESSION 55"),
        ok("TDIGEST.MERGE kept 2 a b"),
        info("TDIGEST.INFO kept", 55, [4, 0, 4, 0, 4, 2]),
        ok("TDIGEST.MERGE kept 2 a b COMPRESSION 500"),
        info("TDIGEST.INFO kept", 500, [8, 0, 8, 0, 8, 3]),
        ok("TDIGEST.MERGE kept 2 a b OVERRIDE"),
        info("TDIGEST.INFO kept", 200, [4, 0, 4, 0, 4, 2]),
        ok("TDIGEST.MERGE kept 1 kept override compression 50"),
        info("TDIGEST.INFO kept", 50, [4, 0, 4, 0, 4, 1]),
        ok("TDIGEST.MERGE kept 2 kept kept"),
        ("TDIGEST.QUANTILE kept 0 0.5 1".into(), "*3|$1|1|$1|3|$1|4".into()),
        // Sources are as they were.
        info("TDIGEST.INFO b", 200, [0, 3, 0, 3, 3, 0]),
        ("EXPIRE kept 100".into(), ":1".into()),
        ok("TDIGEST.MERGE kept 1 a"),
        ("TTL kept".into(), ":-1".into()),
    ]);
    check(&[
        ("TDIGEST.CREATE a", "+OK"),
        ("SET s x", "+OK"),
        ("TDIGEST.MERGE s 1 a", WRONG_TYPE),
        ("TDIGEST.MERGE t 2 a s", WRONG_TYPE),
        ("TDIGEST.MERGE t 1 missing", MISSING),
        ("TDIGEST.MERGE z 5 z z z z z COMPRESSION 3", MISSING),
        ("TDIGEST.MERGE t 1", "-ERR wrong number of arguments for 'tdigest.merge' command"),
        ("TDIGEST.MERGE t 3 a a", "-ERR wrong number of arguments for 'tdigest.merge' command"),
        ("TDIGEST.MERGE t 1 a COMPRESSION", "-ERR wrong number of arguments for 'tdigest.merge' command"),
        ("TDIGEST.MERGE t x a", "-ERR T-Digest: error parsing numkeys"),
        ("TDIGEST.MERGE t 0 a", "-ERR T-Digest: numkeys needs to be a positive integer"),
        ("TDIGEST.MERGE t -1 a", "-ERR T-Digest: numkeys needs to be a positive integer"),
        ("TDIGEST.MERGE t 1 a word", "-ERR T-Digest: wrong keyword"),
        ("TDIGEST.MERGE t 1 a COMPRESSION a", "-ERR T-Digest: error parsing compression parameter"),
        (
            "TDIGEST.MERGE t 1 a COMPRESSION 9223372036854775807",
            "-ERR T-Digest: allocation of destination digest failed",
        ),
        ("EXISTS t", ":0"),
    ]);
}

#[test]
fn observations_beyond_counting_are_refused() {
    let mut client = TestClient::new();
    client.say("TDIGEST.CREATE t");
    client.say("TDIGEST.ADD t 1 2 3");
    let merge = || "TDIGEST.MERGE t 5 t t t t t";
    let refusal = (0..100).map(|_| client.say(merge())).find(|reply| reply != "+OK\r\n");
    assert_eq!(refusal.as_deref(), Some("-ERR T-Digest: overflow detected\r\n"));
    assert_eq!(client.say("TDIGEST.ADD t 1"), "+OK\r\n");
}

#[test]
fn replies_in_resp3() {
    let mut client = TestClient::new();
    client.say("HELLO 3");
    client.say("TDIGEST.CREATE t COMPRESSION 1");
    client.check(&[
        ("TDIGEST.MIN t", ",nan"),
        ("TDIGEST.ADD t 1.5", "+OK"),
        ("TDIGEST.MAX t", ",1.5"),
        ("TDIGEST.QUANTILE t 0.5", "*1|,1.5"),
        ("TDIGEST.CDF t 1.5", "*1|,0.5"),
        ("TDIGEST.RANK t 2", "*1|:1"),
        ("TDIGEST.BYRANK t 0 7", "*2|,1.5|,inf"),
        ("TDIGEST.BYREVRANK t 7", "*1|,-inf"),
        ("TDIGEST.TRIMMED_MEAN t 0 1", ",1.5"),
    ]);
    assert!(client.say("TDIGEST.INFO t").starts_with("%9\r\n+Compression\r\n:1\r\n+Capacity\r\n:16\r\n"));
}

#[test]
fn effects_are_requests_and_merges_are_results() {
    check_effects(&[
        ("TDIGEST.CREATE t", "0: TDIGEST.CREATE t"),
        ("TDIGEST.ADD t 1 2", "0: TDIGEST.ADD t 1 2"),
        ("TDIGEST.ADD t x", ""),
        ("TDIGEST.QUANTILE t 0.5", ""),
        ("TDIGEST.RANK t 1", ""),
        ("COPY t u", "0: DEL u; 0: TDIGEST.CREATE u COMPRESSION 100; 0: TDIGEST.ADD u 1 2"),
        ("TDIGEST.RESET t", "0: TDIGEST.RESET t"),
    ]);
    let mut client = TestClient::new();
    client.say("TDIGEST.CREATE t");
    client.say("TDIGEST.ADD t 1");
    client.effects();
    client.say("TDIGEST.MERGE to 1 t");
    let effects = client.effects();
    assert!(effects[0] == "0: DEL to" && effects[1].starts_with("0: RESTORE to 0 "), "{effects:?}");
}

fn request() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let numbers = prop::collection::vec(prop_oneof![-5..5i32, -1000..1000i32], 1..60);
    let words = |numbers: Vec<i32>| {
        numbers.iter().map(|number| format!(" {}", f64::from(*number) / 7.0)).collect::<String>()
    };
    prop_oneof![
        3 => (key(), 1..8u8).prop_map(|(key, number)| format!("TDIGEST.CREATE {key} COMPRESSION {number}")),
        9 => (key(), numbers).prop_map(move |(key, numbers)| format!("TDIGEST.ADD {key}{}", words(numbers))),
        2 => (key(), key(), key()).prop_map(|(to, a, b)| format!("TDIGEST.MERGE {to} 2 {a} {b}")),
        1 => (key(), key()).prop_map(|(to, a)| format!("TDIGEST.MERGE {to} 1 {a} COMPRESSION 3 OVERRIDE")),
        1 => key().prop_map(|key| format!("TDIGEST.QUANTILE {key} 0.1 0.5")),
        1 => key().prop_map(|key| format!("TDIGEST.RESET {key}")),
        1 => (key(), key()).prop_map(|(from, to)| format!("COPY {from} {to} REPLACE")),
        1 => (key(), key()).prop_map(|(from, to)| format!("RENAME {from} {to}")),
        1 => key().prop_map(|key| format!("EXPIRE {key} 100")),
        1 => key().prop_map(|key| format!("DEL {key}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Also what waits to be merged is the same.
    #[test]
    fn effects_replayed_give_the_same(
        requests in prop::collection::vec(request(), 1..40),
        more in prop::collection::vec(request(), 1..20),
    ) {
        let (mut client, mut replica) = TestClient::with_replica("enable-debug-command yes", &requests);
        let infos = "abc".chars().map(|key| format!("TDIGEST.INFO {key}"));
        for request in more.iter().cloned().chain(infos) {
            prop_assert_eq!(client.say("DEBUG DIGEST"), replica.say("DEBUG DIGEST"));
            prop_assert_eq!(client.say(&request), replica.say(&request));
        }
    }
}
