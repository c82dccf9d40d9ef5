//! The API's handlers, one file a noun, and what they share: typed bodies and queries.

pub(super) mod actions;
pub(super) mod config;
pub(super) mod connectors;
pub(super) mod explain;
pub(super) mod schedules;
pub(super) mod steps;
pub(super) mod tasks;
pub(super) mod webhooks;
pub(super) mod workspaces;

use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::drain::drain;
use super::problem::ApiError;
use crate::ingest::read::{self, Bounds, Share};

/// A query's parameters, or what is wrong with them.
fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => {
            // It nests: "Failed to deserialize query string: a: unknown field …".
            let text = rejection.body_text();
            let text = text
                .strip_prefix("Failed to deserialize query string: ")
                .unwrap_or(&text);
            Err(ApiError::BadParameter(format!("query parameter: {text}")))
        }
    }
}

/// Room for the longest config value with every byte of it escaped.
const JSON_BOUNDS: Bounds = Bounds {
    bytes: 6 * crate::domain::limits::CONFIG_BYTES + 1024,
    time: Duration::from_secs(30),
};

/// A whole body, with the share of the budget that it takes.
async fn whole_body(
    api: &Api,
    bounds: Bounds,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Bytes, Share), ApiError> {
    let read = read::read(&mut body, bounds, &api.bodies).await;
    if read.is_err() {
        drain(headers, &mut body).await;
    }
    Ok(read?)
}

/// Reads a JSON body of the API.
async fn json_body<T: DeserializeOwned>(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let (bytes, _share) = whole_body(api, JSON_BOUNDS, headers, body).await?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::BadBody {
        line: error.line(),
        column: error.column(),
        message: error.to_string(),
    })
}

/// A JSON answer.
fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // The views have text keys only, so they always serialise.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer to a deletion, or to a change with nothing to say.
fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
