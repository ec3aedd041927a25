//! Replying elements.

use crate::resp::Reply;
use dunlin_structures::packed::Item;

/// Replies an element as a bulk.
#[inline]
pub(super) fn reply_element(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Text(text) => reply.bulk(text),
        Item::Int(number) => reply.bulk_integer(number),
    }
}
