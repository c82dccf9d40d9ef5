//! `/event/{key}`: HTTP's side of [`Ingest::receive`](crate::ingest::receive::Ingest::receive).

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, USER_AGENT, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use stepwell_api::AcceptedTasks;
use stepwell_signature::Answer;

use super::drain::drain;
use super::problem::ApiError;
use super::reply::{fixed_response, is_form_of_browser, response_when_done, see_other};
use super::sender::Sender;
use super::{Api, cors};
use crate::catalog::LiveWebhook;
use crate::domain::delivery::Verdict;
use crate::domain::intake::Methods;
use crate::domain::reply::ReplyRule;
use crate::engine::ActionError;
use crate::ingest::receive::{AcceptedTaskIds, Head, Received, Refusal, Reply};
use crate::ingest::verify::is_challenged_by_get;
use crate::store::StoreError;

/// What the path of an event begins with; the webhook's key follows.
const PREFIX: &str = "/event/";
/// The path as the list of routes has it.
pub(super) const PATH: &str = "/event/{key}";
/// The same for the router: all that follows is the key, so that a slash behind it is no other path.
pub(super) const PATTERN: &str = "/event/{*key}";

/// The key in the path of an event, as it was sent: see `find`.
pub(super) fn key(path: &str) -> Option<&str> {
    let key = path.strip_prefix(PREFIX);
    key.filter(|key| !key.is_empty())
}

/// Answers a request to `/event/{key}`.
pub(super) async fn event(api: &Api, sender: Sender, request: Request<Incoming>) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let found = match find(api, key(head.uri.path()).unwrap_or_default()).await {
        Ok(Some(found)) => found,
        unknown => {
            drain(&head.headers, &mut body).await;
            return unknown.map_or_else(IntoResponse::into_response, |_| {
                api.deliveries.count_unknown();
                ApiError::UnknownWebhook.into_response()
            });
        }
    };
    let webhook = &*found.0;
    let found = (webhook, found.1);
    let outcome = match receive_and_record(api, found, sender.ip, &head, &mut body).await {
        Ok(Outcome::Received(Received::Tasks(reply))) => {
            accepted_response(api, webhook, sender, &head.headers, reply).await
        }
        Ok(Outcome::Received(Received::Challenge(answer))) => Ok(challenge_response(answer)),
        Ok(Outcome::Methods(methods)) => {
            drain(&head.headers, &mut body).await;
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            if let Ok(methods) = HeaderValue::try_from(methods) {
                response.headers_mut().insert(ALLOW, methods);
            }
            Ok(response)
        }
        Ok(Outcome::Preflight) => {
            drain(&head.headers, &mut body).await;
            Ok(cors::preflight(webhook, &head.headers))
        }
        Err(refusal) => {
            drain(&head.headers, &mut body).await;
            Err(refusal)
        }
    };
    let mut response = outcome.unwrap_or_else(IntoResponse::into_response);
    let origins = &webhook.replies.origins;
    cors::allow(origins, &head.headers, response.headers_mut());
    response
}

/// The response to a request that was accepted: what its webhook says, or its tasks.
async fn accepted_response(
    api: &Api,
    webhook: &LiveWebhook,
    sender: Sender,
    headers: &HeaderMap,
    reply: Reply,
) -> Result<Response<Body>, ApiError> {
    if !reply.pace.is_zero() {
        tokio::time::sleep(reply.pace).await;
    }
    let rules = &webhook.replies;
    if let Some(url) = &rules.redirect
        && is_form_of_browser(headers)
    {
        return Ok(see_other(url));
    }
    match (&rules.rule, &reply.accepted) {
        (ReplyRule::Fixed(fixed), _) => Ok(fixed_response(fixed)),
        (ReplyRule::Wait { seconds }, AcceptedTaskIds::One(task)) if !reply.merged => {
            response_when_done(api, webhook, *task, *seconds, sender).await
        }
        _ => {
            let text = accepted_json(&reply.accepted, reply.duplicate);
            let mut response = Response::new(Body::from(text));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(response)
        }
    }
}

/// What came of a request that is not refused.
enum Outcome {
    /// The methods that the webhook accepts. No task is made.
    Methods(String),
    /// The CORS preflight that a browser sends before a page sends. No task is made.
    Preflight,
    /// See [`Received`].
    Received(Received),
}

/// The ids of the tasks as JSON text, which the sender gets.
fn accepted_json(accepted: &AcceptedTaskIds, duplicate: bool) -> String {
    match accepted {
        AcceptedTaskIds::One(task) if duplicate => {
            format!("{{\"task\":\"{task}\",\"duplicate\":true}}")
        }
        AcceptedTaskIds::One(task) => format!("{{\"task\":\"{task}\"}}"),
        AcceptedTaskIds::Many(tasks) => {
            let tasks = tasks.iter().map(ToString::to_string).collect();
            serde_json::to_string(&AcceptedTasks { tasks }).unwrap_or_default()
        }
    }
}

