use crate::command::testing::{TestClient, check};
use crate::state::gates;

#[test]
fn settings_are_read_and_changed() {
    check(&[
        ("CONFIG GET port", "*2|$4|port|$4|6379"),
        ("CONFIG GET nothing", "*0"),
        ("CONFIG GET time* po?t", "*4|$7|timeout|$1|0|$4|port|$4|6379"),
        ("CONFIG SET timeout 5 maxclients 77", "+OK"),
        ("CONFIG GET timeout maxclients", "*4|$7|timeout|$1|5|$10|maxclients|$2|77"),
        (
            "CONFIG SET timeout 6 maxclients 0",
            "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument must be between 1 and \
             4294967295 inclusive",
        ),
        ("CONFIG GET timeout", "*2|$7|timeout|$1|5"),
        ("CONFIG SET foo bar", "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'"),
        ("CONFIG SET a b c", "-ERR syntax error"),
        ("CONFIG SET port", "-ERR wrong number of arguments for 'config|set' command"),
        ("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command"),
        ("CONFIG REWRITE", "-ERR The server is running without a config file"),
        (
            "CONFIG SET dir /",
            "-ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config",
        ),
        ("CONFIG RESETSTAT", "+OK"),
        ("CONFIG NOTHING", "-ERR unknown subcommand 'NOTHING'. Try CONFIG HELP."),
    ]);
    let mut client = TestClient::new();
    assert!(client.say("HELLO 3").starts_with('%'));
    assert_eq!(client.say("CONFIG GET port"), "%1\r\n$4\r\nport\r\n$4\r\n6379\r\n");
    assert!(client.say("CONFIG HELP").contains("RESETSTAT\r\n"));
}

#[test]
fn while_data_are_loaded_some_settings_stay() {
    let mut client = TestClient::new();
    client.server.gates.close(gates::LOADING);
    const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";
    for (line, expect) in [
        ("CONFIG SET timeout 7", "+OK\r\n"),
        ("CONFIG SET timeout 8 appendonly maybe", LOADING),
        ("CONFIG SET repl-diskless-load disabled", LOADING),
        ("CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n7\r\n"),
        (
            "CONFIG SET dir /tmp",
            "-ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config\r\n",
        ),
        ("DEBUG DIGEST", "-ERR DEBUG command not allowed"),
        ("GET a", LOADING),
        ("PING", LOADING),
        ("ECHO hi", "$2\r\nhi\r\n"),
    ] {
        let reply = client.say(line);
        assert!(reply.starts_with(expect), "{line}: {reply}");
    }
}
