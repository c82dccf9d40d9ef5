//! Bodies of responses: rows that go with their task.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::deliveries::check;
use super::session::Params;
use super::shared::Shared;
use super::values::Uuid;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;
use crate::store::codec::damaged;

const PUT: &str = "insert into bodies (workspace, task, digest, body) select $1, $2, $3, $4 \
    where not exists (select from erasing e where e.workspace = $1) on conflict do nothing";
const GET: &str = "select body from bodies where workspace = $1 and task = $2 and digest = $3 \
    and not exists (select from erasing e where e.workspace = $1)";

/// See [`crate::store::Store::put_body`].
pub(super) async fn put(
    shared: &Shared,
    workspace: &WorkspaceName,
    task: TaskId,
    body: &[u8],
) -> Result<[u8; 32], StoreError> {
    check(shared, workspace).await?;
    let digest: [u8; 32] = Sha256::digest(body).into();
    let params: Params<'_> = &[&workspace.as_str(), &Uuid::from(task), &&digest[..], &body];
    shared.query(PUT, params).await?;
    Ok(digest)
}

/// See [`crate::store::Store::body`].
pub(super) async fn get(
    shared: &Shared,
    workspace: &WorkspaceName,
    task: TaskId,
    digest: [u8; 32],
) -> Result<Option<Arc<[u8]>>, StoreError> {
    let params: Params<'_> = &[&workspace.as_str(), &Uuid::from(task), &&digest[..]];
    let rows = shared.query(GET, params).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let body: &[u8] = row.get(0);
    if Sha256::digest(body)[..] != digest[..] {
        return Err(damaged("a response's body", "it is another one"));
    }
    Ok(Some(body.into()))
}
