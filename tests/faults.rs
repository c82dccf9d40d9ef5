//! A disk that fails: the n-th thing that a short life of the server does to its files fails, for
//! every n, as on a full disk, on a broken one, or cut in two. After that a start without faults
//! succeeds, every acknowledged task is there, no recorded call is made twice, and every task has its files.
//!
//! The server is the real one; `tests/faults/disk.c` stands between it and the C library. By default
//! some lives are tried; with STEPWELL_FAULTS=all every one.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::upload::{FORM, files, form, sha256};
use crate::support::{Answer, PATIENCE, Receiver, accepted_task, only_on_sled, stepwell, typed};
use parking_lot::Mutex;
use serde_json::{Value, json};
use stepwell_api::{Task, TaskPage, TaskState, Webhook};
use tempfile::TempDir;

/// Lives at once: most of one is waiting.
const AT_ONCE: usize = 4;
/// Of so many acts one is let fail by default, in one way,
const EVERY: u64 = 5;
/// and each of those with which the tree is opened.
const START: u64 = 10;
/// The longest that is waited until the store has folded its log.
const FOLDING: Duration = Duration::from_millis(650);
/// How the n-th act fails: kind and mode, see `tests/faults/disk.c`.
const FAULTS: [(&str, &str); 4] = [
    ("enospc", "on"),
    ("enospc", "once"),
    ("eio", "on"),
    ("short", "on"),
];

/// Compiles `tests/faults/disk.c`.
fn disk(into: &Path) -> PathBuf {
    let source = crate::support::repository().join("tests/faults/disk.c");
    let library = into.join("disk.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output()
        .expect("a C compiler, as building the server takes");
    assert!(output.status.success(), "{output:?}");
    library
}

/// Name and kernel wait of each thread of a process, for the report of one that hangs.
fn threads(pid: u32) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let read = |path: PathBuf, file: &str| std::fs::read_to_string(path.join(file));
    tasks
        .map(|task| task.unwrap().path())
        .map(|task| (read(task.clone(), "comm"), read(task.clone(), "wchan")))
        .map(|(name, wait)| {
            format!(
                "{}: {}\n",
                name.unwrap_or_default().trim(),
                wait.unwrap_or_default()
            )
        })
        .collect()
}

/// A process of the server; killed when dropped.
struct Running {
    child: Child,
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// A server in `home`/data, or why there is none.
    fn start(home: &Path, variables: &[(&str, String)]) -> Result<Self, String> {
        let data = home.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let log = std::fs::File::create(home.join("server.log")).unwrap();
        let mut child = stepwell()
            .args(["serve", "--listen", "127.0.0.1:0", "--egress-allow"])
            .args(["127.0.0.1/32", "--data-dir"])
            .arg(&data)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (lines, line) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let first = line.recv_timeout(PATIENCE);
        let mut running = Self {
            child,
            url: String::new(),
            token: String::new(),
            http: reqwest::Client::builder()
                .no_proxy()
                // A first start compiles the JavaScript engine.
                .timeout(PATIENCE)
                .build()
                .unwrap(),
        };
        match first {
            Ok(line) => {
                running.url = line.strip_prefix("listening on ").unwrap().to_owned();
                let token = std::fs::read_to_string(data.join("admin-token")).unwrap();
                running.token = token.trim().to_owned();
                Ok(running)
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let log = std::fs::read_to_string(home.join("server.log")).unwrap();
                let waits = threads(running.child.id());
                panic!("it neither starts nor ends: {variables:?}\n{log}\n{waits}");
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = running.child.wait().unwrap();
                let log = std::fs::read_to_string(home.join("server.log")).unwrap();
                assert_eq!(status.code(), Some(1), "it gave up with a message: {log}");
                Err(log)
            }
        }
    }

    /// Asks it to end, and kills it if it does not.
    async fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        for _ in 0..300 {
            if self.child.try_wait().unwrap().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn api(&self, method: reqwest::Method, path: &str, body: Vec<u8>) -> Option<Value> {
        self.operate(method, &format!("/default/{path}"), body)
            .await
    }

    /// The answer to a request about workspaces; none if it is no success, or empty.
    async fn operate(&self, method: reqwest::Method, path: &str, body: Vec<u8>) -> Option<Value> {
        let url = format!("{}/api/v1/workspaces{path}", self.url);
        let request = self.http.request(method, url).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json");
        let response = request.body(body).send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        serde_json::from_str(&response.text().await.ok()?).ok()
    }

    /// Sets up a webhook, and a step that calls `upstream` once if there is one; gives the webhook's
    /// key.
    async fn set_up(&self, upstream: Option<&str>) -> Option<String> {
        let body = json!({"name": "H"}).to_string().into_bytes();
        let webhook = self.api(reqwest::Method::POST, "webhooks", body).await?;
        let key = typed::<Webhook>(&webhook)
            .url
            .rsplit('/')
            .next()?
            .to_owned();
        let Some(upstream) = upstream else {
            return Some(key);
        };
        let source = format!(
            "export const condition = {{n: {{$exists: true}}}};
            export const content = async () => {{ await fetch('{upstream}/' + task.id()); }};"
        );
        let package = json!({"entry": "call.js", "modules": {"call.js": source}});
        let body = package.to_string().into_bytes();
        self.api(reqwest::Method::PUT, "steps/call", body).await?;
        Some(key)
    }

    /// The id of the task if it is acknowledged.
    async fn send(&self, key: &str, content_type: &str, body: Vec<u8>) -> Option<String> {
        let request = self.http.post(format!("{}/event/{key}", self.url));
        let request = request.header("content-type", content_type);
        let response = request.body(body).send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let answer: Value = serde_json::from_str(&response.text().await.ok()?).ok()?;
        Some(accepted_task(&answer))
    }

    async fn task(&self, id: &str) -> Option<Answer<Task>> {
        let path = format!("tasks/{id}");
        let task = self.api(reqwest::Method::GET, &path, Vec::new()).await;
        task.map(Answer::of)
    }
}

/// What a life leaves to be checked.
#[derive(Clone, Default)]
struct LifeResult {
    key: Option<String>,
    acknowledged: Vec<String>,
}

/// What a life does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// It takes in documents.
    Documents,
    /// A step calls the upstream for each. A first start does not: to compile a step takes seconds.
    Calls,
    /// It takes in files.
    Files,
}

