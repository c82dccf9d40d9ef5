//! Where a task goes without a run: its time is over, no step is eligible, or finding one takes too much.

use super::Advancer;
use crate::catalog::TooCostly;
use crate::domain::ids::StepName;
use crate::domain::journal::Entry;
use crate::domain::task::{TaskHead, TaskState};
use crate::engine::advance;
use crate::engine::advanced::Advanced;
use crate::engine::children::Base;
use crate::engine::commit::{Arriving, TaskWriter};
use crate::engine::expiry;
use crate::engine::outcome::FOR_SUBTASKS;
use crate::store::{Commit, StoreError};

impl Advancer {
    /// Ends a task whose time is over. `under_way`: a run has recorded calls and will not come to its end.
    pub(super) async fn expire(
        &self,
        writer: &TaskWriter,
        mut head: TaskHead,
        under_way: bool,
        arriving: Option<&Arriving>,
    ) -> Result<Advanced, StoreError> {
        let base = Base::of(&head);
        let failed = head.retrying().map_or(1, |retrying| retrying.failed);
        let now = self.clock.now();
        let reason = expiry::expire(&mut head, under_way, now);
        if let Some(last) = head.steps.last().map(|memory| memory.step.clone()) {
            self.notices.owe(&mut head, (&last, failed));
        }
        let entry = Entry::State {
            at: now,
            state: head.state(),
            reason,
        };
        self.leave(writer, arriving, &base, head, entry).await
    }

    /// Ends a task for whose data it takes too much work to find steps.
    pub(super) async fn too_costly(
        &self,
        writer: &TaskWriter,
        mut head: TaskHead,
        costly: &TooCostly,
        arriving: Option<&Arriving>,
    ) -> Result<Advanced, StoreError> {
        let base = Base::of(&head);
        let now = self.clock.now();
        head.next_version(now);
        advance::too_costly(&mut head, costly);
        head.end_expiry();
        self.notices.owe(&mut head, (&costly.step, 1));
        let entry = Entry::State {
            at: now,
            state: head.state(),
            reason: costly.to_string(),
        };
        self.leave(writer, arriving, &base, head, entry).await
    }

    /// A task that no step is eligible for comes to rest.
    pub(super) async fn rest(
        &self,
        writer: &TaskWriter,
        mut head: TaskHead,
        arriving: Option<&Arriving>,
    ) -> Result<Advanced, StoreError> {
        let base = Base::of(&head);
        let now = self.clock.now();
        head.next_version(now);
        head.standing = head.standing.into_ready();
        let is_there = |step: &StepName| self.steps.is_there(&head.workspace, step);
        let reason = match (
            head.retrying(),
            head.steps.iter().find(|memory| !is_there(&memory.step)),
        ) {
            (Some(retrying), _) => Some(advance::never_again(retrying, is_there(&retrying.step))),
            (None, Some(gone)) => Some(format!(
                "no step is eligible any more; step `{}`, which ran before, has been deleted",
                gone.step
            )),
            (None, None) => None,
        };
        let retrying = head.retrying().cloned();
        advance::rest(&mut head, reason.clone());
        head.end_expiry();
        if let Some(retrying) = retrying {
            self.notices
                .owe(&mut head, (&retrying.step, retrying.failed));
        }
        let entry = Entry::State {
            at: now,
            state: head.state(),
            reason: match (head.state(), reason) {
                (TaskState::Waiting, _) => FOR_SUBTASKS.into(),
                (_, Some(reason)) => reason,
                (TaskState::Unmatched, None) => "no step's condition matches the data".into(),
                (_, None) => "no step is eligible any more".into(),
            },
        };
        self.leave(writer, arriving, &base, head, entry).await
    }

    /// Commits where a task goes without a run.
    async fn leave(
        &self,
        writer: &TaskWriter,
        arriving: Option<&Arriving>,
        base: &Base,
        head: TaskHead,
        entry: Entry,
    ) -> Result<Advanced, StoreError> {
        let commit = Commit {
            head,
            data: None,
            entries: vec![entry],
        };
        let moved = self
            .subtasks
            .forward(writer, arriving, base, commit, Vec::new());
        match moved.await {
            Ok(head) if head.state() == TaskState::Ready => Ok(Advanced::ReadAgain),
            Ok(head) if head.due_at().is_some() => Ok(Advanced::Waits),
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(Advanced::Rests),
            Err(error) => Err(error),
        }
    }
}
