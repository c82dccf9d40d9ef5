//! A task's head. One with a reply is written in version 4, another that is kept for ever in version 3, another with an
//! expiry in version 2, and the rest, nearly all, in version 1.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{Id, List, ShapeError, Text, name, text};
use super::reply::GivenReplyV4;
use super::standing::{NoticeV1, PausedV1, RetryingV1, Waits, wake_at};
use super::state::State;
use crate::domain::subtask::{Child, Parent};
use crate::domain::task::{Expiry, Paused, Retrying, StepMemory, TaskHead};
use crate::store::StoreError;

kind!('a, TaskHead, "a task's head", 1 => V1<'a>, 2 => V2<'a>, 3 => V3<'a>, 4 => V4<'a>);
postcard_shapes!('a, V1<'a>, V2<'a>, V3<'a>, V4<'a>);

impl StoredValue for TaskHead {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let first = V1::from(self);
        let kept = self.kept;
        let reply = self.reply.as_deref();
        if self.expiry.is_none() && !kept && reply.is_none() {
            return push(out, 1, &first);
        }
        let Expiry { at, completes } = self.expiry.unwrap_or_default();
        let second = V2 {
            first,
            at,
            completes,
        };
        if !kept && reply.is_none() {
            return push(out, 2, &second);
        }
        let third = V3 { second, kept };
        let Some(reply) = reply else {
            return push(out, 3, &third);
        };
        let reply = Some(GivenReplyV4::from(reply));
        push(out, 4, &V4 { third, reply })
    }
}

/// See [`TaskHead`].
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    id: Id,
    #[serde(borrow)]
    workspace: Text<'a>,
    version: u64,
    state: State,
    name: Option<Text<'a>>,
    tags: List<'a, String, Text<'a>>,
    webhook: Option<Text<'a>>,
    created: u64,
    updated: u64,
    ready_at: u64,
    wake_at: Option<u64>,
    runs: u32,
    retrying: Option<RetryingV1<'a>>,
    steps: List<'a, StepMemory, StepMemoryV1<'a>>,
    result: Option<Text<'a>>,
    fault: Option<Text<'a>>,
    notice: Option<NoticeV1<'a>>,
    parent: Option<ParentV1>,
    children: List<'a, Child, ChildV1<'a>>,
    subtasks: u32,
    paused: Option<PausedV1<'a>>,
    notes: u64,
}

/// An expiry behind the first version. One that says nothing stands for none.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V2<'a> {
    #[serde(borrow)]
    first: V1<'a>,
    at: Option<u64>,
    completes: bool,
}

/// Whether the task is kept for ever, behind the second version.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V3<'a> {
    #[serde(borrow)]
    second: V2<'a>,
    kept: bool,
}

/// The reply to the sender, behind the third version.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V4<'a> {
    #[serde(borrow)]
    third: V3<'a>,
    reply: Option<GivenReplyV4<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StepMemoryV1<'a> {
    #[serde(borrow)]
    step: Text<'a>,
    observed: u64,
    finished: bool,
    redo: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct ParentV1 {
    task: Id,
    depth: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct ChildV1<'a> {
    id: Id,
    #[serde(borrow)]
    into: Option<Text<'a>>,
    wait: bool,
    ended: bool,
}

impl<'a> From<&'a TaskHead> for V1<'a> {
    fn from(head: &'a TaskHead) -> Self {
        let TaskHead {
            id,
            workspace,
            version,
            standing,
            name,
            tags,
            webhook,
            created,
            updated,
            ready_at,
            runs,
            steps,
            result,
            fault,
            parent,
            children,
            subtasks,
            notes,
            // Of the second version.
            expiry: _,
            // Of the third.
            kept: _,
            // Of the fourth.
            reply: _,
        } = head;
        Self {
            id: Id(*id),
            workspace: workspace.into(),
            version: *version,
            state: standing.state().into(),
            name: text(name),
            tags: List::Domain(tags),
            webhook: webhook.as_ref().map(Text::from),
            created: *created,
            updated: *updated,
            ready_at: *ready_at,
            wake_at: wake_at(head),
            runs: *runs,
            retrying: standing.retrying().map(RetryingV1::from),
            steps: List::Domain(steps),
            result: text(result),
            fault: text(fault),
            notice: standing.notice().map(NoticeV1::from),
            parent: parent.as_ref().map(ParentV1::from),
            children: List::Domain(children),
            subtasks: *subtasks,
            paused: standing.paused().map(PausedV1::from),
            notes: *notes,
        }
    }
}

