//! The real engine on the real sandbox and the real store, with an upstream, and programs for it to run.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stepwell::catalog::Catalog;
use stepwell::clock::SimulatedClock;
use stepwell::connectors::{EgressPolicy, FetchClient, FetchSettings};
use stepwell::domain::clock::Clock;
use stepwell::domain::ids::{TaskId, WorkspaceName};
use stepwell::domain::journal::Entry;
use stepwell::domain::step::Tuning;
use stepwell::domain::task::TaskState;
use stepwell::domain::webhook::{Webhook, WebhookKey};
use stepwell::engine::{Engine, EngineParts, EngineSettings};
use stepwell::ingest::accept::{Arrival, new_task};
use stepwell::ingest::decode::Document;
use stepwell::sandbox::{Sandbox, SandboxSettings};
use stepwell::store::sled::{SledSettings, SledStore};
use stepwell::store::{NewTask, Store};
use stepwell::vault::Vault;

use crate::support::dying::{Cut, Dying};
use crate::support::{PATIENCE, guest};

/// The shortest pause that a run does not wait for: the time that it may take.
pub const LONG_PAUSE_MS: u64 = 3_000;

/// Everything that outlives a crash, and the upstream.
pub struct World {
    pub runtime: tokio::runtime::Runtime,
    pub store: Arc<SledStore>,
    sandbox: Arc<Sandbox>,
    fetch: Arc<FetchClient>,
    pub workspace: WorkspaceName,
    upstream: String,
    cases: AtomicU64,
    dir: tempfile::TempDir,
    /// Runs some thirty times as fast as the machine's: a program waits for hours in all.
    clock: Arc<SimulatedClock>,
}

/// Moves the clock as long as there is one.
async fn run_clock(clock: std::sync::Weak<SimulatedClock>) {
    while let Some(clock) = clock.upgrade() {
        clock.advance(30);
        drop(clock);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// `/{case}/flaky/…` fails twice; everything else answers with its path behind the case.
async fn answer(
    State(asked): State<Arc<Mutex<HashMap<String, u32>>>>,
    uri: Uri,
) -> (StatusCode, String) {
    let path = uri.path().to_owned();
    let times = {
        let mut asked = asked.lock();
        let times = asked.entry(path.clone()).or_default();
        *times += 1;
        *times
    };
    let (_, rest) = path[1..].split_once('/').unwrap();
    if rest.starts_with("flaky/") && times <= 2 {
        return (StatusCode::SERVICE_UNAVAILABLE, "later".into());
    }
    (StatusCode::OK, rest.to_owned())
}

impl World {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(SledSettings::at(dir.path().join("store"))).unwrap();
        let sandbox = Sandbox::new(SandboxSettings {
            concurrency: 50,
            ..SandboxSettings::default()
        })
        .unwrap();
        let allowed = ["127.0.0.1/32".parse().unwrap()];
        let fetch = FetchClient::new(FetchSettings {
            policy: EgressPolicy::new(&allowed),
            ..FetchSettings::default()
        })
        .unwrap();
        let upstream = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = Router::new()
                .fallback(answer)
                .with_state(Arc::<Mutex<HashMap<String, u32>>>::default());
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
            format!("http://{address}")
        });
        let world = Self {
            workspace: "default".parse().unwrap(),
            runtime,
            store,
            sandbox,
            fetch: Arc::new(fetch),
            upstream,
            cases: AtomicU64::new(0),
            dir,
            clock: Arc::new(SimulatedClock::at(1_800_000_000_000)),
        };
        world.runtime.spawn(run_clock(Arc::downgrade(&world.clock)));
        world.runtime.block_on(async {
            let catalog = world.catalog(world.store.clone()).await;
            world.add_step(&catalog, &world.workspace).await;
        });
        world
    }

    /// Adds a workspace with the step, as another node does.
    pub async fn add_workspace(&self, workspace: &WorkspaceName) {
        let catalog = self.catalog(self.store.clone()).await;
        let settings = Default::default();
        catalog
            .add_workspace(workspace.clone(), settings)
            .await
            .unwrap();
        self.add_step(&catalog, workspace).await;
    }

    async fn add_step(&self, catalog: &Arc<Catalog>, workspace: &WorkspaceName) {
        // Failures are tried again at once and often: a schedule may have many of them.
        // A pause as long as this is one in which the run's instance ends.
        let often = Tuning {
            timeout_ms: Some(LONG_PAUSE_MS),
            attempts: Some(100),
            first_ms: Some(1),
            factor: Some(1),
            cap_ms: Some(1),
            ..Tuning::default()
        };
        let component = std::fs::read(guest("program")).unwrap();
        catalog
            .add_step(
                workspace,
                "program".parse().unwrap(),
                component.into(),
                often,
            )
            .await
            .unwrap();
    }

    async fn catalog(&self, store: Arc<dyn Store>) -> Arc<Catalog> {
        let vault = Vault::open(self.dir.path(), None).unwrap();
        Catalog::open(store, self.sandbox.clone(), vault, self.clock.clone())
            .await
            .unwrap()
    }

    pub async fn engine(&self, store: Arc<Dying>) -> Arc<Engine> {
        Engine::start(EngineParts {
            announce: None,
            catalog: self.catalog(store.clone()).await,
            store,
            sandbox: self.sandbox.clone(),
            fetch: self.fetch.clone(),
            clock: self.clock.clone(),
            settings: EngineSettings::default(),
            weights: Default::default(),
            running: stepwell::engine::RunList::Nowhere,
        })
        .unwrap()
    }

    pub fn task(&self, program: &[Value]) -> NewTask {
        let webhook = Webhook {
            id: "w".into(),
            workspace: self.workspace.clone(),
            name: "w".parse().unwrap(),
            key: WebhookKey::new("key".into()),
            former_keys: Vec::new(),
            created: 0,
            correlate: None,
            dedup: None,
            authentication: Default::default(),
            intake: Default::default(),
            replies: Default::default(),
            former_names: Vec::new(),
            schema: None,
            is_disabled: false,
        };
        let case = self.cases.fetch_add(1, Ordering::Relaxed);
        let body =
            json!({"base": format!("{}/{case}/", self.upstream), "program": program, "at": 0});
        new_task(Arrival {
            webhook: &webhook,
            at: self.clock.now(),
            method: "POST",
            ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: None,
            content_type: None,
            query: None,
            document: &Document::new(body.to_string().into()),
            delivery: None,
            headers: &Default::default(),
            verifier: None,
            redelivery_of: None,
        })
        .unwrap()
    }

    /// Runs a program to its end through processes that die as `cuts` say and one that does not.
    /// Returns the data and how many writes the last process made.
    pub fn run(&self, program: &[Value], cuts: &[Cut]) -> (Value, i64) {
        self.runtime.block_on(async {
            let task = self.task(program);
            let id = task.head.id;
            let mut cuts = cuts.iter().copied().map(Some).chain([None]);
            let until = Instant::now() + PATIENCE;
            let writes = loop {
                let dying = Dying::of(self.store.clone(), cuts.next().flatten());
                let engine = self.engine(dying.clone()).await;
                if self
                    .store
                    .load(&self.workspace, id)
                    .await
                    .unwrap()
                    .is_none()
                {
                    // Its sender got no answer, and sends it again. Not at once: the engine first looks
                    // for what an earlier process left, and takes nothing in before that.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    let _ = engine.acceptor.clone().accept(task.clone()).await;
                }
                let ended = loop {
                    if self.ended(id).await {
                        break true;
                    }
                    if dying.is_dead() {
                        break false;
                    }
                    assert!(Instant::now() < until, "{program:?} does not end");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                };
                engine.shutdown(Duration::ZERO).await;
                dying.is_gone().await;
                if ended {
                    break dying.writes();
                }
            };
            (self.outcome(id).await, writes)
        })
    }

    /// What a program has made of the data of its task, which has come to a good end.
    pub async fn outcome(&self, id: TaskId) -> Value {
        let stored = self.store.load(&self.workspace, id).await.unwrap().unwrap();
        assert_eq!(stored.head.state(), TaskState::Done, "{:?}", stored.head);
        self.is_sound(id).await;
        let mut data: Map<String, Value> = serde_json::from_str(&stored.data).unwrap();
        for ours in ["$via", "base", "program", "at"] {
            data.remove(ours);
        }
        data.into()
    }

    pub async fn ended(&self, id: TaskId) -> bool {
        let stored = self.store.load(&self.workspace, id).await.unwrap();
        stored.is_some_and(|stored| stored.head.state().is_final())
    }

    /// No call of an attempt is recorded twice, and no attempt ended twice.
    pub async fn is_sound(&self, id: TaskId) {
        let history = self.store.history(&self.workspace, id).await.unwrap();
        let journal = history.unwrap().journal;
        let mut calls = Vec::new();
        let mut attempts = Vec::new();
        for entry in &journal {
            match entry {
                Entry::Effect(effect) => calls.push((effect.run, effect.attempt, effect.call)),
                Entry::Run(run) => attempts.push((run.run, run.attempt)),
                _ => {}
            }
        }
        let (all_calls, all_attempts) = (calls.len(), attempts.len());
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), all_calls, "a call twice: {journal:#?}");
        attempts.dedup();
        assert_eq!(attempts.len(), all_attempts, "a run twice: {journal:#?}");
    }
}

