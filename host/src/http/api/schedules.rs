//! Schedules: cron lines that make tasks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::connectors::How;
use super::{Api, ApiError, json, json_body, no_content, query};
use crate::catalog::{LiveSchedule, Put};
use crate::domain::clock::rfc3339;
use crate::domain::ids::ScheduleName;
use crate::domain::schedule::ScheduleSettings;
use crate::http::caller::{Caller, Deploy, Read};

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let all = api.catalog.schedules(&caller.workspace)?;
    let views: Vec<_> = all.iter().map(|live| view(live)).collect();
    Ok(json(StatusCode::OK, &json!({ "schedules": views })))
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
    Ok(json(StatusCode::OK, &view(&live)))
}

pub(in crate::http) async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    how: Result<Query<How>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let name: ScheduleName = caller.name()?;
    let how = query(how)?;
    let settings: ScheduleSettings = json_body(&api, &headers, body).await?;
    if how.dry_run {
        let workspace = &caller.workspace;
        let put = api
            .catalog
            .would_put_schedule(workspace, &name, &settings)?;
        let answer = json!({ "name": name, "change": word(put) });
        return Ok(json(StatusCode::OK, &answer));
    }
    let (put, live) = api
        .catalog
        .put_schedule(&caller.workspace, name, settings)
        .await?;
    let mut answer = view(&live);
    answer["change"] = word(put).into();
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

fn word(put: Put) -> &'static str {
    match put {
        Put::Added => "added",
        Put::Changed => "changed",
        Put::Same => "same",
    }
}

fn view(live: &LiveSchedule) -> Value {
    let schedule = &live.schedule;
    // It was written from a JSON object.
    let data: Value = serde_json::from_str(&schedule.data).unwrap_or_default();
    json!({
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "missed": schedule.missed,
        "data": data,
        "next": live.next().map(rfc3339),
        "created": rfc3339(schedule.created),
        "updated": rfc3339(schedule.updated),
    })
}
