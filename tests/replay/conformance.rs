//! The store's conformance suite, as it is run from outside the crate.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use stepwell::domain::partition::Partition;
use stepwell::store::Store;
use stepwell::store::conformance::{Disturbance, Subject, all};
use stepwell::store::memory::MemoryStore;

/// A store that has nowhere to settle, and forgets with its process.
#[derive(Default)]
struct InMemory(Mutex<Option<Arc<MemoryStore>>>);

#[async_trait]
impl Subject for InMemory {
    async fn fresh(&self) -> Arc<dyn Store> {
        let store = Arc::new(MemoryStore::new());
        *self.0.lock() = Some(store.clone());
        store
    }

    async fn disturb(&self, store: Arc<dyn Store>, _: Disturbance) -> Arc<dyn Store> {
        store
    }

    async fn take_over(&self, partition: Partition) {
        let store = self.0.lock().clone().unwrap();
        store.partitions().take_away(partition);
        store.partitions().give(partition);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_is_run_from_outside_the_crate() {
    all(&InMemory::default()).await;
}
