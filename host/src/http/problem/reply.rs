//! Answers to a sender that gets no result of its task.

use axum::http::StatusCode;

use super::kind::{Kind, kind};
use crate::domain::ids::TaskId;

/// Why a sender gets no result of its task. It is a stranger: what went wrong is not told.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// The task ended in error.
    #[error(
        "the task {0}, which this request became, has failed; the webhook's owner sees why with `stepwell task show {0}`"
    )]
    TaskFailed(TaskId),
    /// The task was cancelled.
    #[error("the task {0}, which this request became, was cancelled by the webhook's owner")]
    TaskCancelled(TaskId),
    /// The link is none, or its task was removed.
    #[error("there is no reply at this link, or not any more")]
    NoSuchReply,
}

/// Of a sender that gets no result.
pub(super) fn kind_of(error: &NoReply) -> Kind {
    match error {
        NoReply::TaskFailed(_) => kind(StatusCode::INTERNAL_SERVER_ERROR, "task-failed"),
        NoReply::TaskCancelled(_) => kind(StatusCode::CONFLICT, "task-cancelled"),
        NoReply::NoSuchReply => kind(StatusCode::NOT_FOUND, "no-such-reply"),
    }
}
