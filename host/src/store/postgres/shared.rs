//! The state that the parts of the store share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_postgres::{Error, Row};
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::entered::NodeIdentity;
use super::error::failed;
use super::leaving::Leaving;
use super::recorded::Recorded;
use super::session::{Params, Readers, Session, Slot};
use super::settings::PostgresSettings;
use super::skew::Skew;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::retention::Retention;
use crate::store::{Blobs, Health, Load, Names, Partitions, StoreError};

pub(super) struct Shared {
    pub(super) settings: PostgresSettings,
    /// This node's id among those of the database.
    pub(super) node: i64,
    /// The same with the time of its start.
    pub(super) entered: NodeIdentity,
    pub(super) partitions: Partitions,
    pub(super) readers: Readers,
    /// Writes the registry (workspaces, webhooks, steps and so on) and the audit log.
    pub(super) registry_connection: tokio::sync::Mutex<RegistryConnection>,
    /// The partitions that are being given up.
    pub(super) leaving: Mutex<Leaving>,
    /// The newest revision of the setup that this node has read or made. What it knows of a workspace is not of a later one.
    pub(super) revision: AtomicU64,
    /// Has the lease renewed, and the share of partitions looked at, at once.
    pub(super) look_now: Notify,
    /// The hints of nodes to each other.
    pub(super) board: Board,
    /// How many nodes share incoming requests.
    pub(super) sharing: AtomicUsize,
    /// The runs that this node has noted to last.
    pub(super) lasting: Mutex<Vec<TaskId>>,
    /// Is held while that list is changed, and from the renewal of a lease that was over until the counts are taken back.
    pub(super) listing: tokio::sync::Mutex<()>,
    /// The node's lease may be over, and others may have counted these runs as interrupted: they are not noted anew before
    /// that is taken back.
    pub(super) has_lapsed: AtomicBool,
    /// Where the store has been moved to, as this node saw it last.
    pub(super) moved: Mutex<Option<String>>,
    /// Of this node's clock.
    pub(super) skew: Mutex<Skew>,
    /// Gives a keyed digest of the admin token: see `PostgresStore::share_token`.
    pub(super) token: OnceLock<Arc<dyn Fn() -> [u8; 32] + Send + Sync>>,
    /// The load of this node.
    pub(super) load: Mutex<Load>,
    /// Removes expired tasks.
    pub(super) purge: tokio::sync::Mutex<PurgeState>,
    /// What was recorded of deliveries.
    pub(super) recorded: Mutex<Recorded>,
    pub(super) blobs: Arc<Blobs>,
    pub(super) health: watch::Sender<Health>,
    pub(super) closed: CancellationToken,
}

/// The connection that changes the registry and the audit log, one change after the other.
#[derive(Default)]
pub(super) struct RegistryConnection {
    pub(super) slot: Slot,
    /// A revision of the registry, and the names that it held then.
    pub(super) names: Option<(u64, Names)>,
    /// Whether it takes setups of any size: see [`Migrate::lift_setup_bound`](crate::store::migration::Migrate::lift_setup_bound).
    pub(super) is_unbounded: bool,
}

/// The connection that removes expired tasks, and how far it has come.
#[derive(Default)]
pub(super) struct PurgeState {
    pub(super) slot: Slot,
    pub(super) pass: Option<Pass>,
    /// Workspaces that could not be erased in this pass.
    pub(super) failed: BTreeSet<String>,
    /// When files without a task were looked for.
    pub(super) swept: Option<Instant>,
}

/// A pass over all that may be over.
pub(super) struct Pass {
    /// When it began: what it goes by.
    pub(super) now: Millis,
    /// Workspaces that were not looked at, with their retentions.
    pub(super) spaces: Vec<(WorkspaceName, Retention)>,
    /// How far it has come in the last of them: a place in `TaskState::ALL`, and a task.
    pub(super) state: usize,
    pub(super) after: TaskId,
}

impl Shared {
    pub(super) fn new(settings: PostgresSettings, entered: NodeIdentity) -> Self {
        Self {
            blobs: Blobs::shared(settings.blobs.clone()),
            settings,
            node: entered.id,
            entered,
            partitions: Partitions::none(),
            readers: Readers::default(),
            registry_connection: tokio::sync::Mutex::default(),
            leaving: Mutex::default(),
            revision: AtomicU64::new(0),
            look_now: Notify::new(),
            board: Board::default(),
            sharing: AtomicUsize::new(1),
            lasting: Mutex::default(),
            listing: tokio::sync::Mutex::default(),
            has_lapsed: AtomicBool::new(false),
            moved: Mutex::default(),
            skew: Mutex::default(),
            token: OnceLock::new(),
            load: Mutex::default(),
            purge: tokio::sync::Mutex::default(),
            recorded: Mutex::default(),
            health: watch::Sender::new(Health::Writable),
            closed: CancellationToken::new(),
        }
    }

    /// Makes the connections that are not made elsewhere.
    pub(super) async fn connect(&self) -> Result<(), Error> {
        self.readers.connect(&self.settings).await?;
        self.registry_connection
            .lock()
            .await
            .slot
            .get(&self.settings)
            .await?;
        self.purge.lock().await.slot.get(&self.settings).await?;
        Ok(())
    }

    /// Ends them.
    pub(super) async fn disconnect(&self) {
        self.readers.close().await;
        self.registry_connection.lock().await.slot.close().await;
        self.purge.lock().await.slot.close().await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// From now on every call is refused.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// [`StoreError::Closed`] if it is.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.is_closed() {
            true => Err(StoreError::Closed),
            false => Ok(()),
        }
    }

    /// The rows that a statement gives. It sees one moment of the store.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.check()?;
        self.readers.query(&self.settings, sql, params).await
    }

    /// Gives these rows to `take` as they come, so that they are not all in memory.
    pub(super) async fn each(
        &self,
        sql: &'static str,
        params: Params<'_>,
        take: impl FnMut(Row) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        self.check()?;
        self.readers.each(&self.settings, sql, params, take).await
    }
}

impl RegistryConnection {
    /// The connection, opened if it is not.
    pub(super) async fn session(&self, shared: &Shared) -> Result<Arc<Session>, StoreError> {
        shared.check()?;
        let session = self.slot.get(&shared.settings).await;
        session.map_err(failed)
    }
}

impl PurgeState {
    /// The connection, opened if it is not.
    pub(super) async fn session(&self, shared: &Shared) -> Result<Arc<Session>, StoreError> {
        shared.check()?;
        let session = self.slot.get(&shared.settings).await;
        session.map_err(failed)
    }
}
