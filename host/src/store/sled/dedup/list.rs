//! Keys as they are copied from a store to another one.

use super::super::shared::Shared;
use super::block::{Entry, Holder};
use super::fold;
use super::recent::Keys;
use super::run::Entries;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;
use crate::store::migration::HeldKey;

/// See [`crate::store::migration::Migrate::keys`].
pub(in super::super) fn keys(
    shared: &Shared,
    workspace: &WorkspaceName,
    after: Option<DedupKey>,
    limit: usize,
) -> Result<Vec<HeldKey>, StoreError> {
    if after.is_none() {
        // From here on all of them are in the tree.
        let _one = shared.checkpointing.lock();
        fold::fold(shared, true)?;
    }
    let _steady = shared.steady.read();
    let runs = shared.dedup.runs();
    let mut found = Vec::new();
    shared.with_disk(|disk| {
        let sources = runs.of(workspace).iter();
        let mut sources = sources
            .map(|run| run.entries(disk, workspace, after))
            .collect::<Result<Vec<Entries>, StoreError>>()?;
        while found.len() < limit {
            let least = sources.iter().filter_map(|source| source.next);
            let Some((key, mut holder)) = least.min_by_key(|(key, _)| *key) else {
                break;
            };
            for source in &mut sources {
                if let Some((_, other)) = source.next.filter(|(other, _)| *other == key) {
                    holder = holder.later(other);
                    source.advance(disk)?;
                }
            }
            let Holder { task, until } = holder;
            found.push(HeldKey { key, task, until });
        }
        Ok(())
    })?;
    Ok(found)
}

/// See [`crate::store::migration::Migrate::put_keys`].
pub(in super::super) fn put(
    shared: &Shared,
    workspace: &WorkspaceName,
    keys: &[HeldKey],
) -> Result<(), StoreError> {
    let entry = |held: &HeldKey| -> Entry {
        let (task, until) = (held.task, held.until);
        (held.key, Holder { task, until })
    };
    let keys = Keys::of(workspace, keys.iter().map(entry));
    let _one = shared.checkpointing.lock();
    fold::write(shared, &keys)?;
    shared.dedup.count_move();
    shared.with_disk(|disk| disk.flush())
}
