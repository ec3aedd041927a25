//! Cuckoo filters: RedisBloom's module type `MBbloomCF`.
//!
//! ```text
//! tables │ buckets │ items │ (deleted │ slots of a bucket │ iterations │ growth) (4) │ table..
//! table:  buckets (4) │ slots
//! ```
//!
//! What is marked came with that version.

use super::module::{ModuleType, PartWriter, Parts};
use super::{Damaged, Read};
use dunlin_structures::cuckoo::{Cuckoo, Figures, TABLES_MAX, TYPE_NAME};
use dunlin_structures::entry::Payload;
use std::any::Any;

pub(super) const TYPE: ModuleType = ModuleType { name: TYPE_NAME, version: VERSION_GROWTH, read, write };

/// The version that says how a filter grows.
const VERSION_GROWTH: u16 = 4;

const BROKEN: Damaged = Damaged("a cuckoo filter that is none");

fn read(parts: &mut Parts<'_, '_>, version: u16) -> Read<Box<dyn Payload>> {
    let tables = usize::try_from(parts.unsigned()?).ok().filter(|tables| *tables <= TABLES_MAX);
    let mut figures = Figures {
        tables: tables.ok_or(BROKEN)?,
        buckets: parts.unsigned()?,
        items: parts.unsigned()?,
        deleted: 0,
        bucket: 2,
        iterations: 20,
        growth: 1,
    };
    if version >= VERSION_GROWTH {
        let narrow = |number: u64| u16::try_from(number).map_err(|_| BROKEN);
        figures.deleted = parts.unsigned()?;
        figures.bucket = narrow(parts.unsigned()?)?;
        figures.iterations = narrow(parts.unsigned()?)?;
        figures.growth = narrow(parts.unsigned()?)?;
    }
    let mut slots = Vec::new();
    for _ in 0..figures.tables {
        if version >= VERSION_GROWTH {
            // It follows from the first table's number and the growth.
            parts.unsigned()?;
        }
        slots.push(parts.string()?.into_owned().into_boxed_slice());
    }
    Ok(Box::new(Cuckoo::assemble(&figures, slots).ok_or(BROKEN)?))
}

fn write(parts: &mut PartWriter<'_>, object: &dyn Payload) -> Option<()> {
    let object: &dyn Any = object;
    let filter: &Cuckoo = object.downcast_ref()?;
    let figures = filter.figures();
    parts.unsigned(figures.tables as u64);
    parts.unsigned(figures.buckets);
    parts.unsigned(figures.items);
    parts.unsigned(figures.deleted);
    parts.unsigned(figures.bucket.into());
    parts.unsigned(figures.iterations.into());
    parts.unsigned(figures.growth.into());
    for table in filter.tables() {
        parts.unsigned(table.buckets());
        parts.string(table.slots());
    }
    Some(())
}
