//! Checks of what becomes of a task whose run panics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::clock::SystemClock;
use crate::connectors::{FetchClient, FetchSettings};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::engine::{Announce, Engine, EngineParts, EngineSettings, RunList};
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::store::Store;
use crate::store::conformance::samples;
use crate::store::memory::MemoryStore;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// Panics once when it is dropped in a run, which is where a task is made durable with its first step forward.
struct PanicsInRun(Arc<AtomicBool>);

impl Drop for PanicsInRun {
    fn drop(&mut self) {
        let in_run = std::thread::current().name() == Some("engine");
        if in_run && !self.0.swap(true, Ordering::Relaxed) {
            panic!("a fault of the server");
        }
    }
}

async fn engine(store: Arc<dyn Store>, has_panicked: Arc<AtomicBool>) -> Arc<Engine> {
    let clock: Arc<dyn crate::domain::clock::Clock> = Arc::new(SystemClock::default());
    let announce: Announce = Arc::new(move || Box::new(PanicsInRun(has_panicked.clone())));
    Engine::start(EngineParts {
        store,
        catalog: crate::catalog::in_memory(clock.clone()).await,
        sandbox: Sandbox::new(SandboxSettings::default()).unwrap(),
        fetch: Arc::new(FetchClient::new(FetchSettings::default()).unwrap()),
        clock,
        settings: EngineSettings {
            // The one place of those that do not wait for a connector.
            busy: 1,
            ..EngineSettings::default()
        },
        weights: Default::default(),
        running: RunList::Nowhere,
        announce: Some(announce),
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_panics_is_set_aside_and_the_next_one_has_its_place() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let has_panicked = Arc::<AtomicBool>::default();
    let engine = engine(store.clone(), has_panicked.clone()).await;
    let workspace = samples::workspace("default");
    let mut ids = Vec::new();
    let until = Instant::now() + PATIENCE;
    // While others may be ready, a task is made durable before it runs, and so is one whose run takes long: then the
    // next one panics.
    while !has_panicked.load(Ordering::Relaxed) {
        assert!(Instant::now() < until, "no run has panicked");
        let id = engine.acceptor.place(TaskId::new()).unwrap();
        let task = samples::new_task(&workspace, id, "{}");
        engine.acceptor.clone().accept(task).await.unwrap();
        ids.push(id);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let panicked = *ids.last().unwrap();
    let last = engine.acceptor.place(TaskId::new()).unwrap();
    let task = samples::new_task(&workspace, last, "{}");
    engine.acceptor.clone().accept(task).await.unwrap();
    for (id, expected) in [(panicked, TaskState::Error), (last, TaskState::Unmatched)] {
        let ended = async {
            loop {
                let stored = store.load(&workspace, id).await.unwrap().unwrap();
                if stored.head.state().is_final() {
                    return stored.head;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let head = tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("the runner's place is lost");
        assert_eq!(head.state(), expected, "{:?}", head.fault);
    }
}
