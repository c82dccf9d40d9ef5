//! Ends of tasks on a real engine without steps: what parents are notified of, and which subtasks end too.

use crate::store::conformance::owned::Owned;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::catalog::{Catalog, DEFAULT_WORKSPACE};
use crate::clock::SystemClock;
use crate::connectors::{FetchClient, FetchSettings};
use crate::domain::data::Edit;
use crate::domain::ids::WorkspaceName;
use crate::domain::subtask::{Child, Parent};
use crate::engine::{Engine, EngineParts, EngineSettings};
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::store::Store;
use crate::store::conformance::samples;
use crate::store::memory::MemoryStore;
use crate::vault::Vault;

fn workspace() -> WorkspaceName {
    DEFAULT_WORKSPACE.parse().unwrap()
}

async fn engine(store: &Arc<dyn Store>) -> Arc<Engine> {
    engine_with(store, u64::MAX).await
}

async fn engine_with(store: &Arc<dyn Store>, memory: u64) -> Arc<Engine> {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::open(dir.path(), Some(&"a".repeat(64))).unwrap();
    let sandbox = Sandbox::new(SandboxSettings {
        concurrency: 1,
        ..SandboxSettings::default()
    })
    .unwrap();
    let clock = Arc::new(SystemClock::default());
    let catalog = Catalog::open(store.clone(), sandbox.clone(), vault, clock.clone());
    Engine::start(EngineParts {
        announce: None,
        store: store.clone(),
        catalog: catalog.await.unwrap(),
        sandbox,
        fetch: Arc::new(FetchClient::new(FetchSettings::default()).unwrap()),
        clock,
        settings: EngineSettings {
            memory,
            ..EngineSettings::default()
        },
        weights: Default::default(),
        running: crate::engine::RunList::Nowhere,
    })
    .unwrap()
}

async fn commit(engine: &Engine, commit: Commit) {
    let writer = engine.actions.tasks.writer();
    let committed = engine.actions.subtasks.commit(&writer, commit).await;
    committed.unwrap();
}

/// A task that waits, with these subtasks.
fn waiting(id: TaskId, parent: Option<TaskId>, children: &[TaskId]) -> NewTask {
    let mut task = samples::new_task(&workspace(), id, r#"{"results":[]}"#);
    task.head.standing = TaskState::Waiting.into();
    task.head.parent = parent.map(|task| Parent { task, depth: 1 });
    task.head.children = children
        .iter()
        .map(|id| Child {
            id: *id,
            into: Some("/results/-".into()),
            wait: true,
            ended: false,
        })
        .collect();
    task
}

async fn there(store: &Arc<dyn Store>, id: TaskId) -> (TaskHead, Value) {
    let task = store.load(&workspace(), id).await.unwrap().unwrap();
    (task.head, serde_json::from_str(&task.data).unwrap())
}

async fn until(store: &Arc<dyn Store>, id: TaskId, state: TaskState) -> (TaskHead, Value) {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let task = there(store, id).await;
        if task.0.state() == state {
            return task;
        }
        assert!(Instant::now() < patience, "it is {:?}", task.0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn ids<const N: usize>() -> [TaskId; N] {
    std::array::from_fn(|_| TaskId::new())
}

#[tokio::test]
async fn who_cancels_a_task_cancels_its_subtasks_and_theirs() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let [parent, child, other, grandchild] = ids();
    store
        .accept_owned(waiting(parent, None, &[child, other]))
        .await
        .unwrap();
    store
        .accept_owned(waiting(child, Some(parent), &[grandchild]))
        .await
        .unwrap();
    store
        .accept_owned(waiting(grandchild, Some(child), &[]))
        .await
        .unwrap();
    let mut done = waiting(other, Some(parent), &[]);
    done.head.standing = TaskState::Done.into();
    store.accept_owned(done).await.unwrap();
    let engine = engine(&store).await;
    let (head, _) = there(&store, parent).await;
    let cancel = samples::next(&head, TaskState::Cancelled, None);
    commit(&engine, cancel).await;
    for (id, state) in [
        (parent, TaskState::Cancelled),
        (child, TaskState::Cancelled),
        (grandchild, TaskState::Cancelled),
        (other, TaskState::Done),
    ] {
        assert_eq!(there(&store, id).await.0.state(), state);
    }
}

#[tokio::test]
async fn a_subtask_that_the_crash_left_of_a_cancelled_task_does_not_run() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let [parent, child] = ids();
    let mut cancelled = waiting(parent, None, &[child]);
    cancelled.head.standing = TaskState::Cancelled.into();
    store.accept_owned(cancelled).await.unwrap();
    let mut left = waiting(child, Some(parent), &[]);
    left.head.standing = TaskState::Ready.into();
    store.accept_owned(left).await.unwrap();
    let _engine = engine(&store).await;
    until(&store, child, TaskState::Cancelled).await;
}

#[tokio::test]
async fn a_subtask_that_is_cancelled_is_a_fault_to_its_parent_which_goes_on() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let [parent, child] = ids();
    store
        .accept_owned(waiting(parent, None, &[child]))
        .await
        .unwrap();
    store
        .accept_owned(waiting(child, Some(parent), &[]))
        .await
        .unwrap();
    let engine = engine(&store).await;
    let (head, _) = there(&store, child).await;
    let cancel = samples::next(&head, TaskState::Cancelled, None);
    commit(&engine, cancel).await;
    // No step is there to take it up.
    let (head, data) = until(&store, parent, TaskState::Unmatched).await;
    assert_eq!(data["results"], json!([{"error": "it was cancelled"}]));
    assert!(head.children.is_empty());
}

