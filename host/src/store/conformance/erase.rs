//! Checks of a workspace's deletion.

use std::sync::Arc;

use super::owned::Owned;
use super::retention::{START, ids, purge, task_at};
use super::samples::{digest, effect, next, step, workspace};
use super::subject::{Shaken, journal_of};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::schedule::{Missed, Schedule};
use crate::domain::task::TaskState;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, StoreError, Transaction};

/// All that a store has of a workspace, as texts.
async fn all_of(store: &mut Shaken<'_>, ws: &WorkspaceName) -> Vec<String> {
    let ids = ids(store, ws).await;
    let seen = store.get().await;
    let registry = seen.registry().await.unwrap();
    let mut all: Vec<String> = Vec::new();
    let of =
        |of: &WorkspaceName, what: &dyn std::fmt::Debug| (of == ws).then(|| format!("{what:?}"));
    all.extend(
        registry
            .workspaces
            .iter()
            .filter_map(|(name, set)| of(name, set)),
    );
    let webhooks = registry.webhooks.iter();
    all.extend(webhooks.filter_map(|webhook| of(&webhook.workspace, webhook)));
    all.extend(
        registry
            .steps
            .iter()
            .filter_map(|(name, step)| of(name, &step.name)),
    );
    all.extend(
        registry
            .config
            .iter()
            .filter_map(|(name, key, _)| of(name, key)),
    );
    let schedules = registry.schedules.iter();
    all.extend(schedules.filter_map(|(schedule, _)| of(&schedule.workspace, schedule)));
    all.extend(ids.iter().map(|id| format!("{id:?}")));
    let ready = seen.ready_owned(ws, TaskId::MIN, 100).await.unwrap();
    all.extend(ready.iter().map(|id| format!("ready {id:?}")));
    let due = seen.due_owned(Millis::MAX, 100).await.unwrap();
    all.extend(due.iter().filter_map(|(at, name, _)| of(name, at)));
    let counts = seen.counts(ws).await.unwrap();
    if counts.of.iter().sum::<u64>() > 0 {
        all.push(format!("{counts:?}"));
    }
    all
}

pub(super) async fn a_workspace_that_is_deleted_leaves_nothing(mut store: Shaken<'_>) {
    let (gone, stays) = (workspace("acme"), workspace("acme-b"));
    let bytes: Arc<[u8]> = b"of one".as_slice().into();
    let both: Arc<[u8]> = b"of both".as_slice().into();
    let mut heads = Vec::new();
    for ws in [&gone, &stays] {
        let key = "KEY".parse().unwrap();
        let schedule = Schedule {
            workspace: ws.clone(),
            name: "Morning report".parse().unwrap(),
            cron: "@daily".into(),
            timezone: "UTC".into(),
            missed: Missed::Skip,
            data: format!(r#"{{"a":"{}"}}"#, "x".repeat(20_000)),
            created: 1,
            updated: 1,
        };
        let mark = (ws.clone(), schedule.name.clone(), 7);
        for change in [
            Manage::AddWorkspace(ws.clone()),
            Manage::PutStep(ws.clone(), step("both", &both), both.clone()),
            Manage::SetConfig(ws.clone(), key, vec![7; 9_000]),
            Manage::PutSchedule(schedule),
            Manage::MarkSchedules(vec![mark]),
        ] {
            store.get().await.manage_now(change).await.unwrap();
        }
        for (n, state) in (0..).zip(TaskState::ALL) {
            let mut task = task_at(ws, START + n, state);
            let text = "x".repeat(if n % 2 == 0 { 30 } else { 20_000 });
            task.data = format!(r#"{{"a":"{text}"}}"#).into();
            store.get().await.accept_owned(task.clone()).await.unwrap();
            let effect = effect(1, 0, 9_000);
            let id = task.head.id;
            let recorded = store.get().await.record_effect_owned(ws, id, effect).await;
            recorded.unwrap();
            let body = store.get().await.put_body(ws, id, vec![3; 99].into()).await;
            heads.push((task.head, body.unwrap()));
        }
    }
    let one = step("one", &bytes);
    let change = Manage::PutStep(gone.clone(), one.clone(), bytes);
    store.get().await.manage_now(change).await.unwrap();
    let before = all_of(&mut store, &stays).await;
    for _ in 0..2 {
        let change = Manage::DeleteWorkspace(gone.clone());
        store.get().await.manage_now(change).await.unwrap();
    }
    let is_erasing = |done: Result<(), StoreError>| {
        assert!(
            matches!(&done, Err(StoreError::Erasing(ws)) if *ws == gone),
            "{done:?}"
        );
    };
    for erased in [false, true] {
        if erased {
            assert_eq!(purge(store.get().await, 0).await, 0);
        }
        assert_eq!(all_of(&mut store, &gone).await, [""; 0], "{erased}");
        assert_eq!(all_of(&mut store, &stays).await, before, "{erased}");
        let seen = store.get().await;
        for (head, body) in &heads {
            let ws = &head.workspace;
            let there = seen.load(ws, head.id).await.unwrap();
            assert_eq!(there.is_some(), *ws == stays, "{erased}");
            let journal = journal_of(seen, ws, head.id).await;
            assert_eq!(journal.is_empty(), *ws == gone);
            let body = seen.body(ws, head.id, *body).await.unwrap();
            assert_eq!(body.is_some(), *ws == stays);
        }
        let component = store.get().await.component(&one.digest).await.unwrap();
        assert!(component.is_none());
        let component = store.get().await.component(&digest(&both)).await.unwrap();
        assert!(component.is_some(), "the other has it, too");
        if !erased {
            let store = store.get().await;
            let head = &heads[0].0;
            is_erasing(
                store
                    .accept_owned(task_at(&gone, START, TaskState::Ready))
                    .await,
            );
            is_erasing(store.commit_owned(next(head, TaskState::Ready, None)).await);
            is_erasing(
                store
                    .record_effect_owned(&gone, head.id, effect(1, 5, 9))
                    .await,
            );
            is_erasing(
                store
                    .put_body(&gone, head.id, vec![1].into())
                    .await
                    .map(drop),
            );
            for change in [
                Manage::AddWorkspace(gone.clone()),
                Manage::SetWorkspace(gone.clone(), WorkspaceSettings::default()),
                Manage::SetStep(gone.clone(), one.clone()),
            ] {
                is_erasing(store.manage_now(change).await);
            }
            // A transaction is refused as a whole.
            let changes = Transaction {
                commits: vec![next(head, TaskState::Ready, None)],
                accepts: vec![task_at(&stays, START, TaskState::Ready)],
                ..Transaction::default()
            };
            is_erasing(store.transact_owned(changes).await);
        }
    }
    // The name is free, and begins with nothing.
    let change = Manage::AddWorkspace(gone.clone());
    store.get().await.manage_now(change).await.unwrap();
    let task = task_at(&gone, START, TaskState::Ready);
    store.get().await.accept_owned(task.clone()).await.unwrap();
    assert_eq!(ids(&mut store, &gone).await, [task.head.id]);
    let (head, _) = &heads[0];
    let late = store
        .get()
        .await
        .commit_owned(next(head, TaskState::Ready, None));
    assert!(matches!(late.await, Err(StoreError::NotFound(_))));
}
