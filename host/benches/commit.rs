//! What a durable change costs: throughput at several numbers of waiters, CPU of a task's whole
//! way through the store, and, with the argument `million`, a store of a million tasks.
//!
//! `cargo bench --bench commit` · `cargo bench --bench commit -- cpu` · `… -- million [TASKS] [finished|ready]`

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use stepwell::domain::dedup::{Dedup, DedupKey, KeyKind};
use stepwell::domain::ids::{TaskId, WorkspaceName};
use stepwell::domain::journal::{Entry, RunEntry};
use stepwell::domain::limits;
use stepwell::domain::run::Ended;
use stepwell::domain::task::{StepMemory, TaskHead, TaskState};
use stepwell::store::sled::{SledSettings, SledStore};
use stepwell::store::{Commit, NewTask, Store, TaskQuery};

fn workspace() -> WorkspaceName {
    "default".parse().expect("a workspace name")
}

fn new_task(workspace: &WorkspaceName, data: &Arc<str>) -> NewTask {
    NewTask {
        head: TaskHead {
            webhook: "Contact Form".parse().ok(),
            ..TaskHead::new(TaskId::new(), workspace.clone(), 1_764_000_000_000)
        },
        data: data.clone(),
        entries: Vec::new(),
        dedup: None,
    }
}

fn finish(mut head: TaskHead, data: &Arc<str>) -> Commit {
    let step = "contact-form".parse().expect("a step name");
    head.version += 1;
    head.standing = TaskState::Done.into();
    head.runs = 1;
    head.steps = vec![StepMemory {
        step,
        observed: 7,
        finished: true,
        redo: false,
    }];
    let run = RunEntry {
        run: 1,
        attempt: 1,
        step: head.steps[0].step.clone(),
        digest: "d".repeat(64),
        at: head.created,
        ended: Ended::Finished,
        changes: r#"[{"op":"set","path":"/seen","value":true}]"#.into(),
        logs: Vec::new(),
        fuel: 4_000,
        duration_us: 20,
        alternatives: Vec::new(),
        retry_at: None,
        parked_until: None,
        subtasks: Vec::new(),
    };
    Commit {
        head,
        data: Some(data.clone()),
        entries: vec![Entry::Run(Box::new(run))],
    }
}

/// A JSON object of about `bytes` bytes.
fn data(bytes: usize) -> Arc<str> {
    format!(r#"{{"message":"{}"}}"#, "m".repeat(bytes)).into()
}

/// `total` rounds of `act` by `waiters` tasks.
async fn drive<F: Future<Output = ()> + Send + 'static>(
    store: &Arc<SledStore>,
    waiters: u64,
    total: u64,
    act: impl Fn(Arc<SledStore>) -> F + Clone + Send + Sync + 'static,
) {
    let mut workers = Vec::new();
    for worker in 0..waiters {
        let (store, act) = (store.clone(), act.clone());
        let rounds = total / waiters + u64::from(worker < total % waiters);
        workers.push(tokio::spawn(async move {
            for _ in 0..rounds {
                act(store.clone()).await;
            }
        }));
    }
    for worker in workers {
        worker.await.expect("a worker ends");
    }
}

/// Accepts under the claim that is current.
async fn put(store: &SledStore, task: NewTask) {
    let claim = store.ownership().borrow().claim_of(task.head.id);
    let claim = claim.expect("the store owns all tasks");
    store.accept(claim, task).await.expect("accepted");
}

/// Commits under the claim that is current.
async fn move_on(store: &SledStore, commit: Commit) {
    let claim = store.ownership().borrow().claim_of(commit.head.id);
    let claim = claim.expect("the store owns all tasks");
    store.commit(claim, commit).await.expect("committed");
}

async fn accept(store: Arc<SledStore>) {
    let task = new_task(&workspace(), &data(500));
    put(&store, task).await;
}

/// Accepts and finishes a task with a key by which a repeated delivery is recognised.
async fn accept_with_key_and_finish(store: Arc<SledStore>) {
    let task = new_task(&workspace(), &data(500));
    let value = task.head.id.to_string();
    let key = DedupKey::of("w", KeyKind::Header, value.as_bytes());
    let dedup = key.map(|key| Dedup {
        key,
        at: task.head.created,
        until: task.head.created + limits::DEDUP_WINDOW_MS,
    });
    if let Some(dedup) = dedup {
        let found = store.delivered(&task.head.workspace, dedup.key, dedup.at);
        assert!(found.await.expect("looked up").is_none());
    }
    finish_task(store, NewTask { dedup, ..task }).await;
}

async fn accept_and_finish(store: Arc<SledStore>) {
    finish_task(store, new_task(&workspace(), &data(500))).await;
}

