//! Reading tasks: the overlay where it has them, else the tree, else the archive.
//!
//! A fold writes the tree first and leaves the overlay then, so who looks in the overlay before
//! the tree never misses a task; what the tree has grown by since is cut off again.

use std::sync::Arc;

use super::blocks::Blocks;
use super::codec::{bad_key, damaged};
use super::disk::{Disk, LOOKS};
use super::failure::from_sled;
use super::long::{self, Long};
use super::overlay::OverlayTask;
use super::pieces::each_piece;
use super::shapes::journal;
use super::shapes::record::{Fixed, Record};
use super::{Shared, keys, places};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::{StoredTask, TaskHead};
use crate::store::{History, StoreError};

/// The task as the tree or the archive has it, to be moved on in the overlay.
pub(super) fn open_in(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<OverlayTask>, StoreError> {
    let key = keys::task(workspace, id);
    let Some(first) = disk.db.get(&key).map_err(from_sled)? else {
        return taken_out(disk, workspace, id);
    };
    let fixed = Fixed::decode(long::first(&key, &first)?.0)?;
    Ok(Some(OverlayTask {
        head: head(disk, workspace, id, first)?,
        data: None,
        entries: Blocks::default(),
        base: fixed.count,
        base_bytes: fixed.streamed,
        count: fixed.count,
        settled: fixed.settled,
        folded: true,
        archived: false,
        first: 0,
        last: 0,
    }))
}

/// The task as the archive has it. What it becomes goes into the tree, or to the archive once more,
/// as if it had never been there.
fn taken_out(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<OverlayTask>, StoreError> {
    let Some(whole) = places::record(disk, workspace, id)? else {
        return Ok(None);
    };
    let record = Record::decode(&whole)?;
    Ok(Some(OverlayTask {
        head: record.head()?,
        data: Some(Arc::from(record.data()?)),
        entries: record.journal.to_vec().into(),
        base: 0,
        base_bytes: 0,
        count: record.fixed.count,
        settled: record.fixed.settled,
        folded: false,
        archived: true,
        first: 0,
        last: 0,
    }))
}

/// The record of a task that has left the overlay, wherever it is.
pub(super) fn record_of(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<Long>, StoreError> {
    let key = keys::task(workspace, id);
    match disk.get_long(&key)? {
        Some(whole) => {
            disk.note(&key, LOOKS)?;
            Ok(Some(whole))
        }
        None => Ok(places::record(disk, workspace, id)?.map(Long::archived)),
    }
}

/// [`open_in`] for who has no disk at hand, such as the committer.
pub(super) fn from_tree(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<OverlayTask>, StoreError> {
    shared.with_disk_at_once(|disk| open_in(disk, workspace, id))
}

/// The head in the record whose first piece is `first`.
pub(super) fn head(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    first: sled::IVec,
) -> Result<TaskHead, StoreError> {
    let key = keys::task(workspace, id);
    if let Some(head) = Record::head_of_first_piece(long::first(&key, &first)?.0)? {
        return Ok(head);
    }
    let whole = disk.gather(&key, first)?;
    Record::decode(&whole)?.head()
}

/// The newest task of a workspace, for the committer.
pub(super) fn newest(
    shared: &Shared,
    workspace: &WorkspaceName,
) -> Result<Option<TaskId>, StoreError> {
    let here = {
        let overlay = shared.overlay.read();
        let space = overlay.space(workspace);
        space.and_then(|space| space.tasks.last_key_value().map(|(id, _)| *id))
    };
    let there = shared.with_disk_at_once(|disk| {
        let range = keys::task(workspace, TaskId::MIN)..=keys::task(workspace, TaskId::MAX);
        let folded = match disk.db.range(range).next_back() {
            Some(found) => {
                let (key, _) = found.map_err(from_sled)?;
                Some(keys::id_of(&key).ok_or_else(|| bad_key("task"))?)
            }
            None => None,
        };
        Ok(folded.max(places::newest(disk, workspace)?))
    })?;
    Ok(here.max(there))
}

/// Whether a task is there.
pub(super) fn is_there(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<bool, StoreError> {
    if shared.overlay.read().get(workspace, id).is_some() {
        return Ok(true);
    }
    shared.with_disk(|disk| {
        let in_tree = disk.db.contains_key(keys::task(workspace, id));
        Ok(in_tree.map_err(from_sled)? || places::find(disk, workspace, id)?.is_some())
    })
}

/// The oldest task of a workspace.
pub(super) fn oldest(
    shared: &Shared,
    workspace: &WorkspaceName,
) -> Result<Option<TaskId>, StoreError> {
    let here = {
        let overlay = shared.overlay.read();
        let space = overlay.space(workspace);
        space.and_then(|space| space.tasks.first_key_value().map(|(id, _)| *id))
    };
    let there = shared.with_disk(|disk| {
        let range = keys::task(workspace, TaskId::MIN)..=keys::task(workspace, TaskId::MAX);
        let folded = match disk.db.range(range).keys().next() {
            Some(key) => {
                Some(keys::id_of(&key.map_err(from_sled)?).ok_or_else(|| bad_key("task"))?)
            }
            None => None,
        };
        let archived = places::oldest(disk, workspace)?;
        Ok(folded.into_iter().chain(archived).min())
    })?;
    Ok(here.into_iter().chain(there).min())
}

/// The journal that the tree has of a task; none if the task was removed meanwhile.
fn journal_in(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
    record: &Record<'_>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut journal = Vec::new();
    let is_whole = each_piece(shared, workspace, id, record, |piece| {
        journal.extend_from_slice(piece);
        Ok(())
    })?;
    if !is_whole {
        check_removed(shared, workspace, id)?;
        return Ok(None);
    }
    Ok(Some(journal))
}

/// A piece of a task's journal is missing: that is damage, unless the task was removed meanwhile.
pub(super) fn check_removed(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<(), StoreError> {
    match is_there(shared, workspace, id)? {
        true => Err(damaged("a journal", "a piece of it is missing")),
        false => Ok(()),
    }
}

fn effects(journal: &[u8], settled: u32, into: &mut Vec<Entry>) -> Result<(), StoreError> {
    journal::pull_entries(journal, settled as usize, into)?;
    Ok(())
}

/// A task as the tree or the archive has it, with the effects of a run under way.
fn in_tree(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<(Fixed, StoredTask)>, StoreError> {
    let Some(whole) = shared.with_disk(|disk| record_of(disk, workspace, id))? else {
        return Ok(None);
    };
    let record = Record::decode(&whole)?;
    let mut entries = Vec::new();
    if record.fixed.settled < record.fixed.count {
        let Some(journal) = journal_in(shared, workspace, id, &record)? else {
            return Ok(None);
        };
        effects(&journal, record.fixed.settled, &mut entries)?;
    }
    let task = stored(record.head()?, Arc::from(record.data()?), entries);
    let journal = record.fixed.streamed + record.journal.len() as u64;
    Ok(Some((record.fixed, StoredTask { journal, ..task })))
}

pub(super) fn load(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<StoredTask>, StoreError> {
    if shared.erasing.has(workspace) {
        return Ok(None);
    }
    loop {
        let open = shared.overlay.read().get(workspace, id).cloned();
        if let Some(OverlayTask {
            data: Some(data), ..
        }) = open.as_deref()
            && let Some(open) = &open
            && open.settled >= open.base
        {
            shared.check_disk()?;
            let mut entries = Vec::new();
            open.entries
                .read((open.settled - open.base) as usize, &mut entries)?;
            let journal = open.base_bytes + open.entries.len() as u64;
            let task = stored(open.head.clone(), data.clone(), entries);
            return Ok(Some(StoredTask { journal, ..task }));
        }
        let task = in_tree(shared, workspace, id)?;
        match (open, task) {
            (None, task) => return Ok(task.map(|(_, task)| task)),
            (Some(open), Some((fixed, there))) => {
                // The tree has moved past what was seen in the overlay: look again.
                if fixed.count != open.base {
                    continue;
                }
                let data = open.data.clone().unwrap_or(there.data);
                let (mut pending, skip) = if open.settled > open.base {
                    (Vec::new(), open.settled - open.base)
                } else {
                    (there.effects.into_iter().map(Entry::Effect).collect(), 0)
                };
                open.entries.read(skip as usize, &mut pending)?;
                let journal = there.journal + open.entries.len() as u64;
                let task = stored(open.head.clone(), data, pending);
                return Ok(Some(StoredTask { journal, ..task }));
            }
            // It was folded since, and then removed.
            (Some(_), None) if shared.overlay.read().get(workspace, id).is_none() => {}
            (Some(_), None) => {
                return Err(damaged("a task's record", &format!("{id} has none")));
            }
        }
    }
}

pub(super) fn stored(head: TaskHead, data: Arc<str>, entries: Vec<Entry>) -> StoredTask {
    StoredTask {
        head,
        data,
        effects: entries
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Effect(effect) => Some(effect),
                _ => None,
            })
            .collect(),
        journal: 0,
    }
}

/// A task as the tree or the archive has it.
struct Folded {
    head: TaskHead,
    data: Arc<str>,
    /// Encoded entries.
    journal: Vec<u8>,
    count: u32,
    settled: u32,
}

fn folded(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<Folded>, StoreError> {
    let Some(whole) = shared.with_disk(|disk| record_of(disk, workspace, id))? else {
        return Ok(None);
    };
    let record = Record::decode(&whole)?;
    let Some(journal) = journal_in(shared, workspace, id, &record)? else {
        return Ok(None);
    };
    Ok(Some(Folded {
        head: record.head()?,
        data: Arc::from(record.data()?),
        journal,
        count: record.fixed.count,
        settled: record.fixed.settled,
    }))
}

pub(super) fn history(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<History>, StoreError> {
    if shared.erasing.has(workspace) {
        return Ok(None);
    }
    loop {
        let open = shared.overlay.read().get(workspace, id).cloned();
        let there = match &open {
            Some(open) if open.base == 0 => {
                shared.check_disk()?;
                None
            }
            _ => folded(shared, workspace, id)?,
        };
        let mut entries = Vec::new();
        let (head, data, settled) = match (open, there) {
            (None, None) => return Ok(None),
            (None, Some(there)) => {
                journal::pull_entries(&there.journal, 0, &mut entries)?;
                (there.head, there.data, there.settled)
            }
            (Some(open), there) => {
                let data = match there {
                    // The tree has moved past what was seen in the overlay: look again.
                    Some(there) if there.count != open.base => continue,
                    Some(there) => {
                        journal::pull_entries(&there.journal, 0, &mut entries)?;
                        open.data.clone().or(Some(there.data))
                    }
                    None => open.data.clone().filter(|_| open.base == 0),
                };
                let Some(data) = data else {
                    if shared.overlay.read().get(workspace, id).is_none() {
                        // It was folded since, and then removed.
                        continue;
                    }
                    return Err(damaged("a task's record", &format!("{id} has none")));
                };
                open.entries.read(0, &mut entries)?;
                (open.head.clone(), data, open.settled)
            }
        };
        let unsettled = entries.iter().skip(settled as usize).cloned().collect();
        return Ok(Some(History {
            task: stored(head, data, unsettled),
            journal: entries,
        }));
    }
}
