//! A disk without room: a write that finds none is refused and leaves nothing, what is there can be
//! read, and the same store goes on when there is room.

use crate::store::conformance::owned::Owned;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::failpoint::{FailPoint, Write};
use super::super::failure;
use super::crash::spaces;
use super::dump::dump;
use super::{scratch, small};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::conformance::retention::purge;
use crate::store::conformance::samples::{effect, new_task, next};
use crate::store::memory::{MemoryStore, Model};
use crate::store::sled::{OpenError, SledSettings, SledStore};
use crate::store::{Health, Manage, Store, StoreError};

/// What a store may be short of for a while.
const SHORT: [(Health, fn() -> StoreError); 2] = [
    (Health::Full, || StoreError::Full),
    (Health::Short, || {
        let files = std::io::Error::from(rustix::io::Errno::MFILE);
        failure::io("a file cannot be opened")(files)
    }),
];

/// A store of whose writes `wrong` fail with `error` as long as the switch is on.
fn failing(
    path: &std::path::Path,
    wrong: &'static [Write],
    error: fn() -> StoreError,
) -> (SledSettings, Arc<AtomicBool>) {
    let is_full = Arc::new(AtomicBool::new(false));
    let switch = is_full.clone();
    let settings = SledSettings {
        slot_bytes: 8 * 1024,
        segment_bytes: 8 * 1024,
        fail: FailPoint {
            hook: Some(Arc::new(move |write| {
                match wrong.contains(&write) && switch.load(Ordering::SeqCst) {
                    true => Err(error()),
                    false => Ok(()),
                }
            })),
        },
        ..small(path)
    };
    (settings, is_full)
}

