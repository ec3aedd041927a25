//! Count-min sketches: width, depth, and all that was counted; then a string of the counters, 32 bits each, row by row.

use super::{Damaged, ModuleType, PartWriter, Parts, Read};
use dunlin_structures::cms::CountMin;
use dunlin_structures::entry::Payload;
use std::any::Any;

pub const TYPE: ModuleType = ModuleType { name: "CMSk-TYPE", version: 0, read, write };

fn read(parts: &mut Parts<'_, '_>, _version: u16) -> Read<Box<dyn Payload>> {
    let (width, depth, total) = (parts.unsigned()?, parts.unsigned()?, parts.unsigned()?);
    let sketch =
        CountMin::from_parts(width, depth, total, &parts.string()?).ok_or(Damaged("no count-min sketch"))?;
    Ok(Box::new(sketch))
}

fn write(parts: &mut PartWriter<'_>, object: &dyn Payload) -> Option<()> {
    let sketch: &CountMin = (object as &dyn Any).downcast_ref()?;
    parts.unsigned(sketch.width() as u64);
    parts.unsigned(sketch.depth() as u64);
    parts.unsigned(sketch.total());
    parts.string(sketch.counters());
    Some(())
}
