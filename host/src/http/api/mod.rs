//! The API's handlers, one file a noun, and what they share: typed bodies and queries.

pub(super) mod actions;
pub(super) mod audit;
pub(super) mod config;
pub(super) mod connectors;
pub(super) mod deliveries;
pub(super) mod explain;
mod listed;
pub(super) mod nodes;
pub(super) mod providers;
mod replies;
pub(super) mod samples;
pub(super) mod schedules;
pub(super) mod steps;
mod strict;
pub(super) mod tasks;
pub(super) mod tokens;
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
use crate::domain::ids::WorkspaceName;
use crate::ingest::read::{self, Bounds, Share};

/// A query's parameters, or the error in them.
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

/// A whole body of a workspace, or of none, with what it takes.
async fn whole_body(
    api: &Api,
    workspace: Option<&WorkspaceName>,
    bounds: Bounds,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Bytes, Share), ApiError> {
    let read = read::read(&mut body, bounds, (&api.bodies, workspace)).await;
    if read.is_err() {
        drain(headers, &mut body).await;
    }
    Ok(read?)
}

/// Reads a JSON body of the API, of a workspace or of the operator.
async fn json_body<T: DeserializeOwned>(
    api: &Api,
    workspace: Option<&WorkspaceName>,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let (bytes, _share) = whole_body(api, workspace, JSON_BOUNDS, headers, body).await?;
    strict::from_slice(&bytes).map_err(|error| ApiError::BadBody {
        line: error.line(),
        column: error.column(),
        message: error.to_string(),
    })
}

/// The error of a body that is no JSON document of the wanted type.
fn bad(message: &str) -> ApiError {
    ApiError::BadBody {
        message: message.to_owned(),
        line: 0,
        column: 0,
    }
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // The views have text keys only, so they always serialise.
    json_text(status, serde_json::to_vec(value).unwrap_or_default().into())
}

/// A JSON answer of this text.
fn json_text(status: StatusCode, text: Bytes) -> Response<Body> {
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
