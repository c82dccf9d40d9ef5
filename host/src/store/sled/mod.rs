//! The embedded store: a group log for what was just acknowledged, an overlay of it in memory, and
//! a checkpoint that folds the log into a sled tree of task records and an archive of finished ones.
//!
//! A change is encoded on its caller's thread, put in order and made durable by the one committer
//! thread together with all others that wait, and then taken into the overlay. Tasks that came to
//! rest are folded in key order, many at once: one that is accepted and finished within a moment is
//! appended to the archive and costs the tree a part of a key; tasks that are ready stay in memory
//! until they take too much of it. Behind what is folded the log is let go.

mod archive;
mod bodies;
mod change;
mod checkpoint;
mod closing;
mod codec;
mod committer;
mod components;
mod counts;
mod disk;
mod erase;
mod erasing;
mod failpoint;
mod failure;
mod files;
mod fold;
mod frame;
mod gather;
mod keys;
mod log;
mod message;
mod newest;
mod overlay;
mod places;
mod purge;
mod queries;
mod recovery;
mod registered;
mod registry;
mod removed;
mod repair;
mod room;
mod settings;
mod setup;
mod shapes;
mod shared;
mod store;
mod tasks;
mod terms;
#[cfg(test)]
mod tests;
mod thread;
mod upgrade;

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use self::change::Change;
pub use self::failure::OpenError;
pub use self::gather::Expected;
use self::message::{Message, Part, Queued};
use self::purge::Purge;
pub use self::settings::SledSettings;
use self::shared::Shared;
use self::thread::spawn;
use super::{Claim, Partitions, StoreError};

/// A [`Store`] in a directory of this machine.
pub struct SledStore {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Message>,
    seed: [u8; 32],
    purge: Arc<Mutex<Purge>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Changes that may wait for the committer; past it, callers wait.
const QUEUE: usize = 4096;
/// Rested tasks that are worth a checkpoint before its time.
const RESTED: usize = 16 * 1024;

impl SledStore {
    /// Opens the store in `settings.path`, or makes one there, and takes up what the log holds.
    ///
    /// On a full disk it opens all the same, if there is what [`OpenError::NoRoom`] asks for.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`OpenError`]; then the directory is as it was.
    pub fn open(settings: SledSettings) -> Result<Arc<Self>, OpenError> {
        let (shared, tail, seed) = recovery::open(settings)?;
        let (queue, queued) = mpsc::channel(QUEUE);
        let _ = shared.committer.set(queue.downgrade());
        let shared = Arc::new(shared);
        let committer = {
            let shared = shared.clone();
            spawn("store-commit", move || {
                committer::run(&shared, tail, queued)
            })?
        };
        let checkpoint = {
            let shared = shared.clone();
            spawn("store-fold", move || checkpoint::run(&shared))?
        };
        Ok(Arc::new(Self {
            shared,
            queue,
            seed,
            purge: Arc::default(),
            threads: Mutex::new(vec![committer, checkpoint]),
        }))
    }

    /// Says that a write is on its way and will be here in a moment, so that others which are to be made
    /// durable may wait for it. It changes nothing but how long they take.
    pub fn expect(&self) -> Expected {
        Expected::new(self.shared.coming.clone())
    }

    /// Who owns which partition: all are this process's, under an epoch that no other process has.
    pub fn partitions(&self) -> &Partitions {
        &self.shared.partitions
    }

    /// Folds every task that came to rest and lets go of the log behind. It happens by itself.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        whole(checkpoint::checkpoint(&self.shared))
    }

    /// Brings all that an older version wrote up to date.
    #[cfg(test)]
    fn upgrade(&self) -> Result<(), StoreError> {
        let mut upgrade = upgrade::Upgrade::default();
        while !upgrade.go_on(&self.shared)? {}
        Ok(())
    }

    /// Folds every task, also those that are ready.
    #[cfg(test)]
    fn fold_all(&self) -> Result<(), StoreError> {
        whole(checkpoint::checkpoint_with(&self.shared, |overlay| {
            overlay.everything()
        }))
    }

    async fn submit(
        &self,
        claim: Claim,
        change: Change,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        self.submit_all(Part::new(claim, change, expected)?, Vec::new())
            .await
    }

    async fn submit_all(&self, first: Part, rest: Vec<Part>) -> Result<(), StoreError> {
        let (done, result) = oneshot::channel();
        let queued = Box::new(Queued { first, rest, done });
        let message = Message::Change(queued);
        self.shared.takes_writes()?;
        if self.queue.send(message).await.is_err() {
            return Err(self.shared.refusal());
        }
        result.await.unwrap_or_else(|_| Err(self.shared.refusal()))
    }

    /// Runs `work`, which reads the disk, where it blocks nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _steady = shared.steady.read();
            work(&shared)
        });
        done.await
            .unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }
}

/// A checkpoint that paused has not done what it was asked for.
fn whole(folded: Result<bool, StoreError>) -> Result<(), StoreError> {
    match folded {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreError::Full),
        Err(error) => Err(error),
    }
}
