//! Tokens. The text of one is in the answer to its adding, and nowhere else.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use stepwell_api::{self as contract, Tokens};

use super::{Api, ApiError, json, json_body, no_content};
use crate::catalog::{CatalogError, NewToken, is_about};
use crate::domain::ids::{TokenName, WorkspaceName};
use crate::domain::token::scopes;
use crate::http::caller::{Admin, Authenticated, Caller, ServerCaller};
use crate::http::view;

/// The token that the request carries.
pub(in crate::http) async fn own(
    State(api): State<Arc<Api>>,
    who: Authenticated,
) -> Result<Response<Body>, ApiError> {
    let principal = &who.principal;
    let shown = match &principal.token {
        Some(id) => view::token(&*api.catalog.token(principal.workspace.as_ref(), id)?),
        None => view::admin_token(),
    };
    Ok(json(StatusCode::OK, &shown))
}

fn listed(api: &Api, workspace: Option<&WorkspaceName>) -> Result<Response<Body>, ApiError> {
    let tokens = api.catalog.tokens(workspace)?;
    let tokens = tokens.iter().map(|live| view::token(live)).collect();
    Ok(json(StatusCode::OK, &Tokens { tokens }))
}

async fn added(
    api: &Api,
    who: &Authenticated,
    workspace: Option<&WorkspaceName>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let new: contract::NewToken<TokenName> = json_body(api, workspace, headers, body).await?;
    let scopes = scopes(new.scopes.iter().map(contract::Scope::as_str));
    let scopes = scopes.map_err(CatalogError::from)?;
    is_about(&format!("tokens/{}", new.name));
    who.check_all(&scopes, workspace)?;
    let new = NewToken {
        workspace: workspace.cloned(),
        name: new.name,
        scopes,
        expires_in_seconds: new.expires_in_seconds,
    };
    let (live, text) = api.catalog.add_token(new, &who.principal).await?;
    let mut shown = view::token(&live);
    shown.token = Some(text.to_string());
    Ok(json(StatusCode::CREATED, &shown))
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Admin>,
) -> Result<Response<Body>, ApiError> {
    listed(&api, Some(&caller.workspace))
}

pub(in crate::http) async fn add(
    State(api): State<Arc<Api>>,
    caller: Caller<Admin>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    added(&api, &caller.who, Some(&caller.workspace), &headers, body).await
}

pub(in crate::http) async fn revoke(
    State(api): State<Arc<Api>>,
    caller: Caller<Admin>,
) -> Result<Response<Body>, ApiError> {
    let catalog = &api.catalog;
    catalog
        .revoke_token(Some(&caller.workspace), &caller.name)
        .await?;
    Ok(no_content())
}

pub(in crate::http) async fn list_of_server(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
) -> Result<Response<Body>, ApiError> {
    listed(&api, None)
}

pub(in crate::http) async fn add_to_server(
    State(api): State<Arc<Api>>,
    caller: ServerCaller<Admin>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    added(&api, &caller.who, None, &headers, body).await
}

pub(in crate::http) async fn revoke_of_server(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
    Path(name): Path<String>,
) -> Result<Response<Body>, ApiError> {
    api.catalog.revoke_token(None, &name).await?;
    Ok(no_content())
}
