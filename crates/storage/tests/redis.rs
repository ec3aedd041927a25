//! The log and Redis 7 read each other's directories. Needs redis-server and redis-check-aof, which `scripts/test`
//! installs.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dunlin_storage::disk::RealDisk;
use dunlin_storage::log::{
    LoadOptions, Loader, LogBuffer, LogDirectory, LogError, LogNames, LogWriter, Record, resp,
};

const SEED: u64 = 0x0123_4567_89ab_cdef;

/// A redis-server on a unix socket, with its log in `dir`.
struct Redis {
    process: Child,
    socket: BufReader<UnixStream>,
}

impl Redis {
    fn start(dir: &Path, options: &[&str]) -> Self {
        let socket = dir.join("socket");
        let mut process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--daemonize", "no"])
            .args(["--aof-use-rdb-preamble", "no", "--logfile", ""])
            .arg("--dir")
            .arg(dir)
            .arg("--unixsocket")
            .arg(&socket)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server starts (scripts/test installs it)");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
        let mut log = Vec::new();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| {
            log.push(line);
            log.last().is_some_and(|line| {
                line.contains("Ready to accept connections") || line.contains("ready to accept")
            })
        });
        assert!(ready, "redis-server refused the directory:\n{}", log.join("\n"));
        // It must not block on a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let socket = BufReader::new(UnixStream::connect(&socket).expect("it listens"));
        Self { process, socket }
    }

    /// Sends a command and returns its reply as text: of a bulk string the string, of others the line.
    fn call(&mut self, args: &[&str]) -> String {
        self.send(args);
        self.reply()
    }

    fn send(&mut self, args: &[&str]) {
        self.socket.get_mut().write_all(&command(args)).expect("it reads");
    }

    fn reply(&mut self) -> String {
        let mut line = String::new();
        self.socket.read_line(&mut line).expect("it answers");
        let line = line.trim_end();
        match line.strip_prefix('$').map(|len| len.parse::<usize>()) {
            Some(Ok(len)) => {
                let mut bytes = vec![0; len + 2];
                self.socket.read_exact(&mut bytes).expect("it answers in full");
                String::from_utf8_lossy(&bytes[..len]).into_owned()
            }
            _ => line.to_owned(),
        }
    }

    fn stop(mut self) {
        self.send(&["SHUTDOWN", "NOSAVE"]);
        self.process.wait().expect("it ends");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // After a failed assertion; a server that has stopped is fine.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn command(args: &[&str]) -> Vec<u8> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    let mut out = Vec::new();
    resp::encode_command(&args, &mut out);
    out
}

fn directory(dir: &Path) -> LogDirectory<RealDisk> {
    LogDirectory::new(RealDisk::new(dir), LogNames::default())
}

/// Loads all and opens the log for writing behind it.
fn resume(dir: &Path) -> Result<(Vec<String>, LogWriter<RealDisk>, LogBuffer), LogError> {
    let mut loader = Loader::open(directory(dir), LoadOptions::default())?;
    let mut lines = Vec::new();
    while let Some(record) = loader.next()? {
        lines.push(match record {
            Record::GroupBegin => "{".to_owned(),
            Record::GroupEnd => "}".to_owned(),
            Record::Command { db, args } => {
                let args: Vec<_> = args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
                format!("{db} {}", args.join(" "))
            }
        });
    }
    let buffer = LogBuffer::new(loader.lsn(), 1 << 26);
    Ok((lines, LogWriter::resume(loader, SEED)?, buffer))
}

fn check_aof(dir: &Path) {
    let manifest = dir.join("appendonlydir/appendonly.aof.manifest");
    let checked = Command::new("redis-check-aof").arg(manifest).output().expect("redis-check-aof starts");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn redis_loads_ours_and_we_load_what_it_adds() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_, mut writer, buffer) = resume(dir.path()).expect("a new log");
    buffer.append(0, &command(&["SET", "a", "1"]));
    writer.write_from(&buffer).expect("written");
    buffer.append_group(&[(0, &command(&["INCR", "a"])), (7, &command(&["SET", "b", "#DL\r\n#TS:1\r\n"]))]);
    writer.write_from(&buffer).expect("written");
    let mut base = writer.begin_rewrite(&buffer).expect("begins");
    base.command(0, &command(&["SET", "a", "2"])).expect("written");
    base.command(7, &command(&["SET", "b", "#DL\r\n#TS:1\r\n"])).expect("written");
    base.command(7, &command(&["SET", "large", &"x".repeat(3 << 20)])).expect("written");
    writer.finish_rewrite(base.seal().expect("synced")).expect("finished");
    buffer.append(0, &command(&["INCR", "a"]));
    writer.close(&buffer).expect("closed");
    buffer.append(0, &command(&["INCR", "a"]));
    // Not closed: as after kill -9.
    writer.write_from(&buffer).expect("written");
    drop(writer);
    check_aof(dir.path());

    let mut redis = Redis::start(dir.path(), &[]);
    assert_eq!(redis.call(&["GET", "a"]), "4");
    assert_eq!(redis.call(&["SELECT", "7"]), "+OK");
    assert_eq!(redis.call(&["GET", "b"]), "#DL\r\n#TS:1\r\n");
    assert_eq!(redis.call(&["STRLEN", "large"]), ":3145728");
    assert_eq!(redis.call(&["SET", "from", "redis"]), "+OK");
    assert_eq!(redis.call(&["MULTI"]), "+OK");
    redis.send(&["INCR", "n"]);
    redis.send(&["INCR", "n"]);
    redis.send(&["EXEC"]);
    for _ in 0..5 {
        redis.reply();
    }
    redis.stop();
    check_aof(dir.path());

    let (lines, mut writer, buffer) = resume(dir.path()).expect("loads");
    let expected = ["0 INCR a", "0 INCR a", "7 SET from redis", "{", "7 INCR n", "7 INCR n", "}"];
    assert_eq!(lines[3..], expected);
    buffer.append(7, &command(&["INCR", "n"]));
    writer.close(&buffer).expect("closed");
    check_aof(dir.path());
    let mut redis = Redis::start(dir.path(), &[]);
    redis.call(&["SELECT", "7"]);
    assert_eq!(redis.call(&["GET", "n"]), "3");
    assert_eq!(redis.call(&["GET", "from"]), "redis");
    redis.stop();
}

