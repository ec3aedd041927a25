//! Effects: what writes did, as commands on one key that give the same result anywhere and at any time.
//!
//! A unit (a command, an EXEC, a script) collects its effects in an [`EffectBuffer`]; they are appended to the log as
//! one group while the shards that were written are still locked, so that the log's order is the order of execution.
//! When nobody reads effects, none is built.

use crate::keyspace::event::{EventClass, Notices};
use crate::keyspace::recreate;
use crate::resp::Args;
use crate::resp::reply::{encode_command, push_header};
use dunlin_structures::Entry;
use dunlin_structures::entry::Kind;

/// A log sequence number: a byte offset in the stream of effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Lsn(pub u64);

/// Where effects go. Implemented by the commit gate, plugged in by the server.
pub trait EffectLog: Send + Sync {
    /// Whether anybody reads effects now. Asked once a unit.
    fn wanted(&self) -> bool;
    /// Appends a unit, whole. Called with the written shards locked. Returns the LSN behind it.
    fn append(&self, unit: &EffectBuffer) -> Lsn;
}

/// Nobody reads effects.
pub struct NoLog;

impl EffectLog for NoLog {
    fn wanted(&self) -> bool {
        false
    }

    fn append(&self, _: &EffectBuffer) -> Lsn {
        Lsn(0)
    }
}

/// What a write says when it changes a key: its event's name, and its effect.
pub struct Change<'e> {
    pub class: EventClass,
    /// Empty: nobody is told (XACK, XCLAIM).
    pub event: &'static str,
    pub effect: Effect<'e>,
    /// Whether who watches the key, or has it cached, is to know.
    pub touches: bool,
}

/// How a change is logged.
pub enum Effect<'e> {
    /// The request's own bytes give the same result anywhere: the usual and cheapest case.
    Request,
    /// Another command says it. Composed only if somebody reads it.
    Compose(&'e dyn Fn(&mut EffectWriter)),
    /// It is part of what another change of the same unit logs.
    Nothing,
}

impl<'e> Change<'e> {
    /// A change that the request's own bytes describe.
    pub const fn request(class: EventClass, event: &'static str) -> Self {
        Self { class, event, effect: Effect::Request, touches: true }
    }

    /// A change with an effect of its own.
    pub const fn composed(
        class: EventClass,
        event: &'static str,
        effect: &'e dyn Fn(&mut EffectWriter),
    ) -> Self {
        Self { class, event, effect: Effect::Compose(effect), touches: true }
    }

    /// A change of which Redis says no event.
    pub const fn untold(class: EventClass, effect: Effect<'e>) -> Self {
        Self { class, event: "", effect, touches: true }
    }

    /// A change that another effect of this unit covers.
    pub const fn covered(class: EventClass, event: &'static str) -> Self {
        Self { class, event, effect: Effect::Nothing, touches: true }
    }

    /// The same, but the key is what it was to those who watch it or have it cached: what a stream's groups go through.
    pub const fn aside(self) -> Self {
        Self { touches: false, ..self }
    }
}

/// What an effect buffer keeps from unit to unit at most.
const KEPT_BYTES: usize = 256 * 1024;

/// One effect: where it ends in [`EffectBuffer::bytes`].
struct Part {
    end: usize,
    db: u16,
    /// For replicas only.
    is_aside: bool,
}

impl Part {
    fn of(db: u16, end: usize) -> Self {
        Self { end, db, is_aside: false }
    }
}

/// The effects of one unit, encoded.
#[derive(Default)]
pub struct EffectBuffer {
    /// Whether they are read by anybody; if not, nothing is collected.
    pub wanted: bool,
    bytes: Vec<u8>,
    parts: Vec<Part>,
    /// So many of the parts are for replicas only.
    aside: usize,
    /// What others are told of it.
    pub notices: Notices,
}

