//! A storm: events of all kinds are sent again and again to servers that come and go, and in the end each must be one task
//! whose history is one chain, with every call under one key.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Nodes, Task, TaskState, Webhook};
use tokio::task::JoinHandle;

use super::{Answer, Cluster, PATIENCE, Receiver, Server, accepted_task, history};

/// Senders at work at once.
const SENDERS: usize = 4;

/// Why a task is in `error` whose run lasted as one server was killed, and then as another one was: no server begins it again.
const SET_ASIDE: &str = "the server ended during this run twice";

const STEPS: [(&str, &str); 6] = [
    (
        "calls",
        "export const condition = {kind: 'call', called: null};
        export const content = async () => { await fetch(data.url); data.called = true; };",
    ),
    (
        "ends",
        "export const condition = {called: true, ended: null};
        export const content = async () => { data.ended = true; };",
    ),
    (
        "sleeps",
        "export const condition = {kind: 'timer', woke: null};
        export const content = async () => {
          if (data.slept) { data.woke = true; return; }
          data.slept = true; task.park(400); step.redo();
        };",
    ),
    (
        "splits",
        "export const condition = {kind: 'parts', asked: null};
        export const content = async () => {
          data.asked = true;
          for (const n of [1, 2, 3])
            task.subtask('part', {n, url: data.url}, {into: '/got' + n, wait: true});
        };",
    ),
    (
        "part",
        "export const condition = {$via: {type: 'subtask', name: 'part'}};
        export const content = async () => { await fetch(data.url); task.complete({n: data.n}); };",
    ),
    (
        "sums",
        "export const condition = {asked: true, sum: null};
        export const content = async () => { data.sum = data.got1.n + data.got2.n + data.got3.n; };",
    ),
];

/// What senders sent, and what was acknowledged of it.
#[derive(Default)]
struct Sent {
    events: AtomicUsize,
    /// The task of each event.
    acknowledged: Mutex<BTreeMap<usize, String>>,
    /// Requests that were answered 503.
    refused: AtomicUsize,
    is_over: AtomicBool,
    addresses: Mutex<Vec<String>>,
}

fn event(number: usize, url: &str) -> Value {
    let kind = ["call", "timer", "parts", "call"][number % 4];
    match kind {
        "timer" => json!({"id": number, "kind": kind}),
        _ => json!({"id": number, "kind": kind, "url": url}),
    }
}

