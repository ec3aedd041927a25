use super::*;

fn config() -> Config {
    Config::new(&Machine { cores: 2, directory: "/data".into() })
}

fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<Config, String> {
    let pairs: Vec<(&[u8], &[u8])> =
        pairs.iter().map(|(name, text)| (name.as_bytes(), text.as_bytes())).collect();
    config.set_all(&pairs, false).map(|(config, _)| config).map_err(|error| error.to_string())
}

fn get(config: &Config, patterns: &[&str]) -> Vec<String> {
    let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    let found = config.get_matching(&patterns);
    let show = |(name, value): &(Vec<u8>, Vec<u8>)| {
        format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
    };
    found.iter().map(show).collect()
}

#[test]
fn several_settings_change_at_once_or_not_at_all() {
    let before = config();
    let after =
        set(&before, &[("timeout", "7"), ("MAXCLIENTS", "5"), ("save", "10 20 30 40")]).expect("all right");
    assert_eq!(
        get(&after, &["timeout", "maxclients", "save"]),
        ["timeout=7", "maxclients=5", "save=10 20 30 40"]
    );
    let changed: Vec<_> = after.changed_since(&before).iter().map(|id| id.setting().name).collect();
    assert_eq!(changed, ["maxclients", "timeout", "save"]);
    assert!(set(&before, &[("timeout", "7"), ("maxclients", "0")]).is_err());
    assert_eq!(get(&before, &["timeout"]), ["timeout=0"]);
}

#[test]
fn errors_have_the_words_of_redis() {
    for (pairs, expect) in [
        (&[("foo", "1")][..], "Unknown option or number of arguments for CONFIG SET - 'foo'"),
        (
            &[("port", "x")],
            "CONFIG SET failed (possibly related to argument 'port') - argument couldn't be parsed into an integer",
        ),
        (
            &[("slave-priority", "-1")],
            "CONFIG SET failed (possibly related to argument 'slave-priority') - argument must be between 0 and 2147483647 inclusive",
        ),
        (
            &[("daemonize", "yes")],
            "CONFIG SET failed (possibly related to argument 'daemonize') - can't set immutable config",
        ),
        (
            &[("dbfilename", "x")],
            "CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config",
        ),
        (
            &[("timeout", "1"), ("Timeout", "2")],
            "CONFIG SET failed (possibly related to argument 'Timeout') - duplicate parameter",
        ),
        // The first wrong name counts, whatever is wrong with it.
        (
            &[("port", "x"), ("daemonize", "yes"), ("foo", "1")],
            "CONFIG SET failed (possibly related to argument 'daemonize') - can't set immutable config",
        ),
        (
            &[("activedefrag", "yes")],
            "CONFIG SET failed (possibly related to argument 'activedefrag') - Active defragmentation cannot be \
             enabled: it requires a Redis server compiled with a modified Jemalloc like the one shipped by default \
             with the Redis source distribution",
        ),
    ] {
        assert_eq!(set(&config(), pairs).err().as_deref(), Some(expect), "{pairs:?}");
    }
    assert!(set(&config(), &[("activedefrag", "no")]).is_ok());
    assert!(set(&config(), &[("lua-time-limit", "1"), ("busy-reply-threshold", "2")]).is_ok());
    assert!(config().set_all(&[(b"dbfilename", b"x")], true).is_ok());
}

#[test]
fn patterns_find_names_once_and_pass_over_hidden_ones() {
    let config = config();
    assert_eq!(get(&config, &["Port"]), ["Port=6379"]);
    assert_eq!(get(&config, &["port", "po?t", "PORT"]), ["port=6379"]);
    assert_eq!(get(&config, &["nothing", "none*"]), [""; 0]);
    assert_eq!(get(&config, &["watchdog*"]), [""; 0]);
    assert_eq!(get(&config, &["watchdog-period"]), ["watchdog-period=0"]);
    assert_eq!(
        get(&config, &["*-priority", "lua*"]),
        ["replica-priority=100", "slave-priority=100", "lua-time-limit=5000"]
    );
    assert_eq!(get(&config, &["maxmemory", "maxmemory-p*"]), ["maxmemory=0", "maxmemory-policy=noeviction"]);
}

#[test]
fn the_older_name_is_the_same_setting() {
    let after = set(&config(), &[("hash-max-ziplist-entries", "7")]).expect("it is right");
    assert_eq!(
        get(&after, &["hash-max-*-entries"]),
        ["hash-max-listpack-entries=7", "hash-max-ziplist-entries=7"]
    );
}
