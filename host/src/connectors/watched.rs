//! A connection that tells a server's fault from a stale connection.
//!
//! A server may close a kept connection at any moment, also while a request is on its way to it.
//! The client then knows only that the connection ended. RFC 9110 (9.2.2) lets a client repeat an
//! idempotent request then; whether it may depends on what was read, which only the connection
//! itself knows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A kept connection ended after a request was written to it and before one byte of an answer was
/// read. It travels through the HTTP client as the source of its error.
#[derive(Debug, thiserror::Error)]
#[error("the server closed a kept connection without an answer")]
pub(super) struct Stale;

impl Stale {
    /// Whether an error is this one.
    pub(super) fn is(error: &(dyn std::error::Error + 'static)) -> bool {
        error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .is_some_and(|inner| inner.is::<Stale>())
    }
}

/// A connection of HTTP/1 whose end is [`Stale`] where that is so. One of HTTP/2 is left as it is:
/// requests share it, and a server says itself which it has not processed.
#[derive(Debug)]
pub(super) struct Watched<T, S = ()> {
    /// In the type that the HTTP client takes; [`TokioIo`] turns it into what can be counted here.
    inner: TokioIo<T>,
    /// It has answered a request before.
    has_answered: bool,
    /// Something was written since the last byte was read.
    has_asked: bool,
    /// Dropped when the connection is closed.
    _socket: S,
}

impl<T, S> Watched<T, S> {
    pub(super) fn new(inner: T, socket: S) -> Self {
        Self {
            _socket: socket,
            inner: TokioIo::new(inner),
            has_answered: false,
            has_asked: false,
        }
    }
}

impl<T: Connection, S> Watched<T, S> {
    /// What the end of the connection means now.
    fn ended(&self, result: io::Result<()>) -> io::Result<()> {
        if self.has_answered && self.has_asked && !self.connected().is_negotiated_h2() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, Stale));
        }
        result
    }

    fn written(&mut self, result: io::Result<usize>) -> io::Result<usize> {
        self.has_asked = true;
        result.or_else(|error| self.ended(Err(error)).map(|()| 0))
    }
}

impl<T: Connection, S> Connection for Watched<T, S> {
    fn connected(&self) -> Connected {
        self.inner.inner().connected()
    }
}

impl<T, S: Unpin> AsyncRead for Watched<T, S>
where
    T: hyper::rt::Read + Connection + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.inner).poll_read(context, buffer));
        if result.is_ok() && buffer.filled().len() > before {
            self.has_answered = true;
            self.has_asked = false;
            return Poll::Ready(result);
        }
        Poll::Ready(self.ended(result))
    }
}

impl<T, S: Unpin> AsyncWrite for Watched<T, S>
where
    T: hyper::rt::Write + Connection + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.inner).poll_write(context, bytes));
        Poll::Ready(self.written(result))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, slices));
        Poll::Ready(self.written(result))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.inner).poll_flush(context)) {
            Ok(()) => Poll::Ready(Ok(())),
            error => Poll::Ready(self.ended(error)),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
