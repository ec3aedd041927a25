use super::*;

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// The option lines that the words give; quotes as written.
fn lines(arguments: &[&str]) -> String {
    match read(&words(arguments)) {
        Request::Start(sources) => {
            String::from_utf8_lossy(&sources.options).replace(" \n", "\n").trim().to_string()
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn options_become_lines_as_redis_server_makes_them() {
    for (arguments, expect) in [
        (&[][..], ""),
        (&["--port", "6380"], "port \"6380\""),
        (&["--port 6380"], "port 6380"),
        (&["--port", "6380", "6381"], "port \"6380\" \"6381\""),
        (&["--bind", "127.0.0.1", "::1", "--port", "1"], "bind \"127.0.0.1\" \"::1\"\nport \"1\""),
        (&["--save", ""], "save \"\""),
        (&["--save", "--port", "1"], "save \"\"\nport \"1\""),
        (&["--save"], "save \"\""),
        (&["--save", "3600 1", "--save", "60 2"], "save \"3600 1\"\nsave \"60 2\""),
        (&["--requirepass", "--secret"], "requirepass \"--secret\""),
        (&["x.conf", "--hz", "10", "-"], "hz \"10\""),
    ] {
        assert_eq!(lines(arguments), expect, "{arguments:?}");
    }
}

#[test]
fn requests_are_told_apart() {
    assert_eq!(read(&words(&["--help"])), Request::Help);
    assert_eq!(read(&words(&["-h"])), Request::Help);
    assert_eq!(read(&words(&["-v"])), Request::Version);
    assert_eq!(read(&words(&["--version"])), Request::Version);
    assert!(matches!(read(&words(&["--test-memory", "4"])), Request::Unsupported(_)));
    let expect =
        Sources { file: Some("a.conf".into()), from_stdin: true, check_only: true, ..Sources::default() };
    assert_eq!(read(&words(&["a.conf", "--check-config", "-"])), Request::Start(expect));
    assert_eq!(read(&words(&["-"])), Request::Start(Sources { from_stdin: true, ..Sources::default() }));
    // A second file is no directive; what may be one is.
    assert!(matches!(read(&words(&["a.conf", "b.conf"])), Request::Unsupported(_)));
    assert!(matches!(read(&words(&["a.conf", "port", "1"])), Request::Start(_)));
    let first = Sources { from_stdin: true, options: b"port \"1\" ".to_vec(), ..Sources::default() };
    assert_eq!(read(&words(&["-", "--port", "1"])), Request::Start(first));
}

#[test]
fn later_sources_win() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("a.conf");
    std::fs::write(&path, "port 1\ntimeout 1\nhz 11\ndatabases 1\n").expect("a file can be written");
    let file = path.to_str().expect("its name is plain");
    let Request::Start(sources) = read(&words(&[file, "--port", "4", "-"])) else {
        unreachable!("it is a start")
    };
    let machine = Machine { cores: 2, directory: "/data".into() };
    let environment = [("DUNLIN_PORT", "3"), ("DUNLIN_TIMEOUT", "3"), ("OTHER", "x")];
    let environment = environment.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let config =
        load(&sources, &machine, environment, b"port 2\ntimeout 2\nhz 12\n").expect("all of it is right");
    for (name, expect) in [("port", "4"), ("timeout", "3"), ("hz", "12"), ("databases", "1")] {
        assert_eq!(config.get(name.as_bytes()).as_deref(), Some(expect.as_bytes()), "{name}");
    }
    assert_eq!(config.file, Some(path));
}

#[test]
fn wrong_options_are_shown_as_lines() {
    let Request::Start(sources) = read(&words(&["--prot", "1"])) else { unreachable!("it is a start") };
    let machine = Machine { cores: 2, directory: "/data".into() };
    let error = load(&sources, &machine, [], b"").expect_err("there is no prot").to_string();
    assert!(error.contains("Reading the command line\n>>> 'prot \"1\"'"), "{error}");
}
