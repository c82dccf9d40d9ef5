//! The changes that wait to be written, and when a lane takes which of them.
//!
//! A transaction has a price of its own, whatever is in it, and most of it is that of making it durable. So a lane takes all
//! that waits, and it waits for announced jobs, and until there are as many as in the transaction before. Another lane
//! begins beside one that is at work only for [`ENOUGH`], and nothing waits for longer than [`LINGER`]. The changes of a
//! partition are in one transaction at a time, in the order in which they were asked for.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::part::Part;
use crate::domain::partition::Partition;
use crate::store::StoreError;

/// Changes that may wait for a lane, and as many that wait for one that holds their partition; past it, callers wait.
const ROOM: usize = 4096;
/// Jobs of one transaction.
const JOBS: usize = 256;
/// Bytes of one transaction, but for a job that is larger.
const BYTES: usize = 4 * 1024 * 1024;
/// Jobs for which a lane begins, whatever others do.
const ENOUGH: usize = 32;
/// After a transaction of fewer jobs the next one does not wait for as many: little comes in.
const FEW: usize = 4;
/// The longest that a job waits for others while a lane is free. A commit takes a millisecond where it is fast.
pub(super) const LINGER: Duration = Duration::from_millis(4);

/// Changes that belong together, and who waits for them.
pub(super) struct Job {
    pub(super) parts: Vec<Part>,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
    partitions: PartitionSet,
    since: Instant,
    /// Whether it has one of the places that there are.
    has_place: bool,
}

/// Receives the result of a job: once it is durable, or the error.
pub(super) type WriteResult = oneshot::Receiver<Result<(), StoreError>>;

/// The jobs that a lane writes in one transaction.
pub(super) struct Batch {
    pub(super) jobs: Vec<Job>,
    pub(super) guard: PartitionGuard,
}

/// Keeps other lanes from the partitions that a lane writes, until it is dropped.
pub(super) struct PartitionGuard {
    queue: Arc<Queue>,
    partitions: PartitionSet,
}

impl Drop for PartitionGuard {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.release(&self.partitions);
        match std::thread::panicking() {
            // This lane does not look after what it held up.
            true => self.queue.wake_one(state),
            false => self.queue.wake_for(state),
        }
    }
}

/// A lane that is there, until this is dropped. With the last one all that waits ends as closed.
pub(super) struct Lane(Arc<Queue>);

impl Drop for Lane {
    fn drop(&mut self) {
        if self.0.lanes.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        self.0.close();
        let mut state = self.0.state.lock();
        // Who waits for them hears of it when they are dropped, without the lock.
        let ended = (std::mem::take(&mut state.waiting), state.take_blocked());
        drop(state);
        drop(ended);
    }
}

/// Jobs that wait for a lane, by partition; see the module.
pub(super) struct Queue {
    /// See [`LINGER`].
    linger: Duration,
    state: Mutex<State>,
    room: Semaphore,
    wake: Notify,
    /// Jobs that were announced and have not come.
    coming: AtomicUsize,
    lanes: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// Jobs that a lane may take, in their order.
    waiting: VecDeque<Job>,
    /// Jobs that wait for a lane that holds one of their partitions, or for another one of these, in their order.
    blocked: VecDeque<Job>,
    /// The partitions of all these.
    blocked_partitions: PartitionSet,
    /// The partitions whose changes are being written.
    held: PartitionSet,
    /// Lanes at work.
    busy: usize,
    /// Jobs of the last transaction.
    last: usize,
    /// A lane was woken that has not looked yet.
    is_waking: bool,
    is_closed: bool,
}

impl Queue {
    /// An empty one. See [`LINGER`].
    pub(super) fn new(linger: Duration) -> Self {
        Self {
            linger,
            state: Mutex::default(),
            room: Semaphore::new(ROOM),
            wake: Notify::new(),
            coming: AtomicUsize::new(0),
            lanes: AtomicUsize::new(0),
        }
    }

    /// Adds a lane.
    pub(super) fn lane(self: &Arc<Self>) -> Lane {
        self.lanes.fetch_add(1, Ordering::SeqCst);
        Lane(self.clone())
    }

