//! Webhooks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use stepwell_api::{NewWebhook, WebhookSettings, Webhooks};

use super::{Api, ApiError, json, json_body, no_content};
use crate::domain::data::Pointer;
use crate::domain::ids::WebhookName;
use crate::domain::webhook::correlation;
use crate::http::caller::{Caller, Deploy};
use crate::http::view;

fn pointer(text: Option<&str>) -> Result<Option<Pointer>, ApiError> {
    let pointer = text.map(correlation).transpose();
    pointer.map_err(ApiError::BadCorrelation)
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let webhooks = api.catalog.webhooks(&caller.workspace)?;
    let webhooks = webhooks
        .iter()
        .map(|webhook| view::webhook(webhook, &api.base_url))
        .collect();
    Ok(json(StatusCode::OK, &Webhooks { webhooks }))
}

pub(in crate::http) async fn add(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let NewWebhook::<WebhookName> { name, correlate } = json_body(&api, &headers, body).await?;
    let correlate = pointer(correlate.as_deref())?;
    let webhook = api
        .catalog
        .add_webhook(&caller.workspace, name, correlate.as_ref())
        .await?;
    Ok(json(
        StatusCode::CREATED,
        &view::webhook(&webhook, &api.base_url),
    ))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let webhook = api
        .catalog
        .look_up(|catalog| catalog.webhook(&caller.workspace, &caller.name))
        .await?;
    Ok(json(
        StatusCode::OK,
        &view::webhook(&webhook, &api.base_url),
    ))
}

pub(in crate::http) async fn change(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let WebhookSettings { correlate } = json_body(&api, &headers, body).await?;
    let correlate = pointer(correlate.as_deref())?;
    let webhook = api
        .catalog
        .change_webhook(&caller.workspace, &caller.name, correlate.as_ref())
        .await?;
    Ok(json(
        StatusCode::OK,
        &view::webhook(&webhook, &api.base_url),
    ))
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
