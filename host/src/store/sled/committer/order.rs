//! Puts changes in order: checks what each stands on, and gives its entries their place.

use super::super::change::{Change, Kind};
use super::super::message::{Part, Queued};
use super::super::newest::Newest;
use super::super::overlay::{Overlay, OverlayTask};
use super::super::tasks;
use super::{Committer, Key, TaskVersion};
use crate::domain::ids::TaskId;
use crate::store::{Ownership, StoreError};

impl Committer<'_> {
    /// The task as the tree has it, if the overlay has it no more.
    pub(super) fn base(
        &mut self,
        overlay: &Overlay,
        change: &Change,
    ) -> Result<Option<OverlayTask>, StoreError> {
        if change.kind == Kind::Accept || overlay.get(&change.workspace, change.id).is_some() {
            return Ok(None);
        }
        match self.bases.remove(&(change.workspace.clone(), change.id)) {
            Some(base) => Ok(Some(base)),
            // It was folded since it was put in order.
            None => tasks::from_tree(self.shared, &change.workspace, change.id)
                // The group is in the log already.
                .map_err(|error| StoreError::unavailable(error.to_string())),
        }
    }

    /// Checks the parts of a transaction and orders them: none of them if one is refused.
    pub(super) fn order_all(
        &mut self,
        owned: &Ownership,
        queued: &mut Queued,
    ) -> Result<(), StoreError> {
        for part in queued.parts() {
            owned.check(part.claim, part.change.id)?;
            self.shared.erasing.check(&part.change.workspace)?;
        }
        let (key, standing) = self.order(&mut queued.first)?;
        let mut rest = Vec::with_capacity(queued.rest.len());
        for part in &mut queued.rest {
            rest.push(self.order(part)?);
        }
        let taken = self.taken.by(self.shared, queued)?;
        self.standing.insert(key, standing);
        self.standing.extend(rest);
        self.taken.extend(taken);
        Ok(())
    }

    /// Checks a change against where its task stands, gives its entries their place, and says where
    /// the task stands then.
    fn order(&mut self, part: &mut Part) -> Result<(Key, TaskVersion), StoreError> {
        let (change, expected) = (&mut part.change, part.expected);
        let key = (change.workspace.clone(), change.id);
        let standing = if change.kind == Kind::Accept && self.is_new(&key)? {
            None
        } else {
            self.standing(&key)?
        };
        let next = match (change.kind, standing) {
            (Kind::Accept, None) => TaskVersion {
                version: change.head.as_ref().map_or(1, |head| head.version),
                count: 0,
            },
            (Kind::Accept, Some(standing)) => {
                return Err(conflict(change.id, 0, standing.version));
            }
            (_, None) => return Err(StoreError::NotFound(format!("task {}", change.id))),
            (Kind::Effect, Some(standing)) => standing,
            (Kind::Commit | Kind::Note, Some(standing)) => {
                let expected = expected.unwrap_or(0);
                if standing.version != expected {
                    return Err(conflict(change.id, expected, standing.version));
                }
                TaskVersion {
                    version: expected + 1,
                    ..standing
                }
            }
        };
        change.index = next.count;
        let count = next.count.checked_add(change.count).ok_or_else(|| {
            StoreError::Refused(format!("the journal of task {} is full", change.id))
        })?;
        Ok((key, TaskVersion { count, ..next }))
    }

    fn standing(&mut self, key: &Key) -> Result<Option<TaskVersion>, StoreError> {
        if let Some(standing) = self.standing.get(key) {
            return Ok(Some(*standing));
        }
        let of = |open: &OverlayTask| TaskVersion {
            version: open.head.version,
            count: open.count,
        };
        if let Some(open) = self.shared.overlay.read().get(&key.0, key.1) {
            return Ok(Some(of(open)));
        }
        let Some(open) = tasks::from_tree(self.shared, &key.0, key.1)? else {
            return Ok(None);
        };
        let standing = of(&open);
        self.bases.insert(key.clone(), open);
        Ok(Some(standing))
    }

    /// Whether a task cannot be there already: its id is greater than every one that is, or than all
    /// but a few that are known.
    fn is_new(&mut self, (workspace, id): &Key) -> Result<bool, StoreError> {
        match self.newest.get_mut(workspace) {
            Some(newest) => Ok(newest.is_new(*id)),
            None => {
                let there = tasks::newest(self.shared, workspace)?;
                let mut newest = Newest::after(there);
                let new = newest.is_new(*id);
                self.newest.insert(workspace.clone(), newest);
                Ok(new)
            }
        }
    }
}

fn conflict(id: TaskId, expected: u64, actual: u64) -> StoreError {
    StoreError::Conflict {
        id,
        expected,
        actual,
    }
}
