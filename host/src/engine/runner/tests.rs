//! Checks of what becomes of a task whose run panics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::clock::SystemClock;
use crate::connectors::{FetchClient, FetchSettings};
use crate::domain::clock::{Clock, Millis, Sleep};
use crate::domain::ids::TaskId;
use crate::domain::task::{TaskHead, TaskState};
use crate::engine::{Engine, EngineParts, EngineSettings, RunList};
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::store::Store;
use crate::store::conformance::samples;
use crate::store::memory::MemoryStore;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that panics once when a run reads it.
#[derive(Debug, Default)]
struct PanickingClock {
    clock: SystemClock,
    is_armed: AtomicBool,
}

impl Clock for PanickingClock {
    fn now(&self) -> Millis {
        let in_run = std::thread::current().name() == Some("engine");
        if in_run && self.is_armed.swap(false, Ordering::Relaxed) {
            panic!("a fault of the server");
        }
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.clock.sleep(time)
    }

    fn sleep_until(&self, at: Millis) -> Sleep {
        self.clock.sleep_until(at)
    }
}

async fn engine(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Engine> {
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
        announce: None,
    })
    .unwrap()
}

/// A new task as it is at its end.
async fn ended(engine: &Engine, store: &Arc<dyn Store>) -> TaskHead {
    let workspace = samples::workspace("default");
    let id = engine.acceptor.place(TaskId::new()).unwrap();
    let task = samples::new_task(&workspace, id, "{}");
    engine.acceptor.clone().accept(task).await.unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let stored = store.load(&workspace, id).await.unwrap().unwrap();
        if stored.head.state().is_final() {
            return stored.head;
        }
        assert!(Instant::now() < until, "the runner's place is lost");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_panics_is_set_aside_and_the_next_one_has_its_place() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::<PanickingClock>::default();
    let engine = engine(store.clone(), clock.clone()).await;
    let until = Instant::now() + PATIENCE;
    let panicked = loop {
        clock.is_armed.store(true, Ordering::Relaxed);
        let head = ended(&engine, &store).await;
        // What looks after schedules may have read it first.
        if head.state() == TaskState::Error {
            break head;
        }
        assert!(Instant::now() < until, "no run has panicked");
    };
    let fault = panicked.fault.unwrap();
    assert!(fault.contains("an internal error of the server"), "{fault}");
    let next = ended(&engine, &store).await;
    assert_eq!(next.state(), TaskState::Unmatched);
}
