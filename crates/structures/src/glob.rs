//! Glob patterns as KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and ACL rules understand them.
//!
//! The dialect is Redis' own, with its corners: `[^a-z]` negates but `!` doesn't, ranges may stand in any order, a
//! class that is never closed ends with the pattern, `]` right after `[` closes an empty class, an escaped byte in a
//! class is compared case-sensitively, ranges compare signed bytes, and the empty text matches only the empty pattern
//! (not `*`; callers who mean "everything" test for that first).
//!
//! Redis tries stars by recursion, cuts it off when no longer match can help, and gives up after a thousand stars. Here
//! only the last star is ever retried, which finds the same matches in O(pattern × text) time and no memory: what lies
//! between two stars may always be matched as far left as possible. Giving up is imitated, since clients can see it.

/// A pattern with more stars than these, but for one at its end, matches nothing. Stars in a row count as one.
const STARS_MAX: usize = 1000;

/// Whether the whole of `text` matches `pattern`. With `ignore_case`, ASCII letters match in either case.
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at_pattern, mut at_text) = (0, 0);
    // After the last star seen: where its rest of the pattern starts, and the text position that rest was tried at.
    let mut last_star: Option<(usize, usize)> = None;
    let mut stars = 0;
    while at_text < text.len() {
        if pattern.get(at_pattern) == Some(&b'*') {
            at_pattern += pattern[at_pattern..].iter().take_while(|&&byte| byte == b'*').count();
            if at_pattern == pattern.len() {
                return true;
            }
            // None is met twice: what is retried comes after the last one.
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            last_star = Some((at_pattern, at_text));
            continue;
        }
        match match_one(&pattern[at_pattern..], text[at_text], ignore_case) {
            Some(length) => {
                at_pattern += length;
                at_text += 1;
            }
            None => {
                let Some((after_star, tried)) = last_star else { return false };
                last_star = Some((after_star, tried + 1));
                (at_pattern, at_text) = (after_star, tried + 1);
            }
        }
    }
    pattern[at_pattern..].iter().all(|&byte| byte == b'*')
}

/// Matches one byte against the element at the start of `pattern`; `Some` of the element's length if it fits.
#[inline]
fn match_one(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    let (wanted, length) = match *pattern {
        [] => return None,
        [b'?', ..] => return Some(1),
        [b'[', ..] => return match_class(pattern, byte, ignore_case),
        [b'\\', escaped, ..] => (escaped, 2),
        [literal, ..] => (literal, 1),
    };
    same(wanted, byte, ignore_case).then_some(length)
}

/// Like [`match_one`], for an element that starts with `[`.
fn match_class(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                found |= in_range(from, to, byte, ignore_case);
                at += 3;
            }
            [member, ..] => {
                found |= same(member, byte, ignore_case);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[inline]
fn same(one: u8, other: u8, ignore_case: bool) -> bool {
    one == other || (ignore_case && one.eq_ignore_ascii_case(&other))
}

/// The ends are put in order first and lowered to one case after that, both as C does it with signed characters.
fn in_range(from: u8, to: u8, byte: u8, ignore_case: bool) -> bool {
    let (low, high) = if from.cast_signed() <= to.cast_signed() { (from, to) } else { (to, from) };
    let fold = |byte: u8| if ignore_case { byte.to_ascii_lowercase() } else { byte }.cast_signed();
    (fold(low)..=fold(high)).contains(&fold(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every star tries every length: exponential, and obviously right.
    fn matches_by_trying(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => {
                (0..=text.len()).any(|skip| matches_by_trying(rest, &text[skip..], ignore_case))
            }
            _ => text
                .split_first()
                .and_then(|(&byte, rest)| Some((match_one(pattern, byte, ignore_case)?, rest)))
                .is_some_and(|(length, rest)| matches_by_trying(&pattern[length..], rest, ignore_case)),
        }
    }

    // Each answer was also asked of redis-server 7.0.15 (SSCAN ... MATCH).
    #[test]
    fn the_dialect() {
        for (pattern, yes, no) in [
            ("", &[""][..], &["a"][..]),
            ("*", &["a", "abc"], &[""]),
            ("a*", &["a", "ab"], &["", "ba"]),
            ("*a", &["a", "ba", "aa"], &["ab"]),
            ("**a**", &["a", "xax"], &["x"]),
            ("h?llo", &["hello", "hallo"], &["hllo", "heello"]),
            ("h[ae]llo", &["hello", "hallo"], &["hillo"]),
            ("h[^e]llo", &["hallo", "hbllo"], &["hello"]),
            ("h[!e]llo", &["h!llo", "hello"], &["hallo"]),
            ("[a-c]x", &["ax", "bx", "cx"], &["dx", "-x"]),
            ("[c-a]x", &["ax", "bx", "cx"], &["dx", "-x"]),
            ("[a-]x", &["a", "^", "x"], &["ax", "-x", "b"]),
            ("[a-", &["a", "-"], &["b", "[a-"]),
            ("[", &[], &["[", ""]),
            ("[]", &[], &["[]", "]"]),
            ("[]a]", &[], &["]a]", "a", "]"]),
            ("[^", &["x", "^"], &["", "xx"]),
            ("[^]", &["x"], &["", "xx"]),
            ("[\\]]", &["]"], &["\\"]),
            ("[\\", &["\\"], &["a"]),
            ("[a\\-z]", &["a", "-", "z"], &["b"]),
            ("a\\*", &["a*"], &["ab", "a\\*"]),
            ("a\\", &["a\\"], &["a"]),
            ("\\a", &["a"], &["\\a"]),
            ("[*]", &["*"], &["a"]),
            ("*[0-9]*z", &["a1z", "1zz"], &["z1", "az"]),
        ] {
            for text in yes {
                assert!(matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
            }
            for text in no {
                assert!(!matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn ignoring_case() {
        for (pattern, text, expected) in [
            ("HeLLo*", "hellO!", true),
            ("[A-C]", "b", true),
            ("[a-c]", "B", true),
            ("[xY]", "y", true),
            ("[\\Y]", "y", false),
            ("\\Y", "y", true),
            // Ordered as "Z" to "a", lowered to "z" to "a": empty.
            ("[a-Z]", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), true), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn ranges_compare_signed_bytes() {
        assert!(matches(b"[\x7f-\x80]", b"a", false));
        assert!(!matches(b"[\x80-\x90]", b"a", false));
        assert!(matches(b"[\x80-\x90]", b"\x85", false));
    }

    // Asked of redis-server 7.0.15 as well (KEYS).
    #[test]
    fn many_stars_take_no_longer_and_too_many_match_nothing() {
        let text = b"a".repeat(6_000);
        for (stars, matched) in [(1_000, true), (1_001, false)] {
            assert_eq!(matches(&b"*?".repeat(stars), &text, false), matched);
            assert_eq!(matches(&[&b"*?".repeat(stars), &b"*"[..]].concat(), &text, false), matched);
            assert_eq!(matches(&[&b"a**".repeat(stars), &b"a"[..]].concat(), &text, false), matched);
        }
        assert!(matches(&b"a*".repeat(1_001), &text, false), "the last one does not count");
        assert!(!matches(&[&b"a*".repeat(1_000), &b"b"[..]].concat(), &text, false));
    }

    proptest! {
        #[test]
        fn equals_trying_everything(
            pattern in "[ab*?\\[\\]^\\\\-]{0,12}",
            text in "[abB\\]-]{1,10}",
            ignore_case: bool,
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text, ignore_case), matches_by_trying(pattern, text, ignore_case));
        }
    }
}
