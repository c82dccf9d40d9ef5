//! How results of subtasks come into their parent's data: one after the other, as each may be a hundred times its text
//! in memory. Pure decisions, no I/O.

use std::sync::Arc;

use serde_json::{Value, json};

use super::decide;
use crate::domain::clock::Millis;
use crate::domain::data::{Change, Document, Draft, Pointer, check, memory_estimate};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::run::check_size;
use crate::domain::task::{Standing, StoredTask, TaskHead, TaskState};
use crate::store::Commit;

/// A task's data while results of its subtasks are put into it.
pub(super) struct Landing {
    head: TaskHead,
    data: Arc<Document>,
    entries: Vec<Entry>,
    /// Bytes of the entries.
    bytes: usize,
    fault: Option<String>,
}

impl Landing {
    /// Nothing is put in yet.
    pub(super) fn new(head: TaskHead, data: Arc<Document>) -> Self {
        Self {
            head,
            data,
            entries: Vec::new(),
            bytes: 0,
            fault: None,
        }
    }

    pub(super) fn workspace(&self) -> &WorkspaceName {
        &self.head.workspace
    }

    /// The subtasks that have ended and whose results are not in the data.
    pub(super) fn ended(&self) -> Vec<TaskId> {
        let ended = self.head.children.iter().filter(|child| child.ended);
        ended.map(|child| child.id).collect()
    }

    /// Whether no more results are to be put in: the entries have `most` bytes, or a result had no place.
    pub(super) fn is_over(&self, most: usize) -> bool {
        self.fault.is_some() || self.bytes >= most
    }

    /// Whether nothing was put in yet.
    pub(super) fn is_unchanged(&self) -> bool {
        self.entries.is_empty() && self.fault.is_none()
    }

    /// Roughly the memory that putting in a subtask's result takes, in bytes: its values and those of the member that
    /// they come into, each once more in what the journal says of the change.
    pub(super) fn memory(&self, subtask: &StoredTask) -> u64 {
        let result = match subtask.head.state() {
            TaskState::Done => {
                memory_estimate(subtask.head.result.as_deref().unwrap_or(&subtask.data))
            }
            _ => 0,
        };
        let into = self.place(subtask.head.id);
        let member = into.as_ref().and_then(|into| into.first());
        2 * (result + self.data.parsing_memory(member))
    }

    fn place(&self, task: TaskId) -> Option<Pointer> {
        let child = self.head.children.iter().find(|child| child.id == task)?;
        Pointer::parse(child.into.as_deref()?).ok()
    }

    /// A subtask was tried again: it will end once more.
    pub(super) fn is_open_again(&mut self, task: TaskId) {
        for child in &mut self.head.children {
            child.ended &= child.id != task;
        }
    }

    /// Puts in the result of a subtask, and forgets the subtask.
    pub(super) fn put_end_of(&mut self, task: &StoredTask, now: Millis) {
        self.put(task.head.id, decide::result(&task.head, &task.data), now);
    }

    /// As [`Landing::put_end_of`], for a subtask that is not there any more.
    pub(super) fn put_gone(&mut self, task: TaskId, now: Millis) {
        self.put(task, json!({ "error": "the subtask is gone" }), now);
    }

    /// A result that has no place any more, or no room, is a fault of the task.
    pub(super) fn put(&mut self, task: TaskId, result: Value, now: Millis) {
        let Some(at) = self.head.children.iter().position(|own| own.id == task) else {
            return;
        };
        let child = self.head.children.remove(at);
        let into = child.into.unwrap_or_default();
        let mut data = self.data.clone();
        match put(&mut data, &into, result) {
            Ok(changes) => match check_size(data.text().len()) {
                Ok(()) => {
                    let entry = Entry::Subtask {
                        at: now,
                        task,
                        changes: serde_json::to_string(&changes).unwrap_or_default(),
                    };
                    self.bytes += entry.bytes();
                    self.entries.push(entry);
                    Arc::make_mut(&mut data).drop_large_values();
                    self.data = data;
                }
                Err(large) => {
                    self.fault = Some(format!("the results of subtasks have no place: {large}"));
                }
            },
            Err(error) => {
                self.fault = Some(format!(
                    "the result of subtask {task} has no place: {error}"
                ));
            }
        }
    }

    /// What was put in has more than `most` bytes of changes, and results are left for which there is no other moment.
    pub(super) fn refuse_rest(&mut self, most: usize) {
        self.fault.get_or_insert_with(|| {
            format!(
                "the results of subtasks have no place: their changes have more than {most} bytes"
            )
        });
    }

    /// The task with what was put in.
    pub(super) fn into_commit(mut self, now: Millis) -> Commit {
        let mut head = self.head;
        head.next_version(now);
        if !head.state().is_final() {
            head.standing = Standing::ready();
            head.ready_at = head.updated;
        }
        if let Some(fault) = self.fault {
            self.entries.push(Entry::State {
                at: now,
                state: TaskState::Error,
                reason: fault.clone(),
            });
            head.standing = Standing::Error(None);
            head.fault = Some(fault);
        }
        Commit {
            head,
            data: Some(self.data.text().clone()),
            entries: self.entries,
        }
    }
}

/// Puts a result at its place; the error is that there is no such place in the data any more.
fn put(data: &mut Arc<Document>, into: &str, result: Value) -> Result<Vec<Change>, String> {
    let place = Pointer::parse(into).map_err(|error| error.to_string())?;
    let fit = match check(&result, place.depth()) {
        Ok(()) => result,
        Err(unfit) => json!({ "error": format!("its result cannot be kept: {unfit}") }),
    };
    let mut draft = Draft::new(data.clone());
    draft.set(&place, fit).map_err(|error| error.to_string())?;
    Ok(draft.into_written().apply_to(data))
}

#[cfg(test)]
mod tests;
