//! Shell-like patterns, for CONFIG GET and `include`: `*`, `?`, `[a-c]`, `[^a]`, `\x`.

/// Does the pattern have a character that is special?
pub(super) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[".contains(byte))
}

/// Matches a whole text. `fold` ignores the case of ASCII letters. Backtracks only to the last star, so that it takes
/// at most the product of both lengths.
pub(super) fn matches(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut pattern_at, mut text_at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while text_at < text.len() {
        if pattern.get(pattern_at) == Some(&b'*') {
            retry = Some((pattern_at + 1, text_at));
            pattern_at += 1;
            continue;
        }
        if let Some(length) = match_one(&pattern[pattern_at..], text[text_at], fold) {
            pattern_at += length;
            text_at += 1;
            continue;
        }
        let Some((after_star, star_text)) = retry else { return false };
        retry = Some((after_star, star_text + 1));
        (pattern_at, text_at) = (after_star, star_text + 1);
    }
    pattern[pattern_at..].iter().all(|&byte| byte == b'*')
}

/// Matches one byte of text; gives the length of the pattern's part that did.
fn match_one(pattern: &[u8], byte: u8, fold: bool) -> Option<usize> {
    let same = |left: u8, right: u8| if fold { left.eq_ignore_ascii_case(&right) } else { left == right };
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => {
            let (hit, length) = match_class(class, byte, fold);
            hit.then_some(length + 1)
        }
        [b'\\', escaped, ..] => same(*escaped, byte).then_some(2),
        [plain, ..] => same(*plain, byte).then_some(1),
    }
}

/// Matches against what follows `[`; gives the length up to and with `]` (or the end, if it is missing).
fn match_class(class: &[u8], byte: u8, fold: bool) -> (bool, usize) {
    let lower = |byte: u8| if fold { byte.to_ascii_lowercase() } else { byte };
    let byte = lower(byte);
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut hit = false;
    loop {
        match &class[at..] {
            [] => return (hit != negated, at),
            [b']', ..] => return (hit != negated, at + 1),
            [b'\\', escaped, ..] => {
                hit |= lower(*escaped) == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                let (first, last) = (lower(*first).min(lower(*last)), lower(*first).max(lower(*last)));
                hit |= (first..=last).contains(&byte);
                at += 3;
            }
            [plain, ..] => {
                hit |= lower(*plain) == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, expect) in [
            ("", "", true),
            ("*", "", true),
            ("*", "abc", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*max*", "hash-max-listpack", true),
            ("MaX*", "maxmemory", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[\\]]", "]", true),
            ("[ab", "b", true),
            ("a**b", "ab", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), true), expect, "{pattern} {text}");
        }
        assert!(!matches(b"A", b"a", false));
    }

    proptest! {
        #[test]
        fn matching_arbitrary_bytes_never_panics(pattern in any::<Vec<u8>>(), text in any::<Vec<u8>>()) {
            matches(&pattern, &text, true);
        }
    }
}
