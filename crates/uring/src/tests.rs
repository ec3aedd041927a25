use super::{Received, Ring, SOCKETS_MAX};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Where the system refuses io_uring there is nothing to test here: the server's own tests run without it.
fn ring() -> Option<Ring> {
    Ring::new().ok()
}

fn pairs(count: usize) -> (Vec<UnixStream>, Vec<UnixStream>) {
    (0..count).map(|_| UnixStream::pair().expect("a pair of sockets")).unzip()
}

#[test]
fn each_socket_gives_what_it_has() {
    let Some(mut ring) = ring() else { return };
    let (near, mut far) = pairs(4);
    far[0].write_all(b"hello").expect("there is room");
    far[2].write_all(b"more than fits").expect("there is room");
    drop(far.remove(3));
    let sockets: Vec<_> = near.iter().map(AsFd::as_fd).collect();
    let (mut room, mut received) = (vec![b'.'; 3 * 10 + 8], vec![]);
    ring.receive(&sockets, &mut room, 10, 8, &mut received);
    assert_eq!(received, [Received::Bytes(5), Received::Nothing, Received::Bytes(8), Received::Ended]);
    assert_eq!(&room[..], b"hello...............more tha..........");
    received.clear();
    ring.receive(&sockets[1..3], &mut room, 10, 8, &mut received);
    assert_eq!(received, [Received::Nothing, Received::Bytes(6)]);
}

#[test]
fn sockets_that_are_full_or_broken_take_nothing() {
    let Some(mut ring) = ring() else { return };
    let (near, mut far) = pairs(3);
    drop(far.remove(1));
    let long = vec![b'x'; 8 << 20];
    let sends =
        [(near[0].as_fd(), &b"one"[..]), (near[1].as_fd(), &b"two"[..]), (near[2].as_fd(), &long[..])];
    let mut taken = vec![];
    ring.send(&sends, &mut taken);
    assert_eq!(&taken[..2], [3, 0]);
    assert!(taken[2] > 0 && taken[2] < long.len(), "a part of it: {}", taken[2]);
    taken.clear();
    ring.send(&sends[2..], &mut taken);
    assert_eq!(taken, [0], "it is full");
    let mut got = [0; 3];
    far[0].read_exact(&mut got).expect("it was sent");
    assert_eq!(&got, b"one");
}

#[test]
fn nothing_is_asked_of_the_kernel_for_nobody() {
    let Some(mut ring) = ring() else { return };
    ring.receive(&[], &mut [], 8, 8, &mut vec![]);
    ring.send(&[], &mut vec![]);
}

#[test]
#[should_panic(expected = "assertion failed")]
fn a_buffer_that_is_too_short_is_refused() {
    let Some(mut ring) = ring() else { panic!("assertion failed: not here") };
    let (near, _far) = pairs(2);
    let sockets: Vec<_> = near.iter().map(AsFd::as_fd).collect();
    ring.receive(&sockets, &mut [0; 15], 8, 8, &mut vec![]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What goes in at one end comes out at the other, whatever the pieces.
    #[test]
    fn bytes_arrive_in_order(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..=SOCKETS_MAX)) {
        let Some(mut ring) = ring() else { return Ok(()) };
        let (near, far) = pairs(messages.len());
        let sends: Vec<_> = near.iter().zip(&messages).map(|(socket, bytes)| (socket.as_fd(), &bytes[..])).collect();
        let mut taken = vec![];
        ring.send(&sends, &mut taken);
        prop_assert!(taken.iter().zip(&messages).all(|(taken, bytes)| *taken == bytes.len()));
        let sockets: Vec<_> = far.iter().map(AsFd::as_fd).collect();
        let mut got = vec![Vec::new(); messages.len()];
        loop {
            let (mut room, mut received) = (vec![0; messages.len() * 128], vec![]);
            ring.receive(&sockets, &mut room, 128, 100, &mut received);
            for (index, received) in received.iter().enumerate() {
                if let Received::Bytes(count) = received {
                    got[index].extend_from_slice(&room[index * 128..index * 128 + count]);
                }
            }
            if received.iter().all(|received| *received == Received::Nothing) {
                break;
            }
        }
        prop_assert_eq!(got, messages);
    }
}
