//! `POST|PUT /event/{key}`: HTTP's side of [`Ingest::receive`](crate::ingest::receive::Ingest::receive). The hot
//! path; it goes around the router.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response};
use axum::response::IntoResponse;
use bytes::Bytes;

use super::Api;
use super::drain::drain;
use super::problem::ApiError;
use crate::engine::ActionError;
use crate::ingest::receive::{Head, Refusal, Reply};
use crate::store::StoreError;

/// What the path of an event begins with; the webhook's key follows.
pub const PREFIX: &str = "/event/";
/// The path as the list of routes has it.
pub const PATH: &str = "/event/{key}";
/// The methods that it takes.
pub const METHODS: [Method; 2] = [Method::POST, Method::PUT];

/// Answers a request to `/event/{key}`.
pub async fn event<B>(api: &Arc<Api>, key: &str, ip: IpAddr, request: Request<B>) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let (head, mut body) = request.into_parts();
    match receive(api, key, ip, &head, &mut body).await {
        Ok(Reply { task, pace }) => {
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            let mut response = Response::new(Body::from(format!("{{\"task\":\"{task}\"}}")));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(refusal) => {
            drain(&head.headers, &mut body).await;
            refusal.into_response()
        }
    }
}

async fn receive<B>(
    api: &Api,
    key: &str,
    ip: IpAddr,
    head: &axum::http::request::Parts,
    body: &mut B,
) -> Result<Reply, ApiError>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    if !METHODS.contains(&head.method) {
        let allowed = "POST, PUT".into();
        return Err(ApiError::WrongMethod { allowed });
    }
    let webhook = match api.catalog.webhook_by_key(key) {
        Some(webhook) => webhook,
        None => {
            // Another node may have added it a moment ago.
            api.catalog.refresh().await?;
            let webhook = api.catalog.webhook_by_key(key);
            webhook.ok_or(ApiError::UnknownWebhook)?
        }
    };
    let user_agent = text(&head.headers, USER_AGENT);
    let content_type = text(&head.headers, CONTENT_TYPE);
    let head = Head {
        method: head.method.as_str(),
        ip,
        user_agent: user_agent.as_deref(),
        content_type: content_type.as_deref(),
        query: head.uri.query(),
    };
    match api.ingest.receive(&webhook, head, body).await {
        // Its workspace was deleted meanwhile.
        Err(
            Refusal::Store(StoreError::Erasing(_))
            | Refusal::Action(ActionError::Store(StoreError::Erasing(_))),
        ) => Err(ApiError::UnknownWebhook),
        received => Ok(received?),
    }
}

/// A header's value as text; bytes that are no UTF-8 are replaced.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<std::borrow::Cow<'_, str>> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
}
