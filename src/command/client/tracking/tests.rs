use crate::command::testing::{TestClient, check};

fn reader(server: &TestClient) -> TestClient {
    let mut client = server.beside();
    client.say("HELLO 3");
    client
}

#[test]
fn options_must_go_together() {
    check(&[
        ("CLIENT TRACKINGINFO", "*6|$5|flags|*1|$3|off|$8|redirect|:-1|$8|prefixes|*0"),
        ("CLIENT GETREDIR", ":-1"),
        ("CLIENT TRACKING maybe", "-ERR syntax error"),
        ("CLIENT TRACKING on x", "-ERR syntax error"),
        ("CLIENT TRACKING on REDIRECT 999", "-ERR The client ID you want redirect to does not exist"),
        (
            "CLIENT TRACKING on REDIRECT 1 REDIRECT 1",
            "-ERR A client can only redirect to a single other client",
        ),
        ("CLIENT TRACKING on PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled"),
        ("CLIENT TRACKING on BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST"),
        ("CLIENT TRACKING on OPTIN OPTOUT", "-ERR You can't specify both OPTIN mode and OPTOUT mode"),
        (
            "CLIENT TRACKING on BCAST PREFIX foo PREFIX fo",
            "-ERR Prefix 'foo' overlaps with another provided prefix 'fo'. Prefixes for a single client must not overlap.",
        ),
        (
            "CLIENT CACHING yes",
            "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ),
        ("CLIENT TRACKING on BCAST PREFIX foo NOLOOP", "+OK"),
        (
            "CLIENT TRACKING on BCAST PREFIX foobar",
            "-ERR Prefix 'foobar' overlaps with an existing prefix 'foo'. Prefixes for a single client must not overlap.",
        ),
        ("CLIENT TRACKING on BCAST PREFIX b NOLOOP", "+OK"),
        (
            "CLIENT TRACKINGINFO",
            "*6|$5|flags|*3|$2|on|$5|bcast|$6|noloop|$8|redirect|:0|$8|prefixes|*2|$1|b|$3|foo",
        ),
        (
            "CLIENT TRACKING on",
            "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
             with a different mode.",
        ),
        ("CLIENT TRACKING off", "+OK"),
        ("CLIENT TRACKING on OPTIN", "+OK"),
        (
            "CLIENT CACHING no",
            "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ),
        ("CLIENT CACHING yes", "+OK"),
        (
            "CLIENT TRACKINGINFO",
            "*6|$5|flags|*3|$2|on|$5|optin|$11|caching-yes|$8|redirect|:0|$8|prefixes|*0",
        ),
        ("PING", "+PONG"),
        ("CLIENT TRACKINGINFO", "*6|$5|flags|*2|$2|on|$5|optin|$8|redirect|:0|$8|prefixes|*0"),
        (
            "CLIENT TRACKING on OPTOUT",
            "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
             with a different mode.",
        ),
        ("RESET", "+RESET"),
        ("CLIENT GETREDIR", ":-1"),
    ]);
}

#[test]
fn caching_is_about_the_next_request_even_one_that_is_refused() {
    let mut writer = TestClient::new();
    for (line, is_caching) in [
        ("NOSUCH", false),
        ("GET", false),
        ("OBJECT nosuch", false),
        ("CLIENT nosuch", false),
        ("CLIENT", false),
        ("CLIENT CACHING", true),
        ("CLIENT ID", true),
    ] {
        let mut client = reader(&writer);
        client.check(&[("CLIENT TRACKING on OPTIN", "+OK"), ("CLIENT CACHING yes", "+OK")]);
        client.say(line);
        client.say("GET k");
        writer.say("SET k 1");
        assert_eq!(!client.pushes().is_empty(), is_caching, "{line}");
    }
}

#[test]
fn who_has_read_a_key_hears_of_its_first_change() {
    let mut writer = TestClient::new();
    let mut client = reader(&writer);
    client.check(&[("CLIENT TRACKING on", "+OK"), ("MGET a b", "*2|_|_"), ("STRLEN c", ":0")]);
    assert!(writer.say("INFO stats").contains("tracking_total_keys:3\r\ntracking_total_items:3\r\n"));
    writer.say("SET a 1");
    writer.say("SET a 2");
    writer.say("MSET b 1 nobody 1");
    assert_eq!(client.pushes(), ">2|$10|invalidate|*1|$1|a|>2|$10|invalidate|*1|$1|b");
    // His own changes, too, behind the reply.
    client.check(&[("SET c 1", "+OK|>2|$10|invalidate|*1|$1|c"), ("SET c 2", "+OK")]);
    client.check(&[("CLIENT TRACKING on NOLOOP", "+OK"), ("GET c", "$1|2"), ("SET c 3", "+OK")]);
    client.say("GET c");
    writer.say("FLUSHALL");
    assert_eq!(client.pushes(), ">2|$10|invalidate|_");
    assert!(writer.say("INFO stats").contains("tracking_total_keys:0\r\ntracking_total_items:0\r\n"));
    client.say("GET d");
    client.say("CLIENT TRACKING off");
    writer.say("SET d 1");
    assert_eq!(client.pushes(), "");
}

#[test]
fn what_expires_has_changed() {
    let mut writer = TestClient::new();
    let mut client = reader(&writer);
    writer.say("SET a 1 PX 100");
    client.check(&[("CLIENT TRACKING on", "+OK"), ("GET a", "$1|1")]);
    writer.pass(1000);
    writer.say("GET a");
    assert_eq!(client.pushes(), ">2|$10|invalidate|*1|$1|a");
}

#[test]
fn caching_is_about_the_next_request() {
    let mut writer = TestClient::new();
    let mut client = reader(&writer);
    for line in ["CLIENT TRACKING on OPTIN", "GET a", "CLIENT CACHING yes", "GET b", "GET c"] {
        client.say(line);
    }
    writer.say("MSET a 1 b 1 c 1");
    assert_eq!(client.pushes(), ">2|$10|invalidate|*1|$1|b");
    for line in ["CLIENT TRACKING off", "CLIENT TRACKING on OPTOUT", "CLIENT CACHING no", "GET a", "GET b"] {
        client.say(line);
    }
    writer.say("MSET a 1 b 1");
    assert_eq!(client.pushes(), ">2|$10|invalidate|*1|$1|b");
}

#[test]
fn broadcasts_tell_a_units_keys_at_once() {
    let mut writer = TestClient::new();
    let mut client = reader(&writer);
    client.say("CLIENT TRACKING on BCAST PREFIX user: PREFIX x");
    writer.say("MSET user:1 a other b user:2 c");
    writer.say("DEL user:2");
    assert_eq!(client.pushes(), ">2|$10|invalidate|*2|$6|user:1|$6|user:2|>2|$10|invalidate|*1|$6|user:2");
    assert!(writer.say("CLIENT LIST").contains(" flags=tB "));
}

#[test]
fn another_client_may_be_told_instead() {
    let mut writer = TestClient::new();
    let (mut told, mut client) = (writer.beside(), writer.beside());
    told.say("SUBSCRIBE __redis__:invalidate");
    let id = told.session.client.id;
    client.check(&[(&format!("CLIENT TRACKING on REDIRECT {id}"), "+OK"), ("GET a", "$-1")]);
    writer.say("SET a 1");
    assert_eq!(told.pushes(), "*3|$7|message|$20|__redis__:invalidate|*1|$1|a");
    assert!(writer.say("CLIENT LIST").contains(&format!(" redir={id} ")));
    client.say("GET a");
    writer.say("FLUSHDB");
    assert_eq!(told.pushes(), "*3|$7|message|$20|__redis__:invalidate|$-1");
    client.say("HELLO 3");
    client.say("GET a");
    writer.server.clients.remove(id);
    writer.say("SET a 2");
    assert_eq!(client.pushes(), format!(">2|$21|tracking-redir-broken|:{id}"));
    assert!(client.say("CLIENT TRACKINGINFO").contains("broken_redirect"));
    assert!(writer.say("CLIENT LIST").contains(" flags=tR "));
}

#[test]
fn the_table_is_bounded() {
    let server = TestClient::configured("tracking-table-max-keys 10");
    let mut client = reader(&server);
    client.say("CLIENT TRACKING on");
    let mut told = 0;
    for number in 0..50 {
        let reply = client.say(&format!("GET key:{number}"));
        told += reply.matches("invalidate").count();
    }
    assert_eq!((told, server.server.hub.tracked()), (40, (10, 10, 0)));
}

#[test]
fn a_transaction_tells_when_it_is_over() {
    let mut writer = TestClient::new();
    let mut client = reader(&writer);
    for line in ["CLIENT TRACKING on", "MULTI", "SET a 0", "GET a", "SET b 1"] {
        client.say(line);
    }
    assert_eq!(client.say("EXEC"), "*3\r\n+OK\r\n$1\r\n0\r\n+OK\r\n");
    for line in ["MULTI", "SET a 1", "PUBLISH c x"] {
        writer.say(line);
    }
    client.say("SUBSCRIBE c");
    assert_eq!(client.pushes(), "");
    assert_eq!(writer.say("EXEC"), "*2\r\n+OK\r\n:1\r\n");
    assert_eq!(client.pushes(), ">2|$10|invalidate|*1|$1|a|>3|$7|message|$1|c|$1|x");
}

#[test]
fn what_expires_as_it_is_read_is_kept_in_mind() {
    let mut client = TestClient::new();
    for line in ["HELLO 3", "CLIENT TRACKING on", "SET a 1 PX 10", "GET a"] {
        client.say(line);
    }
    client.pass(100);
    assert_eq!(client.say("MGET a b"), "*2\r\n_\r\n_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n");
    assert_eq!(client.server.hub.tracked(), (2, 2, 0));
    client.say("CLIENT TRACKING off");
    assert_eq!(client.server.hub.tracked(), (0, 0, 0));
}
