//! Cells of a grid, and the positions in their middles.

/// Longitudes reach from `-LONGITUDE_MAX` to this.
pub const LONGITUDE_MAX: f64 = 180.0;
/// Latitudes reach from `-LATITUDE_MAX` to this: nearer to the poles a Mercator map has no square cells.
pub const LATITUDE_MAX: f64 = 85.05112878;

/// Halvings of each range in a position: 52 bits fit into a double.
pub(super) const STEPS_MAX: u32 = 26;

/// Letters of a geohash.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// Degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub longitude: f64,
    pub latitude: f64,
}

/// A cell: the numbers of its column and row at a level of halving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    column: u32,
    row: u32,
    pub(super) steps: u32,
}

/// What a cell covers, in degrees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

/// Puts a zero before each bit.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Every second bit, from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

/// A degree's place in its range, which is symmetric, in halvings.
fn fraction(degrees: f64, max: f64, steps: u32) -> u32 {
    let offset = (degrees + max) / (max + max);
    (offset * (1_u64 << steps) as f64) as u32
}

impl Cell {
    pub(super) fn of(position: Position, steps: u32) -> Self {
        Self {
            column: fraction(position.longitude, LONGITUDE_MAX, steps),
            row: fraction(position.latitude, LATITUDE_MAX, steps),
            steps,
        }
    }

    fn bits(self) -> u64 {
        spread(self.row) | spread(self.column) << 1
    }

    /// The numbers of the positions in this cell: the first, and the first behind them.
    pub(super) fn range(self) -> (f64, f64) {
        let finer = 2 * (STEPS_MAX - self.steps);
        ((self.bits() << finer) as f64, ((self.bits() + 1) << finer) as f64)
    }

    /// The cell so many columns to the east and rows to the north, round the world.
    pub(super) fn moved(self, east: i32, north: i32) -> Self {
        let mask = (1_u32 << self.steps) - 1;
        // The easternmost longitude and the northernmost latitude have a column and a row of their own, outside the grid.
        let moved =
            |number: u32, by: i32| if by == 0 { number } else { number.wrapping_add_signed(by) & mask };
        Self { column: moved(self.column, east), row: moved(self.row, north), ..self }
    }

    pub(super) fn area(self) -> Area {
        let cells = (1_u64 << self.steps) as f64;
        let edge = |number: f64, max: f64| -max + number / cells * (max + max);
        // Scores that no position has may stand for numbers outside the grid: the one behind the last of all is the first.
        let (column, row) = (self.column, self.row);
        Area {
            west: edge(f64::from(column), LONGITUDE_MAX),
            east: edge(f64::from(column.wrapping_add(1)), LONGITUDE_MAX),
            south: edge(f64::from(row), LATITUDE_MAX),
            north: edge(f64::from(row.wrapping_add(1)), LATITUDE_MAX),
        }
    }
}

impl Position {
    /// Whether the position is one that can be stored.
    pub fn is_valid(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// The number that stands for the position, as a score.
    pub fn score(self) -> f64 {
        Cell::of(self, STEPS_MAX).bits() as f64
    }

    /// The middle of the cell that a score stands for.
    pub fn of_score(score: f64) -> Self {
        let bits = bits_of_score(score);
        let area = Cell { column: gather(bits >> 1), row: gather(bits), steps: STEPS_MAX }.area();
        Self {
            longitude: f64::midpoint(area.west, area.east).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: f64::midpoint(area.south, area.north).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }
}

/// A score cut to an integer, as Redis' builds for x86-64 do it: a negative one wraps, and what fits neither a signed nor an
/// unsigned integer leaves something of its own.
fn bits_of_score(score: f64) -> u64 {
    const TOP: u64 = 1 << 63;
    // What the processor makes of a number that no signed integer can hold.
    let signed =
        |number: f64| if number >= -(TOP as f64) && number < TOP as f64 { number as i64 as u64 } else { TOP };
    // Written so that no number at all takes the second way, as it does there.
    if score < TOP as f64 || score.is_nan() { signed(score) } else { signed(score - TOP as f64) ^ TOP }
}

/// The standard geohash of a position: of 52 bits, so the last of its eleven letters is always the first of the alphabet.
/// Its latitudes reach to the poles.
pub fn geohash(position: Position) -> [u8; 11] {
    let cell = Cell {
        column: fraction(position.longitude, LONGITUDE_MAX, STEPS_MAX),
        row: fraction(position.latitude, 90.0, STEPS_MAX),
        steps: STEPS_MAX,
    };
    let bits = cell.bits();
    let mut text = [ALPHABET[0]; 11];
    for (index, letter) in text.iter_mut().take(10).enumerate() {
        *letter = ALPHABET[(bits >> (52 - 5 * (index + 1))) as usize & 31];
    }
    text
}
