use crate::command::testing::{TestClient, check};

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
