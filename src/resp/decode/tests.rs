use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { bulk_len_max: 512 << 20, unauthenticated: false };

/// Feeds `input` in pieces that end at the given places, as a connection does, and returns the requests found.
fn feed(input: &[u8], cuts: &[usize]) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let mut decoder = Decoder::default();
    let (mut buffer, mut start, mut requests) = (Vec::new(), 0, Vec::new());
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    ends.push(input.len());
    ends.sort_unstable();
    let mut fed = 0;
    for end in ends {
        buffer.extend_from_slice(&input[fed..end]);
        fed = end;
        loop {
            let mut spans = Vec::new();
            match decoder.next(&mut buffer, start, LIMITS, &mut spans) {
                Ok(Found::Request { end }) => {
                    requests.push(spans.iter().map(|span| span.of(&buffer).to_vec()).collect());
                    start = end;
                }
                Ok(Found::Nothing { end }) => start = end,
                Ok(Found::Incomplete) => {
                    assert!(spans.is_empty());
                    break;
                }
                Err(error) => return (requests, Some(error)),
            }
        }
        // A connection drops what it has executed.
        buffer.drain(..start);
        start = 0;
    }
    (requests, None)
}

fn check(input: &str, expect: &[&[&str]], error: Option<ProtocolError>) {
    let expect: Vec<Vec<Vec<u8>>> =
        expect.iter().map(|r| r.iter().map(|arg| arg.as_bytes().to_vec()).collect()).collect();
    assert_eq!(feed(input.as_bytes(), &[]), (expect.clone(), error), "{input:?}");
    let every_byte: Vec<usize> = (0..input.len()).collect();
    assert_eq!(feed(input.as_bytes(), &every_byte), (expect, error), "{input:?} a byte at a time");
}

#[test]
fn requests_in_any_pieces() {
    check("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", &[&["GET", "a"], &["PING"]], None);
    check("*0\r\n*-1\r\n\r\nPING\r\n", &[&["PING"]], None);
    check("set a 'b c' \"d\\x41\\n\"\r\nget  a\n", &[&["set", "a", "b c", "dA\n"], &["get", "a"]], None);
    check("\0\r\n \0x\r\nget a\0b c\nget \0a\n", &[&["get", "a"], &["get"]], None);
    check("*1\r\n$0\r\n\r\n", &[&[""]], None);
    check("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n0123456789ab\r\n", &[&["SET", "k", "0123456789ab"]], None);
}

/// Requests of so many arguments take another way than short ones.
#[test]
fn requests_of_many_arguments_in_any_pieces() {
    for count in [ARGS_AT_ONCE, ARGS_AT_ONCE + 1, 3 * ARGS_AT_ONCE] {
        let words: Vec<Vec<u8>> = (0..count).map(|number| number.to_string().into_bytes()).collect();
        let mut input = format!("*{count}\r\n").into_bytes();
        for word in &words {
            input.extend(format!("${}\r\n", word.len()).bytes().chain(word.iter().copied()).chain(*b"\r\n"));
        }
        input.extend(b"*1\r\n$4\r\nPING\r\n");
        let expected = (vec![words, vec![b"PING".to_vec()]], None);
        let every_byte: Vec<usize> = (0..input.len()).collect();
        for cuts in [&[][..], &[1], &[9], &[input.len() / 2, input.len() - 20], &every_byte] {
            assert_eq!(feed(&input, cuts), expected, "{count} {}", cuts.len());
        }
        // What is wrong in the middle is found there.
        let middle = b"\r\n$3\r\n900\r\n";
        let at = input.windows(middle.len()).position(|bytes| bytes == middle).expect("there are as many");
        let wrong = [&input[..at + 2], b":", &input[at + 3..]].concat();
        for cuts in [&[][..], &every_byte] {
            assert_eq!(feed(&wrong, cuts), (vec![], Some(ProtocolError::ExpectedDollar(b':'))), "{count}");
        }
    }
}

