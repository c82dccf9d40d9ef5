//! Named connectors: kind and operations are shown, what they are configured with never.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, ApiError, json, json_body, no_content, query};
use crate::catalog::Put;
use crate::connectors::named::Connector;
use crate::domain::connector::ConnectorSettings;
use crate::domain::ids::ConnectorName;
use crate::http::caller::{Caller, Deploy, Read};

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let all = api.catalog.connectors(&caller.workspace)?;
    let views: Vec<_> = all
        .iter()
        .map(|(name, live)| view(name, &live.connector))
        .collect();
    Ok(json(StatusCode::OK, &json!({ "connectors": views })))
}

/// How a connector or a schedule is put.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct How {
    /// Only says what the change would come to.
    #[serde(default)]
    pub(super) dry_run: bool,
}

pub(in crate::http) async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    how: Result<Query<How>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name: ConnectorName = caller.name()?;
    let how = query(how)?;
    let settings: ConnectorSettings = json_body(&api, &headers, body).await?;
    let kind = settings.kind.clone();
    let put = if how.dry_run {
        let workspace = &caller.workspace;
        api.catalog
            .would_put_connector(workspace, &name, &settings)?
    } else {
        api.catalog
            .put_connector(&caller.workspace, name.clone(), settings)
            .await?
    };
    let (status, change) = match put {
        Put::Added if !how.dry_run => (StatusCode::CREATED, "added"),
        Put::Added => (StatusCode::OK, "added"),
        Put::Changed => (StatusCode::OK, "changed"),
        Put::Same => (StatusCode::OK, "same"),
    };
    Ok(json(
        status,
        &json!({ "name": name, "kind": kind, "change": change }),
    ))
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_connector(&caller.workspace, &caller.name()?)
        .await?;
    Ok(no_content())
}

fn view(name: &ConnectorName, connector: &Connector) -> Value {
    json!({ "name": name, "kind": connector.kind(), "operations": connector.operations() })
}
