//! A workspace that was deleted is erased, wherever the process dies in between.

use std::path::Path;

use super::super::failpoint::{FailPoint, Write};
use super::torn::copy;
use super::*;
use crate::domain::clock::Millis;
use crate::domain::ids::ConfigKey;
use crate::domain::ids::WorkspaceName;
use crate::domain::task::TaskState;
use crate::store::Manage;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::retention::{purge, task_at};
use crate::store::conformance::samples::{dedup, next, step, workspace};

const MARKER: &str = "c4nary-of-a-tenant";
const START: Millis = 1_764_000_000_000;

/// The files below `path` that have the marker, but for those of sled's own.
fn having(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tree") {
            found.extend(having(&path));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let mut parts = bytes.windows(MARKER.len());
            if parts.any(|part| part == MARKER.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn settings(path: &Path) -> SledSettings {
    SledSettings {
        slot_bytes: 16 * 1024,
        segment_bytes: 16 * 1024,
        ..small(path)
    }
}

/// Tasks in every state and at every place, a step, a config value, bodies.
async fn fill(store: &SledStore, ws: &WorkspaceName, text: &str) -> Vec<TaskId> {
    let mut ids = Vec::new();
    let bytes: Arc<[u8]> = text.repeat(300).as_bytes().into();
    let key: ConfigKey = "KEY".parse().unwrap();
    for change in [
        Manage::AddWorkspace(ws.clone()),
        Manage::PutStep(ws.clone(), step("s", &bytes), bytes.clone()),
        Manage::SetConfig(ws.clone(), key, vec![5; 9_000]),
    ] {
        store.manage_now(change).await.unwrap();
    }
    for round in 0..3u64 {
        for (n, state) in (0..).zip(TaskState::ALL) {
            let at = START + 10 * round + n;
            let mut task = task_at(ws, at, TaskState::Ready);
            let length = if n == 2 {
                1
            } else {
                200 * (round as usize + 1)
            };
            task.data = format!(r#"{{"text":"{}"}}"#, text.repeat(length)).into();
            task.dedup = Some(dedup(&format!("{round} {n}"), at));
            ids.push(task.head.id);
            if state == TaskState::Done {
                task.head.standing = state.into();
                store.accept_owned(task).await.unwrap();
                continue;
            }
            store.accept_owned(task.clone()).await.unwrap();
            let body = text.repeat(20).into_bytes();
            store.put_body(ws, task.head.id, body.into()).await.unwrap();
            let wake_at = (state == TaskState::Waiting).then_some(at);
            let commit = next(&task.head, state, wake_at);
            store.commit_owned(commit).await.unwrap();
        }
        match round {
            0 => store.fold_all().unwrap(),
            1 => store.checkpoint().unwrap(),
            _ => {}
        }
    }
    ids
}

async fn is_whole(store: &SledStore, ws: &WorkspaceName, ids: &[TaskId]) {
    for id in ids {
        let task = store.load(ws, *id).await.unwrap();
        assert!(task.is_some_and(|task| task.data.contains("stays")));
    }
    let query = TaskQuery {
        states: Vec::new(),
        before: None,
        since: None,
        limit: 500,
    };
    let listed = store.list(ws, &query).await.unwrap();
    assert_eq!(listed.len(), ids.len());
}

async fn is_gone(store: &SledStore, ws: &WorkspaceName, path: &Path) {
    assert_eq!(having(path), [""; 0]);
    let keys = store.shared.with_disk(|disk| {
        let own = |key: &[u8]| key.windows(5).any(|part| part == b"gone\0");
        let keys = disk.db.iter().keys().map(Result::unwrap);
        Ok(keys.filter(|key| own(key)).count())
    });
    assert_eq!(keys.unwrap(), 0);
    store
        .manage_now(Manage::AddWorkspace(ws.clone()))
        .await
        .unwrap();
    let task = task_at(ws, START, TaskState::Ready);
    store.accept_owned(task).await.unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn it_is_erased_though_the_process_dies_before_any_write() {
    let home = scratch();
    let path = home.path().join("store");
    let (gone, stays) = (workspace("gone"), workspace("stays"));
    let copies = Arc::new(Mutex::new((false, Vec::<Write>::new())));
    let hook = {
        let (copies, home, path) = (copies.clone(), home.path().to_owned(), path.clone());
        move |write| {
            let mut copies = copies.lock();
            if copies.0 {
                copy(&path, &home.join(copies.1.len().to_string()));
                copies.1.push(write);
            }
            Ok(())
        }
    };
    let copied = SledSettings {
        fail: FailPoint {
            hook: Some(Arc::new(hook)),
        },
        ..settings(&path)
    };
    let (ids, asked) = runtime().block_on(async {
        let store = SledStore::open(copied).unwrap();
        let ids = fill(&store, &stays, "stays").await;
        fill(&store, &gone, MARKER).await;
        // Behind it in the log.
        let mut more = task_at(&stays, START + 99, TaskState::Ready);
        more.data = r#"{"text":"stays"}"#.into();
        store.accept_owned(more.clone()).await.unwrap();
        let ids: Vec<_> = ids.into_iter().chain([more.head.id]).collect();
        assert!(having(&path).len() > 3, "{:?}", having(&path));
        copies.lock().0 = true;
        let delete = Manage::DeleteWorkspace(gone.clone());
        store.manage_now(delete).await.unwrap();
        let asked = copies.lock().1.len();
        assert!(store.load(&gone, ids[0]).await.unwrap().is_none());
        assert_eq!(purge(&*store, START).await, 0);
        copies.lock().0 = false;
        is_whole(&store, &stays, &ids).await;
        is_gone(&store, &gone, &path).await;
        store.close().await;
        (ids, asked)
    });
    let writes = std::mem::take(&mut copies.lock().1);
    assert!(
        writes.contains(&Write::Registry) && writes.contains(&Write::Archive),
        "{writes:?}"
    );
    // Deletions that stood in the copy only.
    let mut taken_over = 0;
    for (at, write) in writes.iter().enumerate() {
        let path = home.path().join(at.to_string());
        runtime().block_on(async {
            let store = SledStore::open(settings(&path)).unwrap();
            is_whole(&store, &stays, &ids).await;
            let registry = store.registry_since(0).await.unwrap();
            let is_set_up = registry.workspaces.iter().any(|(name, _)| *name == gone);
            // The deletion was not acknowledged yet, and is not made by the start from the copy of the setup.
            assert!(!is_set_up || at < asked, "before write {at}, {write:?}");
            taken_over += usize::from(!is_set_up && at < asked);
            if is_set_up {
                let delete = Manage::DeleteWorkspace(gone.clone());
                store.manage_now(delete).await.unwrap();
            }
            assert_eq!(
                purge(&*store, START).await,
                0,
                "before write {at}, {write:?}"
            );
            is_whole(&store, &stays, &ids).await;
            is_gone(&store, &gone, &path).await;
            store.close().await;
        });
        std::fs::remove_dir_all(&path).unwrap();
    }
    assert!(taken_over > 0, "{writes:?}");
}
