//! What a client has queued since MULTI, and which keys it watches.

use crate::keyspace::Position;
use crate::keyspace::door::Known;
use crate::resp::Args;
use crate::resp::decode::Span;

/// Above this the memory of a transaction isn't kept for the client's next one.
const KEPT_BYTES: usize = 2048;
/// Room for the arguments of small commands is made so long: a part of what there is already, within bounds.
const CHUNK_PART: usize = 4;
const CHUNK_MIN: usize = 256;
const CHUNK_MAX: usize = 16 * 1024;

/// See the module's text. Empty for nearly every client.
#[derive(Clone, Default)]
pub struct Transaction {
    /// A command could not be queued: EXEC will refuse the rest.
    pub has_failed: bool,
    pub queue: Queue,
    /// Watched keys, each with its database.
    watched: Vec<WatchedKey>,
    watched_bytes: usize,
}

/// A key that is watched, and its database.
pub type WatchedKey = (u16, Box<[u8]>);

/// Commands that wait for EXEC, with arguments of their own.
#[derive(Clone, Default)]
pub struct Queue {
    /// The arguments, those of a command side by side. None grows, so that no more is held than what is queued, or little.
    chunks: Vec<Vec<u8>>,
    /// How many they are together.
    bytes: usize,
    spans: Vec<Span>,
    known: Vec<Known>,
    commands: Vec<Queued>,
    /// The shards that they may touch, a bit for each.
    pub shards: u64,
    /// The flags that one of them has, and those that one of them lacks.
    pub flags: u32,
    pub lacking: u32,
}

/// A place in a [`Queue`].
#[derive(Clone, Copy)]
pub struct Queued {
    /// The command's id.
    pub command: usize,
    chunk: u32,
    first_span: u32,
    span_count: u32,
    first_known: u32,
    known_count: u32,
    /// Where reading its arguments begins.
    next: u32,
}

impl Transaction {
    /// Makes it as new; but watched keys must have been let go before.
    pub fn clear(&mut self) {
        self.has_failed = false;
        self.queue.clear();
        if self.queue.capacity_bytes() > KEPT_BYTES {
            self.queue = Queue::default();
        }
        drop(self.take_watched());
    }

    /// Notes that a key is watched.
    pub fn watches(&mut self, db: u16, key: &[u8]) {
        self.watched_bytes += size_of::<WatchedKey>() + key.len();
        self.watched.push((db, key.into()));
    }

    /// Forgets what is watched, and says what it was.
    pub fn take_watched(&mut self) -> impl Iterator<Item = WatchedKey> + use<> {
        self.watched_bytes = 0;
        std::mem::take(&mut self.watched).into_iter()
    }

    /// What it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.queue.capacity_bytes() + self.watched_bytes
    }

    /// The shards of the watched keys, a bit for each.
    pub fn watched_shards(&self) -> u64 {
        self.watched.iter().fold(0, |set, (_, key)| set | 1 << Position::of(key).shard())
    }
}

impl Queue {
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// What its arguments would take of a query buffer.
    pub fn argument_bytes(&self) -> usize {
        self.bytes + self.spans.len() * size_of::<Span>()
    }

    fn capacity_bytes(&self) -> usize {
        self.chunks.iter().map(Vec::capacity).sum::<usize>()
            + self.chunks.capacity() * size_of::<Vec<u8>>()
            + self.spans.capacity() * size_of::<Span>()
            + self.known.capacity() * size_of::<Known>()
            + self.commands.capacity() * size_of::<Queued>()
    }

    /// Adds a request, whose arguments are copied; `known` are its keys' positions as far as they are known. `false`: there
    /// is no room for so much.
    pub fn push(&mut self, command: usize, args: Args<'_>, known: &[Known]) -> bool {
        let bytes: usize = args.from(0).map(<[u8]>::len).sum();
        let counts = self.spans.len() + args.len() + self.known.len() + known.len();
        if u32::try_from(self.bytes + bytes).is_err() || u32::try_from(counts).is_err() {
            return false;
        }
        let fits = self.chunks.last().is_some_and(|chunk| chunk.capacity() - chunk.len() >= bytes);
        if !fits {
            let room = (self.bytes / CHUNK_PART).clamp(CHUNK_MIN, CHUNK_MAX);
            self.chunks.push(Vec::with_capacity(bytes.max(room)));
        }
        let Some(chunk_index) = self.chunks.len().checked_sub(1) else { return false };
        let chunk = &mut self.chunks[chunk_index];
        self.bytes += bytes;
        self.commands.push(Queued {
            command,
            chunk: chunk_index as u32,
            first_span: self.spans.len() as u32,
            span_count: args.len() as u32,
            first_known: self.known.len() as u32,
            known_count: known.len() as u32,
            next: args.position() as u32,
        });
        let mut known = known.iter().peekable();
        for index in 0..args.len() {
            let span = Span { start: chunk.len() as u32, len: args.at(index).len() as u32 };
            chunk.extend_from_slice(args.at(index));
            self.spans.push(span);
            if let Some(next) = known.next_if(|known| args.span(index) == Some(known.key)) {
                self.known.push(Known { key: span, position: next.position });
            }
        }
        true
    }

    pub fn get(&self, index: usize) -> Option<Queued> {
        self.commands.get(index).copied()
    }

    pub fn args(&self, queued: Queued) -> Args<'_> {
        let first = queued.first_span as usize;
        let chunk = self.chunks.get(queued.chunk as usize).map_or(&[][..], Vec::as_slice);
        let mut args = Args::new(chunk, &self.spans[first..first + queued.span_count as usize]);
        args.seek(queued.next as usize);
        args
    }

    pub fn known(&self, queued: Queued) -> &[Known] {
        let first = queued.first_known as usize;
        self.known.get(first..first + queued.known_count as usize).unwrap_or(&[])
    }

    fn clear(&mut self) {
        // The last one is the longest, where all were small.
        if let Some(mut last) = self.chunks.pop() {
            last.clear();
            self.chunks.clear();
            self.chunks.push(last);
        }
        self.bytes = 0;
        self.spans.clear();
        self.known.clear();
        self.commands.clear();
        (self.shards, self.flags, self.lacking) = (0, 0, 0);
    }
}
