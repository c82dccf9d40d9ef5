//! Looks at connections that give no answer (see [`super::stalled`]), of which a node makes one at a time.

use std::future::Future;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// What a look at a connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The database does nothing for the request: it never got it, or its answer is lost.
    Stalled,
    /// The database works on it, or has no connection free for a look.
    Working,
    /// The look did not reach the database. A pooler that has it wait is no proof, unless it happens again.
    Unreached,
}

/// The looks of a node: one at a time, so that they take one connection.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// When the last one ended that did not reach the database.
    unreached: Mutex<Option<Instant>>,
}

impl Looks {
    /// Looks while no other one does. Who waits for another look that does not reach the database has that result.
    pub(super) async fn alone(&self, look: impl Future<Output = Look>) -> Look {
        let asked = Instant::now();
        let mut unreached = self.unreached.lock().await;
        if unreached.is_some_and(|ended| ended >= asked) {
            return Look::Unreached;
        }
        let look = look.await;
        if look == Look::Unreached {
            *unreached = Some(Instant::now());
        }
        look
    }
}
