use crate::command::testing::{TestClient, check};

const SHA_OF_PASS: &str = "d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1";

#[test]
fn a_user_is_shown_as_it_was_said() {
    check(&[
        ("ACL WHOAMI", "$7|default"),
        ("ACL LIST", "*1|$51|user default on nopass sanitize-payload ~* &* +@all"),
        ("ACL USERS", "*1|$7|default"),
        ("ACL GETUSER nobody", "$-1"),
        ("ACL SETUSER alice", "+OK"),
        (
            "ACL LIST",
            "*2|$51|user alice off sanitize-payload resetchannels -@all|$51|user default on nopass sanitize-payload ~* &* +@all",
        ),
        ("ACL SETUSER alice on >pass ~a* %R~b %W~b %W~c* &x &y +@read -get +config|get (~k* +set)", "+OK"),
        (
            "ACL GETUSER alice",
            &format!(
                "*12|$5|flags|*2|$2|on|$16|sanitize-payload|$9|passwords|*1|$64|{SHA_OF_PASS}|$8|commands|\
                 $29|-@all +@read -get +config|get|$4|keys|$12|~a* ~b %W~c*|$8|channels|$5|&x &y|\
                 $9|selectors|*1|*6|$8|commands|$10|-@all +set|$4|keys|$3|~k*|$8|channels|$0"
            ),
        ),
        ("ACL SETUSER alice reset", "+OK"),
        ("ACL DELUSER alice nobody", ":1"),
        ("ACL USERS", "*1|$7|default"),
        ("ACL DELUSER default", "-ERR The 'default' user cannot be removed"),
    ]);
}

#[test]
fn what_was_said_again_is_shown_once() {
    let mut client = TestClient::new();
    for (rules, expect) in [
        ("+@all -@dangerous +debug", "+@all -@dangerous +debug"),
        ("+get +set +get", "-@all +set +get"),
        ("+config|get +config|SET +CONFIG", "-@all +config"),
        ("+config -config|set", "-@all +config -config|set"),
        ("+config -config|set +config", "-@all +config"),
        ("+select|0 +select|1 +select|0", "-@all +select|1 +select|0"),
        ("+select|0 -select", "-@all -select"),
        ("+@read -@READ +@write", "-@all -@read +@write"),
        ("+@read allcommands", "+@all"),
        ("+@all -get +get", "+@all +get"),
        ("+@all nocommands", "-@all"),
    ] {
        client.say("ACL DELUSER x");
        assert_eq!(client.say(&format!("ACL SETUSER x {rules}")), "+OK\r\n", "{rules}");
        let list = client.say("ACL LIST");
        let expect = format!("user x off sanitize-payload resetchannels {expect}\r\n");
        assert!(list.ends_with(&expect), "{rules}: {list}");
    }
}

#[test]
fn wrong_rules_change_nothing() {
    let mut client = TestClient::new();
    client.say("ACL SETUSER a on +get ~x");
    let before = client.say("ACL LIST");
    for (rules, expect) in [
        ("wrong", "Error in ACL SETUSER modifier 'wrong': Syntax error"),
        ("off +nosuch", "Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL"),
        ("+@nosuch", "Error in ACL SETUSER modifier '+@nosuch': Unknown command or category name in ACL"),
        ("+", "Error in ACL SETUSER modifier '+': Unknown command or category name in ACL"),
        (
            "-config|nosuch",
            "Error in ACL SETUSER modifier '-config|nosuch': Unknown command or category name in ACL",
        ),
        ("-select|0", "Error in ACL SETUSER modifier '-select|0': Unknown command or category name in ACL"),
        ("+select|", "Error in ACL SETUSER modifier '+select|': Syntax error"),
        (
            "+config|get|x",
            "Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is not supported",
        ),
        (
            "~* ~a",
            "Error in ACL SETUSER modifier '~a': Adding a pattern after the * pattern (or the 'allkeys' flag) is not \
             valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns",
        ),
        (
            "&* &a",
            "Error in ACL SETUSER modifier '&a': Adding a pattern after the * pattern (or the 'allchannels' flag) is not \
             valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels",
        ),
        ("%~a", "Error in ACL SETUSER modifier '%~a': Syntax error"),
        ("%RR~a", "Error in ACL SETUSER modifier '%RR~a': Syntax error"),
        (
            "<x",
            "Error in ACL SETUSER modifier '<x': The password you are trying to remove from the user does not exist",
        ),
        (
            "#zz",
            "Error in ACL SETUSER modifier '#zz': The password hash must be exactly 64 characters and contain only \
             lowercase hexadecimal characters",
        ),
        ("(+get", "Unmatched parenthesis in acl selector starting at '(+get'."),
        ("(on)", "Error in ACL SETUSER modifier '(on)': Syntax error"),
        ("(~a )b)", "Error in ACL SETUSER modifier '(~a )b)': Syntax error"),
    ] {
        let reply = client.say(&format!("ACL SETUSER a {rules}"));
        let shown = reply.trim_end();
        // The last one ends at the first parenthesis that closes.
        if rules == "(~a )b)" {
            assert!(shown.starts_with("-ERR Error in ACL SETUSER modifier"), "{shown}");
        } else {
            assert_eq!(shown, format!("-ERR {expect}"));
        }
        assert_eq!(client.say("ACL LIST"), before, "{rules}");
    }
    assert_eq!(
        String::from_utf8_lossy(&client.run(&[b"ACL", b"SETUSER", b"a b"]).unwrap_or_default()),
        "-ERR Usernames can't contain spaces or null characters\r\n"
    );
}

