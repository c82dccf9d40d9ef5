//! A webhook's request on its way in, from its head to the answer: its body is read, decoded, and merged
//! into the open task that it is about, or accepted as a new one.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;

use super::accept::{Arrival, IngestError, new_task};
use super::correlate;
use super::read::{self, Bounds, Budget, ReadError};
use crate::domain::clock::Clock;
use crate::domain::ids::TaskId;
use crate::domain::webhook::Webhook;
use crate::engine::{ActionError, Engine};
use crate::store::StoreError;

/// Takes in what webhooks are sent.
pub struct Ingest {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    budget: Arc<Budget>,
}

/// The head of a webhook's request.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Its method.
    pub method: &'a str,
    /// Who sent it: the connection's other end.
    pub ip: IpAddr,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Its `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Its URL's query, undecoded.
    pub query: Option<&'a str>,
}

/// What became of a request. It is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The task that it became, or that it was merged into.
    pub task: TaskId,
    /// How long the answer is to be held back, so that runs keep pace with what comes in.
    pub pace: Duration,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Its body did not come in.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be a task.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The task that it is about could not be changed.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ingest {
    /// Takes bodies within `bounds`, all at once within `budget`.
    pub fn new(
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
        budget: Arc<Budget>,
    ) -> Self {
        Self {
            engine,
            clock,
            bounds,
            budget,
        }
    }

    /// Takes in one request to a webhook. The body is read as it comes. What has begun to be accepted is
    /// accepted even if nobody waits for the answer any more.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is left of the request.
    pub async fn receive<B>(
        &self,
        webhook: &Webhook,
        head: Head<'_>,
        body: &mut B,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let (bytes, share) = read::read(body, self.bounds, &self.budget).await?;
        let mut task = new_task(Arrival {
            webhook,
            at: self.clock.now(),
            method: head.method,
            ip: head.ip,
            user_agent: head.user_agent,
            content_type: head.content_type,
            query: head.query,
            body: &bytes,
        })?;
        drop(bytes);
        if let Some(open) = correlate::merged(&self.engine, webhook, &task, head.ip).await? {
            return Ok(Reply {
                task: open,
                pace: Duration::ZERO,
            });
        }
        let id = self.engine.acceptor.place(task.head.id)?;
        task.head.id = id;
        let admitted = self.engine.acceptor.clone().accept(task);
        Finishing::new(async move {
            let pace = admitted.await?;
            drop(share);
            Ok(Reply { task: id, pace })
        })
        .await
    }
}

/// A future that comes to its end even when it is dropped: a client that hangs up must not leave a
/// task that is durable and that nobody has told the engine of. Costs a spawn only then.
struct Finishing<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Finishing<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for Finishing<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else {
            return Poll::Pending; // Polled after it was done, which nobody may.
        };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Finishing<T> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_was_begun_is_finished_though_nobody_waits() {
        let (send, receive) = tokio::sync::oneshot::channel::<()>();
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let mut begun = Finishing::new(async move {
            let _ = receive.await;
            flag.store(true, Ordering::SeqCst);
        });
        assert!(futures_util::poll!(&mut begun).is_pending());
        drop(begun);
        send.send(()).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(done.load(Ordering::SeqCst));
    }
}
