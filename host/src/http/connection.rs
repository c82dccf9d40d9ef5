//! One connection: what it speaks, and from whom it comes.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::activity::Activity;
use super::addresses::Addresses;
use super::client_address::client_address;
use super::problem::ApiError;
use super::proxy_protocol;
use super::router::Routes;
use super::sender::{Sender, SharedStream};
use super::stall::Stall;
use super::tls::{HTTP2, Tls};
use crate::settings::{ProxyHeader, ProxySettings, Settings};

/// The largest request head, in bytes, and what a connection buffers. Real heads stay below 16 KiB.
const HEAD_BYTES: usize = 64 * 1024;
/// Requests under way at once on one connection of HTTP/2.
const STREAMS: u32 = 100;
/// Bytes that one stream, and one connection, of HTTP/2 may send before they are read.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// The first byte of a TLS record that begins a handshake (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// The state that all connections of a server share.
pub(super) struct Connections {
    routes: Routes,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    proxies: ProxySettings,
    addresses: Arc<Addresses>,
    write_timeout: Duration,
    head_timeout: Duration,
}

impl Connections {
    /// Bounded as `settings` say.
    pub(super) fn new(routes: Routes, settings: &Settings, tls: Option<&Tls>) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            // A sender may shut down its side of the connection behind the request and still read the answer. One that
            // is gone altogether is noticed when it is written to, and every wait for it is bounded.
            .half_close(true)
            .header_read_timeout(settings.head_timeout)
            .max_buf_size(HEAD_BYTES);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES as u32)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(CONNECTION_WINDOW as usize)
            .keep_alive_interval(settings.head_timeout)
            .keep_alive_timeout(settings.head_timeout);
        Self {
            routes,
            http1,
            http2,
            tls: tls.map(|tls| TlsAcceptor::from(tls.config.clone())),
            proxies: settings.proxies.clone(),
            addresses: Addresses::new(settings.connections_of_one()),
            write_timeout: settings.write_timeout,
            head_timeout: settings.head_timeout,
        }
    }

    /// Serves one connection to its end; after `closing` turns true, until the requests under way are answered.
    pub(super) async fn serve(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        closing: watch::Receiver<bool>,
    ) {
        // Answers are small and written at once; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        // An IPv4 client of a dual-stack socket is an IPv4 client.
        let ip = peer.ip().to_canonical();
        if let Err(error) = self.serve_stream(stream, ip, closing).await {
            // The other end went away, was too slow, or does not speak the protocol.
            tracing::debug!(client.address = %ip, %error, "a connection ended");
        }
    }

    async fn serve_stream(
        self: &Arc<Self>,
        mut stream: TcpStream,
        mut ip: IpAddr,
        closing: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let is_proxy = self
            .proxies
            .trusted
            .iter()
            .any(|network| network.contains(ip));
        let names_client_by_bytes = self.proxies.header == ProxyHeader::ProxyProtocol;
        if is_proxy && names_client_by_bytes {
            let read = proxy_protocol::read_client(&mut stream);
            ip = self.in_time(read).await?.unwrap_or(ip);
        }
        // A proxy has the connections of many clients, and this machine is the operator's.
        let is_counted = !(is_proxy && !names_client_by_bytes || ip.is_loopback());
        let counted = is_counted.then(|| self.addresses.count(ip));
        if let Some(None) = counted {
            return Err(io::Error::other(
                "the address has as many connections as one may have (--connections-per-address)",
            ));
        }
        let connection = Arc::new(stream);
        let stream = SharedStream(connection.clone());
        let sender = Sender {
            ip,
            connection: Some(connection.clone()),
        };
        let Some(tls) = &self.tls else {
            return self.serve_http1(stream, sender, true, closing).await;
        };
        let mut first = [0];
        self.in_time(connection.peek(&mut first)).await?;
        if first[0] != HANDSHAKE {
            // Commands on this machine need no TLS, nor does a proxy that has ended it and speaks HTTP itself.
            let is_local = ip.is_loopback() || connection.local_addr()?.ip().to_canonical() == ip;
            let is_let_in = is_local || is_proxy && !names_client_by_bytes;
            return self.serve_http1(stream, sender, is_let_in, closing).await;
        }
        let stream = Stall::new(stream, self.write_timeout);
        let stream = self.in_time(tls.accept(stream)).await?;
        if stream.get_ref().1.alpn_protocol() == Some(HTTP2) {
            self.serve_http2(stream, ip, closing).await
        } else {
            self.serve_http1(stream, sender, true, closing).await
        }
    }

    /// A connection's beginning has as long as a request's head.
    async fn in_time<T>(&self, begin: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let begun = tokio::time::timeout(self.head_timeout, begin).await;
        begun.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn answer(&self, peer: Sender, request: hyper::Request<Incoming>) -> Response<Body> {
        let sender = Sender {
            ip: client_address(&self.proxies, peer.ip, request.headers()),
            ..peer
        };
        self.routes.answer(sender, request).await
    }

    /// `is_let_in`: else every request is told to use TLS.
    async fn serve_http1<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: IO,
        sender: Sender,
        is_let_in: bool,
        mut closing: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let service = service_fn(|request| {
            let sender = sender.clone();
            async move {
                Ok::<_, Infallible>(if is_let_in {
                    self.answer(sender, request).await
                } else {
                    ApiError::TlsRequired.into_response()
                })
            }
        });
        let io = TokioIo::new(Stall::new(stream, self.write_timeout));
        let mut connection = pin!(self.http1.serve_connection(io, service));
        let served = tokio::select! {
            served = &mut connection => served,
            () = closed(&mut closing) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        served.map_err(io::Error::other)
    }

    /// HTTP/2 (RFC 9113). A connection without requests is ended as one of HTTP/1.1 is.
    async fn serve_http2<IO: AsyncRead + AsyncWrite + Unpin>(
        self: &Arc<Self>,
        stream: IO,
        ip: IpAddr,
        mut closing: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let activity = Activity::new();
        let service = service_fn(|request| {
            // Each request is a task of its own.
            let (this, request_under_way) = (self.clone(), activity.begin());
            async move {
                let sender = Sender {
                    ip,
                    connection: None,
                };
                let response = this.answer(sender, request).await;
                drop(request_under_way);
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        let is_idle = tokio::select! {
            served = &mut connection => return served.map_err(io::Error::other),
            () = activity.idle_for(self.head_timeout) => true,
            () = closed(&mut closing) => false,
        };
        connection.as_mut().graceful_shutdown();
        if is_idle {
            // A client that leaves an answer unread has had its time.
            let ended = tokio::time::timeout(self.write_timeout, connection).await;
            return ended.unwrap_or(Ok(())).map_err(io::Error::other);
        }
        connection.await.map_err(io::Error::other)
    }
}

/// Resolves when the server is to close, also when the channel's sender was dropped.
pub(super) async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}
