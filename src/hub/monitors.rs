//! Who sees all requests (MONITOR).

use super::send;
use crate::config::quote::quote_into;
use crate::keyspace::Lsn;
use crate::state::clients::{Address, Client, flag};
use crate::state::{Server, gates, unix_us};
use std::io::Write;
use std::sync::Arc;

/// A client sees all requests from now on. Returns whether it did not yet.
pub fn add(server: &Server, client: &Arc<Client>) -> bool {
    let mut monitors = server.hub.monitors.write();
    if client.has_flag(flag::MONITOR) {
        return false;
    }
    client.set_flag(flag::MONITOR, true);
    monitors.push(Arc::clone(client));
    server.gates.close(gates::MONITORED);
    true
}

/// ... and no more.
pub fn remove(server: &Server, client: &Arc<Client>) {
    if !client.has_flag(flag::MONITOR) {
        return;
    }
    let mut monitors = server.hub.monitors.write();
    client.set_flag(flag::MONITOR, false);
    monitors.retain(|other| !Arc::ptr_eq(other, client));
    if monitors.is_empty() {
        server.gates.open(gates::MONITORED);
    }
}

/// Shows a client's request to all of them; not to itself where it `leaves` them by that.
pub fn show<'a>(
    server: &Server,
    db: u16,
    client: &Client,
    leaves: bool,
    by_script: bool,
    args: impl Iterator<Item = &'a [u8]>,
) {
    let now_us = unix_us();
    let mut line = Vec::new();
    // Writing to a vector can't fail.
    let _ = write!(line, "+{}.{:06} [{db} ", now_us / 1_000_000, now_us % 1_000_000);
    let _ = match &client.address {
        _ if by_script => line.write_all(b"lua]"),
        Address::Unix(path) => write!(line, "unix:{}]", path.display()),
        address => write!(line, "{address}]"),
    };
    for arg in args {
        line.push(b' ');
        quote_into(arg, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    for monitor in server.hub.monitors.read().iter().filter(|monitor| !(leaves && monitor.id == client.id)) {
        send(server, monitor, Lsn::default(), |out| out.bytes.extend_from_slice(&line));
    }
}
