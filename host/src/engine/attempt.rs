//! One attempt of one run.

use std::sync::Arc;

use super::commit::{Arriving, TaskWriter};
use crate::domain::budget::Permit;
use crate::domain::clock::Millis;
use crate::domain::effect::RunOrigin;
use crate::domain::ids::{TaskId, WorkspaceName};

/// One attempt of one run, as its calls are recorded.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) writer: TaskWriter,
    pub(super) workspace: WorkspaceName,
    pub(super) task: TaskId,
    pub(super) run: u32,
    /// Its number, from 1.
    pub(super) attempt: u32,
    /// The origin of the run.
    pub(super) begun: RunOrigin,
    /// When the run began.
    pub(super) began: Millis,
    /// The task, if it may not be durable yet.
    pub(super) arriving: Option<Arc<Arriving>>,
    /// The budget that the run takes its memory from.
    pub(super) memory: Arc<Permit>,
    /// Bytes of the task's journal when the run began.
    pub(super) journal: u64,
    /// The version of the head that the run began with, and how many of the versions up to it were notes.
    pub(super) base: (u64, u64),
}
