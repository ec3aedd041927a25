use proptest::prelude::*;

use super::{LATITUDE_MAX, LONGITUDE_MAX, Position, Shape, cover, distance, geohash};

const PALERMO: Position = Position { longitude: 13.361389, latitude: 38.115556 };
const CATANIA: Position = Position { longitude: 15.087269, latitude: 37.502669 };

#[test]
fn positions_have_the_numbers_that_redis_gives_them() {
    assert_eq!(PALERMO.score(), 3_479_099_956_230_698.0);
    assert_eq!(CATANIA.score(), 3_479_447_370_796_909.0);
    let (palermo, catania) = (Position::of_score(PALERMO.score()), Position::of_score(CATANIA.score()));
    assert_eq!(palermo, Position { longitude: 13.361_389_338_970_184, latitude: 38.115_556_395_496_3 });
    assert_eq!(&geohash(palermo), b"sqc8b49rny0");
    assert_eq!(&geohash(catania), b"sqdtr74hyu0");
    assert_eq!(format!("{:.4}", distance(palermo, catania)), "166274.1516");
}

#[test]
fn the_corner_of_the_map_is_found() {
    let corner = Position { longitude: LONGITUDE_MAX, latitude: LATITUDE_MAX };
    let mut ranges = cover(Position::of_score(corner.score()), &Shape::Circle { radius: 0.0 });
    assert!(ranges.any(|(from, to)| (from..to).contains(&corner.score())));
}

fn position() -> impl Strategy<Value = Position> {
    (-LONGITUDE_MAX..LONGITUDE_MAX, -LATITUDE_MAX..LATITUDE_MAX)
        .prop_map(|(longitude, latitude)| Position { longitude, latitude })
}

proptest! {
    #[test]
    fn a_score_is_less_than_a_metre_away(position in position()) {
        prop_assert!(distance(position, Position::of_score(position.score())) < 1.0);
    }

    /// Away from the poles and the date line, where Redis' cover has gaps.
    #[test]
    fn what_is_inside_is_covered(
        (longitude, latitude) in (-100.0..100.0, -60.0..60.0),
        (east, north) in (-1.0..1.0, -1.0..1.0),
        metres in prop_oneof![1.0..100.0, 100.0..1e4, 1e4..1e6],
        is_box in any::<bool>(),
    ) {
        let middle = Position { longitude, latitude };
        let degrees = metres / 100_000.0;
        let position = Position { longitude: longitude + east * degrees, latitude: latitude + north * degrees };
        let shape = match is_box {
            true => Shape::Box { width: metres, height: metres * 0.7 },
            false => Shape::Circle { radius: metres },
        };
        let position = Position::of_score(position.score());
        if shape.distance_inside(middle, position).is_some() {
            let score = position.score();
            let covering = cover(middle, &shape).filter(|(from, to)| (from..to).contains(&&score)).count();
            prop_assert_eq!(covering, 1);
        }
    }
}
