//! Named connectors: kind and operations are shown, what they are configured with never.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use stepwell_api::{self as contract, Connectors, DryRun};

use super::{Api, ApiError, json, json_body, no_content, query};
use crate::catalog::Put;
use crate::domain::connector::ConnectorSettings;
use crate::domain::ids::ConnectorName;
use crate::http::caller::{Caller, Deploy, Read};
use crate::http::view;

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let all = api.catalog.connectors(&caller.workspace)?;
    let connectors = all
        .iter()
        .map(|(name, live)| contract::Connector {
            name: name.to_string(),
            kind: live.connector.kind().to_owned(),
            operations: (live.connector.operations().iter())
                .map(ToString::to_string)
                .collect(),
        })
        .collect();
    Ok(json(StatusCode::OK, &Connectors { connectors }))
}

pub(in crate::http) async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    how: Result<Query<DryRun>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name: ConnectorName = caller.name()?;
    let how = query(how)?;
    let contract::ConnectorSettings { kind, config } =
        json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let settings = ConnectorSettings {
        kind: kind.clone(),
        config,
    };
    let put = if how.dry_run {
        let workspace = &caller.workspace;
        api.catalog
            .would_put_connector(workspace, &name, &settings)?
    } else {
        api.catalog
            .put_connector(&caller.workspace, name.clone(), settings)
            .await?
    };
    let status = match put {
        Put::Added if !how.dry_run => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let put = contract::Put {
        name: name.to_string(),
        kind: Some(kind),
        change: view::put_change(put),
    };
    Ok(json(status, &put))
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
