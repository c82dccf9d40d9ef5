//! The walk over a store.

use super::summary::{Item, Summary};
use super::{HeldKey, Migrate, MigrationError};
use crate::domain::audit::{AuditId, AuditQuery};
use crate::domain::dedup::DedupKey;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;
use crate::store::shapes::Written;

/// Keys that are read and written at once.
const KEYS: usize = 10_000;
/// The same of entries of the audit log.
const ENTRIES: usize = 500;

/// A walk over `from`, which gives all to `to`, if that is there.
pub(super) struct Walk<'a> {
    pub(super) from: &'a dyn Migrate,
    pub(super) to: Option<&'a dyn Migrate>,
    pub(super) summary: Summary,
    /// Is told how many tasks there were, now and then.
    pub(super) told: &'a (dyn Fn(u64) + Sync),
}

/// Copies all that `from` holds into `to`, which is empty. `told` is given the number of tasks that were copied, now and
/// then. Returns what was read.
///
/// # Errors
/// [`MigrationError::Reading`], [`MigrationError::Writing`], [`MigrationError::Seed`]. Then the target has a part of it.
pub async fn copy(
    from: &dyn Migrate,
    to: &dyn Migrate,
    told: &(dyn Fn(u64) + Sync),
) -> Result<Summary, MigrationError> {
    if from.seed() != to.seed() {
        return Err(MigrationError::Seed);
    }
    walk(from, Some(to), told).await
}

/// Reads all that a store holds.
///
/// # Errors
/// [`MigrationError::Reading`].
pub async fn read(
    store: &dyn Migrate,
    told: &(dyn Fn(u64) + Sync),
) -> Result<Summary, MigrationError> {
    walk(store, None, told).await
}

async fn walk(
    from: &dyn Migrate,
    to: Option<&dyn Migrate>,
    told: &(dyn Fn(u64) + Sync),
) -> Result<Summary, MigrationError> {
    let mut walk = Walk {
        from,
        to,
        summary: Summary::default(),
        told,
    };
    let workspaces = walk.setup().await?;
    for workspace in &workspaces {
        walk.tasks(workspace).await?;
        walk.keys(workspace).await?;
        walk.deliveries(workspace).await?;
    }
    walk.audit().await?;
    Ok(walk.summary)
}

/// A value in its newest shape.
pub(super) fn encoded(value: &impl Written) -> Result<Vec<u8>, MigrationError> {
    let mut bytes = Vec::new();
    value.write(&mut bytes).map_err(MigrationError::Reading)?;
    Ok(bytes)
}

impl Walk<'_> {
    async fn keys(&mut self, workspace: &WorkspaceName) -> Result<(), MigrationError> {
        let mut after: Option<DedupKey> = None;
        loop {
            let found = self.from.keys(workspace, after, KEYS).await;
            let found = found.map_err(MigrationError::Reading)?;
            let Some(last) = found.last() else {
                return Ok(());
            };
            after = Some(last.key);
            for HeldKey { key, task, until } in &found {
                let parts: [&[u8]; 4] = [
                    workspace.as_str().as_bytes(),
                    key.as_bytes(),
                    task.as_bytes(),
                    &until.to_le_bytes(),
                ];
                self.summary.add(Item::Keys, &parts);
            }
            if let Some(to) = self.to {
                let put = to.put_keys(workspace, found).await;
                put.map_err(MigrationError::Writing)?;
            }
        }
    }

    /// Entries get ids that differ and keep their order: two that were written around a restart may have one.
    async fn audit(&mut self) -> Result<(), MigrationError> {
        let mut query = AuditQuery {
            limit: ENTRIES,
            ..AuditQuery::default()
        };
        let mut below: Option<AuditId> = None;
        loop {
            let page = self.from.audit(&query).await;
            let page = page.map_err(MigrationError::Reading)?;
            let mut entries = Vec::with_capacity(page.entries.len());
            for (id, entry) in page.entries {
                let id = below.map_or(id, |below| id.min(AuditId(below.0.saturating_sub(1))));
                below = Some(id);
                let parts: [&[u8]; 2] = [&id.0.to_le_bytes(), &encoded(&entry)?];
                self.summary.add(Item::Audit, &parts);
                entries.push((id, entry));
            }
            if let Some(to) = self.to
                && !entries.is_empty()
            {
                let put = to.put_audit(entries).await;
                put.map_err(MigrationError::Writing)?;
            }
            match page.next {
                Some(next) => query.before = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// The error of a source that lacks what it names.
pub(super) fn missing(what: String) -> MigrationError {
    MigrationError::Reading(StoreError::Damaged(format!("{what} is missing")))
}
