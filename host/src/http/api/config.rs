//! Config: keys are shown with a digest that only the token's holder can compare; values never.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use stepwell_api::{ConfigKey, ConfigKeys, ConfigValue};
use zeroize::Zeroizing;

use super::{Api, ApiError, json, json_body, no_content};
use crate::http::caller::{Caller, Deploy};

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let keys = api.catalog.config_keys(&caller.workspace)?;
    let values = api.catalog.config(&caller.workspace);
    let config = keys
        .iter()
        .map(|key| {
            let digest = values
                .get(key.as_str())
                .map(|value| caller.digest(key, value));
            ConfigKey {
                key: key.to_string(),
                digest,
            }
        })
        .collect();
    Ok(json(StatusCode::OK, &ConfigKeys { config }))
}

pub(in crate::http) async fn set(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let ConfigValue { value } = json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let value = Zeroizing::new(value);
    api.catalog
        .set_config(&caller.workspace, caller.name()?, &value)
        .await?;
    Ok(no_content())
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_config(&caller.workspace, &caller.name()?)
        .await?;
    Ok(no_content())
}
