//! Long changes beside the small ones of other workspaces.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::super::change;
use super::super::failpoint::{FailPoint, Write};
use super::super::group::{self, End, Fragment, Item};
use super::super::lanes::FRAGMENT_BYTES;
use super::torn::copy;
use super::{scratch, small};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{new_task, next, workspace};
use crate::store::sled::{SledSettings, SledStore};
use crate::store::{NewTask, Store, StoreError};

/// The first of these items, a fragment of a long change, and the end of that.
pub(super) fn items(of: Vec<Item>) -> Vec<Item> {
    let from = 1 << 40;
    let fragment = Fragment {
        from,
        bytes: b"a part of a change".to_vec(),
    };
    let end = End {
        from,
        length: (1 << 33) + 1,
        sum: 0xfedc_ba98,
        indexes: vec![0, 70_000],
    };
    let fragments = [Item::Fragment(fragment), Item::End(end)];
    of.into_iter().take(1).chain(fragments).collect()
}

/// A group of these, as it is in the log.
pub(super) fn write_group(items: &Vec<Item>) -> Vec<u8> {
    let mut group = Vec::new();
    let has_key = |item: &Item| matches!(item, Item::Change(change) if change.taken.is_some());
    let is_other = |item: &Item| !matches!(item, Item::Change(_));
    let has_others = items.iter().any(is_other);
    group::begin_group(&mut group, items.iter().any(has_key), has_others);
    for item in items {
        match item {
            Item::Change(change) => {
                let encoded = change::encode_change(change).unwrap();
                group::push_change(&mut group, &encoded).unwrap();
            }
            Item::Fragment(fragment) => group::push_fragment(&mut group, fragment.from, |group| {
                group.extend_from_slice(&fragment.bytes);
                Ok(())
            })
            .unwrap(),
            Item::End(end) => end.push(&mut group).unwrap(),
        }
    }
    group
}

/// Lets one append of the log after another go on.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_shut: bool,
    /// Appends that may go on.
    let_through: usize,
    /// Appends that came to the gate.
    came: usize,
}

impl Gate {
    fn hook(self: &Arc<Self>) -> FailPoint {
        let gate = self.clone();
        FailPoint {
            hook: Some(Arc::new(move |write| {
                if write == Write::Append {
                    let mut state = gate.state.lock();
                    state.came += 1;
                    gate.changed.notify_all();
                    gate.changed
                        .wait_while(&mut state, |state| state.is_shut && state.let_through == 0);
                    state.let_through = state.let_through.saturating_sub(1);
                }
                Ok(())
            })),
        }
    }

    fn shut(&self) {
        self.state.lock().is_shut = true;
    }

    fn open(&self) {
        self.state.lock().is_shut = false;
        self.changed.notify_all();
    }

    fn came(&self) -> usize {
        self.state.lock().came
    }

    /// Waits until an append is at the gate that was not among the first `before`.
    fn wait(&self, before: usize) {
        let mut state = self.state.lock();
        let patience = Duration::from_secs(60);
        let waited =
            self.changed
                .wait_while_for(&mut state, |state| state.came <= before, patience);
        assert!(!waited.timed_out(), "nothing is appended");
    }

    /// Lets the append at the gate go on, and waits for the next one.
    fn step(&self) {
        let before = self.came();
        self.state.lock().let_through += 1;
        self.changed.notify_all();
        self.wait(before);
    }
}

struct Subject {
    home: tempfile::TempDir,
    gate: Arc<Gate>,
    store: Arc<SledStore>,
}

fn data(bytes: usize) -> String {
    format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes))
}

fn names() -> [WorkspaceName; 2] {
    ["loud", "quiet"].map(workspace)
}

impl Subject {
    /// A store to which both workspaces have written a moment ago. What is appended then waits.
    async fn new() -> Self {
        let (home, gate) = (scratch(), Arc::<Gate>::default());
        let settings = SledSettings {
            fail: gate.hook(),
            ..small(home.path())
        };
        let store = SledStore::open(settings).unwrap();
        for name in names() {
            let task = new_task(&name, TaskId::new(), "{}");
            store.accept_owned(task).await.unwrap();
        }
        gate.shut();
        Self { home, gate, store }
    }

