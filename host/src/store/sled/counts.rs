//! How many tasks are in each state: the overlay, index keys, and the sizes of the archive's values.

use std::collections::BTreeSet;

use super::codec::bad_key;
use super::disk::Disk;
use super::failure::from_sled;
use super::shapes::record::Fixed;
use super::shared::Shared;
use super::{keys, long, places};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::{Counts, StoreError};

/// Keys of one state that are counted: some 100 ms.
const MOST: u64 = 100_000;

/// See [`crate::store::Store::counts`].
pub(super) fn counts(shared: &Shared, workspace: &WorkspaceName) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    if shared.erasing.has(workspace) {
        return Ok(counts);
    }
    // A task that is in several places is counted where it was looked for first.
    let mut seen = BTreeSet::new();
    if let Some(space) = shared.overlay.read().space(workspace) {
        for (id, open) in &space.tasks {
            *of(&mut counts, open.head.state()) += 1;
            seen.insert(*id);
        }
    }
    shared.with_disk(|disk| {
        for state in TaskState::ALL {
            let counted = match state {
                TaskState::Done => done_in_tree(disk, workspace, &mut seen)?,
                state => by_index(disk, workspace, state, &mut seen)?,
            };
            *of(&mut counts, state) += counted;
            counts.at_least |= counted >= MOST;
        }
        *of(&mut counts, TaskState::Done) += places::count_without(disk, workspace, &seen)?;
        Ok(counts)
    })
}

fn of(counts: &mut Counts, state: TaskState) -> &mut u64 {
    let at = TaskState::ALL.iter().position(|one| *one == state);
    &mut counts.of[at.unwrap_or(0)]
}

fn by_index(
    disk: &Disk,
    workspace: &WorkspaceName,
    state: TaskState,
    seen: &mut BTreeSet<TaskId>,
) -> Result<u64, StoreError> {
    let key = |id| match state {
        TaskState::Ready => keys::ready(workspace, id),
        state => keys::state(workspace, state, id),
    };
    let mut counted = 0;
    for entry in disk.db.range(key(TaskId::MIN)..=key(TaskId::MAX)).keys() {
        let id = keys::id_of(&entry.map_err(from_sled)?).ok_or_else(|| bad_key("state"))?;
        counted += u64::from(seen.insert(id));
        if counted >= MOST {
            break;
        }
    }
    Ok(counted)
}

/// Done tasks that the tree has: those that were folded before they were done, and very long ones.
fn done_in_tree(
    disk: &Disk,
    workspace: &WorkspaceName,
    seen: &mut BTreeSet<TaskId>,
) -> Result<u64, StoreError> {
    let (mut counted, mut looked) = (0, 0);
    let spans = keys::done(workspace, TaskId::MIN)..=keys::done(workspace, TaskId::MAX);
    for span in disk.db.range(spans).keys() {
        let span = keys::span_of(&span.map_err(from_sled)?).ok_or_else(|| bad_key("span"))?;
        let end = keys::span_end(span).unwrap_or(TaskId::MAX);
        let range = keys::task(workspace, keys::span_start(span))..keys::task(workspace, end);
        for entry in disk.db.range(range) {
            let (key, value) = entry.map_err(from_sled)?;
            let id = keys::id_of(&key).ok_or_else(|| bad_key("task"))?;
            let is_done = Fixed::decode(long::first(&key, &value)?.0)?.state == TaskState::Done;
            counted += u64::from(is_done && seen.insert(id));
            looked += 1;
            if looked >= MOST {
                return Ok(MOST);
            }
        }
    }
    Ok(counted)
}
