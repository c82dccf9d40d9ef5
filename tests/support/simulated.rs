//! An engine in this process on a real store, by a simulated clock, and on demand with a store that dies.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell::catalog::{Catalog, DEFAULT_WORKSPACE};
use stepwell::clock::SimulatedClock;
use stepwell::connectors::{FetchClient, FetchSettings};
use stepwell::domain::clock::{Clock, Millis};
use stepwell::domain::ids::{ScheduleName, TaskId, WorkspaceName};
use stepwell::domain::task::TaskHead;
use stepwell::engine::{Engine, EngineParts, EngineSettings};
use stepwell::sandbox::{Sandbox, SandboxSettings};
use stepwell::store::sled::{SledSettings, SledStore};
use stepwell::store::{NewTask, Store, TaskQuery};
use stepwell::vault::Vault;

use super::PATIENCE;
use super::dying::{Cut, Dying};

/// A full second, as planned times are.
pub const START: Millis = 1_800_000_000_000;

pub struct Simulated {
    pub store: Arc<SledStore>,
    /// The same store, as the engine has it.
    pub dying: Arc<Dying>,
    pub clock: Arc<SimulatedClock>,
    pub engine: Arc<Engine>,
    pub catalog: Arc<Catalog>,
}

impl Simulated {
    /// A process on the store in `directory`, whose clock reads `now` and whose store dies at `cut`.
    pub async fn on(directory: &Path, now: Millis, cut: Option<Cut>) -> Self {
        let store = SledStore::open(SledSettings::at(directory.join("store"))).unwrap();
        let dying = Dying::of(store.clone(), cut);
        let clock = Arc::new(SimulatedClock::at(now));
        let sandbox = Sandbox::new(SandboxSettings {
            concurrency: 2,
            ..SandboxSettings::default()
        })
        .unwrap();
        let vault = Vault::open(directory, None).unwrap();
        let catalog = Catalog::open(dying.clone(), sandbox.clone(), vault, clock.clone())
            .await
            .unwrap();
        let engine = Engine::start(EngineParts {
            announce: None,
            store: dying.clone(),
            catalog: catalog.clone(),
            sandbox,
            fetch: Arc::new(FetchClient::new(FetchSettings::default()).unwrap()),
            clock: clock.clone(),
            settings: EngineSettings::default(),
            weights: Default::default(),
            running: stepwell::engine::RunList::Nowhere,
        })
        .unwrap();
        Self {
            store,
            dying,
            clock,
            engine,
            catalog,
        }
    }

    pub async fn tasks(&self) -> Vec<TaskHead> {
        let query = TaskQuery {
            limit: 1_000,
            ..TaskQuery::default()
        };
        self.store.list(&workspace(), &query).await.unwrap()
    }

    /// Waits until the tasks are as wanted.
    pub async fn until(&self, wanted: impl Fn(&[TaskHead]) -> bool) {
        self.until_by(0, wanted).await;
    }

    /// Waits until the tasks are as wanted, and moves the clock by `step` milliseconds again and again.
    pub async fn until_by(&self, step: Millis, wanted: impl Fn(&[TaskHead]) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !wanted(&self.tasks().await) {
            assert!(Instant::now() < until, "{:?}", self.tasks().await);
            self.clock.advance(step);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until all planned times of a schedule up to now are settled, or the store is dead.
    pub async fn settled(&self, schedule: &ScheduleName) {
        let until = Instant::now() + PATIENCE;
        let is_settled = || {
            let live = self.catalog.schedule(&workspace(), schedule).unwrap();
            let next = live.plan.next_after(live.settled());
            next.is_none_or(|next| next > self.clock.now())
        };
        while !is_settled() && !self.dying.is_dead() {
            assert!(Instant::now() < until, "a planned time is not settled");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn end(self) {
        self.engine.shutdown(Duration::from_secs(5)).await;
        self.dying.is_gone().await;
        self.store.close().await;
    }
}

pub fn workspace() -> WorkspaceName {
    DEFAULT_WORKSPACE.parse().unwrap()
}

pub fn task(id: TaskId, at: Millis) -> NewTask {
    NewTask {
        head: TaskHead::new(id, workspace(), at),
        data: "{}".into(),
        entries: Vec::new(),
        dedup: None,
    }
}
