//! What the API says when it refuses: the one place that picks a status. Bodies are problem details
//! (RFC 9457) with a stable `code`.

mod kind;

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use stepwell_api::Problem;
use stepwell_condition::PatternError;

use crate::catalog::CatalogError;
use crate::domain::data::EditError;
use crate::domain::ids::{IdError, TaskId, WorkspaceName};
use crate::domain::limits;
use crate::domain::principal::Scope;
use crate::domain::task::NoSuchState;
use crate::domain::webhook::CorrelationError;
use crate::engine::ActionError;
use crate::ingest::accept::IngestError;
use crate::ingest::body::BodyError;
use crate::ingest::read::ReadError;
use crate::ingest::receive::Refusal;
use crate::sandbox::ComponentError;
use crate::store::StoreError;
use kind::{Kind, kind, most, place, pointer, with};

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No token, or a wrong one.
    #[error(
        "this needs the server's admin token: send `Authorization: Bearer <token>`; the token is in the file `admin-token` of the data directory"
    )]
    Unauthorized,
    /// The principal lacks a scope.
    #[error("`{principal}` may not do this {}: it takes the scope `{scope}`", in_place(.workspace))]
    Forbidden {
        /// What the journal calls it.
        principal: String,
        /// The scope.
        scope: Scope,
        /// Where; `None` on the server itself.
        workspace: Option<WorkspaceName>,
    },
    /// No webhook has this key. It does not say whether one ever had.
    #[error("there is no webhook at this URL; `stepwell webhook list` shows the URLs there are")]
    UnknownWebhook,
    /// No such resource.
    #[error("there is nothing at this path; the API is under /api/v1, webhooks under /event")]
    NoSuchPath,
    /// The path is there, the method is not.
    #[error("this path takes {allowed}")]
    WrongMethod {
        /// The methods that it takes.
        allowed: Cow<'static, str>,
    },
    /// A webhook's request is refused.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The body did not come in.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The API was sent a body that is not what the route takes.
    #[error("the body is not what this takes: {message}")]
    BadBody {
        /// What is wrong.
        message: String,
        /// Where, from 1; 0 if it is not at one place.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// A query or path parameter is wrong.
    #[error("{0}")]
    BadParameter(String),
    /// A name is none.
    #[error(transparent)]
    BadName(#[from] IdError),
    /// A state is none.
    #[error(transparent)]
    BadState(#[from] NoSuchState),
    /// There is no such task.
    #[error("there is no task {task} in workspace `{workspace}`")]
    NoSuchTask {
        /// The task.
        task: TaskId,
        /// The workspace.
        workspace: WorkspaceName,
    },
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A webhook's correlation leads nowhere.
    #[error("`correlate` is wrong: {0}")]
    BadCorrelation(CorrelationError),
    /// A pattern that tasks are to match is not JSON.
    #[error("`where` is not JSON: {message}")]
    PatternNotJson {
        /// What is wrong, with its place.
        message: String,
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// A pattern that tasks are to match is none.
    #[error("`where` is wrong {0}")]
    BadPattern(PatternError),
    /// An action on a task is refused.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not read.
    #[error("what is stored of task {task} does not read: {what}")]
    Damaged {
        /// The task.
        task: TaskId,
        /// Which part.
        what: &'static str,
    },
}

fn in_place(workspace: &Option<WorkspaceName>) -> String {
    match workspace {
        Some(name) => format!("in workspace `{name}`"),
        None => "on the server itself".to_owned(),
    }
}

impl ApiError {
    fn kind(&self) -> Kind {
        use StatusCode as S;
        match self {
            Self::Unauthorized => kind(S::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden { .. } => kind(S::FORBIDDEN, "forbidden"),
            Self::UnknownWebhook => kind(S::NOT_FOUND, "unknown-webhook"),
            Self::NoSuchPath => kind(S::NOT_FOUND, "no-such-path"),
            Self::WrongMethod { .. } => kind(S::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::Ingest(error) => ingest(error),
            Self::Read(error) => read(error),
            Self::BadBody { line: 0, .. } => kind(S::BAD_REQUEST, "bad-body"),
            Self::BadBody { line, column, .. } => {
                with(S::BAD_REQUEST, "bad-body", place(*line, *column))
            }
            Self::BadParameter(_) | Self::BadState(_) => kind(S::BAD_REQUEST, "bad-parameter"),
            Self::BadName(_) => kind(S::BAD_REQUEST, "bad-name"),
            Self::NoSuchTask { .. } => kind(S::NOT_FOUND, "not-found"),
            Self::Catalog(error) => catalog(error),
            Self::BadCorrelation(_) => kind(S::UNPROCESSABLE_ENTITY, "bad-pointer"),
            Self::PatternNotJson { line, column, .. } => {
                with(S::BAD_REQUEST, "bad-pattern", place(*line, *column))
            }
            Self::BadPattern(error) => with(S::BAD_REQUEST, "bad-pattern", pointer(&error.pointer)),
            Self::Action(error) => action(error),
            Self::Store(error) => store(error),
            Self::Damaged { .. } => kind(S::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Read(error) => error.into(),
            Refusal::Ingest(error) => error.into(),
            Refusal::Action(error) => error.into(),
            Refusal::Store(error) => error.into(),
        }
    }
}

fn read(error: &ReadError) -> Kind {
    use StatusCode as S;
    match error {
        ReadError::TooLarge { most: bytes } => {
            with(S::PAYLOAD_TOO_LARGE, "body-too-large", most(*bytes))
        }
        ReadError::Slow { .. } => kind(S::REQUEST_TIMEOUT, "slow-body"),
        ReadError::Broken(_) => kind(S::BAD_REQUEST, "broken-body"),
        ReadError::Overloaded => kind(S::SERVICE_UNAVAILABLE, "overloaded"),
    }
}

fn ingest(error: &IngestError) -> Kind {
    use StatusCode as S;
    match error {
        IngestError::NotJsonType(_) => kind(S::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"),
        IngestError::DataTooLarge(_) => kind(S::PAYLOAD_TOO_LARGE, "body-too-large"),
        IngestError::Body(BodyError::TooDeep { line, column, .. }) => {
            with(S::BAD_REQUEST, "too-deep", place(*line, *column))
        }
        IngestError::Body(BodyError::Empty) => with(S::BAD_REQUEST, "bad-json", place(1, 1)),
        IngestError::Body(BodyError::NotJson { line, column, .. }) => {
            with(S::BAD_REQUEST, "bad-json", place(*line, *column))
        }
        IngestError::Body(BodyError::NotUtf8 {
            offset,
            line,
            column,
        }) => with(
            S::BAD_REQUEST,
            "bad-json",
            Problem {
                offset: Some(*offset as u64),
                ..place(*line, *column)
            },
        ),
    }
}

fn catalog(error: &CatalogError) -> Kind {
    use StatusCode as S;
    match error {
        CatalogError::NotFound { .. } => kind(S::NOT_FOUND, "not-found"),
        CatalogError::Exists { .. } => kind(S::CONFLICT, "exists"),
        CatalogError::Full { .. } => kind(S::CONFLICT, "limit-reached"),
        CatalogError::Permanent { .. } => kind(S::CONFLICT, "permanent"),
        CatalogError::TooLarge { most: bytes, .. }
        | CatalogError::ComponentTooLarge { most: bytes } => {
            with(S::UNPROCESSABLE_ENTITY, "too-large", most(*bytes))
        }
        CatalogError::BadLimit { .. } | CatalogError::Ambiguous { .. } => {
            kind(S::BAD_REQUEST, "bad-parameter")
        }
        CatalogError::FailureUrl(_) => kind(S::UNPROCESSABLE_ENTITY, "bad-url"),
        CatalogError::NoVersion { .. } => kind(S::CONFLICT, "no-version"),
        CatalogError::Component(error) => component(error),
        CatalogError::ConditionNotJson { line, column, .. } => with(
            S::UNPROCESSABLE_ENTITY,
            "bad-condition",
            place(*line, *column),
        ),
        CatalogError::BadCondition(error) => with(
            S::UNPROCESSABLE_ENTITY,
            "bad-condition",
            pointer(&error.pointer),
        ),
        CatalogError::Connector(_) => kind(S::UNPROCESSABLE_ENTITY, "bad-connector"),
        CatalogError::Schedule(error) => with(
            S::UNPROCESSABLE_ENTITY,
            "bad-schedule",
            Problem {
                field: Some(error.field().to_owned()),
                ..Problem::default()
            },
        ),
        CatalogError::Store(error) => store(error),
        CatalogError::Interrupted => kind(S::SERVICE_UNAVAILABLE, "shutting-down"),
        CatalogError::Vault(_) | CatalogError::Damaged(_) => {
            kind(S::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

fn action(error: &ActionError) -> Kind {
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
        ActionError::Busy { .. } | ActionError::Pauses { .. } => {
            kind(S::SERVICE_UNAVAILABLE, "busy")
        }
        ActionError::Store(error) => store(error),
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
            with(unprocessable, "foreign-import", members)
        }
        ComponentError::NotAStep(_) => kind(unprocessable, "missing-export"),
        ComponentError::Condition { logs, .. } => {
            let members = Problem {
                logs: Some(logs.clone()),
                ..Problem::default()
            };
            with(unprocessable, "condition-failed", members)
        }
        ComponentError::Script(_) => kind(unprocessable, "bad-script"),
        ComponentError::TooManyParts { .. } => kind(unprocessable, "too-many-parts"),
        ComponentError::Compile(_) => kind(unprocessable, "compile-failed"),
        ComponentError::Host(_) => kind(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

fn store(error: &StoreError) -> Kind {
    let code = match error {
        StoreError::Closed => "shutting-down",
        StoreError::Full => "storage-full",
        StoreError::Failed => "storage-failed",
        StoreError::Erasing(_) => return kind(StatusCode::CONFLICT, "being-erased"),
        StoreError::Unavailable { .. } | StoreError::Fenced { .. } | StoreError::Revised { .. } => {
            "storage-unavailable"
        }
        StoreError::NotFound(_)
        | StoreError::Conflict { .. }
        | StoreError::Taken { .. }
        | StoreError::TooMany { .. }
        | StoreError::Refused(_)
        | StoreError::NewerValue { .. }
        | StoreError::Damaged(_) => return kind(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    kind(StatusCode::SERVICE_UNAVAILABLE, code)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let Kind { status, problem } = self.kind();
        let code = problem.code.clone();
        let mut incident = None;
        let detail = if status == StatusCode::INTERNAL_SERVER_ERROR || code == "storage-unavailable"
        {
            // What went wrong inside is the operator's to know.
            let id = uuid::Uuid::now_v7().to_string();
            tracing::error!(incident = id, error = %self, "a request failed");
            let detail = format!("the server failed; its log says why, under incident {id}");
            incident = Some(id);
            detail
        } else if code == "shutting-down" {
            "the server is going down; try again when it is back".to_owned()
        } else {
            self.to_string()
        };
        let problem = Problem {
            r#type: format!("urn:stepwell:problem:{code}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail,
            incident,
            ..problem
        };
        let mut response =
            Response::new(Body::from(serde_json::to_vec(&problem).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match (&self, status) {
            (Self::WrongMethod { allowed }, _) => {
                if let Ok(allowed) = HeaderValue::try_from(&**allowed) {
                    headers.insert(ALLOW, allowed);
                }
            }
            (_, StatusCode::UNAUTHORIZED) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            (_, StatusCode::SERVICE_UNAVAILABLE) => {
                // Room is made by people.
                let after = if code == "storage-full" { "10" } else { "1" };
                headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests;
