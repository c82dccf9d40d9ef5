//! Erases workspaces that were deleted.

use super::error::Failure;
use super::session::Session;
use super::shared::Shared;
use crate::domain::ids::WorkspaceName;
use crate::store::codec::damaged;

const ERASING: &str = "select workspace from erasing order by workspace limit 1";
/// Waits for the writers under way: those that come later see that the workspace was deleted.
pub(super) const WAIT: &str = "select from partitions order by id for no key update";
const DONE: &str = "delete from erasing where workspace = $1";

/// Removes some rows of each table. Each is one statement of few rows, so that no other statement waits for long.
const PARTS: [&str; 6] = [
    "delete from tasks where workspace = $1 and id in \
     (select id from tasks where workspace = $1 order by id limit 1000)",
    "delete from journal where workspace = $1 and task in \
     (select task from journal where workspace = $1 order by task limit 1000)",
    "delete from bodies where workspace = $1 and task in \
     (select task from bodies where workspace = $1 order by task limit 100)",
    "delete from dedup where workspace = $1 and key in \
     (select key from dedup where workspace = $1 order by key limit 5000)",
    "delete from deliveries where workspace = $1",
    "delete from audit where workspace = $1",
];

/// Goes on for a moment; true if nothing is left to be erased.
pub(super) async fn go_on(shared: &Shared, session: &Session) -> Result<bool, Failure> {
    let rows = session.query(ERASING, &[]).await?;
    let Some(row) = rows.first() else {
        return Ok(true);
    };
    let name: &str = row.get(0);
    session.run("begin isolation level read committed").await?;
    session.query(WAIT, &[]).await?;
    session.run("commit").await?;
    let mut gone = 0;
    for part in PARTS {
        gone += session.execute(part, &[&name]).await?;
    }
    if gone == 0 {
        let workspace = name.parse::<WorkspaceName>();
        let workspace = workspace.map_err(|error| damaged("a workspace", &format!("{error}")))?;
        shared.blobs.remove_all(&workspace)?;
        session.execute(DONE, &[&name]).await?;
    }
    Ok(false)
}
