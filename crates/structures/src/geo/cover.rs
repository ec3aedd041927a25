//! Which cells cover a shape.

use super::cell::{Area, Cell, Position, STEPS_MAX};
use super::distance::{EARTH_RADIUS, Shape, degrees, radians};

/// Half of the equator on a Mercator map, in metres.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// The neighbours of a cell in the order in which they are searched, as steps to the east and to the north.
const AROUND: [(i32, i32); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// Ranges of scores, each from the first to before the second, that hold every position inside the shape, and others.
/// At most nine.
pub fn cover(middle: Position, shape: &Shape) -> impl Iterator<Item = (f64, f64)> + use<> {
    let bounds = bounds(middle, shape);
    let radius = match *shape {
        Shape::Circle { radius } => radius,
        Shape::Box { width, height } => {
            let (x, y) = (width / 2.0, height / 2.0);
            (x * x + y * y).sqrt()
        }
    };
    let mut steps = steps_for(radius, middle.latitude);
    let mut cell = Cell::of(middle, steps);
    // Where the middle is near a cell's edge, its neighbours may not reach far enough.
    if steps > 1 && !reaches(cell, &bounds) {
        steps -= 1;
        cell = Cell::of(middle, steps);
    }
    let area = cell.area();
    // Neighbours on a side where the cell itself reaches beyond the shape are of no use.
    let is_useful = move |east: i32, north: i32| {
        steps < 2
            || !((area.south < bounds.south && north < 0)
                || (area.north > bounds.north && north > 0)
                || (area.west < bounds.west && east < 0)
                || (area.east > bounds.east && east > 0))
    };
    let useful = AROUND.into_iter().filter(move |&(east, north)| is_useful(east, north));
    let mut last = None;
    // Of the largest cells some are neighbours on both sides.
    useful.map(move |(east, north)| cell.moved(east, north)).filter_map(move |cell| {
        let is_new = last.replace(cell) != Some(cell);
        is_new.then(|| cell.range())
    })
}

/// The shape's outermost degrees.
fn bounds(middle: Position, shape: &Shape) -> Area {
    let (width, height) = match *shape {
        Shape::Circle { radius } => (radius, radius),
        Shape::Box { width, height } => (width / 2.0, height / 2.0),
    };
    let Position { longitude, latitude } = middle;
    let up = degrees(height / EARTH_RADIUS);
    // A degree is shortest at the end nearer to the pole.
    let towards = if latitude < 0.0 { latitude - up } else { latitude + up };
    let aside = degrees(width / EARTH_RADIUS / radians(towards).cos());
    Area { west: longitude - aside, east: longitude + aside, south: latitude - up, north: latitude + up }
}

/// How fine a grid may be so that nine cells cover the radius.
fn steps_for(radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return STEPS_MAX;
    }
    let (mut radius, mut steps) = (radius, 1_i32);
    while radius < MERCATOR_MAX {
        radius *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Cells are narrower towards the poles.
    if latitude.abs() > 66.0 {
        steps -= 1;
    }
    if latitude.abs() > 80.0 {
        steps -= 1;
    }
    steps.clamp(1, STEPS_MAX as i32) as u32
}

fn reaches(cell: Cell, bounds: &Area) -> bool {
    cell.moved(0, 1).area().north >= bounds.north
        && cell.moved(0, -1).area().south <= bounds.south
        && cell.moved(1, 0).area().east >= bounds.east
        && cell.moved(-1, 0).area().west <= bounds.west
}
