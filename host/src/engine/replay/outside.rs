//! Events that came to a task from outside while it ran: changes, cancellations, retries and results of
//! subtasks. A dry replay applies them where they happened.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::actions::moves;
use crate::domain::budget::Permit;
use crate::domain::clock::Millis;
use crate::domain::data::{Change, Document, apply, memory_estimate};
use crate::domain::ids::TaskId;
use crate::domain::journal::Entry;
use crate::domain::task::{Standing, TaskHead, TaskState};

/// One thing that came from outside.
pub(super) struct Outside<'a> {
    pub(super) at: Millis,
    /// Attempts of the history, from the replay's first run on, that had ended before it.
    pub(super) after: usize,
    what: OutsideChange<'a>,
    entry: &'a Entry,
}

enum OutsideChange<'a> {
    /// The data was changed by a person or a webhook.
    Changed(&'a str),
    /// A subtask's result was put into the data.
    Result(TaskId, &'a str),
    Retried,
    Cancelled,
}

/// The events from outside after the entry at `first`, where the replay's first run ended.
pub(super) fn read(journal: &[Entry], first: usize) -> VecDeque<Outside<'_>> {
    let mut after = 0;
    let mut found = VecDeque::new();
    for entry in journal.iter().skip(first) {
        let (at, what) = match entry {
            Entry::Run(_) => {
                after += 1;
                continue;
            }
            Entry::Changed { at, changes, .. } => (*at, OutsideChange::Changed(changes)),
            Entry::Subtask { at, task, changes } => (*at, OutsideChange::Result(*task, changes)),
            // Only a retry makes a task ready in an entry of its own, but for what stands before
            // its first run.
            Entry::State { at, state, .. } if *state == TaskState::Ready => {
                (*at, OutsideChange::Retried)
            }
            Entry::State { at, state, .. } if *state == TaskState::Cancelled => {
                (*at, OutsideChange::Cancelled)
            }
            Entry::Accepted { .. }
            | Entry::Effect(_)
            | Entry::State { .. }
            | Entry::Notice { .. } => continue,
        };
        found.push_back(Outside {
            at,
            after,
            what,
            entry,
        });
    }
    found
}

impl Outside<'_> {
    /// Whether it comes before the next run of a replay that has made `made` attempts. A task that
    /// rests earlier than it did then has nothing else to come.
    pub(super) fn is_next(&self, head: &TaskHead, made: usize) -> bool {
        self.after <= made
            || match head.state() {
                TaskState::Ready => false,
                TaskState::Waiting => head.goes_on_at().is_none_or(|at| self.at <= at),
                _ => true,
            }
    }

    /// Applies it, and adds its entry to the replay's journal. What no longer applies, since the task
    /// has not failed or is at its end in the replay, is left out.
    ///
    /// # Errors
    /// Why the replay goes no further: the recorded change does not fit the replay's data, or `memory` finds none for its
    /// values.
    pub(super) fn apply(
        self,
        (head, data): (&mut TaskHead, &mut Arc<Document>),
        journal: &mut Vec<Entry>,
        memory: &Permit,
    ) -> Result<(), String> {
        match self.what {
            OutsideChange::Changed(changes) => match moves::updated(head.clone(), self.at) {
                Ok(moved) => {
                    change((data, memory), changes, "a change from outside")?;
                    *head = moved;
                }
                Err(_) => return Ok(()),
            },
            OutsideChange::Result(task, changes) => {
                let Some(at) = head.children.iter().position(|child| child.id == task) else {
                    return Ok(());
                };
                change((data, memory), changes, "a subtask's result")?;
                head.children.remove(at);
                head.updated = self.at.max(head.updated);
                if head.state() == TaskState::Waiting
                    && head.retrying().is_none()
                    && !head.children.iter().any(|child| child.wait)
                {
                    head.standing = Standing::ready();
                    head.ready_at = head.updated;
                }
            }
            OutsideChange::Retried => {
                let failed = moves::failed_step(journal.iter()).cloned();
                match moves::retried(head.clone(), failed, self.at) {
                    Ok(moved) => *head = moved,
                    Err(_) => return Ok(()),
                }
            }
            OutsideChange::Cancelled => match moves::cancelled(head.clone(), false, self.at) {
                Ok(moved) => *head = moved,
                Err(_) => return Ok(()),
            },
        }
        journal.push(self.entry.clone());
        Ok(())
    }
}

fn change(
    (data, memory): (&mut Arc<Document>, &Permit),
    changes: &str,
    what: &str,
) -> Result<(), String> {
    let unfit = |error: String| {
        format!("{what} that came then does not fit the data that the replay has come to: {error}")
    };
    // The data before and after, what of them is the change's, and the change.
    let bytes = memory_estimate(data.text()) + 3 * memory_estimate(changes);
    let taken = memory.grow(bytes);
    taken.map_err(|_| format!("the server has no memory for {what} that came then"))?;
    let changes: Vec<Change> =
        serde_json::from_str(changes).map_err(|error| unfit(error.to_string()))?;
    let mut value = data.to_value();
    apply(&mut value, &changes).map_err(|error| unfit(error.to_string()))?;
    *data = Arc::new(Document::of(value));
    // Its own values are made when they are looked at, and what they take stays charged.
    memory.shrink(bytes - memory_estimate(data.text()).min(bytes));
    Ok(())
}
