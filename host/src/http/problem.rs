//! Errors of the API: the one place that picks a status. Bodies are problem details
//! (RFC 9457) with a stable `code`.

mod action;
mod ingest;
mod kind;
mod reply;
mod setup;

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use stepwell_api::Problem;
use stepwell_condition::PatternError;

use crate::catalog::CatalogError;
use crate::domain::authentication::AuthenticationError;
use crate::domain::dedup::DedupError;
use crate::domain::delivery::Verdict;
use crate::domain::ids::{IdError, TaskId, WorkspaceName};
use crate::domain::intake::IntakeError;
use crate::domain::limits;
use crate::domain::principal::Scope;
use crate::domain::reply::ReplyError;
use crate::domain::task::NoSuchState;
use crate::domain::webhook::CorrelationError;
use crate::engine::ActionError;
use crate::ingest::accept::IngestError;
use crate::ingest::decode::ACCEPTED;
use crate::ingest::limits::LimitError;
use crate::ingest::read::ReadError;
use crate::ingest::receive::Refusal;
use crate::ingest::upload::UploadError;
use crate::ingest::verify::VerifyError;
use crate::store::StoreError;
use crate::vault::links::LinkError;
use kind::{Kind, at_pointer, at_position, kind, kind_with, store_kind};
pub use reply::NoReply;

