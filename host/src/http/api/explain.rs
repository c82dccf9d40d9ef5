//! Why a task's data does not match its steps' conditions.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use stepwell_api::{ExplainQuery, Explained, ExplainedStep, Mismatch};

use super::{Api, ApiError, json, query};
use crate::catalog::Verdict;
use crate::domain::data::Document;
use crate::domain::ids::{StepName, TaskId};
use crate::http::caller::{Caller, Read};
use crate::http::view;
use crate::store::StoreError;

/// Steps that one answer shows.
const STEPS: usize = 100;
/// Of these, how many are also looked through for names that are not there.
const DOUBTED: usize = 20;

pub(in crate::http) async fn explain(
    State(api): State<Arc<Api>>,
    caller: Caller<Read>,
    wanted: Result<Query<ExplainQuery>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    let id: TaskId = caller.name()?;
    let only: Option<StepName> = query(wanted)?.step.map(|name| name.parse()).transpose()?;
    let task = api.store.load(&caller.workspace, id).await?;
    let task = task.ok_or_else(|| ApiError::NoSuchTask {
        task: id,
        workspace: caller.workspace.clone(),
    })?;
    let (pool, workspace) = (api.engine.pool.clone(), caller.workspace.clone());
    let actions = &api.engine.actions;
    let held = actions.memory_for(&workspace, task.data.as_bytes()).await?;
    let explaining = pool.run_for(&workspace, move || {
        let _held = held;
        let data = Document::parse(task.data).map_err(|error| {
            StoreError::Damaged(format!("the data of task {id} is not JSON: {error}"))
        })?;
        let judged = api
            .catalog
            .explain(&caller.workspace, only.as_ref(), Arc::new(data))?;
        let more = judged.len().saturating_sub(STEPS);
        let steps = judged
            .iter()
            .take(STEPS)
            .enumerate()
            .map(|(place, (step, verdict))| {
                let warnings = match verdict {
                    Verdict::Differs(_) if place < DOUBTED => {
                        api.catalog.doubts(&caller.workspace, step)
                    }
                    Verdict::TooCostly(costly) => vec![costly.to_string()],
                    _ => Vec::new(),
                };
                let (matches, mismatch) = match verdict {
                    Verdict::Matches => (Some(true), None),
                    Verdict::TooCostly(_) | Verdict::Unknown => (None, None),
                    Verdict::Differs(mismatch) => (
                        Some(false),
                        Some(Mismatch {
                            path: mismatch.pointer.to_string(),
                            expected: mismatch.expected.to_string(),
                            found: mismatch.found.as_ref().map(ToString::to_string),
                        }),
                    ),
                };
                ExplainedStep {
                    step: step.step.name.to_string(),
                    matches,
                    mismatch,
                    warnings,
                }
            })
            .collect();
        Ok::<_, ApiError>(Explained {
            task: id.to_string(),
            state: view::state(task.head.state()),
            steps,
            more: more as u64,
        })
    });
    Ok(json(StatusCode::OK, &explaining.await?))
}
