//! What every implementation of [`Store`] must do. Each check runs undisturbed, with everything
//! moved to where it rests for long between any two steps, and with the store closed and opened
//! again there.

mod erase;
mod expiry;
mod find;
mod queries;
pub mod retention;
pub mod samples;
mod setup;
mod tasks;
mod together;

use std::sync::Arc;

use async_trait::async_trait;

use self::erase::*;
use self::expiry::*;
use self::find::*;
use self::queries::*;
use self::retention::*;
use self::setup::*;
use self::tasks::*;
use self::together::*;
use super::Store;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;

/// What happens to the store between two steps of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    Nothing,
    /// Whatever it keeps apart for speed goes to its long-term place.
    Settle,
    /// It is closed and opened again.
    Reopen,
}

/// An implementation under test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A new, empty store.
    async fn fresh(&self) -> Arc<dyn Store>;
    /// The same store after the disturbance.
    async fn disturb(&self, store: Arc<dyn Store>, by: Disturbance) -> Arc<dyn Store>;
}

/// A store that is disturbed before every use.
pub struct Shaken<'a> {
    subject: &'a dyn Subject,
    by: Disturbance,
    store: Arc<dyn Store>,
}

impl Shaken<'_> {
    async fn get(&mut self) -> &dyn Store {
        self.store = self.subject.disturb(self.store.clone(), self.by).await;
        &*self.store
    }
}

/// A task's journal; empty if the task is not there.
pub async fn journal_of(store: &dyn Store, workspace: &WorkspaceName, task: TaskId) -> Vec<Entry> {
    let history = store.history(workspace, task).await.unwrap();
    history.map_or_else(Vec::new, |history| history.journal)
}

/// Runs every check.
pub async fn all(subject: &dyn Subject) {
    for by in [
        Disturbance::Nothing,
        Disturbance::Settle,
        Disturbance::Reopen,
    ] {
        macro_rules! run {
            ($($check:ident)*) => {$({
                let store = subject.fresh().await;
                $check(Shaken { subject, by, store }).await;
            })*};
        }
        run! {
            a_task_is_what_was_accepted
            a_task_may_come_with_a_run_behind_it
            a_commit_moves_a_task_one_version
            an_expiry_is_kept_with_the_head
            a_version_that_is_not_there_is_a_conflict
            effects_belong_to_the_time_since_the_last_commit
            the_journal_keeps_its_order
            a_history_is_of_one_moment
            large_tasks_are_whole
            workspaces_do_not_see_each_other
            ready_tasks_come_oldest_first
            due_tasks_come_earliest_first
            failed_tasks_are_due_as_long_as_they_owe_a_notice
            lists_are_paged_newest_first
            tasks_are_found_by_their_terms
            tasks_are_counted_by_state
            a_task_at_rest_goes_on
            a_task_is_accepted_with_a_history
            what_is_set_up_is_there
            schedules_keep_their_marks
            components_live_as_long_as_a_step_has_them
            components_of_earlier_versions_live_as_long_as_their_step_names_them
            what_belongs_together_is_there_together
            of_what_belongs_together_all_is_refused_or_nothing
            a_note_leaves_the_effects_of_a_run_under_way
            a_task_without_a_time_to_wake_is_never_due
            bodies_are_found_by_their_digest
            a_finished_task_is_removed_when_its_time_is_over
            a_retention_that_is_changed_is_that_of_all
            a_task_that_is_kept_or_goes_on_stays
            a_subtask_stays_as_long_as_its_parent_needs_it
            what_is_removed_is_gone_from_everywhere
            a_workspace_that_is_deleted_leaves_nothing
            many_tasks_at_once
        }
    }
    closed_is_closed(subject.fresh().await).await;
}
