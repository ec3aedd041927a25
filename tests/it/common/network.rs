//! Servers on ports of their own, and clients that speak bytes: what the tests of sockets, protocol and abuse share.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before a test gives up: far more than it ever needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A port that nobody listened at an instant ago, and not one of those that the system gives to outgoing connections: of these one may
/// turn up at any time, in the way of a server that binds to all addresses.
pub(crate) fn free_port() -> u16 {
    let free = |attempt: u32| {
        let port = 10_000 + (RandomState::new().hash_one(attempt) % 20_000) as u16;
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok().map(|_| port)
    };
    (0..1000).find_map(free).expect("there are free ports")
}

/// A server with a TCP port and a unix socket in a directory of its own. It is killed when a test leaves it, and a
/// panic of one of its threads fails the test.
pub(crate) struct Served {
    child: Child,
    pub(crate) port: u16,
    pub(crate) directory: TempDir,
}

impl Served {
    /// Starts a server with these options and waits until it answers.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::listening("--port", options)
    }

    /// As [`Self::start`], and its one TCP port is for TLS, of which the options say the rest.
    pub(crate) fn start_with_tls(options: &[&str]) -> Self {
        Self::listening("--tls-port", &[&["--port", "0"], options].concat())
    }

    fn listening(port_option: &str, options: &[&str]) -> Self {
        for _ in 0..20 {
            let directory = tempfile::tempdir().expect("there is room for a directory");
            if let Some(served) = Self::launch(directory, port_option, options) {
                return served;
            }
        }
        panic!("no free port was found");
    }

    /// `None`: somebody else took the port in between.
    fn launch(directory: TempDir, port_option: &str, options: &[&str]) -> Option<Self> {
        let port = free_port();
        let log = File::create(directory.path().join("log")).expect("the directory is new");
        let errors = log.try_clone().expect("descriptors are not that scarce");
        let mut command = super::command(&directory);
        command.args([port_option, &port.to_string(), "--unixsocket", "socket", "--metrics-bind", ""]);
        let child = command.args(options).stdout(Stdio::from(log)).stderr(Stdio::from(errors)).spawn();
        let mut served = Self { child: child.expect("the binary can be started"), port, directory };
        let up = eventually("the server's start", || match served.child.try_wait() {
            Ok(Some(_)) => Some(false),
            _ => served.answers().then_some(true),
        });
        if !up {
            let log = served.log();
            assert!(log.contains("Could not create server TCP listening socket"), "no start:\n{log}");
        }
        up.then_some(served)
    }

    /// Whether it is there and has loaded its data.
    fn answers(&self) -> bool {
        let Ok(stream) = UnixStream::connect(self.directory.path().join("socket")) else { return false };
        let mut peer = Peer::new(stream);
        peer.try_send(b"PING\r\n") && peer.reply().is_some_and(|reply| !reply.starts_with(b"-LOADING"))
    }

    /// What the server has said so far, on both streams.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn tcp(&self) -> Peer {
        Peer::new(self.tcp_stream())
    }

    pub(crate) fn tcp_stream(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
        stream.set_nodelay(true).expect("it is a socket");
        stream
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn unix(&self) -> Peer {
        let path = self.directory.path().join("socket");
        let stream = UnixStream::connect(path).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
        Peer::new(stream)
    }

    /// A connection of redis-rs to a URL's beginning and end, such as `redis` and `?protocol=resp3`.
    pub(crate) fn redis(&self, scheme: &str, options: &str) -> redis::Connection {
        let url = match scheme {
            "unix" => format!("unix://{}{options}", self.directory.path().join("socket").display()),
            _ => format!("{scheme}://127.0.0.1:{}/{options}", self.port),
        };
        let client = redis::Client::open(url).expect("it is a URL");
        client.get_connection().expect("the server listens")
    }

    /// Bytes of memory that the process holds in fact.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.proc_status("VmRSS:") * 1024
    }

    /// The most that it ever held.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.proc_status("VmHWM:") * 1024
    }

    /// Stops the server's process: all that is sent meanwhile piles up in the sockets, and is ready at once afterwards.
    pub(crate) fn hold(&self) -> Held {
        let process =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("it has a process id");
        kill_process(process, Signal::STOP).expect("it is our child");
        let stopped = waitpid(Some(process), WaitOptions::UNTRACED).expect("it is our child");
        assert!(stopped.is_some_and(|(_, status)| status.stopped()), "it stops");
        Held(process)
    }

    /// A number of /proc/PID/status.
    fn proc_status(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let text = text.expect("the server lives");
        let line = text.lines().find(|line| line.starts_with(field)).expect("the field exists");
        line.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it is a number")
    }
}

