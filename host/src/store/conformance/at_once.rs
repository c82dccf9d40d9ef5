//! Checks of what happens at once: reads while a task moves, many tasks, and the store's end.

use std::sync::Arc;

use super::owned::Owned;
use super::samples::{effect, new_task, next, workspace};
use super::subject::{Disturbance, Shaken, journal_of};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::{Commit, History, Manage, Store, StoreError, TaskQuery, Terms};

/// A task that is read while it moves is as it was at one moment: head, data and journal.
pub(super) async fn a_history_is_of_one_moment(mut store: Shaken<'_>) {
    const MOVES: u64 = 300;
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), r#"{"version":1}"#);
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let (writer, mut head) = (store.store.clone(), task.head.clone());
    let writes = tokio::spawn(async move {
        while head.version < MOVES {
            // Now and then it rests, and goes to where tasks rest.
            let state = match head.version % 50 {
                49 => TaskState::Done,
                _ => TaskState::Ready,
            };
            let data = format!(r#"{{"version":{}}}"#, head.version + 1);
            let commit = Commit {
                data: Some(data.into()),
                ..next(&head, state, None)
            };
            head = commit.head.clone();
            writer.commit_owned(commit).await.unwrap();
        }
    });
    let mut seen = 0;
    while seen < MOVES {
        if store.by == Disturbance::Settle {
            store.get().await;
        }
        let history = store.store.history(&ws, task.head.id).await.unwrap();
        let History { task, journal } = history.unwrap();
        assert_eq!(journal.len() as u64, task.head.version);
        assert_eq!(
            *task.data,
            format!(r#"{{"version":{}}}"#, task.head.version)
        );
        assert!(task.head.version >= seen, "time does not run backwards");
        seen = task.head.version;
    }
    writes.await.unwrap();
}

/// A task that goes from one state to another is there once, in each list that is of both.
pub(super) async fn a_list_of_several_states_is_of_one_moment(mut store: Shaken<'_>) {
    use TaskState as S;
    const MOVES: u64 = 150;
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let (writer, mut head) = (store.store.clone(), task.head.clone());
    let writes = tokio::spawn(async move {
        for state in [S::Error, S::Waiting, S::Ready, S::Done].iter().cycle() {
            let commit = next(&head, *state, Some(9));
            head = commit.head.clone();
            writer.commit_owned(commit).await.unwrap();
            if head.version > MOVES {
                return;
            }
        }
    });
    let by_webhook = Terms {
        webhook: task.head.webhook.as_ref().map(ToString::to_string),
        ..Terms::default()
    };
    let those = vec![S::Ready, S::Waiting, S::Error, S::Done];
    while !writes.is_finished() {
        if store.by == Disturbance::Settle {
            store.get().await;
        }
        for (states, terms) in [
            (Vec::new(), &by_webhook),
            (those.clone(), &by_webhook),
            (those.clone(), &Terms::default()),
        ] {
            let query = TaskQuery {
                states,
                limit: 10,
                ..TaskQuery::default()
            };
            let page = store.store.find(&ws, &query, terms).await.unwrap();
            let ids: Vec<TaskId> = page.tasks.iter().map(|head| head.id).collect();
            assert_eq!(ids, [task.head.id], "{query:?} {terms:?}");
        }
    }
    writes.await.unwrap();
}

pub(super) async fn many_tasks_at_once(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let mut workers = Vec::new();
    for worker in 0..8u32 {
        let (store, ws) = (store.store.clone(), ws.clone());
        workers.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            for at in 0..25 {
                let task = new_task(&ws, TaskId::new(), "{}");
                let id = task.head.id;
                store.accept_owned(task.clone()).await.unwrap();
                // Calls that overlap.
                let calls =
                    (0..4).map(|call| store.record_effect_owned(&ws, id, effect(1, call, 100)));
                for done in futures_util::future::join_all(calls).await {
                    done.unwrap();
                }
                // Two want to commit; one does.
                let commit = next(&task.head, TaskState::Ready, None);
                let both = [
                    store.commit_owned(commit.clone()),
                    store.commit_owned(commit.clone()),
                ];
                let both = futures_util::future::join_all(both).await;
                assert_eq!(both.iter().filter(|done| done.is_ok()).count(), 1);
                let state = TaskState::ALL[(worker as usize + at) % TaskState::ALL.len()];
                let commit = next(&commit.head, state, Some(9));
                store.commit_owned(commit.clone()).await.unwrap();
                let there = store.load(&ws, id).await.unwrap().unwrap();
                assert_eq!(there.head, commit.head);
                ids.push(id);
            }
            ids
        }));
    }
    let mut ids = Vec::new();
    for worker in workers {
        ids.extend(worker.await.unwrap());
    }
    ids.sort();
    ids.reverse();
    let query = TaskQuery {
        limit: 1000,
        ..TaskQuery::default()
    };
    let listed = store.get().await.list(&ws, &query).await.unwrap();
    let listed: Vec<TaskId> = listed.into_iter().map(|head| head.id).collect();
    assert_eq!(listed, ids);
    for id in ids {
        let journal = journal_of(&*store.store, &ws, id).await;
        assert_eq!(journal.len(), 7);
    }
}

pub(super) async fn closed_is_closed(store: Arc<dyn Store>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(task.clone()).await.unwrap();
    store.close().await;
    store.close().await;
    let is = |error: StoreError| assert!(matches!(error, StoreError::Closed), "{error}");
    is(store.accept_owned(task.clone()).await.unwrap_err());
    is(store
        .commit_owned(next(&task.head, TaskState::Done, None))
        .await
        .unwrap_err());
    is(store.load(&ws, task.head.id).await.unwrap_err());
    is(store.history(&ws, task.head.id).await.unwrap_err());
    is(store.ready_owned(&ws, TaskId::MIN, 1).await.unwrap_err());
    is(store.due_owned(1, 1).await.unwrap_err());
    is(store.list(&ws, &TaskQuery::default()).await.unwrap_err());
    is(store
        .manage_now(Manage::AddWorkspace(ws.clone()))
        .await
        .unwrap_err());
    is(store.registry().await.unwrap_err());
    is(store.component(&"0".repeat(64)).await.unwrap_err());
}
