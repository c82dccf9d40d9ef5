//! Which tasks there are: ready, due, listed; the overlay, the tree and the archive merged.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::archive::Place;
use super::codec::{Fixed, Record};
use super::disk::{Disk, failed};
use super::overlay::Open;
use super::shared::Shared;
use super::tasks::{after_header, bad_key, head};
use super::{keys, places};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{StoreError, TaskQuery};

pub(super) fn ready(
    shared: &Shared,
    workspace: &WorkspaceName,
    after: TaskId,
    limit: usize,
) -> Result<Vec<TaskId>, StoreError> {
    let past = (Bound::Excluded(after), Bound::Unbounded);
    let mut found: BTreeSet<TaskId> = {
        let overlay = shared.overlay.read();
        overlay
            .space(workspace)
            .map_or_else(BTreeSet::new, |space| {
                space.ready.range(past).take(limit).copied().collect()
            })
    };
    shared.with_disk(|disk| {
        let range = (
            Bound::Excluded(keys::ready(workspace, after)),
            Bound::Included(keys::ready(workspace, TaskId::MAX)),
        );
        let mut taken = 0;
        for entry in disk.db.range::<Vec<u8>, _>(range) {
            let (key, _) = entry.map_err(failed)?;
            let id = keys::id_of(&key).ok_or_else(|| bad_key("ready"))?;
            let overlay = shared.overlay.read();
            let ready = match overlay.get(workspace, id) {
                Some(open) => open.head.state == TaskState::Ready,
                None => true,
            };
            drop(overlay);
            if ready {
                found.insert(id);
                taken += 1;
                if taken >= limit {
                    break;
                }
            }
        }
        Ok(())
    })?;
    Ok(found.into_iter().take(limit).collect())
}

pub(super) fn due(
    shared: &Shared,
    until: Millis,
    limit: usize,
) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError> {
    let mut found: BTreeSet<(Millis, WorkspaceName, TaskId)> = {
        let overlay = shared.overlay.read();
        let due = overlay.due.iter();
        due.take_while(|(wake_at, ..)| *wake_at <= until)
            .take(limit)
            .cloned()
            .collect()
    };
    shared.with_disk(|disk| {
        let mut taken = 0;
        for entry in disk.db.scan_prefix(keys::WAITING) {
            let (key, _) = entry.map_err(failed)?;
            let (wake_at, workspace, id) =
                keys::waiting_of(&key).ok_or_else(|| bad_key("waiting"))?;
            if wake_at > until || taken >= limit {
                break;
            }
            let overlay = shared.overlay.read();
            let wake_at = match overlay.get(&workspace, id) {
                Some(open) => open.head.state.due_at(open.head.wake_at),
                None => Some(wake_at),
            };
            drop(overlay);
            if let Some(wake_at) = wake_at
                && wake_at <= until
            {
                found.insert((wake_at, workspace, id));
                taken += 1;
            }
        }
        Ok(())
    })?;
    Ok(found.into_iter().take(limit).collect())
}

pub(super) fn list(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
) -> Result<Vec<TaskHead>, StoreError> {
    let before = query.before.unwrap_or(TaskId::MAX);
    let wanted = |head: &TaskHead| query.state.is_none_or(|state| head.state == state);
    let here = newest_here(shared, workspace, before, query);
    shared.with_disk(|disk| {
        let mut here = here.into_iter().peekable();
        let mut page: Vec<TaskHead> = Vec::with_capacity(query.limit.min(512));
        let mut there = there(disk, workspace, query.state, before);
        while page.len() < query.limit {
            let Some(entry) = there.next() else {
                page.extend(
                    here.take(query.limit - page.len())
                        .map(|open| open.head.clone()),
                );
                break;
            };
            let (id, found) = entry?;
            while let Some(open) = here.next_if(|open| open.head.id > id) {
                page.push(open.head.clone());
            }
            // The overlay as it is now: the task may have come to it since the look at it.
            let open = here
                .next_if(|open| open.head.id == id)
                .or_else(|| shared.overlay.read().get(workspace, id).cloned());
            let head = match open {
                Some(open) => open.head.clone(),
                None => match there_head(disk, workspace, id, query.state, found)? {
                    Some(head) => head,
                    None => continue,
                },
            };
            if wanted(&head) {
                page.push(head);
            }
        }
        page.truncate(query.limit);
        Ok(page)
    })
}

/// What was found of a task that has left the overlay.
enum Found {
    /// The value of the key that it was found by.
    InTree(sled::IVec),
    InArchive(Place),
}

type Scan<'a> = Box<dyn Iterator<Item = Result<(TaskId, Found), StoreError>> + 'a>;