/// A server whose process stands still, until this is dropped.
pub(crate) struct Held(Pid);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT); // It may have ended.
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
        let log = self.log();
        if std::thread::panicking() {
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("the server's last words:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        } else {
            let start = log.find("panicked at").map(|at| at.saturating_sub(200));
            assert!(start.is_none(), "a thread of the server panicked:\n{}", &log[start.unwrap_or(0)..]);
        }
    }
}

/// Any kind of socket.
pub(crate) trait Socket: Read + Write + Send {}
impl<S: Read + Write + Send> Socket for S {}

/// A client that sends and expects bytes.
pub(crate) struct Peer {
    socket: Box<dyn Socket>,
    /// Read and not yet looked at, from `taken` on.
    buffer: Vec<u8>,
    taken: usize,
}

impl Peer {
    pub(crate) fn new(socket: impl Socket + 'static) -> Self {
        Self { socket: Box::new(socket), buffer: Vec::new(), taken: 0 }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server takes it");
    }

    /// Sends; that the server has closed already is no failure.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// Reads exactly what is expected.
    pub(crate) fn expect(&mut self, expected: &[u8]) {
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let wanted = expected.len() - got.len();
            match self.take(wanted) {
                Some(bytes) => got.extend_from_slice(bytes),
                None => break,
            }
        }
        let show = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
        assert!(got == expected, "expected {:?}, got {:?}", show(expected), show(&got));
    }

    /// Reads to the end of the connection, which must come after exactly these bytes.
    pub(crate) fn expect_end(&mut self, expected: &[u8]) {
        self.expect(expected);
        let rest = self.take(200).map(<[u8]>::to_vec);
        assert!(
            rest.is_none(),
            "the connection goes on: {:?}",
            rest.map(|b| String::from_utf8_lossy(&b).into_owned())
        );
    }

    /// Reads, whatever comes, until the server closes.
    pub(crate) fn read_to_end(&mut self) {
        while self.take(usize::MAX / 2).is_some() {}
    }

    /// Sends a request and returns its whole reply.
    pub(crate) fn ask(&mut self, words: &[&[u8]]) -> Vec<u8> {
        self.send(&request(words));
        self.reply().expect("the server answers")
    }

    pub(crate) fn ping(&mut self) {
        self.send(b"PING\r\n");
        self.expect(b"+PONG\r\n");
    }

    /// One whole reply, of whatever type, as it came. `None`: the connection ended.
    pub(crate) fn reply(&mut self) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        let mut outstanding = 1u64;
        while outstanding > 0 {
            outstanding -= 1;
            let line = self.line()?;
            let number =
                |line: &[u8]| std::str::from_utf8(&line[1..line.len() - 2]).ok()?.parse::<i64>().ok();
            let count = u64::try_from(number(&line).unwrap_or(0)).unwrap_or(0);
            let kind = line[0];
            assert!(b"+-:$*%~,#_(=!>|".contains(&kind), "no reply begins like this: {line:?}");
            let is_nil = line.starts_with(b"$-1") || line.starts_with(b"*-1");
            whole.extend_from_slice(&line);
            match kind {
                b'$' | b'=' | b'!' if !is_nil => self.take_into(count + 2, &mut whole)?,
                b'*' | b'~' | b'>' => outstanding += count,
                b'%' | b'|' => outstanding += 2 * count,
                _ => {}
            }
        }
        Some(whole)
    }

    /// The next line with its end.
    pub(crate) fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(*self.take(1)?.first()?);
        }
        Some(line)
    }

    /// So many bytes.
    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        self.take_into(count as u64, &mut bytes).expect("they come");
        bytes
    }

    fn take_into(&mut self, mut count: u64, into: &mut Vec<u8>) -> Option<()> {
        while count > 0 {
            let bytes = self.take(count.try_into().unwrap_or(usize::MAX))?;
            count -= bytes.len() as u64;
            into.extend_from_slice(bytes);
        }
        Some(())
    }

    /// At least one byte and at most `wanted`; `None`: the connection ended, or was reset.
    fn take(&mut self, wanted: usize) -> Option<&[u8]> {
        if self.taken == self.buffer.len() {
            self.buffer.resize(64 * 1024, 0);
            self.taken = 0;
            let read = match self.socket.read(&mut self.buffer) {
                Ok(read) => read,
                Err(error) if [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind()) => {
                    0
                }
                Err(error) => panic!("no answer: {error}"),
            };
            self.buffer.truncate(read);
        }
        let from = self.taken;
        self.taken = self.buffer.len().min(from + wanted);
        Some(&self.buffer[from..self.taken]).filter(|bytes| !bytes.is_empty())
    }
}

/// A request as RESP writes it.
pub(crate) fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A bulk reply.
pub(crate) fn bulk(value: &[u8]) -> Vec<u8> {
    let mut bytes = format!("${}\r\n", value.len()).into_bytes();
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
    bytes
}
