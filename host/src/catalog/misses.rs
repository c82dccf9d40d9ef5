//! Looks at the store for what memory does not have. All who wait share one look, whatever they look for, so that a stranger
//! who posts to keys that are no webhook's has the store asked no more often than one who does so once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::store::StoreError;

/// That may wait at once. A request takes some kilobytes while it waits.
const MOST: usize = 1_000;
/// The longest that one waits. A look goes on without it.
const WAIT: Duration = Duration::from_secs(5);
/// The least time between the end of a look and the next one.
const PACE: Duration = Duration::from_millis(10);

/// The result of a look, for all who wait for it.
type Look = Shared<BoxFuture<'static, Result<(), StoreError>>>;

/// Those who wait for looks.
#[derive(Default)]
pub(super) struct Misses {
    /// The look that has not begun: all who come now wait for it.
    next: Mutex<Option<Look>>,
    /// Held over a look: when the one before ended.
    ended: tokio::sync::Mutex<Option<Instant>>,
    waiting: AtomicUsize,
    /// Looks so far.
    #[cfg(test)]
    pub(super) looks: AtomicUsize,
}

/// One that waits, until it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, StoreError> {
        let place = Self(waiting);
        match waiting.fetch_add(1, Ordering::Relaxed) < MOST {
            true => Ok(place),
            false => Err(StoreError::unavailable(
                "too many requests wait for a look at the setup; try again",
            )),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Misses {
    /// Waits for a look that begins after this call: for `look`, unless there is one already.
    ///
    /// # Errors
    /// That of the look; [`StoreError::Unavailable`] if too many wait, or it takes too long.
    pub(super) async fn wait(
        self: &Arc<Self>,
        look: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) -> Result<(), StoreError> {
        let _place = Place::take(&self.waiting)?;
        let looked = tokio::time::timeout(WAIT, self.next(look)).await;
        looked.unwrap_or_else(|_| Err(StoreError::unavailable("the setup was not read in time")))
    }

    /// The look that begins next. It goes on if none waits for it any more.
    fn next(
        self: &Arc<Self>,
        look: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) -> Look {
        let mut next = self.next.lock();
        if let Some(look) = &*next {
            return look.clone();
        }
        let misses = self.clone();
        let looking = tokio::spawn(async move {
            let mut ended = misses.ended.lock().await;
            if let Some(ended) = *ended {
                tokio::time::sleep_until(ended + PACE).await;
            }
            // Those who come from here on may look for what is too new for this one.
            misses.next.lock().take();
            #[cfg(test)]
            misses.looks.fetch_add(1, Ordering::Relaxed);
            let looked = look.await;
            *ended = Some(Instant::now());
            looked
        });
        let look = async move {
            let looked = looking.await;
            looked.unwrap_or_else(|_| Err(StoreError::Closed))
        };
        let look = look.boxed().shared();
        *next = Some(look.clone());
        look
    }
}
