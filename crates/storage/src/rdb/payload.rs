//! What DUMP answers: a value with its type before it, version and sum behind it.

use super::{Damaged, Read, Reader, VERSION_MAX, VERSION_VALKEY, Value, Writer, crc64, decode};

const VERSION_BYTES: usize = 2;
const SUM_BYTES: usize = 8;

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("a payload of a version that is not known, or whose checksum is wrong")]
    Unsealed,
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// Puts version and sum behind a value with its type.
pub fn seal(writer: Writer, version: u16) -> Vec<u8> {
    let mut bytes = writer.bytes;
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&crc64::sum(&bytes).to_le_bytes());
    bytes
}

/// What stands between a payload's beginning and its seal, and the version in that.
pub fn unseal(payload: &[u8]) -> Option<(&[u8], u16)> {
    // A type, and a byte of a value at least.
    unseal_any(payload).filter(|(body, _)| body.len() >= 2)
}

/// The same, where there may be nothing between (FUNCTION DUMP).
pub fn unseal_any(payload: &[u8]) -> Option<(&[u8], u16)> {
    let (sealed, sum) = payload.split_last_chunk::<SUM_BYTES>()?;
    let (body, version) = sealed.split_last_chunk::<VERSION_BYTES>()?;
    let version = u16::from_le_bytes(*version);
    let is_known = version <= VERSION_MAX || version >= VERSION_VALKEY;
    (is_known && crc64::sum(sealed) == u64::from_le_bytes(*sum)).then_some((body, version))
}

/// The payload with the sum that it should have.
pub fn reseal(payload: &[u8]) -> Option<Vec<u8>> {
    let (sealed, _) = payload.split_last_chunk::<SUM_BYTES>()?;
    Some([sealed, &crc64::sum(sealed).to_le_bytes()].concat())
}

/// The value in a payload.
pub fn open(payload: &[u8]) -> Result<Value, Refused> {
    let (body, version) = unseal(payload).ok_or(Refused::Unsealed)?;
    Ok(open_body(body, version)?)
}

/// The value in what is sealed.
pub fn open_body(body: &[u8], version: u16) -> Read<Value> {
    let mut reader = Reader::new(body);
    let kind = reader.byte()?;
    let value = decode(kind, &mut reader, version)?;
    if !reader.rest().is_empty() {
        return Err(Damaged("bytes behind the value"));
    }
    Ok(value)
}
