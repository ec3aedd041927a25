//! `string.rep`.
//!
//! Lua's own goes on as long as it is told, even with nothing to repeat, while no hook is called.

use crate::error::Error;
use crate::frame::{Frame, Function};
use crate::vm::NO_MEMORY;
use std::ffi::{CStr, c_int};

pub(crate) const FUNCTIONS: &[(&CStr, Function)] = &[(c"rep", rep)];

fn rep(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    frame.check_bytes(1)?;
    // As C cuts it off.
    let count = frame.check_integer(2)? as c_int;
    let mut out = std::mem::take(&mut frame.host().text);
    out.clear();
    let text = frame.bytes(1).unwrap_or_default();
    let wanted = text.len().checked_mul(usize::try_from(count).unwrap_or(0)).ok_or(NO_MEMORY)?;
    // It is there twice in the end.
    frame.check_memory(wanted.saturating_mul(2))?;
    out.reserve(wanted);
    match text {
        [] => {}
        [byte] => out.resize(wanted, *byte),
        // What is there is doubled as long as it fits.
        _ if wanted > 0 => {
            out.extend_from_slice(text);
            while out.len() < wanted {
                let more = out.len().min(wanted - out.len());
                out.extend_from_within(..more);
            }
        }
        _ => {}
    }
    frame.spend(wanted / 16)?;
    frame.host().text = out;
    frame.push_text();
    Ok(1)
}
