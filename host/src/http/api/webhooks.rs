//! Webhooks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Api, ApiError, json, json_body, no_content};
use crate::domain::data::Pointer;
use crate::domain::ids::WebhookName;
use crate::domain::webhook::correlation;
use crate::http::caller::{Caller, Deploy};
use crate::http::view::WebhookView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: WebhookName,
    correlate: Option<String>,
}

/// What can be changed of a webhook; what is not named is not there any more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    correlate: Option<String>,
}

fn pointer(text: Option<&str>) -> Result<Option<Pointer>, ApiError> {
    let pointer = text.map(correlation).transpose();
    pointer.map_err(ApiError::BadCorrelation)
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let webhooks = api.catalog.webhooks(&caller.workspace)?;
    let views: Vec<_> = webhooks
        .iter()
        .map(|webhook| WebhookView::of(webhook, &api.base_url))
        .collect();
    Ok(json(StatusCode::OK, &json!({ "webhooks": views })))
}

pub(in crate::http) async fn add(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let New { name, correlate } = json_body(&api, &headers, body).await?;
    let correlate = pointer(correlate.as_deref())?;
    let webhook = api
        .catalog
        .add_webhook(&caller.workspace, name, correlate.as_ref())
        .await?;
    let view = WebhookView::of(&webhook, &api.base_url);
    Ok(json(StatusCode::CREATED, &view))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let webhook = api
        .catalog
        .look_up(|catalog| catalog.webhook(&caller.workspace, &caller.name))
        .await?;
    let view = WebhookView::of(&webhook, &api.base_url);
    Ok(json(StatusCode::OK, &view))
}

pub(in crate::http) async fn change(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let Settings { correlate } = json_body(&api, &headers, body).await?;
    let correlate = pointer(correlate.as_deref())?;
    let webhook = api
        .catalog
        .change_webhook(&caller.workspace, &caller.name, correlate.as_ref())
        .await?;
    let view = WebhookView::of(&webhook, &api.base_url);
    Ok(json(StatusCode::OK, &view))
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_webhook(&caller.workspace, &caller.name)
        .await?;
    Ok(no_content())
}
