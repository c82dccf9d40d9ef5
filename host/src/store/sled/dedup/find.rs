//! Looks keys of deliveries up.

use super::super::shared::Shared;
use super::block::Holder;
use super::run::day_of;
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// The task of a key at that time. It finds every key that is durable now.
pub(in super::super) fn delivered(
    shared: &Shared,
    workspace: &WorkspaceName,
    key: DedupKey,
    at: Millis,
) -> Result<Option<TaskId>, StoreError> {
    if shared.erasing.has(workspace) {
        return Ok(None);
    }
    // In this order: a key is in the tree before it leaves memory.
    let recent = shared.overlay.read().dedup.get(workspace, key, at);
    match recent {
        Some(task) => Ok(Some(task)),
        None => in_tree(shared, workspace, key, at),
    }
}

/// The same for the committer, which alone makes keys durable: nothing was found in the tree when as many
/// moves were counted there as `seen` says.
pub(in super::super) fn delivered_since(
    shared: &Shared,
    workspace: &WorkspaceName,
    key: DedupKey,
    at: Millis,
    seen: u64,
) -> Result<Option<TaskId>, StoreError> {
    let recent = shared.overlay.read().dedup.get(workspace, key, at);
    if recent.is_some() || shared.dedup.moved() == seen {
        return Ok(recent);
    }
    in_tree(shared, workspace, key, at)
}

fn in_tree(
    shared: &Shared,
    workspace: &WorkspaceName,
    key: DedupKey,
    at: Millis,
) -> Result<Option<TaskId>, StoreError> {
    let today = day_of(at);
    let runs = shared.dedup.runs();
    let mut found: Option<Holder> = None;
    for run in runs.of(workspace) {
        if run.day < today || !run.may_have(key) {
            continue;
        }
        if let Some(holder) = shared.with_disk(|disk| run.find(disk, workspace, key))? {
            found = Some(found.map_or(holder, |found| found.later(holder)));
        }
    }
    let found = found.filter(|holder| holder.until > at);
    Ok(found.map(|holder| holder.task))
}
