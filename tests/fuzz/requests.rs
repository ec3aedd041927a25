//! The request parser: whole or in pieces it finds the same, and what it finds is what a plain one finds.

use crate::harness::{Decoder, magnitude, within_memory};
use crate::random::Random;
use dunlin::resp::decode::{Decoder as Parser, Found, Limits, Span};
use dunlin::resp::error::ProtocolError;

type Request = Vec<Vec<u8>>;

const LIMITS: Limits = Limits { bulk_len_max: 512 << 20, unauthenticated: false };
const STRICT: Limits = Limits { bulk_len_max: 1 << 20, unauthenticated: true };

/// Gives the parser the input up to each of the ends, as a connection does, and collects what it finds.
fn feed(input: &[u8], ends: &[usize], limits: Limits) -> (Vec<Request>, Option<ProtocolError>) {
    let mut parser = Parser::default();
    let (mut buffer, mut requests, mut fed) = (Vec::with_capacity(input.len()), Vec::new(), 0);
    let mut spans: Vec<Span> = Vec::new();
    for end in ends {
        buffer.extend_from_slice(&input[fed..*end]);
        fed = *end;
        let mut start = 0;
        loop {
            spans.clear();
            match parser.next(&mut buffer, start, limits, &mut spans) {
                Ok(Found::Request { end }) => {
                    assert!(end > start && end <= buffer.len());
                    requests.push(spans.iter().map(|span| span.of(&buffer).to_vec()).collect());
                    start = end;
                }
                Ok(Found::Nothing { end }) => {
                    assert!(end > start && end <= buffer.len() && spans.is_empty());
                    start = end;
                }
                Ok(Found::Incomplete) => {
                    let claimed = parser.needed();
                    assert!(claimed.is_none_or(|needed| needed > buffer.len() - start), "{claimed:?}");
                    break;
                }
                Err(error) => return (requests, Some(error)),
            }
        }
        buffer.drain(..start);
    }
    (requests, None)
}

/// The leading requests that are arrays, found the plain way; `true` if nothing else came and nothing was wrong.
fn plain(mut input: &[u8]) -> (Vec<Request>, bool) {
    fn number(input: &mut &[u8], mark: u8, most: i64) -> Option<i64> {
        let end = input.windows(2).position(|bytes| bytes[0] == b'\r')?;
        let text = std::str::from_utf8(input.strip_prefix(&[mark])?.get(..end - 1)?).ok()?;
        let number: i64 = text.parse().ok()?;
        *input = &input[end + 2..];
        (number.to_string() == text && number <= most).then_some(number)
    }
    let mut requests = Vec::new();
    while !input.is_empty() {
        let mut rest = input;
        let Some(count) = number(&mut rest, b'*', i64::from(i32::MAX)) else { return (requests, false) };
        let mut request = Vec::new();
        for _ in 0..count {
            let Some(Ok(len)) = number(&mut rest, b'$', 512 << 20).map(usize::try_from) else {
                return (requests, false);
            };
            let Some(after) = rest.get(len + 2..) else { return (requests, false) };
            request.push(rest[..len].to_vec());
            rest = after;
        }
        if count > 0 {
            requests.push(request);
        }
        input = rest;
    }
    (requests, true)
}

fn encode(request: &Request) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
    for argument in request {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn check(input: &[u8]) -> String {
    // A span and a copy of each argument, and vectors that grew by doubling.
    let (requests, error) = within_memory(input.len(), 64, || feed(input, &[input.len()], LIMITS));

    let mut random = Random::new(input.len() as u64 ^ input.first().map_or(0, |byte| u64::from(*byte)));
    let mut ends: Vec<usize> = (0..random.below(6)).map(|_| random.below(input.len() + 1)).collect();
    ends.push(input.len());
    ends.sort_unstable();
    let pieces = feed(input, &ends, LIMITS);
    assert_eq!(pieces.0, requests, "in pieces that end at {ends:?}");
    // Of a long line without an end it is said early that it is too long, and later what it says.
    if input.len() <= 64 << 10 {
        assert_eq!(pieces.1, error, "in pieces that end at {ends:?}");
    }
    assert_eq!(pieces.1.is_some(), error.is_some(), "in pieces that end at {ends:?}");
    if input.len() < 200 {
        let every_byte: Vec<usize> = (1..=input.len()).collect();
        assert_eq!(feed(input, &every_byte, LIMITS), (requests.clone(), error), "byte by byte");
    }

    let (arrays, all) = plain(input);
    assert_eq!(requests[..arrays.len()], arrays);
    assert!(!all || error.is_none() && requests.len() == arrays.len(), "{error:?}");

    let again: Vec<u8> = requests.iter().flat_map(encode).collect();
    let expected: Vec<Request> = requests.iter().filter(|request| !request.is_empty()).cloned().collect();
    assert_eq!(feed(&again, &[again.len()], LIMITS), (expected, None), "written again");

    let (few, strict) = feed(input, &ends, STRICT);
    assert_eq!(few, requests[..few.len()], "a limit changes what a request says");
    assert!(few.iter().flatten().all(|argument| argument.len() < 64 << 10), "it was not limited");
    let longest = requests.iter().flatten().map(Vec::len).max().unwrap_or(0);
    let widest = requests.iter().map(Vec::len).max().unwrap_or(0);
    format!("{error:?} {strict:?} {} {} {}", magnitude(requests.len()), magnitude(longest), magnitude(widest))
}

fn corpus() -> Vec<Vec<u8>> {
    let commands: &[&[&str]] = &[
        &["PING"],
        &["SET", "key", "value", "EX", "100"],
        &["MSET", "a", "1", "b", "", "c", "\r\n$3\r\n"],
        &["GET", ""],
    ];
    let to_request =
        |words: &&[&str]| -> Request { words.iter().map(|word| word.as_bytes().to_vec()).collect() };
    let mut corpus: Vec<Vec<u8>> = commands.iter().map(to_request).map(|request| encode(&request)).collect();
    corpus.push(corpus.concat());
    corpus.push(encode(&vec![b"k".to_vec(); 300]));
    corpus.push(encode(&vec![b"ECHO".to_vec(), vec![b'x'; 40_000]]));
    corpus.extend(
        [
            &b"PING\r\n"[..],
            b"*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n",
            b"set a 'b c' \"d\\x41\\n\\\"\"\r\nget  a\nset b 'it\\'s'\r\n",
            b"*2\r\n$4\r\nECHO\r\n$3\r\na\0\xff\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ]
        .map(<[u8]>::to_vec),
    );
    for len in [64 << 10, (64 << 10) + 1] {
        corpus.push([vec![b'x'; len], b"\r\n".to_vec()].concat());
    }
    corpus
}

#[test]
fn requests() {
    let words: &[&[u8]] = &[
        b"*",
        b"$",
        b"\r\n",
        b"\n",
        b"\r",
        b"*1\r\n",
        b"$0\r\n\r\n",
        b"*-1\r\n",
        b"$-1\r\n",
        b"\"",
        b"'",
        b"\\x41",
        b"\\x4",
        b"\\\"",
        b"\\'",
        b"\0",
        b" ",
        b"\x0b",
        b"*2147483647\r\n",
        b"$536870912\r\n",
        b"PING\r\n",
        b"GET",
        b":1\r\n",
        b"+OK\r\n",
        b"*01\r\n",
        b"$+1\r\n",
    ];
    Decoder { name: "requests", corpus: corpus(), words, mend: |_, _| {}, check: &check }.run();
}
