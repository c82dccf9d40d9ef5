//! The changes that wait to be written, and when a lane takes which of them.
//!
//! A transaction has a price of its own, whatever is in it, and most of it is that of making it durable. So a lane takes all
//! that waits, and it waits for what is on its way. Another lane begins beside one that is at work only for [`ENOUGH`], or
//! when something has waited for [`LINGER`]. The changes of a partition are in one transaction at a time, in the order in
//! which they were asked for.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::part::Part;
use crate::domain::partition::Partition;
use crate::store::StoreError;

/// Changes that belong together, and who waits for them.
pub(super) struct Job {
    pub(super) parts: Vec<Part>,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
    pub(super) since: Instant,
    /// Its place among those that may wait.
    pub(super) _place: OwnedSemaphorePermit,
}

/// Jobs of one transaction.
const JOBS: usize = 256;
/// Bytes of one transaction, but for a job that is larger.
const BYTES: usize = 4 * 1024 * 1024;
/// Jobs for which another lane begins.
const ENOUGH: usize = 32;
/// The longest that a job waits for others while a lane is free. A commit takes a millisecond where it is fast.
pub(super) const LINGER: Duration = Duration::from_millis(5);

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    /// Jobs that were announced and have not come.
    coming: AtomicUsize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// The partitions whose changes are being written.
    held: Partitions,
    /// Lanes at work.
    busy: usize,
    /// A lane was woken that has not looked yet.
    is_waking: bool,
    is_closed: bool,
}

/// A set of partitions, a bit for each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Partitions([u64; Partition::COUNT / 64]);

impl Partitions {
    fn of(parts: &[Part]) -> Self {
        let mut set = Self::default();
        for part in parts {
            let index = Partition::of(part.id).index();
            set.0[index / 64] |= 1 << (index % 64);
        }
        set
    }

    fn has_any(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .any(|(one, other)| one & other != 0)
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

/// What a lane writes in one transaction.
pub(super) struct Taken {
    pub(super) jobs: Vec<Job>,
    partitions: Partitions,
}

impl Queue {
    /// Puts a job behind the others.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub(super) fn push(&self, job: Job) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(StoreError::Closed);
        }
        state.waiting.push_back(job);
        self.wake(state);
        Ok(())
    }

    /// Announces a job that will come in a moment, so that a lane waits for it, for a moment.
    pub(super) fn announce(self: &Arc<Self>) -> Announced {
        self.coming.fetch_add(1, Ordering::SeqCst);
        Announced(self.clone())
    }

    /// Has what has waited for [`LINGER`] be taken by a lane that is free.
    pub(super) fn hurry(&self) {
        self.wake(self.state.lock());
    }

    /// Takes no more jobs. Those that wait are written.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.wake.notify_waiters();
    }

    fn is_coming(&self) -> bool {
        self.coming.load(Ordering::SeqCst) > 0
    }

    /// Wakes a lane, if one is to begin and none is on its way.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if !state.is_waking && state.begins(self.is_coming()) {
            state.is_waking = true;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Waits for what a lane is to write next; none when the queue is closed and empty.
    pub(super) async fn next(&self) -> Option<Taken> {
        let mut woken = pin!(self.wake.notified());
        loop {
            // What changes after this look wakes it.
            woken.as_mut().enable();
            {
                let mut state = self.state.lock();
                state.is_waking = false;
                if let Some(taken) = state.take(self.is_coming()) {
                    self.wake(state);
                    return Some(taken);
                }
                if state.is_closed && state.waiting.is_empty() {
                    return None;
                }
            }
            woken.as_mut().await;
            woken.set(self.wake.notified());
        }
    }

    /// What a lane took is over.
    pub(super) fn is_over(&self, held: &Held) {
        let mut state = self.state.lock();
        state.held.remove(&held.0);
        state.busy -= 1;
        if state.is_closed {
            // Lanes that waited for these partitions, or for the end.
            self.wake.notify_waiters();
        }
    }
}

/// A job that is on its way. It has come, or will not, when this is dropped.
pub struct Announced(Arc<Queue>);

impl Drop for Announced {
    fn drop(&mut self) {
        let queue = &self.0;
        if queue.coming.fetch_sub(1, Ordering::SeqCst) == 1 {
            queue.wake(queue.state.lock());
        }
    }
}

/// The partitions that a lane holds while it writes.
pub(super) struct Held(Partitions);

impl Taken {
    /// The jobs, and what is held until [`Queue::is_over`].
    pub(super) fn open(self) -> (Vec<Job>, Held) {
        (self.jobs, Held(self.partitions))
    }
}

impl State {
    /// Whether a lane that is free is to take what waits; `is_coming` is whether more is on its way.
    fn begins(&self, is_coming: bool) -> bool {
        let is_all = self.busy == 0 && !is_coming;
        let is_enough = is_all || self.waiting.len() >= ENOUGH;
        let is_old = |job: &Job| job.since.elapsed() >= LINGER;
        let first = self.waiting.front();
        first.is_some_and(|first| is_enough || self.is_closed || is_old(first))
    }

    fn take(&mut self, is_coming: bool) -> Option<Taken> {
        if !self.begins(is_coming) {
            return None;
        }
        let mut blocked = self.held;
        let mut taken = Taken {
            jobs: Vec::new(),
            partitions: Partitions::default(),
        };
        let mut left = VecDeque::new();
        let mut size = 0;
        while taken.jobs.len() < JOBS && size < BYTES {
            let Some(job) = self.waiting.pop_front() else {
                break;
            };
            let partitions = Partitions::of(&job.parts);
            if blocked.has_any(&partitions) {
                // So that none of its partitions' later changes goes before it.
                blocked.add(&partitions);
                left.push_back(job);
            } else {
                size += job.parts.iter().map(Part::size).sum::<usize>();
                taken.partitions.add(&partitions);
                taken.jobs.push(job);
            }
        }
        left.append(&mut self.waiting);
        self.waiting = left;
        if taken.jobs.is_empty() {
            return None;
        }
        self.held.add(&taken.partitions);
        self.busy += 1;
        Some(taken)
    }
}