async fn finish_task(store: Arc<SledStore>, task: NewTask) {
    let second = data(520);
    let head = task.head.clone();
    put(&store, task).await;
    let commit = finish(head, &second);
    move_on(&store, commit).await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn open(path: &Path) -> Arc<SledStore> {
    SledStore::open(SledSettings::at(path)).expect("the store opens")
}

fn throughput(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("store");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .throughput(Throughput::Elements(1));
    for waiters in [1, 64, 256] {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(directory.path());
        group.bench_function(BenchmarkId::new("accept", waiters), |bencher| {
            bencher.iter_custom(|rounds| {
                let begun = Instant::now();
                runtime.block_on(drive(&store, waiters, rounds, accept));
                begun.elapsed()
            });
        });
        group.bench_function(BenchmarkId::new("accept and finish", waiters), |bencher| {
            bencher.iter_custom(|rounds| {
                let begun = Instant::now();
                runtime.block_on(drive(&store, waiters, rounds, accept_and_finish));
                begun.elapsed()
            });
        });
        runtime.block_on(store.close());
    }
    group.finish();
}

/// CPU time of this process, in microseconds.
fn cpu() -> f64 {
    let mut total = 0.0;
    if let Ok(threads) = std::fs::read_dir("/proc/self/task") {
        for thread in threads.flatten() {
            let stat = std::fs::read_to_string(thread.path().join("schedstat"));
            let nanos = stat
                .ok()
                .and_then(|stat| stat.split(' ').next()?.parse::<f64>().ok());
            total += nanos.unwrap_or(0.0) / 1000.0;
        }
    }
    total
}

fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

/// CPU per task of accept, one commit and its fold, all in, waiters and their wake-ups included.
fn cpu_per_task() {
    let runtime = runtime();
    println!("| waiters | keys | tasks | tasks/s | CPU us a task |");
    for (waiters, has_keys) in [64, 256, 1024]
        .into_iter()
        .flat_map(|n| [(n, false), (n, true)])
    {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(directory.path());
        let total = 200_000;
        let (before, begun) = (cpu(), Instant::now());
        if has_keys {
            runtime.block_on(drive(&store, waiters, total, accept_with_key_and_finish));
        } else {
            runtime.block_on(drive(&store, waiters, total, accept_and_finish));
        }
        store.checkpoint().expect("folded");
        let (spent, took) = (cpu() - before, begun.elapsed());
        println!(
            "| {waiters} | {} | {total} | {:.0} | {:.1} |",
            if has_keys { "yes" } else { "no" },
            total as f64 / took.as_secs_f64(),
            spent / total as f64
        );
        runtime.block_on(store.close());
    }
}

/// Loads a store of `tasks` tasks, then opens it in a process of its own.
fn million(tasks: u64, open_only: Option<String>) {
    let runtime = runtime();
    if let Some(path) = open_only {
        let begun = Instant::now();
        let store = open(Path::new(&path));
        println!("open: {:?}, RSS {} MB", begun.elapsed(), memory("VmRSS"));
        let ws = workspace();
        for (what, state) in [
            ("any", None),
            ("done", Some(TaskState::Done)),
            ("ready", Some(TaskState::Ready)),
        ] {
            let mut query = TaskQuery {
                states: state.into_iter().collect(),
                before: None,
                since: None,
                limit: 500,
            };
            let mut worst = Duration::ZERO;
            let begun = Instant::now();
            let mut pages = 0;
            loop {
                let begun = Instant::now();
                let page = runtime.block_on(store.list(&ws, &query)).expect("a page");
                worst = worst.max(begun.elapsed());
                let Some(last) = page.last() else { break };
                query.before = Some(last.id);
                pages += 1;
                if pages == 2100 {
                    break;
                }
            }
            println!(
                "list {what}: {pages} pages of 500, mean {:?}, worst {worst:?}",
                begun.elapsed() / pages.max(1)
            );
        }
        println!(
            "after: RSS {} MB, most {} MB",
            memory("VmRSS"),
            memory("VmHWM")
        );
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let first = data(1000);
    let only = |what: &str| std::env::args().any(|argument| argument == what);
    for (what, done) in [("finished", true), ("ready", false)] {
        // Memory is of the process, so each is better measured alone.
        if only(if done { "ready" } else { "finished" }) {
            continue;
        }
        let path = directory.path().join(what);
        let store = open(&path);
        let (before, begun) = (cpu(), Instant::now());
        let data = first.clone();
        let act = move |store: Arc<SledStore>| {
            let data = data.clone();
            async move {
                let task = new_task(&workspace(), &data);
                let head = task.head.clone();
                put(&store, task).await;
                if done {
                    let commit = finish(head, &data);
                    move_on(&store, commit).await;
                }
            }
        };
        runtime.block_on(drive(&store, 256, tasks, act));
        println!(
            "{what}: {tasks} tasks of 1 KB in {:?}, {:.1} us CPU a task, RSS {} MB, most {} MB",
            begun.elapsed(),
            (cpu() - before) / tasks as f64,
            memory("VmRSS"),
            memory("VmHWM"),
        );
        // As a crash leaves it: nothing is folded that need not be.
        runtime.block_on(store.close());
        drop(store);
        let files = std::process::Command::new("du")
            .arg("-sh")
            .arg(&path)
            .output();
        if let Ok(files) = files {
            print!("on disk: {}", String::from_utf8_lossy(&files.stdout));
        }
        let program = std::env::current_exe().expect("this program");
        let child = std::process::Command::new(program)
            .arg("million")
            .env("STEPWELL_BENCH_OPEN", &path)
            .status();
        assert!(child.expect("a child").success());
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "million") {
        let tasks = arguments.iter().find_map(|argument| argument.parse().ok());
        let open_only = std::env::var("STEPWELL_BENCH_OPEN").ok();
        million(tasks.unwrap_or(1_000_000), open_only);
    } else if arguments.iter().any(|argument| argument == "cpu") {
        cpu_per_task();
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        throughput(&mut criterion);
        criterion.final_summary();
    }
}
