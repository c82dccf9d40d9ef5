//! A task's timeline: its journal is read piece by piece, and only the shown entries are kept.

use std::sync::Arc;

use super::Shared;
use super::codec::damaged;
use super::pieces::each_piece;
use super::shapes::journal::Pull;
use super::shapes::record::Record;
use super::tasks::{check_removed, record_of, stored};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskHead;
use crate::store::{Page, StoreError, Timeline};

/// A task as the tree or the archive has it.
struct Folded {
    head: TaskHead,
    data: Arc<str>,
    count: u32,
}

/// Bytes of a task that is read without another thread.
const SHORT: usize = 16 * 1024;

/// Whether a task is in memory and short.
pub(super) fn is_short(shared: &Shared, workspace: &WorkspaceName, id: TaskId) -> bool {
    let overlay = shared.overlay.read();
    let open = overlay.get(workspace, id);
    open.is_some_and(|open| open.base == 0 && open.bytes() <= SHORT)
}

/// See [`crate::store::Store::timeline`].
pub(super) fn timeline(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
    before: Option<u64>,
) -> Result<Option<Timeline>, StoreError> {
    if shared.erasing.has(workspace) {
        return Ok(None);
    }
    loop {
        let open = shared.overlay.read().get(workspace, id).cloned();
        let mut page = Page::new(before);
        let mut pull = Pull::default();
        let there = match &open {
            Some(open) if open.base == 0 => {
                shared.check_disk()?;
                None
            }
            _ => folded(shared, workspace, id, &mut pull, &mut page)?,
        };
        let (head, data) = match (open, there) {
            (None, None) => return Ok(None),
            (None, Some(there)) => (there.head, there.data),
            (Some(open), there) => {
                let data = match there {
                    // The tree has moved past what was seen in the overlay: look again.
                    Some(there) if there.count != open.base => continue,
                    Some(there) => open.data.clone().or(Some(there.data)),
                    None => open.data.clone().filter(|_| open.base == 0),
                };
                let Some(data) = data else {
                    if shared.overlay.read().get(workspace, id).is_none() {
                        // It was folded since, and then removed.
                        continue;
                    }
                    return Err(damaged("a task's record", &format!("{id} has none")));
                };
                for block in open.entries.iter() {
                    pull.feed(block, |place, entry| page.push(place, entry))?;
                }
                (open.head.clone(), data)
            }
        };
        pull.end()?;
        return Ok(Some(page.of(stored(head, data, Vec::new()))));
    }
}

/// Reads a task and what the tree has of its journal. None if there is no such task any more.
fn folded(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
    pull: &mut Pull,
    page: &mut Page,
) -> Result<Option<Folded>, StoreError> {
    let Some(whole) = shared.with_disk(|disk| record_of(disk, workspace, id))? else {
        return Ok(None);
    };
    let record = Record::decode(&whole)?;
    let is_whole = each_piece(shared, workspace, id, &record, |piece| {
        pull.feed(piece, |place, entry| page.push(place, entry))
    })?;
    if !is_whole {
        check_removed(shared, workspace, id)?;
        return Ok(None);
    }
    Ok(Some(Folded {
        head: record.head()?,
        data: Arc::from(record.data()?),
        count: record.fixed.count,
    }))
}
