//! All that a store can be asked, to compare two.

use super::crash::spaces;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::conformance::journal_of;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::step;
use crate::store::{Registry, Store, TaskQuery};

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
                state,
                before: None,
                limit: 1000,
            };
            dump.lists.push(store.list(&ws, &query).await.unwrap());
        }
        dump.ready
            .push(store.ready_owned(&ws, TaskId::MIN, 1000).await.unwrap());
        for head in dump.lists.last().unwrap() {
            let task = store.load(&ws, head.id).await.unwrap().unwrap();
            let journal = journal_of(store, &ws, head.id).await;
            dump.tasks.push(format!(
                "{} {} {:?} {journal:?}",
                head.id, task.data, task.effects
            ));
        }
    }
    dump
}
