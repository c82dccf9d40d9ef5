//! Workspaces.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{Api, ApiError, json, json_body, no_content};
use crate::domain::ids::WorkspaceName;
use crate::domain::retention::{Period, Retention};
use crate::domain::workspace::WorkspaceSettings;
use crate::http::caller::{Admin, Caller, Read, ServerCaller};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    #[serde(deserialize_with = "titled")]
    name: WorkspaceName,
    failure_url: Option<String>,
    #[serde(default)]
    retention: Periods,
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
    #[serde(default)]
    retention: Periods,
}

/// Of a retention what is to be set.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Periods {
    done: Option<Period>,
    others: Option<Period>,
}

impl Periods {
    fn set(&self, retention: &mut Retention) {
        retention.done = self.done.unwrap_or(retention.done);
        retention.others = self.others.unwrap_or(retention.others);
    }
}

/// Tells `null` from what is not named at all.
fn named<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

fn view(name: &WorkspaceName, settings: &WorkspaceSettings) -> Value {
    json!({
        "name": name,
        "failure_url": settings.failure_url,
        "retention": settings.retention,
    })
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
    let New {
        name,
        failure_url,
        retention: periods,
    } = json_body(&api, &headers, body).await?;
    let mut settings = WorkspaceSettings {
        failure_url,
        ..WorkspaceSettings::default()
    };
    periods.set(&mut settings.retention);
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

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller<Admin>,
) -> Result<Response<Body>, ApiError> {
    api.catalog.delete_workspace(&caller.workspace).await?;
    api.engine.removal.forget(&caller.workspace);
    Ok(no_content())
}

pub(in crate::http) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller<Admin>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let Patch {
        failure_url,
        retention: periods,
    } = json_body(&api, &headers, body).await?;
    let name = &caller.workspace;
    let set = move |settings: &mut WorkspaceSettings| {
        if let Some(url) = &failure_url {
            settings.failure_url.clone_from(url);
        }
        periods.set(&mut settings.retention);
    };
    let settings = api.catalog.set_workspace(name, set).await?;
    Ok(json(StatusCode::OK, &view(name, &settings)))
}
