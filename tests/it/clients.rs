//! redis-rs doing real work, over TCP, the unix socket and TLS, in RESP2 and RESP3.

use crate::common::network::Served;
use redis::{Commands, Connection, Value, pipe};
use std::collections::HashMap;

fn work(connection: &mut Connection) -> redis::RedisResult<()> {
    let _: () = connection.set("greeting", "hello")?;
    assert_eq!(connection.append::<_, _, i64>("greeting", ", world")?, 12);
    assert_eq!(connection.get::<_, String>("greeting")?, "hello, world");
    assert_eq!(connection.getrange::<_, String>("greeting", 0, 4)?, "hello");
    assert_eq!(connection.get::<_, Option<String>>("nothing")?, None);
    assert_eq!(connection.incr::<_, _, i64>("count", 41)?, 41);
    assert_eq!(connection.incr::<_, _, f64>("share", 0.5)?, 0.5);
    assert!(connection.set_nx::<_, _, bool>("once", 1)?);
    assert!(!connection.set_nx::<_, _, bool>("once", 2)?);
    let _: () = connection.mset(&[("a", "1"), ("b", "2")])?;
    assert_eq!(connection.mget::<_, Vec<Option<i64>>>(&["a", "nothing", "b"])?, [Some(1), None, Some(2)]);
    let _: () = connection.pset_ex("brief", "x", 100_000)?;
    assert!((1..=100).contains(&connection.ttl::<_, i64>("brief")?));
    assert!(connection.persist::<_, bool>("brief")?);
    assert_eq!(connection.ttl::<_, i64>("brief")?, -1);
    assert_eq!(connection.del::<_, i64>(&["a", "b", "nothing"])?, 2);

    let error = connection.incr::<_, _, i64>("greeting", 1).expect_err("it is no number");
    assert_eq!(error.detail(), Some("value is not an integer or out of range"));

    let mut pipeline = pipe();
    for number in 0..10_000 {
        pipeline.set(format!("key:{number}"), number).ignore().get(format!("key:{number}"));
    }
    let numbers: Vec<i64> = pipeline.query(connection)?;
    assert!(numbers.into_iter().eq(0..10_000));

    let binary: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let _: () = connection.set("binary", &binary)?;
    assert!(connection.get::<_, Vec<u8>>("binary")? == binary);

    let settings: HashMap<String, String> =
        redis::cmd("CONFIG").arg("GET").arg("maxclients").query(connection)?;
    assert_eq!(settings["maxclients"], "10000");
    assert!(
        redis::cmd("INFO").query::<redis::InfoDict>(connection)?.get::<String>("redis_version").is_some()
    );
    let _: () = redis::cmd("CLIENT").arg("SETNAME").arg("worker").query(connection)?;
    assert_eq!(redis::cmd("CLIENT").arg("GETNAME").query::<String>(connection)?, "worker");
    let _: () = redis::cmd("FLUSHALL").query(connection)?;
    assert_eq!(redis::cmd("DBSIZE").query::<i64>(connection)?, 0);
    Ok(())
}

fn check(scheme: &str, options: &str) {
    let served = Served::start(&["--io-threads", "2"]);
    check_connection(served.redis(scheme, options), options);
}

fn check_connection(mut connection: Connection, options: &str) {
    work(&mut connection).expect("every command is served");
    let settings: Value =
        redis::cmd("CONFIG").arg("GET").arg("port").query(&mut connection).expect("it is served");
    assert_eq!(matches!(settings, Value::Map(_)), options.contains("resp3"), "{settings:?}");
}

/// Whether the server has all of these commands; if not, it is said what is left out.
fn has(connection: &mut Connection, commands: &[&str]) -> bool {
    let known: Vec<String> = redis::cmd("COMMAND").arg("LIST").query(connection).expect("it is served");
    let missing: Vec<_> = commands.iter().filter(|name| !known.iter().any(|known| known == *name)).collect();
    if !missing.is_empty() {
        println!("left out: needs {missing:?}");
    }
    missing.is_empty()
}

/// Several clients count by WATCH, GET, MULTI, SET, EXEC: no step is lost.
#[test]
fn transactions() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut connection = served.redis("redis", "");
    if !has(&mut connection, &["multi", "exec", "watch"]) {
        return;
    }
    let both: (i64, Vec<i64>) = pipe()
        .atomic()
        .incr("a", 5)
        .lpush("l", 1)
        .ignore()
        .lrange("l", 0, -1)
        .query(&mut connection)
        .expect("it is served");
    assert_eq!(both, (5, vec![1]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut mine = served.redis("redis", "");
                for _ in 0..50 {
                    let done: Option<(i64,)> = redis::transaction(&mut mine, &["n"], |connection, pipe| {
                        let seen: Option<i64> = connection.get("n")?;
                        pipe.set("n", seen.unwrap_or(0) + 1).ignore().get("n").query(connection)
                    })
                    .expect("it is served");
                    assert!(done.is_some());
                }
            });
        }
    });
    assert_eq!(connection.get::<_, i64>("n").expect("it is served"), 200);
}

#[test]
fn scripts() {
    let served = Served::start(&["--io-threads", "2"]);
    for options in ["", "?protocol=resp3"] {
        let mut connection = served.redis("redis", options);
        if !has(&mut connection, &["evalsha", "script"]) {
            return;
        }
        let code = "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}";
        let sha: String =
            redis::cmd("SCRIPT").arg("LOAD").arg(code).query(&mut connection).expect("it is served");
        let mut run = redis::cmd("EVALSHA");
        run.arg(&sha).arg(1).arg(format!("n{options}")).arg(5);
        let found: (String, i64) = run.query(&mut connection).expect("it is served");
        assert_eq!(found, (format!("n{options}"), 5));
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query(&mut connection).expect("it is served");
        let error = run.query::<Value>(&mut connection).expect_err("it is forgotten");
        assert_eq!(error.code(), Some("NOSCRIPT"));
    }
}

