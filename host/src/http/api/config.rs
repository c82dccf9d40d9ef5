//! Config: keys are shown with a digest that only the token's holder can compare; values never.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Api, ApiError, Tenant, json, json_body, no_content};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewValue {
    value: String,
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
) -> Result<Response<Body>, ApiError> {
    let keys = api.catalog.config_keys(&tenant.workspace)?;
    let values = api.catalog.config(&tenant.workspace);
    let views: Vec<_> = keys
        .iter()
        .map(|key| {
            let digest = values
                .get(key.as_str())
                .map(|value| api.token.config_digest(&tenant.workspace, key, value));
            json!({ "key": key, "digest": digest })
        })
        .collect();
    Ok(json(StatusCode::OK, &json!({ "config": views })))
}

pub(in crate::http) async fn set(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let NewValue { value } = json_body(&api, &headers, body).await?;
    let value = Zeroizing::new(value);
    api.catalog
        .set_config(&tenant.workspace, tenant.name()?, &value)
        .await?;
    Ok(no_content())
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_config(&tenant.workspace, &tenant.name()?)
        .await?;
    Ok(no_content())
}