#[test]
fn who_is_told_what_is_in_a_value_needs_the_right_to_read_it() {
    let mut client = TestClient::new();
    client.say("ACL SETUSER writer on nopass %W~k +@all");
    for request in [
        "CMS.INCRBY k x 0",
        "DELEX k IFEQ x",
        "DELIFEQ k x",
        "GETDEL k",
        "GETEX k",
        "GETSET k x",
        "HGETDEL k FIELDS 1 f",
        "HGETEX k FIELDS 1 f",
        "INCR k",
        "LPOP k",
        "SET k x GET",
        "SET k x IFEQ y",
        "SPOP k",
        "TOPK.ADD k x",
        "TOPK.INCRBY k x 1",
        "ZPOPMIN k",
    ] {
        let reply = client.say(&format!("ACL DRYRUN writer {request}"));
        assert!(reply.contains("has no permissions to access the 'k' key"), "{request}: {reply}");
    }
    for request in ["SET k x", "DEL k", "DELEX k", "BF.ADD k x", "TDIGEST.ADD k 1", "HSETEX k FIELDS 1 f v"] {
        assert_eq!(client.say(&format!("ACL DRYRUN writer {request}")), "+OK\r\n", "{request}");
    }
}

#[test]
fn small_replies() {
    check(&[
        ("ACL CAT nosuch", "-ERR Unknown category 'nosuch'"),
        ("ACL CAT a b", "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP."),
        ("ACL LOG", "*0"),
        ("ACL LOG x", "-ERR value is not an integer or out of range"),
        ("ACL LOG RESET", "+OK"),
        (
            "ACL GENPASS 0",
            "-ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ),
        ("ACL DRYRUN nobody get x", "-ERR User 'nobody' not found"),
        ("ACL DRYRUN default nosuch", "-ERR Command 'nosuch' not found"),
        ("ACL DRYRUN default get", "-ERR wrong number of arguments for 'get' command"),
        ("ACL DRYRUN default get x", "+OK"),
        ("ACL SETUSER u +get ~a", "+OK"),
        ("ACL DRYRUN u get b", "$47|User u has no permissions to access the 'b' key"),
        ("ACL DRYRUN u set a b", "$50|User u has no permissions to run the 'set' command"),
        ("ACL DRYRUN u get a", "+OK"),
        // Its one key counts, also where it has no others to merge.
        ("ACL SETUSER u +pfmerge", "+OK"),
        ("ACL DRYRUN u pfmerge b", "$47|User u has no permissions to access the 'b' key"),
        ("ACL DRYRUN u pfmerge a", "+OK"),
    ]);
    let mut client = TestClient::new();
    let categories = client.say("ACL CAT");
    for name in ["keyspace", "sortedset", "dangerous", "scripting", "bloom", "tdigest"] {
        assert!(categories.contains(&format!("\r\n{name}\r\n")), "{name}");
    }
    assert!(client.say("ACL CAT connection").contains("client|setname\r\n"));
    let mut password = |line: &str| client.say(line).split("\r\n").nth(1).unwrap_or_default().to_owned();
    for (line, digits) in [("ACL GENPASS", 64), ("ACL GENPASS 5", 2), ("ACL GENPASS 4096", 1024)] {
        let (one, other) = (password(line), password(line));
        assert!(one.len() == digits && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}: {one}");
        assert!(one != other || digits < 8, "{line}");
    }
}

/// A client of the default user, and one of `u`, who has these rules.
fn two(rules: &str) -> (TestClient, TestClient) {
    let mut operator = TestClient::new();
    assert_eq!(operator.say(&format!("ACL SETUSER u on nopass {rules}")), "+OK\r\n");
    let mut client = operator.beside();
    assert_eq!(client.say("AUTH u x"), "+OK\r\n");
    (operator, client)
}

const NO_KEY: &str = "-NOPERM No permissions to access a key";

#[test]
fn only_what_is_allowed_is_done() {
    let (mut operator, mut client) =
        two("+@read +set +bitfield +config|get +select|1 ~a* %R~r* %W~w* +sort +@connection -select");
    client.check(&[
        ("ACL WHOAMI", "-NOPERM User u has no permissions to run the 'acl|whoami' command"),
        ("SET a 1", "+OK"),
        ("SET r 1", NO_KEY),
        ("SET w 1", "+OK"),
        ("GET w", NO_KEY),
        ("GET r", "$-1"),
        ("SET w 1 GET", NO_KEY),
        ("SET a 1 GET", "$1|1"),
        ("MGET a r w", NO_KEY),
        ("MGET a r", "*2|$1|1|$-1"),
        ("BITFIELD r GET u8 0", "*1|:0"),
        ("BITFIELD r SET u8 0 1", NO_KEY),
        ("DEL a", "-NOPERM User u has no permissions to run the 'del' command"),
        ("CONFIG SET maxmemory 1", "-NOPERM User u has no permissions to run the 'config|set' command"),
        ("CONFIG GET maxmemory", "*2|$9|maxmemory|$1|0"),
        ("SELECT 1", "-NOPERM User u has no permissions to run the 'select' command"),
        ("SORT a BY x*", "-ERR BY option of SORT denied due to insufficient ACL permissions."),
        ("SORT a GET #", "-ERR GET option of SORT denied due to insufficient ACL permissions."),
        ("SORT r STORE x", NO_KEY),
        ("SORT r STORE w", ":0"),
        ("nosuch", "-ERR unknown command 'nosuch', with args beginning with:"),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("AUTH default x", "+OK"),
        ("DEL r", ":0"),
    ]);
    assert_eq!(operator.say("GET r"), "$-1\r\n");
    assert_eq!(operator.say("CONFIG GET maxmemory"), "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
}

#[test]
fn first_arguments_and_selectors() {
    let (mut operator, mut client) = two("+select|1 +SELECT|2 ~a +get (%R~b +get +strlen) (%R~* +sort)");
    client.check(&[
        ("SELECT 1", "+OK"),
        ("SELECT 3", "-NOPERM User u has no permissions to run the 'select' command"),
        ("SELECT 2", "+OK"),
        ("GET a", "$-1"),
        ("GET b", "$-1"),
        ("GET c", NO_KEY),
        ("STRLEN a", NO_KEY),
        ("STRLEN b", ":0"),
        ("SORT b BY x*", "*0"),
        ("SORT b BY x* STORE b", NO_KEY),
    ]);
    operator.say("ACL SETUSER u clearselectors -select");
    client.check(&[
        ("GET b", NO_KEY),
        ("SELECT 1", "-NOPERM User u has no permissions to run the 'select' command"),
        ("GET a", "$-1"),
    ]);
}

#[test]
fn a_change_reaches_who_is_there() {
    let (mut operator, mut client) = two("+@all ~* &*");
    assert_eq!(client.say("SET a 1"), "+OK\r\n");
    assert!(operator.say("CLIENT LIST").contains(" user=u "));
    operator.say("ACL SETUSER u -set");
    assert!(client.say("SET a 2").starts_with("-NOPERM"));
    operator.say("ACL SETUSER u off +set resetpass");
    // Who is in may stay.
    assert_eq!(client.say("SET a 3"), "+OK\r\n");
    let mut other = operator.beside();
    assert!(other.say("AUTH u x").starts_with("-WRONGPASS"));
    assert_eq!(operator.say("CLIENT KILL USER u"), ":1\r\n");
    assert!(client.session.client.is_killed());

    let (mut operator, mut client) = two("+@all ~* &*");
    assert_eq!(operator.say("ACL DELUSER u"), ":1\r\n");
    assert!(
        client.session.client.is_killed()
            && operator.say("CLIENT KILL USER u").starts_with("-ERR No such user")
    );

    operator.say("ACL SETUSER v on nopass +@all ~* &*");
    client = operator.beside();
    client.say("AUTH v x");
    assert_eq!(client.say("ACL DELUSER v"), ":1\r\n");
    assert!(client.session.closing && !client.session.client.is_killed());
}

#[test]
fn denials_are_noted() {
    let (mut operator, mut client) = two("+get +auth ~a");
    client.say("SET x 1");
    client.say("GET x");
    client.say("GET x");
    client.pass(61_000);
    client.say("GET x");
    client.say("auth u2 wrong");
    operator.pass(61_500);
    let entry = |count: u64, reason: &str, object: &str, user: &str, id: u64| {
        format!(
            "count|:{count}|$6|reason|${}|{reason}|$7|context|$8|toplevel|$6|object|${}|{object}|$8|username|${}|{user}|$11|age-seconds|",
            reason.len(),
            object.len(),
            user.len()
        ) + &format!("{id}")
    };
    let log = operator.say("ACL LOG").replace("\r\n", "|");
    let mut rest = log.as_str();
    for (count, reason, object, user, id) in [
        (1, "auth", "auth", "u2", 3),
        (1, "key", "x", "u", 2),
        (2, "key", "x", "u", 1),
        (1, "command", "set", "u", 0),
    ] {
        let expect = entry(count, reason, object, user, id);
        let expect = expect.trim_end_matches(|char: char| char.is_ascii_digit());
        let at = rest.find(expect);
        assert!(at.is_some(), "{expect} in {rest}");
        rest = &rest[at.unwrap_or(0) + expect.len()..];
        assert!(rest.contains(&format!("entry-id|:{id}|")), "{rest}");
    }
    assert!(log.contains("$3|0.5|$11|client-info|") && log.contains(" cmd=get user=u "), "{log}");
    assert!(operator.say("ACL LOG 1").starts_with("*1\r\n*20\r\n"));
    let info = operator.say("INFO stats");
    for line in ["auth:1", "cmd:1", "key:3", "channel:0"] {
        assert!(info.contains(&format!("acl_access_denied_{line}\r\n")), "{line}");
    }
    assert_eq!(operator.say("ACL LOG RESET"), "+OK\r\n");
    assert_eq!(operator.say("ACL LOG"), "*0\r\n");
    operator.say("CONFIG SET acllog-max-len 2");
    for key in ["k1", "k2", "k3"] {
        client.say(&format!("GET {key}"));
    }
    client.say(&format!("GET {}", "k".repeat(5000)));
    let log = operator.say("ACL LOG");
    assert!(log.starts_with("*2\r\n") && log.contains("... (3976 more bytes)"), "{log}");
}

#[test]
fn a_password_of_the_default_user_is_asked_for() {
    let mut client = TestClient::new();
    assert_eq!(client.say("ACL SETUSER default >pass resetpass >other"), "+OK\r\n");
    let mut other = client.beside();
    other.session = crate::session::Session::new(std::sync::Arc::clone(&other.session.client), true);
    assert_eq!(other.say("GET a"), "-NOAUTH Authentication required.\r\n");
    assert!(other.say("AUTH pass").starts_with("-WRONGPASS"));
    assert_eq!(other.say("AUTH other"), "+OK\r\n");
    assert_eq!(client.say("GET a"), "$-1\r\n");
    assert_eq!(other.say("RESET"), "+RESET\r\n");
    assert_eq!(other.say("GET a"), "-NOAUTH Authentication required.\r\n");
    client.say("ACL SETUSER default nopass off");
    assert!(other.say("AUTH other").starts_with("-ERR AUTH <password> called without any password"));
    assert_eq!(other.say("GET a"), "-NOAUTH Authentication required.\r\n");
    client.say("ACL SETUSER default on");
    assert_eq!(other.say("GET a"), "$-1\r\n");
}

#[test]
fn users_of_the_configuration() {
    let mut client = TestClient::configured(
        "acl-pubsub-default allchannels\nrequirepass pass\nuser alice on nopass ~a (~b\n +get)\n"
            .replace("\n +get", " +get")
            .as_str(),
    );
    let expect = format!("user default on sanitize-payload #{SHA_OF_PASS} ~* &* +@all");
    let list = client.say("ACL LIST");
    assert!(list.contains(&expect), "{list}");
    assert!(list.contains("user alice on nopass sanitize-payload ~a &* -@all (~b &* -@all +get)"), "{list}");
}

#[test]
fn rights_are_looked_at_again_when_a_transaction_runs() {
    let mut client = TestClient::new();
    let mut other = client.beside();
    client.check(&[("ACL SETUSER alice on nopass ~* &* +@all", "+OK")]);
    other.check(&[
        ("AUTH alice any", "+OK"),
        ("MULTI", "+OK"),
        ("SET k 1", "+QUEUED"),
        ("GET k", "+QUEUED"),
        ("INCR other", "+QUEUED"),
    ]);
    client.check(&[("ACL SETUSER alice -set resetkeys ~k", "+OK")]);
    other.check(&[(
        "EXEC",
        "*3|-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is \
         no longer allowed for the following reason: no permission to execute the command or subcommand|$-1|-NOPERM ACLs \
         rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer \
         allowed for the following reason: no permission to touch the specified keys",
    )]);
    other.check(&[
        ("MULTI", "+OK"),
        ("SET k 1", "-NOPERM User alice has no permissions to run the 'set' command"),
        ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
    ]);
    assert!(client.say("ACL LOG").contains("multi"));
}

#[test]
fn what_is_denied_within_another_command_is_noted_of_that() {
    let mut admin = TestClient::new();
    admin.say("ACL SETUSER alice on nopass ~* +@all &mine");
    let mut client = admin.beside();
    client.say("AUTH alice any");
    let script = "return redis.pcall('publish', 'c', 'x')";
    client.run(&[b"EVAL", script.as_bytes(), b"0"]);
    let log = admin.say("ACL LOG");
    assert!(log.contains("\r\nlua\r\n") && log.contains(" cmd=eval "), "{log}");
    admin.say("ACL LOG RESET");
    client.check(&[("MULTI", "+OK"), ("GET k", "+QUEUED")]);
    admin.say("ACL SETUSER alice -get");
    client.say("EXEC");
    let log = admin.say("ACL LOG");
    assert!(log.contains("\r\nget\r\n") && log.contains(" cmd=exec "), "{log}");
}

#[test]
fn only_who_listens_to_what_was_lost_is_cut_off() {
    let client = TestClient::new();
    let mut admin = client.beside();
    admin.say("ACL SETUSER alice on nopass ~* +@all &news:* &chat");
    let listener = |line: &str| {
        let mut listener = client.beside();
        listener.say("AUTH alice any");
        listener.check(&[("SUBSCRIBE other", "-NOPERM No permissions to access a channel")]);
        listener.check(&[("PSUBSCRIBE news:1*", "-NOPERM No permissions to access a channel")]);
        assert!(!listener.say(line).contains("NOPERM"), "{line}");
        listener
    };
    let listeners = ["SUBSCRIBE news:1", "PSUBSCRIBE news:*", "SSUBSCRIBE news:1", "SUBSCRIBE chat", "GET k"]
        .map(listener);
    admin.check(&[("ACL SETUSER alice &more", "+OK")]);
    assert!(listeners.iter().all(|listener| !listener.session.client.is_killed()));
    admin.check(&[("ACL SETUSER alice resetchannels &news:1 &chat", "+OK")]);
    let killed = listeners.map(|listener| listener.session.client.is_killed());
    assert_eq!(killed, [false, true, false, false, false]);
    assert!(admin.say("ACL LOG").contains("channel"));
}
