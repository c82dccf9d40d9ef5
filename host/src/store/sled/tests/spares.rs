//! The log's files are made ahead, and not by the thread for which all changes wait.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::checkpoint::{Extent, checkpoint};
use super::super::failpoint::{FailPoint, Write};
use super::super::failure;
use super::{scratch, small};
use crate::domain::ids::TaskId;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{new_task, workspace};
use crate::store::sled::{SledSettings, SledStore};
use crate::store::{Health, Store};

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
        has_spare(&store).await;
    }
    let makers = makers.lock();
    assert!(makers.len() > 10, "{makers:?}");
    assert!(
        makers.iter().all(|name| name != "store-commit"),
        "{makers:?}"
    );
}

async fn has_spare(store: &SledStore) {
    let until = Instant::now() + Duration::from_secs(60);
    while !store.shared.slots.is_prepared() {
        assert!(Instant::now() < until, "no file is made ahead");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A store that gets no more files for `short` while the switch is on.
fn without_files(path: &Path, short: &'static [Write]) -> (Arc<SledStore>, Arc<AtomicBool>) {
    let is_short = Arc::<AtomicBool>::default();
    let switch = is_short.clone();
    let hook = move |write| match short.contains(&write) && switch.load(Ordering::SeqCst) {
        true => {
            let files = std::io::Error::from(rustix::io::Errno::MFILE);
            Err(failure::io("a file cannot be opened")(files))
        }
        false => Ok(()),
    };
    let settings = SledSettings {
        fail: FailPoint {
            hook: Some(Arc::new(hook)),
        },
        ..small(path)
    };
    (SledStore::open(settings).unwrap(), is_short)
}

/// A spare is for later, and no write waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_gets_no_file_for_a_spare_stops_no_writes() {
    let home = scratch();
    let (store, is_short) = without_files(home.path(), &[Write::Slot]);
    let task = || new_task(&workspace("acme"), TaskId::new(), "{}");
    store.accept_owned(task()).await.unwrap();
    has_spare(&store).await;
    {
        // Else one that is just being made would come in between.
        let _making = store.shared.slots.making.lock();
        is_short.store(true, Ordering::SeqCst);
        store.shared.slots.scrub().unwrap_err();
    }
    assert!(!store.shared.slots.is_prepared());
    store.shared.want_checkpoint();
    // It comes to no end, and is no failure either.
    let ended = checkpoint(&store.shared, Extent::Everything);
    assert!(matches!(ended, Ok(false)), "{ended:?}");
    assert_eq!(*store.health().borrow(), Health::Writable);
    store.accept_owned(task()).await.unwrap();
    is_short.store(false, Ordering::SeqCst);
    store.fold_all().unwrap();
    assert!(store.shared.slots.is_prepared());
}

/// Each try would have left a file of a megabyte and more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_noted_is_not_left() {
    let home = scratch();
    let (store, is_short) = without_files(home.path(), &[Write::Marks]);
    let slots = &store.shared.slots;
    // Nothing else makes one meanwhile.
    let _making = slots.making.lock();
    let files = || -> BTreeSet<PathBuf> {
        let files = std::fs::read_dir(&slots.directory).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    };
    is_short.store(true, Ordering::SeqCst);
    // The spares are no spares any more, whose files stay, as these are noted.
    slots.scrub().unwrap_err();
    let before = files();
    for _ in 0..3 {
        slots.prepare().unwrap_err();
        assert_eq!(files(), before);
    }
    is_short.store(false, Ordering::SeqCst);
    slots.prepare().unwrap();
    assert_eq!(files().difference(&before).count(), 1);
}
