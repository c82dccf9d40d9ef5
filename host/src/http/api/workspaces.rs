//! Workspaces.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Api, ApiError, json, json_body};
use crate::domain::ids::WorkspaceName;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: WorkspaceName,
}

pub(in crate::http) async fn list(State(api): State<Arc<Api>>) -> Response<Body> {
    let names: Vec<_> = api
        .catalog
        .workspaces()
        .into_iter()
        .map(|name| json!({ "name": name }))
        .collect();
    json(StatusCode::OK, &json!({ "workspaces": names }))
}

pub(in crate::http) async fn add(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let New { name } = json_body(&api, &headers, body).await?;
    api.catalog.add_workspace(name.clone()).await?;
    Ok(json(StatusCode::CREATED, &json!({ "name": name })))
}
