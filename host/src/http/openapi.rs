//! The OpenAPI document: what the list of routes and the contract's types say, as OpenAPI 3.1.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Response};
use serde_json::{Map, Value, json};
use stepwell_api::{Code, OPEN_ENUM, Problem};
use utoipa::{PartialSchema, ToSchema};

use super::route::{Access, JSON, Route};
use super::{Api, event};

/// The path of the document; it needs no token.
pub(super) const PATH: &str = "/api/v1/openapi.json";

/// The descriptions of the parameters in a path.
const PARAMETERS: [(&str, &str); 11] = [
    (
        "workspace",
        "The workspace's name, or a title that becomes it.",
    ),
    ("webhook", "The webhook's name or id."),
    ("step", "The step's name; its `/` is `%2F`."),
    ("task", "The task's id."),
    ("connector", "The connector's name."),
    ("schedule", "The schedule's name."),
    ("secret", "The secret's id."),
    ("token", "The token's name or id."),
    ("provider", "The provider's name."),
    ("link", "The secret part of the link."),
    ("digest", "The file's SHA-256, in hex."),
];

pub(super) async fn get(State(api): State<Arc<Api>>) -> Response<Body> {
    let text = api.openapi.get().cloned().unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// The document of these routes. A path's operations are in the order of the list.
pub(super) fn document(routes: &[Route]) -> Value {
    let mut own = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut own);
    let mut schemas = BTreeMap::from_iter(own);
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        schemas.extend(route.schemas.iter().cloned());
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    let mut schemas = json!(schemas);
    resolve_links(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stepwell",
            "description": "The HTTP API of a Stepwell server. docs/api.md tells what it means. \
                Every route of GET takes HEAD, too.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of a workspace or of the server (docs/tokens.md). The role of an \
                        operation is the scope that the token needs; the admin token has all.",
                },
            },
        },
    })
}

/// Puts the text of a member in place of "See [`Type::member`]", which only Rust's readers can follow.
fn resolve_links(schemas: &mut Value) {
    let whole = schemas.clone();
    let text_of = |link: &str| {
        let (of, member) = link.split_once("::")?;
        let (before, about) = (&whole[of]["properties"][member], "description");
        let text = before[about].as_str();
        // A type that may be `null` has it one level below.
        let below = before["oneOf"].as_array().into_iter().flatten();
        let text = text.or_else(|| below.into_iter().find_map(|one| one[about].as_str()));
        text.map(str::to_owned)
    };
    let mut rest = vec![schemas];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => {
                let link = text.strip_prefix("See [`");
                let link = link.and_then(|link| link.split_once('`'));
                if let Some(found) = link.and_then(|(link, _)| text_of(link)) {
                    *text = found
                        + &text
                            .split_once(';')
                            .map_or(String::new(), |(_, rest)| format!(" {}", rest.trim_start()));
                }
            }
            Value::Array(items) => rest.extend(items),
            Value::Object(members) => rest.extend(members.values_mut()),
            _ => {}
        }
    }
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [tag(route)],
        // An empty list: it needs no token. A token without a role: any will do.
        "security": security(route.access),
    });
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some((content, must)) = &route.body {
        operation["requestBody"] = json!({"required": must, "content": contents(content)});
    }
    operation["responses"] = responses(route);
    operation
}

fn security(access: Access) -> Value {
    match access {
        Access::Open => json!([]),
        Access::Token => json!([{"token": []}]),
        Access::Scope(scope) => json!([{"token": [scope.as_str()]}]),
    }
}

/// The noun of a path of the API, and `server` for all others.
fn tag(route: &Route) -> &str {
    let below = route.path.strip_prefix("/api/v1/workspaces");
    match below.map(|below| below.split('/').nth(2)) {
        Some(Some(noun)) => noun,
        Some(None) => "workspaces",
        None if route.path.starts_with("/event/") => "events",
        None if route.path.starts_with("/reply/") => "events",
        None if route.path.starts_with("/files/") => "files",
        None if route.path.starts_with("/api/v1/providers") => "providers",
        None if route.path.starts_with("/api/v1/token") => "tokens",
        None if route.path == "/api/v1/audit" => "audit",
        None => "server",
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let of_path = |part: &str| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let about = match name {
            "key" if route.path.starts_with("/event/") => "The secret key in the webhook's URL.",
            "key" => "The config key.",
            name => {
                let known = PARAMETERS.iter().find(|(known, _)| *known == name);
                known.map_or("", |(_, about)| about)
            }
        };
        Some(json!({
            "name": name,
            "in": "path",
            "description": about,
            "required": true,
            "schema": {"type": "string"},
        }))
    };
    let of_path = route.path.split('/').filter_map(of_path);
    of_path
        .chain(route.query.iter().map(|one| json!(one)))
        .collect()
}

fn contents(all: &[(&'static str, Value)]) -> Value {
    let all = all.iter();
    all.map(|(media, schema)| ((*media).to_owned(), json!({"schema": schema})))
        .collect::<Map<_, _>>()
        .into()
}

fn responses(route: &Route) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in &route.answers {
        let Some((media, schema)) = &answer.content else {
            let response = json!({"description": answer.about});
            responses.insert(answer.status.to_string(), response);
            continue;
        };
        let response = responses.entry(answer.status.to_string()).or_default();
        if response.is_null() {
            *response = json!({
                "description": answer.about,
                "content": {*media: {"schema": schema}},
            });
            continue;
        }
        // Another form of the same status.
        let about = response["description"].as_str().unwrap_or_default();
        response["description"] = format!("{about} {}", answer.about).into();
        let first = response["content"][media]["schema"].take();
        response["content"][media]["schema"] = json!({"anyOf": [first, schema]});
    }
    let mut refusals: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes(route) {
        refusals.entry(code.status()).or_default().push(code);
    }
    for (status, codes) in refusals {
        let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let response = json!({
            "description": format!("`{}`", words.join("`, `")),
            "content": {"application/problem+json": {"schema": {
                "$ref": "#/components/schemas/Problem",
                "properties": {"code": {OPEN_ENUM: words}},
            }}},
        });
        responses.insert(status.to_string(), response);
    }
    json!(responses)
}

/// What a route may be refused with: its own codes, and those of all routes of its kind.
fn codes(route: &Route) -> Vec<Code> {
    let mut codes = route.codes.clone();
    let (is_event, writes) = (route.path == event::PATH, route.method != Method::GET);
    let needs_token = route.access != Access::Open;
    if needs_token {
        codes.extend([Code::Unauthorized, Code::TooManyAttempts]);
        codes.extend(matches!(route.access, Access::Scope(_)).then_some(Code::Forbidden));
        if route.path.contains('{') {
            codes.extend([Code::BadName, Code::BadParameter, Code::NotFound]);
        }
    }
    if needs_token || is_event {
        codes.extend([Code::Internal, Code::ShuttingDown, Code::StorageUnavailable]);
        if writes {
            codes.extend([Code::BeingErased, Code::StorageFull, Code::StorageFailed]);
        }
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}
