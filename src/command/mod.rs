//! What clients can ask for.
//!
//! A command is one [`CommandSpec`] beside one handler, in the file of its family. Everything else is derived from the
//! specs: look-up, arity, locks, COMMAND and its DOCS, statistics. Adding a command touches one file; a new family
//! adds a line to [`FAMILIES`].
//!
//! * [`spec`] is what a spec says. [`table`] finds a command by its name.
//! * [`keys`] finds a request's keys by its key specs.
//! * [`dispatch`] passes a request through the gates, locks its shards, runs it and appends its effects.
//! * [`group`] runs several commands as one unit, on shards that are held already.
//! * [`context`] is what a handler is given. [`blocking`] is for those that wait for a key.

pub mod acl;
pub mod auth;
pub mod bitmap;
pub mod blocking;
pub mod bloom;
pub mod client;
pub mod cluster;
pub mod cms;
pub mod config;
pub mod connection;
pub mod context;
pub mod cuckoo;
pub mod debug;
pub mod dispatch;
pub mod evicting;
pub mod expiring;
pub mod geo;
pub mod group;
pub mod hash;
pub mod hyperloglog;
pub mod info;
pub mod introspect;
pub mod key;
pub mod keys;
pub mod latency;
pub mod list;
pub mod listening;
pub mod memory;
pub mod module;
pub mod monitor;
pub mod permission;
pub mod persistence;
pub mod pubsub;
pub mod replication;
pub mod room;
pub mod scanning;
pub mod script;
pub mod server;
pub mod set;
pub mod shutdown;
pub mod slowlog;
pub mod spec;
pub mod stream;
pub mod string;
pub mod table;
pub mod tdigest;
#[cfg(test)]
pub mod testing;
pub mod topk;
pub mod transaction;
pub mod wait;
pub mod zset;

pub use context::Context;
pub use spec::CommandSpec;
pub use table::Command;

/// What a handler returns. On an error nothing has changed, and what was written to the reply is cut back.
pub type CommandResult = Result<(), crate::resp::CommandError>;

/// Every family's commands.
pub const FAMILIES: &[&[CommandSpec]] = &[
    acl::COMMANDS,
    auth::COMMANDS,
    bitmap::bit::COMMANDS,
    bitmap::combine::COMMANDS,
    bitmap::field::COMMANDS,
    bitmap::search::COMMANDS,
    bloom::add::COMMANDS,
    bloom::chunk::COMMANDS,
    bloom::look::COMMANDS,
    bloom::reserve::COMMANDS,
    client::COMMANDS,
    cluster::COMMANDS,
    cms::count::COMMANDS,
    cms::init::COMMANDS,
    cms::look::COMMANDS,
    cms::merge::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    cuckoo::add::COMMANDS,
    cuckoo::chunk::COMMANDS,
    cuckoo::delete::COMMANDS,
    cuckoo::look::COMMANDS,
    cuckoo::reserve::COMMANDS,
    debug::COMMANDS,
    geo::add::COMMANDS,
    geo::look::COMMANDS,
    geo::search::COMMANDS,
    hyperloglog::COMMANDS,
    hyperloglog::debug::COMMANDS,
    hash::count::COMMANDS,
    hash::delete::COMMANDS,
    hash::expire::COMMANDS,
    hash::get::COMMANDS,
    hash::getex::COMMANDS,
    hash::random::COMMANDS,
    hash::scan::COMMANDS,
    hash::set::COMMANDS,
    hash::setex::COMMANDS,
    hash::ttl::COMMANDS,
    info::COMMANDS,
    introspect::COMMANDS,
    key::copy::COMMANDS,
    key::database::COMMANDS,
    key::delete::COMMANDS,
    key::dump::COMMANDS,
    key::expire::COMMANDS,
    key::look::COMMANDS,
    key::migrate::COMMANDS,
    key::object::COMMANDS,
    key::random::COMMANDS,
    key::rename::COMMANDS,
    key::scan::COMMANDS,
    key::sort::COMMANDS,
    key::ttl::COMMANDS,
    latency::COMMANDS,
    list::block::COMMANDS,
    list::edit::COMMANDS,
    list::pop::COMMANDS,
    list::position::COMMANDS,
    list::push::COMMANDS,
    list::range::COMMANDS,
    list::transfer::COMMANDS,
    memory::COMMANDS,
    module::COMMANDS,
    replication::COMMANDS,
    monitor::COMMANDS,
    persistence::COMMANDS,
    pubsub::look::COMMANDS,
    pubsub::publish::COMMANDS,
    pubsub::subscribe::COMMANDS,
    script::eval::COMMANDS,
    script::function::COMMANDS,
    script::manage::COMMANDS,
    server::COMMANDS,
    set::add::COMMANDS,
    set::choose::COMMANDS,
    set::combine::COMMANDS,
    set::look::COMMANDS,
    set::remove::COMMANDS,
    set::scan::COMMANDS,
    shutdown::COMMANDS,
    slowlog::COMMANDS,
    stream::ack::COMMANDS,
    stream::add::COMMANDS,
    stream::autoclaim::COMMANDS,
    stream::claim::COMMANDS,
    stream::delete::COMMANDS,
    stream::group::COMMANDS,
    stream::info::COMMANDS,
    stream::pending::COMMANDS,
    stream::range::COMMANDS,
    stream::read::COMMANDS,
    stream::readgroup::COMMANDS,
    stream::set_id::COMMANDS,
    stream::trim::COMMANDS,
    string::count::COMMANDS,
    string::delete::COMMANDS,
    string::get::COMMANDS,
    string::lcs::COMMANDS,
    string::many::COMMANDS,
    string::range::COMMANDS,
    string::set::COMMANDS,
    tdigest::add::COMMANDS,
    tdigest::create::COMMANDS,
    tdigest::info::COMMANDS,
    tdigest::merge::COMMANDS,
    tdigest::quantile::COMMANDS,
    tdigest::rank::COMMANDS,
    topk::add::COMMANDS,
    topk::look::COMMANDS,
    topk::reserve::COMMANDS,
    transaction::COMMANDS,
    transaction::watch::COMMANDS,
    wait::COMMANDS,
    zset::add::COMMANDS,
    zset::block::COMMANDS,
    zset::combine::COMMANDS,
    zset::look::COMMANDS,
    zset::pop::COMMANDS,
    zset::random::COMMANDS,
    zset::range::COMMANDS,
    zset::remove::COMMANDS,
    zset::scan::COMMANDS,
];
