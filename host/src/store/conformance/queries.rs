//! Checks of what is ready, due and listed.

use super::owned::Owned;
use super::samples::{effect, new_task, next, workspace};
use super::subject::{Shaken, journal_of};
use crate::domain::clock::Millis;
use crate::domain::ids::TaskId;
use crate::domain::journal::Entry;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{NewTask, TaskQuery};

pub(super) async fn ready_tasks_come_oldest_first(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let tasks: Vec<NewTask> = (0..40)
        .map(|_| new_task(&ws, TaskId::new(), "{}"))
        .collect();
    for task in &tasks {
        store.store.accept_owned(task.clone()).await.unwrap();
    }
    for (at, task) in tasks.iter().enumerate() {
        let commit = match at % 4 {
            0 => next(&task.head, TaskState::Done, None),
            1 => next(&task.head, TaskState::Waiting, Some(5)),
            2 => next(&task.head, TaskState::Ready, None),
            _ => continue,
        };
        store.get().await.commit_owned(commit).await.unwrap();
    }
    let ready: Vec<TaskId> = tasks
        .iter()
        .enumerate()
        .filter_map(|(at, task)| (at % 4 >= 2).then_some(task.head.id))
        .collect();
    let mut after = TaskId::MIN;
    let mut paged = Vec::new();
    loop {
        let page = store.get().await.ready_owned(&ws, after, 7).await.unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = *last;
        paged.extend(page);
    }
    assert_eq!(paged, ready);
}

pub(super) async fn due_tasks_come_earliest_first(mut store: Shaken<'_>) {
    let spaces = ["a", "b"].map(workspace);
    assert_eq!(store.get().await.next_wake_owned().await.unwrap(), None);
    let mut expected = Vec::new();
    for (at, wake_at) in [300, 100, 200, 100, u64::MAX, 256, 255]
        .into_iter()
        .enumerate()
    {
        let ws = &spaces[at % 2];
        let task = new_task(ws, TaskId::new(), "{}");
        let commit = next(&task.head, TaskState::Waiting, Some(wake_at));
        store.get().await.accept_owned(task.clone()).await.unwrap();
        store.get().await.commit_owned(commit).await.unwrap();
        expected.push((wake_at, ws.clone(), task.head.id));
    }
    expected.sort();
    let all = store.get().await.due_owned(Millis::MAX, 100).await.unwrap();
    assert_eq!(all, expected);
    let some = store.get().await.due_owned(255, 3).await.unwrap();
    assert_eq!(some, expected[..3]);
    let some = store.get().await.due_owned(255, 100).await.unwrap();
    assert_eq!(some, expected[..4]);
    assert_eq!(
        store.get().await.next_wake_owned().await.unwrap(),
        Some(100)
    );
    // The first wakes, the second is put off.
    let (_, ws, id) = &expected[0];
    let head = store.get().await.load(ws, *id).await.unwrap().unwrap().head;
    let commit = next(&head, TaskState::Ready, None);
    store.get().await.commit_owned(commit).await.unwrap();
    let (_, ws, id) = &expected[1];
    let head = store.get().await.load(ws, *id).await.unwrap().unwrap().head;
    let commit = next(&head, TaskState::Waiting, Some(1000));
    store.get().await.commit_owned(commit).await.unwrap();
    let all = store.get().await.due_owned(Millis::MAX, 100).await.unwrap();
    let times: Vec<Millis> = all.iter().map(|(wake_at, ..)| *wake_at).collect();
    assert_eq!(times, [200, 255, 256, 300, 1000, u64::MAX]);
    assert_eq!(
        store.get().await.next_wake_owned().await.unwrap(),
        Some(200)
    );
}

pub(super) async fn failed_tasks_are_due_as_long_as_they_owe_a_notice(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let mut heads = Vec::new();
    for (state, wake_at) in [
        (TaskState::Error, Some(20)),
        (TaskState::Waiting, Some(10)),
        (TaskState::Error, None),
        (TaskState::Done, Some(1)),
        (TaskState::Ready, Some(1)),
        (TaskState::Cancelled, Some(1)),
    ] {
        let task = new_task(&ws, TaskId::new(), "{}");
        let commit = next(&task.head, state, wake_at);
        heads.push(commit.head.clone());
        store.get().await.accept_owned(task).await.unwrap();
        store.get().await.commit_owned(commit).await.unwrap();
    }
    let due = |at: Millis, head: &TaskHead| (at, ws.clone(), head.id);
    let all = store.get().await.due_owned(Millis::MAX, 10).await.unwrap();
    assert_eq!(all, [due(10, &heads[1]), due(20, &heads[0])]);
    assert_eq!(store.get().await.next_wake_owned().await.unwrap(), Some(10));
    let there = store.get().await.load(&ws, heads[0].id).await.unwrap();
    assert_eq!(there.unwrap().head, heads[0]);
    // Put off, then settled: it stays in `error`, and is due no more.
    for (wake_at, expected) in [(Some(300), Some(300)), (None, None)] {
        let mut commit = next(&heads[0], TaskState::Error, wake_at);
        commit.entries = vec![Entry::Notice {
            at: 5,
            tries: 2,
            error: expected.map(|_| "late".into()),
        }];
        heads[0] = commit.head.clone();
        store.get().await.commit_owned(commit).await.unwrap();
        let all = store.get().await.due_owned(Millis::MAX, 10).await.unwrap();
        let mut left = vec![due(10, &heads[1])];
        left.extend(expected.map(|at| due(at, &heads[0])));
        assert_eq!(all, left);
    }
    // One that is taken up again is no longer due, whatever its notice says.
    let commit = next(&heads[1], TaskState::Error, Some(7));
    let head = commit.head.clone();
    store.get().await.commit_owned(commit).await.unwrap();
    let commit = next(&head, TaskState::Ready, Some(7));
    store.get().await.commit_owned(commit).await.unwrap();
    assert_eq!(store.get().await.next_wake_owned().await.unwrap(), None);
    let query = TaskQuery {
        states: vec![TaskState::Error],
        before: None,
        since: None,
        limit: 10,
    };
    let errors = store.get().await.list(&ws, &query).await.unwrap();
    assert_eq!(errors, [heads[2].clone(), heads[0].clone()]);
}

