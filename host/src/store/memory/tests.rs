use super::*;
use crate::domain::partition::Partition;
use crate::store::conformance::{self, Disturbance, Subject};

#[derive(Default)]
struct Memory(Mutex<Option<Arc<MemoryStore>>>);

#[async_trait]
impl Subject for Memory {
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
async fn it_conforms() {
    conformance::all(&Memory::default(), Disturbance::Nothing).await;
}
