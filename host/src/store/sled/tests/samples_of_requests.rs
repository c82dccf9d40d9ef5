//! What nodes ask of each other, of which golden files are kept.

use serde_json::json;

use super::samples::{AT, workspace};
use crate::domain::data::{Edit, Pointer};
use crate::domain::dedup::{Dedup, DedupKey};
use crate::domain::ids::TaskId;
use crate::domain::inbox::{TaskAction, TaskRefusal, TaskRequest};
use crate::domain::task::TaskState;

fn task() -> TaskId {
    TaskId::from_bytes([7; 16])
}

/// Every action, and every kind of edit.
pub(super) fn requests() -> Vec<TaskRequest> {
    let edits = || {
        let members = json!({"b": 1, "a": null});
        vec![
            Edit::Patch(json!({"n": 1.50, "ü": null})),
            Edit::Members(members.as_object().cloned().unwrap_or_default()),
            Edit::Set(Pointer::parse("/a~1b/-").unwrap(), json!([true, 1])),
            Edit::Replace(json!({})),
        ]
    };
    let dedup = Dedup {
        key: DedupKey::from_bytes([9; 16]),
        at: AT,
        until: AT + 1,
    };
    [
        TaskAction::Cancel,
        TaskAction::Retry,
        TaskAction::Update(edits()),
        TaskAction::Merge(edits(), None),
        TaskAction::Merge(Vec::new(), Some(dedup)),
        TaskAction::Keep(true),
        TaskAction::Keep(false),
    ]
    .into_iter()
    .map(|action| TaskRequest {
        workspace: workspace(),
        task: task(),
        by: "ada (192.0.2.7)".into(),
        action,
    })
    .collect()
}

/// Every refusal.
pub(super) fn refusals() -> Vec<TaskRefusal> {
    let states = TaskState::ALL.map(TaskRefusal::WrongState);
    let others = [
        TaskRefusal::NotOpen,
        TaskRefusal::NotFound,
        TaskRefusal::TooLarge(1 << 40),
        TaskRefusal::ViaReadOnly,
        TaskRefusal::BadEdit("no".into()),
        TaskRefusal::TooManyMoves,
        TaskRefusal::Busy,
        TaskRefusal::PausedUntil(AT),
        TaskRefusal::Duplicate(task()),
        TaskRefusal::Erasing,
        TaskRefusal::Refused("ü".into()),
    ];
    states.into_iter().chain(others).collect()
}
