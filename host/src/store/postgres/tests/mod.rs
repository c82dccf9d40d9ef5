mod bad_input;
mod clocks;
mod components;
mod cut;
mod deliveries;
mod doubt;
mod figures;
mod hang;
mod hints;
mod inbox;
mod interrupted;
mod lists;
mod migration;
mod moved;
mod proxy;
mod queue;
mod removal;
mod server;
mod setup;
mod statements;
mod takeover;
mod tls;

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use self::server::PostgresServer;
use super::*;
use crate::domain::partition::Partition;
use crate::store::Store;
use crate::store::conformance::{self, Disturbance, Subject};

struct Server {
    server: PostgresServer,
    files: tempfile::TempDir,
    current: Mutex<(u32, Option<Arc<PostgresStore>>)>,
}

impl Server {
    fn new() -> Self {
        Self {
            server: PostgresServer::start(),
            files: tempfile::tempdir().unwrap(),
            current: Mutex::default(),
        }
    }

    fn settings(&self) -> PostgresSettings {
        let number = self.current.lock().0;
        let folder = self.files.path().join(number.to_string());
        PostgresSettings {
            schema: format!("s{number}"),
            // So that no look comes between what a check does.
            lease: std::time::Duration::from_secs(300),
            // It is opened again and again.
            connects_at_once: false,
            ..PostgresSettings::new(&self.server.url(), folder).unwrap()
        }
    }

    async fn open(&self) -> Arc<PostgresStore> {
        let store = PostgresStore::open(self.settings()).await.unwrap();
        self.current.lock().1 = Some(store.clone());
        store
    }
}

#[async_trait]
impl Subject for Server {
    async fn fresh(&self) -> Arc<dyn Store> {
        let before = self.current.lock().1.take();
        if let Some(before) = before {
            before.close().await;
        }
        self.current.lock().0 += 1;
        self.open().await
    }

    async fn disturb(&self, store: Arc<dyn Store>, by: Disturbance) -> Arc<dyn Store> {
        match by {
            Disturbance::Nothing | Disturbance::Settle => store,
            Disturbance::Reopen => {
                store.close().await;
                self.open().await
            }
        }
    }

    async fn take_over(&self, partition: Partition) {
        let store = self.current.lock().1.clone().unwrap();
        let session = Session::open(&store.shared.settings).await.unwrap();
        let (client, id) = (&session.client, partition.index() as i16);
        let take = "update partitions set owner = $2, epoch = epoch + 1 where id = $1";
        for owner in [-1, store.shared.node] {
            client.execute(take, &[&id, &owner]).await.unwrap();
        }
        nodes::look(&store.shared, &session, false).await.unwrap();
    }
}

// It keeps nothing apart that could be moved to where it rests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms() {
    conformance::all(&Server::new(), Disturbance::Nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms_over_restarts() {
    conformance::all(&Server::new(), Disturbance::Reopen).await;
}
