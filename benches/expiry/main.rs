//! How late keys go that have expired, with a million other volatile keys around.
//!
//!     cargo bench --bench expiry [-- --keys N] [--peer redis-server]
//!
//! A server is started on a unix socket and filled with volatile keys that live for a day. Then 10,000 keys are stored
//! that expire one after the other, one a millisecond. Nobody touches them: `DBSIZE`, asked without a pause, says when each
//! is really gone, and its memory with it. The bar: 99 of 100 within 10 ms. `--peer` measures another server likewise.

use dunlin::state::unix_us;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Keys that expire while it is measured, one a millisecond.
const EXPIRING: usize = 10_000;
/// Between storing them and the first one's time, in ms.
const AHEAD_MS: i64 = 1500;
/// How long after the last key's time the others are waited for, in ms.
const PATIENCE_MS: i64 = 20_000;
const KEYS_PER_WRITE: usize = 10_000;

struct Client(BufReader<UnixStream>);

impl Client {
    /// Waits for the server's socket.
    fn connect(path: &Path) -> Self {
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => return Self(BufReader::new(stream)),
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        }
    }

    /// Sends requests and returns the last of so many one-line replies.
    fn ask(&mut self, requests: &[u8], replies: usize) -> String {
        self.0.get_mut().write_all(requests).expect("the server takes it");
        let mut line = String::new();
        for _ in 0..replies {
            line.clear();
            self.0.read_line(&mut line).expect("the server answers");
            assert!(!line.starts_with('-') && !line.is_empty(), "{line:?}");
        }
        line
    }

    fn size(&mut self) -> usize {
        let line = self.ask(b"DBSIZE\r\n", 1);
        line.trim_start_matches(':').trim_end().parse().expect("DBSIZE is a number")
    }

    /// Stores keys that expire at the given times (ms since 1970).
    fn store(&mut self, prefix: &str, expire_at: impl Iterator<Item = i64>) {
        let mut requests = Vec::new();
        let mut count = 0;
        for (index, at) in expire_at.enumerate() {
            requests.extend(format!("SET {prefix}:{index} value:{index:032} PXAT {at}\r\n").into_bytes());
            count += 1;
            if count == KEYS_PER_WRITE {
                self.ask(&requests, count);
                requests.clear();
                count = 0;
            }
        }
        self.ask(&requests, count);
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How late each key was gone, in µs, in ascending order; and the longest time between two looks, in µs.
fn measure(program: &str, options: &[&str], keys: usize) -> (Vec<i64>, i64) {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let socket = directory.path().join("socket");
    let mut command = Command::new(program);
    command.current_dir(directory.path()).args(["--port", "0", "--unixsocket", "socket"]).args(options);
    let server = Server(command.stdout(Stdio::null()).spawn().expect("the server can be started"));
    let mut client = Client::connect(&socket);

    let day = unix_us() / 1000 + 86_400_000;
    client.store("volatile", (0..keys).map(|index| day + index as i64 % 3_600_000));
    let first = unix_us() / 1000 + AHEAD_MS;
    client.store("brief", (0..EXPIRING).map(|index| first + index as i64));
    assert_eq!(client.size(), keys + EXPIRING, "the first key expired too early: use a faster machine");

    let mut late = Vec::with_capacity(EXPIRING);
    let (mut looked_at, mut blind) = (unix_us(), 0);
    while late.len() < EXPIRING {
        let gone = keys + EXPIRING - client.size();
        let now = unix_us();
        blind = blind.max(now - looked_at);
        looked_at = now;
        // A server that finds what has expired by sampling may never find all of it: then this long is how late it is.
        let given_up = now > (first + EXPIRING as i64 + PATIENCE_MS) * 1000;
        while late.len() < gone || given_up && late.len() < EXPIRING {
            late.push(now - (first + late.len() as i64) * 1000);
        }
    }
    drop(server);
    late.sort_unstable();
    (late, blind)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let keys = value("--keys").map_or(1_000_000, |keys| keys.parse().expect("--keys is a number"));
    let mut servers = vec![(env!("CARGO_BIN_EXE_dunlin"), vec!["--metrics-bind", ""])];
    if let Some(peer) = value("--peer") {
        servers.push((peer.as_str(), vec!["--save", ""]));
    }
    println!("| {keys} other volatile keys | p50 | p99 | p99.9 | longest | longest time between two looks |");
    println!("|---|---|---|---|---|---|");
    for (program, options) in servers {
        let (late, blind) = measure(program, &options, keys);
        let ms = |us: i64| format!("{:.1} ms", us as f64 / 1000.0);
        let at = |per_mille: usize| ms(late[(late.len() * per_mille / 1000).min(late.len() - 1)]);
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        println!("| {name} | {} | {} | {} | {} | {} |", at(500), at(990), at(999), at(1000), ms(blind));
    }
}
