//! Checks of what is removed, and when.

use super::owned::Owned;
use super::samples::{effect, new_task, next, standing, workspace};
use super::subject::{Shaken, journal_of};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::retention::{DAY, Period, Retention};
use crate::domain::subtask::{Child, Parent};
use crate::domain::task::{TaskHead, TaskState};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Commit, Manage, NewTask, Store, StoreError, TaskQuery, Terms};

pub(super) const START: Millis = 1_764_000_000_000;

/// A task of the time `at`.
pub fn task_at(ws: &WorkspaceName, at: Millis, state: TaskState) -> NewTask {
    let mut task = new_task(ws, TaskId::derived(at, rand::random()), r#"{"a":1}"#);
    task.head = TaskHead {
        created: at,
        updated: at,
        ready_at: at,
        standing: standing(state, Some(at + 1)),
        ..task.head
    };
    task
}

/// `head` as it is a moment later, in `state`.
fn moved(head: &TaskHead, state: TaskState, at: Millis) -> Commit {
    let mut commit = next(head, state, None);
    commit.head.updated = at;
    commit
}

async fn set(store: &mut Shaken<'_>, ws: &WorkspaceName, done: Period, others: Period) {
    let settings = WorkspaceSettings {
        retention: Retention { done, others },
        ..WorkspaceSettings::default()
    };
    let change = Manage::SetWorkspace(ws.clone(), settings);
    store.get().await.manage_now(change).await.unwrap();
}

/// Purges until nothing is left to be done; gives how many tasks are gone.
pub async fn purge(store: &dyn Store, now: Millis) -> usize {
    let mut gone = 0;
    loop {
        let purged = store.purge(now).await.unwrap();
        gone += purged.tasks;
        if purged.is_done {
            return gone;
        }
    }
}

pub(super) async fn ids(store: &mut Shaken<'_>, ws: &WorkspaceName) -> Vec<TaskId> {
    let query = TaskQuery {
        limit: 1000,
        ..TaskQuery::default()
    };
    let listed = store.get().await.list(ws, &query).await.unwrap();
    listed.into_iter().map(|head| head.id).rev().collect()
}

pub(super) async fn a_finished_task_is_removed_when_its_time_is_over(mut store: Shaken<'_>) {
    let (ws, free) = (workspace("acme"), workspace("free"));
    let change = Manage::AddWorkspace(ws.clone());
    store.get().await.manage_now(change).await.unwrap();
    set(&mut store, &free, Period::Forever, Period::Forever).await;
    let mut all = Vec::new();
    for (n, state) in (0..).zip(TaskState::ALL) {
        let task = task_at(&ws, START + n, state);
        all.push((task.head.id, state));
        store.get().await.accept_owned(task).await.unwrap();
        let other = task_at(&free, START + n, state);
        store.get().await.accept_owned(other).await.unwrap();
    }
    for (now, gone, stay) in [
        (START + 30 * DAY - 1, 0, [true; 7]),
        (START, 0, [true; 7]),
        (
            START + 30 * DAY + 10,
            1,
            [true, true, false, true, true, true, true],
        ),
        (
            START + 90 * DAY - 1,
            0,
            [true, true, false, true, true, true, true],
        ),
        (
            START + 90 * DAY + 10,
            4,
            [true, true, false, false, false, false, false],
        ),
        (
            Millis::MAX,
            0,
            [true, true, false, false, false, false, false],
        ),
    ] {
        assert_eq!(purge(store.get().await, now).await, gone, "{now}");
        let expected: Vec<_> = all.iter().zip(stay).filter(|(_, stays)| *stays).collect();
        let expected: Vec<_> = expected.into_iter().map(|((id, _), _)| *id).collect();
        assert_eq!(ids(&mut store, &ws).await, expected, "{now}");
    }
    assert_eq!(ids(&mut store, &free).await.len(), 7);
}

pub(super) async fn a_changed_retention_applies_to_all_tasks(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    set(&mut store, &ws, Period::Forever, Period::Forever).await;
    let mut all = Vec::new();
    for n in 0..300 {
        let state = [TaskState::Done, TaskState::Error][n as usize % 2];
        let task = task_at(&ws, START + n * DAY / 100, state);
        all.push(task.head.id);
        store.store.accept_owned(task).await.unwrap();
    }
    let now = START + 12 * DAY;
    assert_eq!(purge(store.get().await, now).await, 0);
    // Of done tasks those of the first day and of half the second go.
    set(&mut store, &ws, Period::Days(10), Period::Days(365)).await;
    assert_eq!(purge(store.get().await, now - DAY / 2).await, 76);
    set(&mut store, &ws, Period::Forever, Period::Days(9)).await;
    assert_eq!(purge(store.get().await, now).await, 150);
    let left: Vec<_> = all.into_iter().step_by(2).skip(76).collect();
    assert_eq!(ids(&mut store, &ws).await, left);
    set(&mut store, &ws, Period::Days(1), Period::Days(1)).await;
    assert_eq!(purge(store.get().await, now).await, 74);
    assert_eq!(ids(&mut store, &ws).await, []);
}

pub(super) async fn a_kept_or_reopened_task_is_not_purged(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    set(&mut store, &ws, Period::Days(2), Period::Days(2)).await;
    let mut heads = Vec::new();
    for (n, state) in (0..).zip([TaskState::Done, TaskState::Error, TaskState::Done]) {
        let task = task_at(&ws, START + n, state);
        store.get().await.accept_owned(task.clone()).await.unwrap();
        // Accepted as finished; then two are kept and one is made ready.
        let mut commit = moved(&task.head, state, START + n);
        commit.head.kept = n < 2;
        if n == 2 {
            commit = moved(&task.head, TaskState::Ready, START + n);
        }
        store
            .get()
            .await
            .commit_owned(commit.clone())
            .await
            .unwrap();
        heads.push(commit.head);
    }
    let now = START + 500 * DAY;
    assert_eq!(purge(store.get().await, now).await, 0);
    for head in &heads {
        let there = store.get().await.load(&ws, head.id).await.unwrap();
        assert_eq!(there.unwrap().head, *head);
    }
    // Retention counts from the last change.
    for head in &mut heads {
        let state = if head.kept {
            head.state()
        } else {
            TaskState::Done
        };
        let mut commit = moved(head, state, now);
        commit.head.kept = false;
        store
            .get()
            .await
            .commit_owned(commit.clone())
            .await
            .unwrap();
        *head = commit.head;
    }
    assert_eq!(purge(store.get().await, now + 2 * DAY - 1).await, 0);
    let entries = journal_of(store.get().await, &ws, heads[0].id).await;
    assert_eq!(entries.len(), 3);
    assert_eq!(purge(store.get().await, now + 2 * DAY).await, 3);
    assert_eq!(ids(&mut store, &ws).await, []);
}

pub(super) async fn a_subtask_stays_as_long_as_its_parent_needs_it(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    set(&mut store, &ws, Period::Days(1), Period::Days(1)).await;
    let mut parent = task_at(&ws, START, TaskState::Waiting);
    let mut children = Vec::new();
    for n in 1..5 {
        let state = [TaskState::Done, TaskState::Error][n as usize % 2];
        let mut child = task_at(&ws, START + n, state);
        child.head.parent = Some(Parent {
            task: parent.head.id,
            depth: 1,
        });
        children.push(child);
    }
    parent.head.children = children
        .iter()
        .take(2)
        .map(|child| Child {
            id: child.head.id,
            into: None,
            wait: true,
            ended: true,
        })
        .collect();
    store
        .get()
        .await
        .accept_owned(parent.clone())
        .await
        .unwrap();
    for child in &children {
        store.get().await.accept_owned(child.clone()).await.unwrap();
    }
    let now = START + 100 * DAY;
    assert_eq!(purge(store.get().await, now).await, 0);
    // The parent failed before it took the results of two children.
    let failed = moved(&parent.head, TaskState::Error, now);
    store
        .get()
        .await
        .commit_owned(failed.clone())
        .await
        .unwrap();
    assert_eq!(purge(store.get().await, now).await, 2);
    for child in &children[..2] {
        let there = store.get().await.load(&ws, child.head.id).await.unwrap();
        assert!(there.is_some());
    }
    let mut done = moved(&failed.head, TaskState::Done, now);
    done.head.children.clear();
    store.get().await.commit_owned(done).await.unwrap();
    assert_eq!(purge(store.get().await, now).await, 2);
    assert_eq!(ids(&mut store, &ws).await, [parent.head.id]);
    assert_eq!(purge(store.get().await, now + DAY).await, 1);
}

pub(super) async fn what_is_removed_is_gone_from_everywhere(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    set(&mut store, &ws, Period::Days(1), Period::Days(1)).await;
    let mut heads = Vec::new();
    for (n, state) in (0..).zip([TaskState::Done, TaskState::Error, TaskState::Cancelled]) {
        let task = task_at(&ws, START + n, TaskState::Ready);
        let id = task.head.id;
        store.get().await.accept_owned(task.clone()).await.unwrap();
        let body = vec![7; 70_000];
        store
            .get()
            .await
            .put_body(&ws, id, body.into())
            .await
            .unwrap();
        for call in 0..3 {
            let effect = effect(1, call, 20_000);
            let store = store.get().await;
            store.record_effect_owned(&ws, id, effect).await.unwrap();
        }
        let mut commit = moved(&task.head, state, START + n);
        // It owes a notice that was not delivered.
        commit.head.standing = standing(TaskState::Error, Some(START + 5));
        store
            .get()
            .await
            .commit_owned(commit.clone())
            .await
            .unwrap();
        heads.push(commit.head);
    }
    let kept = task_at(&ws, START, TaskState::Ready);
    store.get().await.accept_owned(kept.clone()).await.unwrap();
    let shared = store
        .get()
        .await
        .put_body(&ws, kept.head.id, vec![7; 70_000].into());
    let shared = shared.await.unwrap();
    assert_eq!(purge(store.get().await, START + 2 * DAY).await, 3);
    for head in &heads {
        let store = store.get().await;
        assert!(store.load(&ws, head.id).await.unwrap().is_none());
        assert!(store.history(&ws, head.id).await.unwrap().is_none());
        let body = store.body(&ws, head.id, shared).await.unwrap();
        assert!(body.is_none());
        let late = store.commit_owned(next(head, TaskState::Ready, None)).await;
        assert!(matches!(late, Err(StoreError::NotFound(_))), "{late:?}");
        let late = store
            .record_effect_owned(&ws, head.id, effect(1, 9, 1))
            .await;
        assert!(matches!(late, Err(StoreError::NotFound(_))), "{late:?}");
    }
    for state in TaskState::ALL.into_iter().map(Some).chain([None]) {
        let query = TaskQuery {
            states: state.into_iter().collect(),
            before: None,
            since: None,
            limit: 10,
        };
        let expected = usize::from(state.is_none_or(|state| state == TaskState::Ready));
        let listed = store.get().await.list(&ws, &query).await.unwrap();
        assert_eq!(listed.len(), expected, "{state:?}");
        let terms = Terms {
            webhook: Some("Contact Form".to_owned()),
            ..Terms::default()
        };
        let found = store.get().await.find(&ws, &query, &terms).await.unwrap();
        assert_eq!(found.tasks.len(), expected, "{state:?}");
    }
    let counts = store.get().await.counts(&ws).await.unwrap();
    assert_eq!(counts.of.iter().sum::<u64>(), 1);
    assert_eq!(
        store.get().await.due_owned(Millis::MAX, 10).await.unwrap(),
        []
    );
    let body = store.get().await.body(&ws, kept.head.id, shared);
    assert!(body.await.unwrap().is_some(), "it is another task's too");
}
