//! The one thread that puts changes in order and makes them durable, many at once.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::change::{self, Change, Kind};
use super::log::Tail;
use super::newest::Newest;
use super::overlay::{Mixing, Open, Overlay};
use super::shared::Shared;
use super::{RESTED, tasks};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// Changes in one group at most.
const CHANGES: usize = 512;
/// Bytes in one group, unless a single change is longer.
const BYTES: usize = 1024 * 1024;

/// The longest that a group waits for changes that are on their way: less than a sender notices.
const GATHER: Duration = Duration::from_micros(800);

/// A change of one task.
pub(super) struct Part {
    change: Change,
    /// The change as [`change::encode_change`] encoded it.
    encoded: Vec<u8>,
    /// The version that a commit or note stands on.
    expected: Option<u64>,
}

impl Part {
    pub(super) fn new(change: Change, expected: Option<u64>) -> Result<Self, StoreError> {
        let encoded = change::encode_change(&change)?;
        Ok(Self {
            change,
            encoded,
            expected,
        })
    }
}

/// What waits to be made durable, all of it or nothing.
pub(super) struct Queued {
    pub first: Part,
    /// Nearly always empty.
    pub rest: Vec<Part>,
    /// Told when it is durable, or why it is not.
    pub done: oneshot::Sender<Result<(), StoreError>>,
}

impl Queued {
    fn parts(&mut self) -> impl Iterator<Item = &mut Part> {
        std::iter::once(&mut self.first).chain(&mut self.rest)
    }

    fn bytes(&self) -> usize {
        let rest = self.rest.iter().map(|part| part.encoded.len());
        self.first.encoded.len() + rest.sum::<usize>()
    }
}

/// What the committer is sent.
// Nearly every message is the large one: a box would cost each of them an allocation.
#[allow(clippy::large_enum_variant)]
pub(super) enum Message {
    /// To be made durable.
    Change(Box<Queued>),
    /// Wakes the committer to see that the store is stopped.
    Stop,
}

type Key = (WorkspaceName, TaskId);

/// Where a task stands for the next change of it.
#[derive(Clone, Copy)]
struct Standing {
    version: u64,
    count: u32,
}

struct Committer<'a> {
    shared: &'a Shared,
    tail: Tail,
    newest: HashMap<WorkspaceName, Newest, Mixing>,
    /// Where tasks stand after the changes of the group that is being put together.
    standing: HashMap<Key, Standing, Mixing>,
    /// Tasks of this group that only the tree has.
    bases: HashMap<Key, Open, Mixing>,
}

/// Runs until the store is closed or a write fails.
pub(super) fn run(shared: &Shared, tail: Tail, mut queue: mpsc::Receiver<Message>) {
    let mut committer = Committer {
        shared,
        tail,
        newest: HashMap::default(),
        standing: HashMap::default(),
        bases: HashMap::default(),
    };
    let mut batch = Vec::new();
    let mut ahead = None;
    loop {
        let first = match ahead.take() {
            Some(first) => first,
            None => match receive(shared, &mut queue) {
                Some(first) => first,
                None => break,
            },
        };
        shared.coming.wait(GATHER);
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
                Ok(Message::Stop) | Err(_) => break,
            }
        }
        if let Err(error) = committer.commit(&mut batch) {
            shared.fail(&error);
            for queued in batch.drain(..) {
                let _ = queued.done.send(Err(error.clone()));
            }
            break;
        }
    }
    // What is still queued gets no answer but this one.
    queue.close();
    let rest = std::iter::from_fn(|| queue.try_recv().ok());
    for message in ahead.map(Message::Change).into_iter().chain(rest) {
        if let Message::Change(queued) = message {
            let _ = queued.done.send(Err(StoreError::Closed));
        }
    }
}

/// The next change; `None` when the store is stopped or dropped.
fn receive(shared: &Shared, queue: &mut mpsc::Receiver<Message>) -> Option<Box<Queued>> {
    let next = queue.blocking_recv();
    if shared.stopped() {
        if let Some(Message::Change(next)) = next {
            let _ = next.done.send(Err(StoreError::Closed));
        }
        return None;
    }
    match next {
        Some(Message::Change(next)) => Some(next),
        Some(Message::Stop) | None => None,
    }
}

impl Committer<'_> {
    /// Makes a batch durable and answers it. An error leaves those in it that have no answer.
    #[expect(clippy::vec_box)] // As they came through the queue; a task's head is large to move.
    fn commit(&mut self, batch: &mut Vec<Box<Queued>>) -> Result<(), StoreError> {
        self.standing.clear();
        self.bases.clear();
        let mut accepted = Vec::with_capacity(batch.len());
        for mut queued in batch.drain(..) {
            match self.order_all(&mut queued) {
                Ok(()) => accepted.push(queued),
                Err(refused) => {
                    let _ = queued.done.send(Err(refused));
                }
            }
        }
        *batch = accepted;
        if batch.is_empty() {
            return Ok(());
        }
        let group = self.tail.begin();
        change::begin_group(group);
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
        drop(displaced);
        if bytes > self.shared.settings.overlay_bytes || rested > RESTED {
            self.shared.want_checkpoint();
        }
        Ok(())
    }

    /// The task as the tree has it, if the overlay has it no more.
    fn base(&mut self, overlay: &Overlay, change: &Change) -> Result<Option<Open>, StoreError> {
        if change.kind == Kind::Accept || overlay.get(&change.workspace, change.id).is_some() {
            return Ok(None);
        }
        match self.bases.remove(&(change.workspace.clone(), change.id)) {
            Some(base) => Ok(Some(base)),
            // It was folded since it was put in order.
            None => tasks::from_tree(self.shared, &change.workspace, change.id),
        }
    }

    /// Checks what belongs together and gives it its place: none of it if one part is refused.
    fn order_all(&mut self, queued: &mut Queued) -> Result<(), StoreError> {
        let (key, standing) = self.order(&mut queued.first)?;
        let mut rest = Vec::with_capacity(queued.rest.len());
        for part in &mut queued.rest {
            rest.push(self.order(part)?);
        }
        self.standing.insert(key, standing);
        self.standing.extend(rest);
        Ok(())
    }

    /// Checks a change against where its task stands, gives its entries their place, and says where
    /// the task stands then.
    fn order(&mut self, part: &mut Part) -> Result<(Key, Standing), StoreError> {
        let (change, expected) = (&mut part.change, part.expected);
        let key = (change.workspace.clone(), change.id);
        let standing = if change.kind == Kind::Accept && self.is_new(&key)? {
            None
        } else {
            self.standing(&key)?
        };
        let next = match (change.kind, standing) {
            (Kind::Accept, None) => Standing {
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
                Standing {
                    version: expected + 1,
                    ..standing
                }
            }
        };
        change.index = next.count;
        let count = next.count.checked_add(change.count).ok_or_else(|| {
            StoreError::Database(format!("the journal of task {} is full", change.id))
        })?;
        Ok((key, Standing { count, ..next }))
    }

    fn standing(&mut self, key: &Key) -> Result<Option<Standing>, StoreError> {
        if let Some(standing) = self.standing.get(key) {
            return Ok(Some(*standing));
        }
        let of = |open: &Open| Standing {
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
