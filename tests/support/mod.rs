//! Support for the suites: the real server as a child process on a free port with a data directory of its
//! own, real guests, and an upstream that records its requests.
#![allow(dead_code, unused_imports, missing_docs, clippy::unwrap_used)]

pub mod answer;
pub mod cases;
pub mod cli;
pub mod cluster;
pub mod database;
pub mod deliveries;
pub mod dying;
pub mod guests;
pub mod history;
pub mod log;
pub mod process;
pub mod project;
pub mod ran;
pub mod receiver;
pub mod senders;
pub mod simulated;
pub mod storm;
pub mod upload;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepwell_api::{Accepted, Task, TaskHead, TaskPage, TaskState, Token, Webhook};
use tempfile::TempDir;

use self::database::Database;

pub use answer::{Answer, accepted_task, refusal, typed};
pub use cluster::Cluster;
pub use database::is_postgres;
pub(crate) use database::only_on_sled;
pub use guests::{example, guest};
pub use receiver::Receiver;

/// How long anything may take before a test gives up. Generous: machines are loaded.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Killed when dropped.
pub struct Server {
    child: Option<Child>,
    dir: TempDir,
    /// Whether its store is in the data directory, whatever store the tests are run with.
    is_on_sled: bool,
    /// With PostgreSQL, its database.
    database: Option<Database>,
    args: Vec<String>,
    /// What a shell does before the process begins; none for no shell.
    prelude: Option<String>,
    pub url: String,
    token: String,
    http: reqwest::Client,
    /// The workspace that all requests are about.
    workspace: String,
    log: log::Log,
}

impl Server {
    /// A server that may call this machine.
    pub async fn start() -> Self {
        Self::with(&["--egress-allow", "127.0.0.1/32"]).await
    }

    /// A server with these arguments to `serve`.
    pub async fn with(args: &[&str]) -> Self {
        Self::begun(TempDir::new().unwrap(), None, args).await
    }

    /// The same, on a data directory that is there already.
    pub async fn on(directory: TempDir, args: &[&str]) -> Self {
        Self::begun(directory, None, args).await
    }

    /// The same, with its store in the data directory, whatever `STEPWELL_TEST_STORE` says: for a test of such a store.
    pub async fn on_sled(directory: TempDir, args: &[&str]) -> Self {
        let mut server = Self::new(directory, None, args);
        server.is_on_sled = true;
        server.launch().await;
        server
    }

    /// The same, with an umask in octal.
    pub async fn with_umask(umask: &str, args: &[&str]) -> Self {
        Self::after(&format!("umask {umask}"), args).await
    }

    /// The same, behind a command of the shell.
    pub async fn after(prelude: &str, args: &[&str]) -> Self {
        Self::begun(TempDir::new().unwrap(), Some(prelude.to_owned()), args).await
    }

    /// The same, for a process that may have so many files open.
    pub async fn with_files(files: u32, args: &[&str]) -> Self {
        Self::after(&format!("ulimit -n {files}"), args).await
    }

    async fn begun(dir: TempDir, prelude: Option<String>, args: &[&str]) -> Self {
        let mut server = Self::new(dir, prelude, args);
        server.launch().await;
        server
    }

    fn new(dir: TempDir, prelude: Option<String>, args: &[&str]) -> Self {
        Self {
            prelude,
            child: None,
            dir,
            is_on_sled: false,
            database: None,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            url: String::new(),
            token: String::new(),
            workspace: "default".to_owned(),
            log: log::Log::default(),
            // Building a guest blocks this runtime for minutes: a connection that the server has
            // given up meanwhile must not be used again. The server's own bound is 30 s.
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_idle_timeout(Duration::from_secs(5))
                .build()
                .unwrap(),
        }
    }

    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Other arguments to `serve`, from the next launch on.
    pub fn set_args(&mut self, args: &[&str]) {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    }

    /// A request to the API with the admin token: path below `/api/v1`.
    pub async fn api(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.api_as(&self.token, method, path, body).await
    }

