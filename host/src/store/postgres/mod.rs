//! The store in PostgreSQL, which several nodes share.
//!
//! Each node owns a share of the partitions ([`nodes`]) and writes the tasks of these alone, so that the engine runs on them
//! as it does on one machine. Changes of many tasks are one transaction ([`queue`], [`lane`]), which locks the rows of their partitions
//! for share: a node that lost a partition writes nothing ([`group`]). The setup has a revision in
//! one row ([`registry`]). Actions on a task of another node go through a table ([`inbox`]). Reads are single statements ([`tasks`], [`lists`], [`queries`]), each of
//! which sees one moment.

mod audit;
mod board;
mod bodies;
mod cluster;
mod components;
mod connect;
mod connections;
mod deliveries;
mod entered;
mod erase;
mod error;
mod former;
mod group;
mod hints;
mod inbox;
mod interrupted;
mod lane;
mod leaving;
mod lists;
mod look;
mod looks;
mod migration;
mod moved;
mod nodes;
mod offline;
mod part;
mod purge;
mod put;
mod queries;
mod queue;
mod recorded;
mod registry;
mod registry_read;
mod schema;
mod session;
mod settings;
mod shared;
mod skew;
mod stalled;
mod store;
mod sweep;
mod tasks;
#[cfg(test)]
mod tests;
mod tls;
mod values;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::connections::LANES;
use self::entered::NodeIdentity;
pub use self::error::OpenError;
use self::nodes::Entrance;
pub use self::offline::OfflineStore;
use self::part::Part;
pub use self::queue::Announced as AnnouncedWrite;
use self::queue::{LINGER, Queue};
use self::session::{Session, Slot};
pub use self::settings::PostgresSettings;
use self::shared::Shared;
use super::StoreError;

/// A [`Store`](super::Store) in a PostgreSQL database that other nodes may share.
pub struct PostgresStore {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    seed: [u8; 32],
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl PostgresStore {
    /// Opens the store, makes its tables where there are none, and takes this node's share of the partitions.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: PostgresSettings) -> Result<Arc<Self>, OpenError> {
        settings.check()?;
        let session = Session::open(&settings).await?;
        schema::check(&session.client).await?;
        let seed = schema::migrate(&session.client, &settings).await?;
        if let Some(file) = &settings.number_file {
            former::forget(&session.client, file, &seed).await?;
        }
        let begun = Instant::now();
        let node = nodes::enter(&session.client, &settings, Entrance::Works).await?;
        let Some(node) = node else {
            return Err(nodes::refusal(&session.client).await);
        };
        if let Some(file) = &settings.number_file {
            former::note(file, &seed, node, None);
        }
        let shared = Arc::new(Shared::new(settings, node));
        Self::start(shared, session, begun, seed).await
    }

    /// The store of a node that has entered.
    async fn start(
        shared: Arc<Shared>,
        session: Session,
        begun: Instant,
        seed: [u8; 32],
    ) -> Result<Arc<Self>, OpenError> {
        let queue = Arc::new(Queue::new(LINGER));
        let opened = Self::begin(&shared, &queue, session, begun).await;
        let tasks = match opened {
            Ok(tasks) => tasks,
            Err(error) => {
                // So that no other node waits for the end of this lease.
                let _ = nodes::leave(&shared).await;
                return Err(error);
            }
        };
        Ok(Arc::new(Self {
            shared,
            queue,
            seed,
            tasks: Mutex::new(tasks),
        }))
    }

    /// A store that no node works with: its tasks are only read.
    fn without_node(settings: PostgresSettings, seed: [u8; 32]) -> Arc<Self> {
        let queue = Arc::new(Queue::new(LINGER));
        queue.close();
        Arc::new(Self {
            shared: Arc::new(Shared::new(settings, NodeIdentity::default())),
            queue,
            seed,
            tasks: Mutex::default(),
        })
    }

