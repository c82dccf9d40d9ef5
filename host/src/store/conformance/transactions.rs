//! Checks of transactions over several tasks, and of notes.

use super::owned::Owned;
use super::samples::{effect, new_task, next, workspace};
use super::subject::{Shaken, journal_of};
use crate::domain::ids::TaskId;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{StoreError, TaskQuery, Transaction};

/// The next head of a task that something was noted of.
fn note(head: &TaskHead, state: TaskState) -> TaskHead {
    TaskHead {
        version: head.version + 1,
        notes: head.notes + 1,
        standing: state.into(),
        ..head.clone()
    }
}

pub(super) async fn a_transaction_is_there_as_a_whole(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let (one, two) = (
        new_task(&ws, TaskId::new(), "{}"),
        new_task(&ws, TaskId::new(), "{}"),
    );
    for task in [&one, &two] {
        store.get().await.accept_owned(task.clone()).await.unwrap();
    }
    // From before the newest, as a subtask of a run that took long.
    let made = new_task(&ws, TaskId::from_bytes([1; 16]), r#"{"made":true}"#);
    let mut commit = next(&one.head, TaskState::Done, None);
    commit.data = Some(r#"{"a":1}"#.into());
    let changes = Transaction {
        commits: vec![commit.clone()],
        notes: vec![note(&two.head, TaskState::Waiting)],
        accepts: vec![made.clone()],
        ..Transaction::default()
    };
    store
        .get()
        .await
        .transact_owned(changes.clone())
        .await
        .unwrap();
    let there = store.get().await.load(&ws, one.head.id).await.unwrap();
    let there = there.unwrap();
    assert_eq!((&there.head, &*there.data), (&commit.head, r#"{"a":1}"#));
    let there = store.get().await.load(&ws, two.head.id).await.unwrap();
    assert_eq!(there.unwrap().head, changes.notes[0]);
    let there = store.get().await.load(&ws, made.head.id).await.unwrap();
    assert_eq!(there.unwrap().head, made.head);
    let ready = store
        .get()
        .await
        .ready_owned(&ws, TaskId::MIN, 9)
        .await
        .unwrap();
    assert_eq!(ready, [made.head.id]);
    store
        .get()
        .await
        .transact_owned(Transaction::default())
        .await
        .unwrap();
}

pub(super) async fn a_transaction_with_one_refused_part_changes_nothing(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let one = new_task(&ws, TaskId::new(), "{}");
    store.get().await.accept_owned(one.clone()).await.unwrap();
    let absent = new_task(&ws, TaskId::new(), "{}");
    let newer = new_task(&ws, TaskId::new(), "{}");
    let good = next(&one.head, TaskState::Done, None);
    let moved = note(&good.head, TaskState::Ready);
    for (wrong, conflicts) in [
        // Of a task that is not there.
        (
            Transaction {
                commits: vec![good.clone()],
                notes: vec![note(&absent.head, TaskState::Ready)],
                accepts: vec![newer.clone()],
                ..Transaction::default()
            },
            None,
        ),
        // A version too far.
        (
            Transaction {
                accepts: vec![newer.clone()],
                notes: vec![moved],
                ..Transaction::default()
            },
            Some(one.head.id),
        ),
        // There already.
        (
            Transaction {
                commits: vec![good.clone()],
                accepts: vec![newer.clone(), one.clone()],
                ..Transaction::default()
            },
            Some(one.head.id),
        ),
    ] {
        let refused = store.get().await.transact_owned(wrong).await.unwrap_err();
        match conflicts {
            Some(task) => assert!(
                matches!(refused, StoreError::Conflict { id, .. } if id == task),
                "{refused}"
            ),
            None => assert!(matches!(refused, StoreError::NotFound(_)), "{refused}"),
        }
        let query = TaskQuery {
            limit: 9,
            ..TaskQuery::default()
        };
        let there = store.get().await.list(&ws, &query).await.unwrap();
        assert_eq!(there, std::slice::from_ref(&one.head));
    }
    // What was refused may come again.
    let fine = Transaction {
        commits: vec![good],
        accepts: vec![newer],
        ..Transaction::default()
    };
    store.get().await.transact_owned(fine).await.unwrap();
}

pub(super) async fn a_note_leaves_the_effects_of_a_run_under_way(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), r#"{"n":1}"#);
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let first = next(&task.head, TaskState::Ready, None);
    store.get().await.commit_owned(first.clone()).await.unwrap();
    let mut head = first.head;
    let id = head.id;
    for call in 0..3 {
        let effect = effect(2, call, 10);
        store
            .get()
            .await
            .record_effect_owned(&ws, id, effect)
            .await
            .unwrap();
        head = note(&head, TaskState::Ready);
        let changes = Transaction {
            notes: vec![head.clone()],
            ..Transaction::default()
        };
        store.get().await.transact_owned(changes).await.unwrap();
        let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
        assert_eq!((&there.head, &*there.data), (&head, r#"{"n":1}"#));
        assert_eq!(there.effects.len() as u32, call + 1);
    }
    let end = next(&head, TaskState::Done, None);
    store.get().await.commit_owned(end).await.unwrap();
    let there = store.get().await.load(&ws, id).await.unwrap().unwrap();
    assert!(there.effects.is_empty());
    let journal = journal_of(store.get().await, &ws, id).await;
    assert_eq!(journal.len(), 6, "a note has no entry");
}

pub(super) async fn a_task_without_a_time_to_wake_is_never_due(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    store.get().await.accept_owned(task.clone()).await.unwrap();
    let waits = next(&task.head, TaskState::Waiting, None);
    store.get().await.commit_owned(waits.clone()).await.unwrap();
    let due = store.get().await.due_owned(u64::MAX - 1, 9).await.unwrap();
    assert_eq!(due, []);
    // And is once it has one.
    let waits = next(&waits.head, TaskState::Waiting, Some(7));
    store.get().await.commit_owned(waits.clone()).await.unwrap();
    let due = store.get().await.due_owned(u64::MAX - 1, 9).await.unwrap();
    assert_eq!(due, [(7, ws.clone(), task.head.id)]);
    let waits = next(&waits.head, TaskState::Waiting, None);
    store.get().await.commit_owned(waits).await.unwrap();
    let due = store.get().await.due_owned(u64::MAX - 1, 9).await.unwrap();
    assert_eq!(due, []);
}
