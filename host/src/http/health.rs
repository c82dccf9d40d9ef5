//! Whether the process serves, and whether requests should be sent to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};

use super::Api;
use crate::store::Health;

pub(super) async fn healthz() -> Response<Body> {
    plain(StatusCode::OK, "ok")
}

pub(super) async fn readyz(State(api): State<Arc<Api>>) -> Response<Body> {
    if api.closing.load(Ordering::Relaxed) {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "going down");
    }
    if api.store.ownership().borrow().is_empty() {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "standing by: other servers have the tasks, or the database is not reached",
        );
    }
    let health = *api.store.health().borrow();
    match health {
        Health::Writable => plain(StatusCode::OK, "ok"),
        Health::Full => plain(StatusCode::SERVICE_UNAVAILABLE, "storage full"),
        Health::Short => plain(StatusCode::SERVICE_UNAVAILABLE, "storage unavailable"),
        Health::Failed => plain(StatusCode::SERVICE_UNAVAILABLE, "storage failed"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
