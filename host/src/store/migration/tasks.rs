//! The walk over tasks: each with its journal, the bodies that this names, and its files.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::files::files;
use super::summary::{Item, Summary};
use super::walk::{AT_ONCE, Walk, encoded, heads, missing};
use super::{Migrate, MigrationError, NamedFiles};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::store::shapes::journal::push_entry;
use crate::store::{History, NewTask, TaskQuery};

impl Walk<'_> {
    pub(super) async fn tasks(&mut self, workspace: &WorkspaceName) -> Result<(), MigrationError> {
        let (from, to, wanted) = (self.from, self.to, self.wanted);
        let mut query = TaskQuery::default();
        while let Some(ids) = heads(from, workspace, &mut query).await? {
            let mut walked = stream::iter(ids)
                .map(|id| task((from, to), wanted, workspace, id))
                .buffer_unordered(AT_ONCE);
            while let Some(found) = walked.try_next().await? {
                self.summary.join(&found);
            }
            (self.progress)(self.summary.of(Item::Tasks).count);
        }
        Ok(())
    }
}

async fn task(
    (from, to): (&dyn Migrate, Option<&dyn Migrate>),
    wanted: NamedFiles<'_>,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Summary, MigrationError> {
    let history = from.history(workspace, id).await;
    let History { task, mut journal } = history
        .map_err(MigrationError::Reading)?
        .ok_or_else(|| missing(format!("task {id}")))?;
    let mut summary = Summary::default();
    let mut entries = Vec::new();
    for entry in &journal {
        push_entry(&mut entries, entry).map_err(MigrationError::Reading)?;
    }
    let pending = task.effects.len();
    let parts: [&[u8]; 4] = [
        &encoded(&task.head)?,
        task.data.as_bytes(),
        &entries,
        &(pending as u64).to_le_bytes(),
    ];
    summary.add(Item::Tasks, &parts);
    drop(entries);
    let of = (workspace, id, &*task.data);
    files((from, to), of, wanted, &mut summary).await?;
    let bodies: BTreeSet<[u8; 32]> = journal
        .iter()
        .filter_map(|entry| match entry {
            Entry::Effect(effect) => effect.body,
            _ => None,
        })
        .collect();
    if let Some(to) = to {
        // The store writes the first entry itself, and effects of a run under way are recorded one by one.
        let effects = journal.split_off(journal.len().saturating_sub(pending));
        let is_accepted =
            matches!(journal.first(), Some(Entry::Accepted { at }) if *at == task.head.created);
        if !is_accepted {
            return Err(missing(format!(
                "the first entry of the journal of task {id}"
            )));
        }
        journal.remove(0);
        let claim = to.ownership().borrow().claim_of(id);
        let claim = claim.map_err(MigrationError::Writing)?;
        let new = NewTask {
            head: task.head,
            data: task.data,
            entries: journal,
            dedup: None,
        };
        let accepted = to.accept(claim, new).await;
        accepted.map_err(MigrationError::Writing)?;
        for entry in effects {
            let Entry::Effect(effect) = entry else {
                return Err(missing(format!("a call of the run under way of task {id}")));
            };
            let recorded = to.record_effect(claim, workspace, id, effect).await;
            recorded.map_err(MigrationError::Writing)?;
        }
    }
    for digest in bodies {
        let body = from.body(workspace, id, digest).await;
        let Some(body) = body.map_err(MigrationError::Reading)? else {
            summary.bodies_missing += 1;
            continue;
        };
        let parts: [&[u8]; 4] = [workspace.as_str().as_bytes(), id.as_bytes(), &digest, &body];
        summary.add(Item::Bodies, &parts);
        if let Some(to) = to {
            let put = to.put_body(workspace, id, Bytes::from_owner(body)).await;
            put.map_err(MigrationError::Writing)?;
        }
    }
    Ok(summary)
}
