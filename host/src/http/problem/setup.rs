//! Refusals of changes to what tenants set up.

use axum::http::StatusCode;
use stepwell_api::Problem;

use super::kind::{Kind, at_pointer, at_position, field, kind, kind_with, max_bytes, store_kind};
use crate::catalog::{BadSchema, CatalogError};
use crate::sandbox::ComponentError;

/// Of a webhook's settings; with the member that is wrong.
pub(super) fn webhook(member: &str) -> Kind {
    let field = field(member);
    kind_with(StatusCode::UNPROCESSABLE_ENTITY, "bad-webhook", field)
}

/// Of the catalog.
pub(super) fn catalog(error: &CatalogError) -> Kind {
    use StatusCode as S;
    match error {
        CatalogError::NotFound { .. } | CatalogError::NoSuchVersion { .. } => {
            kind(S::NOT_FOUND, "not-found")
        }
        CatalogError::Exists { .. } => kind(S::CONFLICT, "exists"),
        CatalogError::Full { .. }
        | CatalogError::ConditionsTooLarge { .. }
        | CatalogError::SetupTooLarge { .. } => kind(S::CONFLICT, "limit-reached"),
        CatalogError::ConditionTooLarge { .. } => kind(S::UNPROCESSABLE_ENTITY, "bad-condition"),
        CatalogError::Permanent { .. } => kind(S::CONFLICT, "permanent"),
        CatalogError::TooLarge { most: bytes, .. }
        | CatalogError::ComponentTooLarge { most: bytes } => {
            kind_with(S::UNPROCESSABLE_ENTITY, "too-large", max_bytes(*bytes))
        }
        CatalogError::BadLimit { .. } | CatalogError::Ambiguous { .. } => {
            kind(S::BAD_REQUEST, "bad-parameter")
        }
        CatalogError::FailureUrl(_) => kind(S::UNPROCESSABLE_ENTITY, "bad-url"),
        CatalogError::NoVersion { .. } => kind(S::CONFLICT, "no-version"),
        CatalogError::Component(error) => component(error),
        CatalogError::ConditionNotJson { line, column, .. } => kind_with(
            S::UNPROCESSABLE_ENTITY,
            "bad-condition",
            at_position(*line, *column),
        ),
        CatalogError::BadCondition(error) => kind_with(
            S::UNPROCESSABLE_ENTITY,
            "bad-condition",
            at_pointer(&error.pointer),
        ),
        CatalogError::Schema(error) => schema(error),
        CatalogError::Connector(_) => kind(S::UNPROCESSABLE_ENTITY, "bad-connector"),
        CatalogError::Authentication(error) => kind_with(
            S::UNPROCESSABLE_ENTITY,
            "bad-authentication",
            field(error.field()),
        ),
        CatalogError::Token(error) => {
            kind_with(S::UNPROCESSABLE_ENTITY, "bad-token", field(error.field()))
        }
        CatalogError::Schedule(error) => kind_with(
            S::UNPROCESSABLE_ENTITY,
            "bad-schedule",
            field(error.field()),
        ),
        CatalogError::Store(error) => store_kind(error),
        CatalogError::NoMemory(_) => kind(S::SERVICE_UNAVAILABLE, "overloaded"),
        CatalogError::Interrupted => kind(S::SERVICE_UNAVAILABLE, "shutting-down"),
        CatalogError::Vault(_) | CatalogError::Damaged(_) => {
            kind(S::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

fn schema(error: &BadSchema) -> Kind {
    match error {
        BadSchema::Wrong(error) => kind_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad-schema",
            at_pointer(&error.pointer),
        ),
        BadSchema::Setting(_) => webhook("on_mismatch"),
        BadSchema::TooMuch { .. } => kind(StatusCode::CONFLICT, "limit-reached"),
    }
}

fn component(error: &ComponentError) -> Kind {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    match error {
        ComponentError::NotAComponent(_) => kind(unprocessable, "not-a-component"),
        ComponentError::ForeignImport { import, .. } => {
            let members = Problem {
                import: Some(import.clone()),
                ..Problem::default()
            };
            kind_with(unprocessable, "foreign-import", members)
        }
        ComponentError::NotAStep(_) => kind(unprocessable, "missing-export"),
        ComponentError::Condition { logs, .. } => {
            let members = Problem {
                logs: Some(logs.clone()),
                ..Problem::default()
            };
            kind_with(unprocessable, "condition-failed", members)
        }
        ComponentError::Script(_) => kind(unprocessable, "bad-script"),
        ComponentError::TooManyParts { .. } | ComponentError::TooMuchMemory { .. } => {
            kind(unprocessable, "too-many-parts")
        }
        ComponentError::Compile(_) => kind(unprocessable, "compile-failed"),
        ComponentError::Host(_) => kind(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}
