//! Tasks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;
use stepwell_api::{StateCounts, TaskCounts, TaskPage, TaskQuery, TimelineQuery};
use stepwell_condition::Pattern;

use super::{Api, ApiError, json, json_text, query};
use crate::domain::blocking::BlockingPool;
use crate::domain::budget::Permit;
use crate::domain::clock::{Millis, parse_rfc3339};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::http::caller::{Caller, Read};
use crate::http::view;
use crate::ingest::read::ReadError;
use crate::store::search::{Search, search};
use crate::store::{Terms, Timeline};

/// Tasks on a page, if the query does not say.
const PAGE: usize = 50;
/// An answer that its workspace is not charged for, in bytes.
pub(super) const SMALL: usize = 256 * 1024;
/// The largest page.
const MOST: usize = 500;

/// What a query asks the store for.
fn wanted(query: TaskQuery) -> Result<Search, ApiError> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::BadParameter(format!(
            "`limit` is {limit}; it must be 1 to {MOST}"
        )));
    }
    let states = match (query.state, query.attention) {
        (Some(_), Some(true)) => {
            let both = "`attention` stands for the states error and unmatched; give it or `state`";
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
        terms: Terms {
            webhook: query.webhook,
            name: query.name,
            tag: query.tag,
        },
        since: time("since", query.since)?,
        until: time("until", query.until)?,
        pattern: query.r#where.map(pattern).transpose()?,
        before: query.before.as_deref().map(str::parse).transpose()?,
        limit,
    })
}

/// A time in a query.
pub(super) fn time(what: &str, text: Option<String>) -> Result<Option<Millis>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    parse_rfc3339(&text).map(Some).ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        ApiError::BadParameter(format!(
            "`{what}` is `{text}`; it must be a time of RFC 3339, e.g. 2026-11-23T14:00:00Z (a `+` is %2B)"
        ))
    })
}

pub(super) fn pattern(text: String) -> Result<Arc<Pattern>, ApiError> {
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
    caller: Caller<Read>,
    asked: Result<Query<TaskQuery>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    let wanted = wanted(query(asked)?)?;
    let pool: &dyn BlockingPool = &*api.engine.pool;
    let matching = Some((pool, &api.engine.memory));
    let reading = search(&*api.store, matching, &caller.workspace, &wanted);
    let page = api.engine.reads.run(&caller.workspace, reading).await?;
    // A webhook that was deleted has tasks; one that never was has none.
    if page.tasks.is_empty()
        && (page.next.or(wanted.before)).is_none()
        && let Some(webhook) = &wanted.terms.webhook
    {
        is_known(&api, &caller, webhook)?;
    }
    let page = TaskPage {
        tasks: page.tasks.iter().map(view::head).collect(),
        next: page.next.map(|id| id.to_string()),
    };
    Ok(json(StatusCode::OK, &page))
}

fn is_known(api: &Api, caller: &Caller<Read>, name: &str) -> Result<(), ApiError> {
    let webhooks = api.catalog.webhooks(&caller.workspace)?;
    let mut names: Vec<&str> = webhooks
        .iter()
        .map(|webhook| webhook.name.as_str())
        .collect();
    names.sort_unstable();
    if names.contains(&name) {
        return Ok(());
    }
    Err(ApiError::BadParameter(no_webhook(name, &names)))
}

/// The error for the name of a webhook that does not exist, with the nearest one that does.
fn no_webhook(name: &str, known: &[&str]) -> String {
    let name: String = name.chars().take(80).collect();
    let distance =
        |other: &&&str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let near = known.iter().min_by_key(distance);
    let hint = match near {
        Some(near) if distance(&near) <= 1 + near.len() / 4 => format!("did you mean `{near}`?"),
        Some(_) => {
            let mut first: Vec<&str> = known.iter().take(20).copied().collect();
            if known.len() > first.len() {
                first.push("…");
            }
            format!("there are: {}", first.join(", "))
        }
        None => "the workspace has no webhooks".to_owned(),
    };
    format!("there is no webhook `{name}`, and no task came in by one; {hint}")
}

/// How many tasks are in each state.
pub(in crate::http) async fn count(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
) -> Result<Response<Body>, ApiError> {
    let reading = api.store.counts(&caller.workspace);
    let counts = api.engine.reads.run(&caller.workspace, reading).await?;
    let mut of = StateCounts::default();
    for (state, count) in TaskState::ALL.iter().zip(counts.of) {
        let place = match state {
            TaskState::Ready => &mut of.ready,
            TaskState::Waiting => &mut of.waiting,
            TaskState::Done => &mut of.done,
            TaskState::Unmatched => &mut of.unmatched,
            TaskState::Error => &mut of.error,
            TaskState::Ignored => &mut of.ignored,
            TaskState::Cancelled => &mut of.cancelled,
        };
        *place = count;
    }
    let answer = TaskCounts {
        counts: of,
        exact: !counts.at_least,
    };
    Ok(json(StatusCode::OK, &answer))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
    asked: Result<Query<TimelineQuery>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    let id: TaskId = caller.name()?;
    let TimelineQuery { before } = query(asked)?;
    // Each holds some times what it shows.
    let _turn = api.views.wait_for(&caller.workspace, 1).await;
    let reading = api.store.timeline(&caller.workspace, id, before);
    let timeline = api.engine.reads.run(&caller.workspace, reading).await?;
    let timeline = timeline.ok_or_else(|| ApiError::NoSuchTask {
        task: id,
        workspace: caller.workspace.clone(),
    })?;
    let is_large = timeline.task.data.len() as u64 + timeline.task.journal > SMALL as u64;
    let text = match is_large {
        false => shown(&timeline, before.is_some())?,
        true => {
            let pool = &api.engine.pool;
            let showing = pool.run_for(&caller.workspace, move || {
                shown(&timeline, before.is_some())
            });
            showing.await?
        }
    };
    held(&api, &caller.workspace, text)
}

/// A task as JSON text. `is_earlier`: with a part of its journal that is not the newest.
fn shown(timeline: &Timeline, is_earlier: bool) -> Result<Vec<u8>, ApiError> {
    let journal = &timeline.journal;
    let entries = journal.iter().map(|(place, entry)| (*place, entry));
    let mut shown = view::task(&timeline.task, entries)?;
    let oldest = journal.first().map(|(place, _)| *place);
    shown.earlier = oldest.filter(|_| timeline.is_cut);
    if is_earlier {
        // They are those of a run that a newer page has.
        shown.calls_under_way = Vec::new();
    }
    Ok(serde_json::to_vec(&shown).unwrap_or_default())
}

/// An answer that is charged to its workspace until it is sent, if it is large: a client may read slowly.
pub(in crate::http) fn held(
    api: &Api,
    workspace: &WorkspaceName,
    text: Vec<u8>,
) -> Result<Response<Body>, ApiError> {
    let permit = match text.len() {
        ..=SMALL => Permit::unlimited(),
        bytes => {
            let permit = api.engine.memory.take(workspace, bytes as u64);
            permit.map_err(|_| ReadError::Overloaded)?
        }
    };
    Ok(json_text(
        StatusCode::OK,
        Bytes::from_owner(ChargedBytes(text, permit)),
    ))
}

/// Bytes that a workspace is charged for as long as they are there.
pub(super) struct ChargedBytes(
    pub(super) Vec<u8>,
    #[expect(dead_code, reason = "it is given back when this is dropped")] pub(super) Permit,
);

impl AsRef<[u8]> for ChargedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
