//! The operator's HTTP side: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever keeps servers running.
//!
//! Runs on the main runtime, away from the workers. A scrape reads the same totals as INFO; nothing is counted for it
//! and nothing is kept between scrapes.
//!
//! Whoever reaches the port may not hold it up: a connection is good for one request, which has a length and a time,
//! and one connection too many ends the oldest. (Not the newest: who only connects could keep the probes away, on which
//! depends that the server is not restarted.)

use crate::config::Config;
use crate::observe::metrics;
use crate::state::{Server, gates};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

/// The type that Prometheus expects of its text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// A few scrapers and probes need one at a time each.
const CONNECTIONS_MAX: usize = 32;
/// Request line and headers together.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// How long they may take to arrive.
const HEADER_LIMIT: Duration = Duration::from_secs(5);
/// How long all of it may take, the answer's way included.
const CONNECTION_LIMIT: Duration = Duration::from_secs(20);
/// After a failed accept (no descriptors left) it is tried again so much later.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Where it is served now, and what keeps it so.
pub struct MetricsServer {
    server: Weak<Server>,
    /// The main runtime: CONFIG SET comes from a worker's.
    runtime: Handle,
    current: Mutex<Option<(SocketAddr, AbortHandle)>>,
}

impl MetricsServer {
    /// Serves nothing yet. Must be called within the runtime that will.
    pub fn new(server: &Arc<Server>) -> Self {
        Self { server: Arc::downgrade(server), runtime: Handle::current(), current: Mutex::new(None) }
    }

    /// Serves on the configured address. One that nobody asked for by name may be taken, which is only a warning.
    ///
    /// # Errors
    /// For people: the address that was asked for can't be used.
    pub fn open(&self, config: &Config) -> Result<(), String> {
        match self.follow(config) {
            Err(reason) if !config.was_asked_for("metrics-bind") => {
                tracing::warn!("No metrics: {reason}. metrics-bind sets another address.");
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Moves to the configured address, if it is another one.
    ///
    /// # Errors
    /// For people; then everything is as it was.
    pub fn follow(&self, config: &Config) -> Result<(), String> {
        let Some(server) = self.server.upgrade() else { return Ok(()) };
        let wanted = config.metrics_bind();
        let mut current = self.current.lock();
        if wanted.is_some() && wanted == current.as_ref().map(|(address, _)| *address) {
            return Ok(());
        }
        let opened = match wanted {
            Some(address) => Some(
                self.serve_at(address, server)
                    .map_err(|error| format!("can't listen for metrics on {address}: {error}"))?,
            ),
            None => None,
        };
        if let Some((_, task)) = std::mem::replace(&mut *current, opened) {
            task.abort();
        }
        Ok(())
    }

    fn serve_at(&self, address: SocketAddr, server: Arc<Server>) -> io::Result<(SocketAddr, AbortHandle)> {
        let _runtime = self.runtime.enter();
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let task = self.runtime.spawn(serve(listener, server));
        Ok((bound, task.abort_handle()))
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.current.lock().as_ref().map(|(address, _)| *address)
    }
}

/// Answers requests for ever. Dropped, it ends all connections.
pub async fn serve(listener: tokio::net::TcpListener, server: Arc<Server>) {
    let service = TowerToHyperService::new(router(server));
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).max_buf_size(HEADER_BYTES_MAX);
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    let mut connections = JoinSet::new();
    let mut oldest_first = VecDeque::new();
    loop {
        let stream = tokio::select! {
            Some(_) = connections.join_next() => {
                oldest_first.retain(|task: &AbortHandle| !task.is_finished());
                continue;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("accepting a connection for metrics failed: {error}");
                    tokio::time::sleep(BACK_OFF).await;
                    continue;
                }
            }
        };
        if oldest_first.len() >= CONNECTIONS_MAX
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        let connection = builder.serve_connection(TokioIo::new(stream), service.clone());
        // How it ended matters to its client only.
        oldest_first.push_back(connections.spawn(async move {
            let _ = tokio::time::timeout(CONNECTION_LIMIT, connection).await;
        }));
    }
}

fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state(server)
}

async fn scrape(State(server): State<Arc<Server>>) -> Response {
    // It takes shards, which may be held for long: whoever asks for health must not wait for that, nor who connects.
    let rendered = tokio::task::spawn_blocking(move || metrics::render(&server, server.now())).await;
    match rendered {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether requests are served: not while the data is loaded, and no more once writes are refused or the server stops.
async fn readiness(State(server): State<Arc<Server>>) -> Response {
    match not_ready(&server) {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

fn not_ready(server: &Server) -> Option<&'static str> {
    const REASONS: &[(u32, &str)] = &[
        (gates::SHUTTING_DOWN, "shutting down"),
        (gates::LOADING, "loading the data"),
        (gates::LOG_FAILED, "the log can't be written: writes are refused"),
    ];
    let closed = server.gates.closed();
    REASONS.iter().find(|(gate, _)| closed & gate != 0).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::TestClient;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Serves on any free port and asks once.
    async fn ask(server: &Arc<Server>, path: &str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let serving = tokio::spawn(serve(listener, Arc::clone(server)));
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        serving.abort();
        answer
    }

    #[test]
    #[expect(clippy::await_holding_lock, reason = "that somebody holds a shard meanwhile is what is tested")]
    fn health_readiness_and_metrics() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = TestClient::new();
        let server = &client.server;
        runtime.block_on(async {
            assert!(ask(server, "/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
            assert!(ask(server, "/readyz").await.ends_with("\r\n\r\nready\n"));
            server.gates.close(gates::LOADING);
            let loading = ask(server, "/readyz").await;
            assert!(
                loading.starts_with("HTTP/1.1 503 ") && loading.ends_with("loading the data\n"),
                "{loading}"
            );
            assert!(ask(server, "/nosuch").await.starts_with("HTTP/1.1 404 "));
            let metrics = ask(server, "/metrics").await;
            assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
            assert!(metrics.contains("\ndunlin_connected_clients 1\n"), "{metrics}");
            // While somebody holds the shards, a scrape waits for them and nobody else does.
            let held = server.keyspace.lock(0);
            let scraping = {
                let server = Arc::clone(server);
                tokio::spawn(async move { ask(&server, "/metrics").await })
            };
            for _ in 0..3 {
                assert!(ask(server, "/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
            }
            assert!(!scraping.is_finished());
            drop(held);
            assert!(scraping.await.expect("it ends").contains("\ndunlin_connected_clients 1\n"));
        });
    }
}
