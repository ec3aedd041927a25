//! Values of module types as commands: what DUMP says of them, restored. What may grow beyond what one argument can hold
//! is told in pieces.

use dunlin_storage::rdb;
use dunlin_structures::Entry;

pub(super) fn commands(entry: &Entry, emit: &mut dyn FnMut(&[&[u8]])) {
    let payload = rdb::entry::dump(entry, false).expect("every module type has a written form");
    emit(&[b"RESTORE", entry.key(), b"0", &payload]);
}
