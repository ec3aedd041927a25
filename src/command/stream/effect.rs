//! What groups do, as commands that do it again at any time.

use crate::keyspace::effect::EffectWriter;
use dunlin_structures::stream::{IdText, StreamId};

/// IDs in one command.
pub const PIECE_LEN: usize = 64;

/// A group of a key.
#[derive(Clone, Copy)]
pub struct GroupName<'a> {
    pub key: &'a [u8],
    pub group: &'a [u8],
}

/// Entries that were given to a consumer.
pub struct Claim<'a> {
    pub consumer: &'a [u8],
    pub entries: &'a [StreamId],
    pub delivered_at: i64,
    pub deliveries: u64,
    /// The group's last ID.
    pub last_id: StreamId,
}

pub fn write_id(writer: &mut EffectWriter, id: StreamId) {
    writer.arg(IdText::of(id).as_bytes());
}

impl GroupName<'_> {
    /// Gives the entries to the consumer; takes those that are not in the stream off the list.
    pub fn claim(self, writer: &mut EffectWriter, claim: &Claim<'_>) {
        for entries in claim.entries.chunks(PIECE_LEN) {
            writer.arg(b"XCLAIM").arg(self.key).arg(self.group).arg(claim.consumer).arg(b"0");
            entries.iter().for_each(|id| write_id(writer, *id));
            writer.arg(b"TIME").integer(claim.delivered_at).arg(b"RETRYCOUNT");
            writer.arg(itoa::Buffer::new().format(claim.deliveries).as_bytes());
            writer.arg(b"FORCE").arg(b"JUSTID").arg(b"LASTID");
            write_id(writer, claim.last_id);
            writer.end();
        }
    }

    /// Says how far the group has read.
    pub fn progress(self, writer: &mut EffectWriter, last_id: StreamId, entries_read: Option<u64>) {
        writer.arg(b"XGROUP").arg(b"SETID").arg(self.key).arg(self.group);
        write_id(writer, last_id);
        writer.arg(b"ENTRIESREAD").integer(entries_read.map_or(-1, |count| count as i64));
        writer.end();
    }

    pub fn create_consumer(self, writer: &mut EffectWriter, consumer: &[u8]) {
        writer.arg(b"XGROUP").arg(b"CREATECONSUMER").arg(self.key).arg(self.group).arg(consumer);
        writer.end();
    }
}