    fn accept(&self, task: &NewTask) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        let (store, task) = (self.store.clone(), task.clone());
        tokio::spawn(async move { store.accept_owned(task).await })
    }

    /// Begins to write a change of `bytes`; its first fragment is at the gate.
    fn begin_long(
        &self,
        bytes: usize,
    ) -> (NewTask, tokio::task::JoinHandle<Result<(), StoreError>>) {
        let long = new_task(&names()[0], TaskId::new(), &data(bytes));
        let before = self.gate.came();
        let accepted = self.accept(&long);
        self.gate.wait(before);
        (long, accepted)
    }

    async fn has(&self, store: &SledStore, task: &NewTask) -> bool {
        let stored = store.load(&task.head.workspace, task.head.id).await;
        stored
            .unwrap()
            .is_some_and(|stored| stored.data == task.data)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_small_change_does_not_wait_for_a_long_one_of_another_workspace() {
    let subject = Subject::new().await;
    let (long, accepted) = subject.begin_long(20 * FRAGMENT_BYTES);
    let small = new_task(&names()[1], TaskId::new(), "{}");
    let quick = subject.accept(&small);
    // It is in the next group, or in the one after that if it has not arrived yet.
    let mut groups = 0;
    while !quick.is_finished() {
        assert!(groups < 10, "it waits for the long one");
        groups += 1;
        subject.gate.step();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!accepted.is_finished());
    assert!(
        !subject.has(&subject.store, &long).await,
        "it is not there yet"
    );
    assert!(subject.has(&subject.store, &small).await);
    // A crash here leaves nothing of it, and the other one.
    let crashed = scratch();
    copy(subject.home.path(), crashed.path());
    subject.gate.open();
    accepted.await.unwrap().unwrap();
    assert!(subject.has(&subject.store, &long).await);
    let store = SledStore::open(super::small(crashed.path())).unwrap();
    assert!(!subject.has(&store, &long).await);
    assert!(subject.has(&store, &small).await);
    // Its fragments are in no later change's way.
    let again = new_task(&names()[0], TaskId::new(), &data(3 * FRAGMENT_BYTES));
    store.accept_owned(again.clone()).await.unwrap();
    store.close().await;
    drop(store);
    let store = SledStore::open(super::small(crashed.path())).unwrap();
    assert!(subject.has(&store, &again).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_has_the_fragments_as_long_as_they_are_needed() {
    let subject = Subject::new().await;
    let (long, accepted) = subject.begin_long(6 * FRAGMENT_BYTES);
    for _ in 0..3 {
        subject.gate.step();
    }
    // All that is durable is folded, and the log let go.
    let fold = |subject: &Subject| {
        let store = subject.store.clone();
        tokio::task::spawn_blocking(move || store.fold_all())
    };
    fold(&subject).await.unwrap().unwrap();
    // One that stays in the log is in the group of the end.
    let ready = new_task(&names()[1], TaskId::new(), "{}");
    let kept = subject.accept(&ready);
    while !accepted.is_finished() {
        subject.gate.state.lock().let_through += 1;
        subject.gate.changed.notify_all();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    subject.gate.open();
    accepted.await.unwrap().unwrap();
    kept.await.unwrap().unwrap();
    let done = next(&long.head, TaskState::Done, None);
    subject.store.commit_owned(done).await.unwrap();
    // Those at rest are folded, and those that are ready stay.
    subject.store.checkpoint().unwrap();
    let crashed = scratch();
    copy(subject.home.path(), crashed.path());
    let store = SledStore::open(super::small(crashed.path())).unwrap();
    assert!(subject.has(&store, &long).await);
    assert!(subject.has(&store, &ready).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_a_workspace_keep_their_order() {
    let subject = Subject::new().await;
    let (long, accepted) = subject.begin_long(4 * FRAGMENT_BYTES);
    // It stands on the long one, and is refused if it comes before.
    let mut commit = next(&long.head, TaskState::Done, None);
    commit.data = Some(data(2 * FRAGMENT_BYTES).as_str().into());
    let store = subject.store.clone();
    let committed = tokio::spawn(async move { store.commit_owned(commit).await });
    let queue = &subject.store.queue;
    let comes = async {
        while queue.capacity() == queue.max_capacity() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(60), comes).await;
    came.expect("it is queued behind the long one");
    subject.gate.open();
    accepted.await.unwrap().unwrap();
    committed.await.unwrap().unwrap();
    let (workspace, id) = (&long.head.workspace, long.head.id);
    let stored = subject.store.load(workspace, id).await.unwrap().unwrap();
    assert_eq!(stored.data.len(), data(2 * FRAGMENT_BYTES).len());
    assert_eq!(stored.head.state(), TaskState::Done);
}
