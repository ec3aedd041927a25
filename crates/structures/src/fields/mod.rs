//! The fields of a hash, in one of three forms.
//!
//! ```text
//! listpack    (field, value)..          a packed block inside the entry: small, and no field has a time to live
//! listpackex  (field, value, time)..    a packed block of its own; time 0: none
//! hashtable   Table<Field>              one block of memory a field; fields with a time also stand in an ordered index
//! ```
//!
//! A hash goes down this list and never back up, when Redis does: a text is longer or there are more fields than the
//! [`Limits`](crate::packed::Limits) allow, or a field gets a time to live. Packed forms keep the order of insertion.
//!
//! [`Fields`] reads a hash as it is at a given time: what has expired by then is not there. Changes are functions on the
//! entry ([`set`], [`remove`], [`set_expiry`], [`remove_due`]) and know nothing of the time: who changes a hash removes
//! what is due first. Of a large hash that may be a part: the rest counts as gone, and a change that meets such a field
//! takes it out ([`take_met`]). [`Payload::next_due`](crate::entry::Payload::next_due) tells when that will be.

mod edit;
mod field;
mod hashtable;
#[cfg(test)]
mod tests;
mod timed;
mod view;

pub use edit::{
    FieldExpiry, all_due, empty, from_pairs, has_hidden, make_room, remove, remove_due, set, set_expiry,
    take_met,
};
pub use field::Field;
pub use hashtable::FieldTable;
pub use timed::TimedPack;
pub use view::{FieldRef, Fields, Iter};
