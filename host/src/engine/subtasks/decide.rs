//! How the end of a subtask changes its parent: pure decisions, no I/O.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::domain::clock::Millis;
use crate::domain::data::{Change, Document, Draft, Pointer, VIA, check};
use crate::domain::ids::TaskId;
use crate::domain::journal::Entry;
use crate::domain::run::check_size;
use crate::domain::subtask::{NewSubtask, Parent};
use crate::domain::task::{Standing, TaskHead, TaskState};
use crate::store::{Commit, NewTask};

/// What a task that has ended is to its parent.
pub(super) fn result(head: &TaskHead, data: &str) -> Value {
    let error = |text: &str| json!({ "error": text });
    match head.state() {
        TaskState::Done => {
            let kept = head.result.as_deref().unwrap_or(data);
            match serde_json::from_str(kept) {
                Ok(Value::Object(mut data)) if head.result.is_none() => {
                    data.shift_remove(VIA);
                    Value::Object(data)
                }
                Ok(result) => result,
                Err(_) => error("its result cannot be read"),
            }
        }
        TaskState::Ignored => Value::Null,
        TaskState::Error => error(head.fault.as_deref().unwrap_or("it failed")),
        TaskState::Cancelled => error("it was cancelled"),
        TaskState::Unmatched => error("no step's condition matches its data"),
        TaskState::Ready | TaskState::Waiting => error("it has not ended"),
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

/// Puts the results of subtasks that have ended into a task's data and forgets them. A result that
/// has no place any more is a fault of the task.
pub(super) fn landed(
    mut head: TaskHead,
    data: &mut Arc<Document>,
    results: Vec<(TaskId, Value)>,
    now: Millis,
) -> Commit {
    let mut entries = Vec::with_capacity(results.len());
    let mut fault = None;
    for (task, result) in results {
        let Some(at) = head.children.iter().position(|own| own.id == task) else {
            continue;
        };
        let child = head.children.remove(at);
        let into = child.into.unwrap_or_default();
        match put(data, &into, result) {
            Ok(changes) => entries.push(Entry::Subtask {
                at: now,
                task,
                changes: serde_json::to_string(&changes).unwrap_or_default(),
            }),
            Err(error) => {
                fault = Some(format!(
                    "the result of subtask {task} has no place: {error}"
                ));
            }
        }
    }
    let written = match check_size(data.text().len()) {
        Ok(()) => Some(data.text().clone()),
        Err(large) => {
            fault = Some(format!("the results of subtasks have no place: {large}"));
            entries.clear();
            None
        }
    };
    head.next_version(now);
    if !head.state().is_final() {
        head.standing = Standing::ready();
        head.ready_at = head.updated;
    }
    if let Some(fault) = fault {
        entries.push(Entry::State {
            at: now,
            state: TaskState::Error,
            reason: fault.clone(),
        });
        head.standing = Standing::Error(None);
        head.fault = Some(fault);
    }
    Commit {
        head,
        data: written,
        entries,
    }
}

/// A subtask as it is accepted.
pub(super) fn new_task(parent: &TaskHead, new: NewSubtask) -> NewTask {
    let depth = parent.parent.as_ref().map_or(0, |parent| parent.depth) + 1;
    // The sandbox has checked that it is an object.
    let mut data: Map<String, Value> = serde_json::from_str(&new.data).unwrap_or_default();
    data.shift_remove(VIA);
    let via = json!({
        "type": "subtask", "name": new.name, "parent": parent.id.to_string(), "depth": depth,
    });
    data.insert(VIA.into(), via);
    NewTask {
        head: TaskHead {
            name: Some(new.name),
            parent: Some(Parent {
                task: parent.id,
                depth,
            }),
            ..TaskHead::new(new.id, parent.workspace.clone(), parent.updated)
        },
        data: Value::Object(data).to_string().into(),
        entries: Vec::new(),
        dedup: None,
    }
}

pub(super) fn cancelled(head: &TaskHead, now: Millis) -> Commit {
    let mut head = head.clone();
    head.version += 1;
    head.standing = Standing::Cancelled;
    head.updated = now.max(head.updated);
    let entry = Entry::State {
        at: now,
        state: head.state(),
        reason: "the task that it was a subtask of was cancelled".into(),
    };
    Commit {
        head,
        data: None,
        entries: vec![entry],
    }
}

#[cfg(test)]
mod tests;
