//! Finding tasks by webhook, name and tag, and counting them.

use super::owned::Owned;
use super::samples::{new_task, next, workspace};
use super::subject::{Disturbance, Shaken};
use crate::domain::ids::TaskId;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::{TaskQuery, Terms};

/// Tasks of every state, some of which were in another before and had other names then.
async fn filled(store: &mut Shaken<'_>) -> Vec<TaskHead> {
    let ws = workspace("acme");
    let mut heads = Vec::new();
    for at in 0..84 {
        let mut task = new_task(&ws, TaskId::new(), "{}");
        task.head.webhook = ["Orders", "Form"][at % 2].parse().ok();
        task.head.name = (at % 3 == 0).then(|| "first".to_owned());
        store.store.accept_owned(task.clone()).await.unwrap();
        let mut commit = next(&task.head, TaskState::ALL[at % 7], Some(9));
        commit.head.tags = (0..at % 9).map(|tag| format!("tag {tag}")).collect();
        if at % 10 == 0 {
            store
                .get()
                .await
                .commit_owned(commit.clone())
                .await
                .unwrap();
            commit = next(&commit.head, TaskState::ALL[(at + 3) % 7], Some(9));
            commit.head.name = Some("second".into());
            commit.head.tags.clear();
        }
        heads.push(commit.head.clone());
        store.store.commit_owned(commit).await.unwrap();
    }
    heads.reverse();
    heads
}

pub(super) async fn tasks_are_found_by_their_terms(mut store: Shaken<'_>) {
    let heads = filled(&mut store).await;
    let ws = workspace("acme");
    // What only reads sees the same after one disturbance as after several.
    let limits: &[usize] = match store.by {
        Disturbance::Nothing => &[2, 500],
        _ => &[20],
    };
    let text = |text: &str| Some(text.to_owned());
    let one = |webhook: Option<String>, name: Option<String>, tag: Option<String>| Terms {
        webhook,
        name,
        tag,
    };
    for terms in [
        one(text("Orders"), None, None),
        one(None, text("first"), None),
        one(None, text("second"), None),
        one(None, None, text("tag 0")),
        one(None, None, text("tag 7")),
        one(text("Form"), text("first"), text("tag 2")),
        one(text("Nobody"), None, None),
        one(text("first"), None, None),
        Terms::default(),
    ] {
        let one_each = TaskState::ALL.map(|state| vec![state]);
        let (done, waiting) = (TaskState::Done, TaskState::Waiting);
        let several = [vec![], vec![done, TaskState::Error], vec![waiting, done]];
        let seen = store.get().await;
        for states in one_each.into_iter().chain(several) {
            let fits = |head: &&TaskHead| {
                (states.is_empty() || states.contains(&head.state())) && terms.fit(head)
            };
            let expected: Vec<TaskHead> = heads.iter().filter(fits).cloned().collect();
            for limit in limits.iter().copied() {
                let mut query = TaskQuery {
                    states: states.clone(),
                    before: None,
                    since: None,
                    limit,
                };
                let mut found = Vec::new();
                loop {
                    let page = seen.find(&ws, &query, &terms).await.unwrap();
                    assert!(page.tasks.len() <= limit);
                    found.extend(page.tasks);
                    let Some(next) = page.next else { break };
                    assert!(
                        query.before.is_none_or(|before| next < before),
                        "it goes on"
                    );
                    query.before = Some(next);
                }
                assert_eq!(found, expected, "{terms:?} {states:?} {limit}");
            }
        }
    }
    // From one task on.
    let since = heads[50].id;
    for terms in [
        Terms::default(),
        one(text("Orders"), None, None),
        one(None, None, text("tag 2")),
    ] {
        let seen = store.get().await;
        for state in [None, Some(TaskState::Done), Some(TaskState::Ready)] {
            let query = TaskQuery {
                states: state.into_iter().collect(),
                since: Some(since),
                limit: 500,
                ..TaskQuery::default()
            };
            let page = seen.find(&ws, &query, &terms).await.unwrap();
            let fits = |head: &&TaskHead| {
                state.is_none_or(|state| head.state() == state)
                    && terms.fit(head)
                    && head.id >= since
            };
            let expected: Vec<TaskHead> = heads.iter().filter(fits).cloned().collect();
            assert_eq!(
                (page.tasks, page.next),
                (expected, None),
                "{terms:?} {state:?}"
            );
            let none = TaskQuery {
                before: Some(since),
                ..query
            };
            let page = seen.find(&ws, &none, &terms).await.unwrap();
            assert!(page.tasks.is_empty() && page.next.is_none());
        }
    }
    let query = TaskQuery {
        limit: 9,
        ..TaskQuery::default()
    };
    let orders = one(text("Orders"), None, None);
    let other = workspace("acm");
    let page = store
        .get()
        .await
        .find(&other, &query, &orders)
        .await
        .unwrap();
    assert!(page.tasks.is_empty() && page.next.is_none());
}

pub(super) async fn tasks_are_counted_by_state(mut store: Shaken<'_>) {
    let ws = workspace("acme");
    let none = store.get().await.counts(&ws).await.unwrap();
    assert_eq!(none, crate::store::Counts::default());
    let mut heads = filled(&mut store).await;
    for round in 0..3 {
        let counts = store.get().await.counts(&ws).await.unwrap();
        let expected = TaskState::ALL.map(|state| {
            let in_state = heads.iter().filter(|head| head.state() == state);
            in_state.count() as u64
        });
        assert_eq!(counts.of, expected, "round {round}");
        assert!(!counts.at_least);
        // Tasks that are done go on, and others are done.
        for (at, head) in heads
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| at % 4 == round)
        {
            let state = TaskState::ALL[(at + 2 * round + 2) % 7];
            let commit = next(head, state, Some(9));
            *head = commit.head.clone();
            store.store.commit_owned(commit).await.unwrap();
        }
    }
    let other = store.get().await.counts(&workspace("acm")).await.unwrap();
    assert_eq!(other.of, [0; 7]);
}