impl EffectBuffer {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.parts.clear();
        self.aside = 0;
    }

    /// Gives back what an unusually large unit took.
    pub fn trim(&mut self) {
        if self.bytes.capacity() > KEPT_BYTES {
            *self = Self { wanted: self.wanted, ..Self::default() };
        }
    }

    /// The effects in order: their database, and the encoded command.
    pub fn parts(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.encoded().filter(|(part, _)| !part.is_aside).map(|(part, bytes)| (part.db, bytes))
    }

    /// How many these are.
    pub fn len(&self) -> usize {
        self.parts.len() - self.aside
    }

    /// The effects, and what else replicas are to be told, in order.
    pub fn parts_for_replicas(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.encoded().map(|(part, bytes)| (part.db, bytes))
    }

    /// How many these are.
    pub fn len_for_replicas(&self) -> usize {
        self.parts.len()
    }

    fn encoded(&self) -> impl Iterator<Item = (&Part, &[u8])> {
        let mut from = 0;
        self.parts.iter().map(move |part| {
            let bytes = &self.bytes[from..part.end];
            from = part.end;
            (part, bytes)
        })
    }

    /// Adds a command that changes no data, but is to reach the clients of replicas, too (PUBLISH).
    pub fn push_aside(&mut self, db: u16, args: &[&[u8]]) {
        encode_command(&mut self.bytes, args);
        self.parts.push(Part { end: self.bytes.len(), db, is_aside: true });
        self.aside += 1;
    }

    /// Bytes of all effects.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a command given by its arguments.
    pub fn push(&mut self, db: u16, args: &[&[u8]]) {
        if self.wanted {
            encode_command(&mut self.bytes, args);
            self.parts.push(Part::of(db, self.bytes.len()));
        }
    }

    /// Adds what makes an equal entry, whatever its key held before: how everything is logged that was made elsewhere
    /// (RENAME, COPY, MOVE).
    pub fn push_recreation(&mut self, db: u16, entry: &Entry) {
        if !self.wanted {
            return;
        }
        // SET replaces whatever is there; the commands of the others would add to it.
        if entry.kind() != Kind::String {
            self.push(db, &[b"DEL", entry.key()]);
        }
        recreate::commands(entry, &mut |args| self.push(db, args));
    }

    /// Adds a request as it came.
    #[inline]
    pub fn push_request(&mut self, db: u16, args: Args<'_>) {
        if self.wanted {
            push_header(&mut self.bytes, b'*', args.len() as i64);
            for arg in args.from(0) {
                push_header(&mut self.bytes, b'$', arg.len() as i64);
                self.bytes.extend_from_slice(arg);
                self.bytes.extend_from_slice(b"\r\n");
            }
            self.parts.push(Part::of(db, self.bytes.len()));
        }
    }

    /// Adds a command that `compose` writes argument by argument.
    pub fn push_composed(&mut self, db: u16, compose: &dyn Fn(&mut EffectWriter)) {
        if self.wanted {
            let mut writer = EffectWriter {
                // Lent for the time of composing, so that nothing is copied twice.
                bytes: std::mem::take(&mut self.bytes),
                parts: std::mem::take(&mut self.parts),
                db,
                start: 0,
                count: 0,
            };
            compose(&mut writer);
            writer.end();
            (self.bytes, self.parts) = (writer.bytes, writer.parts);
        }
    }
}

/// Writes one or more commands, an argument at a time, straight into the unit's buffer.
pub struct EffectWriter {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    db: u16,
    /// Where the command that is being written begins.
    start: usize,
    /// Its arguments so far.
    count: usize,
}

impl EffectWriter {
    /// Stands for the header of a command until its arguments are counted.
    const HEADER: &[u8] = b"*0\r\n";

    /// The next argument; the first is the command's name.
    pub fn arg(&mut self, arg: &[u8]) -> &mut Self {
        if self.count == 0 {
            self.start = self.bytes.len();
            self.bytes.extend_from_slice(Self::HEADER);
        }
        self.count += 1;
        push_header(&mut self.bytes, b'$', arg.len() as i64);
        self.bytes.extend_from_slice(arg);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    pub fn integer(&mut self, value: i64) -> &mut Self {
        let mut digits = itoa::Buffer::new();
        self.arg(digits.format(value).as_bytes())
    }

    /// The command is complete; another one may follow.
    pub fn end(&mut self) {
        if self.count > 0 {
            if self.count < 10 {
                self.bytes[self.start + 1] = b'0' + self.count as u8;
            } else {
                let header = format!("*{}\r\n", self.count).into_bytes();
                self.bytes.splice(self.start..self.start + Self::HEADER.len(), header);
            }
            self.parts.push(Part::of(self.db, self.bytes.len()));
            self.count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EffectBuffer;

    #[test]
    fn composed_effects_are_encoded_as_given_ones() {
        let args: Vec<Vec<u8>> = (0..12u8).map(|length| vec![b'a' + length; usize::from(length)]).collect();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let (mut given, mut composed) = (EffectBuffer::default(), EffectBuffer::default());
        (given.wanted, composed.wanted) = (true, true);
        for count in [1, 2, 9, 10, 12] {
            given.push(3, &args[..count]);
            given.push(3, &args[..1]);
            composed.push_composed(3, &|writer| {
                for arg in &args[..count] {
                    writer.arg(arg);
                }
                writer.end();
                writer.arg(args[0]);
            });
        }
        assert_eq!(composed.parts().collect::<Vec<_>>(), given.parts().collect::<Vec<_>>());
    }
}
