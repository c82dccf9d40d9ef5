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
mod counts;
mod disk;
mod erase;
mod failpoint;
mod failure;
mod fold;
mod frame;
mod gather;
mod keys;
mod log;
mod newest;
mod overlay;
mod places;
mod purge;
mod queries;
mod recovery;
mod registry;
mod repair;
mod room;
mod settings;
mod shapes;
mod shared;
mod tasks;
mod terms;
#[cfg(test)]
mod tests;
mod thread;
mod upgrade;

use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use self::change::{Change, Kind};
use self::committer::{Message, Part, Queued};
pub use self::failure::OpenError;
pub use self::settings::SledSettings;
use self::shared::Shared;
use self::thread::spawn;
use super::{
    Commit, Counts, Expected, Found, Health, History, Manage, NewTask, Purged, Registry, Store,
    StoreError, TaskQuery, Terms, Together,
};
use crate::domain::clock::Millis;
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::{StoredTask, TaskHead};

/// A [`Store`] in a directory of this machine.
pub struct SledStore {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Message>,
    seed: [u8; 32],
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
            threads: Mutex::new(vec![committer, checkpoint]),
        }))
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

    async fn submit(&self, change: Change, expected: Option<u64>) -> Result<(), StoreError> {
        self.submit_all(Part::new(change, expected)?, Vec::new())
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

#[async_trait]
impl Store for SledStore {
    async fn accept(&self, task: NewTask) -> Result<(), StoreError> {
        self.shared.room().await?;
        self.submit(change::accepted(task)?, None).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let expected = commit.head.version.saturating_sub(1);
        self.submit(change::moved(Kind::Commit, commit)?, Some(expected))
            .await
    }

    async fn together(&self, changes: Together) -> Result<(), StoreError> {
        let mut parts = Vec::new();
        for (kind, commit) in changes
            .commits
            .into_iter()
            .map(|commit| (Kind::Commit, commit))
            .chain(changes.notes.into_iter().map(|head| {
                let (data, entries) = (None, Vec::new());
                (
                    Kind::Note,
                    Commit {
                        head,
                        data,
                        entries,
                    },
                )
            }))
        {
            let expected = commit.head.version.saturating_sub(1);
            parts.push(Part::new(change::moved(kind, commit)?, Some(expected))?);
        }
        for task in changes.accepts {
            parts.push(Part::new(change::accepted(task)?, None)?);
        }
        if parts.is_empty() {
            return Ok(());
        }
        let first = parts.remove(0);
        self.submit_all(first, parts).await
    }

    async fn record_effect(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let mut entries = Vec::new();
        shapes::journal::push_entry(&mut entries, &Entry::Effect(effect))?;
        let change = Change {
            kind: Kind::Effect,
            workspace: workspace.clone(),
            id: task,
            index: 0,
            head: None,
            data: None,
            entries,
            count: 1,
        };
        self.submit(change, None).await
    }

    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        let _steady = self.shared.steady.read();
        tasks::load(&self.shared, workspace, task)
    }

    async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<History>, StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| tasks::history(shared, &workspace, task))
            .await
    }

    async fn ready(
        &self,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        let _steady = self.shared.steady.read();
        queries::ready(&self.shared, workspace, after, limit)
    }

    async fn due(
        &self,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError> {
        let _steady = self.shared.steady.read();
        queries::due(&self.shared, until, limit)
    }

    async fn next_wake(&self) -> Result<Option<Millis>, StoreError> {
        let _steady = self.shared.steady.read();
        let first = queries::due(&self.shared, Millis::MAX, 1)?;
        Ok(first.first().map(|(wake_at, ..)| *wake_at))
    }

    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError> {
        let (workspace, query) = (workspace.clone(), query.clone());
        self.blocking(move |shared| queries::list(shared, &workspace, &query))
            .await
    }

    async fn find(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
        terms: &Terms,
    ) -> Result<Found, StoreError> {
        let (workspace, query, terms) = (workspace.clone(), query.clone(), terms.clone());
        self.blocking(move |shared| queries::find(shared, &workspace, &query, &terms))
            .await
    }

    async fn counts(&self, workspace: &WorkspaceName) -> Result<Counts, StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| counts::counts(shared, &workspace))
            .await
    }

    async fn manage(&self, change: Manage) -> Result<(), StoreError> {
        self.blocking(move |shared| registry::manage(shared, &change))
            .await
    }

    async fn registry(&self) -> Result<Registry, StoreError> {
        self.blocking(|shared| shared.with_disk(registry::read))
            .await
    }

    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        let digest = digest.to_owned();
        self.blocking(move |shared| registry::component(shared, &digest))
            .await
    }

    async fn put_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        body: Vec<u8>,
    ) -> Result<[u8; 32], StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| bodies::put(shared, &workspace, task, &body))
            .await
    }

    async fn body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| bodies::get(shared, &workspace, task, &digest))
            .await
    }

    async fn purge(&self, now: Millis) -> Result<Purged, StoreError> {
        // Not steady: who opens the tree again waits for that, and has what a purge waits for.
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || purge::purge(&shared, now));
        done.await
            .unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.space.watch()
    }

    fn seed(&self) -> [u8; 32] {
        self.seed
    }

    fn expect(&self) -> Expected {
        let shared = self.shared.clone();
        shared.coming.begin();
        Expected::until(move || shared.coming.end())
    }

    async fn close(&self) {
        // Joining threads blocks; elsewhere than on a thread that serves requests.
        self.signal();
        let threads = std::mem::take(&mut *self.threads.lock());
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
        self.stop();
    }
}