#[test]
fn malformed_requests() {
    use ProtocolError::*;
    check("*x\r\n", &[], Some(InvalidMultibulkLength));
    check("*01\r\n", &[], Some(InvalidMultibulkLength));
    check("*2147483648\r\n", &[], Some(InvalidMultibulkLength));
    check("*1\r\n$-5\r\n", &[], Some(InvalidBulkLength));
    check("*1\r\n$536870913\r\n", &[], Some(InvalidBulkLength));
    check("*1\r\n:5\r\n", &[], Some(ExpectedDollar(b':')));
    check("set a \"b\r\n", &[], Some(UnbalancedQuotes));
    check("set a \"b\"c\r\n", &[], Some(UnbalancedQuotes));
}

/// However they come: in one piece longer ones were taken.
#[test]
fn inline_requests_are_64_kib_at_most() {
    for (len, is_taken) in [(INLINE_LEN_MAX, true), (INLINE_LEN_MAX + 1, false)] {
        let input = [vec![b'x'; len], b"\n".to_vec()].concat();
        for cuts in [&[][..], &[len], &[len - 1, len]] {
            let (requests, error) = feed(&input, cuts);
            assert_eq!((requests.len() == 1, error.is_none()), (is_taken, is_taken), "{len}, {cuts:?}");
        }
    }
}

#[test]
fn inline_requests_of_many_words_end_soon() {
    for (len, whole) in [(INLINE_LEN_MAX, true), (INLINE_LEN_MAX + 1, false), (10 * INLINE_LEN_MAX, false)] {
        let line = [&b"ECHO "[..], &b"a ".repeat(len)[..len - 5], b"\nPING\n"].concat();
        let (requests, error) = feed(&line, &[]);
        assert_eq!((requests.len(), error.is_some()), (if whole { 2 } else { 0 }, !whole), "{len}");
    }
}

#[test]
fn before_authentication_requests_are_small() {
    let limits = Limits { unauthenticated: true, ..LIMITS };
    let find =
        |text: &str| Decoder::default().next(&mut text.as_bytes().to_vec(), 0, limits, &mut Vec::new());
    assert_eq!(find("*11\r\n"), Err(ProtocolError::UnauthenticatedMultibulkLength));
    assert_eq!(find("*2\r\n$16385\r\n"), Err(ProtocolError::UnauthenticatedBulkLength));
}

proptest! {
    #[test]
    fn short_headers_say_what_the_long_way_says(
        header in "[$*][0-9-]{0,3}[\r\n0]{0,3}[0-9]{0,3}",
        mark in prop_oneof![Just(b'$'), Just(b'*')],
    ) {
        let header = header.as_bytes();
        if let Some((number, end)) = short_header(header, 0, mark) {
            prop_assert_eq!(header[0], mark);
            let found = line_number(header, 1, ProtocolError::InvalidBulkLength);
            prop_assert_eq!(found, Ok(Some((number as i64, end))));
        }
    }

    #[test]
    fn random_bytes_never_panic_and_cuts_never_matter(
        input in proptest::collection::vec(
            prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'1'), Just(b'3'), any::<u8>()], 0..80),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let whole = feed(&input, &[]);
        let pieces = feed(&input, &cuts);
        prop_assert_eq!(whole.0, pieces.0);
    }

    #[test]
    fn many_arguments_are_found_however_they_are_cut(
        args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 1000..1100),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut input = format!("*{}\r\n", args.len()).into_bytes();
        for arg in &args {
            input.extend(format!("${}\r\n", arg.len()).bytes().chain(arg.iter().copied()).chain(*b"\r\n"));
        }
        prop_assert_eq!(feed(&input, &cuts), (vec![args], None));
    }

    #[test]
    fn what_redis_protocol_encodes_is_found(
        args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..20),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        use redis_protocol::resp2::{encode::encode, types::OwnedFrame};
        let frame = OwnedFrame::Array(args.iter().map(|arg| OwnedFrame::BulkString(arg.clone())).collect());
        let mut input = vec![0; 4096];
        let len = encode(&mut input, &frame, false).expect("the buffer is large enough");
        input.truncate(len);
        prop_assert_eq!(feed(&input, &cuts), (vec![args], None));
    }
}
