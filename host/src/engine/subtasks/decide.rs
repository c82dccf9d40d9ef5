//! How the end of a subtask changes its parent: pure decisions, no I/O.

use serde_json::{Map, Value, json};

use crate::domain::clock::Millis;
use crate::domain::data::VIA;
use crate::domain::journal::Entry;
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
