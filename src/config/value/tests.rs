use super::*;
use crate::config::settings;
use crate::config::{Config, Machine};
use proptest::prelude::*;

fn config() -> Config {
    Config::new(&Machine { cores: 2, directory: "/data".into() })
}

/// Reads a value with all arguments given, and shows it again, or the error.
fn read(name: &str, arguments: &[&str]) -> Result<String, String> {
    let id = settings::find(name.as_bytes()).expect("it is in the table");
    let kind = id.setting().kind;
    let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    let value = parse(kind, &arguments, config().value(id), false).map_err(|error| error.0)?;
    Ok(String::from_utf8_lossy(&value.show(kind)).into_owned())
}

#[test]
fn values_are_read_and_shown_as_in_redis() {
    let cases: &[(&str, &[&str], Result<&str, &str>)] = &[
        ("appendonly", &["YES"], Ok("yes")),
        ("appendonly", &["1"], Err("argument must be 'yes' or 'no'")),
        ("appendonly", &["yes", "no"], Err("wrong number of arguments")),
        ("port", &["0"], Ok("0")),
        ("port", &["65536"], Err("argument must be between 0 and 65535 inclusive")),
        ("port", &["+1"], Err("argument couldn't be parsed into an integer")),
        ("port", &["01"], Err("argument couldn't be parsed into an integer")),
        ("port", &[""], Err("argument couldn't be parsed into an integer")),
        ("hz", &["0"], Ok("1")),
        ("hz", &["1000"], Ok("500")),
        ("maxmemory", &["1gb"], Ok("1073741824")),
        ("maxmemory", &["2G"], Ok("2000000000")),
        ("maxmemory", &["3KB"], Ok("3072")),
        ("maxmemory", &["10b"], Ok("10")),
        ("maxmemory", &[""], Ok("0")),
        ("maxmemory", &["18446744073709551615"], Ok("18446744073709551615")),
        ("maxmemory", &["18446744073709551615gb"], Err("argument must be a memory value")),
        ("maxmemory", &["-1"], Err("argument must be a memory value")),
        ("maxmemory", &["1x"], Err("argument must be a memory value")),
        (
            "proto-max-bulk-len",
            &["1"],
            Err("argument must be between 1048576 and 9223372036854775807 inclusive"),
        ),
        ("maxmemory-clients", &["5%"], Ok("5%")),
        ("maxmemory-clients", &["1mb"], Ok("1048576")),
        ("maxmemory-clients", &["101%"], Err("percentage argument must be less or equal to 100")),
        ("maxmemory-clients", &["-1%"], Err("argument must be a memory or percent value")),
        ("unixsocketperm", &["700"], Ok("700")),
        ("unixsocketperm", &["0755"], Ok("755")),
        ("unixsocketperm", &["1000"], Err("argument must be between 0 and 777 inclusive")),
        ("unixsocketperm", &["8"], Err("argument couldn't be parsed as an octal number")),
        ("loglevel", &["Warning"], Ok("warning")),
        ("loglevel", &["nothing"], Ok("nothing")),
        (
            "loglevel",
            &["loud"],
            Err("argument(s) must be one of the following: debug, verbose, notice, warning, nothing"),
        ),
        ("shutdown-on-sigterm", &["now", "save"], Ok("save now")),
        ("shutdown-on-sigterm", &["default"], Ok("default")),
        (
            "shutdown-on-sigterm",
            &["save", "nosave"],
            Err("shutdown options SAVE and NOSAVE can't be used simultaneously"),
        ),
        ("bind", &["127.0.0.1", "-::1"], Ok("127.0.0.1 -::1")),
        ("bind", &[""], Ok("")),
        ("bind", &["a"; 17], Err("Too many bind addresses specified.")),
        ("save", &["3600", "1", "60", "10"], Ok("3600 1 60 10")),
        ("save", &[""], Ok("")),
        ("save", &["3600"], Err("Invalid save parameters")),
        ("save", &["0", "1"], Err("Invalid save parameters")),
        ("save", &["1", "-1"], Err("Invalid save parameters")),
        (
            "client-output-buffer-limit",
            &["replica", "1mb", "2kb", "3"],
            Ok("normal 0 0 0 slave 1048576 2048 3 pubsub 33554432 8388608 60"),
        ),
        (
            "client-output-buffer-limit",
            &["master", "1", "2", "3"],
            Err("Invalid client class specified in buffer limit configuration."),
        ),
        (
            "client-output-buffer-limit",
            &["normal", "1", "2"],
            Err("Wrong number of arguments in buffer limit configuration."),
        ),
        (
            "client-output-buffer-limit",
            &["normal", "1", "2", "-3"],
            Err("Error in hard, soft or soft_seconds setting in buffer limit configuration."),
        ),
        ("oom-score-adj-values", &["1", "2"], Err("wrong number of arguments")),
        ("oom-score-adj-values", &["-2000", "0", "2000"], Ok("-2000 0 2000")),
        (
            "oom-score-adj-values",
            &["1", "2", "2001"],
            Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
        ),
        ("latency-tracking-info-percentiles", &["50", "99.123456789"], Ok("50 99.123457")),
        ("latency-tracking-info-percentiles", &[""], Ok("")),
        ("latency-tracking-info-percentiles", &["0x10"], Ok("16")),
        (
            "latency-tracking-info-percentiles",
            &["x"],
            Err("Invalid latency-tracking-info-percentiles parameters"),
        ),
        (
            "latency-tracking-info-percentiles",
            &["101"],
            Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
        ),
        ("notify-keyspace-events", &["KEA"], Ok("AKE")),
        ("notify-keyspace-events", &["?"], Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")),
        ("replicaof", &["host", "6379"], Ok("host 6379")),
        ("replicaof", &["no", "ONE"], Ok("")),
        ("replicaof", &["host"], Err("wrong number of arguments")),
        ("replicaof", &["host", "99999"], Err("Invalid master port")),
        ("appendfilename", &[""], Err("appendfilename can't be empty")),
        ("appendfilename", &["a/b"], Err("appendfilename can't be a path, just a filename")),
        ("appenddirname", &["a/b"], Err("appenddirname can't be a path, just a dirname")),
        ("dbfilename", &["a/b"], Err("dbfilename can't be a path, just a filename")),
        ("proc-title-template", &["{title} {port}"], Ok("{title} {port}")),
        ("proc-title-template", &[""], Err("template format is invalid or contains unknown variables")),
        ("proc-title-template", &["{foo}"], Err("template format is invalid or contains unknown variables")),
        (
            "cluster-announce-hostname",
            &["a b"],
            Err("Hostnames may only contain alphanumeric characters, hyphens or dots"),
        ),
        ("metrics-bind", &["[::1]:9121"], Ok("[::1]:9121")),
        ("metrics-bind", &[""], Ok("")),
        (
            "metrics-bind",
            &["localhost"],
            Err("argument must be an address and port such as 127.0.0.1:9121, or empty"),
        ),
    ];
    for (name, arguments, expect) in cases {
        let expect = expect.map(str::to_string).map_err(str::to_string);
        assert_eq!(read(name, arguments), expect, "{name} {arguments:?}");
    }
}

#[test]
fn values_are_written_in_the_form_of_the_file() {
    for (name, arguments, expect) in [
        ("maxmemory", &["1073741824"][..], &["1gb"][..]),
        ("maxmemory", &["1536"], &["1536"]),
        ("maxmemory", &["3145728"], &["3mb"]),
        ("maxmemory", &["0"], &["0"]),
        ("maxmemory-clients", &["7%"], &["7%"]),
        ("unixsocketperm", &["700"], &["700"]),
        ("requirepass", &["a \"b\""], &[r#""a \"b\"""#]),
        ("save", &[""], &["\"\""]),
        ("save", &["60", "1"], &["60 1"]),
        ("bind", &[""], &["\"\""]),
        ("bind", &["*", "-::*"], &["* -::*"]),
        ("latency-tracking-info-percentiles", &[""], &["\"\""]),
        (
            "client-output-buffer-limit",
            &["normal", "1048576", "2", "3"],
            &["normal 1mb 2 3", "replica 256mb 64mb 60", "pubsub 32mb 8mb 60"],
        ),
    ] {
        let id = settings::find(name.as_bytes()).expect("it is in the table");
        let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
        let value = parse(id.setting().kind, &arguments, config().value(id), false).expect("it is right");
        let expect: Vec<Vec<u8>> = expect.iter().map(|entry| entry.as_bytes().to_vec()).collect();
        assert_eq!(value.to_file(id.setting().kind), expect, "{name}");
    }
}

proptest! {
    /// Whatever text is given to whatever setting: an error or a value that shows and reads back as itself.
    #[test]
    fn what_is_shown_reads_back(row in 0usize..250, arguments in proptest::collection::vec("[ -~]{0,8}|[0-9]{1,20}(mb|%)?", 0..5)) {
        let Some((id, setting)) = settings::all().nth(row) else { return Ok(()) };
        let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
        let before = config();
        let Ok(value) = parse(setting.kind, &arguments, before.value(id), false) else { return Ok(()) };
        for entry in value.to_file(setting.kind) {
            let words = crate::config::quote::split(&entry).expect("what we write is balanced");
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let again = parse(setting.kind, &words, &value, false);
            prop_assert_eq!(again.map(|again| again.show(setting.kind)), Ok(value.show(setting.kind)), "{}", setting.name);
        }
    }
}
