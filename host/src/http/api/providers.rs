//! The services whose webhooks are known: the table of `stepwell-signature`, as the API tells it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use stepwell_api::Providers;

use super::{Api, ApiError, json};
use crate::catalog::unknown_provider;
use crate::http::caller::{Read, ServerCaller};
use crate::http::view;

pub(in crate::http) async fn list(
    State(_): State<Arc<Api>>,
    _caller: ServerCaller<Read>,
) -> Response<Body> {
    let all = stepwell_signature::providers().iter();
    let providers = all.map(view::provider).collect();
    json(StatusCode::OK, &Providers { providers })
}

pub(in crate::http) async fn show(
    State(_): State<Arc<Api>>,
    _caller: ServerCaller<Read>,
    Path(name): Path<String>,
) -> Result<Response<Body>, ApiError> {
    match stepwell_signature::provider(&name) {
        Some(found) => Ok(json(StatusCode::OK, &view::provider(found))),
        None => Err(ApiError::NoSuchProvider(unknown_provider(&name))),
    }
}
