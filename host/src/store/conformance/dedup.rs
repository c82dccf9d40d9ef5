//! Checks of keys of deliveries.

use super::owned::Owned;
use super::retention::{START, purge, task_at};
use super::samples::{dedup, new_task, next, workspace};
use super::subject::Shaken;
use crate::domain::dedup::Dedup;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::partition::Partition;
use crate::domain::retention::DAY;
use crate::domain::task::TaskState;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, NewTask, StoreError, Transaction};

/// A new task of a delivery with that key.
fn delivered(ws: &WorkspaceName, dedup: Dedup) -> NewTask {
    NewTask {
        dedup: Some(dedup),
        ..new_task(ws, TaskId::new(), "{}")
    }
}

fn is_repeat(done: Result<(), StoreError>, of: TaskId) {
    assert!(
        matches!(done, Err(StoreError::Duplicate { task }) if task == of),
        "{done:?}"
    );
}

async fn first_of(store: &mut Shaken<'_>, ws: &WorkspaceName, dedup: Dedup) -> Option<TaskId> {
    let found = store.get().await.delivered(ws, dedup.key, dedup.at).await;
    found.unwrap()
}

pub(super) async fn a_delivery_that_came_before_makes_nothing(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let (key, other) = (dedup("evt_1", START), dedup("evt_2", START));
    assert_eq!(first_of(&mut store, &ws, key).await, None);
    let first = delivered(&ws, key);
    let id = first.head.id;
    store.get().await.accept_owned(first.clone()).await.unwrap();
    assert_eq!(first_of(&mut store, &ws, key).await, Some(id));
    let repeat = delivered(&ws, key);
    is_repeat(store.get().await.accept_owned(repeat.clone()).await, id);
    let there = store.get().await.load(&ws, repeat.head.id).await.unwrap();
    assert!(there.is_none());
    // It is asked for again because its answer was lost: it is there, and is no repeat of itself.
    let again = store.get().await.accept_owned(first.clone()).await;
    assert!(
        matches!(again, Err(StoreError::Conflict { id: of, .. }) if of == id),
        "{again:?}"
    );
    // What comes with a repeat is not written, and its own key is free.
    let done = next(&first.head, TaskState::Done, None);
    let changes = Transaction {
        commits: vec![done.clone()],
        accepts: vec![delivered(&ws, other), repeat],
        ..Transaction::default()
    };
    is_repeat(store.get().await.transact_owned(changes).await, id);
    assert_eq!(first_of(&mut store, &ws, other).await, None);
    store.get().await.commit_owned(done).await.unwrap();
    let twice = Transaction {
        accepts: vec![delivered(&ws, other), delivered(&ws, other)],
        ..Transaction::default()
    };
    let one = twice.accepts[0].head.id;
    is_repeat(store.get().await.transact_owned(twice).await, one);
    assert_eq!(first_of(&mut store, &ws, other).await, None);
    let second = delivered(&ws, other);
    store
        .get()
        .await
        .accept_owned(second.clone())
        .await
        .unwrap();
    assert_eq!(first_of(&mut store, &ws, other).await, Some(second.head.id));
    assert_eq!(first_of(&mut store, &ws, key).await, Some(id));
}

pub(super) async fn a_delivery_may_change_a_task(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    let (id, key) = (task.head.id, dedup("evt_1", START));
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let changed = |head, of| Transaction {
        commits: vec![next(head, TaskState::Ready, None)],
        dedup: vec![(of, key)],
        ..Transaction::default()
    };
    let absent = TaskId::new();
    let refused = store
        .get()
        .await
        .transact_owned(changed(&task.head, absent))
        .await;
    assert!(
        matches!(refused, Err(StoreError::NotFound(_))),
        "{refused:?}"
    );
    assert_eq!(first_of(&mut store, &ws, key).await, None);
    let first = changed(&task.head, id);
    let head = first.commits[0].head.clone();
    store.get().await.transact_owned(first).await.unwrap();
    assert_eq!(first_of(&mut store, &ws, key).await, Some(id));
    is_repeat(
        store.get().await.accept_owned(delivered(&ws, key)).await,
        id,
    );
    let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
    assert_eq!(there.head, head);
}

pub(super) async fn a_key_is_of_one_workspace_and_one_window(mut store: Shaken<'_>) {
    let (one, other) = (workspace("acme"), workspace("acme-b"));
    let key = dedup("evt_1", START);
    let (here, there) = (delivered(&one, key), delivered(&other, key));
    store.get().await.accept_owned(here.clone()).await.unwrap();
    assert_eq!(first_of(&mut store, &other, key).await, None);
    store.get().await.accept_owned(there.clone()).await.unwrap();
    assert_eq!(first_of(&mut store, &one, key).await, Some(here.head.id));
    assert_eq!(first_of(&mut store, &other, key).await, Some(there.head.id));
    let last = Dedup {
        at: key.until - 1,
        ..key
    };
    assert_eq!(first_of(&mut store, &one, last).await, Some(here.head.id));
    is_repeat(
        store.get().await.accept_owned(delivered(&one, last)).await,
        here.head.id,
    );
    let over = dedup("evt_1", key.until);
    assert_eq!(first_of(&mut store, &one, over).await, None);
    let anew = delivered(&one, over);
    store.get().await.accept_owned(anew.clone()).await.unwrap();
    assert_eq!(first_of(&mut store, &one, over).await, Some(anew.head.id));
}