/// The response to a sender's challenge. It repeats what a stranger wrote, so no browser may guess its type.
fn challenge_response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    for (name, value) in [
        (CONTENT_TYPE, answer.content_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Receives a request, and records it in the log of deliveries if no task says what came of it. The webhook was found at
/// revision `known` of the setup or later.
async fn receive_and_record(
    api: &Api,
    (webhook, known): (&LiveWebhook, u64),
    ip: IpAddr,
    head: &axum::http::request::Parts,
    body: &mut Incoming,
) -> Result<Outcome, ApiError> {
    let user_agent = text(&head.headers, USER_AGENT);
    let content_type = text(&head.headers, CONTENT_TYPE);
    let head = Head {
        method: head.method.as_str(),
        ip,
        user_agent: user_agent.as_deref(),
        content_type: content_type.as_deref(),
        query: head.uri.query(),
        target: head
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str()),
        headers: &head.headers,
    };
    let mut read_body = None;
    let outcome = dispatch(api, webhook, head, body, &mut read_body).await;
    if let Some(verdict) = verdict(&outcome) {
        let read_body = read_body.as_ref();
        let webhook = (webhook, known);
        api.deliveries.record(webhook, &head, verdict, read_body);
    }
    outcome
}

/// Answers a preflight, and a method that makes no task; hands every other request that the webhook accepts to
/// [`Ingest::receive`](crate::ingest::receive::Ingest::receive).
async fn dispatch(
    api: &Api,
    webhook: &LiveWebhook,
    head: Head<'_>,
    body: &mut Incoming,
    read_body: &mut Option<Bytes>,
) -> Result<Outcome, ApiError> {
    if cors::is_preflight(webhook, head.method, head.headers) {
        return Ok(Outcome::Preflight);
    }
    if webhook.is_disabled {
        return Err(ApiError::WebhookDisabled);
    }
    if webhook.intake.methods.has(head.method) {
        if !Methods::makes_task(head.method) {
            return Ok(Outcome::Methods(allowed(webhook)));
        }
    } else {
        let is_get = matches!(head.method, "GET" | "HEAD");
        if !is_get || !is_challenged_by_get(webhook.verifier.as_ref()) {
            let allowed = allowed(webhook).into();
            return Err(ApiError::WrongMethod { allowed });
        }
    }
    match api.ingest.receive(webhook, head, body, read_body).await {
        // Its workspace was deleted meanwhile.
        Err(
            Refusal::Store(StoreError::Erasing(_))
            | Refusal::Action(ActionError::Store(StoreError::Erasing(_))),
        ) => Err(ApiError::UnknownWebhook),
        received => Ok(Outcome::Received(received?)),
    }
}

/// What the log of deliveries records of an outcome; nothing if its tasks say it.
fn verdict(outcome: &Result<Outcome, ApiError>) -> Option<Verdict> {
    match outcome {
        Err(ApiError::UnknownWebhook) => None,
        Err(refusal) => Some(refusal.verdict()),
        Ok(Outcome::Methods(_) | Outcome::Preflight) => None,
        Ok(Outcome::Received(Received::Challenge(_))) => Some(Verdict::Challenged),
        Ok(Outcome::Received(Received::Tasks(reply))) => match &reply.accepted {
            AcceptedTaskIds::One(task) if reply.duplicate => {
                Some(Verdict::Duplicate { task: *task })
            }
            AcceptedTaskIds::One(task) if reply.merged => Some(Verdict::Merged { task: *task }),
            AcceptedTaskIds::One(_) | AcceptedTaskIds::Many(_) => None,
        },
    }
}

/// The webhook of a path's key, and a revision of the setup from before it was found. Some senders percent-encode letters of the
/// key, or append a slash.
async fn find(api: &Api, key: &str) -> Result<Option<(Arc<LiveWebhook>, u64)>, ApiError> {
    let look_up = |key: &str| {
        let known = api.catalog.revision();
        let webhook = api.catalog.webhook_by_key(key)?;
        Some((webhook, known))
    };
    if let Some(found) = look_up(key) {
        return Ok(Some(found));
    }
    let key = percent_decode_str(key).decode_utf8_lossy();
    let key = key.strip_suffix('/').unwrap_or(&key);
    if let Some(found) = look_up(key) {
        return Ok(Some(found));
    }
    // Another node may have added it a moment ago.
    api.catalog.refresh().await?;
    Ok(look_up(key))
}

/// The methods that a webhook accepts, with those of its sender's challenge.
fn allowed(webhook: &LiveWebhook) -> String {
    let mut methods = webhook.intake.methods.to_string();
    if is_challenged_by_get(webhook.verifier.as_ref()) {
        for method in ["GET", "HEAD"] {
            if !webhook.intake.methods.has(method) {
                methods.push_str(", ");
                methods.push_str(method);
            }
        }
    }
    methods
}

/// A header's value as text; bytes that are no UTF-8 are replaced.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<std::borrow::Cow<'_, str>> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
}
