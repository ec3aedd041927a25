//! A server in a directory of its own, reached by a unix socket, so that no test needs a port.

#[cfg(feature = "tls")]
pub(crate) mod certificates;
pub(crate) mod network;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use tempfile::TempDir;

/// The binary with a clean environment, without ports. It runs in `directory`.
pub(crate) fn command(directory: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    command.current_dir(directory.path()).env_clear().stdin(Stdio::null());
    command
}

/// What every test's server is given: no TCP port, no metrics.
pub(crate) const QUIET: &[&str] =
    &["--port", "0", "--metrics-bind", "", "--io-threads", "1", "--unixsocket", "socket"];

/// Runs the binary to its end.
pub(crate) fn run(directory: &TempDir, arguments: &[&str]) -> Output {
    command(directory).args(arguments).output().expect("the binary can be started")
}

/// A running server. It is killed when a test leaves it.
pub(crate) struct Server {
    child: Child,
    log: BufReader<ChildStdout>,
    /// What the log said until clients could come.
    pub(crate) start: String,
    pub(crate) socket: PathBuf,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub(crate) fn start(directory: &TempDir, arguments: &[&str]) -> Server {
        let mut command = command(directory);
        command.args(arguments).args(QUIET);
        Server::launch(directory, command)
    }

    /// As [`Server::start`], with so many threads that execute.
    pub(crate) fn start_with_workers(directory: &TempDir, workers: usize) -> Server {
        let mut command = command(directory);
        command.args(QUIET).args(["--io-threads", &workers.to_string()]);
        Server::launch(directory, command)
    }

    /// Starts what was prepared.
    pub(crate) fn launch(directory: &TempDir, mut command: Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary can be started");
        let stdout = child.stdout.take().expect("it is a pipe");
        let mut log = BufReader::new(stdout);
        let mut start = String::new();
        while !start.contains("Ready to accept connections unix") {
            let read = log.read_line(&mut start).expect("the log is text");
            assert!(read > 0, "the server ended before it was ready:\n{start}");
        }
        Server { child, log, start, socket: directory.path().join("socket") }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        connect(&self.socket)
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let process = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let process = process.expect("it has a process id");
        rustix::process::kill_process(process, signal).expect("it is our child");
    }

    /// Waits until the log says this.
    pub(crate) fn until_said(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.log.read_line(&mut line).expect("the log is text") > 0, "it never said {text}");
        }
    }

    /// Waits for the server's end: how it ended, and what its log said after the start.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        while self.log.read_line(&mut rest).expect("the log is text") > 0 {}
        (self.child.wait().expect("it is our child"), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }
}

/// A client that shows replies as text.
pub(crate) struct Connection(redis::Connection);

/// Connects to a server's unix socket.
pub(crate) fn connect(socket: &std::path::Path) -> Connection {
    let client = redis::Client::open(format!("unix://{}", socket.display())).expect("it is an address");
    Connection(client.get_connection().expect("the server listens"))
}

impl Connection {
    /// Sends a request given as words; `""` is an empty one.
    pub(crate) fn say(&mut self, line: &str) -> String {
        let words: Vec<&str> =
            line.split_ascii_whitespace().map(|word| if word == "\"\"" { "" } else { word }).collect();
        self.send(&words)
    }

    /// Sends a request; elements of the reply are joined by blanks, errors begin with `-`.
    pub(crate) fn send(&mut self, words: &[&str]) -> String {
        let mut request = redis::Cmd::new();
        words.iter().for_each(|word| {
            request.arg(word);
        });
        match request.query::<redis::Value>(&mut self.0) {
            Ok(value) => show(&value),
            Err(error) => {
                format!("-{} {}", error.code().unwrap_or("?"), error.detail().unwrap_or_default())
            }
        }
    }
}

fn show(value: &redis::Value) -> String {
    match value {
        redis::Value::Nil => "(nil)".into(),
        redis::Value::Okay => "OK".into(),
        redis::Value::Int(number) => number.to_string(),
        redis::Value::SimpleString(text) => text.clone(),
        redis::Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        redis::Value::Array(values) => values.iter().map(show).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}
