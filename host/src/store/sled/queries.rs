//! Queries for tasks that are ready or due. Each merges the overlay and the tree.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::codec::bad_key;
use super::failure::from_sled;
use super::keys;
use super::shared::Shared;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::{Due, Ownership, StoreError};

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
    after: Option<&Due>,
    (until, limit): (Millis, usize),
) -> Result<Vec<Due>, StoreError> {
    if owned.is_empty() {
        return Ok(Vec::new());
    }
    let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut found: BTreeSet<Due> = {
        let overlay = shared.overlay.read();
        let due = overlay.due.range::<Due, _>((begin, Bound::Unbounded));
        due.take_while(|(wake_at, ..)| *wake_at <= until)
            .filter(|(_, workspace, id)| owned.owns(*id) && !shared.erasing.has(workspace))
            .take(limit)
            .cloned()
            .collect()
    };
    shared.with_disk(|disk| {
        let mut taken = 0;
        let begin = match after {
            Some((due_at, workspace, id)) => keys::waiting(*due_at, workspace, *id),
            None => keys::WAITING.to_vec(),
        };
        let range = disk.db.range(begin..);
        let is_waiting = |(key, _): &(sled::IVec, sled::IVec)| key.starts_with(keys::WAITING);
        for entry in
            range.take_while(|entry| entry.as_ref().is_ok_and(is_waiting) || entry.is_err())
        {
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
            let due = wake_at.map(|wake_at| (wake_at, workspace, id));
            let is_one = |due: &Due| due.0 <= until && after.is_none_or(|after| due > after);
            if let Some(due) = due.filter(is_one) {
                found.insert(due);
                taken += 1;
            }
        }
        Ok(())
    })?;
    Ok(found.into_iter().take(limit).collect())
}
