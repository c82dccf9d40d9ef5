//! Queries for tasks: ready, due, listed. Each merges the overlay, the tree and the archive.

use std::collections::BTreeSet;
use std::ops::{Bound, Range};
use std::sync::Arc;

use super::archive::Place;
use super::codec::bad_key;
use super::disk::Disk;
use super::failure::from_sled;
use super::overlay::OverlayTask;
use super::shapes::record::{Fixed, Record};
use super::shared::Shared;
use super::tasks::head;
use super::{checked, keys, long, places, terms};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{self, Ownership, StoreError, TaskQuery, Terms};

/// Cost of passing over an index key.
const KEY: usize = 1;
/// Cost of passing over a key of the archive's places, which stands for up to 200 tasks.
const PLACES: usize = 20;
/// Cost of reading a record.
const RECORD: usize = 10;

pub(super) fn ready(
    shared: &Shared,
    owned: &Ownership,
    workspace: &WorkspaceName,
    after: TaskId,
    limit: usize,
) -> Result<Vec<TaskId>, StoreError> {
    if shared.erasing.has(workspace) {
        return Ok(Vec::new());
    }
    let past = (Bound::Excluded(after), Bound::Unbounded);
    let mut found: BTreeSet<TaskId> = {
        let overlay = shared.overlay.read();
        overlay
            .space(workspace)
            .map_or_else(BTreeSet::new, |space| {
                let ready = space.ready.range(past).filter(|id| owned.owns(**id));
                ready.take(limit).copied().collect()
            })
    };
    shared.with_disk(|disk| {
        let range = (
            Bound::Excluded(keys::ready(workspace, after)),
            Bound::Included(keys::ready(workspace, TaskId::MAX)),
        );
        let mut taken = 0;
        for entry in disk.db.range::<Vec<u8>, _>(range) {
            let (key, _) = entry.map_err(from_sled)?;
            let id = keys::id_of(&key).ok_or_else(|| bad_key("ready"))?;
            if !owned.owns(id) {
                continue;
            }
            let overlay = shared.overlay.read();
            let ready = match overlay.get(workspace, id) {
                Some(open) => open.head.state() == TaskState::Ready,
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
    owned: &Ownership,
    until: Millis,
    limit: usize,
) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError> {
    let mut found: BTreeSet<(Millis, WorkspaceName, TaskId)> = {
        let overlay = shared.overlay.read();
        let due = overlay.due.iter();
        due.take_while(|(wake_at, ..)| *wake_at <= until)
            .filter(|(_, workspace, id)| owned.owns(*id) && !shared.erasing.has(workspace))
            .take(limit)
            .cloned()
            .collect()
    };
    shared.with_disk(|disk| {
        let mut taken = 0;
        for entry in disk.db.scan_prefix(keys::WAITING) {
            let (key, _) = entry.map_err(from_sled)?;
            let (wake_at, workspace, id) =
                keys::waiting_of(&key).ok_or_else(|| bad_key("waiting"))?;
            if wake_at > until || taken >= limit {
                break;
            }
            if !owned.owns(id) || shared.erasing.has(&workspace) {
                continue;
            }
            let overlay = shared.overlay.read();
            let wake_at = match overlay.get(&workspace, id) {
                Some(open) => open.head.due_at(),
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
    let found = search(shared, workspace, query, &Terms::default(), usize::MAX)?;
    Ok(found.tasks)
}

pub(super) fn find(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
    terms: &Terms,
) -> Result<store::TaskPage, StoreError> {
    search(shared, workspace, query, terms, shared.settings.look_cost)
}

/// Searches for tasks until a page is full, or until it has cost as much as it may.
fn search(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
    terms: &Terms,
    mut cost: usize,
) -> Result<store::TaskPage, StoreError> {
    if shared.erasing.has(workspace) {
        return Ok(store::TaskPage::default());
    }
    let before = query.before.unwrap_or(TaskId::MAX);
    let oldest = query.since.unwrap_or(TaskId::MIN);
    if oldest >= before {
        return Ok(store::TaskPage::default());
    }
    let wanted =
        |head: &TaskHead| query.state.is_none_or(|state| head.state() == state) && terms.fit(head);
    let digests = terms::wanted(terms);
    let in_overlay = overlay_page(shared, workspace, oldest..before, query, terms);
    shared.with_disk(|disk| {
        let mut in_overlay = in_overlay.into_iter().peekable();
        let mut tasks: Vec<TaskHead> = Vec::with_capacity(query.limit.min(512));
        let mut on_disk = on_disk(disk, workspace, query.state, before, &digests);
        let mut last_examined = None;
        while tasks.len() < query.limit {
            let entry = on_disk
                .next()
                .filter(|entry| newest(Some(entry)) >= Some(oldest));
            let Some(entry) = entry else {
                let free = query.limit - tasks.len();
                tasks.extend(in_overlay.by_ref().take(free).map(|open| open.head.clone()));
                if tasks.len() < query.limit {
                    return Ok(store::TaskPage { tasks, next: None });
                }
                break;
            };
            let (id, found) = entry?;
            while let Some(open) = in_overlay.next_if(|open| open.head.id > id) {
                tasks.push(open.head.clone());
            }
            last_examined = Some(id);
            // The overlay as it is now: the task may have come to it since the look at it.
            let open = in_overlay
                .next_if(|open| open.head.id == id)
                .or_else(|| match found {
                    Candidate::Passed(_) => None,
                    _ => shared.overlay.read().get(workspace, id).cloned(),
                });
            let spent = match found {
                Candidate::Passed(cost) => cost,
                _ => RECORD,
            };
            let head = match open {
                Some(open) => Some(open.head.clone()),
                None => head_on_disk(disk, workspace, id, query.state, found)?,
            };
            tasks.extend(head.filter(|head| wanted(head)));
            cost = cost.saturating_sub(spent);
            if cost == 0 {
                break;
            }
        }
        // More may have been taken from the overlay than there was room for.
        let cut = tasks.len() >= query.limit;
        tasks.truncate(query.limit);
        let next = if cut {
            tasks.last().map(|head| head.id)
        } else {
            last_examined
        };
        Ok(store::TaskPage { tasks, next })
    })
}

/// The stored value of a task that has left the overlay.
enum Candidate {
    /// The value of the key that it was found by.
    InTree(sled::IVec),
    InArchive(Place),
    /// It does not fit, nor do those between it and the one before; what it cost to see that.
    Passed(usize),
}

type Scan<'a> = Box<dyn Iterator<Item = Result<(TaskId, Candidate), StoreError>> + 'a>;

/// Tasks before `before` that have left the overlay, newest first: all that are in `state` and have
/// all of `wanted`, and some others. One that is in the tree and in the archive is the tree's.
fn on_disk<'a>(
    disk: &'a Disk,
    workspace: &'a WorkspaceName,
    state: Option<TaskState>,
    before: TaskId,
    wanted: &'a [u32],
) -> Scan<'a> {
    let mut in_tree = scan(disk, workspace, state, before, wanted).peekable();
    if state.is_some_and(|state| state != TaskState::Done) {
        return Box::new(in_tree);
    }
    let mut archived = places::before(disk, workspace, before, wanted).peekable();
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
        Some(next.map(|(id, place)| {
            (
                id,
                place.map_or(Candidate::Passed(PLACES), Candidate::InArchive),
            )
        }))
    }))
}

/// The id of a scan's next task; an error comes before all.
fn newest<T>(next: Option<&Result<(TaskId, T), StoreError>>) -> Option<TaskId> {
    next.map(|next| next.as_ref().map_or(TaskId::MAX, |(id, _)| *id))
}

/// Keys of the tree's tasks before `before`, newest first: of all in `state` that have all of `wanted`,
/// and of some others.
fn scan<'a>(
    disk: &'a Disk,
    workspace: &'a WorkspaceName,
    state: Option<TaskState>,
    before: TaskId,
    wanted: &'a [u32],
) -> Scan<'a> {
    let first = move |id| match state {
        None | Some(TaskState::Done) => keys::task(workspace, id),
        Some(TaskState::Ready) => keys::ready(workspace, id),
        Some(state) => keys::state(workspace, state, id),
    };
    let noted = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
        let (key, value) = entry.map_err(from_sled)?;
        // A page has about as many keys as it takes looks.
        disk.note(&key, 1)?;
        let id = keys::id_of(&key).ok_or_else(|| bad_key("task"))?;
        Ok((id, Candidate::InTree(value)))
    };
    if state != Some(TaskState::Done) {
        let range = first(TaskId::MIN)..first(before);
        let by_index = state.is_some() && !wanted.is_empty();
        let fits = move |id, value: &[u8]| {
            let digests = checked::open(&first(id), value)?;
            terms::one_may_have(digests, wanted)
        };
        return Box::new(
            disk.db
                .range(range)
                .rev()
                .map(move |entry| match noted(entry)? {
                    (id, Candidate::InTree(value)) if by_index && !fits(id, &value)? => {
                        Ok((id, Candidate::Passed(KEY)))
                    }
                    found => Ok(found),
                }),
        );
    }
    let spans = keys::done(workspace, TaskId::MIN)..=keys::done(workspace, before);
    let spans = disk.db.range(spans).rev();
    Box::new(spans.flat_map(move |span| -> Scan<'a> {
        let span = span.map_err(from_sled);
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
fn overlay_page(
    shared: &Shared,
    workspace: &WorkspaceName,
    ids: Range<TaskId>,
    query: &TaskQuery,
    terms: &Terms,
) -> Vec<Arc<OverlayTask>> {
    let overlay = shared.overlay.read();
    let Some(space) = overlay.space(workspace) else {
        return Vec::new();
    };
    if query.state == Some(TaskState::Ready) {
        let ready = space.ready.range(ids).rev();
        return ready
            .filter_map(|id| space.tasks.get(id).cloned())
            .filter(|open| terms.fit(&open.head))
            .take(query.limit)
            .collect();
    }
    let tasks = space.tasks.range(ids).rev().map(|(_, open)| open);
    tasks
        .filter(|open| query.state.is_none_or(|state| open.head.state() == state))
        .filter(|open| terms.fit(&open.head))
        .take(query.limit)
        .cloned()
        .collect()
}

/// The head of a task that a scan of the tree has come upon; `None` if the scan is of an index
/// and the task is gone from it since.
fn head_on_disk(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    state: Option<TaskState>,
    found: Candidate,
) -> Result<Option<TaskHead>, StoreError> {
    let value = match found {
        Candidate::Passed(_) => return Ok(None),
        Candidate::InTree(value) => value,
        Candidate::InArchive(place) => {
            // The tree's records of other states are not in a scan for this one.
            let key = keys::task(workspace, id);
            if state.is_some() && disk.db.contains_key(key).map_err(from_sled)? {
                return Ok(None);
            }
            return Record::decode(&disk.archive.read(place)?)?.head().map(Some);
        }
    };
    let first = match state {
        None => Some(value),
        Some(TaskState::Done) => {
            // Most of a scan is passed over if the state is rare: look at the byte first.
            let key = keys::task(workspace, id);
            let fixed = Fixed::decode(long::first(&key, &value)?.0)?;
            (fixed.state == TaskState::Done).then_some(value)
        }
        Some(_) => disk.db.get(keys::task(workspace, id)).map_err(from_sled)?,
    };
    first
        .map(|first| head(disk, workspace, id, first))
        .transpose()
}
