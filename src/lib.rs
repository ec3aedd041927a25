//! Dunlin: a Redis-compatible data-structure server that uses every core.
//!
//! Modules in the order in which a request meets them:
//!
//! * [`net`]: sockets, workers, connections, batches.
//! * [`resp`]: the protocol, in and out.
//! * [`session`]: what one client is; [`acl`]: who may do what.
//! * [`command`]: the table of commands, dispatch, and the handlers by family.
//! * [`keyspace`]: shards, doors, effects, expiry.
//! * [`hub`]: what clients are sent that is no reply: channels, messages, and their way out.
//! * [`commit`]: where effects leave and replies wait.
//! * [`persist`]: the log on disk: its threads, replay, rewrites.
//! * [`state`]: what all workers share.
//! * [`clock`]: what happens when time has passed.
//! * [`observe`]: figures, slow log, memory.
//! * [`config`], [`cli`]: what the operator asked for; [`process`]: the process towards its system.
//! * [`server`]: wires it all together.
//!
//! `docs/architecture.md` has the map and the life of a request.

pub mod acl;
pub mod cli;
pub mod clock;
pub mod command;
pub mod commit;
pub mod config;
pub mod hub;
pub mod keyspace;
pub mod net;
pub mod observe;
pub mod persist;
pub mod process;
pub mod replication;
pub mod resp;
pub mod script;
pub mod server;
pub mod session;
pub mod state;
