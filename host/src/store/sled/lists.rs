//! Lists of tasks, newest first. Each merges the overlay, the tree and the archive. As long as one reads, nothing moves into
//! the tree, and a task of the tree that changes is judged as it is then: one that goes from one of the wanted states to
//! another is found once.

use std::iter::Peekable;
use std::ops::Range;
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
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{self, StoreError, TaskQuery, Terms};

/// Cost of passing over an index key.
const KEY: usize = 1;
/// Cost of passing over a key of the archive's places, which stands for up to 200 tasks.
const PLACES: usize = 20;
/// Cost of reading a record.
const RECORD: usize = 10;

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
    let wanted = |head: &TaskHead| query.has(head.state()) && terms.fit(head);
    let digests = terms::wanted(terms);
    let in_overlay = overlay_page(shared, workspace, oldest..before, query, terms);
    shared.with_disk(|disk| {
        let mut in_overlay = in_overlay.into_iter().peekable();
        let mut tasks: Vec<TaskHead> = Vec::with_capacity(query.limit.min(512));
        let mut sources = Sources::new(disk, workspace, query, before, &digests);
        let (mut last_examined, mut last_judged) = (None, None);
        while tasks.len() < query.limit {
            let entry = sources
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
            if last_judged == Some(id) {
                continue;
            }
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
            if open.is_some() || spent == RECORD {
                last_judged = Some(id);
            }
            let head = match open {
                Some(open) => Some(open.head.clone()),
                None => head_on_disk(disk, workspace, id, query, found)?,
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
    /// Its record in the tree, or the first piece of it.
    InTree(sled::IVec),
    /// An index has it; its record is in the tree.
    Indexed,
    /// Its record in the archive. The tree may have a newer one if the scan was not of all that the tree has.
    InArchive { place: Place, is_newest: bool },
    /// It does not fit, nor do those between it and the one before; what it cost to see that.
    Passed(usize),
}

type Scan<'a> = Box<dyn Iterator<Item = Result<(TaskId, Candidate), StoreError>> + 'a>;

/// What scans come to, newest first. A task may come twice: a scan for what is done comes upon others.
struct Sources<'a>(Vec<Peekable<Scan<'a>>>);

impl<'a> Sources<'a> {
    /// Tasks before `before` that have left the overlay: all that the query is for and that have all of `wanted`, and some
    /// others.
    fn new(
        disk: &'a Disk,
        workspace: &'a WorkspaceName,
        query: &TaskQuery,
        before: TaskId,
        wanted: &'a [u32],
    ) -> Self {
        let of = |state| on_disk(disk, workspace, state, before, wanted).peekable();
        // One walk over all is cheaper than seven, but for what is found by indexes, which are by state.
        Self(match query.is_for_all() && wanted.is_empty() {
            true => vec![of(None)],
            false => {
                let states = TaskState::ALL.into_iter();
                let wanted = states.filter(|state| query.has(*state));
                wanted.map(|state| of(Some(state))).collect()
            }
        })
    }

    fn next(&mut self) -> Option<Result<(TaskId, Candidate), StoreError>> {
        // What may be a task goes before the end of what was passed over: a search may end at the latter.
        let nexts = self.0.iter_mut().enumerate().map(|(at, scan)| {
            let next = scan.peek();
            let is_passed = matches!(next, Some(Ok((_, Candidate::Passed(_)))));
            (newest(next), !is_passed, at)
        });
        let (.., at) = nexts.max()?;
        self.0.get_mut(at)?.next()
    }
}

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
    let is_newest = state.is_none();
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
            let found = place.map(|place| Candidate::InArchive { place, is_newest });
            (id, found.unwrap_or(Candidate::Passed(PLACES)))
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
        Ok((id, value))
    };
    let record = move |entry| noted(entry).map(|(id, value)| (id, Candidate::InTree(value)));
    match state {
        None => {
            let all = disk.db.range(first(TaskId::MIN)..first(before)).rev();
            Box::new(all.map(record))
        }
        Some(TaskState::Done) => {
            let spans = keys::done(workspace, TaskId::MIN)..=keys::done(workspace, before);
            let spans = disk.db.range(spans).rev();
            Box::new(spans.flat_map(move |span| -> Scan<'a> {
                let span = span.map_err(from_sled);
                match span.and_then(|(key, _)| keys::span_of(&key).ok_or_else(|| bad_key("span"))) {
                    Ok(span) => {
                        let end = keys::span_end(span).map_or(before, |end| end.min(before));
                        let range = first(keys::span_start(span))..first(end);
                        Box::new(disk.db.range(range).rev().map(record))
                    }
                    Err(error) => Box::new(std::iter::once(Err(error))),
                }
            }))
        }
        Some(_) => {
            let indexed = disk.db.range(first(TaskId::MIN)..first(before)).rev();
            Box::new(indexed.map(move |entry| {
                let (id, value) = noted(entry)?;
                let fits = wanted.is_empty() || {
                    let digests = checked::open(&first(id), &value)?;
                    terms::one_may_have(digests, wanted)?
                };
                let passed = Candidate::Passed(KEY);
                Ok((id, if fits { Candidate::Indexed } else { passed }))
            }))
        }
    }
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
    if query.states == [TaskState::Ready] {
        let ready = space.ready.range(ids).rev();
        return ready
            .filter_map(|id| space.tasks.get(id).cloned())
            .filter(|open| terms.fit(&open.head))
            .take(query.limit)
            .collect();
    }
    let tasks = space.tasks.range(ids).rev().map(|(_, open)| open);
    tasks
        .filter(|open| query.has(open.head.state()) && terms.fit(&open.head))
        .take(query.limit)
        .cloned()
        .collect()
}

/// The head of a task that a scan of the disk has come upon, in whichever of the states that the query is for; `None` if
/// it is in another one.
fn head_on_disk(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    query: &TaskQuery,
    found: Candidate,
) -> Result<Option<TaskHead>, StoreError> {
    let key = keys::task(workspace, id);
    let in_tree = || disk.db.get(&key).map_err(from_sled);
    let first = match found {
        Candidate::Passed(_) => return Ok(None),
        Candidate::InTree(value) => Some(value),
        Candidate::Indexed => in_tree()?,
        Candidate::InArchive { place, is_newest } => {
            // The tree's records of other states are not in a scan for this one.
            let newer = if is_newest { None } else { in_tree()? };
            if newer.is_none() {
                return Record::decode(&disk.archive.read(place)?)?.head().map(Some);
            }
            newer
        }
    };
    let Some(first) = first else {
        return Ok(None);
    };
    // Most of a scan is passed over if the state is rare: look at the byte first.
    if !query.is_for_all() && !query.has(Fixed::decode(long::first(&key, &first)?.0)?.state) {
        return Ok(None);
    }
    head(disk, workspace, id, first).map(Some)
}
