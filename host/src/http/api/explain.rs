//! Why a task's data does not match its steps' conditions.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, ApiError, json, query};
use crate::catalog::Verdict;
use crate::domain::ids::{StepName, TaskId};
use crate::http::caller::{Caller, Read};
use crate::store::StoreError;

/// Steps that one answer shows.
const STEPS: usize = 100;
/// Of these, how many are also looked through for names that are not there.
const DOUBTED: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    /// One step only.
    step: Option<String>,
}

pub(in crate::http) async fn explain(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    let id: TaskId = caller.name()?;
    let only: Option<StepName> = query(wanted)?.step.map(|name| name.parse()).transpose()?;
    let task = api.store.load(&caller.workspace, id).await?;
    let task = task.ok_or_else(|| ApiError::NoSuchTask {
        task: id,
        workspace: caller.workspace.clone(),
    })?;
    let explained = tokio::task::spawn_blocking(move || {
        let data: Value = serde_json::from_str(&task.data).map_err(|error| {
            StoreError::Damaged(format!("the data of task {id} is not JSON: {error}"))
        })?;
        let judged = api
            .catalog
            .explain(&caller.workspace, only.as_ref(), &data)?;
        let more = judged.len().saturating_sub(STEPS);
        let steps: Vec<Value> = judged
            .iter()
            .take(STEPS)
            .enumerate()
            .map(|(place, (step, verdict))| {
                let warnings = match verdict {
                    Verdict::Differs(_) if place < DOUBTED => {
                        api.catalog.doubts(&caller.workspace, step)
                    }
                    _ => Vec::new(),
                };
                let (matches, mismatch) = match verdict {
                    Verdict::Matches => (Some(true), None),
                    Verdict::Unknown => (None, None),
                    Verdict::Differs(mismatch) => (
                        Some(false),
                        Some(json!({
                            "path": mismatch.pointer,
                            "expected": mismatch.expected,
                            "found": mismatch.found,
                        })),
                    ),
                };
                json!({
                    "step": step.step.name,
                    "matches": matches,
                    "mismatch": mismatch,
                    "warnings": warnings,
                })
            })
            .collect();
        Ok::<_, ApiError>(json!({
            "task": id.to_string(),
            "state": task.head.state(),
            "steps": steps,
            "more": more,
        }))
    });
    let explained = explained.await.map_err(StoreError::unavailable)??;
    Ok(json(StatusCode::OK, &explained))
}
