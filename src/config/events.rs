//! The letters of `notify-keyspace-events`. Knows no events, only their letters.

/// The classes that `A` stands for, in the order in which Redis shows them.
const ALL: &[u8] = b"g$lshzxetd";

/// Those that `A` leaves out.
const EXTRA: &[u8] = b"KEmn";

/// The letters in Redis' order, with `A` for all classes; `None` if one is unknown.
pub(super) fn canonical(letters: &[u8]) -> Option<Vec<u8>> {
    if !letters.iter().all(|letter| *letter == b'A' || ALL.contains(letter) || EXTRA.contains(letter)) {
        return None;
    }
    let named = |letter: &&u8| letters.contains(letter);
    let everything = letters.contains(&b'A') || ALL.iter().all(|letter| letters.contains(letter));
    let mut shown = if everything { b"A".to_vec() } else { ALL.iter().filter(named).copied().collect() };
    if !everything && letters.contains(&b'n') {
        shown.push(b'n');
    }
    shown.extend(b"KEm".iter().filter(named));
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::canonical;

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
            ("q", None),
        ] {
            assert_eq!(canonical(letters.as_bytes()).as_deref(), expect.map(str::as_bytes), "{letters}");
        }
    }
}
