//! Schedules: cron lines that make tasks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use stepwell_api::{self as contract, DryRun};

use super::listed::listed;
use super::{Api, ApiError, json, json_body, no_content, query};
use crate::catalog::Put;
use crate::domain::ids::{ScheduleName, check_new};
use crate::domain::schedule::{Missed, ScheduleSettings};
use crate::http::caller::{Caller, Deploy, Read};
use crate::http::view;

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let all = api.catalog.schedules(&caller.workspace)?;
    let bytes = all.iter().map(|live| 512 + live.schedule.data.len());
    let bytes = bytes.sum();
    let schedules = all.into_iter().map(|live| view::schedule(&live));
    listed(&api, &caller.workspace, ("schedules", bytes), schedules).await
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let name = caller.name()?;
    let live = api
        .catalog
        .look_up(|catalog| catalog.schedule(&caller.workspace, &name))
        .await?;
    Ok(json(StatusCode::OK, &view::schedule(&live)))
}

pub(in crate::http) async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    how: Result<Query<DryRun>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name: ScheduleName = caller.name()?;
    let how = query(how)?;
    let settings = settings(json_body(&api, Some(&caller.workspace), &headers, body).await?);
    if api.catalog.schedule(&caller.workspace, &name).is_err() {
        check_new("schedule", name.as_str())?;
    }
    if how.dry_run {
        let workspace = &caller.workspace;
        let put = api
            .catalog
            .would_put_schedule(workspace, &name, &settings)?;
        let answer = contract::Put {
            name: name.to_string(),
            kind: None,
            change: view::put_change(put),
        };
        return Ok(json(StatusCode::OK, &answer));
    }
    let (put, live) = api
        .catalog
        .put_schedule(&caller.workspace, name, settings)
        .await?;
    let mut answer = view::schedule(&live);
    answer.change = Some(view::put_change(put));
    let status = match put {
        Put::Added => StatusCode::CREATED,
        Put::Changed | Put::Same => StatusCode::OK,
    };
    Ok(json(status, &answer))
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_schedule(&caller.workspace, &caller.name()?)
        .await?;
    Ok(no_content())
}

fn settings(given: contract::ScheduleSettings) -> ScheduleSettings {
    ScheduleSettings {
        cron: given.cron,
        timezone: given.timezone,
        missed: match given.missed {
            contract::Missed::Skip => Missed::Skip,
            contract::Missed::Once => Missed::Once,
            contract::Missed::All => Missed::All,
        },
        data: given.data,
    }
}
