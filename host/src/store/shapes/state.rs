//! A task's state, as heads and journal entries have it. It belongs to their versions.

use serde::{Deserialize, Serialize};

use crate::domain::task::TaskState;

/// In the order of the numbers that are stored.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(in super::super) enum State {
    Ready,
    Waiting,
    Done,
    Unmatched,
    Error,
    Ignored,
    Cancelled,
}

impl From<TaskState> for State {
    fn from(state: TaskState) -> Self {
        match state {
            TaskState::Ready => Self::Ready,
            TaskState::Waiting => Self::Waiting,
            TaskState::Done => Self::Done,
            TaskState::Unmatched => Self::Unmatched,
            TaskState::Error => Self::Error,
            TaskState::Ignored => Self::Ignored,
            TaskState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<State> for TaskState {
    fn from(state: State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Waiting => Self::Waiting,
            State::Done => Self::Done,
            State::Unmatched => Self::Unmatched,
            State::Error => Self::Error,
            State::Ignored => Self::Ignored,
            State::Cancelled => Self::Cancelled,
        }
    }
}
