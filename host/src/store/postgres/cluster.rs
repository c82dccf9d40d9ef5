//! [`PostgresStore`] as a [`Cluster`].

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;

use super::entered::MOVED;
use super::session::Params;
use super::values::{count, number};
use super::{PostgresStore, hints, inbox, interrupted};
use crate::domain::ids::TaskId;
use crate::domain::inbox::{RequestId, TaskAnswer, TaskRefusal, TaskRequest};
use crate::domain::partition::Partition;
use crate::domain::task::TaskHead;
use crate::store::{Asked, Cluster, Drain, Hint, Hints, Load, Node, Ownership, StoreError};

/// A node that has been gone for an hour is not listed any more.
const NODES: &str = "select n.id, n.url, n.version, (extract(epoch from n.started) * 1000)::int8, \
    (extract(epoch from n.lease_until - clock_timestamp()) * 1000)::int8, n.draining, \
    n.running, n.queued, n.revision, \
    (select count(*) from partitions p where p.owner = n.id), n.clock_ms from nodes n \
    where n.id <> $1 and n.lease_until > clock_timestamp() - interval '1 hour' order by n.id";
const OTHERS: &str = "select count(*) from nodes where id <> $1 and not draining \
    and lease_until > clock_timestamp()";
const DRAIN: &str = "update nodes set draining = $2 where id = $1 \
    and lease_until > clock_timestamp() returning id";
const APPLY: &str = "update nodes set revision = greatest(revision, $2) where id = $1";
const BEHIND: &str = "select id from nodes where id <> $1 and id <> $4 and revision < $2 \
    and lease_until > clock_timestamp() + $3 * interval '1 ms' limit 1";

#[async_trait]
impl Cluster for PostgresStore {
    async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        let mut nodes = Vec::new();
        for row in self.shared.query(NODES, &[&MOVED]).await? {
            let id: i64 = row.get(0);
            nodes.push(Node {
                id: count(id)?,
                url: row.get(1),
                version: row.get(2),
                started: count(row.get(3))?,
                lease_ms: row.get(4),
                partitions: u32::try_from(row.get::<_, i64>(9)).unwrap_or_default(),
                is_draining: row.get(5),
                is_self: id == self.shared.node,
                clock_ms: row.get(10),
                load: Load {
                    running: count(row.get(6))?,
                    queued: count(row.get(7))?,
                    revision: count(row.get(8))?,
                },
            });
        }
        Ok(nodes)
    }

    async fn drain(&self, node: u64, drains: bool) -> Result<Drain, StoreError> {
        let node = number(node);
        if node == MOVED {
            return Ok(Drain::NoSuchNode);
        }
        if drains {
            let others = self.shared.query(OTHERS, &[&node]).await?;
            let others = others.first().map_or(0, |row| row.get::<_, i64>(0));
            if others == 0 {
                return Ok(Drain::NoOther);
            }
        }
        let params: Params<'_> = &[&node, &drains];
        match self.shared.query(DRAIN, params).await?.is_empty() {
            true => Ok(Drain::NoSuchNode),
            false => Ok(Drain::Begun),
        }
    }

    async fn apply(&self, revision: u64) -> Result<(), StoreError> {
        let params: Params<'_> = &[&self.shared.node, &number(revision)];
        self.shared.query(APPLY, params).await.map(drop)
    }

    async fn is_applied(&self, revision: u64) -> Result<bool, StoreError> {
        // One that has not renewed its lease for a while is about to be gone, and reads all when it is back.
        let half = self.shared.settings.lease.as_millis() as f64 / 2.0;
        let params: Params<'_> = &[&self.shared.node, &number(revision), &half, &MOVED];
        Ok(self.shared.query(BEHIND, params).await?.is_empty())
    }

    fn hints(&self, of: Hint) -> Hints {
        self.shared.board.subscribe(of)
    }

    fn handover(&self) -> Duration {
        let settings = &self.shared.settings;
        // The next look after the lease's end.
        settings.lease + settings.lease / 5 + settings.drain
    }

    fn sharing(&self) -> usize {
        self.shared.sharing.load(Ordering::Relaxed)
    }

    async fn note_lasting(&self, tasks: &[TaskId]) -> Result<(), StoreError> {
        interrupted::note(&self.shared, tasks).await
    }

    async fn interrupted(&self) -> Result<Vec<(TaskId, u32)>, StoreError> {
        interrupted::find(&self.shared).await
    }

    async fn forget_interrupted(&self, tasks: &[TaskId]) -> Result<(), StoreError> {
        interrupted::forget(&self.shared, tasks).await
    }

    fn report(&self, load: Load) {
        *self.shared.load.lock() = load;
    }

    fn leave(&self) {
        self.shared.leaving.lock().all = true;
        self.shared.look_now.notify_one();
    }

    fn release(&self, partitions: &[Partition]) {
        let is_new = self.shared.leaving.lock().release(partitions);
        if is_new {
            self.shared.look_now.notify_one();
        }
    }

    async fn ask(&self, id: RequestId, request: &TaskRequest) -> Result<(), StoreError> {
        inbox::ask(&self.shared, id, request).await?;
        hints::asked(&self.shared, Partition::of(request.task));
        Ok(())
    }

    async fn answers(&self, ids: &[RequestId]) -> Result<Vec<(RequestId, TaskAnswer)>, StoreError> {
        inbox::answers(&self.shared, ids).await
    }

    async fn forget(&self, ids: &[RequestId]) {
        inbox::forget(&self.shared, ids).await;
    }

    async fn withdraw(&self, id: RequestId) -> Result<Option<TaskAnswer>, StoreError> {
        inbox::withdraw(&self.shared, id).await
    }

    async fn requests(
        &self,
        owned: &Ownership,
        known: &[RequestId],
        most: (usize, usize),
    ) -> Result<Vec<Asked>, StoreError> {
        inbox::requests(&self.shared, owned, known, most).await
    }

    async fn refuse(&self, id: RequestId, refusal: &TaskRefusal) -> Result<(), StoreError> {
        inbox::refuse(&self.shared, id, refusal).await?;
        hints::answered(&self.shared);
        Ok(())
    }

    async fn answer(&self, id: RequestId, head: &TaskHead) -> Result<(), StoreError> {
        inbox::answer(&self.shared, id, head).await?;
        hints::answered(&self.shared);
        Ok(())
    }
}
