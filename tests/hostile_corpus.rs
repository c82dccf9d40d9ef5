//! Hostile input by rows: what a tenant or a sender hands in, and the fault or the answer that it ends in. For each row
//! a task of another workspace ends as it should while the row is under way and one after it, and what the row was about
//! is as it was. After a table the server's memory is near what it was before, that other workspace has what it had and
//! its own tasks, and those beside rows took little longer than those between them.
//!
//! What `hostile*.rs` has is not here again.
#![allow(clippy::unwrap_used, reason = "a test")]

mod conditions;
mod http;
mod javascript;
mod manifests;
mod rust;
mod wat;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Problem, Task, TaskCounts, TaskState};

use crate::support::{Answer, PATIENCE, Server, accepted_task};

const MIB: u64 = 1024 * 1024;
/// What a table may leave behind: mostly what the store and the allocator keep for what comes next.
const LEFT: u64 = 160 * MIB;

/// How a row ends.
enum Ends {
    /// In this outcome of the run, with this in its error. The data is as it came.
    Fault(&'static str, &'static str),
    /// In a task that is done, with this in `data.said`.
    Says(Value),
    /// The step is not taken: the code, if it matters, and what the detail says.
    Refused(&'static str, &'static str),
}

/// What a neighbour has set up.
const SETUP: [&str; 5] = ["steps", "webhooks", "connectors", "config", "schedules"];
/// How much longer a neighbour's tasks may take beside rows than between them, in the median of a table: beside the
/// ratio, what two threads of the same machine take of it by turns.
const SLOWER: (u32, Duration) = (4, Duration::from_millis(100));

/// A server with a workspace of a neighbour; requests are about another one, `tenant`.
struct Ground {
    server: Server,
    /// The neighbour's webhook, and how often it was sent something.
    neighbour: String,
    posted: AtomicU64,
    setup: Vec<Value>,
    /// How long the neighbour's tasks took, beside rows and between them.
    beside: Vec<Duration>,
    between: Vec<Duration>,
    /// The tenant's webhook.
    webhook: String,
    wrong: Vec<String>,
    before: u64,
}

impl Ground {
    async fn new() -> Self {
        let mut server = Server::start().await;
        server.enter("neighbour").await;
        let source =
            "export const condition = {}; export const content = () => { data.ok = true; };";
        server.script("own", source).await;
        let neighbour = server.webhook("own").await;
        server.enter("tenant").await;
        let webhook = server.webhook("w").await;
        let mut ground = Self {
            server,
            neighbour,
            posted: AtomicU64::new(0),
            setup: Vec::new(),
            beside: Vec::new(),
            between: Vec::new(),
            webhook,
            wrong: Vec::new(),
            before: 0,
        };
        for _ in 0..5 {
            ground.neighbours_task_ends().await.unwrap();
        }
        ground.setup = ground.neighbours_setup().await;
        ground.before = ground.resident();
        ground
    }

    /// Bytes of memory that the server's process has resident.
    fn resident(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() * 1024
    }

