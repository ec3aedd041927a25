//! Users from the outside: their file, their lines in the configuration, and who is cut off by a change.

use crate::common::network::eventually;
use crate::common::{Connection, Server, run};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A connection of that user.
fn logged_in(server: &Server, name: &str, password: &str) -> Connection {
    let mut client = server.connect();
    assert_eq!(client.say(&format!("AUTH {name} {password}")), "OK");
    client
}

/// A connection of which only the end matters: it authenticates, and waits.
fn waiting_as(server: &Server, name: &str) -> UnixStream {
    use std::io::Write;
    let mut stream = UnixStream::connect(&server.socket).expect("the server listens");
    write!(stream, "AUTH {name} x\r\nBLPOP a:none 0\r\n").expect("it can be sent");
    let mut reply = [0; 5];
    stream.read_exact(&mut reply).expect("it is answered");
    assert_eq!(&reply, b"+OK\r\n");
    stream
}

fn has_ended(stream: &mut UnixStream) -> bool {
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("it can be set");
    stream.read(&mut [0; 64]).expect("it ends without an error") == 0
}

#[test]
fn a_file_of_users_is_loaded_saved_and_refused_as_a_whole() {
    let directory = directory();
    let file = directory.path().join("users.acl");
    fs::write(
        &file,
        "user alice on nopass ~a:* +@read +@connection +blpop\n\nuser bob on >secret ~* &* +@all\n",
    )
    .expect("a file can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let server = Server::start(&directory, &["--aclfile", "users.acl", "--requirepass", "not obeyed"]);
    let mut operator = server.connect();
    assert_eq!(operator.say("ACL USERS"), "alice bob default");
    assert_eq!(operator.say("CONFIG GET aclfile"), "aclfile users.acl");
    let mut alice = logged_in(&server, "alice", "x");
    assert_eq!(alice.say("SET a:1 x"), "-NOPERM User alice has no permissions to run the 'set' command");
    assert_eq!(alice.say("GET b"), "-NOPERM No permissions to access a key");
    assert_eq!(alice.say("GET a:1"), "(nil)");

    // Anything wrong: nothing changes, nobody is cut off.
    let good = fs::read_to_string(&file).expect("it is there");
    fs::write(&file, format!("{good}user carol +nosuch\nuser alice on\n")).expect("a file can be written");
    assert_eq!(
        operator.say("ACL LOAD"),
        "-ERR users.acl:4: Error in applying operation '+nosuch': Unknown command or category name in ACL. WARNING: \
         Duplicate user 'alice' found on line 5. WARNING: ACL errors detected, no change to the previously active ACL \
         rules was performed"
    );
    assert_eq!(operator.say("ACL USERS"), "alice bob default");
    assert_eq!(alice.say("GET a:1"), "(nil)");

    // All that is there goes into the file, which nobody else may read.
    assert_eq!(operator.say("ACL SETUSER carol on >pass (~c:* +get)"), "OK");
    assert_eq!(operator.say("ACL SAVE"), "OK");
    let saved = fs::read_to_string(&file).expect("it is there");
    let list: String =
        ["alice", "bob", "carol", "default"].iter().map(|name| format!("user {name} ")).collect();
    let begins: String = saved
        .lines()
        .map(|line| line.split(' ').take(2).map(|word| format!("{word} ")).collect::<String>())
        .collect();
    assert_eq!(begins, list);
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it is there").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains(".tmp-")));
    let before = operator.say("ACL LIST");
    assert_eq!(operator.say("ACL LOAD"), "OK");
    assert_eq!(operator.say("ACL LIST"), before);
    drop(server);
    fs::remove_file(directory.path().join("socket")).expect("it was killed");

    let server = Server::start(&directory, &["--aclfile", "users.acl"]);
    assert_eq!(server.connect().say("ACL LIST"), before);
    // A user whose connection loads the file is told, and then cut off like the others.
    let mut waiting = waiting_as(&server, "alice");
    let mut bob = logged_in(&server, "bob", "secret");
    assert_eq!(bob.say("ACL LOAD"), "OK");
    assert!(bob.say("PING").starts_with('-') && has_ended(&mut waiting));
    assert_eq!(server.connect().say("PING"), "PONG");
}

#[test]
fn what_is_wrong_refuses_the_start() {
    let directory = directory();
    let path = directory.path().join("users.acl");
    for (file, arguments, problem) in [
        ("user a on\nuser a off\n", &["--aclfile", "users.acl"][..], "Duplicate user 'a' found on line 2"),
        (
            "user a +nosuch\n",
            &["--aclfile", "users.acl"],
            "Aborting Redis startup because of ACL errors: users.acl:1",
        ),
        (
            "",
            &["--aclfile", "none.acl"],
            "Error loading ACLs, opening file 'none.acl': No such file or directory",
        ),
        (
            "",
            &["--aclfile", "users.acl", "--user", "a", "on"],
            "please define either an ACL file or declare users",
        ),
        (
            "",
            &["--user", "a", "--user", "a"],
            "Duplicate user found. A user can only be defined once in config files",
        ),
        ("", &["--user", "a", "+nosuch"], "Error loading ACL rule '+nosuch' for the user named 'a'"),
        ("", &["--user", "a", "nonsense"], "Error in user declaration 'nonsense': Syntax error"),
        ("", &["--user", "a", "(~b"], "Unmatched parenthesis"),
    ] {
        fs::write(&path, file).expect("a file can be written");
        for more in [&[][..], &["--check-config"]] {
            let ended =
                run(&directory, &[&["--port", "0", "--unixsocket", "socket"], arguments, more].concat());
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&ended.stderr),
                String::from_utf8_lossy(&ended.stdout)
            );
            assert!(!ended.status.success() && said.contains(problem), "{arguments:?} {more:?}: {said}");
        }
    }
}

