//! Threads that wait for each other's locks.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{new_task, next, workspace};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a writer waits for the tree. Behind it nothing more is let in.
fn wait_for_writer(store: &SledStore) {
    while store.shared.disk.try_read().is_some() {
        std::thread::yield_now();
    }
}

/// A query has the tree and waits for the overlay; folding waits for the query; a group that is committed has the
/// overlay, and reads the tree for a task that was folded since it was put in order.
#[tokio::test]
async fn a_commit_that_reads_the_tree_does_not_wait_for_queries_that_wait_for_it() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let overlay = store.shared.overlay.write();
    let query = store.shared.disk.read();
    let folding = {
        let shared = store.shared.clone();
        std::thread::spawn(move || drop(shared.disk.write()))
    };
    wait_for_writer(&store);
    let (send, receive) = mpsc::channel();
    let shared = store.shared.clone();
    std::thread::spawn(move || {
        let found = tasks::from_tree(&shared, &workspace("w"), TaskId::new());
        send.send(found.unwrap().is_none())
    });
    let found = receive.recv_timeout(PATIENCE);
    drop((query, overlay));
    folding.join().unwrap();
    assert_eq!(found, Ok(true), "the commit waits for the query");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// A query of one workspace may hold the tree for long, and folding waits for it.
#[test]
fn changes_do_not_wait_for_queries_that_folding_waits_for() {
    let (home, runtime) = (scratch(), runtime());
    let store = SledStore::open(small(home.path())).unwrap();
    let task = new_task(&workspace("w"), TaskId::new(), "{}");
    runtime.block_on(store.accept_owned(task.clone())).unwrap();
    store.fold_all().unwrap();
    let query = store.shared.disk.read();
    let folding = {
        let shared = store.shared.clone();
        std::thread::spawn(move || drop(shared.disk.write()))
    };
    wait_for_writer(&store);
    // One of a task that only the tree has, and one of a workspace of which nothing is known.
    let (first, second) = (store.clone(), store.clone());
    let changes = [
        runtime.spawn(async move {
            let done = next(&task.head, TaskState::Done, None);
            first.commit_owned(done).await
        }),
        runtime.spawn(async move {
            let task = new_task(&workspace("other"), TaskId::new(), "{}");
            second.accept_owned(task).await
        }),
    ];
    let made = changes.map(|change| runtime.block_on(within(change)));
    drop(query);
    folding.join().unwrap();
    for change in made {
        change.expect("it waits for the query").unwrap();
    }
}

/// What comes of a task of the runtime; none if it takes too long.
async fn within<T>(task: tokio::task::JoinHandle<T>) -> Option<T> {
    let ended = tokio::time::timeout(PATIENCE, task).await;
    ended.ok().map(Result::unwrap)
}

#[test]
fn what_is_in_memory_is_read_while_the_tree_is_written() {
    let (home, runtime) = (scratch(), runtime());
    let store = SledStore::open(small(home.path())).unwrap();
    let workspace = workspace("w");
    let task = new_task(&workspace, TaskId::new(), "{}");
    runtime.block_on(store.accept_owned(task.clone())).unwrap();
    let writing = store.shared.disk.write();
    let reads = {
        let (store, id) = (store.clone(), task.head.id);
        runtime.spawn(async move {
            let loaded = store.load(&workspace, id).await.unwrap();
            let shown = store.timeline(&workspace, id, None).await.unwrap();
            let history = store.history(&workspace, id).await.unwrap();
            [loaded.unwrap(), shown.unwrap().task, history.unwrap().task]
        })
    };
    let read = runtime.block_on(within(reads));
    drop(writing);
    for found in read.expect("it waits for the tree") {
        assert_eq!(found.head, task.head);
    }
    // It is refused all the same once the store is closed.
    runtime.block_on(store.close());
    let loaded = runtime.block_on(store.load(&task.head.workspace, task.head.id));
    assert!(matches!(loaded, Err(StoreError::Closed)), "{loaded:?}");
}

/// One workspace fills the memory faster than it is folded: another one, which has little in it, does not wait.
#[test]
fn who_has_little_in_memory_does_not_wait_for_room() {
    const BOUND: usize = 64 * 1024;
    let (home, runtime) = (scratch(), runtime());
    let settings = SledSettings {
        overlay_bytes: BOUND,
        ..small(home.path())
    };
    let store = SledStore::open(settings).unwrap();
    let folding = store.shared.checkpointing.lock();
    let accept = |name: &str, bytes: usize| {
        let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
        let task = new_task(&workspace(name), TaskId::new(), &data);
        let store = store.clone();
        runtime.spawn(async move { store.accept_owned(task).await })
    };
    for _ in 0..3 {
        let accepted = runtime.block_on(within(accept("loud", 50_000)));
        accepted.unwrap().unwrap();
    }
    let mut waits = {
        let (store, task) = (
            store.clone(),
            new_task(&workspace("loud"), TaskId::new(), "{}"),
        );
        Box::pin(async move { store.accept_owned(task).await })
    };
    let is_waiting = runtime.block_on(async { futures_util::poll!(&mut waits).is_pending() });
    let little = runtime.block_on(within(accept("quiet", 1)));
    // What was polled may also be about to be written; with room it would be by now.
    let still_waits = runtime.block_on(async { futures_util::poll!(&mut waits).is_pending() });
    drop(folding);
    little.expect("it waits for room").unwrap();
    assert!(is_waiting && still_waits, "there is no room for more of it");
    runtime
        .block_on(within(runtime.spawn(waits)))
        .unwrap()
        .unwrap();
    // Nor can all of them together fill it without end.
    let folding = store.shared.checkpointing.lock();
    let bytes = &store.shared.overlay_bytes;
    bytes.store(5 * BOUND, std::sync::atomic::Ordering::Relaxed);
    let quiet = workspace("quiet");
    let room = async {
        let room = std::pin::pin!(store.shared.room(&quiet));
        futures_util::poll!(room).is_pending()
    };
    assert!(runtime.block_on(room));
    drop(folding);
}
