//! What a message looks like on its way to a client: encoded once for all who get it.

use crate::resp::output::SHARED_LEN_MIN;
use crate::resp::reply::push_header;
use crate::resp::{Output, Protocol};
use crate::state::backlog::Backlog;
use bytes::Bytes;
use std::sync::Arc;

/// A message in both protocols, which differ in its first byte.
pub struct Message {
    /// All of it, or what stands before the payload, without the first byte.
    head: Vec<u8>,
    /// A payload that is too large to be copied for everybody.
    payload: Option<Bytes>,
}

/// A payload that waits for many clients and is counted once, until the last of them has it.
struct Payload {
    bytes: Box<[u8]>,
    backlog: Arc<Backlog>,
}

impl Payload {
    fn shared(bytes: &[u8], backlog: &Arc<Backlog>) -> Bytes {
        backlog.hold(bytes.len());
        Bytes::from_owner(Self { bytes: bytes.into(), backlog: Arc::clone(backlog) })
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.backlog.release(self.bytes.len());
    }
}

impl Message {
    /// A message of these parts, the last of which may be long.
    pub fn new(parts: &[&[u8]], backlog: &Arc<Backlog>) -> Self {
        let mut head = Vec::with_capacity(parts.iter().map(|part| part.len().min(SHARED_LEN_MIN) + 16).sum());
        push_header(&mut head, b'>', parts.len() as i64);
        head.remove(0);
        let mut payload = None;
        for (index, part) in parts.iter().enumerate() {
            push_header(&mut head, b'$', part.len() as i64);
            if index + 1 == parts.len() && part.len() >= SHARED_LEN_MIN {
                payload = Some(Payload::shared(part, backlog));
            } else {
                head.extend_from_slice(part);
                head.extend_from_slice(b"\r\n");
            }
        }
        Self { head, payload }
    }

    pub fn write(&self, out: &mut Output, protocol: Protocol) {
        let first = if protocol == Protocol::Resp3 { b'>' } else { b'*' };
        out.bytes.reserve(self.head.len() + 1);
        out.bytes.push(first);
        out.bytes.extend_from_slice(&self.head);
        if let Some(payload) = &self.payload {
            out.push_counted(payload.clone());
            out.bytes.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::IoSlice;

    fn written(message: &Message, protocol: Protocol) -> Vec<u8> {
        let mut output = Output::default();
        message.write(&mut output, protocol);
        let mut pieces = [IoSlice::new(&[]); 8];
        let filled = output.pieces(&mut pieces);
        pieces[..filled].iter().flat_map(|piece| piece.to_vec()).collect()
    }

    #[test]
    fn protocols_differ_in_the_first_byte_and_long_payloads_are_shared() {
        let backlog = Arc::new(Backlog::new(1 << 30));
        let message = Message::new(&[b"message", b"ch", b"hi"], &backlog);
        assert_eq!(written(&message, Protocol::Resp2), b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n");
        assert_eq!(written(&message, Protocol::Resp3), b">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n");
        let long = vec![b'x'; SHARED_LEN_MIN];
        let bytes = written(&Message::new(&[b"message", b"ch", &long], &backlog), Protocol::Resp2);
        let text = format!("*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n${}\r\n", long.len());
        assert_eq!(bytes, [text.as_bytes(), &long, b"\r\n"].concat());
    }
}
