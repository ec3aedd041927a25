//! Scripts and functions: `docs/decisions/0008-scripts.md` says how they share the keyspace with everybody else.
//!
//! * [`eval`]: EVAL, EVALSHA, FCALL and their kin find what is to run.
//! * [`run`] runs it: a script owns shards while it runs, its calls are commands of one [`Group`](crate::command::group::Group).
//! * [`pool`] keeps a thread's Lua states, and what is compiled in them.
//! * [`slow`] is for scripts that take longer than a moment: their connection waits, their thread goes on in between.
//! * [`exec`]: a transaction with scripts in it.
//! * [`manage`] is SCRIPT, [`function`] is FUNCTION.

pub mod eval;
pub mod exec;
pub mod function;
pub mod manage;
pub mod pool;
pub mod run;
pub mod slow;

#[cfg(test)]
mod owning_tests;
#[cfg(test)]
mod tests;
