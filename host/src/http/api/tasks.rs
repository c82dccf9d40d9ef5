//! Tasks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_condition::Pattern;

use super::{Api, ApiError, Tenant, json, query};
use crate::domain::clock::{Millis, parse_rfc3339};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::http::view::{HeadView, TaskView};
use crate::store::search::{Search, search};

/// Tasks on a page, if the query does not say.
const PAGE: usize = 50;
/// The largest page.
const MOST: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    /// States, between commas.
    state: Option<String>,
    /// Those that somebody has to look at.
    attention: Option<bool>,
    name: Option<String>,
    tag: Option<String>,
    webhook: Option<String>,
    since: Option<String>,
    until: Option<String>,
    r#where: Option<String>,
    limit: Option<usize>,
    before: Option<String>,
}

impl Wanted {
    fn search(self) -> Result<Search, ApiError> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=MOST).contains(&limit) {
            return Err(ApiError::BadParameter(format!(
                "`limit` is {limit}; it must be 1 to {MOST}"
            )));
        }
        let states = match (self.state, self.attention) {
            (Some(_), Some(true)) => {
                let both =
                    "`attention` stands for the states error and unmatched; give it or `state`";
                return Err(ApiError::BadParameter(both.into()));
            }
            (None, Some(true)) => vec![TaskState::Error, TaskState::Unmatched],
            (None, _) => Vec::new(),
            (Some(states), _) => states
                .split(',')
                .map(str::parse)
                .collect::<Result<_, _>>()?,
        };
        Ok(Search {
            states,
            name: self.name,
            tag: self.tag,
            webhook: self.webhook,
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            pattern: self.r#where.map(pattern).transpose()?,
            before: self.before.as_deref().map(str::parse).transpose()?,
            limit,
        })
    }
}

fn time(what: &str, text: Option<String>) -> Result<Option<Millis>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    parse_rfc3339(&text).map(Some).ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        ApiError::BadParameter(format!(
            "`{what}` is `{text}`; it must be a time of RFC 3339, e.g. 2026-11-23T14:00:00Z (a `+` is %2B)"
        ))
    })
}

fn pattern(text: String) -> Result<Arc<Pattern>, ApiError> {
    let value: Value = serde_json::from_str(&text).map_err(|error| ApiError::PatternNotJson {
        line: error.line(),
        column: error.column(),
        message: error.to_string(),
    })?;
    let pattern = Pattern::parse(&value).map_err(ApiError::BadPattern)?;
    Ok(Arc::new(pattern))
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    tenant: Tenant,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    let wanted = query(wanted)?.search()?;
    let page = search(&*api.store, &tenant.workspace, &wanted).await?;
    let views: Vec<_> = page
        .tasks
        .iter()
        .map(|head| HeadView::of(head, head.runs))
        .collect();
    Ok(json(
        StatusCode::OK,
        &json!({ "tasks": views, "next": page.next.map(|id| id.to_string()) }),
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
