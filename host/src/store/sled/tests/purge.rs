//! Tasks that are removed, and the room that they leave.

use std::collections::BTreeSet;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::*;
use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::domain::retention::{DAY, Period, Retention};
use crate::domain::task::TaskState;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::Manage;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::retention::{purge, task_at};
use crate::store::conformance::samples::{effect, next, workspace};

const START: Millis = 1_764_000_000_000;

async fn set(store: &SledStore, name: &str, days: u64) -> WorkspaceName {
    let ws = workspace(name);
    let period = Period::days(days).unwrap_or(Period::Forever);
    let retention = Retention {
        done: period,
        others: period,
    };
    let settings = WorkspaceSettings {
        retention,
        ..WorkspaceSettings::default()
    };
    let change = Manage::SetWorkspace(ws.clone(), settings);
    store.manage_now(change).await.unwrap();
    ws
}

/// The bytes of all files below `path`.
fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        _ => entry.metadata().map_or(0, |file| file.len()),
    });
    sizes.sum()
}

fn files(path: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

/// Done tasks of day `day`, of data so long, folded.
async fn done(store: &SledStore, ws: &WorkspaceName, day: u64, count: u64) -> Vec<TaskId> {
    let mut ids = Vec::new();
    for n in 0..count {
        let mut task = task_at(ws, START + day * DAY + n, TaskState::Done);
        task.data = format!(r#"{{"text":"{}"}}"#, "x".repeat(500)).into();
        ids.push(task.head.id);
        store.accept_owned(task).await.unwrap();
    }
    store.checkpoint().unwrap();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_has_files_of_its_own_that_go_with_its_last_task() {
    let home = scratch();
    let archive = home.path().join("archive");
    let mut store = SledStore::open(small(home.path())).unwrap();
    let ws = set(&store, "acme", 2).await;
    let (first, second) = (
        done(&store, &ws, 0, 40).await,
        done(&store, &ws, 1, 40).await,
    );
    assert_eq!(files(&archive).len(), 2);
    let all = files(&archive);
    assert_eq!(purge(&*store, START + 2 * DAY + 19).await, 20);
    assert_eq!(files(&archive).len(), 2, "half of it is in use");
    assert_eq!(purge(&*store, START + 2 * DAY + 38).await, 19);
    let now = files(&archive);
    assert_eq!((now.len(), now.intersection(&all).count()), (2, 1), "moved");
    for reopened in [false, true] {
        if reopened {
            store.close().await;
            store = SledStore::open(small(home.path())).unwrap();
        }
        let task = store.load(&ws, first[39]).await.unwrap();
        assert!(task.is_some_and(|task| task.data.len() > 500));
        assert!(store.load(&ws, first[38]).await.unwrap().is_none());
        for id in &second {
            assert!(store.load(&ws, *id).await.unwrap().is_some());
        }
    }
    assert_eq!(purge(&*store, START + 2 * DAY + 39).await, 1);
    assert_eq!(files(&archive).len(), 1);
    assert_eq!(purge(&*store, START + 9 * DAY).await, 40);
    assert_eq!(files(&archive).len(), 0);
    let third = done(&store, &ws, 9, 1).await;
    assert!(store.load(&ws, third[0]).await.unwrap().is_some());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_archived_task_left_as_it_went_on_is_given_back() {
    let home = scratch();
    let archive = home.path().join("archive");
    let store = SledStore::open(small(home.path())).unwrap();
    // Nothing of it ever goes.
    let ws = set(&store, "acme", 0).await;
    let ids = done(&store, &ws, 0, 20).await;
    let later = done(&store, &ws, 1, 1).await;
    let before = size(&archive);
    for id in &ids {
        let task = store.load(&ws, *id).await.unwrap().unwrap();
        let commit = next(&task.head, TaskState::Error, None);
        store.commit_owned(commit).await.unwrap();
    }
    store.fold_all().unwrap();
    assert_eq!(purge(&*store, START + 5 * DAY).await, 0);
    assert!(size(&archive) < before / 4, "of {before}");
    for id in ids.iter().chain(&later) {
        assert!(store.load(&ws, *id).await.unwrap().is_some());
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_its_task_is_swept_away_after_a_start() {
    let home = scratch();
    let bodies = home.path().join("bodies/acme");
    let store = SledStore::open(small(home.path())).unwrap();
    let ws = set(&store, "acme", 1).await;
    let task = task_at(&ws, START, TaskState::Done);
    let open = task_at(&ws, START, TaskState::Ready);
    for task in [&task, &open] {
        store.accept_owned(task.clone()).await.unwrap();
        store
            .put_body(&ws, task.head.id, vec![1; 9].into())
            .await
            .unwrap();
    }
    // What a crash leaves between the removal of a task and that of its bodies.
    store
        .put_body(&ws, TaskId::new(), vec![2].into())
        .await
        .unwrap();
    // A body as an earlier version kept it, older than any task or not.
    let digest: [u8; 32] = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        b"old",
    ))
    .into();
    let old = bodies.join(HEXLOWER.encode(&digest));
    std::fs::write(&old, b"old").unwrap();
    assert_eq!(files(&bodies).len(), 4);
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    let found = store.body(&ws, open.head.id, digest).await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"old"[..]));
    assert_eq!(purge(&*store, START + 2 * DAY).await, 1);
    let left = [open.head.id.to_string(), HEXLOWER.encode(&digest)];
    assert_eq!(files(&bodies), left.into(), "an old task may have it");
    let commit = next(&open.head, TaskState::Done, None);
    store.commit_owned(commit).await.unwrap();
    assert_eq!(purge(&*store, START + 9 * DAY).await, 1);
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    assert_eq!(purge(&*store, START + 9 * DAY).await, 0);
    assert_eq!(files(&bodies), BTreeSet::new());
    store.close().await;
}

/// Who moves a task on while it is removed finds it, and then it stays, or finds none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_goes_on_meanwhile_stays_whole() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let ws = set(&store, "acme", 1).await;
    let mut heads = Vec::new();
    for n in 0..600 {
        let state = [TaskState::Done, TaskState::Error, TaskState::Done][n as usize % 3];
        let task = task_at(&ws, START + n, state);
        heads.push(task.head.clone());
        store.accept_owned(task.clone()).await.unwrap();
        if n % 3 == 2 {
            // Into the tree, and done there.
            let commit = next(&task.head, TaskState::Waiting, Some(1));
            store.commit_owned(commit.clone()).await.unwrap();
            heads.pop();
            heads.push(commit.head);
        }
    }
    store.fold_all().unwrap();
    for head in heads.iter_mut().skip(2).step_by(3) {
        let commit = next(head, TaskState::Done, None);
        store.commit_owned(commit.clone()).await.unwrap();
        *head = commit.head;
    }
    store.fold_all().unwrap();
    // One goes on before the purge begins, and the oldest never do, however the threads are scheduled.
    let newest = heads.last().unwrap();
    let go_on = next(newest, TaskState::Ready, None);
    store.commit_owned(go_on).await.unwrap();
    let mut moved = BTreeSet::from([newest.id]);
    let going_on = {
        let (store, heads) = (store.clone(), heads[100..599].to_vec());
        tokio::spawn(async move {
            for head in heads.iter().rev() {
                match store.commit_owned(next(head, TaskState::Ready, None)).await {
                    Ok(()) => drop(moved.insert(head.id)),
                    Err(StoreError::NotFound(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            moved
        })
    };
    let gone = purge(&*store, START + 9 * DAY).await;
    let moved = going_on.await.unwrap();
    assert_eq!(gone + moved.len(), heads.len());
    assert!(gone >= 100, "{gone} are gone");
    for fold in [false, true] {
        if fold {
            store.fold_all().unwrap();
        }
        for head in &heads {
            let there = store.load(&ws, head.id).await.unwrap();
            assert_eq!(there.is_some(), moved.contains(&head.id));
            let journal = conformance::journal_of(&*store, &ws, head.id).await;
            assert_eq!(journal.is_empty(), there.is_none());
        }
    }
    store.close().await;
}

/// One day's work: tasks of every kind, all at their end before it is over.
async fn work(store: &SledStore, ws: &WorkspaceName, day: u64) {
    for n in 0..200 {
        let at = START + day * DAY + n * 60_000 + 1;
        let mut task = task_at(ws, at, TaskState::Done);
        let length = if n == 0 { 300_000 } else { 2_000 };
        task.data = format!(r#"{{"day":{day},"text":"{}"}}"#, "x".repeat(length)).into();
        match n % 8 {
            0 => task.head.standing = TaskState::Unmatched.into(),
            1 | 2 => {
                task.head.standing = TaskState::Ready.into();
                let id = task.head.id;
                store.accept_owned(task.clone()).await.unwrap();
                let body = vec![day as u8; 70_000 + n as usize];
                store.put_body(ws, id, body.into()).await.unwrap();
                for call in 0..3 {
                    let effect = effect(1, call, 3_000);
                    store.record_effect_owned(ws, id, effect).await.unwrap();
                }
                let mut commit = next(&task.head, TaskState::Waiting, Some(at + 5));
                commit.head.updated = at + 1;
                store.commit_owned(commit.clone()).await.unwrap();
                store.fold_all().unwrap();
                let mut commit = next(&commit.head, TaskState::Done, None);
                commit.head.updated = at + 10;
                store.commit_owned(commit).await.unwrap();
                continue;
            }
            _ => {}
        }
        store.accept_owned(task).await.unwrap();
    }
    store.checkpoint().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_filled_for_ten_times_its_retention_does_not_grow() {
    const DAYS: u64 = 3;
    let home = scratch();
    let mut settings = small(home.path());
    settings.checkpoint_every = Some(std::time::Duration::from_millis(50));
    let store = SledStore::open(settings).unwrap();
    let ws = set(&store, "acme", DAYS).await;
    let keys = |store: &SledStore| {
        let counted = store.shared.with_disk(|disk| Ok(disk.db.len()));
        counted.unwrap()
    };
    let mut sizes = Vec::new();
    for day in 0..10 * DAYS {
        work(&store, &ws, day).await;
        purge(&*store, START + (day + 1) * DAY).await;
        let part = |name: &str| size(&home.path().join(name));
        let parts = ["archive", "bodies", "tree", "log"].map(part);
        sizes.push((parts, keys(&store)));
    }
    let counts = store.counts(&ws).await.unwrap();
    assert_eq!(counts.of.iter().sum::<u64>(), DAYS * 200);
    // Full for the first time, twice over for what the tree needs to be tidied up.
    let (full, count) = sizes[2 * DAYS as usize];
    for (parts, keys) in &sizes[2 * DAYS as usize..] {
        for (now, full) in parts.iter().zip(full) {
            assert!(*now <= full + full / 2, "{sizes:?}");
        }
        assert!(*keys <= count + count / 4, "{sizes:?}");
    }
    let (first, _) = sizes[0];
    assert!(full[0] > first[0] && full[1] > first[1], "{sizes:?}");
    store.close().await;
}
