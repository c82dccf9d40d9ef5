//! Checks of single tasks: their versions, effects and journals.

use super::owned::Owned;
use super::samples::{effect, new_task, next, run_entry, workspace};
use super::subject::{Shaken, journal_of};
use crate::domain::effect::{CallResult, FetchError};
use crate::domain::ids::TaskId;
use crate::domain::journal::Entry;
use crate::domain::run::{Ended, StepFault};
use crate::domain::task::{Retrying, Standing, StepMemory, TaskState};
use crate::store::{StoreError, TaskQuery};

pub(super) async fn a_task_is_what_was_accepted(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let id = TaskId::new();
    assert!(store.get().await.load(&ws, id).await.unwrap().is_none());
    assert!(journal_of(store.get().await, &ws, id).await.is_empty());
    let mut task = new_task(&ws, id, r#"{"a":1.0,"b":18446744073709551617}"#);
    task.head.name = Some("Grüße".into());
    task.head.tags = vec!["a".into(), String::new()];
    task.head.steps = vec![StepMemory {
        step: "s".parse().unwrap(),
        observed: u64::MAX,
        finished: true,
        redo: false,
    }];
    task.head.standing = Standing::Ready {
        retrying: Some(Retrying {
            step: "s".parse().unwrap(),
            failed: 2,
        }),
    };
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
    assert_eq!(there.head, task.head);
    assert_eq!(there.data, task.data);
    assert!(there.effects.is_empty());
    let journal = journal_of(store.get().await, &ws, id).await;
    let at = task.head.created;
    assert_eq!(journal, [Entry::Accepted { at }]);
    let again = store.get().await.accept_owned(task).await;
    assert!(
        matches!(
            again,
            Err(StoreError::Conflict {
                expected: 0,
                actual: 1,
                ..
            })
        ),
        "{again:?}"
    );
    // An id from before the newest is as good as any.
    let older = TaskId::from_bytes([1; 16]);
    let task = new_task(&ws, older, "{}");
    store.get().await.accept_owned(task).await.unwrap();
    assert!(store.get().await.load(&ws, older).await.unwrap().is_some());
}

/// A task whose first run was over before it was made durable.
pub(super) async fn a_task_may_come_with_a_run_behind_it(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    for (state, entries) in [
        (TaskState::Done, vec![run_entry(1, Ended::Finished)]),
        (TaskState::Ready, vec![run_entry(1, Ended::Finished)]),
        (TaskState::Unmatched, Vec::new()),
    ] {
        let mut task = new_task(&ws, TaskId::new(), r#"{"n":1}"#);
        task.head.version = 2;
        task.head.standing = state.into();
        task.entries = entries;
        store.get().await.accept_owned(task.clone()).await.unwrap();
        let id = task.head.id;
        let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
        assert_eq!((&there.head, &there.data), (&task.head, &task.data));
        assert!(there.effects.is_empty());
        let ready = store
            .get()
            .await
            .ready_owned(&ws, TaskId::MIN, 10)
            .await
            .unwrap();
        assert_eq!(ready.contains(&id), state == TaskState::Ready);
        let step = next(&task.head, TaskState::Done, None);
        store.get().await.commit_owned(step.clone()).await.unwrap();
        let mut journal = vec![Entry::Accepted {
            at: task.head.created,
        }];
        journal.extend(task.entries);
        journal.extend(step.entries);
        assert_eq!(journal_of(store.get().await, &ws, id).await, journal);
    }
}

pub(super) async fn a_commit_moves_a_task_one_version(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), r#"{"n":0}"#);
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let mut first = next(&task.head, TaskState::Ready, None);
    first.data = Some(r#"{"n":1}"#.into());
    store.get().await.commit_owned(first.clone()).await.unwrap();
    let there = store.get().await.load(&ws, task.head.id).await.unwrap();
    let there = there.unwrap();
    assert_eq!((&there.head, &*there.data), (&first.head, r#"{"n":1}"#));
    // Without data the data stays.
    let mut second = next(&first.head, TaskState::Done, None);
    second.head.result = Some("[1]".into());
    store
        .get()
        .await
        .commit_owned(second.clone())
        .await
        .unwrap();
    let there = store.get().await.load(&ws, task.head.id).await.unwrap();
    let there = there.unwrap();
    assert_eq!((&there.head, &*there.data), (&second.head, r#"{"n":1}"#));
    // A task that is at its end may be taken up again.
    let third = next(&second.head, TaskState::Ready, None);
    store.get().await.commit_owned(third.clone()).await.unwrap();
    let ready = store
        .get()
        .await
        .ready_owned(&ws, TaskId::MIN, 9)
        .await
        .unwrap();
    assert_eq!(ready, [task.head.id]);
    let journal = journal_of(store.get().await, &ws, task.head.id).await;
    assert_eq!(journal.len(), 4);
}

pub(super) async fn a_version_that_is_not_there_is_a_conflict(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    let early = store
        .get()
        .await
        .commit_owned(next(&task.head, TaskState::Done, None))
        .await;
    assert!(matches!(early, Err(StoreError::NotFound(_))), "{early:?}");
    let early = store
        .get()
        .await
        .record_effect_owned(&ws, task.head.id, effect(1, 0, 1))
        .await;
    assert!(matches!(early, Err(StoreError::NotFound(_))), "{early:?}");
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let first = next(&task.head, TaskState::Ready, None);
    store.get().await.commit_owned(first.clone()).await.unwrap();
    let ahead = next(
        &next(&first.head, TaskState::Done, None).head,
        TaskState::Done,
        None,
    );
    for (wrong, expected) in [(first.clone(), 1), (ahead, 3)] {
        let refused = store.get().await.commit_owned(wrong).await;
        let StoreError::Conflict {
            id,
            expected: stood,
            actual,
        } = refused.unwrap_err()
        else {
            panic!("no conflict");
        };
        assert_eq!((id, stood, actual), (task.head.id, expected, 2));
    }
    let journal = journal_of(store.get().await, &ws, task.head.id).await;
    assert_eq!(journal.len(), 2, "a refused commit leaves nothing");
}

pub(super) async fn effects_belong_to_the_time_since_the_last_commit(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    let id = task.head.id;
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let mut failed = effect(1, 1, 0);
    failed.result = CallResult::Fetch(Err(FetchError::Timeout(30)));
    for effect in [effect(1, 0, 10), failed.clone(), effect(1, 2, 20_000)] {
        let store = store.get().await;
        store.record_effect_owned(&ws, id, effect).await.unwrap();
    }
    let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
    let recorded = [effect(1, 0, 10), failed, effect(1, 2, 20_000)];
    assert_eq!(there.effects, recorded);
    assert_eq!(there.head.version, 1, "an effect does not move the version");
    let commit = next(&task.head, TaskState::Ready, None);
    store.get().await.commit_owned(commit).await.unwrap();
    let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
    assert!(there.effects.is_empty());
    let late = effect(2, 0, 1);
    let effects = store.get().await;
    effects
        .record_effect_owned(&ws, id, late.clone())
        .await
        .unwrap();
    let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
    assert_eq!(there.effects, [late]);
    let journal = journal_of(store.get().await, &ws, id).await;
    assert_eq!(journal.len(), 6);
}

pub(super) async fn the_journal_keeps_its_order(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    let id = task.head.id;
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let mut expected = vec![Entry::Accepted {
        at: task.head.created,
    }];
    let mut head = task.head;
    for round in 0..12u32 {
        for call in 0..2 {
            let effect = effect(round, call, 700);
            expected.push(Entry::Effect(effect.clone()));
            let store = store.get().await;
            store.record_effect_owned(&ws, id, effect).await.unwrap();
        }
        let state = [TaskState::Waiting, TaskState::Ready][round as usize % 2];
        let mut commit = next(&head, state, Some(1000 + u64::from(round)));
        commit.entries.push(Entry::State {
            at: 5,
            state,
            reason: format!("round {round}"),
        });
        let ended = Ended::Fault(StepFault::Fuel { limit: 9 });
        commit.entries.push(run_entry(round, ended));
        expected.extend(commit.entries.clone());
        head = commit.head.clone();
        store.get().await.commit_owned(commit).await.unwrap();
        let journal = journal_of(store.get().await, &ws, id).await;
        assert_eq!(journal, expected, "round {round}");
    }
}

pub(super) async fn large_tasks_are_whole(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let mut text = String::new();
    for length in [5_900, 6_100, 70_000, 3_000_000, 10] {
        text = format!(r#"{{"text":"{}"}}"#, "ö".repeat(length / 2));
        let task = new_task(&ws, TaskId::new(), &text);
        store.get().await.accept_owned(task).await.unwrap();
    }
    assert!(text.len() < 100);
    let query = TaskQuery {
        limit: 10,
        ..TaskQuery::default()
    };
    let heads = store.get().await.list(&ws, &query).await.unwrap();
    assert_eq!(heads.len(), 5);
    // Each becomes as large as the next one was, and back.
    for round in 0..2 {
        for (at, head) in heads.iter().enumerate() {
            let text = format!(r#"{{"text":"{}"}}"#, "ü".repeat(at * 4000 * (1 - round)));
            let there = store.get().await.load(&ws, head.id).await.unwrap().unwrap();
            let mut commit = next(&there.head, TaskState::Ready, None);
            commit.head.tags = (0..32).map(|tag| "t".repeat(tag * 100)).collect();
            commit.data = Some(text.as_str().into());
            store
                .get()
                .await
                .commit_owned(commit.clone())
                .await
                .unwrap();
            let there = store.get().await.load(&ws, head.id).await.unwrap().unwrap();
            assert_eq!(there.head, commit.head);
            assert_eq!(*there.data, *text);
        }
    }
    let listed = store.get().await.list(&ws, &query).await.unwrap();
    assert!(listed.iter().all(|head| head.version == 3));
}

pub(super) async fn workspaces_do_not_see_each_other(mut store: Shaken<'_>) {
    // A name that is the beginning of another is the one that leaks if any does.
    let spaces = ["a", "a-", "a-a", "b", "0"].map(workspace);
    let id = TaskId::new();
    for (at, ws) in spaces.iter().enumerate() {
        let task = new_task(ws, id, &format!(r#"{{"at":{at}}}"#));
        store.get().await.accept_owned(task).await.unwrap();
    }
    let other = new_task(&spaces[1], TaskId::new(), "{}");
    store.get().await.accept_owned(other.clone()).await.unwrap();
    let gone = next(&new_task(&spaces[2], id, "{}").head, TaskState::Error, None);
    store.get().await.commit_owned(gone).await.unwrap();
    for (at, ws) in spaces.iter().enumerate() {
        let there = store.get().await.load(ws, id).await.unwrap().unwrap();
        assert_eq!(*there.data, *format!(r#"{{"at":{at}}}"#));
        assert_eq!(there.head.version, if at == 2 { 2 } else { 1 });
        let ready = store
            .get()
            .await
            .ready_owned(ws, TaskId::MIN, 10)
            .await
            .unwrap();
        assert_eq!(ready.len(), [1, 2, 0, 1, 1][at]);
        let query = TaskQuery {
            limit: 10,
            ..TaskQuery::default()
        };
        let listed = store.get().await.list(ws, &query).await.unwrap();
        assert_eq!(listed.len(), [1, 2, 1, 1, 1][at]);
        assert!(listed.iter().all(|head| head.workspace == *ws));
        let errors = TaskQuery {
            states: vec![TaskState::Error],
            ..query
        };
        let listed = store.get().await.list(ws, &errors).await.unwrap();
        assert_eq!(listed.len(), [0, 0, 1, 0, 0][at]);
    }
    let elsewhere = store.get().await.load(&spaces[0], other.head.id).await;
    assert!(elsewhere.unwrap().is_none());
    let elsewhere = store
        .get()
        .await
        .record_effect_owned(&workspace("c"), id, effect(1, 0, 1))
        .await;
    assert!(matches!(elsewhere, Err(StoreError::NotFound(_))));
}
