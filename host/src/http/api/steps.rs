//! Steps.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use stepwell_api::{Rollback, StepChange, StepQuery, StepVersions};

use super::listed::listed;
use super::{Api, ApiError, json, json_body, no_content, query};
use crate::catalog::CatalogError;
use crate::domain::limits;
use crate::domain::step::Tuning;
use crate::http::caller::{Caller, Deploy, Read};
use crate::http::drain::drain_within;
use crate::http::view;
use crate::ingest::read::{self, Bounds, ReadError};

/// A component is larger than a webhook's body, and its sender has shown a token.
const COMPONENT: Bounds = Bounds {
    bytes: limits::COMPONENT_BYTES,
    time: Duration::from_secs(120),
};
/// How much is read of a component that is refused, in bytes: all of one that is twice too large.
const REFUSED: Bounds = Bounds {
    bytes: 2 * limits::COMPONENT_BYTES,
    time: Duration::from_secs(30),
};

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let steps = api.catalog.steps(&caller.workspace)?;
    let bytes = steps.iter().map(|live| 512 + live.step.condition.len());
    let bytes = bytes.sum();
    let steps = steps.into_iter().map(|live| view::step(&live.step));
    listed(&api, &caller.workspace, ("steps", bytes), steps).await
}

pub(in crate::http) async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    wanted: Result<Query<StepQuery>, QueryRejection>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response<Body>, ApiError> {
    let result = added(&api, &caller, wanted, &mut body).await;
    if result.is_err() {
        drain_within(&headers, &mut body, REFUSED).await;
    }
    result
}

async fn added(
    api: &Api,
    caller: &Caller<Deploy>,
    wanted: Result<Query<StepQuery>, QueryRejection>,
    body: &mut Body,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let tuning = tuning(query(wanted)?);
    let bodies = (&api.bodies, Some(&caller.workspace));
    let (component, _share) = match read::read(body, COMPONENT, bodies).await {
        Err(ReadError::TooLarge { most }) => {
            return Err(CatalogError::ComponentTooLarge { most }.into());
        }
        other => other?,
    };
    let adding = api
        .catalog
        .add_step(&caller.workspace, name, component, tuning);
    // The component's `condition` computes.
    let adding = api.engine.charge(&caller.workspace, Box::pin(adding));
    let added = adding.await?;
    let status = if added.replaced {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let mut answer = view::step(&added.step.step);
    answer.warnings = Some(api.catalog.doubts(&caller.workspace, &added.step));
    Ok(json(status, &answer))
}

fn tuning(query: StepQuery) -> Tuning {
    Tuning {
        fuel: query.fuel,
        memory: query.memory,
        timeout_ms: query.timeout_ms,
        attempts: query.attempts,
        first_ms: query.first_ms,
        factor: query.factor,
        cap_ms: query.cap_ms,
    }
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
    Ok(json(StatusCode::OK, &view::step(&live.step)))
}

pub(in crate::http) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let StepChange { limits, retry } =
        json_body(&api, Some(&caller.workspace), &headers, body).await?;
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
    Ok(json(StatusCode::OK, &view::step(&live.step)))
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
    let versions = versions
        .map(|(version, place)| view::version(version, place == 0))
        .collect();
    Ok(json(StatusCode::OK, &StepVersions { versions }))
}

pub(in crate::http) async fn rollback(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let Rollback { to } = json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let putting =
        api.catalog
            .rollback_step(&caller.workspace, name, to.as_deref(), &api.engine.memory);
    let putting = api.engine.charge(&caller.workspace, Box::pin(putting));
    let live = putting.await?;
    Ok(json(StatusCode::OK, &view::step(&live.step)))
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
