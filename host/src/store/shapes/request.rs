//! Requests between nodes, and why one is refused. The answer to one that is done is the task's head.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{Bytes, Id, ShapeError, Text};
use super::state::State;
use crate::domain::data::{Edit, Pointer};
use crate::domain::dedup::{Dedup, DedupKey};
use crate::domain::ids::WorkspaceName;
use crate::domain::inbox::{TaskAction, TaskRefusal, TaskRequest};
use crate::store::StoreError;

kind!('a, TaskRequest, "a request to another server", 1 => V1<'a>);
kind!('a, TaskRefusal, "an answer to another server", 1 => RefusalV1<'a>);
postcard_shapes!('a, V1<'a>, RefusalV1<'a>);

kind!('a, RequestAddress, "a request to another server", 1 => V1<'a>);

/// Whose task a request is about: what can be read of it without making its values.
#[derive(Debug)]
pub(in super::super) struct RequestAddress(pub(in super::super) WorkspaceName);

impl TryFrom<V1<'_>> for RequestAddress {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        shape.workspace.name().map(Self)
    }
}

impl StoredValue for TaskRequest {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

impl StoredValue for TaskRefusal {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &RefusalV1::from(self))
    }
}

/// See [`TaskRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    #[serde(borrow)]
    workspace: Text<'a>,
    task: Id,
    by: Text<'a>,
    action: ActionV1<'a>,
}

/// Never renumbered.
#[derive(Debug, Serialize, Deserialize)]
enum ActionV1<'a> {
    Cancel,
    Retry,
    #[serde(borrow)]
    Update(Vec<EditV1<'a>>),
    Merge(Vec<EditV1<'a>>, Option<DedupV1<'a>>),
    Keep(bool),
}

/// Values are JSON text. Never renumbered.
#[derive(Debug, Serialize, Deserialize)]
enum EditV1<'a> {
    #[serde(borrow)]
    Patch(Text<'a>),
    Members(Text<'a>),
    Set(Text<'a>, Text<'a>),
    Replace(Text<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
struct DedupV1<'a> {
    #[serde(borrow)]
    key: Bytes<'a>,
    at: u64,
    until: u64,
}

/// See [`TaskRefusal`]. Never renumbered.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) enum RefusalV1<'a> {
    NotOpen,
    NotFound,
    WrongState(State),
    TooLarge(u64),
    Via,
    #[serde(borrow)]
    BadEdit(Text<'a>),
    TooOften,
    Busy,
    Pauses(u64),
    Duplicate(Id),
    Erasing,
    Refused(Text<'a>),
}

impl<'a> From<&'a TaskRequest> for V1<'a> {
    fn from(request: &'a TaskRequest) -> Self {
        let TaskRequest {
            workspace,
            task,
            by,
            action,
        } = request;
        let edits = |edits: &[Edit]| edits.iter().map(EditV1::from).collect();
        Self {
            workspace: workspace.into(),
            task: Id(*task),
            by: by.into(),
            action: match action {
                TaskAction::Cancel => ActionV1::Cancel,
                TaskAction::Retry => ActionV1::Retry,
                TaskAction::Update(all) => ActionV1::Update(edits(all)),
                TaskAction::Merge(all, dedup) => {
                    let dedup = dedup.as_ref().map(|dedup| DedupV1 {
                        key: dedup.key.as_bytes()[..].into(),
                        at: dedup.at,
                        until: dedup.until,
                    });
                    ActionV1::Merge(edits(all), dedup)
                }
                TaskAction::Keep(kept) => ActionV1::Keep(*kept),
            },
        }
    }
}

impl From<&Edit> for EditV1<'_> {
    fn from(edit: &Edit) -> Self {
        match edit {
            Edit::Patch(patch) => Self::Patch(patch.to_string().into()),
            Edit::Members(members) => {
                // Members are JSON: there is nothing in them that could fail to serialise.
                Self::Members(serde_json::to_string(members).unwrap_or_default().into())
            }
            Edit::Set(place, value) => {
                Self::Set(place.to_string().into(), value.to_string().into())
            }
            Edit::Replace(document) => Self::Replace(document.to_string().into()),
        }
    }
}

fn json(text: &Text<'_>) -> Result<Value, ShapeError> {
    serde_json::from_str(text.as_ref()).map_err(|_| ShapeError::Edit)
}

impl TryFrom<EditV1<'_>> for Edit {
    type Error = ShapeError;

    fn try_from(shape: EditV1<'_>) -> Result<Self, ShapeError> {
        Ok(match shape {
            EditV1::Patch(patch) => Self::Patch(json(&patch)?),
            EditV1::Members(members) => match json(&members)? {
                Value::Object(members) => Self::Members(members),
                _ => return Err(ShapeError::Edit),
            },
            EditV1::Set(place, value) => {
                let place = Pointer::parse(place.as_ref()).map_err(|_| ShapeError::Edit)?;
                Self::Set(place, json(&value)?)
            }
            EditV1::Replace(document) => Self::Replace(json(&document)?),
        })
    }
}

