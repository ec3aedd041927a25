//! Makes room for blocks before they come (see [`super::ahead`]): when one finds none, or better before that, when nobody
//! waits for the disk.

use super::ahead;
use super::error::LogError;
use super::writer::{LogWriter, Segment};
use crate::disk::{Disk, DiskFile};

impl<F: DiskFile> Segment<F> {
    /// Where room ends that a block may take: at the end of its unit, however far the file goes.
    pub(super) fn room_end(&self) -> u64 {
        self.file_end.min(ahead::unit_end(self.good_end))
    }

    /// Leaves what is too little for a block of so many bytes, where room in the next unit is there already; says whether
    /// there is room for it now.
    fn has_room(&mut self, needed: u64) -> bool {
        let room_end = self.room_end();
        if self.good_end + needed > room_end && room_end < self.file_end {
            // What is left stays: no block lies across the end of a unit.
            self.good_end = room_end;
        }
        self.good_end + needed <= self.room_end()
    }
}

impl<D: Disk> LogWriter<D> {
    /// Makes room ready for a block of so many bytes, if that is wanted and worth it, and there is none.
    pub(super) fn make_ready(&mut self, block_bytes: u64) -> Result<(), LogError> {
        if !self.ahead || block_bytes > ahead::BLOCK_BYTES_MAX {
            self.small_blocks = 0;
            return Ok(());
        }
        self.small_blocks = self.small_blocks.saturating_add(1);
        let Some(segment) = &mut self.segment else { return Err(LogError::Detached) };
        let needed = block_bytes + ahead::REST_BYTES_MAX;
        if self.small_blocks <= ahead::SMALL_BLOCKS_MIN || segment.has_room(needed) {
            return Ok(());
        }
        if segment.file_end == segment.good_end
            && segment.good_end + needed > ahead::unit_end(segment.good_end)
        {
            // It is appended, across the end of its unit, and the next one finds room.
            return Ok(());
        }
        if self.extend_room(false)?
            && let Some(segment) = &mut self.segment
        {
            segment.has_room(needed);
        }
        Ok(())
    }

    /// Makes room ready for blocks to come, where what is there will soon be used up. For when nobody waits for the disk.
    ///
    /// # Errors
    /// The writer is poisoned, now or before.
    pub fn make_room(&mut self) -> Result<(), LogError> {
        self.check_writable()?;
        let wants_room = |segment: &&Segment<D::File>| {
            let room = segment.file_end - segment.good_end;
            !segment.closed && (1..ahead::UNIT_BYTES / 2).contains(&room)
        };
        // After a disk without space has refused, not before some more blocks have come.
        let is_worth_it = self.ahead && self.small_blocks > ahead::SMALL_BLOCKS_MIN;
        if is_worth_it && self.segment.as_ref().is_some_and(|segment| wants_room(&segment)) {
            self.extend_room(true)?;
        }
        Ok(())
    }

    /// Fills the file up to the end of a unit; says whether there was space for that. If not, what room there was stays,
    /// or goes where it is too little for the block at hand.
    fn extend_room(&mut self, keeps_room: bool) -> Result<bool, LogError> {
        let Some(segment) = &mut self.segment else { return Err(LogError::Detached) };
        let to = ahead::unit_end(segment.file_end);
        if ahead::fill(&mut segment.file, segment.file_end, to).is_err() {
            // There may be space for the block itself.
            self.small_blocks = 0;
            let end = if keeps_room { segment.file_end } else { segment.good_end };
            return match segment.file.truncate(end) {
                Ok(()) => {
                    segment.file_end = end;
                    Ok(false)
                }
                Err(source) => Err(self.fail("cut", source)),
            };
        }
        segment.file_end = to;
        // Before there is a block in it: what a loss of power leaves must be blocks or lines, never what was there before.
        segment.file.sync_data().map_err(|source| self.fail("sync", source))?;
        Ok(true)
    }
}
