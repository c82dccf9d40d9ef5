//! The store dies before any of its writes, and between any two bytes of one to the log. What was
//! acknowledged is there afterwards, what was not is there whole or not at all, and the store goes
//! on.
//!
//! A program is run once; before every write the directory is copied as it stands, with what the
//! program knew to be acknowledged. Each copy is what a process killed there leaves behind.

use crate::store::conformance::owned::Owned;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;

use super::super::failpoint::{FailPoint, Write};
use super::dump::{dump, keyed};
use super::torn::{copy, tear, tear_archive};
use super::{scratch, small};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::conformance::retention::purge;
use crate::store::conformance::samples::{effect, new_task, next, step, workspace};
use crate::store::memory::{MemoryStore, Model};
use crate::store::sled::{SledSettings, SledStore};
use crate::store::{Commit, Health, Manage, NewTask, Store, StoreError, Transaction};

/// Long after the time of all tasks that are at their end.
pub(super) const LATER: u64 = 5_000_000_000_000;

/// One thing that a program does; tasks are named by their order of acceptance.
#[derive(Debug, Clone)]
enum Op {
    Accept {
        workspace: u8,
        bytes: usize,
    },
    Commit {
        task: usize,
        state: TaskState,
        wake_at: u64,
        bytes: Option<usize>,
    },
    Effect {
        task: usize,
        bytes: usize,
    },
    /// One task is committed, another noted of, a third accepted.
    Transaction {
        task: usize,
        other: usize,
        state: TaskState,
        bytes: usize,
    },
    Manage {
        what: u8,
        name: u8,
    },
    Checkpoint,
    FoldAll,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        16 => 0..300usize,
        4 => 5_500..6_500usize,
        2 => 10_000..40_000usize,
        // Written in fragments while others write.
        1 => 66_000..200_000usize,
    ]
}

fn state_of() -> impl Strategy<Value = TaskState> {
    proptest::sample::select(TaskState::ALL.as_slice())
}

fn op() -> impl Strategy<Value = Op> {
    let state = state_of();
    prop_oneof![
        5 => (0..3u8, size()).prop_map(|(workspace, bytes)| Op::Accept { workspace, bytes }),
        6 => (any::<usize>(), state, 0..5u64, proptest::option::of(size())).prop_map(
            |(task, state, wake_at, bytes)| Op::Commit { task, state, wake_at, bytes }
        ),
        3 => (any::<usize>(), size()).prop_map(|(task, bytes)| Op::Effect { task, bytes }),
        3 => (any::<usize>(), any::<usize>(), state_of(), size()).prop_map(
            |(task, other, state, bytes)| Op::Transaction { task, other, state, bytes }
        ),
        2 => (0..7u8, 0..3u8).prop_map(|(what, name)| Op::Manage { what, name }),
        2 => Just(Op::Checkpoint),
        1 => Just(Op::FoldAll),
    ]
}

pub(super) fn spaces() -> [WorkspaceName; 3] {
    ["a", "a-b", "b"].map(workspace)
}

fn manage(what: u8, name: u8) -> Manage {
    let ws = spaces()[usize::from(name)].clone();
    let key = format!("key{name}").parse().unwrap();
    let bytes: Arc<[u8]> = vec![name; 7_000].into();
    let step_name = format!("step{}", what % 2);
    let step = step(&step_name, &bytes);
    match what {
        0 if name == 0 => Manage::AddWorkspace(ws),
        0 => Manage::SetWorkspace(
            ws,
            WorkspaceSettings {
                failure_url: Some(format!("https://example.com/{name}")),
                ..WorkspaceSettings::default()
            },
        ),
        1 | 2 => Manage::PutStep(ws, step, bytes),
        3 | 4 => Manage::DeleteStep(ws, step.name),
        5 => Manage::SetConfig(ws, key, vec![what; 9_000]),
        _ => Manage::DeleteConfig(ws, key),
    }
}

/// An op, of the tasks that there were when it was asked for.
#[derive(Debug, Clone)]
enum Act {
    Accept(NewTask),
    Commit(Commit),
    Effect(WorkspaceName, TaskId, Effect),
    Transaction(Transaction),
    Manage(Manage),
    Checkpoint,
    FoldAll,
}

