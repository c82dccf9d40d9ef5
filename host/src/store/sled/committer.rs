//! The one thread that puts changes in order and makes them durable, many at once.

mod order;

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};

use super::change;
use super::dedup::taken::DedupKeys;
use super::disk::Disk;
use super::failure::{has_files, is_passing};
use super::fragments::Long;
use super::group;
use super::lanes::{FRAGMENT_BYTES, GroupLimits, Lanes, LongChange};
use super::log::LogWriter;
use super::message::{Message, Part, Queued};
use super::newest::Newest;
use super::overlay::OverlayTask;
use super::shared::Shared;
use super::{QUEUE, RESTED, recovery, room};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::{Ownership, StoreError};

/// Changes in one group at most, and bytes in one of a workspace alone, unless a single change is longer.
const GROUP_LIMITS: GroupLimits = GroupLimits {
    changes: 512,
    bytes: 1024 * 1024,
};
/// How often it is looked at whether there is room again.
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
    log: LogWriter,
    newest: FxHashMap<WorkspaceName, Newest>,
    /// Where tasks stand after the changes of the group that is being built.
    standing: FxHashMap<Key, TaskVersion>,
    /// Tasks of this group that only the tree has.
    bases: FxHashMap<Key, OverlayTask>,
    /// The keys of deliveries that the group takes, each with its task.
    taken: DedupKeys,
    /// Repeated deliveries. What they repeat may be of this group, so they are answered when it is durable.
    repeats: Vec<(oneshot::Sender<Result<(), StoreError>>, StoreError)>,
    /// The long change that is being written.
    long: Option<Long>,
}

/// Runs until the store is closed, or a write fails for a reason that does not pass.
pub(super) fn run(shared: &Shared, log: LogWriter, mut queue: mpsc::Receiver<Message>) {
    let mut committer = Committer {
        shared,
        log,
        newest: FxHashMap::default(),
        standing: FxHashMap::default(),
        bases: FxHashMap::default(),
        taken: DedupKeys::default(),
        repeats: Vec::new(),
        long: None,
    };
    let mut batch = Vec::new();
    let mut lanes = Lanes::default();
    loop {
        if let Err(error) = committer.log.close_if_wanted() {
            shared.could_not_fold(error);
        }
        if shared.space.is_none() {
            // The fragments that are written may be freed with the log.
            let error = shared.space.refusal();
            committer.give_up_long(&error);
            lanes.end_long();
            refuse(&mut queue, &mut lanes, &error);
            if shared.stopped() {
                break;
            }
            std::thread::sleep(LOOK_AGAIN);
            committer.recover();
            continue;
        }
        if lanes.is_idle() {
            match receive(shared, &mut queue) {
                Received::Change(first) => push(&mut lanes, first, Instant::now()),
                Received::Look => continue,
                Received::End => break,
            }
        }
        shared.pending.wait(GATHER);
        let now = Instant::now();
        while lanes.len() < QUEUE
            && let Ok(Message::Change(next)) = queue.try_recv()
        {
            push(&mut lanes, next, now);
        }
        if shared.stopped() {
            break;
        }
        let has_fragment = match lanes.take(GROUP_LIMITS, now, &mut batch) {
            LongChange::None => false,
            LongChange::Continue => true,
            LongChange::Begin(queued) => {
                committer.long = Some(Long::new(queued));
                true
            }
        };
        if let Err(error) = committer.commit(&mut batch, has_fragment) {
            let error = committer.could_not_write(error);
            for queued in batch.drain(..) {
                let _ = queued.done.send(Err(error.clone()));
            }
            for (done, _) in committer.repeats.drain(..) {
                let _ = done.send(Err(error.clone()));
            }
            committer.give_up_long(&error);
            if shared.stopped() {
                break;
            }
        }
        if committer.long.is_none() {
            lanes.end_long();
        }
    }
    // Queued changes are refused.
    queue.close();
    let error = shared.refusal();
    committer.give_up_long(&error);
    refuse(&mut queue, &mut lanes, &error);
}

fn push(lanes: &mut Lanes<Box<Queued>>, queued: Box<Queued>, now: Instant) {
    let workspace = queued.first.change.workspace.clone();
    lanes.push(&workspace, queued.bytes(), queued, now);
}

/// Answers all that is queued.
fn refuse(queue: &mut mpsc::Receiver<Message>, lanes: &mut Lanes<Box<Queued>>, error: &StoreError) {
    let rest = std::iter::from_fn(|| queue.try_recv().ok());
    for message in lanes.drain().map(Message::Change).chain(rest) {
        if let Message::Change(queued) = message {
            let _ = queued.done.send(Err(error.clone()));
        }
    }
}

