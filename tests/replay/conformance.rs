//! The store's conformance suite, as somebody runs it who implements a store elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use stepwell::domain::partition::Partition;
use stepwell::store::Store;
use stepwell::store::conformance::{Disturbance, Subject, all};
use stepwell::store::sled::{SledSettings, SledStore};

use crate::dying::Dying;

/// The store of these tests, which is implemented outside the crate, in a directory.
struct Elsewhere {
    home: tempfile::TempDir,
    count: AtomicU32,
    inner: Mutex<Option<Arc<SledStore>>>,
}

impl Elsewhere {
    fn open(&self) -> Arc<dyn Store> {
        let name = self.count.load(Ordering::SeqCst).to_string();
        let inner = SledStore::open(SledSettings::at(self.home.path().join(name))).unwrap();
        *self.inner.lock() = Some(inner.clone());
        Dying::of(inner, None)
    }
}

#[async_trait]
impl Subject for Elsewhere {
    async fn fresh(&self) -> Arc<dyn Store> {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.open()
    }

    async fn disturb(&self, store: Arc<dyn Store>, by: Disturbance) -> Arc<dyn Store> {
        match by {
            Disturbance::Nothing => store,
            Disturbance::Settle => {
                let inner = self.inner.lock().clone();
                inner.unwrap().checkpoint().unwrap();
                store
            }
            Disturbance::Reopen => {
                store.close().await;
                self.open()
            }
        }
    }

    async fn take_over(&self, partition: Partition) {
        let inner = self.inner.lock().clone().unwrap();
        inner.partitions().take_away(partition);
        inner.partitions().give(partition);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_outside_the_crate_is_checked_by_the_same_suite() {
    let subject = Elsewhere {
        home: tempfile::tempdir().unwrap(),
        count: AtomicU32::new(0),
        inner: Mutex::default(),
    };
    all(&subject).await;
}
