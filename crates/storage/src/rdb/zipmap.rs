//! Zipmaps, as Redis before 2.6 wrote small hashes.
//!
//! ```text
//! fields 1 (254: unknown) │ (length │ field │ length │ unused 1 │ value │ unused bytes).. │ FF
//!
//! length:  1, or FE and 4 from 254 on
//! ```

use super::{Damaged, Read, Reader, Texts};

const END: u8 = 0xff;
const LONG: u8 = 0xfe;

/// Fields and values by turns.
pub fn items(bytes: &[u8]) -> Read<Texts> {
    let mut reader = Reader::new(bytes);
    let count = reader.byte()?;
    let mut texts = Texts::new();
    while reader.rest() != [END] {
        let len = length(&mut reader)?;
        texts.push(reader.take(len)?);
        let len = length(&mut reader)?;
        let unused = reader.byte()?;
        texts.push(reader.take(len)?);
        reader.take(unused.into())?;
    }
    if count < LONG && usize::from(count) != texts.len() / 2 {
        return Err(Damaged("a zipmap whose number of fields is wrong"));
    }
    Ok(texts)
}

fn length(reader: &mut Reader<'_>) -> Read<u64> {
    match reader.byte()? {
        END => Err(Damaged("a zipmap that ends in the middle of a field")),
        // A short length in the long form is one that Redis never wrote, and takes for an attack.
        LONG => match u32::from_le_bytes(reader.array()?) {
            len if len < LONG.into() => Err(Damaged("a zipmap's length that is too long for what it says")),
            len => Ok(len.into()),
        },
        short => Ok(short.into()),
    }
}