    /// Puts changes that belong together behind the others. Waits for room.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub(super) async fn push(&self, parts: Vec<Part>) -> Result<WriteResult, StoreError> {
        let room = self.room.acquire().await;
        let room = room.map_err(|_| StoreError::Closed)?;
        let (done, written) = oneshot::channel();
        let job = Job {
            partitions: PartitionSet::of(&parts),
            parts,
            done,
            since: Instant::now(),
            has_place: true,
        };
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(StoreError::Closed);
        }
        // It is given back below, or by the lane that takes the job.
        room.forget();
        let was_empty = state.waiting.is_empty();
        state.put(job);
        // A lane that is stuck holds up its partitions and no others.
        if state.blocked.len() <= ROOM
            && let Some(last) = state.blocked.back_mut()
            && std::mem::replace(&mut last.has_place, false)
        {
            self.room.add_permits(1);
        }
        match was_empty && !state.waiting.is_empty() {
            // A lane that is free sees to it that it does not wait for too long.
            true => self.wake_one(state),
            false => self.wake_for(state),
        }
        Ok(written)
    }

    /// Announces a job that will come in a moment, so that a lane waits for it, for a moment.
    pub(super) fn announce(self: &Arc<Self>) -> Announced {
        self.coming.fetch_add(1, Ordering::SeqCst);
        Announced(self.clone())
    }

    /// Takes no more jobs. Those that wait are written.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.room.close();
        self.wake.notify_waiters();
    }

    fn is_coming(&self) -> bool {
        self.coming.load(Ordering::SeqCst) > 0
    }

    /// Wakes a lane if one is to begin.
    fn wake_for(&self, state: MutexGuard<'_, State>) {
        if state.begins(self.is_coming(), self.linger) {
            self.wake_one(state);
        }
    }

    /// Wakes a lane that is free, unless one is on its way.
    fn wake_one(&self, mut state: MutexGuard<'_, State>) {
        if !std::mem::replace(&mut state.is_waking, true) {
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Waits for what a lane is to write next; none when the queue is closed and nothing waits that another lane will not
    /// take.
    pub(super) async fn next(self: &Arc<Self>) -> Option<Batch> {
        let mut woken = pin!(self.wake.notified());
        loop {
            // What changes after this look wakes it.
            woken.as_mut().enable();
            let until = {
                let mut state = self.state.lock();
                state.is_waking = false;
                if let Some((jobs, partitions)) = state.take(self.is_coming(), self.linger) {
                    let places = jobs.iter().filter(|job| job.has_place).count();
                    self.room.add_permits(places);
                    if !state.waiting.is_empty() {
                        self.wake_one(state);
                    }
                    let queue = self.clone();
                    let guard = PartitionGuard { queue, partitions };
                    return Some(Batch { jobs, guard });
                }
                if state.is_closed {
                    return None;
                }
                state.oldest().map(|since| since + self.linger)
            };
            match until {
                Some(until) => {
                    let _ = timeout_at(until, woken.as_mut()).await;
                }
                None => woken.as_mut().await,
            }
            woken.set(self.wake.notified());
        }
    }
}

/// A job that is on its way. It has come, or will not, when this is dropped.
pub struct Announced(Arc<Queue>);

impl Drop for Announced {
    fn drop(&mut self) {
        let queue = &self.0;
        if queue.coming.fetch_sub(1, Ordering::SeqCst) == 1 {
            queue.wake_for(queue.state.lock());
        }
    }
}

impl State {
    /// Puts a job where it waits.
    fn put(&mut self, job: Job) {
        // One that is blocked goes first in its partitions.
        let is_behind = self.blocked_partitions.has_any(&job.partitions);
        if is_behind || self.held.has_any(&job.partitions) {
            self.blocked_partitions.add(&job.partitions);
            self.blocked.push_back(job);
        } else {
            self.waiting.push_back(job);
        }
    }

    /// The oldest of what waits.
    fn oldest(&self) -> Option<Instant> {
        self.waiting.iter().map(|job| job.since).min()
    }

    /// Whether a lane that is free is to take what waits. `is_coming` is whether more is on its way, `late` how old something
    /// is that waits no longer.
    fn begins(&self, is_coming: bool, late: Duration) -> bool {
        let count = self.waiting.len();
        // Who got an answer asks for the next change soon.
        let wanted = if self.last < FEW { 1 } else { self.last };
        let is_all = self.busy == 0 && !is_coming && count >= wanted;
        let is_late = || self.oldest().is_some_and(|since| since.elapsed() >= late);
        count > 0 && (is_all || self.is_closed || count >= ENOUGH || is_late())
    }

    fn take(&mut self, is_coming: bool, late: Duration) -> Option<(Vec<Job>, PartitionSet)> {
        if !self.begins(is_coming, late) {
            return None;
        }
        let (mut count, mut size) = (0, 0);
        let mut held = PartitionSet::default();
        for job in self.waiting.iter().take(JOBS) {
            if size >= BYTES {
                break;
            }
            count += 1;
            size += job.parts.iter().map(Part::size).sum::<usize>();
            held.add(&job.partitions);
        }
        let left = self.waiting.split_off(count);
        let jobs: Vec<Job> = Vec::from(std::mem::take(&mut self.waiting));
        self.held.add(&held);
        self.busy += 1;
        self.last = jobs.len();
        // All that is blocked is behind them or has nothing in common with them.
        let blocked = self.take_blocked();
        for job in left.into_iter().chain(blocked) {
            self.put(job);
        }
        Some((jobs, held))
    }

    fn release(&mut self, held: &PartitionSet) {
        self.held.remove(held);
        self.busy -= 1;
        for job in self.take_blocked() {
            self.put(job);
        }
    }

    fn take_blocked(&mut self) -> VecDeque<Job> {
        self.blocked_partitions = PartitionSet::default();
        std::mem::take(&mut self.blocked)
    }
}

/// A set of partitions, a bit for each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct PartitionSet([u64; Partition::COUNT / 64]);

impl PartitionSet {
    fn of(parts: &[Part]) -> Self {
        let mut set = Self::default();
        for part in parts {
            let index = Partition::of(part.id).index();
            set.0[index / 64] |= 1 << (index % 64);
        }
        set
    }

    fn has_any(&self, other: &Self) -> bool {
        let mut both = self.0.iter().zip(other.0);
        both.any(|(one, other)| one & other != 0)
    }

    fn add(&mut self, other: &Self) {
        for (one, other) in self.0.iter_mut().zip(other.0) {
            *one |= other;
        }
    }

    fn remove(&mut self, other: &Self) {
        for (one, other) in self.0.iter_mut().zip(other.0) {
            *one &= !other;
        }
    }
}
