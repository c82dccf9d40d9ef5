//! Answers to senders whose requests were accepted: the reply of their webhook, or the result of their task.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use stepwell_api::{EndedTask, PendingReply};

use super::Api;
use super::api::{json, tasks::held};
use super::cors;
use super::problem::{ApiError, NoReply};
use super::sender::Sender;
use crate::catalog::LiveWebhook;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::reply::HttpReply;
use crate::domain::task::TaskState;
use crate::ingest::reply::Outcome;

/// The path of a task's reply, as the list of routes has it.
pub(super) const PATH: &str = "/reply/{link}";
/// What it begins with; the link's secret part follows.
const PREFIX: &str = "/reply/";
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Whether a request is a plain HTML form that a browser sent: it shows the answer as a page. Scripts of pages and
/// other programs are no such senders.
pub(super) fn is_form_of_browser(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media = text(CONTENT_TYPE).and_then(|media| media.split(';').next());
    let media = media.unwrap_or_default().trim();
    let is_form = ["application/x-www-form-urlencoded", "multipart/form-data"]
        .iter()
        .any(|form| media.eq_ignore_ascii_case(form));
    is_form
        && match text(SEC_FETCH_MODE) {
            Some(mode) => mode == "navigate",
            // Browsers of before 2023 send none.
            None => text(ACCEPT).is_some_and(|accept| accept.contains("text/html")),
        }
}

/// Leads a browser to a URL.
pub(super) fn see_other(url: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    insert(&mut response, LOCATION, url);
    insert(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// The response that a webhook's owner or a step has written. Its page, if it is one, is none of this server's origin: it runs no
/// script, and reads nothing that is the server's.
pub(super) fn fixed_response(reply: &HttpReply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    for (name, value) in &reply.headers {
        if let Ok(name) = HeaderName::try_from(name) {
            insert(&mut response, name, value);
        }
    }
    insert(&mut response, CONTENT_SECURITY_POLICY, "sandbox");
    insert(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    if reply.header("cache-control").is_none() {
        insert(&mut response, CACHE_CONTROL, "no-store");
    }
    response
}

/// The response to a sender that waits for the result of its task, `seconds` at most; then one with a link to it.
pub(super) async fn response_when_done(
    api: &Api,
    webhook: &LiveWebhook,
    task: TaskId,
    seconds: u32,
    sender: Sender,
) -> Result<Response<Body>, ApiError> {
    let time = Duration::from_secs(seconds.into());
    let workspace = &webhook.workspace;
    let waited = api.replies.wait(workspace, task, time, sender.left());
    // Its task is durable: a store that cannot be read now is no refusal.
    match waited.await.unwrap_or(Outcome::Pending) {
        Outcome::Gone => Err(ApiError::UnknownWebhook),
        outcome => answer(api, workspace, task, outcome),
    }
}

/// `GET /reply/{link}`: what the sender who has the link would be answered now.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some((workspace, task)) = api.catalog.linked_reply(&link) else {
        return ApiError::from(NoReply::NoSuchReply).into_response();
    };
    let (outcome, webhook) = match api.replies.look(&workspace, task).await {
        Ok(looked) => looked,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let answer = answer(&api, &workspace, task, outcome);
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    let webhook = webhook.and_then(|name| api.catalog.webhook(&workspace, name.as_str()).ok());
    if let Some(webhook) = webhook {
        let origins = &webhook.replies.origins;
        cors::allow(origins, &headers, response.headers_mut());
    }
    response
}

fn answer(
    api: &Api,
    workspace: &WorkspaceName,
    task: TaskId,
    outcome: Outcome,
) -> Result<Response<Body>, ApiError> {
    let mut response = match outcome {
        Outcome::Given(given) => return Ok(fixed_response(&given.reply)),
        // Without memory for it, it is read later.
        Outcome::Result(text) => match held(api, workspace, text.into_bytes()) {
            Ok(response) => response,
            Err(_) => pending(api, workspace, task)?,
        },
        Outcome::Ended(TaskState::Error) => return Err(NoReply::TaskFailed(task).into()),
        Outcome::Ended(TaskState::Cancelled) => return Err(NoReply::TaskCancelled(task).into()),
        Outcome::Ended(state) => json(
            StatusCode::OK,
            &EndedTask {
                task: task.to_string(),
                state: state.as_str().into(),
            },
        ),
        Outcome::Pending => pending(api, workspace, task)?,
        Outcome::Gone => return Err(NoReply::NoSuchReply.into()),
    };
    insert(&mut response, CACHE_CONTROL, "no-store");
    insert(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(response)
}

/// The answer with the link.
fn pending(api: &Api, workspace: &WorkspaceName, task: TaskId) -> Result<Response<Body>, ApiError> {
    let link = api.catalog.reply_link(workspace, task)?;
    let url = format!("{}{PREFIX}{link}", api.base_url);
    let body = PendingReply {
        task: task.to_string(),
        status_url: url.clone(),
    };
    let mut response = json(StatusCode::ACCEPTED, &body);
    insert(&mut response, LOCATION, &url);
    insert(&mut response, RETRY_AFTER, "1");
    Ok(response)
}

/// Sets a header field whose value was checked when it was set.
fn insert(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}
