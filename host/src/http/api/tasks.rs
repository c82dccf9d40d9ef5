//! Tasks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Api, ApiError, Tenant, json, query};
use crate::domain::ids::TaskId;
use crate::http::view::{HeadView, TaskView};
use crate::store::TaskQuery;

/// Tasks on a page, if the query does not say.
const PAGE: usize = 50;
/// The largest page.
const MOST: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Page {
    state: Option<String>,
    limit: Option<usize>,
    before: Option<String>,
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    let page = query(page)?;
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::BadParameter(format!(
            "`limit` is {limit}; it must be 1 to {MOST}"
        )));
    }
    let wanted = TaskQuery {
        state: page.state.as_deref().map(str::parse).transpose()?,
        before: page
            .before
            .as_deref()
            .map(str::parse::<TaskId>)
            .transpose()?,
        // One more, to know whether there is a next page.
        limit: limit + 1,
    };
    let mut heads = api.store.list(&tenant.workspace, &wanted).await?;
    let more = heads.len() > limit;
    heads.truncate(limit);
    let next = heads.last().filter(|_| more).map(|head| head.id);
    let views: Vec<_> = heads
        .iter()
        .map(|head| HeadView::of(head, head.runs))
        .collect();
    Ok(json(
        StatusCode::OK,
        &json!({ "tasks": views, "next": next.map(|id| id.to_string()) }),
    ))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
) -> Result<Response<Body>, ApiError> {
    let id: TaskId = tenant.name()?;
    let task = api.store.load(&tenant.workspace, id).await?;
    let task = task.ok_or_else(|| ApiError::NoSuchTask {
        task: id,
        workspace: tenant.workspace.clone(),
    })?;
    let journal = api.store.journal(&tenant.workspace, id).await?;
    let view = TaskView::of(&task, &journal)?;
    Ok(json(StatusCode::OK, &view))
}