async fn is(store: &SledStore, wanted: Health) {
    let mut health = store.health();
    let is_so = health.wait_for(|health| *health == wanted);
    let waited = tokio::time::timeout(Duration::from_secs(60), is_so).await;
    waited.expect("it came").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_room_refuses_and_goes_on() {
    for (wrong, (health, short)) in [
        &[Write::Append, Write::Mend][..],
        &[Write::Sync, Write::Mend],
        &[Write::Slot],
    ]
    .into_iter()
    .flat_map(|wrong| SHORT.map(|short| (wrong, short)))
    {
        let is_short = |error: &StoreError| error.to_string() == short().to_string();
        let home = scratch();
        let path = home.path().join("store");
        let (settings, is_full) = failing(&path, wrong, short);
        let store = SledStore::open(settings).unwrap();
        let (ws, mut known) = (spaces()[0].clone(), Model::default());
        let task = |bytes: usize| new_task(&ws, TaskId::new(), &format!("\"{:1$}\"", "", bytes));
        let mut head = None;
        for bytes in [10, 3_000, 6_000] {
            let task = task(bytes);
            store.accept_owned(task.clone()).await.unwrap();
            known.accept(task.clone()).unwrap();
            head = Some(task.head);
        }
        let head = head.unwrap();
        is_full.store(true, Ordering::SeqCst);
        // More than a slot has, so that another one is to be made.
        let refused = task(9_000);
        let error = store.accept_owned(refused.clone()).await;
        // What cannot be overwritten may be found at the next start.
        let is_right = match &error {
            Err(StoreError::Undecided) => wrong.contains(&Write::Mend),
            Err(error) => is_short(error) && !wrong.contains(&Write::Mend),
            Ok(()) => false,
        };
        assert!(is_right, "{wrong:?}: {error:?}");
        is(&store, health).await;
        for error in [
            store.accept_owned(task(10)).await,
            store.commit_owned(next(&head, TaskState::Done, None)).await,
            store
                .record_effect_owned(&ws, head.id, effect(1, 0, 1))
                .await,
            store.manage_now(Manage::AddWorkspace(ws.clone())).await,
            store
                .put_body(&ws, head.id, vec![1].into())
                .await
                .map(|_| ()),
        ] {
            assert!(
                is_short(&error.clone().unwrap_err()),
                "{wrong:?}: {error:?}"
            );
        }
        let expected = dump(&MemoryStore::of(known.clone())).await;
        assert_eq!(dump(&*store).await, expected, "what is there can be read");
        is_full.store(false, Ordering::SeqCst);
        is(&store, Health::Writable).await;
        for task in [refused, task(10)] {
            store.accept_owned(task.clone()).await.unwrap();
            known.accept(task).unwrap();
        }
        let commit = next(&head, TaskState::Done, None);
        store.commit_owned(commit.clone()).await.unwrap();
        known.commit(commit).unwrap();
        let expected = dump(&MemoryStore::of(known)).await;
        assert_eq!(dump(&*store).await, expected);
        store.close().await;
        let store = SledStore::open(small(&path)).unwrap();
        assert_eq!(dump(&*store).await, expected, "{wrong:?}");
    }
}

/// What was refused is not there after a crash either, though all of it had reached the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_does_not_come_back() {
    let home = scratch();
    let path = home.path().join("store");
    let (settings, is_full) = failing(&path, &[Write::Sync], SHORT[0].1);
    let store = SledStore::open(settings).unwrap();
    let ws = spaces()[0].clone();
    let kept = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(kept.clone()).await.unwrap();
    is_full.store(true, Ordering::SeqCst);
    let refused = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(refused.clone()).await.unwrap_err();
    let copied = home.path().join("copy");
    super::torn::copy(&path, &copied);
    let store = SledStore::open(small(&copied)).unwrap();
    assert!(store.load(&ws, kept.head.id).await.unwrap().is_some());
    assert!(store.load(&ws, refused.head.id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_without_room_is_opened_again() {
    for (wrong, (health, short)) in [
        &[Write::Fold][..],
        &[Write::Archive],
        &[Write::Flush],
        &[Write::Mark],
        &[Write::Registry],
    ]
    .into_iter()
    .flat_map(|wrong| SHORT.map(|short| (wrong, short)))
    {
        let home = scratch();
        let path = home.path().join("store");
        let (settings, is_full) = failing(&path, wrong, short);
        let store = SledStore::open(settings).unwrap();
        let (ws, mut known) = (spaces()[0].clone(), Model::default());
        let add = Manage::AddWorkspace(ws.clone());
        store.manage_now(add.clone()).await.unwrap();
        known.manage(add).unwrap();
        let states = [TaskState::Done, TaskState::Error, TaskState::Waiting];
        for round in 0..3 {
            for number in 0..12 {
                let task = new_task(&ws, TaskId::new(), &format!("\"{:2000}\"", number));
                store.accept_owned(task.clone()).await.unwrap();
                known.accept(task.clone()).unwrap();
                let commit = next(&task.head, states[number % 3], Some(9));
                store.commit_owned(commit.clone()).await.unwrap();
                known.commit(commit).unwrap();
            }
            if round == 0 {
                store.checkpoint().unwrap();
            }
            if round == 1 {
                is_full.store(true, Ordering::SeqCst);
                match wrong {
                    [Write::Registry] => {
                        let add = Manage::AddWorkspace(spaces()[1].clone());
                        let error = store.manage_now(add).await;
                        let error = error.unwrap_err();
                        assert_eq!(error.to_string(), short().to_string());
                    }
                    _ => store.shared.want_checkpoint(),
                }
                is(&store, health).await;
                let expected = dump(&MemoryStore::of(known.clone())).await;
                if wrong != [Write::Flush] {
                    assert_eq!(dump(&*store).await, expected, "{wrong:?}");
                }
                is_full.store(false, Ordering::SeqCst);
                is(&store, Health::Writable).await;
                assert_eq!(dump(&*store).await, expected, "{wrong:?}");
            }
        }
        store.fold_all().unwrap();
        let expected = dump(&MemoryStore::of(known)).await;
        assert_eq!(dump(&*store).await, expected, "{wrong:?}");
        store.close().await;
        let store = SledStore::open(small(&path)).unwrap();
        assert_eq!(dump(&*store).await, expected, "{wrong:?}");
    }
}

/// A deletion that was refused and had reached the tree is made all the same when that is opened again: nothing of the
/// workspace is seen, and its name is free when it is erased.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_deletion_that_reached_the_tree_is_erased() {
    let home = scratch();
    let path = home.path().join("store");
    let (settings, is_full) = failing(&path, &[Write::Flush], SHORT[0].1);
    let store = SledStore::open(settings).unwrap();
    let ws = spaces()[0].clone();
    let add = Manage::AddWorkspace(ws.clone());
    store.manage_now(add.clone()).await.unwrap();
    let task = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(task.clone()).await.unwrap();
    store.fold_all().unwrap();
    is_full.store(true, Ordering::SeqCst);
    let refused = store.manage_now(Manage::DeleteWorkspace(ws.clone())).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    is(&store, Health::Full).await;
    is_full.store(false, Ordering::SeqCst);
    is(&store, Health::Writable).await;
    let registry = store.registry_since(0).await.unwrap();
    assert_eq!(registry.workspaces, [], "it has reached the tree");
    assert!(store.load(&ws, task.head.id).await.unwrap().is_none());
    let taken = store.manage_now(add.clone()).await;
    assert!(matches!(taken, Err(StoreError::Erasing(_))), "{taken:?}");
    purge(&*store, 1).await;
    store.manage_now(add).await.unwrap();
    assert!(store.load(&ws, task.head.id).await.unwrap().is_none());
}

/// Below the reserve nothing new is taken in, and what is under way goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_reserve_only_what_is_under_way_goes_on() {
    let home = scratch();
    let ws = spaces()[0].clone();
    let task = new_task(&ws, TaskId::new(), "{}");
    {
        let store = SledStore::open(small(home.path())).unwrap();
        store.accept_owned(task.clone()).await.unwrap();
        store.close().await;
    }
    let store = SledStore::open(SledSettings {
        reserve_bytes: u64::MAX / 2,
        ..small(home.path())
    })
    .unwrap();
    assert_eq!(*store.health().borrow(), Health::Full);
    let error = store.accept_owned(new_task(&ws, TaskId::new(), "{}")).await;
    assert!(matches!(error, Err(StoreError::Full)), "{error:?}");
    let effect = effect(1, 0, 10);
    store
        .record_effect_owned(&ws, task.head.id, effect)
        .await
        .unwrap();
    let commit = next(&task.head, TaskState::Done, None);
    store.commit_owned(commit).await.unwrap();
    assert!(matches!(store.checkpoint(), Err(StoreError::Full)));
    assert!(store.load(&ws, task.head.id).await.unwrap().is_some());
}

#[test]
fn a_new_store_says_which_room_it_needs() {
    let home = scratch();
    let error = SledStore::open(SledSettings {
        reserve_bytes: u64::MAX / 2,
        ..small(home.path())
    });
    let Err(error @ OpenError::NoRoom { .. }) = error else {
        panic!("it opens, or says something else");
    };
    let text = error.to_string();
    assert!(
        text.contains("bytes are free and a start takes up to"),
        "{text}"
    );
}
