//! Workspaces.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Deserializer};
use stepwell_api::{self as contract, NewWorkspace, RetentionChange, WorkspaceChange, Workspaces};

use super::webhooks::rate;
use super::{Api, ApiError, json, json_body, no_content};
use crate::catalog::is_about;
use crate::domain::ids::WorkspaceName;
use crate::domain::retention::{Period, Retention};
use crate::domain::workspace::WorkspaceSettings;
use crate::http::caller::{Admin, Caller, Read, ServerCaller};
use crate::http::view;

/// A workspace's name as people write it.
#[derive(Deserialize)]
struct Titled(#[serde(deserialize_with = "titled")] WorkspaceName);

fn titled<'de, D: Deserializer<'de>>(value: D) -> Result<WorkspaceName, D::Error> {
    WorkspaceName::titled(&String::deserialize(value)?).map_err(serde::de::Error::custom)
}

/// Sets the given members of a retention.
fn set_periods(retention: &mut Retention, change: RetentionChange) {
    let period = |period| match period {
        contract::Period::Days(days) => Period::Days(days),
        contract::Period::Forever => Period::Forever,
    };
    retention.done = change.done.map_or(retention.done, period);
    retention.others = change.others.map_or(retention.others, period);
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: ServerCaller<Read>,
) -> Response<Body> {
    let names = api.catalog.workspaces();
    // One may have gone since.
    let workspaces = names
        .iter()
        .filter(|name| caller.may_in(name))
        .filter_map(|name| Some(view::workspace(name, &api.catalog.settings(name).ok()?)))
        .collect();
    json(StatusCode::OK, &Workspaces { workspaces })
}

pub(in crate::http) async fn add(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let NewWorkspace::<Titled> {
        name: Titled(name),
        failure_url,
        retention,
        rate: of_all,
    } = json_body(&api, None, &headers, body).await?;
    is_about(&format!("workspaces/{name}"));
    let mut settings = WorkspaceSettings {
        failure_url,
        rate: of_all.map(rate).transpose()?,
        ..WorkspaceSettings::default()
    };
    set_periods(&mut settings.retention, retention);
    let added = view::workspace(&name, &settings);
    api.catalog.add_workspace(name, settings).await?;
    Ok(json(StatusCode::CREATED, &added))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let settings = api.catalog.settings(&caller.workspace)?;
    Ok(json(
        StatusCode::OK,
        &view::workspace(&caller.workspace, &settings),
    ))
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
    let WorkspaceChange {
        failure_url,
        retention,
        rate: of_all,
    } = json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let of_all = of_all.map(|set| set.map(rate).transpose()).transpose()?;
    let name = &caller.workspace;
    let set = move |settings: &mut WorkspaceSettings| {
        if let Some(url) = &failure_url {
            settings.failure_url.clone_from(url);
        }
        set_periods(&mut settings.retention, retention);
        if let Some(of_all) = of_all {
            settings.rate = of_all;
        }
    };
    let settings = api.catalog.set_workspace(name, set).await?;
    Ok(json(StatusCode::OK, &view::workspace(name, &settings)))
}