pub(super) async fn lists_are_paged_newest_first(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let mut heads = Vec::new();
    for at in 0..30 {
        let task = new_task(&ws, TaskId::new(), "{}");
        store.store.accept_owned(task.clone()).await.unwrap();
        let state = TaskState::ALL[at % TaskState::ALL.len()];
        let commit = next(&task.head, state, Some(9));
        heads.push(commit.head.clone());
        store.get().await.commit_owned(commit).await.unwrap();
    }
    heads.reverse();
    for state in TaskState::ALL.into_iter().map(Some).chain([None]) {
        let wanted: Vec<TaskHead> = heads
            .iter()
            .filter(|head| state.is_none_or(|state| head.state() == state))
            .cloned()
            .collect();
        let mut query = TaskQuery {
            states: state.into_iter().collect(),
            before: None,
            since: None,
            limit: 4,
        };
        let mut paged = Vec::new();
        let seen = store.get().await;
        loop {
            let page = seen.list(&ws, &query).await.unwrap();
            assert!(page.len() <= 4);
            let Some(last) = page.last() else { break };
            query.before = Some(last.id);
            paged.extend(page);
        }
        assert_eq!(paged, wanted, "{state:?}");
    }
    let none = TaskQuery::default();
    assert!(store.get().await.list(&ws, &none).await.unwrap().is_empty());
}

/// A task at its end goes on by an action, from any state.
pub(super) async fn a_task_at_rest_goes_on(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    for state in TaskState::ALL {
        let task = new_task(&ws, TaskId::new(), "{}");
        let id = task.head.id;
        store.get().await.accept_owned(task.clone()).await.unwrap();
        let rests = next(&task.head, state, Some(7));
        store.get().await.commit_owned(rests.clone()).await.unwrap();
        let mut goes_on = next(&rests.head, TaskState::Ready, None);
        goes_on.data = Some(r#"{"a":1}"#.into());
        goes_on.entries = vec![Entry::Changed {
            at: 9,
            by: "the API".into(),
            changes: r#"[{"op":"add","path":"/a","value":1}]"#.into(),
        }];
        store
            .get()
            .await
            .commit_owned(goes_on.clone())
            .await
            .unwrap();
        let ready = store
            .get()
            .await
            .ready_owned(&ws, TaskId::MIN, 9)
            .await
            .unwrap();
        assert_eq!(ready, [id], "{state}");
        let due = store.get().await.due_owned(Millis::MAX, 9).await.unwrap();
        assert!(due.is_empty(), "{state}: {due:?}");
        let seen = store.get().await;
        for listed in TaskState::ALL {
            let query = TaskQuery {
                states: vec![listed],
                before: None,
                since: None,
                limit: 9,
            };
            let heads = seen.list(&ws, &query).await.unwrap();
            let found = heads.iter().any(|head| head.id == id);
            assert_eq!(
                found,
                listed == TaskState::Ready,
                "{state}, listed {listed}"
            );
        }
        let stored = store.get().await.load(&ws, id).await.unwrap().unwrap();
        assert_eq!(&*stored.data, r#"{"a":1}"#);
        let journal = journal_of(store.get().await, &ws, id).await;
        assert_eq!(journal.last(), goes_on.entries.last());
        let done = next(&goes_on.head, TaskState::Done, None);
        store.get().await.commit_owned(done).await.unwrap();
    }
}

/// What a task is accepted with is its history from the first read on.
pub(super) async fn a_task_is_accepted_with_a_history(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let mut task = new_task(&ws, TaskId::new(), "{}");
    let copied = Entry::State {
        at: 3,
        state: TaskState::Ready,
        reason: "a copy of another".into(),
    };
    task.entries = vec![copied.clone()];
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let accepted = Entry::Accepted {
        at: task.head.created,
    };
    let id = task.head.id;
    let journal = journal_of(store.get().await, &ws, id).await;
    assert_eq!(journal, [accepted.clone(), copied.clone()]);
    let stored = store.get().await.load(&ws, id).await.unwrap().unwrap();
    assert!(stored.effects.is_empty());
    let call = effect(1, 0, 5_000);
    let recorded = store.get().await.record_effect_owned(&ws, id, call.clone());
    recorded.await.unwrap();
    let stored = store.get().await.load(&ws, id).await.unwrap().unwrap();
    assert!(stored.journal >= 5_000, "{}", stored.journal);
    let all = store
        .get()
        .await
        .timeline(&ws, id, None)
        .await
        .unwrap()
        .unwrap();
    let call = Entry::Effect(call.without_answer());
    assert_eq!(all.journal, [(0, accepted), (1, copied.clone()), (2, call)]);
    assert!(!all.is_cut && all.task.head == task.head);
    let before = store.get().await.timeline(&ws, id, Some(2));
    assert_eq!(before.await.unwrap().unwrap().journal[1..], [(1, copied)]);
    let none = store.get().await.timeline(&ws, TaskId::new(), None);
    assert!(none.await.unwrap().is_none());
}
