//! Distances on the sphere, and what is inside of a shape.

use super::cell::Position;

/// The radius of the Earth that Redis computes with, in metres.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560856;

const RADIANS: f64 = std::f64::consts::PI / 180.0;

pub(super) fn radians(degrees: f64) -> f64 {
    degrees * RADIANS
}

pub(super) fn degrees(radians: f64) -> f64 {
    radians / RADIANS
}

/// What is searched around a position, in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Circle {
        radius: f64,
    },
    /// Its sides run along the meridians and parallels.
    Box {
        width: f64,
        height: f64,
    },
}

/// The distance along a meridian, in metres.
fn latitude_distance(one: f64, other: f64) -> f64 {
    EARTH_RADIUS * (radians(other) - radians(one)).abs()
}

/// The distance of two positions in metres, by the haversine formula.
pub fn distance(one: Position, other: Position) -> f64 {
    let across = ((radians(other.longitude) - radians(one.longitude)) / 2.0).sin();
    if across == 0.0 {
        return latitude_distance(one.latitude, other.latitude);
    }
    let (first, second) = (radians(one.latitude), radians(other.latitude));
    let along = ((second - first) / 2.0).sin();
    let root = along * along + first.cos() * second.cos() * across * across;
    2.0 * EARTH_RADIUS * root.sqrt().asin()
}

impl Shape {
    /// The distance of a position from the middle, if it is inside.
    pub fn distance_inside(&self, middle: Position, position: Position) -> Option<f64> {
        match *self {
            Self::Circle { radius } => {
                Some(distance(middle, position)).filter(|distance| *distance <= radius)
            }
            Self::Box { width, height } => {
                // The cheaper comparison first.
                if latitude_distance(position.latitude, middle.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Position { longitude: middle.longitude, ..position };
                (distance(position, beside) <= width / 2.0).then(|| distance(middle, position))
            }
        }
    }
}
