//! Status, code and members of the refusals of actions on tasks.

use axum::http::StatusCode;
use stepwell_api::Problem;

use super::kind::{Kind, kind, most, pointer, store, with};
use crate::domain::data::EditError;
use crate::domain::limits;
use crate::engine::ActionError;

/// Of an action that is not done.
pub(super) fn kind_of(error: &ActionError) -> Kind {
    use StatusCode as S;
    match error {
        ActionError::NotFound { .. } => kind(S::NOT_FOUND, "not-found"),
        ActionError::WrongState { state, .. } => with(
            S::CONFLICT,
            "wrong-state",
            Problem {
                state: Some(state.to_string()),
                ..Problem::default()
            },
        ),
        ActionError::Edit { error, .. } => match error {
            EditError::TooLarge(_) => with(
                S::UNPROCESSABLE_ENTITY,
                "too-large",
                most(limits::DATA_BYTES),
            ),
            EditError::Via => with(S::UNPROCESSABLE_ENTITY, "bad-change", pointer("/$via")),
            _ => kind(S::UNPROCESSABLE_ENTITY, "bad-change"),
        },
        ActionError::NoSuchRun { .. } => kind(S::UNPROCESSABLE_ENTITY, "no-such-run"),
        ActionError::TooOften { .. } => kind(S::CONFLICT, "limit-reached"),
        ActionError::Busy { .. } | ActionError::Pauses { .. } | ActionError::Unanswered { .. } => {
            kind(S::SERVICE_UNAVAILABLE, "busy")
        }
        ActionError::FilesFull { most: bytes } => with(
            S::INSUFFICIENT_STORAGE,
            "files-full",
            most(usize::try_from(*bytes).unwrap_or(usize::MAX)),
        ),
        ActionError::NoMemory => kind(S::SERVICE_UNAVAILABLE, "overloaded"),
        ActionError::Store(error) => store(error),
    }
}