/// What is known when the store dies.
#[derive(Clone, Default)]
struct Known {
    /// What was acknowledged.
    acked: Model,
    /// What had been asked for and was not: each there whole, or not at all.
    pending: BTreeMap<usize, Act>,
    /// The tasks that were ever asked for.
    ids: Vec<(WorkspaceName, TaskId)>,
    /// A purge is under way: each task that may go is there, or not.
    purging: bool,
}

fn apply(model: &mut Model, act: &Act) {
    match act.clone() {
        Act::Accept(task) => model.accept(task).unwrap(),
        Act::Commit(commit) => model.commit(commit).unwrap(),
        Act::Effect(ws, id, effect) => model.record_effect(&ws, id, effect).unwrap(),
        Act::Transaction(changes) => model.transact(changes).unwrap(),
        Act::Manage(change) => model.manage(change).unwrap(),
        Act::Checkpoint | Act::FoldAll => {}
    }
}

fn data(bytes: usize) -> String {
    format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes))
}

impl Known {
    /// What `op` means now; nothing if there is no task that it could be of.
    fn act(&mut self, op: &Op) -> Option<Act> {
        let there = |task: usize| {
            let at = task.checked_rem(self.ids.len())?;
            self.acked.tasks.get(&self.ids[at])
        };
        Some(match op {
            Op::Accept { workspace, bytes } => {
                let ws = spaces()[usize::from(*workspace)].clone();
                let id = TaskId::new();
                self.ids.push((ws.clone(), id));
                Act::Accept(keyed(new_task(&ws, id, &data(*bytes))))
            }
            Op::Commit {
                task,
                state,
                wake_at,
                bytes,
            } => {
                let mut commit = next(&there(*task)?.head, *state, Some(*wake_at));
                commit.data = bytes.map(|bytes| data(bytes).as_str().into());
                Act::Commit(commit)
            }
            Op::Effect { task, bytes } => {
                let head = &there(*task)?.head;
                Act::Effect(head.workspace.clone(), head.id, effect(1, 0, *bytes))
            }
            Op::Transaction {
                task,
                other,
                state,
                bytes,
            } => {
                let (one, other) = (&there(*task)?.head, &there(*other)?.head);
                let made = keyed(new_task(&one.workspace, TaskId::new(), &data(*bytes)));
                let mut note = next(other, *state, Some(3)).head;
                note.notes += 1;
                let changes = Transaction {
                    commits: vec![next(one, *state, None)],
                    notes: (one.id != other.id).then_some(note).into_iter().collect(),
                    accepts: vec![made],
                    dedup: Vec::new(),
                    answers: Vec::new(),
                };
                let made = &changes.accepts[0].head;
                self.ids.push((made.workspace.clone(), made.id));
                Act::Transaction(changes)
            }
            Op::Manage { what, name } => Act::Manage(manage(*what, *name)),
            Op::Checkpoint => Act::Checkpoint,
            Op::FoldAll => Act::FoldAll,
        })
    }
}