/// The result of a wait for the next change.
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
        if !is_passing(&error) {
            return self.shared.fail(&error);
        }
        // While it can be: what sled has in memory alone could not be read from a full disk.
        let settled = self.shared.with_disk(Disk::settle);
        self.shared.space.none(settled.is_err(), &error);
        self.shared.room.notify_waiters();
        match self.log.mend() {
            Ok(()) => error,
            // It is tried again before anything is written.
            Err(error) if is_passing(&error) => StoreError::Undecided,
            Err(error) => self.shared.fail(&error),
        }
    }

    /// Goes on after the disk was full or files were short, if there are some again.
    fn recover(&mut self) {
        let (shared, settings) = (self.shared, &self.shared.settings);
        if room::free(&settings.path) < settings.reserve_bytes + settings.slot_bytes {
            return;
        }
        // Else sled may take what it cannot open for damaged.
        if !has_files(&settings.path) {
            return;
        }
        let mended = self.log.mend().and_then(|()| {
            shared.blobs.take_back_undecided();
            if shared.space.is_broken() {
                self.log = recovery::reopen(shared)?;
                self.newest.clear();
            }
            shared.slots.prepare()
        });
        match mended {
            Ok(()) => shared.space.recovered(),
            Err(error) if error.is_retriable() => {
                tracing::warn!(%error, "the store cannot go on yet");
            }
            Err(error) => {
                shared.fail(&error);
            }
        }
    }

    /// Makes a batch durable and answers it, with a fragment of the long change if there is to be one. An error leaves
    /// those in it that have no answer.
    #[expect(clippy::vec_box)] // As they came through the queue; a task's head is large to move.
    fn commit(
        &mut self,
        batch: &mut Vec<Box<Queued>>,
        has_fragment: bool,
    ) -> Result<(), StoreError> {
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
                Err(error) => self.refuse(*queued, error),
            }
        }
        *batch = accepted;
        if has_fragment {
            self.check_long();
        }
        let has_fragment = has_fragment && self.long.is_some();
        if batch.is_empty() && !has_fragment {
            self.answer_repeats();
            return Ok(());
        }
        let payload = self.log.begin();
        group::begin_group(payload, !self.taken.is_empty(), has_fragment);
        for part in batch.iter_mut().flat_map(|queued| queued.parts()) {
            change::set_index(&mut part.encoded, part.change.index);
            group::push_change(payload, &part.encoded)?;
        }
        let mut span = None;
        if has_fragment && let Some((from, queued)) = self.push_fragment(&owned)? {
            span = Some(from);
            batch.push(queued);
        }
        let number = self.log.append()?;
        let mut waiters = Vec::with_capacity(batch.len());
        let mut displaced = Vec::with_capacity(batch.len());
        let (bytes, rested) = {
            let mut overlay = self.shared.overlay.write();
            for queued in batch.drain(..) {
                let Queued { first, rest, done } = *queued;
                for part in std::iter::once(first).chain(rest) {
                    let Part {
                        change, encoded, ..
                    } = part;
                    let base = self.base(&overlay, &change)?;
                    displaced.push((overlay.apply(change, number, base), encoded));
                }
                waiters.push(done);
            }
            overlay.applied = number;
            if let Some(from) = span {
                overlay.span(from, number);
            }
            overlay.long = self.long.as_ref().and_then(|long| long.from);
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

    /// Gives the long change up if nothing more of its workspace is to be written.
    fn check_long(&mut self) {
        let Some(long) = &mut self.long else { return };
        let erasing = &self.shared.erasing;
        let checked = long
            .queued
            .parts()
            .try_for_each(|part| erasing.check(&part.change.workspace));
        if let Err(error) = checked {
            self.give_up_long(&error);
        }
    }

    fn give_up_long(&mut self, error: &StoreError) {
        if let Some(long) = self.long.take() {
            let _ = long.queued.done.send(Err(error.clone()));
        }
        // Also of one whose last group could not be written.
        let mut overlay = self.shared.overlay.write();
        if overlay.long.is_some() {
            overlay.long = None;
        }
    }

    /// Adds the next fragment of the long change to the group that was begun. With the last one the change is ordered and
    /// made: gives the group that has its first fragment, and the change, unless it is refused.
    fn push_fragment(
        &mut self,
        owned: &Ownership,
    ) -> Result<Option<(u64, Box<Queued>)>, StoreError> {
        let (number, Some(mut long)) = (self.log.next(), self.long.take()) else {
            return Ok(None);
        };
        let from = *long.from.get_or_insert(number);
        let mut is_last = false;
        let pushed = group::push_fragment(self.log.group(), from, |group| {
            is_last = long.push(group, FRAGMENT_BYTES)?;
            Ok(())
        });
        if let Err(error) = pushed {
            self.long = Some(long);
            return Err(error);
        }
        if !is_last {
            self.long = Some(long);
            return Ok(None);
        }
        match self.order_all(owned, &mut long.queued) {
            Ok(()) => {
                long.end(from).push(self.log.group())?;
                Ok(Some((from, long.queued)))
            }
            Err(error) => {
                self.refuse(*long.queued, error);
                Ok(None)
            }
        }
    }

    /// Answers a change that is not made. If it stands against another change, that one may be of this group: then the
    /// answer waits until the group is durable.
    fn refuse(&mut self, queued: Queued, error: StoreError) {
        match error {
            StoreError::Duplicate { .. } | StoreError::Conflict { .. } => {
                self.repeats.push((queued.done, error));
            }
            error => drop(queued.done.send(Err(error))),
        }
    }

    fn answer_repeats(&mut self) {
        for (done, repeat) in self.repeats.drain(..) {
            let _ = done.send(Err(repeat));
        }
    }
}
