//! Long journals are read and folded in portions: others use the tree between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::super::failpoint::{FailPoint, Write};
use super::super::shapes::journal::Piece;
use super::super::shapes::read;
use super::super::shapes::record::Record;
use super::super::{checked, keys, pieces, salvage, tasks};
use super::torn::copy;
use super::{scratch, small};
use crate::domain::ids::TaskId;
use crate::domain::journal::Entry;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{effect, new_task, next, workspace};
use crate::store::sled::{SledSettings, SledStore};
use crate::store::{NewTask, Store};

/// Calls, and bytes of what each was answered: 1.5 MiB.
const CALLS: u32 = 30;
/// Odd: the body is in the journal then.
const ANSWER: usize = 50_001;

/// A ready task whose run has made many calls.
async fn task_with_calls(store: &SledStore) -> NewTask {
    let task = new_task(&workspace("w"), TaskId::new(), "{}");
    store.accept_owned(task.clone()).await.unwrap();
    for call in 0..CALLS {
        record(store, &task, call).await;
    }
    task
}

async fn record(store: &SledStore, task: &NewTask, call: u32) {
    let effect = effect(1, call, ANSWER);
    let (workspace, id) = (&task.head.workspace, task.head.id);
    store
        .record_effect_owned(workspace, id, effect)
        .await
        .unwrap();
}

fn calls(journal: &[Entry]) -> u32 {
    let calls = journal
        .iter()
        .filter(|entry| matches!(entry, Entry::Effect(_)));
    calls.count() as u32
}

#[tokio::test]
async fn a_fold_puts_it_there_in_portions() {
    let home = scratch();
    let batches = Arc::new(AtomicUsize::new(0));
    let counted = batches.clone();
    let settings = SledSettings {
        fail: FailPoint {
            hook: Some(Arc::new(move |write| {
                counted.fetch_add(usize::from(write == Write::Fold), Ordering::SeqCst);
                Ok(())
            })),
        },
        ..small(home.path())
    };
    let store = SledStore::open(settings).unwrap();
    let task = task_with_calls(&store).await;
    store.fold_all().unwrap();
    let batches = batches.load(Ordering::SeqCst);
    // 100 kB and some in each.
    assert!(batches >= 14, "{batches} batches");
    let history = store.history(&task.head.workspace, task.head.id).await;
    assert_eq!(calls(&history.unwrap().unwrap().journal), CALLS);
}

#[tokio::test]
async fn the_tree_is_free_while_it_is_read() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let task = task_with_calls(&store).await;
    store.fold_all().unwrap();
    let (shared, workspace, id) = (&store.shared, &task.head.workspace, task.head.id);
    let record = shared.with_disk(|disk| tasks::record_of(disk, workspace, id));
    let record = record.unwrap().unwrap();
    let record = Record::decode(&record).unwrap();
    let mut count = 0;
    let is_whole = pieces::each_piece(shared, workspace, id, &record, |_| {
        count += 1;
        assert!(shared.disk.try_write().is_some(), "who writes waits");
        Ok(())
    });
    assert!(is_whole.unwrap());
    assert!(count > 200, "{count} pieces");
}

/// A crash between two portions leaves pieces that no record counts.
#[tokio::test]
async fn what_a_crash_leaves_of_a_fold_is_nothing() {
    let home = scratch();
    let copies = Arc::<Mutex<Vec<tempfile::TempDir>>>::default();
    let (path, kept) = (home.path().to_owned(), copies.clone());
    let settings = SledSettings {
        fail: FailPoint {
            hook: Some(Arc::new(move |write| {
                if write == Write::Fold {
                    let crashed = scratch();
                    copy(&path, crashed.path());
                    kept.lock().push(crashed);
                }
                Ok(())
            })),
        },
        ..small(home.path())
    };
    let store = SledStore::open(settings).unwrap();
    let task = task_with_calls(&store).await;
    store.fold_all().unwrap();
    // Now it has a record with pieces, and grows.
    for call in CALLS..CALLS + 8 {
        record(&store, &task, call).await;
    }
    store.fold_all().unwrap();
    store.close().await;
    let copies = std::mem::take(&mut *copies.lock());
    assert!(copies.len() > 14, "{}", copies.len());
    let (workspace, id) = (&task.head.workspace, task.head.id);
    let mut with_uncounted = 0;
    for crashed in copies {
        let found = salvage::check(crashed.path()).unwrap();
        assert!(found.sound, "{:?}", found.damages);
        let store = SledStore::open(small(crashed.path())).unwrap();
        with_uncounted += usize::from(has_uncounted(&store, &task));
        let before = store.history(workspace, id).await.unwrap().unwrap();
        let shown = store.timeline(workspace, id, None).await.unwrap().unwrap();
        assert_eq!(shown.journal.len(), before.journal.len());
        let count = calls(&before.journal);
        assert!((CALLS..=CALLS + 8).contains(&count), "{count}");
        record(&store, &task, count).await;
        let done = next(&task.head, TaskState::Done, None);
        store.commit_owned(done).await.unwrap();
        store.fold_all().unwrap();
        let after = store.history(workspace, id).await.unwrap().unwrap();
        assert_eq!(after.journal[..before.journal.len()], before.journal);
        assert_eq!(after.journal.len(), before.journal.len() + 2);
        assert_eq!(after.task.head.state(), TaskState::Done);
    }
    assert!(with_uncounted > 10, "{with_uncounted}");
}

/// Whether the tree has more of a task's journal than the task's record counts.
fn has_uncounted(store: &SledStore, task: &NewTask) -> bool {
    let (workspace, id) = (&task.head.workspace, task.head.id);
    let prefix = keys::journal_prefix(workspace, id);
    let found = store.shared.with_disk(|disk| {
        let record = match disk.get_long(&keys::task(workspace, id))? {
            Some(record) => Record::decode(&record)?.fixed.streamed,
            None => 0,
        };
        let mut bytes = 0;
        for found in disk.db.scan_prefix(&prefix) {
            let (key, stored) = found.unwrap();
            bytes += read::<Piece<'_>>(checked::open(&key, &stored)?)?.0.len() as u64;
        }
        Ok((record, bytes))
    });
    let (counted, bytes) = found.unwrap();
    bytes > counted
}