pub(super) async fn of_deliveries_with_one_key_at_once_one_is_taken(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    for round in 0..20 {
        let key = dedup(&format!("evt_{round}"), START);
        let now = store.store.clone();
        let sent = (0..16).map(|_| {
            let (store, task) = (now.clone(), delivered(&ws, key));
            tokio::spawn(async move { (task.head.id, store.accept_owned(task).await) })
        });
        let (mut taken, mut repeats) = (Vec::new(), Vec::new());
        for answer in sent.collect::<Vec<_>>() {
            match answer.await.unwrap() {
                (id, Ok(())) => taken.push(id),
                (_, Err(StoreError::Duplicate { task })) => repeats.push(task),
                (_, Err(error)) => panic!("{error}"),
            }
        }
        assert_eq!((taken.len(), repeats.len()), (1, 15));
        assert!(repeats.iter().all(|task| *task == taken[0]));
        assert_eq!(first_of(&mut store, &ws, key).await, Some(taken[0]));
    }
}

pub(super) async fn a_key_outlives_its_task(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let settings = WorkspaceSettings::default();
    let change = Manage::SetWorkspace(ws.clone(), settings);
    store.get().await.manage_now(change).await.unwrap();
    let key = Dedup {
        until: START + 400 * DAY,
        ..dedup("evt_1", START)
    };
    let short = dedup("evt_2", START);
    let mut ids = Vec::new();
    for dedup in [key, short] {
        let mut task = task_at(&ws, START, TaskState::Done);
        task.dedup = Some(dedup);
        ids.push(task.head.id);
        store.get().await.accept_owned(task).await.unwrap();
    }
    let now = START + 300 * DAY;
    assert_eq!(purge(store.get().await, now).await, 2);
    let there = store.get().await.load(&ws, ids[0]).await.unwrap();
    assert!(there.is_none());
    let late = Dedup { at: now, ..key };
    assert_eq!(first_of(&mut store, &ws, late).await, Some(ids[0]));
    is_repeat(
        store.get().await.accept_owned(delivered(&ws, late)).await,
        ids[0],
    );
    // What is over is removed, whatever the time is taken to be.
    assert_eq!(first_of(&mut store, &ws, short).await, None);
    let end = START + 402 * DAY;
    purge(store.get().await, end).await;
    assert_eq!(first_of(&mut store, &ws, key).await, None);
}

pub(super) async fn many_keys_are_found_wherever_they_are(mut store: Shaken<'_>) {
    let spaces = [workspace("acme"), workspace("acme-b")];
    let mut known: Vec<(WorkspaceName, Dedup, TaskId)> = Vec::new();
    for n in 0..120u64 {
        let ws = &spaces[(n % 2) as usize];
        let dedup = Dedup {
            until: START + (1 + n % 3) * DAY,
            ..dedup(&format!("evt_{n}"), START)
        };
        let task = delivered(ws, dedup);
        known.push((ws.clone(), dedup, task.head.id));
        // Disturbed now and then, so that keys are at every place.
        if n.is_multiple_of(7) {
            store.get().await;
        }
        store.store.accept_owned(task).await.unwrap();
    }
    for round in 0..2 {
        for (ws, dedup, id) in &known {
            let found = store.store.delivered(ws, dedup.key, dedup.at).await;
            assert_eq!(found.unwrap(), Some(*id));
            let elsewhere = spaces.iter().find(|other| *other != ws).unwrap();
            let found = store.store.delivered(elsewhere, dedup.key, dedup.at).await;
            assert_eq!(found.unwrap(), None);
            is_repeat(store.store.accept_owned(delivered(ws, *dedup)).await, *id);
        }
        if round == 0 {
            store.get().await;
        }
    }
    // Of a workspace that is deleted none is left, not even when its name is used again.
    let [gone, _] = &spaces;
    for change in [
        Manage::AddWorkspace(gone.clone()),
        Manage::DeleteWorkspace(gone.clone()),
    ] {
        store.get().await.manage_now(change).await.unwrap();
    }
    for is_erased in [false, true] {
        if is_erased {
            purge(store.get().await, 0).await;
        }
        let seen = store.get().await;
        for (ws, dedup, id) in &known {
            let found = seen.delivered(ws, dedup.key, dedup.at).await;
            assert_eq!(found.unwrap(), (ws != gone).then_some(*id));
        }
    }
    let change = Manage::AddWorkspace(gone.clone());
    store.get().await.manage_now(change).await.unwrap();
    let (_, dedup, _) = &known[0];
    let anew = delivered(gone, *dedup);
    store.get().await.accept_owned(anew.clone()).await.unwrap();
    assert_eq!(first_of(&mut store, gone, *dedup).await, Some(anew.head.id));
}

/// A new task of a delivery, in that partition.
pub(super) fn delivered_in(ws: &WorkspaceName, partition: Partition, value: &str) -> NewTask {
    NewTask {
        dedup: Some(dedup(value, START)),
        ..new_task(ws, partition.place(TaskId::new()), "{}")
    }
}
