//! The geo family: positions on Earth, stored as scores of sorted sets.
//!
//! * [`add`] stores positions, [`look`] answers with them and with distances.
//! * [`search`] finds what is near; [`query`] reads what it is asked.
//!
//! The arithmetic is [`dunlin_structures::geo`]; a key is an ordinary sorted set, so ZRANGE and ZREM work on it.

pub mod add;
pub mod look;
pub mod query;
pub mod search;
#[cfg(test)]
mod tests;

use crate::resp::{Args, CommandError, Reply};
use dunlin_structures::geo::Position;
use dunlin_structures::number::parse_f64;

/// The longitude and latitude that stand at `index`.
fn position(args: &Args<'_>, index: usize) -> Result<Position, CommandError> {
    let longitude = parse_f64(args.at(index)).ok_or(CommandError::NotAFloat)?;
    let latitude = parse_f64(args.at(index + 1)).ok_or(CommandError::NotAFloat)?;
    let position = Position { longitude, latitude };
    if position.is_valid() {
        Ok(position)
    } else {
        let text = format!("invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        Err(CommandError::formatted(text))
    }
}

/// Metres of a unit.
fn unit(word: &[u8]) -> Result<f64, CommandError> {
    match word.to_ascii_lowercase().as_slice() {
        b"m" => Ok(1.0),
        b"km" => Ok(1000.0),
        b"ft" => Ok(0.3048),
        b"mi" => Ok(1609.34),
        _ => Err(CommandError::text("unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// A distance with four decimals, as a bulk in both protocols.
fn reply_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}

/// Longitude and latitude with up to 17 decimals.
fn reply_position(reply: &mut Reply<'_>, position: Position) {
    reply.array(2);
    for degrees in [position.longitude, position.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        reply.double_text(if text == "-0" { b"0" } else { text.as_bytes() });
    }
}
