//! Steps.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Api, ApiError, Tenant, json, no_content, query};
use crate::catalog::CatalogError;
use crate::domain::limits::{self, StepLimits};
use crate::domain::step::RetryPolicy;
use crate::http::read::{self, Bounds};
use crate::http::view::StepView;

/// A component is larger than a webhook's body, and whoever sends it has the token.
const COMPONENT: Bounds = Bounds {
    bytes: limits::COMPONENT_BYTES,
    time: Duration::from_secs(120),
};

/// The limits that a step is added with; those not named are the default ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Limits {
    fuel: Option<u64>,
    memory: Option<u64>,
    timeout_ms: Option<u64>,
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
) -> Result<Response<Body>, ApiError> {
    let steps = api.catalog.steps(&tenant.workspace)?;
    let views: Vec<_> = steps.iter().map(|live| StepView::of(&live.step)).collect();
    Ok(json(StatusCode::OK, &json!({ "steps": views })))
}

pub(in crate::http) async fn put(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
    wanted: Result<Query<Limits>, QueryRejection>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response<Body>, ApiError> {
    let result = added(&api, &tenant, wanted, &mut body).await;
    if result.is_err() {
        read::drain(&headers, &mut body).await;
    }
    result
}

async fn added(
    api: &Api,
    tenant: &Tenant,
    wanted: Result<Query<Limits>, QueryRejection>,
    body: &mut Body,
) -> Result<Response<Body>, ApiError> {
    let name = tenant.name()?;
    let wanted = query(wanted)?;
    let default = StepLimits::default();
    let step_limits = StepLimits {
        fuel: wanted.fuel.unwrap_or(default.fuel),
        memory: wanted.memory.unwrap_or(default.memory),
        timeout_ms: wanted.timeout_ms.unwrap_or(default.timeout_ms),
    };
    let (component, _share) = match read::read(body, COMPONENT, &api.bodies).await {
        Err(ApiError::BodyTooLarge { most }) => {
            return Err(CatalogError::ComponentTooLarge { most }.into());
        }
        other => other?,
    };
    let added = api
        .catalog
        .add_step(
            &tenant.workspace,
            name,
            component,
            step_limits,
            RetryPolicy::default(),
        )
        .await?;
    let status = if added.replaced {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(json(status, &StepView::of(&added.step.step)))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
) -> Result<Response<Body>, ApiError> {
    let live = api.catalog.step(&tenant.workspace, &tenant.name()?)?;
    Ok(json(StatusCode::OK, &StepView::of(&live.step)))
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_step(&tenant.workspace, &tenant.name()?)
        .await?;
    Ok(no_content())
}
