//! Keys of deliveries wherever they are: in memory, in runs, in merges under way.

use std::collections::HashMap;

use super::super::dedup::merge;
use super::*;
use crate::domain::clock::Millis;
use crate::domain::dedup::Dedup;
use crate::domain::ids::WorkspaceName;
use crate::domain::retention::DAY;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::retention::{purge, task_at};
use crate::store::conformance::samples::{dedup, workspace};

const START: Millis = 1_764_000_000_000;

fn settings(path: &std::path::Path, filter_bytes: usize) -> SledSettings {
    SledSettings {
        dedup: DedupSettings {
            fold: 40,
            block: 7,
            filter_bytes,
        },
        slot_bytes: 1024 * 1024,
        ..small(path)
    }
}

/// Values of the tree that have keys.
fn values(store: &SledStore) -> usize {
    let values = |disk: &super::super::disk::Disk| Ok(disk.db.scan_prefix(keys::DEDUP).count());
    store.shared.with_disk(values).unwrap()
}

async fn accept(store: &SledStore, ws: &WorkspaceName, dedup: Dedup) -> TaskId {
    let mut task = task_at(ws, dedup.at, TaskState::Done);
    task.dedup = Some(dedup);
    let id = task.head.id;
    store.accept_owned(task).await.unwrap();
    id
}

async fn is_all(
    store: &SledStore,
    known: &HashMap<(WorkspaceName, String), (Dedup, TaskId)>,
    at: Millis,
) {
    for ((ws, value), (dedup, id)) in known {
        let found = store.delivered(ws, dedup.key, at).await.unwrap();
        assert_eq!(found, (dedup.until > at).then_some(*id), "{value}");
    }
    for n in 0..200 {
        let stranger = super::samples::workspace();
        for ws in [&workspace("a"), &workspace("b"), &stranger] {
            let key = dedup(&format!("none {n}"), at).key;
            assert_eq!(store.delivered(ws, key, at).await.unwrap(), None);
        }
    }
}

/// With filters for all, for some and for none; closed, killed and purged in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_found_through_folds_merges_restarts_and_purges() {
    for filter_bytes in [usize::MAX / 2, 4096, 0] {
        let home = scratch();
        let mut store = SledStore::open(settings(home.path(), filter_bytes)).unwrap();
        let mut known = HashMap::new();
        let spaces = [workspace("a"), workspace("b")];
        let mut now = START;
        for round in 0..24u64 {
            for n in 0..100u64 {
                let ws = &spaces[usize::from(n.is_multiple_of(5))];
                let value = format!("{round} {n}");
                let dedup = Dedup {
                    until: now + (1 + n % 4) * DAY,
                    ..dedup(&value, now)
                };
                let id = accept(&store, ws, dedup).await;
                known.insert((ws.clone(), value), (dedup, id));
                if n.is_multiple_of(30) {
                    store.checkpoint().unwrap();
                }
            }
            match round % 6 {
                1 => {
                    store.close().await;
                    store = SledStore::open(settings(home.path(), filter_bytes)).unwrap();
                }
                2 => store.fold_all().unwrap(),
                4 => {
                    now += DAY;
                    purge(&*store, now).await;
                }
                _ => {}
            }
            is_all(&store, &known, now).await;
        }
        // 2,400 keys were folded some hundred times; merged they are in few runs.
        store.fold_all().unwrap();
        for _ in 0..20 {
            let _one = store.shared.checkpointing.lock();
            merge::tend(&store.shared).unwrap();
        }
        is_all(&store, &known, now).await;
        let (left, runs) = (values(&store), store.shared.dedup.count());
        assert!(left > 50 && runs < 60, "{left} values, {runs} runs");
        purge(&*store, now + 10 * DAY).await;
        assert_eq!((values(&store), store.shared.dedup.count()), (0, 0));
        is_all(&store, &known, now + 10 * DAY).await;
        store.close().await;
    }
}

/// Who looks while runs are folded and merged never misses one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_look_up_beside_folds_and_merges_misses_nothing() {
    let home = scratch();
    let store = SledStore::open(settings(home.path(), 4096)).unwrap();
    let ws = workspace("a");
    let known = Arc::new(Mutex::new(Vec::<(Dedup, TaskId)>::new()));
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut beside = Vec::new();
    for _ in 0..2 {
        let (store, ws, known, over) = (store.clone(), ws.clone(), known.clone(), over.clone());
        beside.push(tokio::spawn(async move {
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                let all = known.lock().clone();
                for (dedup, id) in all.iter().rev().step_by(3) {
                    let found = store.delivered(&ws, dedup.key, START).await.unwrap();
                    assert_eq!(found, Some(*id));
                    let mut repeat = task_at(&ws, START, TaskState::Ready);
                    repeat.dedup = Some(*dedup);
                    let refused = store.accept_owned(repeat).await;
                    assert!(
                        matches!(refused, Err(StoreError::Duplicate { task }) if task == *id),
                        "{refused:?}"
                    );
                }
            }
        }));
    }
    let folding = {
        let (store, over) = (store.clone(), over.clone());
        std::thread::spawn(move || {
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                store.checkpoint().unwrap();
            }
        })
    };
    for n in 0..1_500 {
        let dedup = dedup(&n.to_string(), START);
        let id = accept(&store, &ws, dedup).await;
        known.lock().push((dedup, id));
    }
    over.store(true, std::sync::atomic::Ordering::SeqCst);
    for one in beside {
        one.await.unwrap();
    }
    folding.join().unwrap();
    let ready = store.ready_owned(&ws, TaskId::MIN, 9).await.unwrap();
    assert_eq!(ready, [], "no repeat made a task");
    // Merged, they may be in one run.
    assert!(store.shared.dedup.moved() > 1, "keys were folded");
}

/// As a store is copied: from memory, from runs of several days and from runs that were given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_once_in_their_order() {
    use crate::store::migration::{HeldKey, Migrate as _};

    let home = scratch();
    let store = SledStore::open(settings(home.path(), 4096)).unwrap();
    let (ws, other) = (workspace("a"), workspace("b"));
    let mut known = Vec::new();
    for n in 0..700u64 {
        let dedup = Dedup {
            until: START + (1 + n % 4) * DAY,
            ..dedup(&format!("{n}"), START)
        };
        let task = accept(&store, &ws, dedup).await;
        known.push(HeldKey {
            key: dedup.key,
            task,
            until: dedup.until,
        });
        if n.is_multiple_of(90) {
            store.fold_all().unwrap();
        }
    }
    accept(&store, &other, dedup("another's", START)).await;
    known.sort_unstable_by_key(|held| held.key);
    let target = scratch();
    let copy = SledStore::open(settings(target.path(), 4096)).unwrap();
    let mut listed: Vec<HeldKey> = Vec::new();
    loop {
        let after = listed.last().map(|held| held.key);
        let page = store.keys(&ws, after, 64).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 64);
        copy.put_keys(&ws, page.clone()).await.unwrap();
        listed.extend(page);
    }
    assert_eq!(listed, known);
    store.close().await;
    copy.close().await;
    let copy = SledStore::open(settings(target.path(), 4096)).unwrap();
    assert_eq!(copy.keys(&ws, None, 10_000).await.unwrap(), known);
    let found = copy.delivered(&ws, known[7].key, START).await.unwrap();
    assert_eq!(found, Some(known[7].task));
    assert_eq!(copy.keys(&other, None, 10).await.unwrap(), []);
    copy.close().await;
}
