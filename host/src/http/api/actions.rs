//! What people do with tasks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json as object};

use super::{Api, ApiError, json, whole_body};
use crate::domain::data::{Edit, Pointer};
use crate::domain::task::TaskHead;
use crate::http::caller::{Caller, Ingest, Operate};
use crate::http::event::text;
use crate::http::view::{HeadView, TaskView};
use crate::ingest::accept::{IngestError, Posted, posted_task};
use crate::ingest::body;

/// What is to be changed in a task's data: `replace` or `patch` first, then `set` in its order.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    patch: Option<Value>,
    replace: Option<Value>,
    #[serde(default)]
    set: Vec<Set>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    path: String,
    value: Value,
}

impl Changes {
    fn edits(self) -> Result<Vec<Edit>, ApiError> {
        let mut edits = match (self.replace, self.patch) {
            (Some(_), Some(_)) => {
                return Err(bad("it has `replace` and `patch`; give one of them"));
            }
            (Some(document), None) => vec![Edit::Replace(document)],
            (None, Some(patch)) => vec![Edit::Patch(patch)],
            (None, None) => Vec::new(),
        };
        for Set { path, value } in self.set {
            let pointer = Pointer::parse(&path).map_err(|error| bad(&error.to_string()))?;
            edits.push(Edit::Set(pointer, value));
        }
        Ok(edits)
    }
}

fn bad(message: &str) -> ApiError {
    ApiError::BadBody {
        message: message.to_owned(),
        line: 0,
        column: 0,
    }
}

/// The edits that a body asks for; none if it is empty.
async fn edits(api: &Api, headers: &HeaderMap, body: Body) -> Result<Vec<Edit>, ApiError> {
    let (bytes, _share) = whole_body(api, api.body, headers, body).await?;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let value = body::to_value(&bytes).map_err(IngestError::Body)?;
    let changes: Changes =
        serde_json::from_value(value).map_err(|error| bad(&error.to_string()))?;
    changes.edits()
}

fn answer(status: StatusCode, head: &TaskHead) -> Response<Body> {
    json(status, &HeadView::of(head, head.runs))
}

pub(in crate::http) async fn new(
    State(api): State<Arc<Api>>,
    caller: Caller<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let (bytes, _share) = whole_body(&api, api.body, &headers, body).await?;
    let task = posted_task(Posted {
        workspace: &caller.workspace,
        at: api.clock.now(),
        ip: caller.ip(),
        user_agent: text(&headers, USER_AGENT).as_deref(),
        content_type: text(&headers, CONTENT_TYPE).as_deref(),
        body: &bytes,
    })?;
    let head = api.engine.actions.create(task).await?;
    Ok(answer(StatusCode::CREATED, &head))
}

pub(in crate::http) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
) -> Result<Response<Body>, ApiError> {
    let task = caller.name()?;
    let done = api
        .engine
        .actions
        .cancel(&caller.workspace, task, caller.actor());
    Ok(answer(StatusCode::OK, &done.await?))
}

pub(in crate::http) async fn retry(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
) -> Result<Response<Body>, ApiError> {
    let task = caller.name()?;
    let done = api
        .engine
        .actions
        .retry(&caller.workspace, task, caller.actor());
    Ok(answer(StatusCode::OK, &done.await?))
}

pub(in crate::http) async fn keep(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
) -> Result<Response<Body>, ApiError> {
    let done = api
        .engine
        .actions
        .set_kept(&caller.workspace, caller.name()?, true);
    Ok(answer(StatusCode::OK, &done.await?))
}

pub(in crate::http) async fn unkeep(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
) -> Result<Response<Body>, ApiError> {
    let done = api
        .engine
        .actions
        .set_kept(&caller.workspace, caller.name()?, false);
    Ok(answer(StatusCode::OK, &done.await?))
}

pub(in crate::http) async fn update(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let task = caller.name()?;
    let edits = edits(&api, &headers, body).await?;
    if edits.is_empty() {
        return Err(bad(
            "it changes nothing; give `patch` (a JSON merge patch), `set` or `replace`",
        ));
    }
    let by = caller.actor();
    let done = api
        .engine
        .actions
        .update(&caller.workspace, task, edits, by);
    Ok(answer(StatusCode::OK, &done.await?))
}

pub(in crate::http) async fn clone(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let task = caller.name()?;
    let edits = edits(&api, &headers, body).await?;
    let by = caller.actor();
    let done = api
        .engine
        .actions
        .clone_task(&caller.workspace, task, edits, by);
    Ok(answer(StatusCode::CREATED, &done.await?))
}

/// From where a task is to be replayed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    #[serde(default = "first")]
    from: u32,
}

fn first() -> u32 {
    1
}

pub(in crate::http) async fn replay(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let task = caller.name()?;
    let (bytes, _share) = whole_body(&api, api.body, &headers, body).await?;
    let from = if bytes.is_empty() {
        first()
    } else {
        let value = body::to_value(&bytes).map_err(IngestError::Body)?;
        let wanted: From =
            serde_json::from_value(value).map_err(|error| bad(&error.to_string()))?;
        wanted.from
    };
    let replayed = api
        .engine
        .replayer
        .replay(&caller.workspace, task, from)
        .await?;
    let view = TaskView::of(&replayed.task, &replayed.journal)?;
    let mut document = serde_json::to_value(&view).map_err(|_| ApiError::Damaged {
        task,
        what: "its data",
    })?;
    document["replay"] = object!({
        "from": from,
        "stopped": replayed.stopped,
        "changes": replayed.changes,
    });
    Ok(json(StatusCode::OK, &document))
}
