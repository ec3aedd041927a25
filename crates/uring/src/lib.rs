//! Receives from many sockets, or sends to many, with one system call: by Linux' io_uring.
//!
//! A system call costs as much as a small request takes to be executed, and a server that reads and answers fifty ready
//! sockets makes a hundred. Here they are handed to the kernel together. Nothing waits: each socket gives or takes
//! what it can at once, as with `MSG_DONTWAIT`; who is ready is somebody else's business (epoll). So when a call returns,
//! the kernel has done with the buffers that were lent to it, and io_uring's usual danger, memory that the kernel still
//! writes to, can't come up.
//!
//! Where the system has no io_uring, or forbids it (a kernel before 6.0 may lack what is used here; containers often
//! refuse it), [`Ring::new`] fails, and the caller makes its calls one by one.

#![expect(unsafe_code, reason = "lends buffers to the kernel")]

use io_uring::types::Fd;
use io_uring::{IoUring, opcode, squeue};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// So many sockets at most in one call.
pub const SOCKETS_MAX: usize = 64;

const NO_WAIT: i32 = rustix::net::SendFlags::DONTWAIT.bits() as i32;
const NO_SIGNAL: i32 = rustix::net::SendFlags::NOSIGNAL.bits() as i32;

/// One thread's line to the kernel.
pub struct Ring {
    uring: IoUring,
}

/// What a socket gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Bytes(usize),
    /// There is nothing now.
    Nothing,
    /// The peer will send no more.
    Ended,
    /// The connection is lost.
    Broken,
}

impl Ring {
    /// A ring for the calling thread alone.
    ///
    /// # Errors
    /// The system has no io_uring, or not for this process.
    pub fn new() -> io::Result<Self> {
        let mut builder = IoUring::builder();
        // Completions are looked at where they are waited for, and nowhere else; one bad entry must not keep back the rest.
        builder
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_submit_all()
            .dontfork();
        let ring = Self { uring: builder.build(SOCKETS_MAX as u32)? };
        // Spares a look into the table of files at each call; only newer kernels know it.
        let _ = ring.uring.submitter().register_ring_fd();
        Ok(ring)
    }

    /// Receives from each of `sockets` what is there, at most `len` bytes: those of the socket with number `i` into `room`
    /// from `i * stride` on. What each gave is pushed to `received`, in their order.
    ///
    /// # Panics
    /// There are more than [`SOCKETS_MAX`] sockets, or `room` is too short for them.
    pub fn receive(
        &mut self,
        sockets: &[BorrowedFd<'_>],
        room: &mut [u8],
        stride: usize,
        len: usize,
        received: &mut Vec<Received>,
    ) {
        assert!(sockets.len() <= SOCKETS_MAX && len <= stride && len <= u32::MAX as usize);
        assert!(sockets.is_empty() || (sockets.len() - 1) * stride + len <= room.len());
        let from = received.len();
        received.resize(from + sockets.len(), Received::Nothing);
        let start = room.as_mut_ptr();
        let entries = sockets.iter().enumerate().map(|(index, socket)| {
            // SAFETY: see the assertion above: all of `index * stride..+ len` is within `room`.
            let at = unsafe { start.add(index * stride) };
            opcode::Recv::new(Fd(socket.as_raw_fd()), at, len as u32).flags(NO_WAIT).build()
        });
        let results = &mut received[from..];
        // SAFETY: `room` and the sockets are borrowed until this returns, and each entry writes to a part of `room` of its own.
        unsafe {
            self.call(entries, |index, result| {
                results[index] = match usize::try_from(result) {
                    Ok(0) => Received::Ended,
                    Ok(count) => Received::Bytes(count),
                    Err(_) if is_not_now(result) => Received::Nothing,
                    Err(_) => Received::Broken,
                };
            });
        }
    }

    /// Sends through each socket as much of its bytes as it takes at once. How many it took is pushed to `taken`, in
    /// their order; 0 for one that takes none now, or is broken.
    ///
    /// # Panics
    /// There are more than [`SOCKETS_MAX`] sends.
    pub fn send(&mut self, sends: &[(BorrowedFd<'_>, &[u8])], taken: &mut Vec<usize>) {
        assert!(sends.len() <= SOCKETS_MAX);
        let from = taken.len();
        taken.resize(from + sends.len(), 0);
        let entries = sends.iter().map(|(socket, bytes)| {
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            opcode::Send::new(Fd(socket.as_raw_fd()), bytes.as_ptr(), len).flags(NO_WAIT | NO_SIGNAL).build()
        });
        let results = &mut taken[from..];
        // SAFETY: the bytes and the sockets are borrowed until this returns.
        unsafe { self.call(entries, |index, result| results[index] = usize::try_from(result).unwrap_or(0)) };
    }

    /// Has the kernel carry out all entries, and says each one's result, by its place among them.
    ///
    /// # Safety
    /// What the entries point to is valid until this returns, and nobody else's meanwhile. At most [`SOCKETS_MAX`] entries.
    unsafe fn call(
        &mut self,
        entries: impl ExactSizeIterator<Item = squeue::Entry>,
        mut result: impl FnMut(usize, i32),
    ) {
        let count = entries.len();
        let mut queue = self.uring.submission();
        // It is empty between calls, so this always holds; half a queue would be handed over by a later call.
        assert!(queue.capacity() - queue.len() >= count);
        for (index, entry) in entries.enumerate() {
            // SAFETY: the caller's promise. There is room, see above.
            let _ = unsafe { queue.push(&entry.user_data(index as u64)) };
        }
        drop(queue);
        let mut left = count;
        // Whatever happens, this goes on until the kernel holds nothing any more.
        while left > 0 {
            match self.uring.submit_and_wait(left) {
                Ok(_) => {}
                Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
                    // Interrupted, or short of memory: what was not handed over is handed over next time.
                    Some(Errno::INTR | Errno::AGAIN | Errno::BUSY | Errno::NOMEM) => std::thread::yield_now(),
                    // The kernel holds our buffers, and will not say when it has done: nothing after this would be safe.
                    _ => abort(&error),
                },
            }
            for completion in self.uring.completion() {
                result(completion.user_data() as usize, completion.result());
                left -= 1;
            }
        }
    }
}

fn is_not_now(result: i32) -> bool {
    let errno = Errno::from_raw_os_error(-result);
    errno == Errno::AGAIN || errno == Errno::INTR
}

#[cold]
fn abort(error: &io::Error) -> ! {
    eprintln!("io_uring does not do what it was asked, and can't be left: {error}");
    std::process::abort()
}

#[cfg(test)]
mod tests;
