//! Looking ahead: the memory that a batch will touch is fetched for all of its requests before the first one runs.
//!
//! One step at a time, since each tells where the next one goes: roots of tables (while the requests are decoded), cells,
//! entries, what stands behind their first lines, what objects lead to, and in a large collection the elements that the
//! requests name.

use super::Batch;
use crate::command::spec::{CommandSpec, READS_HEAD};
use crate::command::table::Commands;
use crate::keyspace::Keyspace;
use crate::keyspace::door::Known;
use crate::resp::Args;
use dunlin_structures::Entry;
use dunlin_structures::entry::More;
use smallvec::SmallVec;

/// Elements that are looked for together: enough to overlap misses, few enough to stay in the first-level cache.
const ELEMENTS_MAX: usize = 64;

/// Where a batch looks ahead. A SELECT within the batch makes it look in vain, which costs little.
#[derive(Clone, Copy)]
pub struct Ahead<'k> {
    pub keyspace: &'k Keyspace,
    pub db: u16,
}

impl Batch {
    /// Has the entries that the batch will touch on their way into the cache, since their cells are there by now, and
    /// what stands outside of them; with `large_values` the values of strings, too.
    #[inline]
    pub fn prefetch(&self, ahead: Ahead<'_>, commands: &Commands, buffer: &[u8], large_values: bool) {
        // One alone has nothing to overlap with.
        if self.keys.len() > 1 {
            self.fetch_cells(ahead);
            self.fetch_entries(ahead);
            self.prefetch_more(ahead, commands, buffer);
            if large_values {
                self.prefetch_values(ahead);
            }
        }
    }

    fn fetch_cells(&self, ahead: Ahead<'_>) {
        let mut before = None;
        for known in &self.keys {
            if before != Some(known.position.hash) {
                ahead.keyspace.prefetch_cells(ahead.db, known.position);
            }
            before = Some(known.position.hash);
        }
    }

    fn fetch_entries(&self, ahead: Ahead<'_>) {
        let mut before = None;
        for known in &self.keys {
            if before != Some(known.position.hash) {
                ahead.keyspace.prefetch_entry(ahead.db, known.position);
            }
            before = Some(known.position.hash);
        }
    }

    /// Has large values on their way into the cache: worth it only where values are large.
    fn prefetch_values(&self, ahead: Ahead<'_>) {
        for known in &self.keys {
            ahead.keyspace.prefetch_value(ahead.db, known.position);
        }
    }

    /// Has what stands behind the entries' first lines on its way into the cache, if the batch's first key has any of that.
    fn prefetch_more(&self, ahead: Ahead<'_>, commands: &Commands, buffer: &[u8]) {
        let [first, others @ ..] = &self.keys[..] else { return };
        let others = || others.iter().filter(|known| known.position.hash != first.position.hash);
        let Some(spec) = self.first_spec(commands) else { return };
        if spec.flags.has(READS_HEAD) {
            return;
        }
        // What changes a part of a string reads it; what sets it doesn't, and large replies tell by themselves.
        let into_strings = spec.elements.first > 0;
        let look = |entry: &Entry| {
            let more = entry.prefetch_more();
            if more == More::Buffer && into_strings {
                entry.prefetch_value();
            }
            more
        };
        let fetch = |known: &Known| ahead.keyspace.peek_ahead(ahead.db, known.position, look);
        let more = fetch(first).unwrap_or(More::Nothing);
        if more == More::Nothing || more == More::Buffer && !into_strings {
            return;
        }
        others().for_each(|known| _ = fetch(known));
        if more == More::Object {
            // A batch that works on one key alone has only elements to overlap.
            if others().next().is_some() {
                for known in std::iter::once(first).chain(others()) {
                    ahead.keyspace.peek_ahead(ahead.db, known.position, Entry::prefetch_in_object);
                }
            }
            self.prefetch_elements(ahead, commands, buffer);
        }
    }

    /// What the first request's command is like.
    fn first_spec<'c>(&self, commands: &'c Commands) -> Option<&'c CommandSpec> {
        let command = self.requests.first()?.command?;
        Some(commands.all()[command as usize].spec)
    }

    /// Has the elements that are named by requests in a row for one key on their way into the cache.
    fn prefetch_elements(&self, ahead: Ahead<'_>, commands: &Commands, buffer: &[u8]) {
        let commands = commands.all();
        let mut named: SmallVec<[&[u8]; ELEMENTS_MAX]> = SmallVec::new();
        let (mut place, mut ranked) = (None, false);
        let look = |place: Option<&Known>, named: &[&[u8]], ranked| {
            if let Some(known) = place.filter(|_| named.len() > 1) {
                let position = known.position;
                ahead.keyspace.peek_ahead(ahead.db, position, |entry| entry.prefetch_elements(named, ranked));
            }
        };
        for request in &self.requests {
            let elements = request.command.map(|id| commands[id as usize].spec.elements);
            let key = self.known(*request).first();
            let (Some(elements), Some(key)) = (elements.filter(|elements| elements.first > 0), key) else {
                continue;
            };
            let is_same = place.is_some_and(|place: &Known| place.position.hash == key.position.hash);
            if !is_same || ranked != elements.ranked || named.len() == ELEMENTS_MAX {
                look(place, &named, ranked);
                named.clear();
                (place, ranked) = (Some(key), elements.ranked);
            }
            let args: Args<'_> = self.args(*request, buffer);
            let last = if elements.step == 0 { elements.first + 1 } else { args.len() };
            let indices = (elements.first..last.min(args.len())).step_by(elements.step.max(1));
            named.extend(indices.take(ELEMENTS_MAX - named.len()).map(|index| args.at(index)));
        }
        look(place, &named, ranked);
    }
}
