//! Exchanges and effects. What redis-server 7.0.15 answers is compared by the differential suite.

use crate::command::testing::{check, check_effects};

const SICILY: &str = "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania";

#[test]
fn positions_are_stored_and_found() {
    check(&[
        (SICILY, ":2"),
        ("ZSCORE g Palermo", "$16|3479099956230698"),
        ("GEOHASH g Palermo nosuch", "*2|$11|sqc8b49rny0|$-1"),
        ("GEOPOS g Palermo nosuch", "*2|*2|$20|13.36138933897018433|$20|38.11555639549629859|*-1"),
        ("GEODIST g Palermo Catania", "$11|166274.1516"),
        ("GEODIST g Palermo Catania km", "$8|166.2742"),
        ("GEODIST g Palermo nosuch", "$-1"),
        ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", "*2|$7|Catania|$7|Palermo"),
        (
            "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km DESC WITHDIST",
            "*2|*2|$7|Palermo|$8|190.4424|*2|$7|Catania|$7|56.4413",
        ),
        ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km COUNT 1", "*1|$7|Palermo"),
        ("GEORADIUS g 15 37 100 km WITHHASH", "*1|*2|$7|Catania|:3479447370796909"),
        (
            "GEOSEARCH g FROMLONLAT 15 37 COUNT 1 ASC",
            "-ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH",
        ),
        (
            "GEOSEARCH g ASC ASC BYRADIUS 1 km",
            "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
        ),
        ("GEOADD g 200 10 a", "-ERR invalid longitude,latitude pair 200.000000,10.000000"),
    ]);
}

#[test]
fn scores_of_no_position_stand_for_what_the_processor_cuts_them_to() {
    check(&[
        ("ZADD z -3 a -0.5 b 1e19 c 1e20 d inf e -inf f 9223372036854775807 g", ":7"),
        (
            "GEOHASH z a b c d e f g",
            "*7|$11|bp05b5048p0|$11|00bh0hbj200|$11|bp05b5048p0|$11|00bh0hbj200|$11|00bh0hbj200|$11|00bh0hbj200|$11|00bh0hbj200",
        ),
        ("GEOPOS z a", "*1|*2|$3|180|$19|85.0511287799999991"),
        ("GEODIST z a b", "$13|18919844.5891"),
    ]);
}

#[test]
fn stored_results_are_effects() {
    check_effects(&[
        (SICILY, "0: GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"),
        (
            "GEORADIUS g 15 37 100 km STORE a STOREDIST STORE STORE b STORE d",
            "0: DEL d; 0: ZADD d 3479447370796909 Catania",
        ),
        ("GEORADIUSBYMEMBER g Catania 1 km STORE a COUNT 1 STOREDIST f", "0: DEL f; 0: ZADD f 0 Catania"),
        ("GEORADIUS g 15 37 100 km STORE d", "0: DEL d; 0: ZADD d 3479447370796909 Catania"),
        ("GEOSEARCHSTORE d nosuch FROMLONLAT 15 37 BYRADIUS 1 km", "0: DEL d"),
        ("GEOSEARCHSTORE d nosuch FROMLONLAT 15 37 BYRADIUS 1 km", ""),
    ]);
}