/// Tasks before `before` that have left the overlay, newest first: all that are in `state`, and some
/// others. One that is in the tree and in the archive is the tree's.
fn there<'a>(
    disk: &'a Disk,
    workspace: &'a WorkspaceName,
    state: Option<TaskState>,
    before: TaskId,
) -> Scan<'a> {
    let mut in_tree = scan(disk, workspace, state, before).peekable();
    if state.is_some_and(|state| state != TaskState::Done) {
        return Box::new(in_tree);
    }
    let mut archived = places::before(disk, workspace, before).peekable();
    Box::new(std::iter::from_fn(move || {
        let tree = newest(in_tree.peek());
        let archive = newest(archived.peek());
        if tree.is_some() && tree == archive {
            archived.next();
        }
        if tree >= archive {
            return in_tree.next();
        }
        let next = archived.next()?;
        Some(next.map(|(id, place)| (id, Found::InArchive(place))))
    }))
}

/// The id of a scan's next task; an error comes before all.
fn newest<T>(next: Option<&Result<(TaskId, T), StoreError>>) -> Option<TaskId> {
    next.map(|next| next.as_ref().map_or(TaskId::MAX, |(id, _)| *id))
}

/// Keys of the tree's tasks before `before`, newest first: of all in `state`, and of some others.
fn scan<'a>(
    disk: &'a Disk,
    workspace: &'a WorkspaceName,
    state: Option<TaskState>,
    before: TaskId,
) -> Scan<'a> {
    let first = move |id| match state {
        None | Some(TaskState::Done) => keys::task(workspace, id),
        Some(TaskState::Ready) => keys::ready(workspace, id),
        Some(state) => keys::state(workspace, state, id),
    };
    let noted = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
        let (key, value) = entry.map_err(failed)?;
        // A page has about as many keys as it takes looks.
        disk.note(&key, 1)?;
        let id = keys::id_of(&key).ok_or_else(|| bad_key("task"))?;
        Ok((id, Found::InTree(value)))
    };
    if state != Some(TaskState::Done) {
        let range = first(TaskId::MIN)..first(before);
        return Box::new(disk.db.range(range).rev().map(noted));
    }
    let spans = keys::done(workspace, TaskId::MIN)..=keys::done(workspace, before);
    let spans = disk.db.range(spans).rev();
    Box::new(spans.flat_map(move |span| -> Scan<'a> {
        let span = span.map_err(failed);
        match span.and_then(|(key, _)| keys::span_of(&key).ok_or_else(|| bad_key("span"))) {
            Ok(span) => {
                let end = keys::span_end(span).map_or(before, |end| end.min(before));
                let range = first(keys::span_start(span))..first(end);
                Box::new(disk.db.range(range).rev().map(noted))
            }
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }))
}

/// The first page of what the overlay has of a query.
fn newest_here(
    shared: &Shared,
    workspace: &WorkspaceName,
    before: TaskId,
    query: &TaskQuery,
) -> Vec<Arc<Open>> {
    let overlay = shared.overlay.read();
    let Some(space) = overlay.space(workspace) else {
        return Vec::new();
    };
    if query.state == Some(TaskState::Ready) {
        let ready = space.ready.range(..before).rev().take(query.limit);
        return ready
            .filter_map(|id| space.tasks.get(id).cloned())
            .collect();
    }
    let tasks = space.tasks.range(..before).rev().map(|(_, open)| open);
    tasks
        .filter(|open| query.state.is_none_or(|state| open.head.state == state))
        .take(query.limit)
        .cloned()
        .collect()
}

/// The head of a task that a scan of the tree has come upon; `None` if the scan is of an index
/// and the task is gone from it since.
fn there_head(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    state: Option<TaskState>,
    found: Found,
) -> Result<Option<TaskHead>, StoreError> {
    let value = match found {
        Found::InTree(value) => value,
        Found::InArchive(place) => {
            // The tree's records of other states are not in a scan for this one.
            let key = keys::task(workspace, id);
            if state.is_some() && disk.db.contains_key(key).map_err(failed)? {
                return Ok(None);
            }
            return Record::decode(&disk.archive.read(place)?)?.head().map(Some);
        }
    };
    let first = match state {
        None => Some(value),
        Some(TaskState::Done) => {
            // Most of a scan is passed over if the state is rare: look at the byte first.
            let fixed = Fixed::decode(after_header(&value)?)?;
            (fixed.state == TaskState::Done).then_some(value)
        }
        Some(_) => disk.db.get(keys::task(workspace, id)).map_err(failed)?,
    };
    first
        .map(|first| head(disk, workspace, id, first))
        .transpose()
}