impl Work {
    /// Tasks of a life.
    fn tasks(self) -> usize {
        match self {
            Self::Documents | Self::Calls => 6,
            Self::Files => 3,
        }
    }

    /// The content type and the body of the n-th task.
    fn body(self, n: usize) -> (&'static str, Vec<u8>) {
        if self == Self::Files {
            return (FORM, form(&[("name=f; filename=f", &file(n))]));
        }
        let body = json!({"n": n, "padding": "x".repeat(3000 * n)});
        ("application/json", body.to_string().into_bytes())
    }
}

/// The n-th file, whose first byte says which one it is.
fn file(n: usize) -> Vec<u8> {
    vec![u8::try_from(n).unwrap(); 1 + 70_000 * n]
}

/// What a store writes each time that it has folded its log, if it was written to: every half second.
fn checkpoints(home: &Path) -> Option<Vec<u8>> {
    std::fs::read(home.join("data/store/acknowledged")).ok()
}

/// A few tasks, so far apart that some are folded while the server runs. Where that is what fails, it is waited for in
/// vain.
async fn live(server: &Running, home: &Path, work: Work, upstream: &str, left: &mut LifeResult) {
    if left.key.is_none() {
        let upstream = (work == Work::Calls).then_some(upstream);
        left.key = server.set_up(upstream).await;
    }
    let Some(key) = left.key.clone() else { return };
    for n in 0..work.tasks() {
        let (content_type, body) = work.body(n);
        let sent = server.send(&key, content_type, body).await;
        left.acknowledged.extend(sent);
        if n % 3 == 2 {
            let (before, end) = (checkpoints(home), Instant::now() + FOLDING);
            while checkpoints(home) == before && Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-r").args([from, to]).status();
    assert!(done.unwrap().success());
}

/// What lives begin with, and with what they are tried.
struct Trial {
    base: PathBuf,
    left: LifeResult,
    library: PathBuf,
    upstream: Arc<Receiver>,
    work: Work,
}

impl Trial {
    /// A life whose act number `at` fails; gives how many acts it had.
    async fn life(&self, at: u64, (kind, mode): (&str, &str)) -> u64 {
        let what = format!("act {at} of {}: {kind} {mode}", self.base.display());
        let home = TempDir::new_in(self.base.parent().unwrap()).unwrap();
        copy(&self.base.join("data"), &home.path().join("data"));
        let count = home.path().join("count");
        std::fs::write(&count, [0; 8]).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let variables = [
            ("LD_PRELOAD", text(&self.library)),
            ("FAULT_DIR", text(&home.path().join("data"))),
            ("FAULT_COUNT", text(&count)),
            ("FAULT_AT", at.to_string()),
            ("FAULT_KIND", kind.to_owned()),
            ("FAULT_MODE", mode.to_owned()),
        ];
        let mut left = self.left.clone();
        if let Ok(server) = Running::start(home.path(), &variables) {
            live(
                &server,
                home.path(),
                self.work,
                &self.upstream.url,
                &mut left,
            )
            .await;
            server.stop().await;
        }
        let acts = std::fs::read(&count).unwrap();
        for restart in 0..2 {
            let server = Running::start(home.path(), &[])
                .unwrap_or_else(|log| panic!("{what}: start {restart} after it: {log}"));
            for id in &left.acknowledged {
                self.check(&server, id, &format!("{what}, start {restart}"))
                    .await;
            }
            if let Some(key) = &left.key {
                let (content_type, body) = self.work.body(2);
                let sent = server.send(key, content_type, body).await;
                left.acknowledged
                    .push(sent.unwrap_or_else(|| panic!("{what}: nothing is taken")));
                if self.work == Work::Files && restart == 1 {
                    whole_files(&server, home.path(), &what).await;
                }
            }
            server.stop().await;
        }
        u64::from_ne_bytes(acts.try_into().unwrap())
    }

    /// The task is there, comes to its end, and has its call once.
    async fn check(&self, server: &Running, id: &str, what: &str) {
        let until = Instant::now() + PATIENCE;
        let task = loop {
            let found = server.task(id).await;
            let task = found.unwrap_or_else(|| panic!("{what}: task {id} is lost"));
            if task.state != TaskState::Ready {
                break task;
            }
            assert!(Instant::now() < until, "{what}: {task}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let calls_made = usize::from(self.work == Work::Calls);
        let expected = [TaskState::Unmatched, TaskState::Done];
        assert_eq!(task.state, expected[calls_made], "{what}: {task}");
        let calls = task.runs.iter().flat_map(|run| &run.calls);
        assert_eq!(calls.count(), calls_made, "{what}: {task}");
    }
}

/// Lives in `base`, of which every one fails at another act.
async fn lives(trial: Trial) {
    let trial = Arc::new(trial);
    let acts = trial.life(0, FAULTS[0]).await;
    assert!(acts > 30, "{acts} acts are counted: is the library in use?");
    let all = std::env::var("STEPWELL_FAULTS").is_ok_and(|value| value == "all");
    let mut plan = Vec::new();
    for at in 1..=acts {
        if all {
            plan.extend(FAULTS.map(|fault| (at, fault)));
        } else if at <= START || at % EVERY == 0 {
            let fault = usize::try_from(at / EVERY + at % EVERY).unwrap() % FAULTS.len();
            plan.push((at, FAULTS[fault]));
        }
    }
    println!("{} lives of {acts} acts", plan.len());
    let plan = Arc::new(Mutex::new(plan.into_iter()));
    let tried = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (trial, plan, tried) = (trial.clone(), plan.clone(), tried.clone());
            tokio::spawn(async move {
                loop {
                    let next = plan.lock().next();
                    let Some((at, fault)) = next else { return };
                    trial.life(at, fault).await;
                    tried.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    // A call that was recorded is not made again; one may be whose answer a fault kept out.
    let mut made: HashMap<String, usize> = HashMap::new();
    for seen in trial.upstream.seen() {
        *made.entry(seen.path).or_default() += 1;
    }
    assert!(made.values().all(|times| *times <= 2), "{made:?}");
    assert!(tried.load(Ordering::Relaxed) > 5);
}

/// Every task that is there has its file whole, acknowledged or not, and there is no file without a task.
async fn whole_files(server: &Running, home: &Path, what: &str) {
    // So files without a task are looked for at once.
    let name = json!({"name": "gone"}).to_string().into_bytes();
    server.operate(reqwest::Method::POST, "", name).await;
    server
        .operate(reqwest::Method::DELETE, "/gone", Vec::new())
        .await;
    let path = "tasks?limit=100";
    let page = server.api(reqwest::Method::GET, path, Vec::new()).await;
    let mut expected = BTreeSet::new();
    for head in &typed::<TaskPage>(&page.unwrap()).tasks {
        let id = head.id.as_str();
        let task = server.task(id).await.unwrap();
        let digest = task.data["f"]["digest"].as_str().unwrap();
        let path = home.join("data/store/blobs/default").join(id).join(digest);
        let found = std::fs::read(&path);
        let found = found.unwrap_or_else(|error| panic!("{what}: {id} has no file: {error}"));
        assert!(found == file(found[0].into()), "{what}: {id}");
        assert_eq!(sha256(&found), digest, "{what}: {id}");
        expected.insert(path);
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let there: BTreeSet<_> = files(&home.join("data"), "default").into_iter().collect();
        if there == expected {
            return;
        }
        let wait = Instant::now() < until;
        assert!(wait, "{what}: {there:?} is not {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn trial(home: &Path, lives_before: usize, work: Work) -> Trial {
    let base = home.join("base");
    std::fs::create_dir_all(base.join("data")).unwrap();
    let mut trial = Trial {
        base,
        left: LifeResult::default(),
        library: disk(home),
        upstream: Arc::new(Receiver::start().await),
        work,
    };
    let mut left = LifeResult::default();
    for _ in 0..lives_before {
        let server = Running::start(&trial.base, &[]).unwrap();
        live(&server, &trial.base, work, &trial.upstream.url, &mut left).await;
        server.stop().await;
    }
    assert_eq!(left.acknowledged.len(), work.tasks() * lives_before);
    trial.left = left;
    trial
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ran_before_survives_a_disk_that_fails() {
    only_on_sled!("it has operations on the store's files fail");
    let home = TempDir::new().unwrap();
    lives(trial(home.path(), 2, Work::Calls).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_survives_a_disk_that_fails() {
    only_on_sled!("it has operations on the store's files fail");
    let home = TempDir::new().unwrap();
    lives(trial(home.path(), 0, Work::Documents).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_survive_a_disk_that_fails() {
    only_on_sled!("it has operations on the store's files fail");
    let home = TempDir::new().unwrap();
    lives(trial(home.path(), 1, Work::Files).await).await;
}
