//! A task's timeline: its journal is read piece by piece, and only what is shown of it is kept.

use std::sync::Arc;

use super::Shared;
use super::codec::damaged;
use super::disk::Disk;
use super::shapes::journal::Pull;
use super::shapes::record::Record;
use super::tasks::{each_piece, record_of, stored};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskHead;
use crate::store::{Page, StoreError, Timeline};

/// A task as the tree or the archive has it.
struct Folded {
    head: TaskHead,
    data: Arc<str>,
    count: u32,
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
        let there = shared.with_disk(|disk| match &open {
            Some(open) if open.base == 0 => Ok(None),
            _ => folded(disk, workspace, id, &mut pull, &mut page),
        })?;
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
                pull.feed(&open.entries, |place, entry| page.push(place, entry))?;
                (open.head.clone(), data)
            }
        };
        pull.end()?;
        return Ok(Some(page.of(stored(head, data, Vec::new()))));
    }
}

/// Reads a task and what the tree has of its journal.
fn folded(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    pull: &mut Pull,
    page: &mut Page,
) -> Result<Option<Folded>, StoreError> {
    let Some(whole) = record_of(disk, workspace, id)? else {
        return Ok(None);
    };
    let record = Record::decode(&whole)?;
    each_piece(disk, workspace, id, &record, |piece| {
        pull.feed(piece, |place, entry| page.push(place, entry))
    })?;
    Ok(Some(Folded {
        head: record.head()?,
        data: Arc::from(record.data()?),
        count: record.fixed.count,
    }))
}