/// Sends events, each again until a server acknowledges it.
async fn send(sent: Arc<Sent>, key: String, url: String) {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(3))
        .build()
        .unwrap();
    while !sent.is_over.load(Ordering::Relaxed) {
        let number = sent.events.fetch_add(1, Ordering::Relaxed);
        let body = event(number, &url).to_string();
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "event {number} is not taken");
            let address = {
                let addresses = sent.addresses.lock();
                addresses[rand::random_range(0..addresses.len())].clone()
            };
            let request = http
                .post(format!("{address}/event/{key}"))
                .header("content-type", "application/json")
                .body(body.clone());
            let answer = match request.send().await {
                Ok(answer) if answer.status() == StatusCode::OK => answer.text().await.ok(),
                Ok(answer) => {
                    sent.refused.fetch_add(1, Ordering::Relaxed);
                    let status = answer.status();
                    assert_eq!(
                        status,
                        StatusCode::SERVICE_UNAVAILABLE,
                        "{:?}",
                        answer.text().await
                    );
                    None
                }
                Err(_) => None,
            };
            // An answer that a kill cut in two acknowledges nothing.
            let answer = answer.and_then(|text| serde_json::from_str(&text).ok());
            if let Some(answer) = answer {
                let task = accepted_task(&answer);
                sent.acknowledged.lock().insert(number, task);
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub async fn set_up(server: &Server) -> String {
    for (name, source) in STEPS {
        server.script(name, source).await;
    }
    let path = server.path("schedules/Ticks");
    let schedule = json!({"cron": "* * * * * *", "missed": "all"});
    let (status, answer) = server.api(Method::PUT, &path, Some(schedule)).await;
    assert!(status.is_success(), "{answer}");
    let settings = json!({"name": "Events", "dedup": {"pointer": "/id"}});
    let path = server.path("webhooks");
    let webhook: Answer<Webhook> = server.done(Method::POST, &path, Some(settings)).await;
    webhook.url.rsplit('/').next().unwrap().to_owned()
}

fn addresses(cluster: &Cluster) -> Vec<String> {
    cluster
        .servers
        .iter()
        .map(|server| server.url.clone())
        .collect()
}

/// Senders at work, and what came of it.
pub struct Storm {
    sent: Arc<Sent>,
    senders: Vec<JoinHandle<()>>,
    upstream: Receiver,
    /// The address that steps call.
    url: String,
}

impl Storm {
    /// Sets a cluster up and begins to send.
    pub async fn begin(cluster: &Cluster) -> Self {
        let upstream = Receiver::start().await;
        let key = set_up(&cluster.servers[0]).await;
        let sent = Arc::new(Sent::default());
        let url = format!("{}/call", upstream.url);
        let storm = |_| tokio::spawn(send(sent.clone(), key.clone(), url.clone()));
        *sent.addresses.lock() = addresses(cluster);
        let senders = (0..SENDERS).map(storm).collect();
        Self {
            sent,
            senders,
            upstream,
            url,
        }
    }

    /// Servers were started again, at other addresses.
    pub fn go_on_at(&self, cluster: &Cluster) {
        *self.sent.addresses.lock() = addresses(cluster);
    }

    /// How many requests were answered 503 so far.
    pub fn refused(&self) -> usize {
        self.sent.refused.load(Ordering::Relaxed)
    }

    /// How many events were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.sent.acknowledged.lock().len()
    }

    /// Ends it and checks all that was acknowledged. Returns how many events that are.
    pub async fn end(self, server: &Server) -> usize {
        self.sent.is_over.store(true, Ordering::Relaxed);
        for sender in self.senders {
            sender.await.unwrap();
        }
        let acknowledged = std::mem::take(&mut *self.sent.acknowledged.lock());
        assert!(acknowledged.len() > 50, "{}", acknowledged.len());
        let mut calls = Calls::default();
        for (number, id) in &acknowledged {
            is_over(server, id).await;
            let task = server.task(id).await;
            judge(server, &task, &event(*number, &self.url), &mut calls).await;
        }
        calls.compare(&self.upstream);
        if !calls.set_aside.is_empty() {
            println!("{} tasks were set aside", calls.set_aside.len());
        }
        each_event_is_one_task(server, &acknowledged).await;
        ticks(server).await;
        acknowledged.len()
    }
}

/// The calls of tasks, as their journals have them.
#[derive(Default)]
pub struct Calls {
    /// How many each task has.
    made: HashMap<String, usize>,
    /// Tasks whose last run was interrupted for good: a call of it may have been made that is not recorded.
    set_aside: HashSet<String>,
}

impl Calls {
    /// Every recorded call was made, and each under one key.
    pub fn compare(&self, upstream: &Receiver) {
        let mut keys: HashMap<String, HashSet<String>> = HashMap::new();
        for request in upstream.seen() {
            let key = request.header("idempotency-key").to_owned();
            keys.entry(key[..36].to_owned()).or_default().insert(key);
        }
        let of = |task: &String| keys.get(task).map_or(0, HashSet::len);
        for (task, count) in &self.made {
            assert_eq!(of(task), *count, "the calls of task {task}");
        }
        for task in &self.set_aside {
            assert!(of(task) <= 1, "the calls of task {task}");
        }
    }
}

