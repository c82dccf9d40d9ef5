//! Programs of data changes, calls, waits and failures, run by the real engine in the real sandbox on
//! the real store, which dies before or after any of its writes: the data they end with is what
//! they end with when nothing dies.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/dying.rs"]
mod dying;
mod support;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use dying::{Cut, Dying};
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stepwell::catalog::Catalog;
use stepwell::connectors::{EgressPolicy, FetchClient, FetchSettings};
use stepwell::domain::clock::{Clock, SystemClock};
use stepwell::domain::ids::{TaskId, WorkspaceName};
use stepwell::domain::journal::Entry;
use stepwell::domain::step::Tuning;
use stepwell::domain::task::TaskState;
use stepwell::domain::webhook::{Webhook, WebhookKey};
use stepwell::engine::{Engine, EngineParts, EngineSettings};
use stepwell::ingest::accept::{Arrival, new_task};
use stepwell::sandbox::{Sandbox, SandboxSettings};
use stepwell::store::sled::{SledSettings, SledStore};
use stepwell::store::{NewTask, Store};
use stepwell::vault::Vault;
use support::{PATIENCE, guest};

/// Everything that outlives a crash, and the upstream.
struct World {
    runtime: tokio::runtime::Runtime,
    store: Arc<dyn Store>,
    sandbox: Arc<Sandbox>,
    fetch: Arc<FetchClient>,
    workspace: WorkspaceName,
    upstream: String,
    cases: AtomicU64,
    dir: tempfile::TempDir,
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
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            SledStore::open(SledSettings::at(dir.path().join("store"))).unwrap();
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
        };
        world.runtime.block_on(async {
            let catalog = world.catalog(world.store.clone()).await;
            // Failures are tried again at once and often: a schedule may have many of them.
            let often = Tuning {
                attempts: Some(100),
                first_ms: Some(1),
                factor: Some(1),
                cap_ms: Some(1),
                ..Tuning::default()
            };
            let component = std::fs::read(guest("program")).unwrap();
            catalog
                .add_step(
                    &world.workspace,
                    "program".parse().unwrap(),
                    component.into(),
                    often,
                )
                .await
                .unwrap();
        });
        world
    }

    async fn catalog(&self, store: Arc<dyn Store>) -> Arc<Catalog> {
        let vault = Vault::open(self.dir.path(), None).unwrap();
        let clock = Arc::new(SystemClock);
        Catalog::open(store, self.sandbox.clone(), vault, clock)
            .await
            .unwrap()
    }

    async fn engine(&self, store: Arc<Dying>) -> Arc<Engine> {
        Engine::start(EngineParts {
            catalog: self.catalog(store.clone()).await,
            store,
            sandbox: self.sandbox.clone(),
            fetch: self.fetch.clone(),
            clock: Arc::new(SystemClock),
            settings: EngineSettings::default(),
        })
        .unwrap()
    }

    fn task(&self, program: &[Value]) -> NewTask {
        let webhook = Webhook {
            id: "w".into(),
            workspace: self.workspace.clone(),
            name: "w".parse().unwrap(),
            key: WebhookKey::new("key".into()),
            created: 0,
            correlate: None,
        };
        let case = self.cases.fetch_add(1, Ordering::Relaxed);
        let body =
            json!({"base": format!("{}/{case}/", self.upstream), "program": program, "at": 0});
        new_task(Arrival {
            webhook: &webhook,
            at: SystemClock.now(),
            method: "POST",
            ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: None,
            content_type: None,
            query: None,
            body: body.to_string().as_bytes(),
        })
        .unwrap()
    }

    /// Runs a program to its end through processes that die as `cuts` say and one that does not.
    /// Gives the data and how many writes the last process made.
    fn run(&self, program: &[Value], cuts: &[Cut]) -> (Value, i64) {
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
                    let _ = engine.clone().admit(task.clone()).await;
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
            let stored = self.store.load(&self.workspace, id).await.unwrap().unwrap();
            assert_eq!(stored.head.state, TaskState::Done, "{:?}", stored.head);
            self.is_sound(id).await;
            let mut data: Map<String, Value> = serde_json::from_str(&stored.data).unwrap();
            for ours in ["$via", "base", "program", "at"] {
                data.remove(ours);
            }
            (data.into(), writes)
        })
    }

    async fn ended(&self, id: TaskId) -> bool {
        let stored = self.store.load(&self.workspace, id).await.unwrap();
        stored.is_some_and(|stored| stored.head.state.is_final())
    }

    /// No call of an attempt is recorded twice, and no attempt ended twice.
    async fn is_sound(&self, id: TaskId) {
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
fn expected(program: &[Value]) -> Value {
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

fn op() -> impl Strategy<Value = Value> {
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

fn cut() -> impl Strategy<Value = Cut> {
    (0i64..6, any::<bool>()).prop_map(|(write, after)| Cut { write, after })
}

/// Every place between two writes, one after the other.
#[test]
fn a_crash_between_any_two_writes_changes_nothing() {
    let world = World::new();
    let program = [
        json!({"add": "/n"}),
        json!({"fetch": "x/1", "into": "/a"}),
        json!({"race": ["y/1", "y/2", "y/3"], "into": "/b"}),
        json!({"next": true}),
        json!({"add": "/n"}),
        json!({"park": 3}),
        json!({"add": "/n"}),
        json!({"try": "flaky/1", "into": "/c"}),
        json!({"add": "/m"}),
    ];
    let (data, writes) = world.run(&program, &[]);
    assert_eq!(data, expected(&program));
    // One for the acceptance, 1 + 3 calls, 3 × 1 call that fails twice, 5 run's ends.
    assert_eq!(writes, 1 + 4 + 3 + 5);
    for write in 0..writes {
        for after in [false, true] {
            let cut = Cut { write, after };
            assert_eq!(world.run(&program, &[cut]).0, data, "{cut:?}");
            assert_eq!(world.run(&program, &[cut; 3]).0, data, "thrice {cut:?}");
        }
    }
    println!("{writes} writes, a crash before and after each of them");
}

/// A pure step is one record; a call costs one more, and its task is durable before it goes out.
#[test]
fn what_is_written_for_a_task() {
    let world = World::new();
    let pure = [json!({"add": "/n"}), json!({"set": "/a", "to": 1})];
    // A machine that is busy elsewhere may make the sender wait too long; then it is two.
    let writes: Vec<i64> = (0..20).map(|_| world.run(&pure, &[]).1).collect();
    assert_eq!(writes.iter().min(), Some(&1), "{writes:?}");
    assert!(writes.iter().max() <= Some(&2), "{writes:?}");
    for calls in 1..4 {
        let program: Vec<Value> = (0..calls)
            .map(|call| json!({"fetch": format!("x/{call}"), "into": "/a"}))
            .collect();
        assert_eq!(world.run(&program, &[]).1, 2 + calls);
    }
}

#[test]
fn any_program_ends_alike_after_any_crashes() {
    let world = World::new();
    let config = ProptestConfig {
        cases: 150,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let cases = (
        prop::collection::vec(op(), 1..8),
        prop::collection::vec(cut(), 0..6),
    );
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&cases, |(program, cuts)| {
            let (data, _) = world.run(&program, &cuts);
            prop_assert_eq!(data, expected(&program));
            Ok(())
        })
        .unwrap();
}
