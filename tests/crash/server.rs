//! A real server process with its log in a directory, and clients of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A running server, killed when dropped.
pub struct Server {
    process: Child,
    socket: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// The arguments with which every server here is started.
pub fn arguments(dir: &Path, options: &[&str]) -> Vec<String> {
    let socket = dir.join("socket");
    let (dir, socket) = (dir.display().to_string(), socket.display().to_string());
    let fixed =
        ["--port", "0", "--metrics-bind", "", "--dir", &dir, "--unixsocket", &socket, "--appendonly", "yes"];
    fixed.iter().chain(options).map(|&word| word.to_owned()).collect()
}

impl Server {
    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// It ended instead: what it had logged.
    pub fn start(dir: &Path, options: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command.args(arguments(dir, options));
        Self::spawn(dir, command)
    }

    /// As [`Self::start`] with a command that ends up running the server.
    pub fn spawn(dir: &Path, mut command: Command) -> Result<Self, String> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut ready = false;
        for line in lines.by_ref().map_while(Result::ok) {
            ready = line.contains("Ready to accept connections");
            log.lock().expect("no reader panicked").push(line);
            if ready {
                break;
            }
        }
        if !ready {
            let _ended = process.wait();
            let said = log.lock().expect("no reader panicked").join("\n");
            return Err(said);
        }
        let shared = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared.lock().expect("no reader panicked").push(line);
            }
        });
        Ok(Self { process, socket: dir.join("socket"), log, reader: Some(reader) })
    }

    pub fn connect(&self) -> Client {
        Client::open(&self.socket).expect("it listens")
    }

    /// Waits until it has logged this.
    pub fn until_said(&self, text: &str) {
        let began = std::time::Instant::now();
        while !self.said().contains(text) {
            assert!(began.elapsed().as_secs() < 30, "it never said '{text}':\n{}", self.said());
            std::thread::yield_now();
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.process.kill().expect("it ran");
        self.process.wait().expect("it ends");
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) {
        self.process.wait().expect("it ends");
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).expect("it ran");
    }

    /// SIGTERM; waits for the end, and returns what was logged.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.process.wait().expect("it ends");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends with the server");
        }
        (status, self.said())
    }

    /// What it has logged so far.
    pub fn said(&self) -> String {
        self.log.lock().expect("no reader panicked").join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended already, both say so.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// A connection.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    pub fn open(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        // A reply that never comes is a failure, not a test that hangs.
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    pub fn send(&mut self, args: &[&str]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(&encode(args))
    }

    /// One reply as text: the value of a bulk string, else the line with its first character.
    pub fn reply(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let Some(text) = line.strip_suffix("\r\n") else {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        };
        match text.strip_prefix('$').map(str::parse::<usize>) {
            Some(Ok(len)) => {
                let mut bytes = vec![0; len + 2];
                self.stream.read_exact(&mut bytes)?;
                Ok(String::from_utf8_lossy(&bytes[..len]).into_owned())
            }
            _ => Ok(text.to_owned()),
        }
    }

    /// Sends requests as bytes and waits for that many replies.
    pub fn send_bytes(&mut self, bytes: &[u8], replies: usize) -> std::io::Result<Vec<String>> {
        self.stream.get_mut().write_all(bytes)?;
        (0..replies).map(|_| self.reply()).collect()
    }

    /// A reply if one comes within a moment.
    pub fn poll_reply(&mut self) -> Option<String> {
        let moment = std::time::Duration::from_millis(20);
        self.stream.get_ref().set_read_timeout(Some(moment)).expect("a time is given");
        let there = self.stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        self.stream
            .get_ref()
            .set_read_timeout(Some(std::time::Duration::from_secs(30)))
            .expect("a time is given");
        there.then(|| self.reply().expect("it answers"))
    }

    /// Sends a request and waits for its reply.
    pub fn try_call(&mut self, args: &[&str]) -> std::io::Result<String> {
        self.send(args)?;
        self.reply()
    }

    pub fn call(&mut self, args: &[&str]) -> String {
        self.try_call(args).expect("it answers")
    }

    /// A key's value as a number, 0 if there is none.
    pub fn number(&mut self, key: &str) -> u64 {
        self.call(&["GET", key]).parse().unwrap_or(0)
    }
}

pub fn encode(args: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n{arg}\r\n", arg.len()).as_bytes());
    }
    bytes
}
