//! Searches over the memory store, compared with a look at every task.

use crate::store::conformance::owned::Owned;
use serde_json::json;

use super::*;
use crate::store::conformance::samples::{new_task, next, workspace};
use crate::store::memory::MemoryStore;

/// 300 tasks of every state, some named and tagged, with amounts from 0 on.
async fn filled() -> (MemoryStore, WorkspaceName, Vec<TaskHead>) {
    let (store, ws) = (MemoryStore::new(), workspace("acme"));
    let mut heads = Vec::new();
    for at in 0..300usize {
        let data = json!({"amount": at, "even": at % 2 == 0}).to_string();
        let mut task = new_task(&ws, TaskId::new(), &data);
        task.head.name = (at % 3 == 0).then(|| "third".to_owned());
        task.head.tags = vec![format!("tag {}", at % 5)];
        task.head.webhook = if at % 4 == 0 { "Orders" } else { "Form" }.parse().ok();
        store.accept_owned(task.clone()).await.unwrap();
        let commit = next(&task.head, TaskState::ALL[at % 7], Some(9));
        heads.push(commit.head.clone());
        store.commit_owned(commit).await.unwrap();
    }
    heads.reverse();
    (store, ws, heads)
}

async fn all_pages(store: &dyn Store, ws: &WorkspaceName, mut wanted: Search) -> Vec<TaskId> {
    let mut ids = Vec::new();
    loop {
        let page = search(store, None, ws, &wanted).await.unwrap();
        assert!(page.tasks.len() <= wanted.limit);
        ids.extend(page.tasks.iter().map(|head| head.id));
        match page.next {
            Some(next) => wanted.before = Some(next),
            None => return ids,
        }
    }
}

fn pattern(value: Value) -> Option<Arc<Pattern>> {
    Some(Arc::new(Pattern::parse(&value).unwrap()))
}

#[tokio::test]
async fn every_filter_finds_what_a_look_at_all_finds() {
    let (store, ws, heads) = filled().await;
    let amount = |id: TaskId| 299 - heads.iter().position(|head| head.id == id).unwrap();
    let text = |text: &str| Some(text.to_owned());
    use TaskState as S;
    type Fits<'f> = Box<dyn Fn(&TaskHead) -> bool + 'f>;
    let cases: Vec<(Search, Fits<'_>)> = vec![
        (Search::default(), Box::new(|_| true)),
        (
            Search {
                states: vec![S::Error, S::Unmatched],
                ..Search::default()
            },
            Box::new(|head| matches!(head.state(), S::Error | S::Unmatched)),
        ),
        (
            Search {
                states: S::ALL.to_vec(),
                ..Search::default()
            },
            Box::new(|_| true),
        ),
        (
            Search {
                terms: Terms {
                    name: text("third"),
                    ..Terms::default()
                },
                states: vec![S::Done],
                ..Search::default()
            },
            Box::new(|head| head.name.is_some() && head.state() == S::Done),
        ),
        (
            Search {
                terms: Terms {
                    tag: text("tag 2"),
                    ..Terms::default()
                },
                ..Search::default()
            },
            Box::new(|head| head.tags == ["tag 2"]),
        ),
        (
            Search {
                terms: Terms {
                    webhook: text("Orders"),
                    ..Terms::default()
                },
                ..Search::default()
            },
            Box::new(|head| amount(head.id) % 4 == 0),
        ),
        (
            Search {
                terms: Terms {
                    webhook: text("Nobody"),
                    ..Terms::default()
                },
                ..Search::default()
            },
            Box::new(|_| false),
        ),
        (
            Search {
                pattern: pattern(json!({"amount": {"$gt": 100}, "even": true})),
                ..Search::default()
            },
            Box::new(|head| amount(head.id) > 100 && amount(head.id) % 2 == 0),
        ),
        (
            Search {
                pattern: pattern(json!({"amount": {"$lt": 40}})),
                terms: Terms {
                    tag: text("tag 0"),
                    ..Terms::default()
                },
                states: vec![S::Ready, S::Waiting, S::Cancelled],
                ..Search::default()
            },
            Box::new(|head| {
                amount(head.id) < 40
                    && head.tags == ["tag 0"]
                    && matches!(head.state(), S::Ready | S::Waiting | S::Cancelled)
            }),
        ),
    ];
    for (wanted, fits) in cases {
        let expected: Vec<TaskId> = heads
            .iter()
            .filter(|head| fits(head))
            .map(|head| head.id)
            .collect();
        for limit in [1, 7, 100, 500] {
            let wanted = Search {
                limit,
                ..wanted.clone()
            };
            let found = all_pages(&store, &ws, wanted.clone()).await;
            assert_eq!(found, expected, "{wanted:?}");
        }
    }
    let wanted = Search {
        limit: 5,
        ..Search::default()
    };
    let page = search(&store, None, &workspace("other"), &wanted)
        .await
        .unwrap();
    assert!(page.tasks.is_empty());
}

