//! Erases workspaces that were deleted.
//!
//! Who erases one holds the row that says so. So a node that stood still meanwhile removes nothing more: its connection was
//! ended, others have gone on, and there may be another workspace of that name.

use std::collections::BTreeSet;

use super::error::Failure;
use super::session::Session;
use super::shared::Shared;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;
use crate::store::blobs::on_disk;
use crate::store::codec::damaged;

/// One that no other node erases now, and that has not failed.
const NEXT: &str = "select workspace from erasing where not (workspace = any($1)) \
    order by workspace limit 1 for update skip locked";
/// Waits for the writers under way: those that come later see that the workspace was deleted.
pub(super) const WAIT: &str = "select from partitions order by id for no key update";
const IS_HELD: &str = "select from erasing where workspace = $1";
const DONE: &str = "delete from erasing where workspace = $1";
/// Nothing but that row is locked while files are listed and removed, which may take longer than a lease.
const PATIENCE: &str = "set local idle_in_transaction_session_timeout = '10min'";

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

/// Goes on for a moment; true if nothing is left that this node could erase now. Adds a workspace to those that have
/// `failed` if its files cannot be removed.
pub(super) async fn go_on(
    shared: &Shared,
    session: &Session,
    failed: &mut BTreeSet<String>,
) -> Result<bool, Failure> {
    session.run("begin isolation level read committed").await?;
    let others: Vec<&str> = failed.iter().map(String::as_str).collect();
    let rows = session.query(NEXT, &[&others]).await?;
    let Some(row) = rows.first() else {
        session.run("commit").await?;
        return Ok(true);
    };
    let name: &str = row.get(0);
    match round(shared, session, name).await {
        Ok(()) => session.run("commit").await?,
        Err(Failure::Store(error)) if !matches!(error, StoreError::Closed) => {
            session.run("rollback").await?;
            tracing::error!(
                workspace.id = name,
                %error,
                "a workspace that was deleted cannot be erased; it is tried again"
            );
            failed.insert(name.to_owned());
        }
        Err(error) => return Err(error),
    }
    Ok(false)
}

/// Removes some of what a workspace has, within a transaction that holds its row; the row, too, if nothing is left.
async fn round(shared: &Shared, session: &Session, name: &str) -> Result<(), Failure> {
    // The writers go on at once.
    session.run("savepoint waits").await?;
    session.query(WAIT, &[]).await?;
    session.run("rollback to savepoint waits").await?;
    let mut gone = 0;
    for part in PARTS {
        gone += session.execute(part, &[&name]).await?;
    }
    if gone > 0 {
        return Ok(());
    }
    let workspace = name.parse::<WorkspaceName>();
    let workspace = workspace.map_err(|error| damaged("a workspace", &format!("{error}")))?;
    session.run(PATIENCE).await?;
    let (blobs, of) = (shared.blobs.clone(), workspace.clone());
    let listed = on_disk(move || blobs.listed(&of)).await?;
    // What was listed was so while the row was held: it is of the workspace that was deleted.
    session.query(IS_HELD, &[&name]).await?;
    let blobs = shared.blobs.clone();
    on_disk(move || blobs.remove_listed(&workspace, &listed)).await?;
    session.execute(DONE, &[&name]).await?;
    Ok(())
}
