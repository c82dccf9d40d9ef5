//! From a request to its handler: the router is made of the list in `routes`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response};
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use hyper::body::{Body as _, Incoming};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::authenticate::authenticate;
use super::drain::drain;
use super::openapi::document;
use super::problem::ApiError;
use super::route::{Access, Route};
use super::routes::routes;
use super::sender::Sender;
use super::{Api, audit, event};

/// Says on every answer under `/api` that a Stepwell server gave it, and which version.
const VERSION_HEADER: HeaderName = HeaderName::from_static(stepwell_api::VERSION_HEADER);
const VERSION: HeaderValue = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));

/// The OpenAPI document as the server gives it: indented JSON with a line feed.
pub fn openapi() -> String {
    text(&routes())
}

fn text(routes: &[Route]) -> String {
    format!("{:#}\n", document(routes))
}

/// The methods that a path takes, as a 405 names them.
fn allowed(methods: &[Method]) -> String {
    let mut names = Vec::new();
    for method in methods {
        names.push(method.as_str());
        // A handler of GET answers HEAD, too.
        names.extend((*method == Method::GET).then_some("HEAD"));
    }
    names.join(", ")
}

/// A router of these routes. [`Routes::answer`] has checked the token before.
fn router(routes: Vec<Route>, api: Arc<Api>) -> Router {
    let mut paths: BTreeMap<&str, (Vec<Method>, MethodRouter<Arc<Api>>)> = BTreeMap::new();
    for route in routes {
        let kind = route.audit();
        let (methods, handlers) = paths.entry(route.pattern).or_default();
        methods.push(route.method);
        let Some(mut handler) = route.handler else {
            continue;
        };
        if let Some(kind) = kind {
            let (api, what) = (api.clone(), route.id);
            handler = handler.route_layer(from_fn(move |params, request, next| {
                audit::record(api.clone(), what, kind, params, request, next)
            }));
        }
        *handlers = std::mem::take(handlers).merge(handler);
    }
    let mut router = Router::new();
    for (path, (methods, handlers)) in paths {
        let allowed = allowed(&methods);
        let wrong = |request: Request<Body>| async {
            let (head, mut body) = request.into_parts();
            drain(&head.headers, &mut body).await;
            ApiError::WrongMethod {
                allowed: allowed.into(),
            }
        };
        router = router.route(path, handlers.fallback(wrong));
    }
    router
        .fallback(|| async { ApiError::NoSuchPath })
        .with_state(api)
}

/// Answers every request that comes to the server.
#[derive(Clone)]
pub(super) struct Routes {
    api: Arc<Api>,
    router: TowerToHyperService<Router>,
    /// Paths of the API that need no token.
    open: Arc<[&'static str]>,
    /// The methods of `/event/{key}`.
    events: Arc<[Method]>,
}

impl Routes {
    pub(super) fn new(api: Arc<Api>) -> Self {
        let routes = routes();
        api.openapi.get_or_init(|| text(&routes).into());
        let open = routes.iter().filter(|route| route.access == Access::Open);
        let events = routes.iter().filter(|route| route.path == event::PATH);
        let mut events: Vec<Method> = events.map(|route| route.method.clone()).collect();
        // As axum does: a handler of GET answers HEAD, too.
        events.extend(events.contains(&Method::GET).then_some(Method::HEAD));
        Self {
            open: open.map(|route| route.path).collect(),
            events: events.into(),
            router: TowerToHyperService::new(router(routes, api.clone())),
            api,
        }
    }

    /// Answers one request.
    pub(super) async fn answer(
        &self,
        sender: Sender,
        mut request: Request<Incoming>,
    ) -> Response<Body> {
        let path = request.uri().path();
        // For each webhook request the router would box the body and copy the path's parts: 2 % of all that a task costs.
        if event::key(path).is_some() && self.events.contains(request.method()) {
            let is_head = request.method() == Method::HEAD;
            let response = event::event(&self.api, sender, request).await;
            return if is_head { head_of(response) } else { response };
        }
        let ip = sender.ip;
        request.extensions_mut().insert(sender);
        let path = request.uri().path();
        if !path.starts_with("/api/") {
            return self.route(request).await;
        }
        let mut response = if self.open.contains(&path) {
            self.route(request).await
        } else {
            self.answer_api(ip, request).await
        };
        response.headers_mut().insert(VERSION_HEADER, VERSION);
        response
    }

    /// The API: only the paths of `open` are answered without a valid token, not even a path that is not
    /// there.
    async fn answer_api(&self, ip: IpAddr, mut request: Request<Incoming>) -> Response<Body> {
        match authenticate(&self.api, ip, request.headers()).await {
            Ok(who) => request.extensions_mut().insert(who),
            Err(error) => return error.into_response(),
        };
        let mut response = self.route(request).await;
        // Webhook URLs are secrets, and a task's data is its tenant's.
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        match self.router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// A response to HEAD: without the body, whose length it says. hyper leaves the body out over HTTP/1 only.
fn head_of(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    Response::from_parts(head, Body::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::intake;

    #[test]
    fn every_route_but_events_has_a_handler_of_the_router() {
        for route in routes() {
            assert_eq!(
                route.handler.is_none(),
                route.path == event::PATH,
                "{}",
                route.path
            );
        }
    }

    #[test]
    fn events_have_a_route_for_each_method_that_a_webhook_can_accept() {
        let listed = routes().into_iter();
        let events = listed.filter(|route| route.path == event::PATH);
        let routed = allowed(&events.map(|route| route.method).collect::<Vec<_>>());
        let mut accepted = intake::METHODS;
        accepted.sort_unstable();
        assert_eq!(routed, accepted.join(", "));
    }

    #[test]
    fn every_route_is_in_the_document_and_nothing_else_is() {
        let document = document(&routes());
        let paths = document["paths"].as_object().unwrap();
        let documented = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (path.clone(), method.to_uppercase()))
        });
        let listed = routes().into_iter().map(|route| {
            let method = route.method.to_string();
            (route.path.to_owned(), method)
        });
        let mut documented: Vec<_> = documented.collect();
        let mut listed: Vec<_> = listed.collect();
        documented.sort();
        listed.sort();
        assert_eq!(documented, listed);
    }
}
