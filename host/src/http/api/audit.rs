//! The audit log.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use stepwell_api::{self as contract, AuditLog, AuditLogQuery};

use super::tasks::time;
use super::{Api, ApiError, json, query};
use crate::domain::audit::{AuditEntry, AuditId, AuditQuery};
use crate::domain::clock::rfc3339;
use crate::domain::ids::WorkspaceName;
use crate::http::caller::{Admin, Caller, ServerCaller};

/// Entries of a page if nothing else is asked for, and at most.
const LIMIT: (usize, usize) = (50, 500);

type Asked = Result<Query<AuditLogQuery>, QueryRejection>;

async fn page(
    api: &Api,
    workspace: Option<WorkspaceName>,
    asked: Asked,
) -> Result<Response<Body>, ApiError> {
    let asked = query(asked)?;
    let limit = asked.limit.unwrap_or(LIMIT.0);
    if !(1..=LIMIT.1).contains(&limit) {
        let message = format!("`limit` is {limit}; it must be 1 to {}", LIMIT.1);
        return Err(ApiError::BadParameter(message));
    }
    let query = AuditQuery {
        workspace,
        before: asked.before.as_deref().map(id).transpose()?,
        since: time("since", asked.since)?,
        until: time("until", asked.until)?,
        who: asked.who,
        what: asked.what,
        limit,
    };
    let reading = api.catalog.audit(&query);
    let found = match &query.workspace {
        Some(workspace) => api.engine.reads.run(workspace, reading).await?,
        None => reading.await?,
    };
    let page = AuditLog {
        entries: found.entries.into_iter().map(shown).collect(),
        next: found.next.map(text_of),
    };
    Ok(json(StatusCode::OK, &page))
}

fn text_of(id: AuditId) -> String {
    format!("{:016x}", id.0)
}

fn id(text: &str) -> Result<AuditId, ApiError> {
    let number = u64::from_str_radix(text, 16)
        .ok()
        .filter(|_| text.len() == 16);
    number.map(AuditId).ok_or_else(|| {
        let text: String = text.chars().take(40).collect();
        ApiError::BadParameter(format!(
            "`before` is `{text}`; it must be an entry's id of 16 hexadecimal digits"
        ))
    })
}

fn shown((id, entry): (AuditId, AuditEntry)) -> contract::AuditEntry {
    contract::AuditEntry {
        id: text_of(id),
        at: rfc3339(entry.at),
        workspace: entry.workspace.map(String::from),
        who: entry.who,
        token: entry.token,
        ip: entry.ip,
        what: entry.what,
        target: entry.target,
        outcome: entry.outcome,
    }
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Admin>,
    asked: Asked,
) -> Result<Response<Body>, ApiError> {
    page(&api, Some(caller.workspace), asked).await
}

pub(in crate::http) async fn list_of_server(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
    asked: Asked,
) -> Result<Response<Body>, ApiError> {
    page(&api, None, asked).await
}