#[test]
fn users_stay_in_the_configuration_that_is_rewritten() {
    let directory = directory();
    let file = directory.path().join("a.conf");
    fs::write(&file, "user gone on nopass\nuser alice on >pass ~\"a\\\"b\" +@all\n# end\n")
        .expect("a file can be written");
    let server = Server::start(&directory, &["a.conf"]);
    let mut operator = server.connect();
    assert_eq!(operator.say("ACL DELUSER gone"), "1");
    assert_eq!(operator.say("ACL SETUSER bob on nopass &x (%R~c +get)"), "OK");
    assert_eq!(operator.say("CONFIG REWRITE"), "OK");
    let text = fs::read_to_string(&file).expect("it is there");
    let users: Vec<&str> = text.lines().filter(|line| line.starts_with("user ")).collect();
    assert_eq!(users.len(), 2, "{text}");
    assert!(
        users[0].starts_with("user alice on sanitize-payload #d74ff0ee")
            && users[0].contains(" \"~a\\\"b\" ")
    );
    assert_eq!(
        users[1],
        "user bob on nopass sanitize-payload resetchannels &x -@all (%R~c resetchannels -@all +get)"
    );
    let before = operator.say("ACL LIST");
    assert_eq!(operator.say("ACL SETUSER default >x"), "OK");
    assert_eq!(operator.say("CONFIG REWRITE"), "OK");
    assert!(fs::read_to_string(&file).expect("it is there").contains("\nuser default on sanitize-payload #"));
    assert_eq!(operator.say("ACL SETUSER default nopass"), "OK");
    assert_eq!(operator.say("CONFIG REWRITE"), "OK");
    let again = fs::read_to_string(&file).expect("it is there");
    assert_eq!(
        again.lines().filter(|line| line.starts_with("user ")).collect::<Vec<_>>(),
        users,
        "the default user is as without a line"
    );
    drop(server);
    fs::remove_file(directory.path().join("socket")).expect("it was killed");
    let server = Server::start(&directory, &["a.conf"]);
    assert_eq!(server.connect().say("ACL LIST"), before);
    assert!(server.connect().say("ACL SAVE").contains("not configured to use an ACL file"));
}

#[test]
fn who_was_deleted_is_cut_off_and_who_lost_a_right_takes_nothing() {
    let directory = directory();
    let server = Server::start(&directory, &["--io-threads", "2"]);
    let mut operator = server.connect();
    assert_eq!(operator.say("ACL SETUSER alice on nopass ~a:* +blpop +auth"), "OK");
    let mut waiting = waiting_as(&server, "alice");
    let blocked = |operator: &mut Connection| {
        let list = operator.say("CLIENT LIST");
        list.contains(" user=alice ").then_some(()).filter(|()| list.contains("cmd=blpop"))
    };
    eventually("it waits", || blocked(&mut operator));
    // It may not have it any more.
    assert_eq!(operator.say("ACL SETUSER alice resetkeys ~b:*"), "OK");
    assert_eq!(operator.say("RPUSH a:none x"), "1");
    let mut reply = [0; 40];
    waiting.read_exact(&mut reply).expect("it is answered");
    assert_eq!(String::from_utf8_lossy(&reply), "-NOPERM No permissions to access a key\r\n");
    assert_eq!(operator.say("LRANGE a:none 0 -1"), "x");
    assert_eq!(operator.say("ACL DELUSER alice"), "1");
    assert!(has_ended(&mut waiting));
}

#[test]
fn the_password_of_the_configuration_is_the_default_users() {
    let directory = directory();
    let server = Server::start(&directory, &["--requirepass", "one"]);
    let mut client = logged_in(&server, "default", "one");
    assert_eq!(client.say("CONFIG SET requirepass two"), "OK");
    let mut other = server.connect();
    assert_eq!(other.say("PING"), "-NOAUTH Authentication required.");
    assert!(other.say("AUTH one").starts_with("-WRONGPASS"));
    assert_eq!(other.say("AUTH two"), "OK");
    assert_eq!(client.say("ACL SETUSER default >three"), "OK");
    assert_eq!(logged_in(&server, "default", "three").say("ACL WHOAMI"), "default");
    assert_eq!(client.say("CONFIG SET requirepass \"\""), "OK");
    assert_eq!(server.connect().say("ACL WHOAMI"), "default");
    assert!(client.say("ACL LIST").contains("user default on nopass "));
}