    /// Makes all connections, or none, and takes partitions.
    async fn begin(
        shared: &Arc<Shared>,
        queue: &Arc<Queue>,
        session: Session,
        renewed: Instant,
    ) -> Result<Vec<JoinHandle<()>>, OpenError> {
        let mut slots = Vec::new();
        if shared.settings.connects_at_once {
            shared.connect().await?;
            for _ in 0..LANES {
                slots.push(Slot::of(Session::open(&shared.settings).await?));
            }
        }
        slots.resize_with(LANES, Slot::default);
        nodes::look(shared, &session, false).await?;
        registry_read::note_revision(shared, &session).await?;
        let slot = Slot::of(session);
        let mut tasks = vec![
            tokio::spawn(nodes::run(shared.clone(), slot, renewed)),
            tokio::spawn(hints::run(shared.clone())),
        ];
        for slot in slots {
            tasks.push(tokio::spawn(lane::run(shared.clone(), slot, queue.clone())));
        }
        Ok(tasks)
    }

    /// The sealed value by which nodes know that they have the same vault key: `sealed`, if there is none yet, or if it is
    /// to be replaced.
    ///
    /// # Errors
    /// The database does not do it.
    pub async fn agreed_key(&self, sealed: &[u8], replace: bool) -> Result<Vec<u8>, StoreError> {
        const AGREE: &str = "update cluster set key_check = \
            case when $2 or key_check is null then $1 else key_check end returning key_check";
        let connection = self.shared.registry_connection.lock().await;
        let session = connection.session(&self.shared).await?;
        let rows = session.query(AGREE, &[&sealed, &replace]).await;
        let rows = rows.map_err(error::failed)?;
        Ok(rows.first().map_or_else(Vec::new, |row| row.get(0)))
    }

    /// Has other nodes see which admin token this one goes by, from now on: `digest` gives a keyed digest of it, and is asked at
    /// every renewal of the lease. False, and nothing is done, if others live and none of them has the same.
    ///
    /// # Errors
    /// The database does not do it.
    pub async fn share_token(
        &self,
        digest: Arc<dyn Fn() -> [u8; 32] + Send + Sync>,
    ) -> Result<bool, StoreError> {
        const OTHERS: &str = "select count(*), count(*) filter (where token_check = $2) from nodes \
            where id <> $1 and token_check is not null and lease_until > clock_timestamp()";
        const SHARE: &str = "update nodes set token_check = $2 where id = $1";
        let (node, own) = (self.shared.node, digest());
        let params: session::Params<'_> = &[&node, &&own[..]];
        let rows = self.shared.query(OTHERS, params).await?;
        let (others, same): (i64, i64) =
            rows.first().map_or((0, 0), |row| (row.get(0), row.get(1)));
        if others > 0 && same == 0 {
            return Ok(false);
        }
        let _ = self.shared.token.set(digest);
        self.shared.query(SHARE, params).await?;
        Ok(true)
    }

    /// Announces a write that will arrive in a moment, so that it is made durable in one transaction with others. It only
    /// changes how long they take.
    pub fn announce_write(&self) -> AnnouncedWrite {
        self.queue.announce()
    }

    /// Writes changes that belong together, all of them or none.
    async fn write(&self, mut parts: Vec<Part>) -> Result<(), StoreError> {
        self.shared.check()?;
        if parts.is_empty() {
            return Ok(());
        }
        let revision = self.shared.revision.load(Ordering::SeqCst);
        for part in &mut parts {
            part.revision = revision;
            if let Some(dedup) = &mut part.dedup {
                let skew = self.shared.skew.lock();
                dedup.at = skew.common(dedup.at);
                dedup.until = skew.common(dedup.until);
            }
        }
        let written = self.queue.push(parts).await?;
        written.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Writes the queued changes, gives the partitions up, and closes the connections.
    async fn stop(&self) {
        if self.shared.is_closed() {
            return;
        }
        self.shared.close();
        self.queue.close();
        if self.shared.node != 0
            && let Some(file) = &self.shared.settings.number_file
        {
            // Its runs did not end it. If the database does not hear of that now, because it is not reached or this end is cut
            // short, it will from the next start.
            let lasting = self.shared.lasting.lock().clone();
            former::note(file, &self.seed, self.shared.entered, Some(&lasting));
        }
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            let _ = task.await;
        }
        if self.shared.node != 0
            && let Err(error) = nodes::leave(&self.shared).await
        {
            let error = error::describe(&error);
            tracing::warn!(error, "the partitions are given up when the lease ends");
        }
        self.shared.disconnect().await;
    }
}
