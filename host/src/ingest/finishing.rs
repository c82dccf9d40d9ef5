//! Work that is not broken off halfway.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that runs to its end even when it is dropped: a client that hangs up must not leave a
/// durable task that the engine does not know of. Only a dropped one costs a spawn.
pub(super) struct Finishing<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Finishing<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for Finishing<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else {
            return Poll::Pending; // Polled after it was done, which no caller may do.
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

    use std::sync::Arc;

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
