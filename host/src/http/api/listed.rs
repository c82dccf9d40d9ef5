//! Lists of what a workspace has set up.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use serde::Serialize;

use super::tasks::{ChargedBytes, SMALL};
use super::{Api, ApiError, json_text};
use crate::domain::budget::Permit;
use crate::domain::ids::WorkspaceName;
use crate::ingest::read::ReadError;

/// A list as an object whose member `name` has the items. `bytes` is about what is stored of them. Each is converted,
/// written and dropped before the next one. What is long is written on other threads, as the workspace's time, and charged
/// to it until it is sent.
///
/// # Errors
/// [`ReadError::Overloaded`] if the workspace has no memory for it now.
pub(super) async fn listed<T: Serialize>(
    api: &Api,
    workspace: &WorkspaceName,
    (name, bytes): (&'static str, usize),
    items: impl Iterator<Item = T> + Send + 'static,
) -> Result<Response<Body>, ApiError> {
    if bytes <= SMALL {
        return answer(written(name, items, Permit::unlimited())?);
    }
    // Each has some times what it shows.
    let _turn = api.views.wait_for(workspace, 1).await;
    let permit = api.engine.memory.take(workspace, 0);
    let permit = permit.map_err(|_| ReadError::Overloaded)?;
    let pool = &api.engine.pool;
    let writing = pool.run_for(workspace, move || written(name, items, permit));
    answer(writing.await?)
}

fn answer(text: ChargedBytes) -> Result<Response<Body>, ApiError> {
    Ok(json_text(StatusCode::OK, Bytes::from_owner(text)))
}

/// The list as text. It has what it takes from the permit before it has the memory.
fn written<T: Serialize>(
    name: &str,
    items: impl Iterator<Item = T>,
    permit: Permit,
) -> Result<ChargedBytes, ApiError> {
    let mut text = format!("{{\"{name}\":[").into_bytes();
    let mut charged = 0;
    for (place, item) in items.enumerate() {
        if place > 0 {
            text.push(b',');
        }
        // The views have text keys only, so they always serialise.
        let item = serde_json::to_vec(&item).unwrap_or_default();
        let needed = text.len() + item.len() + 2;
        if needed > text.capacity() {
            let more = needed + text.len() / 4;
            let grown = permit.grow((more - charged) as u64);
            grown.map_err(|_| ReadError::Overloaded)?;
            charged = more;
            text.reserve_exact(more - text.len());
        }
        text.extend_from_slice(&item);
    }
    text.extend_from_slice(b"]}");
    text.shrink_to_fit();
    permit.shrink(charged.saturating_sub(text.len()) as u64);
    Ok(ChargedBytes(text, permit))
}
