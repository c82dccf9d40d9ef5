//! Status, code and members for a refused action on a task.

use axum::http::StatusCode;
use stepwell_api::Problem;

use super::kind::{Kind, at_pointer, kind, kind_with, max_bytes, store_kind};
use crate::domain::data::EditError;
use crate::domain::limits;
use crate::engine::ActionError;

/// Status, code and members for a refused action.
pub(super) fn kind_of(error: &ActionError) -> Kind {
    use StatusCode as S;
    match error {
        ActionError::NotFound { .. } => kind(S::NOT_FOUND, "not-found"),
        ActionError::WrongState { state, .. } => kind_with(
            S::CONFLICT,
            "wrong-state",
            Problem {
                state: Some(state.to_string()),
                ..Problem::default()
            },
        ),
        ActionError::Edit { error, .. } => match error {
            EditError::TooLarge(_) => kind_with(
                S::UNPROCESSABLE_ENTITY,
                "too-large",
                max_bytes(limits::DATA_BYTES),
            ),
            EditError::ViaReadOnly => {
                kind_with(S::UNPROCESSABLE_ENTITY, "bad-change", at_pointer("/$via"))
            }
            _ => kind(S::UNPROCESSABLE_ENTITY, "bad-change"),
        },
        ActionError::NoSuchRun { .. } => kind(S::UNPROCESSABLE_ENTITY, "no-such-run"),
        ActionError::TooManyMoves { .. } => kind(S::CONFLICT, "limit-reached"),
        ActionError::Busy { .. }
        | ActionError::PausedUntil { .. }
        | ActionError::Unanswered { .. } => kind(S::SERVICE_UNAVAILABLE, "busy"),
        ActionError::FilesFull { most } => kind_with(
            S::INSUFFICIENT_STORAGE,
            "files-full",
            max_bytes(usize::try_from(*most).unwrap_or(usize::MAX)),
        ),
        ActionError::NoMemory => kind(S::SERVICE_UNAVAILABLE, "overloaded"),
        ActionError::Store(error) => store_kind(error),
    }
}
