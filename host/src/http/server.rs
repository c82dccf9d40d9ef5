//! Accepts connections, which are bounded in number.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Api;
use super::connection::{Connections, closed};
use super::router::Routes;
use super::tls::Tls;
use crate::settings::Settings;

/// Serves until `closing` turns true; then accepts nothing more, lets requests that are under way
/// finish, and returns when the last is answered, or after `settings.grace`. The number returned is
/// that of the connections that were cut off.
pub async fn serve(
    listener: TcpListener,
    api: Arc<Api>,
    settings: &Settings,
    tls: Option<Tls>,
    mut closing: watch::Receiver<bool>,
) -> usize {
    let most = settings.connections.clamp(1, Semaphore::MAX_PERMITS >> 3);
    let open = Arc::new(Semaphore::new(most));
    let routes = Routes::new(api.clone());
    let connections = Arc::new(Connections::new(routes, settings, tls.as_ref()));
    let _following = tls.map(|tls| {
        let follow = tls.certificate.follow(api.clock.clone());
        AbortOnDropHandle::new(tokio::spawn(follow))
    });
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
        let (connections, closing) = (connections.clone(), closing.clone());
        tokio::spawn(async move {
            connections.serve(stream, peer, closing).await;
            drop(permit);
        });
    }
    drop(listener);
    api.begin_closing();
    let all = open.acquire_many(most as u32);
    let cut = match tokio::time::timeout(settings.grace, all).await {
        Ok(_) => 0,
        Err(_) => most - open.available_permits(),
    };
    api.close().await;
    cut
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
