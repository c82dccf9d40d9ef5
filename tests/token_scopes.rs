//! Every route of the OpenAPI document with every kind of token: what it may, what it is told that it may not,
//! and what it is not told.
#![allow(clippy::unwrap_used, reason = "a test")]

use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::Token;

use crate::support::{Server, refusal, typed, until};

const SCOPES: [&str; 5] = ["read", "deploy", "operate", "ingest", "admin"];
const API: &str = "/api/v1";

/// A route, and what the document says of it.
struct Route {
    method: Method,
    /// Below `/api/v1`, with the parameters as they are named.
    path: String,
    /// None if any token will do.
    scope: Option<String>,
}

impl Route {
    fn is_of_workspace(&self) -> bool {
        self.path.contains("{workspace}")
    }

    /// Its path in a workspace, with names of nothing.
    fn at(&self, workspace: &str) -> String {
        let at = self.path.replace("{workspace}", workspace);
        let parameter = regex::Regex::new(r"\{\w+\}").unwrap();
        parameter.replace_all(&at, "x").into_owned()
    }
}

/// All routes that need a token. That the document has every route is tested in `http/router.rs`.
fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&stepwell::http::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] == json!([]) {
                continue;
            }
            let scopes = operation["security"][0]["token"].as_array().unwrap();
            assert!(scopes.len() <= 1, "{path}: {scopes:?}");
            routes.push(Route {
                method: method.to_uppercase().parse().unwrap(),
                path: path.strip_prefix(API).unwrap().to_owned(),
                scope: scopes
                    .first()
                    .map(|scope| scope.as_str().unwrap().to_owned()),
            });
        }
    }
    // With its scope it deletes the workspace that all others are about.
    routes.sort_by_key(|route| route.path == "/workspaces/{workspace}" && route.method == "DELETE");
    routes
}

async fn ask(server: &Server, token: &str, route: &Route, path: &str) -> (u16, Value) {
    // No body is what no route takes that takes one.
    let answer = server.api_as(token, route.method.clone(), path, None).await;
    (answer.0.as_u16(), answer.1)
}

/// A server with the workspaces `own` and `other`.
async fn server() -> Server {
    let server = Server::with(&["--auth-failures", "1000000"]).await;
    for name in ["own", "other"] {
        let body = Some(json!({ "name": name }));
        let (status, _) = server.api(Method::POST, "/workspaces", body).await;
        assert_eq!(status, 201);
    }
    server
}

#[tokio::test]
async fn a_workspaces_token_may_do_what_its_scope_says_and_nothing_elsewhere() {
    let server = server().await;
    let mut tokens = Vec::new();
    for scope in SCOPES {
        let token = server
            .add_token("/workspaces/own/tokens", &format!("t-{scope}"), &[scope])
            .await;
        tokens.push((scope, token));
    }
    let (mut allowed, mut forbidden, mut hidden) = (0, 0, 0);
    for route in routes() {
        let at = format!("{} {}", route.method, route.path);
        for (scope, token) in &tokens {
            let fits = route.scope.as_deref().is_none_or(|needed| needed == *scope);
            // On the server itself it may read what is of its workspace, or of none.
            let is_open = route.is_of_workspace()
                || route.method == "GET" && route.scope.as_deref() != Some("admin");
            if route.is_of_workspace() {
                // What is there and what is not are one to it.
                let there = ask(&server, token, &route, &route.at("other")).await;
                let absent = ask(&server, token, &route, &route.at("never")).await;
                let code = refusal(&there.1).code;
                assert_eq!((there.0, code.as_str()), (404, "not-found"), "{at}");
                let renamed = there.1.to_string().replace("other", "never");
                assert_eq!((there.0, renamed), (absent.0, absent.1.to_string()), "{at}");
                // Nor is it told apart from what an operator is told of a workspace that is not there.
                let body = serde_json::from_str::<Value>(&absent.1.to_string()).unwrap();
                let to_operator = ask(&server, server.token(), &route, &route.at("never")).await;
                assert_eq!(to_operator, (404, body), "{at}");
                hidden += 1;
            }
            let (status, answer) = ask(&server, token, &route, &route.at("own")).await;
            if fits && is_open {
                assert!(![401, 403].contains(&status), "{at} with {scope}: {answer}");
                assert!(
                    !answer.to_string().contains("no workspace"),
                    "{at}: {answer}"
                );
                allowed += 1;
            } else {
                assert_eq!(
                    (status, refusal(&answer).code.as_str()),
                    (403, "forbidden"),
                    "{at} with {scope}"
                );
                let detail = refusal(&answer).detail;
                let needed = format!("the scope `{}`", route.scope.as_deref().unwrap());
                assert!(detail.contains(&needed), "{at}: {detail}");
                forbidden += 1;
            }
        }
    }
    assert!(
        allowed > 40 && forbidden > 150 && hidden > 150,
        "{allowed} {forbidden} {hidden}"
    );
    // Its tokens went with the workspace.
    let (status, _) = server
        .api_as(&tokens[0].1, Method::GET, "/token", None)
        .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_servers_token_may_do_what_its_scope_says_in_every_workspace() {
    let server = server().await;
    for scope in SCOPES {
        let token = server
            .add_token("/tokens", &format!("t-{scope}"), &[scope])
            .await;
        for route in routes() {
            if route.scope.as_deref() == Some("admin")
                && scope == "admin"
                && route.method == "DELETE"
            {
                continue;
            }
            let fits = route.scope.as_deref().is_none_or(|needed| needed == scope);
            let (status, answer) = ask(&server, &token, &route, &route.at("other")).await;
            let at = format!("{} {} with {scope}: {answer}", route.method, route.path);
            assert_eq!(status == 403, !fits, "{at}");
            assert_ne!(status, 401, "{at}");
        }
    }
}

#[tokio::test]
async fn who_has_no_valid_token_is_told_the_same_everywhere() {
    let server = server().await;
    let path = "/workspaces/own/tokens";
    let revoked = server.add_token(path, "revoked", &SCOPES).await;
    let (status, _) = server
        .api(Method::DELETE, &format!("{path}/revoked"), None)
        .await;
    assert_eq!(status, 204);
    let body = json!({"name": "short", "scopes": SCOPES, "expires_in_seconds": 1});
    let (_, short) = server.api(Method::POST, path, Some(body)).await;
    let expired = typed::<Token>(&short).token.unwrap();
    until("the token expires", async || {
        server.api_as(&expired, Method::GET, "/token", None).await.0 == 401
    })
    .await;
    let never = revoked.replacen("swt_", "swt_x", 1);
    let mut answers = std::collections::BTreeSet::new();
    for route in routes() {
        for token in [&revoked, &expired, &never, "", "x"] {
            for workspace in ["own", "never"] {
                let (status, answer) = ask(&server, token, &route, &route.at(workspace)).await;
                assert_eq!(status, 401, "{} {}", route.method, route.path);
                answers.insert(answer.to_string());
            }
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}