impl<'a> From<V1<'a>> for V2<'a> {
    fn from(first: V1<'a>) -> Self {
        Self {
            first,
            at: None,
            completes: false,
        }
    }
}

impl<'a> From<V2<'a>> for V3<'a> {
    fn from(second: V2<'a>) -> Self {
        Self {
            second,
            kept: false,
        }
    }
}

impl<'a> From<V3<'a>> for V4<'a> {
    fn from(third: V3<'a>) -> Self {
        Self { third, reply: None }
    }
}

impl TryFrom<V4<'_>> for TaskHead {
    type Error = ShapeError;

    fn try_from(shape: V4<'_>) -> Result<Self, ShapeError> {
        let V4 { third, reply } = shape;
        let V3 { second, kept } = third;
        let V2 {
            first,
            at,
            completes,
        } = second;
        let expiry = Expiry { at, completes };
        let waits = Waits {
            at: first.wake_at,
            expires: at,
            retrying: first.retrying.map(Retrying::try_from).transpose()?,
            paused: first.paused.map(Paused::try_from).transpose()?,
            notice: first.notice,
        };
        Ok(Self {
            id: first.id.0,
            workspace: first.workspace.name()?,
            version: first.version,
            standing: waits.standing(first.state.into())?,
            name: first.name.map(String::from),
            tags: first.tags.into_domain()?,
            webhook: name(first.webhook)?,
            created: first.created,
            updated: first.updated,
            ready_at: first.ready_at,
            runs: first.runs,
            steps: first.steps.into_domain()?,
            result: first.result.map(String::from),
            fault: first.fault.map(String::from),
            parent: first.parent.map(Parent::from),
            children: first.children.into_domain()?,
            subtasks: first.subtasks,
            notes: first.notes,
            expiry: (expiry != Expiry::default()).then_some(expiry),
            kept,
            reply: reply.map(|reply| Arc::new(reply.into())),
        })
    }
}

impl<'a> From<&'a StepMemory> for StepMemoryV1<'a> {
    fn from(memory: &'a StepMemory) -> Self {
        let StepMemory {
            step,
            observed,
            finished,
            redo,
        } = memory;
        Self {
            step: step.into(),
            observed: *observed,
            finished: *finished,
            redo: *redo,
        }
    }
}

impl TryFrom<StepMemoryV1<'_>> for StepMemory {
    type Error = ShapeError;

    fn try_from(shape: StepMemoryV1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            step: shape.step.name()?,
            observed: shape.observed,
            finished: shape.finished,
            redo: shape.redo,
        })
    }
}

impl From<&Parent> for ParentV1 {
    fn from(Parent { task, depth }: &Parent) -> Self {
        Self {
            task: Id(*task),
            depth: *depth,
        }
    }
}

impl From<ParentV1> for Parent {
    fn from(shape: ParentV1) -> Self {
        Self {
            task: shape.task.0,
            depth: shape.depth,
        }
    }
}

impl<'a> From<&'a Child> for ChildV1<'a> {
    fn from(child: &'a Child) -> Self {
        let Child {
            id,
            into,
            wait,
            ended,
        } = child;
        Self {
            id: Id(*id),
            into: text(into),
            wait: *wait,
            ended: *ended,
        }
    }
}

impl From<ChildV1<'_>> for Child {
    fn from(shape: ChildV1<'_>) -> Self {
        Self {
            id: shape.id.0,
            into: shape.into.map(String::from),
            wait: shape.wait,
            ended: shape.ended,
        }
    }
}