#[tokio::test]
async fn a_span_of_time_has_its_ends_in_it() {
    let (store, ws) = (MemoryStore::new(), workspace("acme"));
    let mut ids = Vec::new();
    for at in [1_000_000u64, 2_000_000, 2_000_000, 3_000_000] {
        // An id is made a moment later than its task's time is read.
        let mut bytes = *TaskId::from_time(at + 1).as_bytes();
        bytes[15] = ids.len() as u8;
        let mut task = new_task(&ws, TaskId::from_bytes(bytes), "{}");
        task.head.created = at;
        ids.push(task.head.id);
        store.accept_owned(task).await.unwrap();
    }
    ids.reverse();
    for (since, until, expected) in [
        (None, None, &ids[..]),
        (Some(2_000_000), None, &ids[..3]),
        (None, Some(2_000_000), &ids[1..]),
        (Some(2_000_000), Some(2_000_000), &ids[1..3]),
        (Some(2_000_001), Some(2_999_999), &[]),
        (Some(0), Some(u64::MAX), &ids[..]),
    ] {
        let wanted = Search {
            since,
            until,
            limit: 2,
            ..Search::default()
        };
        assert_eq!(
            all_pages(&store, &ws, wanted).await,
            expected,
            "{since:?} {until:?}"
        );
    }
}

/// It is listed by the time that it was planned for, so it is found by that, wherever a page ends.
#[tokio::test]
async fn a_task_that_a_schedule_makes_late_is_of_its_planned_time() {
    let (store, ws) = (MemoryStore::new(), workspace("acme"));
    let (planned, made) = (1_000_000, 5_000_000);
    let mut late = new_task(&ws, TaskId::derived(planned, [1; 10]), "{}");
    late.head.created = made;
    let id = late.head.id;
    store.accept_owned(late).await.unwrap();
    for (since, until, expected) in [
        (Some(planned), None, &[id][..]),
        (None, Some(planned), &[id]),
        (Some(planned), Some(planned), &[id]),
        (Some(planned + 1), None, &[]),
        (Some(made), Some(made), &[]),
        (None, Some(planned - 1), &[]),
    ] {
        let wanted = Search {
            since,
            until,
            limit: 2,
            ..Search::default()
        };
        let found = all_pages(&store, &ws, wanted).await;
        assert_eq!(found, expected, "{since:?} {until:?}");
    }
}

#[tokio::test]
async fn a_page_is_bounded_work_and_the_next_one_goes_on() {
    let (store, ws) = (MemoryStore::new(), workspace("acme"));
    let tasks = SEARCH_HEADS + 100;
    let mut oldest = None;
    for at in 0..tasks {
        let task = new_task(
            &ws,
            TaskId::new(),
            if at == 0 { r#"{"rare":1}"# } else { "{}" },
        );
        oldest = oldest.or(Some(task.head.id));
        store.accept_owned(task).await.unwrap();
    }
    let mut wanted = Search {
        pattern: pattern(json!({"rare": 1})),
        limit: 10,
        ..Search::default()
    };
    let page = search(&store, None, &ws, &wanted).await.unwrap();
    assert!(page.tasks.is_empty());
    assert!(page.next.is_some(), "there is more behind the bound");
    let (mut pages, mut found, mut next) = (1, page.tasks, page.next);
    while let Some(before) = next {
        wanted.before = Some(before);
        let page = search(&store, None, &ws, &wanted).await.unwrap();
        found.extend(page.tasks);
        next = page.next;
        pages += 1;
    }
    assert_eq!(pages, tasks.div_ceil(SEARCH_DATA));
    assert_eq!(found.first().map(|head| head.id), oldest);
}

#[tokio::test]
async fn a_costly_pattern_ends_a_page_early_and_every_task_is_judged_once() {
    let (store, ws) = (MemoryStore::new(), workspace("acme"));
    // Some 400 conditions over 2,000 elements: a few tasks spend the budget.
    let data = json!({"list": (0..2_000).collect::<Vec<_>>()}).to_string();
    for _ in 0..40 {
        store
            .accept_owned(new_task(&ws, TaskId::new(), &data))
            .await
            .unwrap();
    }
    let missing: Vec<Value> = (0..400)
        .map(|at| json!({"list": {"$ne": 10_000 + at}}))
        .collect();
    let wanted = Search {
        pattern: pattern(json!({"$and": missing})),
        limit: 100,
        ..Search::default()
    };
    let first = search(&store, None, &ws, &wanted).await.unwrap();
    assert!(
        first.next.is_some() && first.tasks.len() < 40,
        "{}",
        first.tasks.len()
    );
    assert_eq!(all_pages(&store, &ws, wanted).await.len(), 40);
}

#[tokio::test]
async fn a_page_ends_when_its_results_are_large() {
    let (store, ws) = (MemoryStore::new(), workspace("acme"));
    let result = format!("\"{}\"", "x".repeat(300_000));
    for _ in 0..12 {
        let mut task = new_task(&ws, TaskId::new(), r#"{"a":1}"#);
        task.head.result = Some(result.clone());
        store.accept_owned(task).await.unwrap();
    }
    for pattern in [None, pattern(json!({"a": 1}))] {
        let wanted = Search {
            pattern,
            limit: 100,
            ..Search::default()
        };
        let first = search(&store, None, &ws, &wanted).await.unwrap();
        assert_eq!(first.tasks.len(), 4);
        assert_eq!(all_pages(&store, &ws, wanted).await.len(), 12);
    }
}
