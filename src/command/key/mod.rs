//! The key family: what can be done with any key, whatever it holds.
//!
//! * [`look`] says whether keys are there and what they are, [`object`] how they are stored and used.
//! * [`expire`] sets when keys go, [`ttl`] says when.
//! * [`delete`] removes keys; [`rename`] and [`copy`] give a value another name or another database.
//! * [`dump`] gives a value away as bytes, and takes it back; [`migrate`] gives it to another server.
//! * [`sort`] puts the elements of a value in order.
//! * [`scan`] lists the names of keys, [`random`] draws one. [`database`] is about all keys of a database at once.
//!
//! Knows nothing of the types of values: what it needs of one, an entry says.

pub mod copy;
pub mod database;
pub mod delete;
pub mod dump;
pub mod expire;
pub mod look;
pub mod migrate;
pub mod object;
pub mod random;
pub mod rename;
pub mod scan;
#[cfg(test)]
mod scan_tests;
pub mod sort;
#[cfg(test)]
mod tests;
pub mod ttl;

use crate::keyspace::Change;
use crate::keyspace::effect::EffectWriter;
use crate::keyspace::event::EventClass;

/// A change that is logged as the deletion of `key`, under the event's name.
fn deletion<'e>(event: &'static str, as_del: &'e dyn Fn(&mut EffectWriter)) -> Change<'e> {
    Change::composed(EventClass::Generic, event, as_del)
}

/// Writes `DEL key`.
fn as_del(key: &[u8]) -> impl Fn(&mut EffectWriter) {
    move |effect| {
        effect.arg(b"DEL").arg(key);
    }
}