/// As after kill -9 with appendfsync always: behind the last block the file goes on with lines that mean nothing.
#[test]
fn redis_goes_on_behind_room_that_was_made_ready() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_, mut writer, buffer) = resume(dir.path()).expect("a new log");
    writer.set_ahead(true);
    // Over the end of the first unit, with the next one made in time.
    let value = "v".repeat(1500);
    for n in 0..100 {
        buffer.append(0, &command(&["SET", "a", &n.to_string()]));
        buffer.append(0, &command(&["SET", "b", &value]));
        writer.write_from(&buffer).expect("written");
        writer.sync().expect("synced");
        writer.make_room().expect("made");
    }
    drop(writer);
    let path = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    assert_eq!(std::fs::metadata(&path).expect("a file").len(), 2 * 128 * 1024);
    check_aof(dir.path());
    for timestamps in ["yes", "no"] {
        let mut redis = Redis::start(dir.path(), &["--aof-timestamp-enabled", timestamps]);
        redis.call(&["INCR", "a"]);
        redis.stop();
        check_aof(dir.path());
    }
    let (lines, mut writer, buffer) = resume(dir.path()).expect("loads");
    assert_eq!(lines[198], "0 SET a 99");
    assert_eq!(lines[200..], ["0 INCR a", "0 INCR a"]);
    buffer.append(0, &command(&["INCR", "a"]));
    writer.close(&buffer).expect("closed");
    let mut redis = Redis::start(dir.path(), &[]);
    assert_eq!(redis.call(&["GET", "a"]), "102");
    redis.stop();
}

#[test]
fn we_load_what_redis_wrote() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut redis = Redis::start(dir.path(), &["--aof-timestamp-enabled", "yes", "--appendfsync", "always"]);
    redis.call(&["SET", "a", "1"]);
    redis.call(&["SELECT", "3"]);
    redis.call(&["RPUSH", "list", "x", "y\r\nz"]);
    redis.call(&["BGREWRITEAOF"]);
    redis.call(&["INCRBYFLOAT", "f", "0.5"]);
    redis.stop();
    let (lines, ..) = resume(dir.path()).expect("loads");
    let last = lines.last().expect("there are commands");
    assert_eq!(last, "3 SET f 0.5 KEEPTTL");
    assert!(lines.iter().any(|line| line == "3 RPUSH list x y\\r\\nz"), "{lines:?}");
    assert!(lines.iter().any(|line| line == "0 SET a 1"), "{lines:?}");
    check_aof(dir.path());
}

#[test]
fn an_rdb_base_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    Redis::start(dir.path(), &["--aof-use-rdb-preamble", "yes"]).stop();
    let error = resume(dir.path()).err().expect("refused").to_string();
    assert!(error.starts_with("appendonlydir/appendonly.aof.1.base.rdb is an RDB file"), "{error}");
}

#[test]
fn a_torn_end_is_cut_as_redis_cuts_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_, mut writer, buffer) = resume(dir.path()).expect("a new log");
    for n in 0..3 {
        buffer.append(0, &command(&["SET", "a", &n.to_string()]));
        writer.write_from(&buffer).expect("written");
    }
    drop(writer);
    let path = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let bytes = std::fs::read(&path).expect("a file");
    std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("cut");
    let mut redis = Redis::start(dir.path(), &[]);
    assert_eq!(redis.call(&["GET", "a"]), "1");
    redis.stop();
    // Redis has cut the command and left the line before it.
    let (lines, ..) = resume(dir.path()).expect("loads");
    assert_eq!(lines, ["0 SET a 0", "0 SET a 1"]);
}

#[test]
fn a_second_server_in_the_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let lock = directory(dir.path()).lock("pid 1").expect("free");
    let error = directory(dir.path()).lock("pid 2").expect_err("taken");
    assert!(matches!(error, LogError::Locked { holder, .. } if holder == "pid 1"));
    drop(lock);
    assert!(directory(dir.path()).lock("pid 2").is_ok());
}
