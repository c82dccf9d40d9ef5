//! The checks that every implementation of [`Store`] must pass. Each check runs undisturbed, with everything
//! moved to where it rests for long between any two steps, and with the store closed and opened
//! again there.
//!
//! An implementation's tests implement [`Subject`] and call [`all`] with each [`Disturbance`] that means something to it. The server's binary has nothing of it.
#![allow(clippy::unwrap_used, reason = "a check that fails panics")]

mod at_once;
mod audit;
mod claims;
mod dedup;
mod deliveries;
mod erase;
mod expiry;
mod find;
pub mod owned;
mod queries;
pub mod retention;
mod revisions;
pub mod samples;
mod setup;
mod subject;
mod tasks;
mod tokens;
mod transactions;

use self::at_once::*;
use self::audit::*;
use self::claims::*;
use self::dedup::*;
use self::deliveries::*;
use self::erase::*;
use self::expiry::*;
use self::find::*;
use self::queries::*;
use self::retention::*;
use self::revisions::*;
use self::setup::*;
use self::tasks::*;
use self::tokens::*;
use self::transactions::*;
pub use subject::{Disturbance, Shaken, Subject, journal_of};

/// Runs every check with this disturbance. One test for each lets them run at the same time.
pub async fn all(subject: &dyn Subject, by: Disturbance) {
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
        a_delivery_that_came_before_makes_nothing
        a_delivery_may_change_a_task
        a_key_is_of_one_workspace_and_one_window
        of_deliveries_with_one_key_at_once_one_is_taken
        a_key_outlives_its_task
        many_keys_are_found_wherever_they_are
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
        a_text_of_several_components_is_whole_in_each_of_them
        components_of_earlier_versions_live_as_long_as_their_step_names_them
        a_transaction_is_there_as_a_whole
        a_transaction_with_one_refused_part_changes_nothing
        a_note_leaves_the_effects_of_a_run_under_way
        a_task_without_a_time_to_wake_is_never_due
        bodies_are_found_by_their_digest
        deliveries_are_recorded_newest_first
        a_delivery_does_not_come_into_a_later_workspace_of_the_same_name
        a_finished_task_is_removed_when_its_time_is_over
        a_changed_retention_applies_to_all_tasks
        a_kept_or_reopened_task_is_not_purged
        a_subtask_stays_as_long_as_its_parent_needs_it
        what_is_removed_is_gone_from_everywhere
        a_workspace_that_is_deleted_leaves_nothing
        many_tasks_at_once
        a_list_of_several_states_is_of_one_moment
        a_stale_claim_writes_nothing
        a_claim_is_to_one_partition
        a_transaction_needs_a_claim_to_each_partition
        what_is_not_owned_is_not_given_out
        a_write_under_way_is_there_before_the_partition_is_taken_over
        changes_of_ownership_are_notified
        a_change_stands_on_the_revision_that_there_is
        what_changed_since_a_revision_is_listed_by_workspace
        names_are_taken_once_and_there_are_bounds
        a_setup_is_bounded_in_bytes
        of_changes_at_one_revision_one_is_made
        tokens_are_of_a_workspace_or_of_the_server
        tokens_are_bounded
        an_entry_is_there_with_its_change_or_not_at_all
        entries_are_paged_newest_first_and_found_by_what_they_say
        a_log_keeps_its_newest_changes_whatever_is_refused
    }
    closed_is_closed(subject.fresh().await).await;
}
