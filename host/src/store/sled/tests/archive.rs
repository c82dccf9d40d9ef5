//! Tasks that are done and are not touched again, and those that are.

use super::*;
use crate::domain::task::TaskState;
use crate::store::conformance::journal_of;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{new_task, next, workspace};

/// How many keys of the tree begin with `prefix`.
fn keys_of(store: &SledStore, prefix: &[u8]) -> usize {
    let counted = store
        .shared
        .with_disk(|disk| Ok(disk.db.scan_prefix(prefix).count()));
    counted.unwrap()
}

async fn listed(store: &SledStore, state: Option<TaskState>) -> Vec<TaskId> {
    let query = TaskQuery {
        states: state.into_iter().collect(),
        before: None,
        since: None,
        limit: 5000,
    };
    let page = store.list(&workspace("acme"), &query).await.unwrap();
    page.into_iter().map(|head| head.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn done_tasks_cost_the_tree_a_part_of_a_key_each() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let ws = workspace("acme");
    let mut all = Vec::new();
    for _ in 0..500 {
        let mut task = new_task(&ws, TaskId::new(), r#"{"a": 1}"#);
        task.head.standing = TaskState::Done.into();
        all.push(task.head.id);
        store.accept_owned(task).await.unwrap();
    }
    store.checkpoint().unwrap();
    assert_eq!(keys_of(&store, b"t/"), 0);
    assert_eq!(keys_of(&store, b"a/"), 3);
    assert_eq!(store.shared.overlay.read().bytes(), 0);
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    all.reverse();
    assert_eq!(listed(&store, None).await, all);
    assert_eq!(listed(&store, Some(TaskState::Done)).await, all);
    assert_eq!(listed(&store, Some(TaskState::Error)).await, []);
    for id in &all {
        let task = store.load(&ws, *id).await.unwrap().unwrap();
        assert_eq!((task.head.id, &*task.data), (*id, r#"{"a": 1}"#));
        assert_eq!(journal_of(&*store, &ws, *id).await.len(), 1);
    }
    assert!(store.load(&ws, TaskId::new()).await.unwrap().is_none());
    let other = workspace("acm");
    assert!(store.load(&other, all[0]).await.unwrap().is_none());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_task_that_is_moved_on_is_what_it_became() {
    let home = scratch();
    let ws = workspace("acme");
    let mut store = SledStore::open(small(home.path())).unwrap();
    let mut task = new_task(&ws, TaskId::new(), r#"{"a": 1}"#);
    task.head.standing = TaskState::Done.into();
    let id = task.head.id;
    store.accept_owned(task.clone()).await.unwrap();
    store.checkpoint().unwrap();
    let mut head = task.head.clone();
    for (state, in_tree) in [
        // Done once more before anything else was folded: archived once more.
        (TaskState::Done, 0),
        (TaskState::Error, 1),
        // The tree has it now, and keeps it.
        (TaskState::Done, 1),
        (TaskState::Ready, 1),
    ] {
        let commit = next(&head, state, None);
        head = commit.head.clone();
        store.commit_owned(commit).await.unwrap();
        for fold in [false, true] {
            if fold {
                store.fold_all().unwrap();
                assert_eq!(keys_of(&store, b"t/"), in_tree);
            }
            let there = store.load(&ws, id).await.unwrap().unwrap().head;
            assert_eq!((there.version, there.state()), (head.version, state));
            let entries = journal_of(&*store, &ws, id).await.len() as u64;
            assert_eq!(entries, head.version);
            assert_eq!(listed(&store, None).await, [id]);
            for other in TaskState::ALL {
                let expected = if other == state { vec![id] } else { Vec::new() };
                assert_eq!(listed(&store, Some(other)).await, expected, "{state:?}");
            }
            store.close().await;
            store = SledStore::open(small(home.path())).unwrap();
        }
    }
    store.close().await;
}

#[tokio::test]
async fn a_store_from_before_the_archive_is_taken_over() {
    let home = scratch();
    let ws = workspace("acme");
    let store = SledStore::open(small(home.path())).unwrap();
    let task = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(task.clone()).await.unwrap();
    store.fold_all().unwrap();
    let first = |store: &SledStore| {
        let format = store
            .shared
            .with_disk(|disk| disk.db.get(keys::FORMAT).map_err(failure::from_sled));
        format.unwrap().unwrap().to_vec()
    };
    assert_eq!(first(&store), disk::FORMAT.to_le_bytes());
    store
        .shared
        .with_disk(|disk| {
            disk.db
                .insert(keys::FORMAT, &1u32.to_le_bytes())
                .map_err(failure::from_sled)
        })
        .unwrap();
    store.close().await;
    assert!(!home.path().join("archive").exists(), "nothing was done");
    let store = SledStore::open(small(home.path())).unwrap();
    assert_eq!(first(&store), disk::FORMAT.to_le_bytes());
    assert!(store.load(&ws, task.head.id).await.unwrap().is_some());
    store.close().await;
}

fn named(webhook: &str) -> crate::store::Terms {
    crate::store::Terms {
        webhook: Some(webhook.to_owned()),
        ..crate::store::Terms::default()
    }
}

/// All that `find` gives, page by page, and how many pages that were.
async fn found(
    store: &SledStore,
    state: Option<TaskState>,
    terms: &crate::store::Terms,
) -> (Vec<TaskId>, usize) {
    let mut query = TaskQuery {
        states: state.into_iter().collect(),
        before: None,
        since: None,
        limit: 50,
    };
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.find(&workspace("acme"), &query, terms).await.unwrap();
        pages += 1;
        ids.extend(page.tasks.iter().map(|head| head.id));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return (ids, pages),
        }
    }
}

/// 1,200 tasks of `state`, of which every 400th came in by another webhook.
async fn many(store: &SledStore, state: TaskState) -> Vec<TaskId> {
    let mut rare = Vec::new();
    for at in 0..1_200 {
        let mut task = new_task(&workspace("acme"), TaskId::new(), "{}");
        task.head.standing = state.into();
        if at % 400 == 0 {
            task.head.webhook = "Rare".parse().ok();
            rare.push(task.head.id);
        }
        store.accept_owned(task).await.unwrap();
    }
    rare.reverse();
    rare
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rare_is_found_without_a_look_at_the_rest() {
    for state in [TaskState::Done, TaskState::Unmatched] {
        let home = scratch();
        let store = SledStore::open(small(home.path())).unwrap();
        let rare = many(&store, state).await;
        assert_eq!(found(&store, Some(state), &named("Rare")).await.0, rare);
        store.fold_all().unwrap();
        let (ids, pages) = found(&store, Some(state), &named("Rare")).await;
        assert_eq!((ids, pages), (rare.clone(), 1), "{state}");
        let (ids, pages) = found(&store, Some(state), &named("Nobody")).await;
        assert_eq!((ids.len(), pages), (0, 1), "{state}");
        let (ids, _) = found(&store, Some(state), &named("Contact Form")).await;
        assert_eq!(ids.len(), 1_197);
        store.close().await;
    }
}

/// What a version without digests wrote is found, too, and after the upgrade as fast.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_older_version_wrote_is_found_and_upgraded() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let done = many(&store, TaskState::Done).await;
    let unmatched = many(&store, TaskState::Unmatched).await;
    store.fold_all().unwrap();
    let older = store.shared.with_disk(|disk| {
        for key in disk.db.scan_prefix(b"b/").keys() {
            disk.db
                .remove(key.map_err(failure::from_sled)?)
                .map_err(failure::from_sled)?;
        }
        for key in disk.db.scan_prefix(b"s/").keys() {
            disk.db
                .insert(key.map_err(failure::from_sled)?, &[])
                .map_err(failure::from_sled)?;
        }
        disk.db.remove(keys::UPGRADED).map_err(failure::from_sled)?;
        disk.db
            .insert(keys::FORMAT, &2u32.to_le_bytes())
            .map_err(failure::from_sled)?;
        Ok(())
    });
    older.unwrap();
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    for upgraded in [false, true] {
        let state = Some(TaskState::Done);
        assert_eq!(
            found(&store, state, &named("Rare")).await.0,
            done,
            "{upgraded}"
        );
        let state = Some(TaskState::Unmatched);
        assert_eq!(
            found(&store, state, &named("Rare")).await.0,
            unmatched,
            "{upgraded}"
        );
        let expected = if upgraded { keys_of(&store, b"a/") } else { 0 };
        assert_eq!(keys_of(&store, b"b/"), expected);
        store.upgrade().unwrap();
    }
    // What is added to a value of before is found beside what was there.
    let more = many(&store, TaskState::Done).await;
    store.fold_all().unwrap();
    let all = [more, done].concat();
    assert_eq!(
        found(&store, Some(TaskState::Done), &named("Rare")).await.0,
        all
    );
    store.close().await;
}

/// However little one look may cost, a search comes to its end and finds all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_goes_on_where_a_look_had_to_end() {
    use crate::store::search::{Search, search};
    let home = scratch();
    let mut settings = small(home.path());
    settings.look_cost = 30;
    let store = SledStore::open(settings).unwrap();
    let mut rare = Vec::new();
    for state in [TaskState::Unmatched, TaskState::Done, TaskState::Error] {
        rare.extend(many(&store, state).await);
    }
    rare.sort_unstable_by(|a, b| b.cmp(a));
    store.fold_all().unwrap();
    let mut wanted = Search {
        terms: named("Rare"),
        limit: 4,
        ..Search::default()
    };
    let (mut ids, mut pages, mut empty) = (Vec::new(), 0, 0);
    loop {
        let page = search(&*store, None, &workspace("acme"), &wanted)
            .await
            .unwrap();
        ids.extend(page.tasks.iter().map(|head| head.id));
        pages += 1;
        empty += usize::from(page.tasks.is_empty());
        let Some(next) = page.next else { break };
        assert!(wanted.before.is_none_or(|before| next < before));
        wanted.before = Some(next);
    }
    assert_eq!(ids, rare);
    assert!(
        pages > 5 && empty > 0,
        "{pages} pages, {empty} of them empty"
    );
    store.close().await;
}
