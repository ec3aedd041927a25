//! The part of MIGRATE that talks to the other server: blocking, on a thread of its own.

use crate::resp::reply::encode_command;
use crate::resp::{CommandError, text};
use crate::state::Server;
use crate::state::peers::Peer;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// An answer is a line; what is longer is cut.
const LINE_LEN_MAX: usize = 1024;

/// Where the keys go.
#[derive(Clone)]
pub(super) struct Target {
    pub host: String,
    pub port: String,
    pub db: i64,
    pub timeout_ms: u64,
    /// The arguments of AUTH; empty: none is needed.
    pub login: Vec<Vec<u8>>,
}

/// A key as it was sent.
pub(super) struct Sent {
    /// Which of the request's arguments it is.
    pub index: usize,
    pub payload: Vec<u8>,
    pub expire_at: Option<i64>,
    pub ttl: i64,
}

/// What came of it.
pub(super) struct Report {
    pub sent: Vec<Sent>,
    /// For each key, as far as answers came, whether the target has taken it.
    pub taken: Vec<bool>,
    pub error: Option<CommandError>,
    /// How often keys were sent.
    pub attempt: u32,
}

/// Why there was no answer.
enum Failure {
    Connecting,
    Writing(io::Error),
    Reading(io::Error),
}

/// Sends the keys and waits for the answers.
pub(super) fn send(
    server: &Server,
    target: &Target,
    sent: Vec<Sent>,
    names: Vec<Vec<u8>>,
    replaces: bool,
    attempt: u32,
) -> Report {
    let name = format!("{}:{}", target.host, target.port);
    let mut request = Vec::new();
    for (sent, key) in sent.iter().zip(&names) {
        let ttl = sent.ttl.to_string();
        let args: [&[u8]; 5] = [b"RESTORE", key, ttl.as_bytes(), &sent.payload, b"REPLACE"];
        encode_command(&mut request, if replaces { &args } else { &args[..4] });
    }
    let mut answers = Vec::new();
    let mut outcome = Err(Failure::Connecting);
    // A connection that was kept may have been closed by the other side since; then nothing was taken.
    for _ in 0..2 {
        answers.clear();
        let kept = server.peers.take(&name);
        let was_kept = kept.is_some();
        let peer = match kept {
            Some(peer) => Ok(peer),
            None => connect(server, target),
        };
        outcome = peer.and_then(|peer| talk(peer, target, &request, sent.len(), &mut answers));
        match &outcome {
            Err(Failure::Writing(error) | Failure::Reading(error))
                if was_kept && answers.is_empty() && !is_timeout(error) => {}
            _ => break,
        }
    }
    let mut report = Report { sent, taken: Vec::new(), error: None, attempt };
    // Those to AUTH and SELECT count for all keys.
    let mut refused: Option<Vec<u8>> = None;
    for answer in &answers {
        let is_error = answer.line.starts_with(b"-");
        if is_error && refused.is_none() {
            refused = Some(answer.line[1..].to_vec());
        }
        if answer.is_of_key {
            report.taken.push(!is_error && !answers.iter().any(|a| !a.is_of_key && a.line.starts_with(b"-")));
        }
    }
    match (outcome, refused) {
        (_, Some(line)) => {
            let line = text::shown(&line).into_owned();
            report.error =
                Some(CommandError::formatted(format!("Target instance replied with error: {line}")));
        }
        (Ok(mut peer), None) => {
            peer.used_at = server.now();
            server.peers.keep(name, peer);
        }
        (Err(failure), None) => {
            report.error = Some(CommandError::coded(match failure {
                Failure::Connecting => "IOERR error or timeout connecting to the client",
                Failure::Writing(_) => "IOERR error or timeout writing to target instance",
                Failure::Reading(_) => "IOERR error or timeout reading to target instance",
            }));
        }
    }
    report
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

fn connect(server: &Server, target: &Target) -> Result<Peer, Failure> {
    // As C reads a number: what is none is 0, and nobody listens there.
    let port: u16 = target.port.trim().parse().unwrap_or(0);
    let addresses = (target.host.as_str(), port).to_socket_addrs().map_err(|_| Failure::Connecting)?;
    let timeout = Duration::from_millis(target.timeout_ms);
    let mut connected = Err(Failure::Connecting);
    for address in addresses {
        connected = TcpStream::connect_timeout(&address, timeout).map_err(|error| match is_timeout(&error) {
            true => Failure::Connecting,
            // Redis connects without waiting, and hears of it when it writes.
            false => Failure::Writing(error),
        });
        if connected.is_ok() {
            break;
        }
    }
    let stream = connected?;
    stream.set_nodelay(true).map_err(|_| Failure::Connecting)?;
    Ok(Peer { stream, db: None, used_at: server.now() })
}

struct Answer {
    line: Vec<u8>,
    is_of_key: bool,
}

/// One exchange with the target. What it answers is in `answers` as far as it came.
fn talk(
    mut peer: Peer,
    target: &Target,
    restores: &[u8],
    count: usize,
    answers: &mut Vec<Answer>,
) -> Result<Peer, Failure> {
    let timeout = Some(Duration::from_millis(target.timeout_ms));
    peer.stream.set_read_timeout(timeout).map_err(Failure::Reading)?;
    peer.stream.set_write_timeout(timeout).map_err(Failure::Writing)?;
    let mut before = Vec::new();
    let mut introductions = 0;
    if !target.login.is_empty() {
        let args: Vec<&[u8]> =
            std::iter::once(&b"AUTH"[..]).chain(target.login.iter().map(Vec::as_slice)).collect();
        encode_command(&mut before, &args);
        introductions += 1;
    }
    if peer.db != Some(target.db) {
        encode_command(&mut before, &[b"SELECT", target.db.to_string().as_bytes()]);
        introductions += 1;
    }
    peer.stream.write_all(&before).map_err(Failure::Writing)?;
    peer.stream.write_all(restores).map_err(Failure::Writing)?;
    let mut reader = BufReader::new(&peer.stream);
    for index in 0..introductions + count {
        let line = read_line(&mut reader).map_err(Failure::Reading)?;
        answers.push(Answer { line, is_of_key: index >= introductions });
    }
    drop(reader);
    peer.db = Some(target.db);
    Ok(peer)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let buffered = reader.fill_buf()?;
        if buffered.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let end = memchr::memchr(b'\n', buffered);
        let taken = end.map_or(buffered.len(), |end| end + 1);
        let room = LINE_LEN_MAX.saturating_sub(line.len());
        line.extend_from_slice(&buffered[..taken.min(room)]);
        reader.consume(taken);
        if end.is_some() {
            let len = line.trim_ascii_end().len();
            line.truncate(len);
            return Ok(line);
        }
    }
}
