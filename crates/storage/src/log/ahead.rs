//! Room made ready behind the end of the file, so that a sync has no change of the file's size to write.
//!
//! A file system that appends must record the new size and the new place with each sync: two or three waits for the
//! disk in place of one. So, while every write is synced, a stretch of the file is filled with lines that mean nothing,
//! synced, and then overwritten block by block:
//!
//! ```text
//! ...block│block│######\n│###############\n│###############\n│ ... │###############\n│   end of the unit and the file
//!                ▲ the next block; what it leaves of a line is written anew with it
//! ```
//!
//! At any time the file is whole commands and lines that begin with `#`, which Redis skips, so Redis reads and appends to
//! it as ever. What a loss of power leaves of a block must not pass for something that Redis appended. So no block
//! lies across the end of a unit, and behind such lines the reader takes for Redis' only what begins there.

use crate::disk::DiskFile;
use std::io::{self, IoSlice};

/// Files are made ready up to multiples of so many bytes. Part of the format.
pub(super) const UNIT_BYTES: u64 = if cfg!(test) { 1024 } else { 128 * 1024 };

/// Larger blocks are appended: to write them twice costs more than the size does.
pub(super) const BLOCK_BYTES_MAX: u64 = if cfg!(test) { 400 } else { 32 * 1024 };

/// After so many small blocks in a row it is worth it.
pub(super) const SMALL_BLOCKS_MIN: u32 = if cfg!(test) { 1 } else { 32 };

/// A line's length; its last byte is the line's end.
const LINE_BYTES: u64 = 64;

/// The longest rest of a line: the last byte of one by itself goes on to the end of the next.
pub(super) const REST_BYTES_MAX: u64 = LINE_BYTES + 1;

/// Whether a line is one of these, or the rest of one.
pub(super) fn is_line(line: &[u8]) -> bool {
    (2..=REST_BYTES_MAX).contains(&(line.len() as u64))
        && line.strip_suffix(b"\n").is_some_and(|marks| marks.iter().all(|&byte| byte == b'#'))
}

/// Whether a stretch may have this byte there.
pub(super) fn may_stand_at(offset: u64, byte: u8) -> bool {
    match offset % LINE_BYTES {
        63 => byte == b'\n' || byte == b'#',
        _ => byte == b'#',
    }
}

/// Where the unit ends that the byte at `offset` lies in.
pub(super) fn unit_end(offset: u64) -> u64 {
    (offset / UNIT_BYTES + 1) * UNIT_BYTES
}

/// What must follow a block that ends at `offset` in a filled stretch: the rest of the line there.
pub(super) fn rest_of_line(offset: u64) -> Vec<u8> {
    match offset % LINE_BYTES {
        0 => Vec::new(),
        63 => lines(offset, offset + REST_BYTES_MAX),
        place => lines(offset, offset - place + LINE_BYTES),
    }
}

/// The bytes of a filled stretch.
fn lines(from: u64, to: u64) -> Vec<u8> {
    let mut bytes = vec![b'#'; (to - from) as usize];
    // A line's end as the first byte would end what stands before the stretch.
    let first_end = (from + 1).next_multiple_of(LINE_BYTES) - 1;
    let first_end = if first_end == from { from + LINE_BYTES } else { first_end };
    for end in bytes.iter_mut().skip((first_end - from) as usize).step_by(LINE_BYTES as usize) {
        *end = b'\n';
    }
    bytes
}

/// Fills a file of `len_bytes` bytes up to `to` and makes that durable.
pub(super) fn fill<F: DiskFile>(file: &mut F, len_bytes: u64, to: u64) -> io::Result<()> {
    write_all_at(file, len_bytes, &mut [IoSlice::new(&lines(len_bytes, to))])
}

/// Writes all parts at an offset, going on after short writes.
pub(super) fn write_all_at<F: DiskFile>(
    file: &mut F,
    mut offset: u64,
    mut parts: &mut [IoSlice<'_>],
) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_at(offset, parts)? {
            0 => return Err(io::Error::new(io::ErrorKind::WriteZero, "the disk took no bytes")),
            n => {
                offset += n as u64;
                IoSlice::advance_slices(&mut parts, n);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_lines_wherever_it_begins() {
        for from in 0..200 {
            let bytes = lines(from, unit_end(from));
            assert!(bytes.split_inclusive(|&byte| byte == b'\n').all(is_line), "from {from}");
            let rest = rest_of_line(from);
            assert!(rest.is_empty() || is_line(&rest), "from {from}");
            assert_eq!((from + rest.len() as u64) % LINE_BYTES, 0);
        }
        for other in [&b"\n"[..], b"##", b"#TS:1\n", b"# \n", b"##\r\n"] {
            assert!(!is_line(other));
        }
    }
}
