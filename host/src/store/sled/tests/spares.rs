//! The log's files are made ahead, and not by the thread for which all changes wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::failpoint::{FailPoint, Write};
use super::{scratch, small};
use crate::domain::ids::TaskId;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{new_task, workspace};
use crate::store::sled::{SledSettings, SledStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_committer_makes_no_file_while_there_is_time_to_make_it_ahead() {
    let home = scratch();
    let makers = Arc::<Mutex<Vec<String>>>::default();
    let noted = makers.clone();
    let hook = move |write| {
        if write == Write::Slot {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            noted.lock().push(name);
        }
        Ok(())
    };
    let settings = SledSettings {
        fail: FailPoint {
            hook: Some(Arc::new(hook)),
        },
        ..small(home.path())
    };
    let bytes = settings.slot_bytes as usize / 2;
    let store = SledStore::open(settings).unwrap();
    let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
    for _ in 0..20 {
        let task = new_task(&workspace("acme"), TaskId::new(), &data);
        store.accept_owned(task).await.unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !store.shared.slots.is_prepared() {
            assert!(Instant::now() < until, "no file is made ahead");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let makers = makers.lock();
    assert!(makers.len() > 10, "{makers:?}");
    assert!(
        makers.iter().all(|name| name != "store-commit"),
        "{makers:?}"
    );
}
