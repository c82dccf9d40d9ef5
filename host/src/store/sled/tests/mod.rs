mod archive;
mod audit;
mod checked_webhooks;
mod components;
mod crash;
mod damage;
mod dedup;
mod deliveries;
mod dump;
mod erase;
mod full;
mod golden;
mod golden_components;
mod limited;
mod locks;
mod long_changes;
mod long_journals;
mod matrix;
mod panic;
mod purge;
mod replying;
mod samples;
mod samples_of_parts;
mod samples_of_requests;
mod shapes;
mod spares;
pub(super) mod torn;

use std::sync::Arc;

use async_trait::async_trait;

use super::settings::DedupSettings;
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::store::conformance::{self, Disturbance, Subject};
use crate::store::{Store, TaskQuery};

/// A directory in memory where there is one: these tests sync a lot.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

fn small(path: &std::path::Path) -> SledSettings {
    SledSettings {
        slot_bytes: 64 * 1024,
        segment_bytes: 64 * 1024,
        cache_bytes: 4 * 1024 * 1024,
        checkpoint_every: None,
        reserve_bytes: 0,
        // So that keys are at every place, and some runs have no filter.
        dedup: DedupSettings {
            fold: 3,
            block: 2,
            filter_bytes: 1024,
        },
        ..SledSettings::at(path)
    }
}

struct Embedded {
    directory: tempfile::TempDir,
    current: Mutex<(u32, Option<Arc<SledStore>>)>,
}

impl Embedded {
    fn new() -> Self {
        Self {
            directory: scratch(),
            current: Mutex::default(),
        }
    }

    fn open(&self) -> Arc<SledStore> {
        let mut current = self.current.lock();
        let path = self.directory.path().join(current.0.to_string());
        let store = SledStore::open(small(&path)).unwrap();
        current.1 = Some(store.clone());
        store
    }
}

#[async_trait]
impl Subject for Embedded {
    async fn fresh(&self) -> Arc<dyn Store> {
        self.current.lock().0 += 1;
        self.open()
    }

    async fn disturb(&self, store: Arc<dyn Store>, by: Disturbance) -> Arc<dyn Store> {
        match by {
            Disturbance::Nothing => store,
            Disturbance::Settle => {
                let current = self.current.lock().1.clone();
                current.unwrap().fold_all().unwrap();
                store
            }
            Disturbance::Reopen => {
                store.close().await;
                self.open()
            }
        }
    }

    async fn take_over(&self, partition: Partition) {
        let current = self.current.lock().1.clone().unwrap();
        current.partitions().take_away(partition);
        current.partitions().give(partition);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms() {
    conformance::all(&Embedded::new(), Disturbance::Nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms_after_folds() {
    conformance::all(&Embedded::new(), Disturbance::Settle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms_over_restarts() {
    conformance::all(&Embedded::new(), Disturbance::Reopen).await;
}