    /// The same with another token.
    pub async fn api_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        answer(request.send().await.unwrap()).await
    }

    /// A path of the API below the workspace that requests are about.
    pub fn path(&self, rest: &str) -> String {
        format!("/workspaces/{}/{rest}", self.workspace)
    }

    /// Adds a workspace; from now on all requests are about it.
    pub async fn enter(&mut self, workspace: &str) {
        let body = json!({"name": workspace});
        let (status, body) = self.api(Method::POST, "/workspaces", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        self.workspace = workspace.to_owned();
    }

    /// Adds a token at a path of the API, and gives its text.
    pub async fn add_token(&self, path: &str, name: &str, scopes: &[&str]) -> String {
        let body = json!({"name": name, "scopes": scopes});
        let token: Answer<Token> = self.done(Method::POST, path, Some(body)).await;
        token.token.clone().unwrap()
    }

    /// What is at a path of the API.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        self.done(Method::GET, path, None).await
    }

    /// The answer to a request to the API, as its type; panics if it is refused.
    pub async fn done<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer<T> {
        let at = format!("{method} {path}");
        let (status, body) = self.api(method, path, body).await;
        assert!(status.is_success(), "{at}: {status} {body}");
        Answer::of(body)
    }

    /// Adds a webhook and gives its URL on this server.
    pub async fn webhook(&self, name: &str) -> String {
        let (path, body) = (self.path("webhooks"), json!({"name": name}));
        let webhook: Answer<Webhook> = self.done(Method::POST, &path, Some(body)).await;
        webhook.url.clone()
    }

    /// Adds a step; `query` sets limits, e.g. `fuel=1000`.
    pub async fn try_step(
        &self,
        name: &str,
        component: Vec<u8>,
        query: &str,
    ) -> (StatusCode, Value) {
        let url = format!(
            "{}/api/v1{}?{query}",
            self.url,
            self.path(&format!("steps/{name}"))
        );
        let request = self.http.put(url).bearer_auth(&self.token).body(component);
        answer(request.send().await.unwrap()).await
    }

    pub async fn step_with(&self, name: &str, file: &Path, query: &str) {
        let (status, body) = self
            .try_step(name, std::fs::read(file).unwrap(), query)
            .await;
        assert!(status.is_success(), "step {name}: {status} {body}");
    }

    /// Adds a guest of `tests/guests` or `examples` under its own name.
    pub async fn step(&self, name: &str) {
        self.step_with(name, &guest(name), "").await;
    }

    /// Adds a script as a step.
    pub async fn script(&self, name: &str, source: &str) {
        let entry = format!("{name}.js");
        let package = json!({"entry": entry, "modules": {&entry: source}}).to_string();
        let (status, body) = self.try_step(name, package.into_bytes(), "").await;
        assert!(status.is_success(), "step {name}: {status} {body}");
    }

    /// Does something with a task, e.g. `cancel`.
    pub async fn act(&self, id: &str, verb: &str, body: Option<Value>) -> (StatusCode, Value) {
        let path = self.path(&format!("tasks/{id}/{verb}"));
        self.api(Method::POST, &path, body).await
    }

    pub async fn config(&self, key: &str, value: &str) {
        let path = self.path(&format!("config/{key}"));
        let (status, body) = self
            .api(Method::PUT, &path, Some(json!({"value": value})))
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }

    /// Posts to a webhook's URL; the server's port may have changed since it was added.
    pub async fn send(
        &self,
        webhook: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let key = webhook.rsplit('/').next().unwrap();
        let request = self
            .http
            .post(format!("{}/event/{key}", self.url))
            .header("content-type", content_type)
            .body(body);
        answer(request.send().await.unwrap()).await
    }

    /// Posts JSON and gives the task's id.
    pub async fn post(&self, webhook: &str, body: &Value) -> String {
        let (status, answer) = self
            .send(webhook, "application/json", body.to_string())
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        Answer::<Accepted>::of(answer).task.clone()
    }

    pub async fn task(&self, id: &str) -> Answer<Task> {
        let task: Answer<Task> = self.get(&self.path(&format!("tasks/{id}"))).await;
        history::check_any(&task);
        task
    }

    /// The tasks of one page.
    pub async fn tasks(&self, query: &str) -> Vec<TaskHead> {
        let path = self.path(&format!("tasks?{query}"));
        self.get::<TaskPage>(&path).await.tasks.clone()
    }

    /// Waits until the task is in `state`, and gives it whole.
    pub async fn wait(&self, id: &str, state: &str) -> Answer<Task> {
        let until = Instant::now() + PATIENCE;
        loop {
            let task = self.task(id).await;
            if task.state.as_str() == state {
                return task;
            }
            assert!(
                !task.state.is_final() && Instant::now() < until,
                "waiting for `{state}`: {task:#}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the task waits, and gives it whole. What it does before is not in a hurry.
    pub async fn waiting(&self, id: &str) -> Answer<Task> {
        let until = Instant::now() + PATIENCE;
        loop {
            let task = self.task(id).await;
            if task.state == TaskState::Waiting {
                return task;
            }
            assert!(
                task.state == TaskState::Ready && Instant::now() < until,
                "{task:#}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Posts JSON and waits until the task is in `state`.
    pub async fn run(&self, webhook: &str, body: &Value, state: &str) -> Answer<Task> {
        let id = self.post(webhook, body).await;
        self.wait(&id, state).await
    }

    /// Waits until no task is ready.
    pub async fn settled(&self) {
        let ready = async || self.tasks("state=ready&limit=1").await;
        until("no task is ready", async || ready().await.is_empty()).await;
    }

    /// Whether the server still does its main work: the check after every attack.
    pub async fn is_well(&self) {
        let name = format!("Health {}", rand::random::<u32>());
        let webhook = self.webhook(&name).await;
        let task = self.post(&webhook, &json!({"healthy": true})).await;
        let is_final = async || self.task(&task).await.state.is_final();
        until("the server finishes tasks", is_final).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary under test, with nothing of this environment's settings.
pub fn stepwell() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell"));
    for name in [
        "STEPWELL_URL",
        "STEPWELL_TOKEN",
        "STEPWELL_DATA_DIR",
        "STEPWELL_WORKSPACE",
        "STEPWELL_CACHE_DIR",
        "STEPWELL_STORE",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// Standard output and standard error.
pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Makes a stopped server's store look as if a later version had written it.
pub fn make_newer(store: &Path) {
    let tree = sled::Config::new().path(store.join("tree")).open().unwrap();
    assert!(
        tree.contains_key("m/format").unwrap(),
        "the store keeps its format elsewhere"
    );
    tree.insert("m/format", &u32::MAX.to_le_bytes()).unwrap();
    tree.flush().unwrap();
}

/// Asserts that `actual` has everything that `expected` has; arrays are compared whole.
pub fn assert_includes(actual: &Value, expected: &Value, at: &str) {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            for (key, value) in expected {
                let found = actual.get(key).unwrap_or(&Value::Null);
                assert_includes(found, value, &format!("{at}/{key}"));
            }
        }
        (Value::Array(actual), Value::Array(expected)) => {
            assert_eq!(
                actual.len(),
                expected.len(),
                "{at}: {actual:?} is not {expected:?}"
            );
            for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
                assert_includes(actual, expected, &format!("{at}/{index}"));
            }
        }
        _ => assert_eq!(actual, expected, "at `{at}`"),
    }
}

/// Waits until the condition holds; panics with what was waited for if it does not in time.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "it does not come: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How often a test kills its server: as `STEPWELL_SERVER_KILLS` says, else so often.
pub fn kills(by_default: usize) -> usize {
    std::env::var("STEPWELL_SERVER_KILLS").map_or(by_default, |text| text.parse().unwrap())
}

/// Waits until the upstream has been asked so often.
pub async fn asked(upstream: &Receiver, times: usize) {
    let what = format!("request {times} to the upstream");
    until(&what, async || upstream.seen().len() >= times).await;
}

/// A webhook whose bodies name the task that they are about.
pub async fn correlating(server: &Server, name: &str, pointer: &str) -> String {
    let body = json!({"name": name, "correlate": pointer});
    let path = server.path("webhooks");
    let webhook: Answer<Webhook> = server.done(Method::POST, &path, Some(body)).await;
    assert_eq!(webhook.correlate.as_deref(), Some(pointer));
    webhook.url.clone()
}

async fn answer(response: reqwest::Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}
