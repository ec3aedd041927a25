//! Commands that took long: for the slow log and the latency monitor.

use crate::command::auth;
use crate::command::spec;
use crate::command::table::Command;
use crate::resp::Args;
use crate::session::Session;
use crate::state::Server;
use crate::state::slow_log::Entry;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Arguments that an entry keeps; the last one says how many more there were.
const ARGS_MAX: usize = 32;
/// Bytes that an entry keeps of one argument.
const ARG_LEN_MAX: usize = 128;

/// Notes a command that took long enough for the slow log or the latency monitor. `now` in ms since 1970.
#[cold]
pub fn slow_command(
    server: &Server,
    session: &Session,
    command: &Command,
    args: Args<'_>,
    ns: u64,
    now: i64,
) {
    let threshold = server.hot.slowlog_log_slower_than.load(Relaxed);
    let is_slow = u64::try_from(threshold).is_ok_and(|threshold| ns / 1000 >= threshold);
    if is_slow && !command.flags().has(spec::SKIP_SLOWLOG) {
        let entry = Entry {
            id: 0,
            time_s: now / 1000,
            took_us: ns / 1000,
            args: shown_args(command, args),
            address: session.client.address.to_string(),
            client_name: session.client.naming.lock().name.clone(),
        };
        server.slow_log.add(entry, server.hot.slowlog_max_len.load(Relaxed) as usize);
    }
    let is_fast = command.flags().has(spec::FAST);
    server.note_latency(if is_fast { "fast-command" } else { "command" }, Duration::from_nanos(ns));
}

/// A request's arguments without its secrets, cut to what an entry keeps.
fn shown_args(command: &Command, args: Args<'_>) -> Vec<Vec<u8>> {
    let secrets = auth::secrets(command, args);
    let kept = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let mut shown: Vec<Vec<u8>> = (0..kept)
        .map(|index| match args.at(index) {
            _ if secrets.contains(&index) => b"(redacted)".to_vec(),
            arg if arg.len() > ARG_LEN_MAX => {
                let more = format!("... ({} more bytes)", arg.len() - ARG_LEN_MAX);
                [&arg[..ARG_LEN_MAX], more.as_bytes()].concat()
            }
            arg => arg.to_vec(),
        })
        .collect();
    if kept < args.len() {
        shown.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    shown
}