/// Runs `ops`, several at once, and tells `known` what was acknowledged.
async fn run(store: &Arc<SledStore>, known: &Arc<Mutex<Known>>, ops: &[Op]) {
    let mut calls = Vec::new();
    let mut touched = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        let Some(act) = known.lock().act(op) else {
            continue;
        };
        // At once only what the model can distinguish: different tasks, one change of the registry.
        let touches = match &act {
            Act::Commit(commit) => vec![Some(commit.head.id)],
            Act::Effect(_, id, _) => vec![Some(*id)],
            Act::Transaction(changes) => {
                let notes = changes.notes.iter().map(|head| Some(head.id));
                notes.chain([Some(changes.commits[0].head.id)]).collect()
            }
            Act::Manage(_) => vec![None],
            _ => Vec::new(),
        };
        if touches.iter().any(|touches| touched.contains(touches)) {
            continue;
        }
        touched.extend(touches);
        known.lock().pending.insert(number, act.clone());
        let (store, known) = (store.clone(), known.clone());
        calls.push(tokio::spawn(async move {
            let done = match act.clone() {
                Act::Accept(task) => store.accept_owned(task).await,
                Act::Commit(commit) => store.commit_owned(commit).await,
                Act::Effect(ws, id, effect) => store.record_effect_owned(&ws, id, effect).await,
                Act::Transaction(changes) => store.transact_owned(changes).await,
                Act::Manage(change) => store.manage_now(change).await,
                Act::Checkpoint => store.checkpoint(),
                Act::FoldAll => store.fold_all(),
            };
            done.unwrap();
            let mut known = known.lock();
            apply(&mut known.acked, &act);
            known.pending.remove(&number);
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
}

/// The states that a store may be in after dying with `known`.
fn possible(known: &Known) -> Vec<Model> {
    let mut models = vec![known.acked.clone()];
    for act in known.pending.values() {
        if matches!(act, Act::Checkpoint | Act::FoldAll) {
            continue;
        }
        for mut model in models.clone() {
            apply(&mut model, act);
            models.push(model);
        }
    }
    models
}

async fn survives(path: &Path, known: &Known, write: &str) {
    let store = match SledStore::open(tiny(path)) {
        Ok(store) => store,
        Err(error) => panic!("before {write}: {error}"),
    };
    let there = dump(&*store).await;
    let mut found = None;
    for mut model in possible(known) {
        if known.purging {
            let mut purged = model.clone();
            purged.purge(LATER);
            for (ws, id) in model.tasks.clone().into_keys() {
                let may_go = !purged.tasks.contains_key(&(ws.clone(), id));
                if may_go && store.load(&ws, id).await.unwrap().is_none() {
                    model.tasks.remove(&(ws, id));
                }
            }
        }
        if dump(&MemoryStore::of(model.clone())).await == there {
            found = Some(model);
            break;
        }
    }
    let Some(acked) = found else {
        let acked = dump(&MemoryStore::of(known.acked.clone())).await;
        panic!(
            "before {write}, pending {:?}:\nis {there:#?}\nacknowledged {acked:#?}",
            known.pending
        );
    };
    // It goes on: with what is there, and with new tasks.
    let known = Arc::new(Mutex::new(Known {
        acked,
        pending: BTreeMap::new(),
        ids: known.ids.clone(),
        purging: false,
    }));
    let tasks = known.lock().ids.len();
    let mut after: Vec<Op> = (0..tasks)
        .map(|task| Op::Commit {
            task,
            state: TaskState::ALL[task % 7],
            wake_at: 3,
            bytes: None,
        })
        .collect();
    let bytes = 10;
    after.push(Op::Accept {
        workspace: 0,
        bytes,
    });
    run(&store, &known, &after).await;
    run(&store, &known, &[Op::FoldAll]).await;
    let model = known.lock().acked.clone();
    let expected = dump(&MemoryStore::of(model)).await;
    assert_eq!(dump(&*store).await, expected, "after {write}");
    store.close().await;
    drop(store);
    let blobs = path.join("tree/blobs");
    assert_eq!(
        std::fs::read_dir(blobs).unwrap().count(),
        0,
        "sled keeps no value in a file of its own"
    );
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

type Copies = Arc<Mutex<Vec<(Write, Known)>>>;

/// Small slots, so that they are let go, used again and removed all the time.
fn tiny(path: &Path) -> SledSettings {
    SledSettings {
        slot_bytes: 8 * 1024,
        segment_bytes: 8 * 1024,
        ..small(path)
    }
}

/// Settings of a store that is copied before each of its writes.
fn copied(home: &Path, known: &Arc<Mutex<Known>>, copies: &Copies) -> SledSettings {
    let path = home.join("store");
    let (known, copies, home) = (known.clone(), copies.clone(), home.to_owned());
    let source = path.clone();
    SledSettings {
        fail: FailPoint {
            hook: Some(Arc::new(move |write| {
                let mut copies = copies.lock();
                // What is acknowledged while the copy is made is not needed to be in it.
                let known = known.lock().clone();
                copy(&source, &home.join(copies.len().to_string()));
                copies.push((write, known));
                Ok(())
            })),
        },
        ..tiny(&path)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("STEPWELL_CRASH_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6),
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_acknowledged_survives_a_crash_before_any_write(
        program in prop::collection::vec((prop::collection::vec(op(), 1..5), any::<u8>()), 1..16),
        torn in prop::collection::vec(0.0..1.0f64, 64),
    ) {
        let home = scratch();
        let known = Arc::new(Mutex::new(Known::default()));
        let copies = Copies::default();
        runtime().block_on(async {
            let store = SledStore::open(copied(home.path(), &known, &copies)).unwrap();
            for (ops, purges) in &program {
                run(&store, &known, ops).await;
                if *purges < 64 {
                    known.lock().purging = true;
                    purge(&*store, LATER).await;
                    let mut known = known.lock();
                    known.acked.purge(LATER);
                    known.purging = false;
                }
            }
            let model = known.lock().acked.clone();
            assert_eq!(dump(&*store).await, dump(&MemoryStore::of(model)).await);
            store.close().await;
        });
        let copies = std::mem::take(&mut *copies.lock());
        if std::env::var_os("STEPWELL_CRASH_CASES").is_some() {
            eprintln!("{} copies", copies.len());
        }
        runtime().block_on(async {
            for (at, (write, known)) in copies.iter().enumerate() {
                let path = home.path().join(at.to_string());
                if *write == Write::Sync && at > 0 && copies[at - 1].0 == Write::Append {
                    let old = home.path().join((at - 1).to_string());
                    if old.exists() {
                        let half = home.path().join("torn");
                        copy(&path, &half);
                        tear(&old, &half, torn[at % torn.len()]);
                        survives(&half, known, &format!("write {at}, torn {write:?}")).await;
                        std::fs::remove_dir_all(&half).unwrap();
                    }
                }
                if *write == Write::Archive && at > 0 && copies[at - 1].0 == Write::Archive {
                    let half = home.path().join("torn");
                    copy(&path, &half);
                    tear_archive(&home.path().join((at - 1).to_string()), &half, torn[at % torn.len()]);
                    survives(&half, known, &format!("write {at}, torn {write:?}")).await;
                    std::fs::remove_dir_all(&half).unwrap();
                }
                if at > 0 {
                    let _ = std::fs::remove_dir_all(home.path().join((at - 1).to_string()));
                }
                // The torn copy needs the one before as it was.
                let work = home.path().join("work");
                copy(&path, &work);
                survives(&work, known, &format!("write {at}, {write:?}")).await;
                std::fs::remove_dir_all(&work).unwrap();
            }
        });
    }
}

/// A store whose write number `at` fails is done with writing, and says so.
#[test]
fn after_a_failed_write_nothing_is_written() {
    for wrong in [Write::Append, Write::Sync, Write::Fold, Write::Registry] {
        let home = scratch();
        let path = home.path().join("store");
        let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let failing = SledSettings {
            fail: FailPoint {
                hook: Some(Arc::new({
                    let armed = armed.clone();
                    move |write| {
                        if write == wrong && armed.load(std::sync::atomic::Ordering::SeqCst) {
                            return Err(StoreError::unavailable("the disk is gone"));
                        }
                        Ok(())
                    }
                })),
            },
            ..small(&path)
        };
        runtime().block_on(async {
            let ws = spaces()[0].clone();
            let store = SledStore::open(failing).unwrap();
            let task = new_task(&ws, TaskId::new(), "{}");
            store.accept_owned(task.clone()).await.unwrap();
            armed.store(true, std::sync::atomic::Ordering::SeqCst);
            let commit = next(&task.head, TaskState::Error, None);
            let failed = match wrong {
                Write::Fold => {
                    store.commit_owned(commit.clone()).await.unwrap();
                    let failed = store.checkpoint();
                    // The thread that folds says it to all.
                    Err(store.shared.fail(&failed.unwrap_err()))
                }
                Write::Registry => store.manage_now(manage(0, 0)).await,
                _ => store.commit_owned(commit.clone()).await,
            };
            assert!(
                matches!(&failed, Err(StoreError::Failed)),
                "{wrong:?}: {failed:?}"
            );
            let other = new_task(&ws, TaskId::new(), "{}");
            let closed = |done: Result<(), StoreError>| {
                assert!(
                    matches!(done, Err(StoreError::Failed)),
                    "{wrong:?}: {done:?}"
                );
            };
            assert_eq!(*store.health().borrow(), Health::Failed);
            closed(store.accept_owned(other).await);
            closed(store.commit_owned(commit).await);
            closed(
                store
                    .record_effect_owned(&ws, task.head.id, effect(1, 0, 1))
                    .await,
            );
            closed(store.manage_now(manage(0, 1)).await);
            closed(store.checkpoint());
            // What is there can be read.
            assert!(store.load(&ws, task.head.id).await.unwrap().is_some());
            store.close().await;
            drop(store);
            let store = SledStore::open(small(&path)).unwrap();
            assert!(store.load(&ws, task.head.id).await.unwrap().is_some());
        });
    }
}
