//! What the log says at the start: who this is, where it listens, what it keeps.

use crate::config::{AppendFsync, Config};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What only a started server knows.
#[derive(Debug, Clone, Default)]
pub struct Started {
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    pub unix_socket: Option<PathBuf>,
    pub metrics: Option<SocketAddr>,
    pub workers: usize,
}

/// Lines for the log, before `Server initialized`. The official suite looks for ` PID: ` with the process id.
pub fn lines(config: &Config, started: &Started) -> Vec<String> {
    let process = std::process::id();
    let mut lines =
        vec![format!("Dunlin {} (speaks like Redis 7.2.4), PID: {process}", env!("CARGO_PKG_VERSION"))];
    match &config.file {
        Some(file) => lines.push(format!("Configuration file: {}", file.display())),
        None => lines.push("No configuration file: defaults, environment and options only".into()),
    }
    lines.push(listening(started));
    lines.push(format!("Workers: {}, each on a thread of its own", started.workers));
    lines.push(format!("Data directory: {}; {}", config.dir().display(), kept(config)));
    lines.push(match started.metrics {
        Some(address) => format!("Metrics: http://{address}/metrics (and /healthz, /readyz)"),
        None => "Metrics: none".into(),
    });
    lines.extend(inert(config));
    lines
}

fn listening(started: &Started) -> String {
    let addresses = started.tcp.iter().map(SocketAddr::to_string);
    let tls = started.tls.iter().map(|address| format!("{address} (TLS)"));
    let unix = started.unix_socket.iter().map(|path| path.display().to_string());
    let all: Vec<String> = addresses.chain(tls).chain(unix).collect();
    if all.is_empty() { "Listening on nothing".into() } else { format!("Listening on {}", all.join(", ")) }
}

/// What is kept when the process ends.
fn kept(config: &Config) -> &'static str {
    if !config.append_only() {
        return "nothing is kept when the server stops (appendonly no; RDB files are not supported)";
    }
    match config.append_fsync() {
        AppendFsync::Always => "every write is on disk before it is answered (appendfsync always)",
        AppendFsync::EverySecond => {
            "writes are logged, and on disk within a second or two (appendfsync everysec)"
        }
        AppendFsync::No => "writes are logged, and on disk when the system likes (appendfsync no)",
    }
}

/// One line that names what was asked for and changes nothing here.
fn inert(config: &Config) -> Option<String> {
    let names = config.inert();
    (!names.is_empty()).then(|| format!("Accepted, but without effect in Dunlin: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loader, Machine, Source};

    #[test]
    fn the_banner_tells_what_matters() {
        let mut loader = Loader::new(&Machine { cores: 2, directory: "/data".into() });
        loader.text(Source::StandardInput, b"hz 20\nrdbchecksum no\nport 1").expect("it is right");
        let started = Started {
            tcp: vec!["127.0.0.1:1".parse().expect("an address")],
            unix_socket: Some("/tmp/s".into()),
            workers: 2,
            ..Started::default()
        };
        let lines = lines(&loader.finish(), &started);
        assert!(lines[0].contains(&format!(" PID: {}", std::process::id())), "{lines:?}");
        assert_eq!(lines[2], "Listening on 127.0.0.1:1, /tmp/s");
        assert_eq!(lines[6], "Accepted, but without effect in Dunlin: hz, rdbchecksum");
        assert!(lines[4].starts_with("Data directory: /data; nothing is kept"), "{lines:?}");
    }
}
