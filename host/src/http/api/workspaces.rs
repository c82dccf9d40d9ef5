//! Workspaces.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{Api, ApiError, json, json_body};
use crate::domain::ids::WorkspaceName;
use crate::domain::workspace::WorkspaceSettings;
use crate::http::caller::{Admin, Caller, Read, ServerCaller};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    #[serde(deserialize_with = "titled")]
    name: WorkspaceName,
    failure_url: Option<String>,
}

/// A name as people write it.
fn titled<'de, D: Deserializer<'de>>(value: D) -> Result<WorkspaceName, D::Error> {
    WorkspaceName::titled(&String::deserialize(value)?).map_err(serde::de::Error::custom)
}

/// What is to be set; what is not named stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default, deserialize_with = "named")]
    failure_url: Option<Option<String>>,
}

/// Tells `null` from what is not named at all.
fn named<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

fn view(name: &WorkspaceName, settings: &WorkspaceSettings) -> Value {
    json!({"name": name, "failure_url": settings.failure_url})
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: ServerCaller<Read>,
) -> Response<Body> {
    let names = api.catalog.workspaces();
    // One may have gone since.
    let views: Vec<_> = names
        .iter()
        .filter(|name| caller.may_in(name))
        .filter_map(|name| Some(view(name, &api.catalog.settings(name).ok()?)))
        .collect();
    json(StatusCode::OK, &json!({ "workspaces": views }))
}

pub(in crate::http) async fn add(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let New { name, failure_url } = json_body(&api, &headers, body).await?;
    let settings = WorkspaceSettings { failure_url };
    let added = view(&name, &settings);
    api.catalog.add_workspace(name, settings).await?;
    Ok(json(StatusCode::CREATED, &added))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let settings = api.catalog.settings(&caller.workspace)?;
    Ok(json(StatusCode::OK, &view(&caller.workspace, &settings)))
}

pub(in crate::http) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller<Admin>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let Patch { failure_url } = json_body(&api, &headers, body).await?;
    let name = &caller.workspace;
    let settings = match failure_url {
        Some(url) => api.catalog.set_failure_url(name, url).await?,
        None => api.catalog.settings(name)?,
    };
    Ok(json(StatusCode::OK, &view(name, &settings)))
}
