//! Partitions that come and go: tasks of a lost one are let go of, those of a gained one are taken up.
//!
//! Work under way for a lost partition needs no care here: the store refuses its writes. A run
//! is stopped so that it makes no more calls. In a partition that is to be given up nothing begins any more, and the
//! store is told when nothing runs there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::interrupted::Interrupted;
use super::locks::TaskLocks;
use super::tasks::Tasks;
use super::unstored::UnstoredWork;
use crate::catalog::Catalog;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::store::Ownership;

/// How often is looked whether nothing runs any more in partitions that are to be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The least time between the word that a partition is to be given up and its end: tasks that were placed there before are accepted.
const LINGER: Duration = Duration::from_millis(200);

/// How long the counts of interrupted runs are waited for at most.
const LEARN: Duration = Duration::from_secs(1);
/// Before the setup is read again that could not be read.
const READ_AGAIN: Duration = Duration::from_millis(300);

/// Resolves when the node knows the setup under which the tasks of what it gained were accepted.
type Reached = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Which partitions another owner has had, or has, since a moment.
struct PartitionChange {
    lost: [bool; Partition::COUNT],
    gained: bool,
}

impl PartitionChange {
    fn between(before: &Ownership, now: &Ownership) -> Self {
        let mut change = Self {
            lost: [false; Partition::COUNT],
            // What went and came back meanwhile may have tasks that were dropped.
            gained: now.has_more_changes(before),
        };
        for partition in Partition::all() {
            // It is to stay after all.
            change.gained |= before.leaves(partition) && !now.leaves(partition);
            let (before, now) = (before.claim(partition), now.claim(partition));
            if before != now {
                change.lost[partition.index()] = before.is_some();
                change.gained |= now.is_some();
            }
        }
        change
    }

    fn is_lost(&self, task: TaskId) -> bool {
        self.lost[Partition::of(task).index()]
    }
}

/// The parts of the engine that follow gained and lost partitions.
pub(super) struct Follower {
    pub(super) tasks: Tasks,
    /// What the node owned before any task was read: what it gains since is looked for.
    pub(super) before: Arc<Ownership>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) interrupted: Arc<Interrupted>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) unstored: Arc<UnstoredWork>,
    pub(super) locks: Arc<TaskLocks>,
}

impl Follower {
    /// Follows what the node owns. Runs until the store is dropped.
    pub(super) async fn run(self) {
        let mut ownership = self.tasks.ownership();
        let mut before = self.before.clone();
        let mut since = Instant::now();
        let mut reached: Option<Reached> = None;
        loop {
            tokio::select! {
                changed = ownership.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = ownership.borrow_and_update().clone();
                    let change = PartitionChange::between(&before, &now);
                    if change.gained && let Some(cluster) = self.tasks.store.cluster() {
                        // A store that does not answer must not keep runs from being stopped.
                        let learns = self.interrupted.learn(cluster, &now);
                        let _ = tokio::time::timeout(LEARN, learns).await;
                    }
                    self.changed(&change, &now);
                    if change.gained {
                        reached = Some(self.reach(now.revision()));
                    }
                    if Partition::all().any(|it| now.leaves(it) && !before.leaves(it)) {
                        since = Instant::now();
                    }
                    before = now;
                }
                () = tokio::time::sleep(LOOK_AGAIN), if before.leaves_any() => {
                    self.release(&before, since.elapsed() >= LINGER);
                }
                Some(()) = OptionFuture::from(reached.as_mut()) => {
                    reached = None;
                    self.take_up();
                }
            }
        }
    }

    /// Reads the setup until it is at a revision. Workspaces that this node did not know may have ready tasks in what it
    /// gained.
    fn reach(&self, revision: u64) -> Reached {
        let catalog = self.catalog.clone();
        Box::pin(async move {
            while catalog.reach(revision).await.is_err() {
                tokio::time::sleep(READ_AGAIN).await;
            }
        })
    }

    /// Looks for work in what was gained.
    fn take_up(&self) {
        let workspaces = self.catalog.workspaces();
        self.dispatcher.queue.look_again(workspaces);
        self.dispatcher.timer_changed.notify_one();
        self.catalog.agenda_changed().notify_one();
        self.dispatcher.run_more();
    }

    /// Has runs end in partitions that are to be given up, and tells the store in which of them nothing runs.
    fn release(&self, now: &Ownership, may_go: bool) {
        let mut runs = [false; Partition::COUNT];
        for task in self.locks.running() {
            if now.is_leaving(task) {
                runs[Partition::of(task).index()] = true;
                // Between two runs it makes way.
                self.locks.mark_wanted(task);
            }
        }
        let free: Vec<Partition> = Partition::all()
            .filter(|partition| now.leaves(*partition) && !runs[partition.index()])
            .collect();
        if may_go && let Some(cluster) = self.tasks.store.cluster() {
            cluster.release(&free);
        }
    }

    fn changed(&self, change: &PartitionChange, now: &Ownership) {
        self.dispatcher
            .queue
            .drop_tasks(|task| change.is_lost(task) || now.is_leaving(task));
        self.unstored.drop_tasks(|task| change.is_lost(task));
        self.locks.stop_all(|claim| now.is_stale(claim));
        if change.lost.contains(&true) {
            // Who waits for a task of another node looks at it from time to time.
            self.tasks.watchers.notify_all();
        }
        self.dispatcher.run_more();
    }
}