    /// The neighbour's task is done as it should be; gives how long that took.
    async fn neighbours_task_ends(&self) -> Result<Duration, String> {
        let begun = Instant::now();
        self.posted.fetch_add(1, Ordering::Relaxed);
        let (status, answer) = self
            .server
            .send(&self.neighbour, "application/json", "{}")
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let path = format!("/workspaces/neighbour/tasks/{}", &accepted_task(&answer));
        let until = Instant::now() + PATIENCE;
        loop {
            let task = self.server.get::<Task>(&path).await;
            if task.state != TaskState::Ready {
                let took = begun.elapsed();
                let mut data = task.data.clone();
                data.as_object_mut().unwrap().shift_remove("$via");
                let is_right = task.state == TaskState::Done && data == json!({"ok": true});
                return match is_right && task.runs.len() == 1 {
                    true => Ok(took),
                    false => Err(format!("the neighbour's task became {task}")),
                };
            }
            assert!(Instant::now() < until, "the neighbour waits: {task}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn neighbours_setup(&self) -> Vec<Value> {
        let mut setup = Vec::new();
        for kind in SETUP {
            let path = format!("/workspaces/neighbour/{kind}");
            let (status, answer) = self.server.api(Method::GET, &path, None).await;
            assert_eq!(status, StatusCode::OK, "{path}: {answer}");
            setup.push(answer);
        }
        setup
    }

    /// Carries a row out beside the neighbour; what is wrong with it is told at the table's end.
    async fn row(&mut self, name: &str, row: impl AsyncFnOnce(&Self) -> Result<(), String>) {
        let (ended, beside) = tokio::join!(row(self), self.neighbours_task_ends());
        let after = self.neighbours_task_ends().await;
        for (took, all) in [(&beside, &mut self.beside), (&after, &mut self.between)] {
            all.extend(took.iter());
        }
        for wrong in [ended, beside.map(drop), after.map(drop)] {
            if let Err(wrong) = wrong {
                self.wrong.push(format!("{name}: {wrong}"));
            }
        }
    }

    /// Adds a step, has it run on `body`, and looks at how that ends.
    async fn step_ends(
        &self,
        package: Vec<u8>,
        limits: &str,
        body: &Value,
        ends: &Ends,
    ) -> Result<(), String> {
        let (status, answer) = self.server.try_step("step", package, limits).await;
        if let Ends::Refused(code, detail) = ends {
            return refused((status, &answer), code, detail);
        }
        if !status.is_success() {
            return Err(format!("{status} {answer}"));
        }
        let id = self.server.post(&self.webhook, body).await;
        let task = self.ended(&id).await;
        let mut data = task.data.clone();
        data.as_object_mut().unwrap().shift_remove("$via");
        let run = task.runs.last();
        let said = run.and_then(|run| run.error.as_deref()).unwrap_or_default();
        match ends {
            Ends::Fault(outcome, error) => {
                let Some(run) = run else {
                    return Err("it did not run".to_owned());
                };
                if run.outcome.as_str() != *outcome || !said.contains(error) {
                    return Err(format!("ended {}: {said}", run.outcome));
                }
                if said.len() > 5_000 || said.contains("backtrace") {
                    return Err(format!("says too much: {said}"));
                }
                if data != *body || !run.changes.is_empty() {
                    return Err("changed its data".to_owned());
                }
            }
            Ends::Says(value) => {
                if task.state != TaskState::Done || data["said"] != *value {
                    return Err(format!("{} said {} {said}", task.state, data["said"]));
                }
            }
            Ends::Refused(..) => {}
        }
        Ok(())
    }

    /// The task when it is at its end, or waits.
    async fn ended(&self, id: &str) -> Answer<Task> {
        let until = Instant::now() + PATIENCE;
        loop {
            let task = self.server.task(id).await;
            if task.state.as_str() != "ready" {
                return task;
            }
            assert!(Instant::now() < until, "{task:#}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// How many tasks the tenant has.
    async fn tasks(&self) -> u64 {
        let path = self.server.path("tasks/count");
        let counts = self.server.get::<TaskCounts>(&path).await;
        counts.counts.total()
    }

    /// The table's end: the server is well, its memory returned, and every row ended as it should.
    async fn over(self) {
        self.server.is_well().await;
        let until = Instant::now() + PATIENCE;
        while self.resident() > self.before + LEFT {
            let grown = (self.resident() - self.before) / MIB;
            assert!(Instant::now() < until, "{grown} MiB are still held");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        assert_eq!(self.neighbours_setup().await, self.setup);
        let path = "/workspaces/neighbour/tasks/count";
        let counts = self.server.get::<TaskCounts>(path).await.counts;
        let posted = self.posted.load(Ordering::Relaxed);
        assert_eq!((counts.done, counts.total()), (posted, posted));
        let [beside, between] = [self.beside, self.between].map(|mut took| {
            took.sort_unstable();
            took[took.len() / 2]
        });
        let (times, more) = SLOWER;
        assert!(beside <= times * between + more, "{beside:?}, {between:?}");
    }
}

/// Whether a request was refused so.
fn refused((status, answer): (StatusCode, &Value), code: &str, detail: &str) -> Result<(), String> {
    let problem = Answer::<Problem>::of(answer.clone());
    let said = &problem.detail;
    let is_code = code.is_empty() || problem.code == code;
    let is_so = status.is_client_error() && is_code && said.contains(detail);
    if is_so && said.len() < 5_000 && !said.contains("backtrace") {
        return Ok(());
    }
    Err(format!("{status} {} {said}", problem.code))
}

#[test]
fn the_corpus_is_large() {
    let rows = [
        conditions::ROWS.len(),
        http::rows().len(),
        javascript::ROWS.len(),
        manifests::rows().len(),
        rust::ROWS.len(),
        wat::rows().len(),
    ];
    assert!(rows.iter().sum::<usize>() >= 200, "{rows:?}");
}
