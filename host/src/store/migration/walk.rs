//! The walk over a store.

use super::summary::{Item, Summary};
use super::{HeldKey, Migrate, MigrationError, MissingFiles, NamedFiles};
use crate::domain::audit::{AuditEntry, AuditId, AuditQuery};
use crate::domain::dedup::DedupKey;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::shapes::StoredValue;
use crate::store::{StoreError, TaskQuery};

/// Tasks that are read and written at once, each with its journal in memory.
pub(super) const AT_ONCE: usize = 16;
/// Tasks that are listed at once.
const PAGE: usize = 500;
/// Keys that are read and written at once.
const KEYS: usize = 10_000;
/// The same of entries of the audit log.
const ENTRIES: usize = 500;

/// A walk over `from`, which gives all to `to`, if that is there.
pub(super) struct Walk<'a> {
    pub(super) from: &'a dyn Migrate,
    pub(super) to: Option<&'a dyn Migrate>,
    pub(super) wanted: NamedFiles<'a>,
    pub(super) summary: Summary,
    /// Receives how many tasks there were, now and then.
    pub(super) progress: &'a (dyn Fn(u64) + Sync),
}

/// Copies all that `from` holds into `to`, which is empty. `progress` is given the number of tasks that were copied, now and
/// then. Returns the counts and digests of what it read.
///
/// # Errors
/// [`MigrationError::Reading`], [`MigrationError::Writing`], [`MigrationError::Seed`], [`MigrationError::FileMissing`]. Then
/// the target has a part of it.
pub async fn copy<'a>(
    from: &'a dyn Migrate,
    to: &'a dyn Migrate,
    wanted: impl Into<NamedFiles<'a>>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Summary, MigrationError> {
    if from.seed() != to.seed() {
        return Err(MigrationError::Seed);
    }
    to.lift_setup_bound().await;
    walk((from, Some(to)), wanted.into(), progress).await
}

/// Reads all that a store holds.
///
/// # Errors
/// [`MigrationError::Reading`].
pub async fn read(
    store: &dyn Migrate,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Summary, MigrationError> {
    // Missing values are not compared.
    walk((store, None), MissingFiles::LeftOut.into(), progress).await
}

async fn walk(
    (from, to): (&dyn Migrate, Option<&dyn Migrate>),
    wanted: NamedFiles<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Summary, MigrationError> {
    let mut walk = Walk {
        from,
        to,
        wanted,
        summary: Summary::default(),
        progress,
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

/// The next page of tasks, the newest first; none if there are no more.
pub(super) async fn heads(
    from: &dyn Migrate,
    workspace: &WorkspaceName,
    query: &mut TaskQuery,
) -> Result<Option<Vec<TaskId>>, MigrationError> {
    query.limit = PAGE;
    let heads = from.list(workspace, query).await;
    let heads = heads.map_err(MigrationError::Reading)?;
    let Some(last) = heads.last() else {
        return Ok(None);
    };
    query.before = Some(last.id);
    Ok(Some(heads.iter().map(|head| head.id).collect()))
}

/// A value in its newest shape.
pub(super) fn encoded(value: &impl StoredValue) -> Result<Vec<u8>, MigrationError> {
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

    /// Entries get ids that differ and keep their order: two that were written around a restart may have one, in two logs.
    ///
    /// A page may end between such two, and the next one begins below an id. So each is asked for again from the last id
    /// on, and the part that was copied already is skipped.
    async fn audit(&mut self) -> Result<(), MigrationError> {
        let mut query = AuditQuery {
            limit: ENTRIES,
            ..AuditQuery::default()
        };
        let mut below: Option<AuditId> = None;
        // How many were seen of the last id.
        let mut seen = 0;
        loop {
            let page = self.from.audit(&query).await;
            let page = page.map_err(MigrationError::Reading)?;
            let found = page.entries.into_iter().skip(seen);
            let found: Vec<(AuditId, AuditEntry)> = found.collect();
            let of_last = |next: AuditId| found.iter().filter(|(id, _)| *id == next).count();
            let of_last = page.next.map_or(0, of_last);
            let is_stuck = found.is_empty();
            let mut entries = Vec::with_capacity(found.len());
            for (id, entry) in found {
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
            let Some(next) = page.next else {
                return Ok(());
            };
            if is_stuck {
                // A store gives so few at once only if more entries than any has logs are of one id.
                return Err(missing(format!("a part of the audit log at id {}", next.0)));
            }
            let again = AuditId(next.0.saturating_add(1));
            let is_same = query.before == Some(again);
            seen = if is_same { seen + of_last } else { of_last };
            query.limit = ENTRIES + seen;
            query.before = Some(again);
        }
    }
}

/// The error of a source that lacks what it names.
pub(super) fn missing(what: String) -> MigrationError {
    MigrationError::Reading(StoreError::Damaged(format!("{what} is missing")))
}
