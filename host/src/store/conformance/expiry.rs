//! Checks of the end of a task's time.

use super::owned::Owned;
use super::samples::{new_task, next, workspace};
use super::subject::Shaken;
use crate::domain::ids::TaskId;
use crate::domain::task::{Expiry, TaskState};
use crate::store::TaskQuery;

/// The end of a task's time is part of its head, wherever that is kept; a task without one is as ever.
pub(super) async fn an_expiry_is_kept_with_the_head(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let ids: Vec<TaskId> = (0..3).map(|_| TaskId::new()).collect();
    for id in &ids {
        let task = new_task(&ws, *id, r#"{"n":1}"#);
        store.get().await.accept_owned(task).await.unwrap();
    }
    let expiries = [
        None,
        Some(Expiry {
            at: Some(1_764_000_000_007),
            completes: false,
        }),
        Some(Expiry {
            at: None,
            completes: true,
        }),
    ];
    for (state, wake_at) in [
        (TaskState::Waiting, Some(1_764_000_000_006)),
        (TaskState::Ready, None),
        (TaskState::Done, None),
    ] {
        for (id, expiry) in ids.iter().zip(expiries) {
            let before = store.get().await.load(&ws, *id).await.unwrap().unwrap();
            let mut commit = next(&before.head, state, wake_at);
            commit.head.expiry = expiry;
            store
                .get()
                .await
                .commit_owned(commit.clone())
                .await
                .unwrap();
            let there = store.get().await.load(&ws, *id).await.unwrap().unwrap();
            assert_eq!(there.head, commit.head);
        }
    }
    let query = TaskQuery {
        limit: 10,
        ..TaskQuery::default()
    };
    let listed = store.get().await.list(&ws, &query).await.unwrap();
    assert_eq!(listed.len(), ids.len());
    for head in listed {
        let at = ids.iter().position(|id| *id == head.id).unwrap();
        assert_eq!(head.expiry, expiries[at]);
    }
}
