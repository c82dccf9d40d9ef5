//! Tasks that are done and are not touched again, and those that are.

use super::*;
use crate::domain::task::TaskState;
use crate::store::conformance::samples::{new_task, next, workspace};

/// How many keys of the tree begin with `prefix`.
fn keys_of(store: &SledStore, prefix: &[u8]) -> usize {
    let counted = store
        .shared
        .with_disk(|disk| Ok(disk.db.scan_prefix(prefix).count()));
    counted.unwrap()
}

async fn listed(store: &SledStore, state: Option<TaskState>) -> Vec<TaskId> {
    let query = TaskQuery {
        state,
        before: None,
        limit: 5000,
    };
    let page = store.list(&workspace("acme"), &query).await.unwrap();
    page.into_iter().map(|head| head.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn done_tasks_cost_the_tree_a_part_of_a_key_each() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let ws = workspace("acme");
    let mut all = Vec::new();
    for _ in 0..500 {
        let mut task = new_task(&ws, TaskId::new(), r#"{"a": 1}"#);
        task.head.state = TaskState::Done;
        all.push(task.head.id);
        store.accept(task).await.unwrap();
    }
    store.checkpoint().unwrap();
    assert_eq!(keys_of(&store, b"t/"), 0);
    assert_eq!(keys_of(&store, b"a/"), 3);
    assert_eq!(store.shared.overlay.read().bytes(), 0);
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    all.reverse();
    assert_eq!(listed(&store, None).await, all);
    assert_eq!(listed(&store, Some(TaskState::Done)).await, all);
    assert_eq!(listed(&store, Some(TaskState::Error)).await, []);
    for id in &all {
        let task = store.load(&ws, *id).await.unwrap().unwrap();
        assert_eq!((task.head.id, &*task.data), (*id, r#"{"a": 1}"#));
        assert_eq!(store.journal(&ws, *id).await.unwrap().len(), 1);
    }
    assert!(store.load(&ws, TaskId::new()).await.unwrap().is_none());
    let other = workspace("acm");
    assert!(store.load(&other, all[0]).await.unwrap().is_none());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_task_that_is_moved_on_is_what_it_became() {
    let home = scratch();
    let ws = workspace("acme");
    let mut store = SledStore::open(small(home.path())).unwrap();
    let mut task = new_task(&ws, TaskId::new(), r#"{"a": 1}"#);
    task.head.state = TaskState::Done;
    let id = task.head.id;
    store.accept(task.clone()).await.unwrap();
    store.checkpoint().unwrap();
    let mut head = task.head.clone();
    for (state, in_tree) in [
        // Done once more before anything else was folded: archived once more.
        (TaskState::Done, 0),
        (TaskState::Error, 1),
        // The tree has it now, and keeps it.
        (TaskState::Done, 1),
        (TaskState::Ready, 1),
    ] {
        let commit = next(&head, state, None);
        head = commit.head.clone();
        store.commit(commit).await.unwrap();
        for fold in [false, true] {
            if fold {
                store.fold_all().unwrap();
                assert_eq!(keys_of(&store, b"t/"), in_tree);
            }
            let there = store.load(&ws, id).await.unwrap().unwrap().head;
            assert_eq!((there.version, there.state), (head.version, state));
            let entries = store.journal(&ws, id).await.unwrap().len() as u64;
            assert_eq!(entries, head.version);
            assert_eq!(listed(&store, None).await, [id]);
            for other in TaskState::ALL {
                let expected = if other == state { vec![id] } else { Vec::new() };
                assert_eq!(listed(&store, Some(other)).await, expected, "{state:?}");
            }
            store.close().await;
            store = SledStore::open(small(home.path())).unwrap();
        }
    }
    store.close().await;
}

#[tokio::test]
async fn a_store_from_before_the_archive_is_taken_over() {
    let home = scratch();
    let ws = workspace("acme");
    let store = SledStore::open(small(home.path())).unwrap();
    let task = new_task(&ws, TaskId::new(), "{}");
    store.accept(task.clone()).await.unwrap();
    store.fold_all().unwrap();
    let first = |store: &SledStore| {
        let format = store
            .shared
            .with_disk(|disk| disk.db.get(keys::FORMAT).map_err(disk::failed));
        format.unwrap().unwrap().to_vec()
    };
    assert_eq!(first(&store), 2u32.to_le_bytes());
    store
        .shared
        .with_disk(|disk| {
            disk.db
                .insert(keys::FORMAT, &1u32.to_le_bytes())
                .map_err(disk::failed)
        })
        .unwrap();
    store.close().await;
    assert!(!home.path().join("archive").exists(), "nothing was done");
    let store = SledStore::open(small(home.path())).unwrap();
    assert_eq!(first(&store), 2u32.to_le_bytes());
    assert!(store.load(&ws, task.head.id).await.unwrap().is_some());
    store.close().await;
}
