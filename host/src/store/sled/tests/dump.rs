//! All that a store can be asked, to compare two.

use super::crash::{LATER, spaces};
use crate::domain::dedup::Dedup;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::retention::DAY;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::conformance::journal_of;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{dedup, step};
use crate::store::{NewTask, Registry, Store, TaskQuery};

/// The key of the delivery that a task with this id comes by.
fn key_of(id: TaskId) -> Dedup {
    Dedup {
        until: LATER + 40 * DAY,
        ..dedup(&id.to_string(), 0)
    }
}

/// Every other task comes by a delivery with a key.
pub(super) fn keyed(task: NewTask) -> NewTask {
    let id = task.head.id;
    let has_key = id.as_bytes()[15].is_multiple_of(2);
    NewTask {
        dedup: has_key.then(|| key_of(id)),
        ..task
    }
}

/// Everything that a store says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct Dump {
    tasks: Vec<String>,
    lists: Vec<Vec<TaskHead>>,
    ready: Vec<Vec<TaskId>>,
    due: Vec<(u64, WorkspaceName, TaskId)>,
    registry: String,
    components: Vec<Option<usize>>,
}

fn sorted(mut registry: Registry) -> String {
    registry.workspaces.sort();
    registry
        .steps
        .sort_by_key(|(ws, step)| (ws.clone(), step.name.clone()));
    registry.config.sort();
    registry.connectors.sort();
    format!("{registry:?}")
}

pub(super) async fn dump(store: &dyn Store) -> Dump {
    let mut dump = Dump {
        tasks: Vec::new(),
        lists: Vec::new(),
        ready: Vec::new(),
        due: store.due_owned(u64::MAX, 1000).await.unwrap(),
        registry: sorted(store.registry().await.unwrap()),
        components: Vec::new(),
    };
    for name in 0..3 {
        let digest = step("s", &vec![name; 7_000]).digest;
        let component = store.component(&digest).await.unwrap();
        dump.components.push(component.map(|bytes| bytes.len()));
    }
    for ws in spaces() {
        for state in TaskState::ALL.into_iter().map(Some).chain([None]) {
            let query = TaskQuery {
                states: state.into_iter().collect(),
                before: None,
                since: None,
                limit: 1000,
            };
            dump.lists.push(store.list(&ws, &query).await.unwrap());
        }
        dump.ready
            .push(store.ready_owned(&ws, TaskId::MIN, 1000).await.unwrap());
        for head in dump.lists.last().unwrap() {
            let task = store.load(&ws, head.id).await.unwrap().unwrap();
            let journal = journal_of(store, &ws, head.id).await;
            let dedup = key_of(head.id);
            let held = store.delivered(&ws, dedup.key, dedup.at).await.unwrap();
            dump.tasks.push(format!(
                "{} {} {:?} {journal:?} {held:?}",
                head.id, task.data, task.effects
            ));
        }
    }
    dump
}
