//! Redis' RDB format for single values: what DUMP answers, what RESTORE takes, and what RDB files are made of.
//!
//! ```text
//! payload:  type 1 │ value │ version 2 │ CRC64 8          (see [`payload`])
//! ```
//!
//! - [`Value`] is a value in no particular form. [`decode`] makes one of any form that any version wrote; the server's
//!   structures are made of it in [`entry`], which also writes them.
//! - One file an encoding: [`length`](mod@length), [`string`], [`lzf`], [`crc64`], [`listpack`], [`ziplist`], [`zipmap`],
//!   [`intset`]; and one a type: [`list`], [`set`], [`zset`], [`hash`], [`stream`], and those of [`module`]: [`sketch`].
//!
//! Bytes come from anywhere, so everything is checked: what is [`Damaged`] is refused as a whole. A length that the bytes
//! only claim allocates nothing: memory grows with what was really read.
//!
//! Written are the forms of version 10, which Redis 7.0 and all later ones read, but for values that need newer ones.
//! Knows nothing of keys and times to live, but for [`file`](mod@file): whole files, of entries.

mod bloom;
pub mod crc64;
mod cuckoo;
pub mod entry;
pub mod file;
pub mod hash;
pub mod intset;
pub mod length;
pub mod list;
pub mod listpack;
pub mod lzf;
pub mod module;
pub mod payload;
mod reader;
pub mod set;
pub mod sketch;
pub mod stream;
pub mod string;
#[cfg(test)]
mod tests;
mod writer;
pub mod ziplist;
pub mod zipmap;
pub mod zset;

pub use dunlin_structures::texts::Texts;
pub use reader::Reader;
pub use writer::Writer;

use dunlin_structures::entry::Payload;
use dunlin_structures::stream::Stream;

/// The version that is written: Redis 7.0's.
pub const VERSION: u16 = 10;
/// The version of values with times to live inside: Redis 7.4's.
pub const VERSION_TIMES: u16 = 12;
/// The newest version of Redis whose values are read.
const VERSION_MAX: u16 = 13;
/// Valkey's own versions begin here.
const VERSION_VALKEY: u16 = 80;

/// Why bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub &'static str);

/// The result of reading.
pub type Read<T> = Result<T, Damaged>;

/// The bytes that name a value's type and form.
pub mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_BINARY: u8 = 5;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_3: u8 = 21;
    /// Redis 7.4's release candidates; Valkey means [`HASH_VALKEY`] by it.
    pub const HASH_TIMES_EARLY: u8 = 22;
    pub const HASH_VALKEY: u8 = 22;
    pub const HASH_LISTPACK_TIMES_EARLY: u8 = 23;
    pub const HASH_TIMES: u8 = 24;
    pub const HASH_LISTPACK_TIMES: u8 = 25;
}

/// What a type and form is called where it is said that a value is damaged.
pub fn form_name(kind: u8) -> &'static str {
    match kind {
        kind::STRING => "String",
        kind::LIST => "List",
        kind::SET => "Set",
        kind::ZSET | kind::ZSET_BINARY => "Zset",
        kind::HASH_ZIPMAP => "Zipmap",
        kind::LIST_ZIPLIST => "List ziplist",
        kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => "Quicklist",
        kind::SET_INTSET => "Intset",
        kind::SET_LISTPACK => "Set listpack",
        kind::ZSET_ZIPLIST => "Zset ziplist",
        kind::ZSET_LISTPACK => "Zset listpack",
        kind::HASH_ZIPLIST => "Hash ziplist",
        kind::HASH_LISTPACK | kind::HASH_LISTPACK_TIMES | kind::HASH_LISTPACK_TIMES_EARLY => "Hash listpack",
        kind::HASH | kind::HASH_TIMES | kind::HASH_TIMES_EARLY => "Hash",
        kind::STREAM | kind::STREAM_2 | kind::STREAM_3 => "Stream listpack",
        kind::MODULE_2 => "Module",
        _ => "Value",
    }
}

/// A value, in no particular form but for streams and module types, which have one only.
#[derive(Clone, Debug)]
pub enum Value {
    String(Vec<u8>),
    List(Texts),
    /// Members, each once.
    Set(Texts),
    /// Members, each once, in any order; and their scores, none of them NaN.
    Zset(Texts, Vec<f64>),
    /// Fields, each once, and their values by turns; when each field expires (Unix time in ms), if any does.
    Hash(Texts, Vec<Option<i64>>),
    Stream(Box<Stream>),
    Module(Box<dyn Payload>),
}

/// Reads a value whose type was read. `version` is that of the whole payload or file.
pub fn decode(kind: u8, reader: &mut Reader<'_>, version: u16) -> Read<Value> {
    let value = match kind {
        kind::STRING => return Ok(Value::String(string::read(reader)?.into_owned())),
        kind::LIST => Value::List(list::read(reader)?),
        kind::LIST_ZIPLIST => Value::List(list::read_ziplist(reader)?),
        kind::LIST_QUICKLIST => Value::List(list::read_quicklist(reader)?),
        kind::LIST_QUICKLIST_2 => Value::List(list::read_quicklist_2(reader)?),
        kind::SET => Value::Set(set::read(reader)?),
        kind::SET_INTSET => Value::Set(set::read_intset(reader)?),
        kind::SET_LISTPACK => Value::Set(set::read_listpack(reader)?),
        kind::ZSET => zset::read(reader, zset::text_score)?,
        kind::ZSET_BINARY => zset::read(reader, Reader::double)?,
        kind::ZSET_ZIPLIST => zset::read_packed(reader, ziplist::items)?,
        kind::ZSET_LISTPACK => zset::read_packed(reader, listpack::items)?,
        kind::HASH => hash::read(reader)?,
        kind::HASH_ZIPMAP => hash::read_packed(reader, zipmap::items)?,
        kind::HASH_ZIPLIST => hash::read_packed(reader, ziplist::items)?,
        kind::HASH_LISTPACK => hash::read_packed(reader, listpack::items)?,
        kind::HASH_VALKEY if version >= VERSION_VALKEY => hash::read_valkey(reader)?,
        kind::HASH_TIMES_EARLY => hash::read_times(reader, false)?,
        kind::HASH_TIMES => hash::read_times(reader, true)?,
        kind::HASH_LISTPACK_TIMES_EARLY => hash::read_listpack_times(reader, false)?,
        kind::HASH_LISTPACK_TIMES => hash::read_listpack_times(reader, true)?,
        kind::STREAM => return stream::read(reader, stream::Form::First),
        kind::STREAM_2 => return stream::read(reader, stream::Form::Second),
        kind::STREAM_3 => return stream::read(reader, stream::Form::Third),
        kind::MODULE_2 => return Ok(Value::Module(module::read(reader)?)),
        _ => return Err(Damaged("a value of a type that is not known")),
    };
    match &value {
        Value::List(texts) | Value::Set(texts) | Value::Zset(texts, _) | Value::Hash(texts, _)
            if texts.is_empty() =>
        {
            Err(Damaged("a collection without elements"))
        }
        Value::Set(texts) | Value::Zset(texts, _) if texts.has_duplicates(1) => {
            Err(Damaged("a member that is there twice"))
        }
        Value::Hash(texts, _) if texts.has_duplicates(2) => Err(Damaged("a field that is there twice")),
        _ => Ok(value),
    }
}