/// What a program makes of the data, by itself.
pub fn expected(program: &[Value]) -> Value {
    let mut data = Map::new();
    for op in program {
        let text = |name: &str| op[name].as_str().map(|path| path[1..].to_owned());
        if let Some(name) = text("set") {
            data.insert(name, op["to"].clone());
        } else if let Some(name) = text("add") {
            let before = data.get(&name).and_then(Value::as_u64).unwrap_or(0);
            data.insert(name, (before + 1).into());
        } else if let (Some(path), Some(name)) = (op["fetch"].as_str(), text("into")) {
            data.insert(name, path.into());
        } else if let (Some(path), Some(name)) = (op["try"].as_str(), text("into")) {
            data.insert(name, path.into());
        } else if let Some(name) = text("into") {
            data.insert(name, op["race"].clone());
        }
    }
    data.into()
}

pub fn op() -> impl Strategy<Value = Value> {
    let name = || prop::sample::select(vec!["/a", "/b", "/c"]);
    // Counters have names of their own: a text cannot be counted up.
    let counter = prop::sample::select(vec!["/n", "/m"]);
    prop_oneof![
        2 => (name(), 0..9).prop_map(|(at, to)| json!({"set": at, "to": to})),
        3 => counter.prop_map(|at| json!({"add": at})),
        3 => (0..99, name()).prop_map(|(path, into)| json!({"fetch": format!("x/{path}"), "into": into})),
        1 => (0..99, name()).prop_map(|(path, into)| {
            let paths: Vec<String> = (0..3).map(|call| format!("y/{path}/{call}")).collect();
            json!({"race": paths, "into": into})
        }),
        1 => (0..99, name()).prop_map(|(path, into)| json!({"try": format!("flaky/{path}"), "into": into})),
        1 => Just(json!({"next": true})),
        1 => (1..5).prop_map(|ms| json!({"park": ms})),
    ]
}