impl TryFrom<V1<'_>> for TaskRequest {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        let edits = |all: Vec<EditV1<'_>>| {
            let edits = all.into_iter().map(Edit::try_from);
            edits.collect::<Result<Vec<_>, ShapeError>>()
        };
        Ok(Self {
            workspace: shape.workspace.name()?,
            task: shape.task.0,
            by: shape.by.into(),
            action: match shape.action {
                ActionV1::Cancel => TaskAction::Cancel,
                ActionV1::Retry => TaskAction::Retry,
                ActionV1::Update(all) => TaskAction::Update(edits(all)?),
                ActionV1::Merge(all, dedup) => {
                    let dedup = dedup.map(|shape| {
                        let key =
                            <[u8; 16]>::try_from(&*shape.key.0).map_err(|_| ShapeError::Edit)?;
                        Ok::<_, ShapeError>(Dedup {
                            key: DedupKey::from_bytes(key),
                            at: shape.at,
                            until: shape.until,
                        })
                    });
                    TaskAction::Merge(edits(all)?, dedup.transpose()?)
                }
                ActionV1::Keep(kept) => TaskAction::Keep(kept),
            },
        })
    }
}

impl<'a> From<&'a TaskRefusal> for RefusalV1<'a> {
    fn from(refusal: &'a TaskRefusal) -> Self {
        match refusal {
            TaskRefusal::NotOpen => Self::NotOpen,
            TaskRefusal::NotFound => Self::NotFound,
            TaskRefusal::WrongState(state) => Self::WrongState((*state).into()),
            TaskRefusal::TooLarge(bytes) => Self::TooLarge(*bytes),
            TaskRefusal::ViaReadOnly => Self::Via,
            TaskRefusal::BadEdit(why) => Self::BadEdit(why.into()),
            TaskRefusal::TooManyMoves => Self::TooOften,
            TaskRefusal::Busy => Self::Busy,
            TaskRefusal::PausedUntil(until) => Self::Pauses(*until),
            TaskRefusal::Duplicate(task) => Self::Duplicate(Id(*task)),
            TaskRefusal::Erasing => Self::Erasing,
            TaskRefusal::Refused(why) => Self::Refused(why.into()),
        }
    }
}

impl From<RefusalV1<'_>> for TaskRefusal {
    fn from(shape: RefusalV1<'_>) -> Self {
        match shape {
            RefusalV1::NotOpen => Self::NotOpen,
            RefusalV1::NotFound => Self::NotFound,
            RefusalV1::WrongState(state) => Self::WrongState(state.into()),
            RefusalV1::TooLarge(bytes) => Self::TooLarge(bytes),
            RefusalV1::Via => Self::ViaReadOnly,
            RefusalV1::BadEdit(why) => Self::BadEdit(why.into()),
            RefusalV1::TooOften => Self::TooManyMoves,
            RefusalV1::Busy => Self::Busy,
            RefusalV1::Pauses(until) => Self::PausedUntil(until),
            RefusalV1::Duplicate(task) => Self::Duplicate(task.0),
            RefusalV1::Erasing => Self::Erasing,
            RefusalV1::Refused(why) => Self::Refused(why.into()),
        }
    }
}
