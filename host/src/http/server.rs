//! Accepts connections and serves HTTP/1.1 on them, each bounded in time and all in number.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::Api;
use super::router::Routes;
use super::stall::Stall;
use crate::settings::Settings;

/// The largest request head, in bytes, and what a connection buffers. Real heads stay below 16 KiB.
const HEAD_BYTES: usize = 64 * 1024;

/// Serves until `closing` turns true; then accepts nothing more, lets requests that are under way
/// finish, and returns when the last is answered, or after `settings.grace`. The number returned is
/// that of the connections that were cut off.
pub async fn serve(
    listener: TcpListener,
    api: Arc<Api>,
    settings: &Settings,
    mut closing: watch::Receiver<bool>,
) -> usize {
    let most = settings.connections.clamp(1, Semaphore::MAX_PERMITS >> 3);
    let open = Arc::new(Semaphore::new(most));
    let routes = Routes::new(api.clone());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_buf_size(HEAD_BYTES);
    let mut complaint = Complaint::default();
    loop {
        let permit = tokio::select! {
            biased;
            () = closed(&mut closing) => break,
            permit = open.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let (stream, peer) = tokio::select! {
            biased;
            () = closed(&mut closing) => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    complaint.accept_failed(&error).await;
                    continue;
                }
            },
        };
        let connection = serve_connection(
            stream,
            peer,
            routes.clone(),
            http.clone(),
            settings.write_timeout,
            closing.clone(),
        );
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    api.begin_closing();
    let all = open.acquire_many(most as u32);
    match tokio::time::timeout(settings.grace, all).await {
        Ok(_) => 0,
        Err(_) => most - open.available_permits(),
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    routes: Routes,
    http: http1::Builder,
    write_timeout: Duration,
    mut closing: watch::Receiver<bool>,
) {
    // Answers are small and written at once; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    // An IPv4 client of a dual-stack socket is an IPv4 client.
    let ip = peer.ip().to_canonical();
    let service = service_fn(|request| {
        let routes = &routes;
        async move { Ok::<_, Infallible>(routes.answer(ip, request).await) }
    });
    let io = TokioIo::new(Stall::new(stream, write_timeout));
    let mut connection = pin!(http.serve_connection(io, service));
    let served = tokio::select! {
        served = &mut connection => served,
        () = closed(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // The other end went away, was too slow, or does not speak HTTP.
        tracing::debug!(client.address = %ip, %error, "a connection ended");
    }
}

/// Resolves when the server is to close, also when whoever would say so is gone.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

/// Says that connections cannot be accepted, but not a thousand times a second.
#[derive(Default)]
struct Complaint {
    last: Option<Instant>,
}

impl Complaint {
    async fn accept_failed(&mut self, error: &io::Error) {
        // A connection that was reset before it was accepted is its client's affair.
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        if self
            .last
            .is_none_or(|last| last.elapsed() > Duration::from_secs(10))
        {
            self.last = Some(Instant::now());
            tracing::error!(
                %error,
                "connections cannot be accepted; if it says `too many open files`, raise the limit (ulimit -n) or lower --connections"
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
