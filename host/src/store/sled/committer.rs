//! The one thread that puts changes in order and makes them durable, many at once.

use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};

use super::change::{self, Change, Kind};
use super::dedup::taken::DedupKeys;
use super::disk::Disk;
use super::log::Tail;
use super::message::{Message, Part, Queued};
use super::newest::Newest;
use super::overlay::{Overlay, OverlayTask};
use super::shared::Shared;
use super::{RESTED, recovery, room, tasks};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::{Ownership, StoreError};

/// Changes in one group at most.
const CHANGES: usize = 512;
/// Bytes in one group, unless a single change is longer.
const BYTES: usize = 1024 * 1024;
/// How often a full disk is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The longest that a group waits for changes that are on their way: less than a sender notices.
const GATHER: Duration = Duration::from_micros(800);

type Key = (WorkspaceName, TaskId);

/// Where a task stands for the next change of it.
#[derive(Clone, Copy)]
struct TaskVersion {
    version: u64,
    count: u32,
}

struct Committer<'a> {
    shared: &'a Shared,
    tail: Tail,
    newest: FxHashMap<WorkspaceName, Newest>,
    /// Where tasks stand after the changes of the group that is being built.
    standing: FxHashMap<Key, TaskVersion>,
    /// Tasks of this group that only the tree has.
    bases: FxHashMap<Key, OverlayTask>,
    /// The keys of deliveries that the group takes, each with its task.
    taken: DedupKeys,
    /// Repeated deliveries. What they repeat may be of this group, so they are answered when it is durable.
    repeats: Vec<(oneshot::Sender<Result<(), StoreError>>, StoreError)>,
}

/// Runs until the store is closed or a write fails for another reason than a full disk.
pub(super) fn run(shared: &Shared, tail: Tail, mut queue: mpsc::Receiver<Message>) {
    let mut committer = Committer {
        shared,
        tail,
        newest: FxHashMap::default(),
        standing: FxHashMap::default(),
        bases: FxHashMap::default(),
        taken: DedupKeys::default(),
        repeats: Vec::new(),
    };
    let mut batch = Vec::new();
    let mut ahead = None;
    loop {
        if let Err(error) = committer.tail.close_if_wanted() {
            shared.could_not_fold(error);
        }
        if shared.space.is_none() {
            refuse(&mut queue, ahead.take(), &StoreError::Full);
            if shared.stopped() {
                break;
            }
            std::thread::sleep(LOOK_AGAIN);
            committer.recover();
            continue;
        }
        let first = match ahead.take() {
            Some(first) => first,
            None => match receive(shared, &mut queue) {
                Received::Change(first) => first,
                Received::Look => continue,
                Received::End => break,
            },
        };
        shared.pending.wait(GATHER);
        let mut bytes = first.bytes();
        batch.push(first);
        while batch.len() < CHANGES && bytes < BYTES {
            match queue.try_recv() {
                Ok(Message::Change(next)) if bytes + next.bytes() > BYTES => {
                    ahead = Some(next);
                    break;
                }
                Ok(Message::Change(next)) => {
                    bytes += next.bytes();
                    batch.push(next);
                }
                Ok(Message::Look) | Err(_) => break,
            }
        }
        if let Err(error) = committer.commit(&mut batch) {
            let error = committer.could_not_write(error);
            for queued in batch.drain(..) {
                let _ = queued.done.send(Err(error.clone()));
            }
            for (done, _) in committer.repeats.drain(..) {
                let _ = done.send(Err(error.clone()));
            }
            if shared.stopped() {
                break;
            }
        }
    }
    // What is still queued gets no answer but this one.
    queue.close();
    refuse(&mut queue, ahead, &shared.refusal());
}

/// Answers all that is queued.
fn refuse(queue: &mut mpsc::Receiver<Message>, ahead: Option<Box<Queued>>, error: &StoreError) {
    let rest = std::iter::from_fn(|| queue.try_recv().ok());
    for message in ahead.map(Message::Change).into_iter().chain(rest) {
        if let Message::Change(queued) = message {
            let _ = queued.done.send(Err(error.clone()));
        }
    }
}

/// What a wait for the next change came to.
enum Received {
    Change(Box<Queued>),
    Look,
    /// The store is stopped, or dropped.
    End,
}

