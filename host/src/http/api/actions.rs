//! Actions of people on tasks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::de::DeserializeOwned;
use stepwell_api::{Replay, ReplayFrom, SetValue, TaskChange};

use super::{Api, ApiError, bad, json, strict, whole_body};
use crate::domain::data::{Edit, Pointer};
use crate::domain::ids::WorkspaceName;
use crate::domain::task::TaskHead;
use crate::engine::Held;
use crate::http::caller::{Caller, Ingest, Operate};
use crate::http::event::text;
use crate::http::view;
use crate::ingest::accept::{IngestError, Posted, posted_task};
use crate::ingest::body;

fn edits_of(change: TaskChange) -> Result<Vec<Edit>, ApiError> {
    let mut edits = match (change.replace, change.patch) {
        (Some(_), Some(_)) => {
            return Err(bad("it has `replace` and `patch`; give one of them"));
        }
        (Some(document), None) => vec![Edit::Replace(document)],
        (None, Some(patch)) => vec![Edit::Patch(patch)],
        (None, None) => Vec::new(),
    };
    for SetValue { path, value } in change.set {
        let pointer = Pointer::parse(&path).map_err(|error| bad(&error.to_string()))?;
        edits.push(Edit::Set(pointer, value));
    }
    Ok(edits)
}

/// A body that may be as large as a webhook's, with the memory of its values; the default if it is empty.
pub(super) async fn large_body<T: DeserializeOwned + Default>(
    api: &Api,
    workspace: &WorkspaceName,
    headers: &HeaderMap,
    body: Body,
) -> Result<(T, Held), ApiError> {
    let (bytes, _share) = whole_body(api, Some(workspace), api.body, headers, body).await?;
    if bytes.is_empty() {
        return Ok((T::default(), None));
    }
    let held = api.engine.actions.memory_for(workspace, &bytes).await?;
    let value = body::to_value(&bytes).map_err(IngestError::Body)?;
    let read = strict::from_value(value).map_err(|error| bad(&error.to_string()))?;
    Ok((read, held))
}

fn answer(status: StatusCode, head: &TaskHead) -> Response<Body> {
    json(status, &view::head(head))
}

pub(in crate::http) async fn new(
    State(api): State<Arc<Api>>,
    caller: Caller<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let workspace = Some(&caller.workspace);
    let (bytes, _share) = whole_body(&api, workspace, api.body, &headers, body).await?;
    let task = posted_task(Posted {
        workspace: &caller.workspace,
        at: api.clock.now(),
        ip: caller.ip(),
        by: &caller.who.principal,
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
    let updating = async {
        let (change, held) = large_body(&api, &caller.workspace, &headers, body).await?;
        let edits = edits_of(change)?;
        if edits.is_empty() {
            return Err(bad(
                "it changes nothing; give `patch` (a JSON merge patch), `set` or `replace`",
            ));
        }
        let by = caller.actor();
        let actions = &api.engine.actions;
        let done = actions.update(&caller.workspace, task, (edits, held), by);
        Ok(answer(StatusCode::OK, &done.await?))
    };
    api.engine
        .charge(&caller.workspace, Box::pin(updating))
        .await
}

pub(in crate::http) async fn clone(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let task = caller.name()?;
    let cloning = async {
        let (change, held) = large_body(&api, &caller.workspace, &headers, body).await?;
        let edits = edits_of(change)?;
        let by = caller.actor();
        let actions = &api.engine.actions;
        let done = actions
            .clone_task(&caller.workspace, task, (edits, held), by)
            .await?;
        Ok(answer(StatusCode::CREATED, &done))
    };
    api.engine
        .charge(&caller.workspace, Box::pin(cloning))
        .await
}

pub(in crate::http) async fn replay(
    State(api): State<Arc<Api>>,
    caller: Caller<Operate>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let task = caller.name()?;
    let (ReplayFrom { from }, _) = large_body(&api, &caller.workspace, &headers, body).await?;
    let replayed = api
        .engine
        .replayer
        .replay(&caller.workspace, task, from)
        .await?;
    let mut shown = view::task(&replayed.task, (0..).zip(&replayed.journal))?;
    shown.replay = Some(Replay {
        from,
        stopped: replayed.stopped,
        changes: replayed.changes.into_iter().map(view::change).collect(),
    });
    Ok(json(StatusCode::OK, &shown))
}