/// An extension of every answer that is a refusal: its code.
#[derive(Debug, Clone)]
pub(super) struct Refused(pub(super) String);

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No token, or one that is wrong, has expired or was revoked.
    #[error(
        "this needs a valid token: send `Authorization: Bearer <token>`; `stepwell token add` makes one, and the admin token is in the file `admin-token` of the data directory"
    )]
    Unauthorized,
    /// Too many wrong tokens at once.
    #[error("too many requests with wrong tokens; check the token, and try again in a minute")]
    TooManyAttempts,
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
    /// The server has TLS, and the connection has not.
    #[error("this server speaks HTTPS: begin the URL with `https://`")]
    TlsRequired,
    /// No webhook has this key. It does not say whether one ever had.
    #[error("there is no webhook at this URL; `stepwell webhook list` shows the URLs there are")]
    UnknownWebhook,
    /// The webhook is disabled.
    #[error(
        "this webhook is disabled; send again when its owner has enabled it with `stepwell webhook enable`"
    )]
    WebhookDisabled,
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
    /// More came than is taken.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The body did not come in.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A form with files is refused.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A link to a file leads nowhere.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The file of a link is gone.
    #[error("the file is not there any more; files are removed with their tasks")]
    NoSuchFile,
    /// No server has this number.
    #[error("there is no server `{0}` that runs; `stepwell node list` shows which there are")]
    NoSuchNode(String),
    /// No other server could take what it has.
    #[error("server {0} is the last one that takes tasks; start another one first")]
    LastNode(u64),
    /// A range that the file does not have.
    #[error("the file has {0} bytes, and the range begins behind them")]
    NoSuchRange(u64),
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
    /// Nothing vouches for a webhook's request.
    #[error(transparent)]
    Verify(#[from] VerifyError),
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
    /// There is no such delivery, or not any more.
    #[error(
        "there is no delivery {delivery} in workspace `{workspace}`; those that became no task are recorded for {days} days",
        days = limits::DELIVERY_DAYS
    )]
    NoSuchDelivery {
        /// The delivery.
        delivery: TaskId,
        /// The workspace.
        workspace: WorkspaceName,
    },
    /// A webhook whose provider's requests cannot be signed here.
    #[error("there is no sample for this webhook: {0}")]
    NoSample(String),
    /// A delivery of which there is nothing to be sent again.
    #[error("delivery {delivery} cannot be sent again: {reason}")]
    NoBody {
        /// The delivery.
        delivery: TaskId,
        /// What is missing, and what can be done.
        reason: String,
    },
    /// There is no such provider.
    #[error(transparent)]
    NoSuchProvider(AuthenticationError),
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A webhook's correlation leads nowhere.
    #[error("`correlate` is wrong: {0}")]
    BadCorrelation(CorrelationError),
    /// A webhook cannot have these methods or header fields.
    #[error("`{field}` is wrong: {0}", field = .0.field())]
    BadIntake(#[from] IntakeError),
    /// A webhook cannot reply so.
    #[error("`{field}` is wrong: {0}", field = .0.field())]
    BadReply(#[from] ReplyError),
    /// A webhook's dedup rule is none.
    #[error("`dedup` is wrong: {0}")]
    BadDedup(DedupError),
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
    /// A sender gets no result of its task.
    #[error(transparent)]
    Reply(#[from] NoReply),
    /// The stored value cannot be read.
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
            Self::TooManyAttempts => kind(S::TOO_MANY_REQUESTS, "too-many-attempts"),
            Self::Forbidden { .. } => kind(S::FORBIDDEN, "forbidden"),
            Self::UnknownWebhook => kind(S::NOT_FOUND, "unknown-webhook"),
            Self::WebhookDisabled => kind(S::SERVICE_UNAVAILABLE, "webhook-disabled"),
            Self::TlsRequired => kind(S::BAD_REQUEST, "tls-required"),
            Self::NoSuchPath => kind(S::NOT_FOUND, "no-such-path"),
            Self::WrongMethod { .. } => kind(S::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::Ingest(error) => ingest::kind_of(error),
            Self::Limit(LimitError::Rate { .. }) => kind(S::TOO_MANY_REQUESTS, "rate-limited"),
            Self::Limit(LimitError::AtOnce { .. }) => {
                kind(S::TOO_MANY_REQUESTS, "too-many-at-once")
            }
            Self::Read(error) => ingest::read(error),
            Self::Upload(error) => ingest::upload(error),
            Self::Link(_) => kind(S::FORBIDDEN, "link-refused"),
            Self::NoSuchFile | Self::NoSuchNode(_) => kind(S::NOT_FOUND, "not-found"),
            Self::LastNode(_) => kind(S::CONFLICT, "last-node"),
            Self::NoSuchRange(_) => kind(S::RANGE_NOT_SATISFIABLE, "bad-range"),
            Self::Verify(error) => ingest::verify(error),
            Self::BadBody { line: 0, .. } => kind(S::BAD_REQUEST, "bad-body"),
            Self::BadBody { line, column, .. } => {
                kind_with(S::BAD_REQUEST, "bad-body", at_position(*line, *column))
            }
            Self::BadParameter(_) | Self::BadState(_) => kind(S::BAD_REQUEST, "bad-parameter"),
            Self::BadName(_) => kind(S::BAD_REQUEST, "bad-name"),
            Self::NoSuchProvider(_) => kind(S::NOT_FOUND, "not-found"),
            Self::NoSample(_) => kind(S::CONFLICT, "no-sample"),
            Self::NoBody { .. } => kind(S::CONFLICT, "no-body"),
            Self::NoSuchDelivery { .. } => kind(S::NOT_FOUND, "not-found"),
            Self::NoSuchTask { .. } => kind(S::NOT_FOUND, "not-found"),
            Self::Catalog(error) => setup::catalog(error),
            Self::BadCorrelation(_) => kind(S::UNPROCESSABLE_ENTITY, "bad-pointer"),
            Self::BadDedup(_) => kind(S::UNPROCESSABLE_ENTITY, "bad-dedup"),
            Self::BadIntake(error) => setup::webhook(error.field()),
            Self::BadReply(error) => setup::webhook(error.field()),
            Self::PatternNotJson { line, column, .. } => {
                kind_with(S::BAD_REQUEST, "bad-pattern", at_position(*line, *column))
            }
            Self::BadPattern(error) => {
                kind_with(S::BAD_REQUEST, "bad-pattern", at_pointer(&error.pointer))
            }
            Self::Action(error) => action::kind_of(error),
            Self::Store(error) => store_kind(error),
            Self::Reply(error) => reply::kind_of(error),
            Self::Damaged { .. } => kind(S::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

/// The most characters of a refusal's reason that are recorded.
const DETAIL: usize = 1_000;

impl ApiError {
    /// The verdict on a delivery that is refused so.
    pub(super) fn verdict(&self) -> Verdict {
        let Kind { status, problem } = self.kind();
        let is_inside = is_inside(&problem.code);
        Verdict::Refused {
            status: status.as_u16(),
            detail: match (is_inside, &*problem.detail) {
                (true, "") => "the server failed; its log says why".to_owned(),
                (true, said) => said.to_owned(),
                (false, _) => self.to_string().chars().take(DETAIL).collect(),
            },
            code: problem.code,
        }
    }
}

/// Whether the reason of a refusal is for the operator only.
fn is_inside(code: &str) -> bool {
    matches!(code, "internal" | "storage-unavailable")
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Limit(error) => error.into(),
            Refusal::Read(error) => error.into(),
            Refusal::Upload(error) => error.into(),
            Refusal::Verify(error) => error.into(),
            Refusal::Ingest(error) => error.into(),
            Refusal::Action(error) => error.into(),
            Refusal::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let Kind { status, problem } = self.kind();
        let code = problem.code.clone();
        let mut incident = None;
        let detail = if is_inside(&code) {
            // What went wrong inside is the operator's to know.
            let id = uuid::Uuid::now_v7().to_string();
            // What passes by itself asks nothing of the operator.
            match code == "internal" {
                true => tracing::error!(incident = id, error = %self, "a request failed"),
                false => tracing::warn!(incident = id, error = %self, "a request failed"),
            }
            let what = match &*problem.detail {
                "" => "the server failed",
                said => said,
            };
            let detail = format!("{what}; the server's log says why, under incident {id}");
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
        response.extensions_mut().insert(Refused(code.clone()));
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
            (Self::Limit(error), _) => ingest::limit_headers(error, headers),
            (_, StatusCode::UNSUPPORTED_MEDIA_TYPE) if code == "unsupported-encoding" => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
            }
            (error, StatusCode::UNAUTHORIZED) => {
                let scheme = match error {
                    Self::Verify(VerifyError::Refused { scheme, .. }) => scheme,
                    _ => "Bearer",
                };
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            }
            (_, StatusCode::TOO_MANY_REQUESTS) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
            }
            (_, StatusCode::SERVICE_UNAVAILABLE) => {
                let after = match &*code {
                    // A person has to act.
                    "webhook-disabled" => "300",
                    "storage-full" | "key-unavailable" | "confirmation-failed" => "10",
                    _ => "1",
                };
                headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests;