#[test]
fn publish_and_subscribe() {
    let served = Served::start(&["--io-threads", "2"]);
    let mut connection = served.redis("redis", "");
    if !has(&mut connection, &["subscribe", "psubscribe", "publish"]) {
        return;
    }
    let mut listening = served.redis("redis", "");
    let mut listener = listening.as_pubsub();
    listener.subscribe("news").expect("it is served");
    listener.psubscribe("n*").expect("it is served");
    for number in 0..100 {
        assert_eq!(connection.publish::<_, _, i64>("news", number).expect("it is served"), 2);
    }
    let mut heard = [0, 0];
    for _ in 0..200 {
        let message = listener.get_message().expect("a message");
        let kind = usize::from(message.from_pattern());
        assert_eq!(message.get_payload::<i64>().expect("a number"), heard[kind]);
        heard[kind] += 1;
    }
    assert_eq!(heard, [100, 100]);
    listener.unsubscribe("news").expect("it is served");
    drop(listener);
    let _: () = redis::cmd("PING").query(&mut listening).expect("it is served again");
}

#[test]
fn over_tcp() {
    check("redis", "");
    check("redis", "?protocol=resp3");
}

#[test]
fn over_the_unix_socket() {
    check("unix", "");
    check("unix", "?protocol=resp3");
}

/// With rustls on its side, which trusts the test's own authority and no other.
#[cfg(feature = "tls")]
mod over_tls {
    use super::check_connection;
    use crate::common::certificates::{Authority, Identity};
    use crate::common::network::Served;
    use redis::{Client, ClientTlsConfig, Connection, RedisResult, TlsCertificates};

    fn serve(authority: &Authority, auth_clients: &str) -> Served {
        let options = authority.options(auth_clients);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Served::start_with_tls(&[&options[..], &["--io-threads", "2"]].concat())
    }

    fn connect(
        served: &Served,
        host: &str,
        options: &str,
        trusted: &Authority,
        shown: Option<Identity>,
    ) -> RedisResult<Connection> {
        let url = format!("rediss://{host}:{}/{options}", served.port);
        let client_tls = shown.map(|identity| ClientTlsConfig {
            client_cert: identity.certificate.into_bytes(),
            client_key: identity.key.into_bytes(),
        });
        let root_cert = Some(trusted.certificate().into_bytes());
        Client::build_with_tls(url, TlsCertificates { client_tls, root_cert })?.get_connection()
    }

    #[test]
    fn by_address_and_by_name() {
        let authority = Authority::new();
        let served = serve(&authority, "no");
        for (host, options) in [("127.0.0.1", ""), ("localhost", "?protocol=resp3")] {
            let connection = connect(&served, host, options, &authority, None);
            check_connection(connection.expect("the certificate is good"), options);
        }
    }

    #[test]
    fn with_a_certificate_of_the_clients() {
        let authority = Authority::new();
        let served = serve(&authority, "yes");
        for options in ["", "?protocol=resp3"] {
            let connection = connect(&served, "127.0.0.1", options, &authority, Some(authority.identity()));
            check_connection(connection.expect("both certificates are good"), options);
        }
        let without = connect(&served, "127.0.0.1", "", &authority, None);
        assert!(without.is_err(), "a client without a certificate came in");
        let strange = Authority::new().identity();
        let strange = connect(&served, "127.0.0.1", "", &authority, Some(strange));
        assert!(strange.is_err(), "a client of another authority came in");
    }

    #[test]
    fn a_server_of_another_authority_is_not_talked_to() {
        let served = serve(&Authority::new(), "no");
        let refused = connect(&served, "127.0.0.1", "", &Authority::new(), None);
        let refused = refused.err().expect("its certificate is nobody's").to_string();
        assert!(refused.contains("certificate"), "{refused}");
    }
}

#[test]
fn many_at_once() {
    let served = Served::start(&["--io-threads", "2"]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut connection = served.redis("redis", "");
                for _ in 0..2000 {
                    let _: i64 = connection.incr("shared", 1).expect("it is served");
                }
            });
        }
    });
    assert_eq!(served.redis("redis", "").get::<_, i64>("shared").expect("it is served"), 16_000);
}

#[test]
fn as_somebody_with_few_rights() {
    let served = Served::start(&["--user", "alice", "on", ">secret", "~a:*", "+@read", "+set", "+client"]);
    let info = |password: &str| {
        let url = format!("redis://alice:{password}@{}/", served.address());
        redis::Client::open(url).expect("it is a URL")
    };
    let mut alice = info("secret").get_connection().expect("the password is right");
    let _: () = alice.set("a:1", "x").expect("it is allowed");
    let error = alice.set::<_, _, ()>("b", "x").expect_err("it is not");
    assert_eq!((error.code(), error.detail()), (Some("NOPERM"), Some("No permissions to access a key")));
    assert!(alice.del::<_, ()>("a:1").is_err());
    assert_eq!(alice.get::<_, String>("a:1").expect("it is allowed"), "x");
    let refused = info("wrong").get_connection().err().expect("the password is wrong");
    assert_eq!(refused.kind(), redis::ErrorKind::AuthenticationFailed);
}
