//! The set family.
//!
//! * [`add`] and [`remove`] change members, one set at a time but for SMOVE.
//! * [`look`] reads; [`scan`] walks with a cursor.
//! * [`choose`] draws members by chance, each with the same.
//! * [`combine`] makes sets of sets.
//!
//! What was drawn is logged by its result; what was combined by what recreates it.

pub mod add;
pub mod choose;
pub mod combine;
pub mod look;
pub mod remove;
pub mod scan;
#[cfg(test)]
mod tests;

use crate::command::Context;
use crate::resp::Reply;
use crate::resp::output::SHARED_LEN_MIN;
use crate::resp::reply::push_header;
use dunlin_structures::entry::IntText;
use dunlin_structures::packed::Item;
use dunlin_structures::set::SetLimits;

/// Up to which size a set stands in its entry, as configured now.
#[inline]
fn limits(cx: &Context<'_>) -> SetLimits {
    let thresholds = &cx.server.thresholds;
    SetLimits { ints: thresholds.intset_entries(), packed: thresholds.set() }
}

#[inline]
fn reply_member(reply: &mut Reply<'_>, member: Item<'_>) {
    match member {
        Item::Int(number) => reply.bulk_integer(number),
        Item::Text(text) => reply.bulk(text),
    }
}

/// Members as they will be sent, whose number is known only when all are there.
#[derive(Default)]
struct Bulks {
    count: usize,
    bytes: Vec<u8>,
}

impl Bulks {
    fn add(&mut self, member: Item<'_>) {
        self.add_text(member.text(&mut IntText::new()));
    }

    fn add_text(&mut self, text: &[u8]) {
        self.count += 1;
        self.bytes.reserve(text.len() + 32);
        push_header(&mut self.bytes, b'$', text.len() as i64);
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Sends them behind the header of an aggregate, which the caller wrote.
    fn send(self, reply: &mut Reply<'_>) {
        if self.bytes.len() < SHARED_LEN_MIN {
            reply.raw(&self.bytes);
        } else {
            reply.output().push_shared(self.bytes.into());
        }
    }
}