/// Waits for a task's end, and says of which subtasks it waits in vain.
async fn is_over(server: &Server, id: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let task = server.task(id).await;
        if task.state.is_final() {
            return;
        }
        if Instant::now() > until {
            let mut open = Vec::new();
            for part in &task.open_subtasks {
                open.push(server.task(part).await);
            }
            panic!(
                "it does not end: {task:#}, {open:#?}, {:#?}",
                server.get::<Nodes>("/nodes").await
            );
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a task was set aside, for the one reason that there is here.
fn is_set_aside(task: &Task) -> bool {
    task.state == TaskState::Error && task.fault.as_deref() == Some(SET_ASIDE)
}

/// The steps of a kind's tasks, in the order of their runs.
fn expected_steps(kind: &str) -> [&'static str; 2] {
    match kind {
        "call" => ["calls", "ends"],
        "timer" => ["sleeps", "sleeps"],
        _ => ["splits", "sums"],
    }
}

/// Checks a task that has ended, and notes its calls and those of its subtasks.
pub async fn judge(server: &Server, task: &Task, sent: &Value, calls: &mut Calls) {
    let kind = sent["kind"].as_str().unwrap();
    let (expected, steps) = (expected_steps(kind), steps(task));
    if is_set_aside(task) {
        assert!(expected.starts_with(&steps), "{task:#?}");
        calls.set_aside.insert(task.id.clone());
        return;
    }
    history::check(task, sent).unwrap_or_else(|why| panic!("{}: {why}: {task:#?}", task.id));
    let made: usize = task.runs.iter().map(|run| run.calls.len()).sum();
    calls.made.insert(task.id.clone(), made);
    if kind == "parts" {
        return judge_parts(server, task, sent, calls).await;
    }
    assert_eq!(steps, expected, "{task:#?}");
    assert_eq!(made, usize::from(kind == "call"), "{task:#?}");
}

fn steps(task: &Task) -> Vec<&str> {
    task.runs.iter().map(|run| run.step.as_str()).collect()
}

/// A task is done when its three subtasks have ended, and has their results.
async fn judge_parts(server: &Server, task: &Task, sent: &Value, calls: &mut Calls) {
    let mut parts = Vec::new();
    for made in task.runs.iter().flat_map(|run| &run.subtasks) {
        parts.push(server.task(&made.task).await);
    }
    let all = || format!("{task:#?}, {parts:#?}");
    assert_eq!(
        (parts.len(), task.ended_subtasks.len()),
        (3, 3),
        "{}",
        all()
    );
    let mut is_whole = true;
    for (n, part) in (1..).zip(&parts) {
        let result = &task.data[format!("got{n}")];
        if is_set_aside(part) {
            assert_eq!(*result, json!({"error": SET_ASIDE}), "{}", all());
            calls.set_aside.insert(part.id.clone());
            is_whole = false;
            continue;
        }
        assert_eq!(part.state, TaskState::Done, "{}", all());
        let sent = json!({"n": n, "url": sent["url"]});
        history::check(part, &sent).unwrap_or_else(|why| panic!("{why}: {part:#}"));
        let made: Vec<usize> = part.runs.iter().map(|run| run.calls.len()).collect();
        assert_eq!((made, result), (vec![1], &json!({"n": n})), "{}", all());
        calls.made.insert(part.id.clone(), 1);
    }
    match is_whole {
        true => {
            assert_eq!(steps(task), ["splits", "sums"], "{}", all());
            assert_eq!(task.data["sum"], 6, "{}", all());
        }
        // The sum is none, `null`, which the step's condition observes once more.
        false => {
            assert_eq!(steps(task), ["splits", "sums", "sums"], "{}", all());
            assert_eq!(task.data["sum"], Value::Null, "{}", all());
        }
    }
}

async fn each_event_is_one_task(server: &Server, acknowledged: &BTreeMap<usize, String>) {
    let unique: HashSet<&String> = acknowledged.values().collect();
    assert_eq!(unique.len(), acknowledged.len());
    let mut found = HashSet::new();
    let mut query = "webhook=Events&limit=500".to_owned();
    loop {
        let page = server.tasks(&query).await;
        let Some(last) = page.last() else { break };
        query = format!("webhook=Events&limit=500&before={}", last.id);
        found.extend(page.into_iter().map(|head| head.id));
    }
    let found: HashSet<&String> = found.iter().collect();
    assert_eq!(
        found, unique,
        "each event is the task that was acknowledged"
    );
}

/// Every second had its task, and one.
async fn ticks(server: &Server) {
    let path = server.path("schedules/Ticks");
    let (status, _) = server.api(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let mut times = Vec::new();
    let mut query = "state=unmatched&limit=500".to_owned();
    loop {
        let page = server.tasks(&query).await;
        let Some(last) = page.last() else { break };
        query = format!("state=unmatched&limit=500&before={}", last.id);
        for head in &page {
            let task = server.task(&head.id).await;
            times.push(task.data["$via"]["scheduled"].as_u64().unwrap());
        }
    }
    times.sort_unstable();
    assert!(times.len() > 5, "{times:?}");
    for pair in times.windows(2) {
        assert_eq!(pair[1] - pair[0], 1_000, "{times:?}");
    }
}
