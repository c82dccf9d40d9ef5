//! A webhook that says where its bodies have the id of the task that they are about.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::data::{Document, Edit, Pointer, VIA};
use crate::domain::ids::TaskId;
use crate::domain::webhook::{Webhook, correlation};
use crate::engine::{ActionError, Engine};
use crate::store::NewTask;

/// What the member of a body that names a task takes in memory at most, in bytes, so that it is read at once.
const LITTLE: u64 = 1024 * 1024;

/// The task that a request is about, which may be open or not, or not be there at all. `task` is what it would become.
pub(super) fn target(webhook: &Webhook, task: &NewTask) -> Option<TaskId> {
    // It was a pointer when the webhook was added.
    let pointer = correlation(webhook.correlate.as_deref()?).ok()?;
    named(&Document::parse(task.data.clone()).ok()?, &pointer)
}

/// The task that data name. Only the member with the name is read.
fn named(data: &Document, pointer: &Pointer) -> Option<TaskId> {
    let first = data.member(pointer.first()?)?;
    let name = pointer.get_below_first(&first)?;
    name.as_str()?.parse().ok()
}

/// The open task that a request is about, its data changed durably; `None` if the request is to
/// become a task. `task` is what it would become.
pub(super) async fn merged(
    engine: &Arc<Engine>,
    webhook: &Webhook,
    task: &NewTask,
    ip: IpAddr,
) -> Result<Option<TaskId>, ActionError> {
    // It was a pointer when the webhook was added.
    let Some(Ok(pointer)) = webhook.correlate.as_deref().map(correlation) else {
        return Ok(None);
    };
    let Ok(data) = Document::parse(task.data.clone()) else {
        return Ok(None);
    };
    // One that names no task needs no memory for its values.
    if data.parsing_memory(pointer.first()) <= LITTLE && named(&data, &pointer).is_none() {
        return Ok(None);
    }
    let workspace = &webhook.workspace;
    let held = engine
        .actions
        .memory_for(workspace, task.data.as_bytes())
        .await?;
    let data = task.data.clone();
    let read = move || about(&data, &pointer);
    let about = match held.is_some() {
        true => engine.pool.run_for(workspace, read).await,
        false => read(),
    };
    let Some((id, members)) = about else {
        return Ok(None);
    };
    let edits = vec![Edit::Members(members)];
    let by = format!("webhook `{}` ({ip})", webhook.name);
    let open = engine
        .actions
        .update_open(workspace, id, (edits, held), by, task.dedup)
        .await?;
    Ok(open.map(|head| head.id))
}

/// The task that data are about, and their members but `$via`; none if they name none.
fn about(data: &str, pointer: &Pointer) -> Option<(TaskId, Map<String, Value>)> {
    let data = serde_json::from_str::<Value>(data).ok()?;
    let id = pointer.get(&data).and_then(Value::as_str)?.parse().ok()?;
    let Value::Object(mut members) = data else {
        return None;
    };
    members.shift_remove(VIA);
    Some((id, members))
}
