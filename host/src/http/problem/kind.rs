//! The machine-readable part of a refusal: its status, its code, and further members.

use axum::http::StatusCode;
use stepwell_api::Problem;

use crate::store::StoreError;

/// The members of a refusal beside its text.
pub(super) struct Kind {
    pub(super) status: StatusCode,
    /// With the code, and the members that only some refusals have.
    pub(super) problem: Problem,
}

pub(super) fn kind(status: StatusCode, code: &str) -> Kind {
    kind_with(status, code, Problem::default())
}

/// A refusal with members that only some have.
pub(super) fn kind_with(status: StatusCode, code: &str, members: Problem) -> Kind {
    Kind {
        status,
        problem: Problem {
            code: code.to_owned(),
            ..members
        },
    }
}

/// The line of the error, from 1.
pub(super) fn at_position(line: usize, column: usize) -> Problem {
    Problem {
        line: Some(line as u64),
        column: Some(column as u64),
        ..Problem::default()
    }
}

/// A place in a document (RFC 6901).
pub(super) fn at_pointer(pointer: &str) -> Problem {
    Problem {
        pointer: Some(pointer.to_owned()),
        ..Problem::default()
    }
}

/// The member that is wrong.
pub(super) fn field(name: &str) -> Problem {
    Problem {
        field: Some(name.to_owned()),
        ..Problem::default()
    }
}

/// The most that is taken, in bytes.
pub(super) fn max_bytes(most: usize) -> Problem {
    Problem {
        most: Some(most as u64),
        ..Problem::default()
    }
}

/// The store does not do it now. `detail` is for who asked; the reason is the operator's.
fn unavailable(detail: &str) -> Kind {
    let members = Problem {
        detail: detail.to_owned(),
        ..Problem::default()
    };
    kind_with(
        StatusCode::SERVICE_UNAVAILABLE,
        "storage-unavailable",
        members,
    )
}

/// Status, code and members for an error of the store.
pub(super) fn store_kind(error: &StoreError) -> Kind {
    let code = match error {
        StoreError::Closed => "shutting-down",
        StoreError::Full | StoreError::Undecided => "storage-full",
        StoreError::Failed => "storage-failed",
        StoreError::Erasing(_) => return kind(StatusCode::CONFLICT, "being-erased"),
        StoreError::Unavailable { .. } => {
            return unavailable("the store is not available now; try again in a moment");
        }
        StoreError::Fenced { .. } => {
            return unavailable("another server has the task, or gets it just now; try again");
        }
        StoreError::Revised { .. } => {
            return unavailable("the setup was changed meanwhile; try again");
        }
        // The caller has to know, not only the operator.
        StoreError::InDoubt => return unavailable(&error.to_string()),
        StoreError::NotFound(_)
        | StoreError::Conflict { .. }
        | StoreError::Duplicate { .. }
        | StoreError::Taken { .. }
        | StoreError::TooMany { .. }
        | StoreError::SetupTooLarge { .. }
        | StoreError::Refused(_)
        | StoreError::NewerValue { .. }
        | StoreError::Damaged(_) => return kind(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    kind(StatusCode::SERVICE_UNAVAILABLE, code)
}