#[tokio::test]
async fn a_subtask_whose_parent_is_gone_ends_all_the_same() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let [parent, child] = ids();
    store
        .accept_owned(waiting(child, Some(parent), &[]))
        .await
        .unwrap();
    let engine = engine(&store).await;
    let (head, _) = there(&store, child).await;
    engine
        .actions
        .subtasks
        .commit(
            &engine.actions.tasks.writer(),
            samples::next(&head, TaskState::Done, None),
        )
        .await
        .unwrap();
    assert_eq!(there(&store, child).await.0.state(), TaskState::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ends_at_the_same_moment_all_land_once() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (parent, children) = (TaskId::new(), ids::<60>());
    store
        .accept_owned(waiting(parent, None, &children))
        .await
        .unwrap();
    for child in children {
        store
            .accept_owned(waiting(child, Some(parent), &[]))
            .await
            .unwrap();
    }
    let engine = engine(&store).await;
    let mut ends = Vec::new();
    for (number, child) in (0..).zip(children) {
        let (engine, store) = (engine.clone(), store.clone());
        ends.push(tokio::spawn(async move {
            let (head, _) = there(&store, child).await;
            let mut end = samples::next(&head, TaskState::Done, None);
            end.head.result = Some(number.to_string());
            commit(&engine, end).await;
        }));
    }
    for end in ends {
        end.await.unwrap();
    }
    let (head, data) = until(&store, parent, TaskState::Unmatched).await;
    let results = data["results"].as_array().unwrap();
    let mut results: Vec<u64> = results.iter().map(|n| n.as_u64().unwrap()).collect();
    results.sort_unstable();
    assert_eq!(results, (0..60).collect::<Vec<u64>>());
    assert!(head.children.is_empty());
    assert_eq!(head.notes, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_is_updated_while_its_subtasks_end() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (parent, children) = (TaskId::new(), ids::<40>());
    store
        .accept_owned(waiting(parent, None, &children))
        .await
        .unwrap();
    for child in children {
        store
            .accept_owned(waiting(child, Some(parent), &[]))
            .await
            .unwrap();
    }
    let engine = engine(&store).await;
    let mut ends = Vec::new();
    for child in children {
        let (engine, store) = (engine.clone(), store.clone());
        ends.push(tokio::spawn(async move {
            let (head, _) = there(&store, child).await;
            let end = samples::next(&head, TaskState::Done, None);
            commit(&engine, end).await;
        }));
    }
    for number in 0..40 {
        let edit = Edit::Patch(json!({ format!("edit{number}"): true }));
        engine
            .actions
            .update(&workspace(), parent, (vec![edit], None), "a test".into())
            .await
            .unwrap();
    }
    for end in ends {
        end.await.unwrap();
    }
    let (_, data) = until(&store, parent, TaskState::Unmatched).await;
    assert_eq!(data["results"].as_array().unwrap().len(), 40);
    assert_eq!(data.as_object().unwrap().len(), 41, "{data}");
}

/// What the values of a request take counts to what it can have at most: else none would ever be enough.
#[tokio::test(flavor = "multi_thread")]
async fn data_that_would_take_all_memory_are_changed_when_nothing_else_has_any() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let engine = engine_with(&store, 64 << 20).await;
    let list = |length: usize| format!(r#"{{"list":[{}0]}}"#, "0,".repeat(length));
    let (id, change) = (TaskId::new(), list(20_000));
    let mut task = samples::new_task(&workspace(), id, &list(400_000));
    task.head.standing = TaskState::Waiting.into();
    store.accept_owned(task).await.unwrap();
    let (whose, actions) = (workspace(), &engine.actions);
    let held = actions.memory_for(&whose, change.as_bytes()).await.unwrap();
    assert!(held.is_some());
    let edits = vec![Edit::Patch(serde_json::from_str(&change).unwrap())];
    let done = actions.update(&whose, id, (edits, held), "a test".into());
    done.await.unwrap();
    let data = there(&store, id).await.1;
    assert_eq!(data["list"].as_array().unwrap().len(), 20_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_data_is_changed_when_there_is_memory_for_its_values() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let engine = engine_with(&store, 64 << 20).await;
    let large = format!(r#"{{"list":[{}0]}}"#, "0,".repeat(50_000));
    let (small_id, large_id) = (TaskId::new(), TaskId::new());
    for (id, data) in [(small_id, r#"{"a":1}"#), (large_id, &*large)] {
        let mut task = samples::new_task(&workspace(), id, data);
        task.head.standing = TaskState::Waiting.into();
        store.accept_owned(task).await.unwrap();
    }
    let edit = || (vec![Edit::Patch(json!({"b": 2}))], None);
    let whose = workspace();
    let update = |id| {
        let actions = &engine.actions;
        actions.update(&whose, id, edit(), "a test".into())
    };
    let other = "other".parse().unwrap();
    let all = engine.memory.wait_for(&other, engine.memory.most()).await;
    // Another workspace has what is above the shares, and this needs more than its own.
    let refused = update(large_id).await;
    assert!(matches!(refused, Err(crate::engine::ActionError::NoMemory)));
    assert_eq!(there(&store, large_id).await.1.get("b"), None);
    update(small_id).await.unwrap();
    drop(all);
    update(large_id).await.unwrap();
    assert_eq!(there(&store, large_id).await.1["b"], json!(2));
    let until = Instant::now() + Duration::from_secs(60);
    while engine.memory.used() > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(engine.memory.used(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_put_into_the_data_a_mebibyte_at_a_time() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let engine = engine(&store).await;
    let (parent, children) = (TaskId::new(), [(); 6].map(|()| TaskId::new()));
    let mut task = waiting(parent, None, &children);
    task.head
        .children
        .iter_mut()
        .for_each(|child| child.ended = true);
    task.head.standing = TaskState::Ready.into();
    let version = task.head.version;
    for child in children {
        let text = json!({"text": "x".repeat(400_000)}).to_string();
        let mut child = samples::new_task(&workspace(), child, &text);
        child.head.standing = TaskState::Done.into();
        store.accept_owned(child).await.unwrap();
    }
    store.accept_owned(task).await.unwrap();
    let edit = (vec![Edit::Patch(json!({"wake": true}))], None);
    let whose = workspace();
    let woken = engine.actions.update(&whose, parent, edit, "a test".into());
    woken.await.unwrap();
    let (head, data) = until(&store, parent, TaskState::Unmatched).await;
    assert_eq!(data["results"].as_array().unwrap().len(), 6);
    // The change, three results twice, and the end.
    assert_eq!(head.version, version + 4);
}
