//! Sorted sets: members with scores one by one, or a packed form with scores as texts.

use super::{Damaged, Read, Reader, Texts, Value, Writer, string};
use dunlin_structures::number::parse_f64;

const NAN: Damaged = Damaged("a score that is no number");

/// Members with scores that `score` reads.
pub fn read<'a>(reader: &mut Reader<'a>, score: fn(&mut Reader<'a>) -> Read<f64>) -> Read<Value> {
    let (mut members, mut scores) = (Texts::new(), Vec::new());
    for _ in 0..reader.count()? {
        members.push(&string::read(reader)?);
        scores.push(score(reader).and_then(checked)?);
    }
    Ok(Value::Zset(members, scores))
}

fn checked(score: f64) -> Read<f64> {
    if score.is_nan() { Err(NAN) } else { Ok(score) }
}

/// A score as Redis before 4.0 wrote it: its text behind a length of one byte; the largest ones are no lengths.
pub fn text_score(reader: &mut Reader<'_>) -> Read<f64> {
    match reader.byte()? {
        255 => Ok(f64::NEG_INFINITY),
        254 => Ok(f64::INFINITY),
        253 => Err(NAN),
        len => parse_f64(reader.take(len.into())?).ok_or(NAN),
    }
}

/// A string with members and scores by turns.
pub fn read_packed(reader: &mut Reader<'_>, items: fn(&[u8]) -> Read<Texts>) -> Read<Value> {
    let items = items(&string::read(reader)?)?;
    if !items.len().is_multiple_of(2) {
        return Err(Damaged("a member without a score"));
    }
    let (mut members, mut scores) = (Texts::new(), Vec::new());
    for (member, score) in items.pairs() {
        members.push(member);
        scores.push(parse_f64(score).ok_or(NAN).and_then(checked)?);
    }
    Ok(Value::Zset(members, scores))
}

/// Writes a member that stands by itself. How many there are goes before the first.
pub fn write(writer: &mut Writer, member: &[u8], score: f64) {
    writer.string(member);
    writer.double(score);
}
