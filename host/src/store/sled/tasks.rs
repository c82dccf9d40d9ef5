//! Reading tasks: the overlay where it has them, else the tree, else the archive.
//!
//! A fold writes the tree first and leaves the overlay then, so who looks in the overlay before
//! the tree never misses a task; what the tree has grown by since is cut off again.

use std::sync::Arc;

use super::codec::{bad_key, damaged};
use super::disk::{Disk, LOOKS};
use super::failure::from_sled;
use super::long::{self, Long};
use super::overlay::OverlayTask;
use super::shapes::journal::{self, Piece};
use super::shapes::read;
use super::shapes::record::{Fixed, Record};
use super::{Shared, checked, keys, places};
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
        entries: Vec::new(),
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
        entries: record.journal.to_vec(),
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

/// [`open_in`] for who has no disk at hand.
pub(super) fn from_tree(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<OverlayTask>, StoreError> {
    shared.with_disk(|disk| open_in(disk, workspace, id))
}

/// As [`from_tree`], for a thread that has the overlay locked for writing.
pub(super) fn from_tree_under_overlay(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<OverlayTask>, StoreError> {
    shared.with_disk_under_overlay(|disk| open_in(disk, workspace, id))
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

/// The newest task of a workspace.
pub(super) fn newest(
    shared: &Shared,
    workspace: &WorkspaceName,
) -> Result<Option<TaskId>, StoreError> {
    let here = {
        let overlay = shared.overlay.read();
        let space = overlay.space(workspace);
        space.and_then(|space| space.tasks.last_key_value().map(|(id, _)| *id))
    };
    let there = shared.with_disk(|disk| {
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

/// The journal that the tree has of a task.
fn journal_in(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    record: &Record<'_>,
) -> Result<Vec<u8>, StoreError> {
    let mut journal = Vec::new();
    each_piece(disk, workspace, id, record, |piece| {
        journal.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(journal)
}

/// Returns the journal that the tree has of a task, piece by piece.
pub(super) fn each_piece(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    record: &Record<'_>,
    mut give: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if record.fixed.streamed > 0 {
        let mut streamed = 0;
        for found in disk.db.scan_prefix(keys::journal_prefix(workspace, id)) {
            let (key, stored) = found.map_err(from_sled)?;
            let piece = read::<Piece<'_>>(checked::open(&key, &stored)?)?.0;
            streamed += piece.len() as u64;
            give(piece)?;
        }
        if streamed != record.fixed.streamed {
            return Err(damaged("a journal", "a piece of it is missing"));
        }
    }
    give(record.journal)
}

fn effects(journal: &[u8], settled: u32, into: &mut Vec<Entry>) -> Result<(), StoreError> {
    journal::pull_entries(journal, settled as usize, into)
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
            shared.with_disk(|_| Ok(()))?;
            let mut entries = Vec::new();
            effects(&open.entries, open.settled - open.base, &mut entries)?;
            let journal = open.base_bytes + open.entries.len() as u64;
            let task = stored(open.head.clone(), data.clone(), entries);
            return Ok(Some(StoredTask { journal, ..task }));
        }
        let task = shared.with_disk(|disk| {
            let Some(whole) = record_of(disk, workspace, id)? else {
                return Ok(None);
            };
            let record = Record::decode(&whole)?;
            let mut entries = Vec::new();
            if record.fixed.settled < record.fixed.count {
                let journal = journal_in(disk, workspace, id, &record)?;
                effects(&journal, record.fixed.settled, &mut entries)?;
            }
            let task = stored(record.head()?, Arc::from(record.data()?), entries);
            let journal = record.fixed.streamed + record.journal.len() as u64;
            Ok(Some((record.fixed, StoredTask { journal, ..task })))
        })?;
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
                effects(&open.entries, skip, &mut pending)?;
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
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<Folded>, StoreError> {
    let Some(whole) = record_of(disk, workspace, id)? else {
        return Ok(None);
    };
    let record = Record::decode(&whole)?;
    Ok(Some(Folded {
        head: record.head()?,
        data: Arc::from(record.data()?),
        journal: journal_in(disk, workspace, id, &record)?,
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
        let there = shared.with_disk(|disk| match &open {
            Some(open) if open.base == 0 => Ok(None),
            _ => folded(disk, workspace, id),
        })?;
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
                journal::pull_entries(&open.entries, 0, &mut entries)?;
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
