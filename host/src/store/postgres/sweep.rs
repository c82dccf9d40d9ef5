//! Files whose task was never there: a crash came between the two.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::error::Failure;
use super::session::{Params, Session};
use super::shared::Shared;
use super::values::{Uuid, millis};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::blobs::on_disk;

const THERE: &str = "select k.n from unnest($1::text[], $2::uuid[]) with ordinality \
    k (workspace, id, n) join tasks t on t.workspace = k.workspace and t.id = k.id";

/// The database's time, in milliseconds since 1970.
pub(super) const NOW: &str = "select (extract(epoch from clock_timestamp()) * 1000)::int8";

/// Tasks that are looked for at once.
const AT_ONCE: usize = 1_000;

/// How often they are looked for.
pub(super) const EVERY: Duration = Duration::from_hours(24);
/// How old a task is at least that is not on its way in any more, whichever node it came to.
const OLD: Millis = 3_600_000;

/// Removes those that would be of this node's partitions.
pub(super) async fn sweep(shared: &Shared, session: &Session) -> Result<(), Failure> {
    let rows = session.query(NOW, &[]).await?;
    let now = rows.first().map_or(0, |row| millis(row.get(0)));
    let blobs = shared.blobs.clone();
    let mut owners = on_disk(move || blobs.owners()).await?;
    let (owned, newest) = (shared.partitions.hold().clone(), now.saturating_sub(OLD));
    let newest = TaskId::from_time(newest);
    owners.retain(|(_, task)| owned.owns(*task) && *task < newest);
    for some in owners.chunks(AT_ONCE) {
        // Asked before: a task that arrives is there afterwards.
        let idle: Vec<&(WorkspaceName, TaskId)> = (some.iter())
            .filter(|(_, task)| !shared.blobs.is_arriving(*task))
            .collect();
        let spaces: Vec<&str> = idle.iter().map(|(space, _)| space.as_str()).collect();
        let ids: Vec<Uuid> = idle.iter().map(|(_, task)| (*task).into()).collect();
        let params: Params<'_> = &[&spaces, &ids];
        let there = session.query(THERE, params).await?;
        let there: HashSet<i64> = there.iter().map(|row| row.get(0)).collect();
        for ((workspace, task), place) in idle.into_iter().zip(1..) {
            if !there.contains(&place) {
                let (blobs, workspace, task) =
                    (Arc::clone(&shared.blobs), workspace.clone(), *task);
                on_disk(move || blobs.remove(&workspace, task)).await?;
            }
        }
    }
    Ok(())
}
