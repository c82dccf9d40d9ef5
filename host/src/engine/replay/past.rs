//! A task's data on the way back to what they were.

use serde_json::Value;

use crate::domain::budget::Permit;
use crate::domain::data::{Change, memory_estimate, undo, value_memory};
use crate::domain::ids::TaskId;
use crate::domain::journal::Entry;
use crate::domain::run::Ended;
use crate::engine::actions::ActionError;
use crate::store::StoreError;

/// So many bytes may be taken beyond what the data have before they are looked at again.
const SLACK: u64 = 1024 * 1024;

/// A task's data while changes of its journal are taken back, the last one first, with memory for their values: what a
/// change removed may be far larger than the data are now.
pub(super) struct Past<'a> {
    task: TaskId,
    data: Value,
    memory: &'a Permit,
    /// What the data took when they were looked at.
    seen: u64,
    /// What is taken for the values of changes since then.
    added: u64,
}

impl<'a> Past<'a> {
    /// The data as they are, for which `memory` has been taken.
    pub(super) fn new(task: TaskId, data: Value, memory: &'a Permit) -> Self {
        Self {
            task,
            seen: value_memory(&data),
            data,
            memory,
            added: 0,
        }
    }

    pub(super) fn data(&self) -> &Value {
        &self.data
    }

    pub(super) fn into_data(self) -> Value {
        self.data
    }

    /// The data once more. Matching and a run make values of them, too.
    ///
    /// # Errors
    /// [`ActionError::NoMemory`].
    pub(super) fn copy(&self) -> Result<Value, ActionError> {
        self.grow(2 * value_memory(&self.data))?;
        Ok(self.data.clone())
    }

    /// Takes back what an entry of the journal changed.
    ///
    /// # Errors
    /// [`ActionError::NoMemory`]; [`StoreError::Damaged`] if the change does not fit the data.
    pub(super) fn take_back(&mut self, entry: &Entry) -> Result<(), ActionError> {
        let changes = match entry {
            Entry::Run(run) if run.ended == Ended::Finished => &run.changes,
            Entry::Changed { changes, .. } | Entry::Subtask { changes, .. } => changes,
            _ => return Ok(()),
        };
        let task = self.task;
        let damaged = |error: &dyn std::fmt::Display| {
            StoreError::Damaged(format!("task {task}: a change in its journal: {error}"))
        };
        let bytes = memory_estimate(changes);
        self.grow(bytes)?;
        self.added += bytes;
        let changes: Vec<Change> =
            serde_json::from_str(changes).map_err(|error| damaged(&error))?;
        undo(&mut self.data, changes).map_err(|error| damaged(&error))?;
        // As seldom as that, all looks take no longer than the changes.
        if self.added > self.seen + SLACK {
            let now = value_memory(&self.data);
            self.memory
                .shrink((self.seen + self.added).saturating_sub(now));
            (self.seen, self.added) = (now, 0);
        }
        Ok(())
    }

    fn grow(&self, bytes: u64) -> Result<(), ActionError> {
        self.memory.grow(bytes).map_err(|_| ActionError::NoMemory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::Budget;

    fn changed(changes: &str) -> Entry {
        Entry::Changed {
            at: 0,
            by: String::new(),
            changes: changes.to_owned(),
        }
    }

    #[test]
    fn what_a_change_removed_is_charged_before_it_is_made_and_given_back_when_it_is_gone() {
        let budget = Budget::new(64 * SLACK);
        let workspace = "acme".parse().unwrap();
        let list = format!("[{}1]", "1,".repeat(60_000));
        let removed = changed(&format!(
            r#"[{{"op":"remove","path":"/list","old":{list}}}]"#
        ));
        let added = changed(r#"[{"op":"add","path":"/list","value":0}]"#);
        let memory = budget.take(&workspace, 0).unwrap();
        let mut past = Past::new(TaskId::new(), serde_json::json!({}), &memory);
        let mut most = 0;
        // Each pair brings the list back and takes it away.
        for _ in 0..40 {
            past.take_back(&removed).unwrap();
            most = most.max(memory.used());
            past.take_back(&added).unwrap();
        }
        assert!(most >= memory_estimate(&list), "{most} bytes");
        assert!(memory.used() < 24 * SLACK, "{} bytes", memory.used());
        assert_eq!(past.into_data(), serde_json::json!({}));

        let small = Budget::new(SLACK);
        let memory = small.take(&workspace, 0).unwrap();
        let mut past = Past::new(TaskId::new(), serde_json::json!({}), &memory);
        let refused = past.take_back(&removed);
        assert!(matches!(refused, Err(ActionError::NoMemory)), "{refused:?}");
    }
}
