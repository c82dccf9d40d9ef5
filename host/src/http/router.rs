//! The whole HTTP API on one page.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::api::{
    actions, config, connectors, explain, schedules, steps, tasks, webhooks, workspaces,
};
use super::caller::Authenticated;
use super::problem::ApiError;
use super::{Api, event};
use crate::store::Health;

/// Says on every answer under `/api` that a Stepwell server gave it, and which version.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("stepwell-version");
const VERSION: HeaderValue = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));

/// Everything under `/api/v1`. [`Routes::answer`] has checked the token before.
fn api_routes(api: Arc<Api>) -> Router {
    Router::new()
        .route(
            "/api/v1/workspaces",
            get(workspaces::list)
                .post(workspaces::add)
                .fallback(|| wrong("GET, HEAD, POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}",
            get(workspaces::show)
                .patch(workspaces::patch)
                .delete(workspaces::delete)
                .fallback(|| wrong("GET, HEAD, PATCH, DELETE")),
        )
        .route(
            "/api/v1/workspaces/{ws}/webhooks",
            get(webhooks::list)
                .post(webhooks::add)
                .fallback(|| wrong("GET, HEAD, POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/webhooks/{name}",
            get(webhooks::show)
                .put(webhooks::change)
                .delete(webhooks::delete)
                .fallback(|| wrong("GET, HEAD, PUT, DELETE")),
        )
        .route(
            "/api/v1/workspaces/{ws}/steps",
            get(steps::list).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/steps/{name}",
            get(steps::show)
                .put(steps::put)
                .patch(steps::patch)
                .delete(steps::delete)
                .fallback(|| wrong("GET, HEAD, PUT, PATCH, DELETE")),
        )
        .route(
            "/api/v1/workspaces/{ws}/steps/{name}/versions",
            get(steps::versions).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/steps/{name}/rollback",
            post(steps::rollback).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks",
            get(tasks::list)
                .post(actions::new)
                .fallback(|| wrong("GET, HEAD, POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/count",
            get(tasks::count).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/cancel",
            post(actions::cancel).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/retry",
            post(actions::retry).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/keep",
            post(actions::keep).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/unkeep",
            post(actions::unkeep).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/update",
            post(actions::update).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/clone",
            post(actions::clone).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/replay",
            post(actions::replay).fallback(|| wrong("POST")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}/explain",
            get(explain::explain).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/tasks/{name}",
            get(tasks::show).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/config",
            get(config::list).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/config/{name}",
            put(config::set)
                .delete(config::delete)
                .fallback(|| wrong("PUT, DELETE")),
        )
        .route(
            "/api/v1/workspaces/{ws}/connectors",
            get(connectors::list).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/connectors/{name}",
            put(connectors::put)
                .delete(connectors::delete)
                .fallback(|| wrong("PUT, DELETE")),
        )
        .route(
            "/api/v1/workspaces/{ws}/schedules",
            get(schedules::list).fallback(|| wrong("GET, HEAD")),
        )
        .route(
            "/api/v1/workspaces/{ws}/schedules/{name}",
            get(schedules::show)
                .put(schedules::put)
                .delete(schedules::delete)
                .fallback(|| wrong("GET, HEAD, PUT, DELETE")),
        )
        .fallback(|| async { ApiError::NoSuchPath })
        .with_state(api)
}

async fn wrong(allowed: &'static str) -> ApiError {
    ApiError::WrongMethod { allowed }
}

/// Answers every request that comes to the server.
#[derive(Clone)]
pub(super) struct Routes {
    api: Arc<Api>,
    routes: TowerToHyperService<Router>,
}

impl Routes {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self {
            routes: TowerToHyperService::new(api_routes(api.clone())),
            api,
        }
    }

    /// Answers one request from `ip`.
    pub(super) async fn answer(&self, ip: IpAddr, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if let Some(key) = path.strip_prefix("/event/") {
            // The request is moved; a key is short, and usually the only allocation spared is this.
            let key = key.to_owned();
            return event::event(&self.api, &key, ip, request).await;
        }
        if path.starts_with("/api/") {
            let mut response = self.answer_api(ip, request).await;
            response.headers_mut().insert(VERSION_HEADER, VERSION);
            return response;
        }
        match (path, request.method()) {
            ("/healthz", &Method::GET | &Method::HEAD) => plain(StatusCode::OK, "ok"),
            ("/readyz", &Method::GET | &Method::HEAD) => {
                if self.api.closing.load(Ordering::Relaxed) {
                    return plain(StatusCode::SERVICE_UNAVAILABLE, "going down");
                }
                let health = *self.api.store.health().borrow();
                match health {
                    Health::Writable => plain(StatusCode::OK, "ok"),
                    Health::Full => plain(StatusCode::SERVICE_UNAVAILABLE, "storage full"),
                    Health::Failed => plain(StatusCode::SERVICE_UNAVAILABLE, "storage failed"),
                }
            }
            ("/healthz" | "/readyz", _) => ApiError::WrongMethod {
                allowed: "GET, HEAD",
            }
            .into_response(),
            _ => ApiError::NoSuchPath.into_response(),
        }
    }

    /// The API: nothing under it is answered without the token, not even what is not there.
    async fn answer_api(&self, ip: IpAddr, mut request: Request<Incoming>) -> Response<Body> {
        let Some(principal) = self.api.token.principal(request.headers()) else {
            return ApiError::Unauthorized.into_response();
        };
        request
            .extensions_mut()
            .insert(Authenticated { principal, ip });
        let mut response = match self.routes.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        // Webhook URLs are secrets, and a task's data is its tenant's.
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
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
