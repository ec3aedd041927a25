use super::*;
use proptest::prelude::*;

fn machine() -> Machine {
    Machine { cores: 2, directory: "/data".into() }
}

fn load(text: &str) -> Result<Config, LoadError> {
    let mut loader = Loader::new(&machine());
    loader.text(Source::StandardInput, text.as_bytes())?;
    Ok(loader.finish())
}

fn get(config: &Config, name: &str) -> String {
    String::from_utf8_lossy(&config.get(name.as_bytes()).unwrap_or_default()).into_owned()
}

#[test]
fn lines_become_settings() {
    let config = load(
        "# comment\nPORT 7000\nbind 127.0.0.1 -::1\nbind 10.0.0.1\nmaxmemory 2gb\nslave-priority 5\n\
         requirepass \"a b\"\nclient-output-buffer-limit normal 1mb 1mb 5\nclient-output-buffer-limit pubsub 0 0 0\n\
         unixsocketperm 700\nlist-max-ziplist-value 64\nhz 20\nsave \"10 20 30 40\"\n",
    )
    .expect("all of it is right");
    for (name, expect) in [
        ("port", "7000"),
        ("bind", "10.0.0.1"),
        ("maxmemory", "2147483648"),
        ("replica-priority", "5"),
        ("requirepass", "a b"),
        ("client-output-buffer-limit", "normal 1048576 1048576 5 slave 268435456 67108864 60 pubsub 0 0 0"),
        ("unixsocketperm", "700"),
        ("save", "10 20 30 40"),
    ] {
        assert_eq!(get(&config, name), expect, "{name}");
    }
    assert_eq!(config.inert(), ["hz", "save", "replica-priority", "list-max-ziplist-value"]);
    assert!(config.was_asked_for("port") && !config.was_asked_for("timeout"));
}

#[test]
fn save_lines_add_up_from_the_first_on() {
    for (text, expect) in [
        ("", "3600 1 300 100 60 10000"),
        ("save 1 2", "1 2"),
        ("save 1 2\nsave 3 4", "1 2 3 4"),
        ("save \"\"", ""),
        ("save 1 2\nsave \"\"", ""),
        ("save \"\"\nsave 3 4", "3 4"),
    ] {
        assert_eq!(get(&load(text).expect("it is right"), "save"), expect, "{text:?}");
    }
}

#[test]
fn a_name_alone_is_a_list_of_nothing_where_redis_takes_it_so() {
    let config = load("bind\nlatency-tracking-info-percentiles\nsave\nclient-output-buffer-limit\n");
    let config = config.expect("redis-server 7.0.15 takes them");
    for name in ["bind", "latency-tracking-info-percentiles", "save"] {
        assert_eq!(get(&config, name), "", "{name}");
    }
    let untouched = load("").expect("nothing is right");
    assert_eq!(get(&config, "client-output-buffer-limit"), get(&untouched, "client-output-buffer-limit"));
    assert!(load("oom-score-adj-values").is_err() && load("dir").is_err());
}

#[test]
fn errors_name_line_text_and_what_would_be_right() {
    const BAD: &str = "Bad directive or wrong number of arguments";
    for (text, line, shown, problem, advice) in [
        ("\nprot 1", 2, "prot 1", BAD, Some("There is no 'prot': did you mean 'port'?")),
        (
            "port abc",
            1,
            "port abc",
            "argument couldn't be parsed into an integer",
            Some("'port' takes a whole number from 0 to 65535."),
        ),
        (
            "port 1 2",
            1,
            "port 1 2",
            "wrong number of arguments",
            Some("'port' takes a whole number from 0 to 65535."),
        ),
        (
            "port",
            1,
            "port",
            "wrong number of arguments",
            Some("'port' takes a whole number from 0 to 65535."),
        ),
        (
            "shutdown-on-sigint",
            1,
            "shutdown-on-sigint",
            "argument(s) must be one of the following: default, save, nosave, now, force",
            Some("'shutdown-on-sigint' takes one or more of default, save, nosave, now, force."),
        ),
        ("bind \"a", 1, "bind \"a", "Unbalanced quotes in configuration line", Some(UNBALANCED_ADVICE)),
        ("xyzzy 1", 1, "xyzzy 1", BAD, None),
        (
            "include a b",
            1,
            "include a b",
            BAD,
            Some("'include' takes the path of one file, or a pattern such as conf.d/*.conf."),
        ),
        (
            "rename-command a",
            1,
            "rename-command a",
            BAD,
            Some("'rename-command' takes a command's name and its new name, or \"\" to take it away."),
        ),
        ("loadmodule /x.so", 1, "loadmodule /x.so", NO_MODULES, None),
        (
            "user",
            1,
            "user",
            BAD,
            Some("'user' takes a name and rules, such as: user alice on >secret ~alice:* +@all."),
        ),
        ("sentinel monitor", 1, "sentinel monitor", "sentinel mode is not supported", None),
        ("a.b 1", 1, "a.b 1", "modules are not supported, and so neither are their settings", None),
        (
            "replicaof host 1",
            1,
            "replicaof host 1",
            "this server can be no replica",
            Some("Take the line away, or leave 'replicaof' at its default, \"\"."),
        ),
        (
            "cluster-enabled yes",
            1,
            "cluster-enabled yes",
            "cluster mode is not supported",
            Some("Take the line away, or leave 'cluster-enabled' at its default, no."),
        ),
        (
            "include /nonexistent/file",
            1,
            "include /nonexistent/file",
            "Can't open config file '/nonexistent/file': No such file or directory",
            Some("A path is looked up from where the server was started."),
        ),
    ] {
        let error = load(text).err().unwrap_or_else(|| unreachable!("{text:?} is wrong"));
        let origin = error.origin.clone().expect("it is about a line");
        assert_eq!((origin.line, origin.text.as_slice()), (line, shown.as_bytes()), "{text:?}");
        assert_eq!((error.problem.as_str(), error.advice.as_deref()), (problem, advice), "{text:?}");
    }
    for harmless in ["replicaof no one", "cluster-enabled no", "masterauth \"\"", "aclfile ''"] {
        assert!(load(harmless).is_ok(), "{harmless}");
    }
}

