//! Steps.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Api, ApiError, json, json_body, no_content, query};
use crate::catalog::CatalogError;
use crate::domain::limits;
use crate::domain::step::Tuning;
use crate::http::caller::{Caller, Deploy, Read};
use crate::http::drain::drain;
use crate::http::view::{AddedView, StepView, VersionView};
use crate::ingest::read::{self, Bounds, ReadError};

/// A component is larger than a webhook's body, and whoever sends it has the token.
const COMPONENT: Bounds = Bounds {
    bytes: limits::COMPONENT_BYTES,
    time: Duration::from_secs(120),
};

/// What is to be set of a step; the names are those that the step is shown with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default)]
    limits: LimitsPatch,
    #[serde(default)]
    retry: RetryPatch,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsPatch {
    fuel: Option<u64>,
    memory: Option<u64>,
    timeout_ms: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryPatch {
    attempts: Option<u32>,
    first_ms: Option<u64>,
    factor: Option<u32>,
    cap_ms: Option<u64>,
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let steps = api.catalog.steps(&caller.workspace)?;
    let views: Vec<_> = steps.iter().map(|live| StepView::of(&live.step)).collect();
    Ok(json(StatusCode::OK, &json!({ "steps": views })))
}

pub(in crate::http) async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    wanted: Result<Query<Tuning>, QueryRejection>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response<Body>, ApiError> {
    let result = added(&api, &caller, wanted, &mut body).await;
    if result.is_err() {
        drain(&headers, &mut body).await;
    }
    result
}

async fn added(
    api: &Api,
    caller: &Caller<Deploy>,
    wanted: Result<Query<Tuning>, QueryRejection>,
    body: &mut Body,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let tuning = query(wanted)?;
    let (component, _share) = match read::read(body, COMPONENT, &api.bodies).await {
        Err(ReadError::TooLarge { most }) => {
            return Err(CatalogError::ComponentTooLarge { most }.into());
        }
        other => other?,
    };
    let added = api
        .catalog
        .add_step(&caller.workspace, name, component, tuning)
        .await?;
    let status = if added.replaced {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let warnings = api.catalog.doubts(&caller.workspace, &added.step);
    Ok(json(status, &AddedView::of(&added.step.step, warnings)))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let live = api
        .catalog
        .look_up(|catalog| catalog.step(&caller.workspace, &name))
        .await?;
    Ok(json(StatusCode::OK, &StepView::of(&live.step)))
}

pub(in crate::http) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let Patch { limits, retry } = json_body(&api, &headers, body).await?;
    let tuning = Tuning {
        fuel: limits.fuel,
        memory: limits.memory,
        timeout_ms: limits.timeout_ms,
        attempts: retry.attempts,
        first_ms: retry.first_ms,
        factor: retry.factor,
        cap_ms: retry.cap_ms,
    };
    let catalog = &api.catalog;
    let live = catalog.tune_step(&caller.workspace, &name, tuning).await?;
    Ok(json(StatusCode::OK, &StepView::of(&live.step)))
}

pub(in crate::http) async fn versions(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let live = api
        .catalog
        .look_up(|catalog| catalog.step(&caller.workspace, &name))
        .await?;
    let versions = live.step.versions.iter().zip(0..);
    let views: Vec<_> = versions
        .map(|(version, place)| VersionView::of(version, place == 0))
        .collect();
    Ok(json(StatusCode::OK, &json!({ "versions": views })))
}

/// Where to go back to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// The beginning of a version's digest.
    to: Option<String>,
}

pub(in crate::http) async fn rollback(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let Rollback { to } = json_body(&api, &headers, body).await?;
    let catalog = &api.catalog;
    let live = catalog
        .rollback_step(&caller.workspace, name, to.as_deref())
        .await?;
    Ok(json(StatusCode::OK, &StepView::of(&live.step)))
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_step(&caller.workspace, &caller.name()?)
        .await?;
    Ok(no_content())
}
