//! A client's socket, of whatever kind.

use dunlin_uring::Received;
use std::future::Future;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Stream {
    /// Reads into `buffer`; 0 bytes: the client has closed its side.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buffer);
        let poll = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut read),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut read),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, &mut read),
        };
        poll.map_ok(|()| read.filled().len())
    }

    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        // Most sockets take a reply at once: nobody need be told when they can.
        let at_once = match self {
            Self::Tcp(stream) => stream.try_write(buffer),
            Self::Unix(stream) => stream.try_write(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => return Pin::new(stream).poll_write(cx, buffer),
        };
        match (at_once, self) {
            (Err(error), Self::Tcp(stream)) if error.kind() == io::ErrorKind::WouldBlock => {
                Pin::new(stream).poll_write(cx, buffer)
            }
            (Err(error), Self::Unix(stream)) if error.kind() == io::ErrorKind::WouldBlock => {
                Pin::new(stream).poll_write(cx, buffer)
            }
            (at_once, _) => Poll::Ready(at_once),
        }
    }

    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    /// Whether what is written goes to the socket as it is.
    #[inline]
    pub fn is_plain(&self) -> bool {
        !self.is_buffered()
    }

    /// Writes what a plain socket takes at once, which may be nothing: nobody is called when it takes more.
    #[inline]
    pub fn try_write(&self, buffer: &[u8]) -> usize {
        let taken = match self {
            Self::Tcp(stream) => stream.try_write(buffer),
            Self::Unix(stream) => stream.try_write(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(_) => Ok(0),
        };
        // A broken connection shows again when the rest is written.
        taken.unwrap_or(0)
    }

    /// The socket of a plain stream, for those who read or write it beside this; none: that can't be done.
    #[inline]
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(stream) => Some(stream.as_fd()),
            Self::Unix(stream) => Some(stream.as_fd()),
            #[cfg(feature = "tls")]
            Self::Tls(_) => None,
        }
    }

    /// Reads what a plain socket has at once.
    #[inline]
    pub fn try_read(&self, buffer: &mut [u8]) -> Received {
        let read = match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Unix(stream) => stream.try_read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(_) => return Received::Nothing,
        };
        match read {
            Ok(0) => Received::Ended,
            Ok(count) => Received::Bytes(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
            Err(_) => Received::Broken,
        }
    }

    /// Somebody has read a plain stream's socket empty: it is ready again when more comes.
    #[inline]
    pub fn note_read_empty(&self) {
        let empty = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _ = match self {
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, empty),
            Self::Unix(stream) => stream.try_io(Interest::READABLE, empty),
            #[cfg(feature = "tls")]
            Self::Tls(_) => Ok(()),
        };
    }

    /// Whether there may be more to read at once; if not, the task is called when there is.
    #[inline]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0.poll_read_ready(cx),
        }
    }

    /// Whether bytes that were written may still be held here, so that [`Stream::poll_flush`] must be called until it is
    /// ready.
    #[inline]
    pub fn is_buffered(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }

    /// Has what was written sent: TLS keeps records of its own.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "nothing is kept back but by TLS"))]
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Whether the system has said that the connection ended, be it that bytes from before are still unread.
    pub fn is_read_closed(&self, cx: &mut Context<'_>) -> bool {
        let poll = match self {
            Self::Tcp(stream) => pin!(stream.ready(Interest::READABLE)).poll(cx),
            Self::Unix(stream) => pin!(stream.ready(Interest::READABLE)).poll(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => pin!(stream.get_ref().0.ready(Interest::READABLE)).poll(cx),
        };
        matches!(poll, Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