#[test]
fn the_error_has_the_form_that_redis_gives_it() {
    let error = load("port 1\nprot 2").expect_err("there is no prot");
    let expect = format!(
        "\n*** FATAL CONFIG FILE ERROR (Dunlin {}) ***\nReading the configuration file from standard input, at line 2\n\
         >>> 'prot 2'\nBad directive or wrong number of arguments\nThere is no 'prot': did you mean 'port'?",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(error.to_string(), expect);
}

#[test]
fn files_include_files_and_loops_end() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let write = |name: &str, text: String| std::fs::write(path(name), text).expect("a file can be written");
    write("main.conf", format!("port 1\ninclude {}/conf.d-*\nhz 30\n", directory.path().display()));
    write("conf.d-1", "port 2\ntimeout 9\n".into());
    write("conf.d-2", "port 3\n".into());
    write("loop.conf", format!("include {}\n", path("loop.conf").display()));
    write("bad.conf", format!("include {}\n", path("worse.conf").display()));
    write("worse.conf", "\nprot 1\n".into());

    let mut loader = Loader::new(&machine());
    loader.file(&path("main.conf")).expect("all of it is right");
    let config = loader.finish();
    assert_eq!(
        (get(&config, "port"), get(&config, "timeout"), get(&config, "hz")),
        ("3".into(), "9".into(), "30".into())
    );
    assert_eq!(config.file, Some(path("main.conf")));

    let error = Loader::new(&machine()).file(&path("loop.conf")).expect_err("it includes itself");
    assert_eq!(error.problem, "Files include files more than 16 deep");
    let error = Loader::new(&machine()).file(&path("bad.conf")).expect_err("the included file is wrong");
    let origin = error.origin.expect("it is about a line");
    assert_eq!((&*origin.source, origin.line), (&Source::File(path("worse.conf")), 2));
    let error = Loader::new(&machine()).file(&path("missing.conf")).expect_err("it is not there");
    let expect = format!(
        "Fatal error, can't open config file '{}': No such file or directory",
        path("missing.conf").display()
    );
    assert_eq!(error.problem, expect);
}

#[test]
fn the_environment_is_read_by_name() {
    let read = |pairs: &[(&str, &str)]| {
        let mut loader = Loader::new(&machine());
        loader.text(Source::StandardInput, b"save 1 2\nport 5\n").expect("it is right");
        let pairs = pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        loader.environment(pairs).map(|()| loader.finish()).map_err(|error| error.to_string())
    };
    let config = read(&[
        ("HOME", "/root"),
        ("DUNLIN_PORT", "7000"),
        ("DUNLIN_BIND", "127.0.0.1 ::1"),
        ("DUNLIN_SERVER_CPULIST", "0-1"),
        ("DUNLIN_SAVE", "3 4"),
        ("DUNLIN_REQUIREPASS", "with blank \"quote"),
        // Kubernetes' links to a service called dunlin.
        ("DUNLIN_SERVICE_HOST", "10.0.0.1"),
        ("DUNLIN_SERVICE_PORT", "6379"),
        ("DUNLIN_PORT_6379_TCP_ADDR", "10.0.0.1"),
    ])
    .expect("all of it is right");
    for (name, expect) in [
        ("port", "7000"),
        ("bind", "127.0.0.1 ::1"),
        ("server_cpulist", "0-1"),
        ("save", "3 4"),
        ("requirepass", "with blank \"quote"),
    ] {
        assert_eq!(get(&config, name), expect, "{name}");
    }
    let linked = read(&[("DUNLIN_PORT", "tcp://10.0.0.1:6379")]).expect("it is not meant for us");
    assert_eq!(get(&linked, "port"), "5");
    let error = read(&[("DUNLIN_PROT", "1")]).expect_err("there is no prot");
    assert!(error.contains("Reading the environment\n>>> 'DUNLIN_PROT=1'\nNo such setting"), "{error}");
    assert!(error.ends_with("did you mean 'port'?"), "{error}");
    let error = read(&[("DUNLIN_PORT", "x")]).expect_err("it is no number");
    assert!(error.contains("argument couldn't be parsed into an integer"), "{error}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(text in any::<Vec<u8>>()) {
        let _ = Loader::new(&machine()).text(Source::StandardInput, &text);
    }

    #[test]
    fn arbitrary_arguments_of_real_names_never_panic(row in 0usize..250, rest in "[ -~]{0,20}") {
        let Some((_, setting)) = settings::all().nth(row) else { return Ok(()) };
        let text = format!("{} {rest}", setting.name);
        let _ = Loader::new(&machine()).text(Source::StandardInput, text.as_bytes());
    }
}
