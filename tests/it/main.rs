//! Tests from the outside: the binary is started and talked to as its users do. One file a theme.

mod common;
mod configuration;
mod start_and_stop;
