//! What the hub hears of a request: who made it, which keys it read, and the request itself, for monitors.

use crate::command::auth;
use crate::command::context;
use crate::command::spec::{self, acl};
use crate::command::table::Command;
use crate::hub::{monitors, tracking};
use crate::keyspace::event::{Notice, Notices};
use crate::resp::Args;
use crate::session::{Session, gate};
use crate::state::{Server, gates};

/// Called if anybody listens, after a request has run and while its shards are held. Notes the keys that it has read, behind
/// what it has changed, for a client that wants to hear when they change from now on.
#[cold]
pub fn note(session: &Session, command: &Command, args: Args<'_>, notices: &mut Notices) {
    notices.author = session.client.id;
    let reads = command.flags().has(spec::READONLY) && !command.spec.acl.has(acl::SCRIPTING);
    if session.gates & gate::TRACKING == 0 || !reads || !tracking::wants(&session.client, session.caching) {
        return;
    }
    if let Some(keys) = command.keys(args) {
        keys.iter().for_each(|key| notices.add(Notice::Read { key: args.at(key.index) }));
    }
}

/// Shows a request that is about to run to who monitors, as far as it is for others to see.
#[inline]
pub fn monitor(server: &Server, session: &Session, command: &Command, args: Args<'_>) {
    if server.gates.closed() & gates::MONITORED != 0 {
        show(server, session, command, args);
    }
}

#[cold]
fn show(server: &Server, session: &Session, command: &Command, args: Args<'_>) {
    let flags = command.flags();
    let is_hidden = flags.has(spec::ADMIN) || flags.has(spec::SKIP_MONITOR);
    if is_hidden || session.gates & gate::RECOVERY != 0 || server.gates.closed() & gates::LOADING != 0 {
        return;
    }
    let secrets = auth::secrets(command, args);
    let shown = args.from(0).enumerate().map(|(index, arg)| match secrets.contains(&index) {
        true => b"(redacted)".as_slice(),
        false => arg,
    });
    // Who is no monitor any more when this is done, or hears no more, is not shown it.
    let leaves = matches!(command.full_name, "reset" | "quit");
    let by_script = session.gates & gate::IN_SCRIPT != 0;
    monitors::show(
        server,
        database(server, session, command, args),
        &session.client,
        leaves,
        by_script,
        shown,
    );
}

/// The database in which a request leaves its client: Redis shows a request once it has run.
fn database(server: &Server, session: &Session, command: &Command, args: Args<'_>) -> u16 {
    match command.full_name {
        "select" => context::database(&server.keyspace, args.at(1)).unwrap_or(session.db),
        "reset" => 0,
        _ => session.db,
    }
}

/// Shows the request of a script, which is to be shown before what it calls.
pub fn monitor_script(server: &Server, session: &Session, args: Args<'_>) {
    if server.gates.closed() & gates::MONITORED != 0 {
        monitors::show(server, session.db, &session.client, false, false, args.from(0));
    }
}
