//! The keys of deliveries that a group of changes takes, while it is put together.

use std::collections::HashMap;

use super::super::message::{DedupLookup, Queued};
use super::super::shared::Shared;
use super::find::delivered_since;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

type Key = (WorkspaceName, DedupKey);

/// The keys, each with its task.
#[derive(Default)]
pub(in super::super) struct DedupKeys(HashMap<Key, TaskId>);

impl DedupKeys {
    pub(in super::super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn extend(&mut self, taken: Vec<(Key, TaskId)>) {
        self.0.extend(taken);
    }

    /// The keys that changes would take which belong together.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if one of them is a task's.
    pub(in super::super) fn by(
        &self,
        shared: &Shared,
        queued: &mut Queued,
    ) -> Result<Vec<(Key, TaskId)>, StoreError> {
        let mut taken: Vec<(Key, TaskId)> = Vec::new();
        for part in queued.parts() {
            let (Some(of), Some(DedupLookup { at, moved })) = (part.change.taken, part.lookup)
            else {
                continue;
            };
            let key = (part.change.workspace.clone(), of.key);
            let own = taken.iter().find(|(other, _)| *other == key);
            let here = own.map(|(_, task)| *task).or(self.0.get(&key).copied());
            let found = match here {
                Some(task) => Some(task),
                None => delivered_since(shared, &key.0, of.key, at, moved)?,
            };
            if let Some(task) = found {
                return Err(StoreError::Duplicate { task });
            }
            taken.push((key, part.change.id));
        }
        Ok(taken)
    }
}