fn receive(shared: &Shared, queue: &mut mpsc::Receiver<Message>) -> Received {
    let next = queue.blocking_recv();
    if shared.stopped() {
        if let Some(Message::Change(next)) = next {
            let _ = next.done.send(Err(shared.refusal()));
        }
        return Received::End;
    }
    match next {
        Some(Message::Change(next)) => Received::Change(next),
        Some(Message::Look) => Received::Look,
        None => Received::End,
    }
}

impl Committer<'_> {
    /// A group could not be written. Returns the error for its callers.
    fn could_not_write(&mut self, error: StoreError) -> StoreError {
        if !matches!(error, StoreError::Full) {
            return self.shared.fail(&error);
        }
        // While it can be: what sled has in memory alone could not be read from a full disk.
        let settled = self.shared.with_disk(Disk::settle);
        self.shared.space.none(settled.is_err());
        self.shared.room.notify_waiters();
        match self.tail.mend() {
            Ok(()) => StoreError::Full,
            // It is tried again before anything is written.
            Err(StoreError::Full) => StoreError::Undecided,
            Err(error) => self.shared.fail(&error),
        }
    }

    /// Goes on after the disk was full, if there is room again.
    fn recover(&mut self) {
        let (shared, settings) = (self.shared, &self.shared.settings);
        if room::free(&settings.path) < settings.reserve_bytes + settings.slot_bytes {
            return;
        }
        let mended = self.tail.mend().and_then(|()| {
            shared.blobs.take_back_undecided();
            if shared.space.is_broken() {
                self.tail = recovery::reopen(shared)?;
                self.newest.clear();
            }
            shared.slots.prepare()
        });
        match mended {
            Ok(()) => shared.space.recovered(),
            Err(error) if error.is_retriable() => {
                tracing::warn!(%error, "the store cannot go on yet after its disk was full");
            }
            Err(error) => {
                shared.fail(&error);
            }
        }
    }

    /// Makes a batch durable and answers it. An error leaves those in it that have no answer.
    #[expect(clippy::vec_box)] // As they came through the queue; a task's head is large to move.
    fn commit(&mut self, batch: &mut Vec<Box<Queued>>) -> Result<(), StoreError> {
        self.standing.clear();
        self.bases.clear();
        self.taken.clear();
        // Until the group is durable: who takes a partition over waits for it, and what a change stands
        // on is not removed.
        let shared = self.shared;
        let (owned, _standing) = (shared.partitions.hold(), shared.removing.read());
        let mut accepted = Vec::with_capacity(batch.len());
        for mut queued in batch.drain(..) {
            match self.order_all(&owned, &mut queued) {
                Ok(()) => accepted.push(queued),
                Err(repeat @ StoreError::Duplicate { .. }) => {
                    self.repeats.push((queued.done, repeat));
                }
                Err(refused) => {
                    let _ = queued.done.send(Err(refused));
                }
            }
        }
        *batch = accepted;
        if batch.is_empty() {
            self.answer_repeats();
            return Ok(());
        }
        let group = self.tail.begin();
        change::begin_group(group, !self.taken.is_empty());
        for part in batch.iter_mut().flat_map(|queued| queued.parts()) {
            change::set_index(&mut part.encoded, part.change.index);
            change::push_change(group, &part.encoded)?;
        }
        let number = self.tail.append()?;
        let mut waiters = Vec::with_capacity(batch.len());
        let mut displaced = Vec::new();
        let (bytes, rested) = {
            let mut overlay = self.shared.overlay.write();
            for queued in batch.drain(..) {
                let Queued { first, rest, done } = *queued;
                for Part { change, .. } in std::iter::once(first).chain(rest) {
                    let base = self.base(&overlay, &change)?;
                    displaced.extend(overlay.apply(change, number, base));
                }
                waiters.push(done);
            }
            overlay.applied = number;
            self.shared.measure(&overlay);
            (overlay.bytes(), overlay.rested())
        };
        for waiter in waiters {
            // A caller that went away has its change all the same.
            let _ = waiter.send(Ok(()));
        }
        self.answer_repeats();
        drop(displaced);
        if bytes > self.shared.settings.overlay_bytes || rested > RESTED {
            self.shared.want_checkpoint();
        }
        Ok(())
    }

    /// The task as the tree has it, if the overlay has it no more.
    fn base(
        &mut self,
        overlay: &Overlay,
        change: &Change,
    ) -> Result<Option<OverlayTask>, StoreError> {
        if change.kind == Kind::Accept || overlay.get(&change.workspace, change.id).is_some() {
            return Ok(None);
        }
        match self.bases.remove(&(change.workspace.clone(), change.id)) {
            Some(base) => Ok(Some(base)),
            // It was folded since it was put in order.
            None => tasks::from_tree_under_overlay(self.shared, &change.workspace, change.id)
                // The group is in the log already.
                .map_err(|error| StoreError::unavailable(error.to_string())),
        }
    }

    /// Checks the parts of a transaction and orders them: none of them if one is refused.
    fn order_all(&mut self, owned: &Ownership, queued: &mut Queued) -> Result<(), StoreError> {
        for part in queued.parts() {
            owned.check(part.claim, part.change.id)?;
            self.shared.erasing.check(&part.change.workspace)?;
        }
        let (key, standing) = self.order(&mut queued.first)?;
        let mut rest = Vec::with_capacity(queued.rest.len());
        for part in &mut queued.rest {
            rest.push(self.order(part)?);
        }
        let taken = self.taken.by(self.shared, queued)?;
        self.standing.insert(key, standing);
        self.standing.extend(rest);
        self.taken.extend(taken);
        Ok(())
    }

    fn answer_repeats(&mut self) {
        for (done, repeat) in self.repeats.drain(..) {
            let _ = done.send(Err(repeat));
        }
    }

    /// Checks a change against where its task stands, gives its entries their place, and says where
    /// the task stands then.
    fn order(&mut self, part: &mut Part) -> Result<(Key, TaskVersion), StoreError> {
        let (change, expected) = (&mut part.change, part.expected);
        let key = (change.workspace.clone(), change.id);
        let standing = if change.kind == Kind::Accept && self.is_new(&key)? {
            None
        } else {
            self.standing(&key)?
        };
        let next = match (change.kind, standing) {
            (Kind::Accept, None) => TaskVersion {
                version: change.head.as_ref().map_or(1, |head| head.version),
                count: 0,
            },
            (Kind::Accept, Some(standing)) => {
                return Err(conflict(change.id, 0, standing.version));
            }
            (_, None) => return Err(StoreError::NotFound(format!("task {}", change.id))),
            (Kind::Effect, Some(standing)) => standing,
            (Kind::Commit | Kind::Note, Some(standing)) => {
                let expected = expected.unwrap_or(0);
                if standing.version != expected {
                    return Err(conflict(change.id, expected, standing.version));
                }
                TaskVersion {
                    version: expected + 1,
                    ..standing
                }
            }
        };
        change.index = next.count;
        let count = next.count.checked_add(change.count).ok_or_else(|| {
            StoreError::Refused(format!("the journal of task {} is full", change.id))
        })?;
        Ok((key, TaskVersion { count, ..next }))
    }

    fn standing(&mut self, key: &Key) -> Result<Option<TaskVersion>, StoreError> {
        if let Some(standing) = self.standing.get(key) {
            return Ok(Some(*standing));
        }
        let of = |open: &OverlayTask| TaskVersion {
            version: open.head.version,
            count: open.count,
        };
        if let Some(open) = self.shared.overlay.read().get(&key.0, key.1) {
            return Ok(Some(of(open)));
        }
        let Some(open) = tasks::from_tree(self.shared, &key.0, key.1)? else {
            return Ok(None);
        };
        let standing = of(&open);
        self.bases.insert(key.clone(), open);
        Ok(Some(standing))
    }

    /// Whether a task cannot be there already: its id is greater than every one that is, or than all
    /// but a few that are known.
    fn is_new(&mut self, (workspace, id): &Key) -> Result<bool, StoreError> {
        match self.newest.get_mut(workspace) {
            Some(newest) => Ok(newest.is_new(*id)),
            None => {
                let there = tasks::newest(self.shared, workspace)?;
                let mut newest = Newest::after(there);
                let new = newest.is_new(*id);
                self.newest.insert(workspace.clone(), newest);
                Ok(new)
            }
        }
    }
}

fn conflict(id: TaskId, expected: u64, actual: u64) -> StoreError {
    StoreError::Conflict {
        id,
        expected,
        actual,
    }
}
