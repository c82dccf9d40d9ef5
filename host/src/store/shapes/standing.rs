//! Where a task stands, as the first version of its head says it.

use serde::{Deserialize, Serialize};

use super::parts::{ShapeError, Text, text};
use crate::domain::clock::Millis;
use crate::domain::task::{Notice, Paused, Retrying, Standing, TaskHead, TaskState, Wait};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RetryingV1<'a> {
    #[serde(borrow)]
    step: Text<'a>,
    failed: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NoticeV1<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    step: Text<'a>,
    attempts: u32,
    failed_at: u64,
    tries: u32,
    error: Option<Text<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PausedV1<'a> {
    #[serde(borrow)]
    step: Text<'a>,
    spent_ms: u64,
}

/// When a task goes on by itself, its time is over, or a notice is due: the first version has one place
/// for these times.
pub(super) fn wake_at(head: &TaskHead) -> Option<Millis> {
    match &head.standing {
        Standing::Waiting(wait) => wait.goes_on_at().or(head.expires_at()),
        Standing::Error(notice) => notice.as_ref().map(|notice| notice.due),
        _ => None,
    }
}

/// The members of the first version beside the state of a task.
pub(super) struct Waits<'a> {
    pub(super) at: Option<Millis>,
    pub(super) expires: Option<Millis>,
    pub(super) retrying: Option<Retrying>,
    pub(super) paused: Option<Paused>,
    pub(super) notice: Option<NoticeV1<'a>>,
}

impl Waits<'_> {
    pub(super) fn standing(self, state: TaskState) -> Result<Standing, ShapeError> {
        let Self { at, retrying, .. } = self;
        Ok(match state {
            TaskState::Ready => Standing::Ready { retrying },
            TaskState::Waiting => Standing::Waiting(match (self.paused, retrying, at) {
                (Some(paused), retrying, at) => Wait::Pause {
                    until: at.unwrap_or(Millis::MAX),
                    paused,
                    retrying,
                },
                (None, Some(retrying), at) => Wait::Retry {
                    at: at.unwrap_or(Millis::MAX),
                    retrying,
                },
                (None, None, Some(at)) if self.expires != Some(at) => Wait::Until(at),
                // Older servers wrote the time at which the task's own is over. One that waits until then ends
                // then, too.
                (None, None, _) => Wait::Subtasks,
            }),
            TaskState::Error => {
                let due = at.unwrap_or(Millis::MAX);
                let notice = self.notice.map(|notice| notice.notice(due));
                Standing::Error(notice.transpose()?)
            }
            state => state.into(),
        })
    }
}

impl<'a> From<&'a Retrying> for RetryingV1<'a> {
    fn from(Retrying { step, failed }: &'a Retrying) -> Self {
        Self {
            step: step.into(),
            failed: *failed,
        }
    }
}

impl TryFrom<RetryingV1<'_>> for Retrying {
    type Error = ShapeError;

    fn try_from(shape: RetryingV1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            step: shape.step.name()?,
            failed: shape.failed,
        })
    }
}

impl<'a> From<&'a Notice> for NoticeV1<'a> {
    fn from(notice: &'a Notice) -> Self {
        let Notice {
            id,
            step,
            attempts,
            failed_at,
            tries,
            error,
            // The head's `wake_at`.
            due: _,
        } = notice;
        Self {
            id: id.into(),
            step: step.into(),
            attempts: *attempts,
            failed_at: *failed_at,
            tries: *tries,
            error: text(error),
        }
    }
}

impl NoticeV1<'_> {
    fn notice(self, due: Millis) -> Result<Notice, ShapeError> {
        Ok(Notice {
            id: self.id.into(),
            step: self.step.name()?,
            attempts: self.attempts,
            failed_at: self.failed_at,
            tries: self.tries,
            error: self.error.map(String::from),
            due,
        })
    }
}

impl<'a> From<&'a Paused> for PausedV1<'a> {
    fn from(Paused { step, spent_ms }: &'a Paused) -> Self {
        Self {
            step: step.into(),
            spent_ms: *spent_ms,
        }
    }
}

impl TryFrom<PausedV1<'_>> for Paused {
    type Error = ShapeError;

    fn try_from(shape: PausedV1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            step: shape.step.name()?,
            spent_ms: shape.spent_ms,
        })
    }
}
