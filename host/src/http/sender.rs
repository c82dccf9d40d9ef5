//! The connection that a request came by, as far as one who lets its sender wait has to know of it.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// How often it is looked whether a sender has left whose connection has unread bytes.
const LOOK: Duration = Duration::from_millis(500);

/// The sender of a request.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Its address.
    pub ip: IpAddr,
    /// Its connection, if that is of HTTP/1.1. A request of HTTP/2 is dropped when its client cancels it.
    pub connection: Option<Arc<TcpStream>>,
}

impl Sender {
    /// Resolves when the sender has shut down its side of the connection, or is gone: that is the same until it is
    /// written to. Never otherwise.
    pub async fn left(self) {
        let Some(stream) = self.connection else {
            return std::future::pending().await;
        };
        loop {
            match stream.ready(Interest::READABLE).await {
                Ok(ready) if !ready.is_read_closed() => tokio::time::sleep(LOOK).await,
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// A connection that is read and written by one, and watched by others.
pub(super) struct SharedStream(pub(super) Arc<TcpStream>);

impl AsyncRead for SharedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(drop)),
            }
        }
    }
}

impl SharedStream {
    fn poll_try(
        &self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_try(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_try(context, |stream| stream.try_write_vectored(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Written bytes are in the system's buffers.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(&*self.0, Shutdown::Write).map_err(io::Error::from))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_sender_that_leaves_is_noticed_and_one_that_sends_on_is_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let stream = Arc::new(listener.accept().await.unwrap().0);
        let mut shared = SharedStream(stream.clone());
        let sender = Sender {
            ip: Ipv4Addr::LOCALHOST.into(),
            connection: Some(stream),
        };
        client.write_all(b"one").await.unwrap();
        let mut three = [0; 3];
        shared.read_exact(&mut three).await.unwrap();
        shared.write_all(b"two").await.unwrap();
        client.read_exact(&mut three).await.unwrap();
        assert_eq!(&three, b"two");
        client.write_all(b"more").await.unwrap();
        let stays = tokio::time::timeout(LOOK * 2, sender.clone().left()).await;
        assert!(stays.is_err());
        client.shutdown().await.unwrap();
        sender.left().await;
        shared.write_all(b"end").await.unwrap();
        shared.shutdown().await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"end");
    }
}
