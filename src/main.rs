//! The binary: reads the configuration, starts the server, waits for it to be told to stop.

use dunlin::server::{self, Options};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: dunlin_structures::alloc::Jemalloc = dunlin_structures::alloc::Jemalloc;

fn main() -> ExitCode {
    let mut options = Options::default();
    let args: Vec<String> = std::env::args().skip(1).collect();
    for pair in args.chunks(2) {
        if let [name, value] = pair {
            match name.as_str() {
                "--port" => options.port = value.parse().unwrap_or(options.port),
                "--io-threads" => options.workers = value.parse().unwrap_or(options.workers),
                _ => {}
            }
        }
    }
    tracing_subscriber::fmt().init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let server = server::build(&options);
        let running = match server::start(server, &options) {
            Ok(running) => running,
            Err(error) => {
                tracing::error!("Could not create server TCP listening socket {error}");
                return ExitCode::FAILURE;
            }
        };
        tracing::info!("Ready to accept connections on {:?}", running.addresses);
        tokio::select! {
            () = running.server.shutdown.asked() => {}
            () = signalled() => {}
        }
        running.stop();
        ExitCode::SUCCESS
    })
}

/// Waits for SIGTERM or SIGINT.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}
