//! The embedded store: a group log for changes that were just acknowledged, an overlay of it in memory, and
//! a checkpoint that folds the log into a sled tree of task records and an archive of finished ones.
//!
//! A change is encoded on its caller's thread, put in order and made durable by the one committer
//! thread together with all others that wait, and then taken into the overlay. Tasks that came to
//! rest are folded in key order, many at once: one that is accepted and finished within a moment is
//! appended to the archive and costs the tree a part of a key; tasks that are ready stay in memory
//! until they take too much of it. The log of folded changes is freed.

mod archive;
mod audit;
mod audit_logs;
mod blocks;
mod bodies;
mod catalog_copy;
mod catalog_frame;
mod change;
mod checked;
mod checkpoint;
mod closing;

mod committer;
mod components;
mod counts;
mod dedup;
mod deliveries;
mod delivery_locks;
mod directory_lock;
mod disk;
mod erase;
mod erasing;
mod failpoint;
mod failure;
mod files;
mod fold;
mod fragments;
mod frame;
mod gather;
mod group;
pub mod inspect;
mod key_names;
mod keys;
mod lanes;
mod lists;
mod log;
mod long;
mod marks;
mod message;
mod migration;
mod newest;
mod overlay;
mod pieces;
mod pins;
mod places;
mod presence;
mod purge;
mod puts;
mod queries;
mod recovery;
mod registry;
mod registry_read;
mod removed;
mod repair;
mod room;
pub mod salvage;
mod scan;
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
mod timeline;
mod tree;
mod upgrade;

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use self::change::Change;
use self::checkpoint::Extent;
pub use self::failure::OpenError;
pub use self::gather::AnnouncedWrite;
use self::message::{DedupLookup, Message, Part, Queued};
use self::purge::Purge;
pub use self::settings::SledSettings;
use self::shared::Shared;
use self::thread::spawn;
use super::{Claim, Partitions, StoreError, codec};
use crate::domain::blocking::spawn_blocking;
use crate::domain::dedup::Dedup;
use crate::domain::ids::{TaskId, WorkspaceName};

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
        let (shared, log, seed) = recovery::open(settings)?;
        let (queue, queued) = mpsc::channel(QUEUE);
        let _ = shared.committer.set(queue.downgrade());
        let shared = Arc::new(shared);
        let committer = {
            let shared = shared.clone();
            spawn("store-commit", move || committer::run(&shared, log, queued))?
        };
        let checkpoint = {
            let shared = shared.clone();
            spawn("store-fold", move || checkpoint::run(&shared))?
        };
        let slots = {
            let shared = shared.clone();
            spawn("store-slots", move || {
                let has_room = || !shared.space.is_low() && room::has_slot(&shared.settings);
                shared.slots.make_ahead(|| !shared.stopped(), has_room);
            })?
        };
        Ok(Arc::new(Self {
            shared,
            queue,
            seed,
            purge: Arc::default(),
            threads: Mutex::new(vec![committer, checkpoint, slots]),
        }))
    }

    /// Announces a write that will arrive in a moment, so that the committer may wait for it and make it durable
    /// in one group with others. It only changes how long they take.
    pub fn announce_write(&self) -> AnnouncedWrite {
        AnnouncedWrite::new(self.shared.pending.clone())
    }

    /// Who owns which partition: all are this process's, under an epoch that no other process has.
    pub fn partitions(&self) -> &Partitions {
        &self.shared.partitions
    }

    /// Folds every task that came to rest and lets go of the log behind. It happens by itself.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        whole(checkpoint::checkpoint(&self.shared, Extent::Needed))
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
        whole(checkpoint::checkpoint(&self.shared, Extent::Everything))
    }

    async fn submit(
        &self,
        claim: Claim,
        change: Change,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        self.submit_all(Part::new(claim, change, expected, None)?, Vec::new())
            .await
    }

    /// Looks whether a delivery came before.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if another task than `task` has its key.
    fn look_for(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        dedup: Dedup,
    ) -> Result<DedupLookup, StoreError> {
        // Before the look: what moves during it counts as not seen.
        let moved = self.shared.dedup.moved();
        let _steady = self.shared.steady.read();
        let found = dedup::find::delivered(&self.shared, workspace, dedup.key, dedup.at)?;
        match found.filter(|found| *found != task) {
            Some(task) => Err(StoreError::Duplicate { task }),
            None => Ok(DedupLookup {
                at: dedup.at,
                moved,
            }),
        }
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

    /// Runs `work`, which reads the disk, on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        let done = spawn_blocking(move || {
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
