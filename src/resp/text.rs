//! Bytes that a client gave, within texts.
//!
//! Redis repeats them in its errors as they came. A text here is Unicode; so bytes that are none stand in it as characters
//! that nobody uses (the last of the last private plane), and become bytes again when the line is written.

use std::borrow::Cow;

/// The character that stands for byte 0; those for the others follow.
const FIRST: u32 = 0x10_FE00;
/// What the encodings of all these characters begin with: texts without it have none.
const BEGINS: u8 = 0xf4;

/// Bytes as a part of a text. Bytes that are the characters used here are hidden themselves, so that [`raw`] gives back
/// exactly what came.
pub fn shown(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && memchr::memchr(BEGINS, bytes).is_none()
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match byte_of(character) {
                Some(_) => hide(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut text),
                None => text.push(character),
            }
        }
        hide(chunk.invalid(), &mut text);
    }
    Cow::Owned(text)
}

/// The bytes of a text in which [`shown`] ones may stand.
pub fn raw(text: &str) -> Cow<'_, [u8]> {
    if memchr::memchr(BEGINS, text.as_bytes()).is_none() {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

fn byte_of(character: char) -> Option<u8> {
    u8::try_from(u32::from(character).checked_sub(FIRST)?).ok()
}

fn hide(bytes: &[u8], text: &mut String) {
    text.extend(bytes.iter().filter_map(|byte| char::from_u32(FIRST + u32::from(*byte))));
}

#[cfg(test)]
mod tests {
    use super::{raw, shown};
    use proptest::prelude::*;

    #[test]
    fn what_is_text_stays_as_it_is() {
        for text in ["", "key", "żółw", "\u{10ffff}\u{10fdff}\u{10ff00}"] {
            assert_eq!(shown(text.as_bytes()), text);
        }
        assert_eq!(&*raw(&format!("<{}>", shown(b"k\xff\xfe"))), b"<k\xff\xfe>");
    }

    proptest! {
        #[test]
        fn all_bytes_come_back(mut bytes in prop::collection::vec(any::<u8>(), 0..40), hidden in 0x10_FDF0..0x10_FF10_u32) {
            prop_assert_eq!(raw(&shown(&bytes)).into_owned(), bytes.clone());
            bytes.extend(char::from_u32(hidden).unwrap().to_string().bytes());
            bytes.push(0xf4);
            prop_assert_eq!(raw(&shown(&bytes)).into_owned(), bytes.clone());
        }
    }
}
