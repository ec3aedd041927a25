//! `bit`: operations on 32-bit integers.

use crate::error::Error;
use crate::frame::{Frame, Function};
use std::ffi::{CStr, c_int};

pub(crate) const FUNCTIONS: &[(&CStr, Function)] = &[
    (c"tobit", tobit),
    (c"bnot", bnot),
    (c"band", band),
    (c"bor", bor),
    (c"bxor", bxor),
    (c"lshift", lshift),
    (c"rshift", rshift),
    (c"arshift", arshift),
    (c"rol", rol),
    (c"ror", ror),
    (c"bswap", bswap),
    (c"tohex", tohex),
];

/// A number as 32 bits: rounded to the nearest integer, and cut off.
fn bits(frame: &Frame<'_>, index: c_int) -> Result<u32, Error> {
    // Adding 2^52 + 2^51 leaves the integer in the low bits of the double.
    frame.check_number(index).map(|number| (number + 6_755_399_441_055_744.0).to_bits() as u32)
}

fn push(frame: &mut Frame<'_>, bits: u32) -> Result<c_int, Error> {
    frame.push_number(f64::from(bits as i32));
    Ok(1)
}

fn tobit(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let bits = bits(frame, 1)?;
    push(frame, bits)
}

fn bnot(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let bits = bits(frame, 1)?;
    push(frame, !bits)
}

fn fold(frame: &mut Frame<'_>, operation: fn(u32, u32) -> u32) -> Result<c_int, Error> {
    let mut result = bits(frame, 1)?;
    // From the last on: it is complained about first.
    for index in (2..=frame.top()).rev() {
        result = operation(result, bits(frame, index)?);
    }
    push(frame, result)
}

fn band(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    fold(frame, |a, b| a & b)
}

fn bor(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    fold(frame, |a, b| a | b)
}

fn bxor(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    fold(frame, |a, b| a ^ b)
}

fn shift(frame: &mut Frame<'_>, operation: fn(u32, u32) -> u32) -> Result<c_int, Error> {
    let result = operation(bits(frame, 1)?, bits(frame, 2)? & 31);
    push(frame, result)
}

fn lshift(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    shift(frame, |a, n| a << n)
}

fn rshift(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    shift(frame, |a, n| a >> n)
}

fn arshift(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    shift(frame, |a, n| ((a as i32) >> n) as u32)
}

fn rol(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    shift(frame, u32::rotate_left)
}

fn ror(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    shift(frame, u32::rotate_right)
}

fn bswap(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let bits = bits(frame, 1)?;
    push(frame, bits.swap_bytes())
}

fn tohex(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let value = bits(frame, 1)?;
    let digits = if frame.top() < 2 { 8 } else { bits(frame, 2)? as i32 };
    let text = if digits < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    let count = digits.unsigned_abs().min(8) as usize;
    frame.push_bytes(&text.as_bytes()[8 - count..]);
    Ok(1)
}
