//! The letters of `notify-keyspace-events` and their bits. Knows no events.

/// The bit of each letter, as in Redis; those that `A` stands for first, and all in the order in which Redis shows them.
const BITS: &[(u8, u32)] = &[
    (b'g', 1 << 2),
    (b'$', 1 << 3),
    (b'l', 1 << 4),
    (b's', 1 << 5),
    (b'h', 1 << 6),
    (b'z', 1 << 7),
    (b'x', 1 << 8),
    (b'e', 1 << 9),
    (b't', 1 << 10),
    (b'd', 1 << 13),
    (b'n', 1 << 14),
    (b'K', 1 << 0),
    (b'E', 1 << 1),
    (b'm', 1 << 11),
];

/// What `A` stands for.
const ALL: u32 = 0x27fc;
const NEW: u32 = 1 << 14;

/// The bits that letters stand for; `None` if one is unknown.
pub(super) fn bits(letters: &[u8]) -> Option<u32> {
    let bit = |letter: u8| match letter {
        b'A' => Some(ALL),
        _ => BITS.iter().find(|(known, _)| *known == letter).map(|(_, bit)| *bit),
    };
    letters.iter().try_fold(0, |set, letter| Some(set | bit(*letter)?))
}

/// The letters as Redis shows them: beside `A` it forgets the `n`.
pub(super) fn shown(bits: u32) -> Vec<u8> {
    written(if bits & ALL == ALL { bits & !NEW } else { bits })
}

/// The letters of all bits.
pub(super) fn written(bits: u32) -> Vec<u8> {
    let everything = bits & ALL == ALL;
    let named = |(_, bit): &&(u8, u32)| bits & bit != 0 && !(everything && ALL & bit != 0);
    let all = everything.then_some(b'A');
    all.into_iter().chain(BITS.iter().filter(named).map(|(letter, _)| *letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::{bits, shown, written};

    #[test]
    fn letters_come_in_redis_order() {
        for (letters, expect) in [
            ("", Some("")),
            ("A", Some("A")),
            ("KEA", Some("AKE")),
            ("g$lshzxetd", Some("A")),
            ("Ex", Some("xE")),
            ("mKE$g", Some("g$KEm")),
            ("Kn", Some("nK")),
            ("AKn", Some("AK")),
            ("q", None),
        ] {
            assert_eq!(
                bits(letters.as_bytes()).map(shown).as_deref(),
                expect.map(str::as_bytes),
                "{letters}"
            );
        }
    }

    #[test]
    fn letters_stand_for_bits_and_back() {
        for (letters, expect) in [("", 0), ("xKE", 0x103), ("A", 0x27fc), ("Anm", 0x6ffc), ("nm", 0x4800)] {
            assert_eq!(bits(letters.as_bytes()), Some(expect), "{letters}");
            assert_eq!(written(expect), letters.as_bytes());
        }
    }
}
