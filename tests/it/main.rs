//! Tests from the outside: the binary is started and talked to as its users do. One file a theme.

#![allow(unreachable_pub, reason = "everything in a test binary is")]

mod abuse;
mod clients;
mod common;
mod configuration;
mod eviction;
mod fuzz;
mod handshakes;
mod network;
mod observability_port;
mod protocol;
mod pushes;
mod replicas;
mod scripts;
mod serializable;
mod start_and_stop;
mod transactions;
mod users;
mod waits;
mod waves;
