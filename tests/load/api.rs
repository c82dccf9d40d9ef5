//! A blocking client for the server's HTTP API, over one keep-alive connection: enough to set a
//! server up and to look at its tasks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stepwell_api::{Step, Webhook};

use super::response;

/// The longest that an answer may take; compiling a component is the slowest.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The most heads that the API gives on a page.
pub const PAGE: usize = 500;

/// How long a connection may have been idle to be used again.
const IDLE: Duration = Duration::from_secs(5);

/// A connection to a server's API, in the workspace `default`.
pub struct Api {
    address: SocketAddr,
    stream: TcpStream,
    used: Instant,
    token: String,
    buffer: Vec<u8>,
}

/// What is read of a task's head.
#[derive(Debug, Deserialize)]
pub struct Head {
    /// The task's id.
    pub id: uuid::Uuid,
    /// Its state's word.
    pub state: String,
    /// When it was last changed, RFC 3339; of a final task, when it was finished.
    updated: String,
}

impl Head {
    /// When it was last changed, in microseconds since 1970. The server gives milliseconds.
    pub fn updated_us(&self) -> anyhow::Result<u64> {
        microseconds(&self.updated)
    }
}

/// An RFC 3339 time in microseconds since 1970.
fn microseconds(text: &str) -> anyhow::Result<u64> {
    let time: jiff::Timestamp = text.parse()?;
    Ok(u64::try_from(time.as_microsecond())?)
}

/// A page of a listing, newest first.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The tasks.
    pub tasks: Vec<Head>,
    /// What to give as `before` for the next page, if there is one.
    pub next: Option<uuid::Uuid>,
}

impl Api {
    /// Connects. `token` is the admin token.
    pub fn connect(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect to the API")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            address,
            stream,
            used: Instant::now(),
            token: token.to_owned(),
            buffer: Vec::new(),
        })
    }

    /// Adds a webhook with these settings and gives the path of its URL.
    pub fn add_webhook(&mut self, settings: &serde_json::Value) -> anyhow::Result<String> {
        let body = serde_json::to_vec(settings)?;
        let path = "/api/v1/workspaces/default/webhooks";
        let added: Webhook = self.call("POST", path, "application/json", &body)?;
        let url = url::Url::parse(&added.url)
            .with_context(|| format!("the webhook's URL `{}` is no URL", added.url))?;
        Ok(url.path().to_owned())
    }

    /// Adds a step and gives its condition.
    pub fn add_step(&mut self, name: &str, component: &[u8]) -> anyhow::Result<serde_json::Value> {
        let path = format!("/api/v1/workspaces/default/steps/{name}");
        let step: Step = self.call("PUT", &path, "application/wasm", component)?;
        Ok(step.condition)
    }

    /// A page of tasks: in this state or in any, older than `before` or from the newest.
    pub fn tasks(
        &mut self,
        state: Option<&str>,
        limit: usize,
        before: Option<uuid::Uuid>,
    ) -> anyhow::Result<Page> {
        let mut path = format!("/api/v1/workspaces/default/tasks?limit={limit}");
        if let Some(state) = state {
            path.push_str("&state=");
            path.push_str(state);
        }
        if let Some(before) = before {
            path.push_str(&format!("&before={before}"));
        }
        self.call("GET", &path, "", b"")
    }

    /// When a task that was parked once was to be woken and when it ended, in microseconds since
    /// 1970; none while it waits.
    pub fn woken(&mut self, id: uuid::Uuid) -> anyhow::Result<Option<(u64, u64)>> {
        #[derive(Deserialize)]
        struct Task {
            #[serde(flatten)]
            head: Head,
            runs: Vec<Run>,
        }
        #[derive(Deserialize)]
        struct Run {
            parked_until: Option<String>,
        }
        let path = format!("/api/v1/workspaces/default/tasks/{id}");
        let task: Task = self.call("GET", &path, "", b"")?;
        if task.head.state != "done" {
            return Ok(None);
        }
        let due = task
            .runs
            .first()
            .and_then(|run| run.parked_until.as_deref());
        let due = due.with_context(|| format!("task {id} was never parked"))?;
        Ok(Some((microseconds(due)?, task.head.updated_us()?)))
    }

    /// Whether no task is ready or waiting.
    pub fn all_final(&mut self) -> anyhow::Result<bool> {
        Ok(self.tasks(Some("ready"), 1, None)?.tasks.is_empty()
            && self.tasks(Some("waiting"), 1, None)?.tasks.is_empty())
    }

    /// The status of a `GET`.
    pub fn status(&mut self, path: &str) -> anyhow::Result<u16> {
        Ok(self.exchange("GET", path, "", b"")?.0)
    }

    /// Sends a request and reads the JSON answer; one that is not 2xx is an error.
    fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> anyhow::Result<T> {
        let (status, answer) = self.exchange(method, path, content_type, body)?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path} was answered {status}: {}",
            String::from_utf8_lossy(answer)
        );
        serde_json::from_slice(answer)
            .with_context(|| format!("the answer to {method} {path} is not as documented"))
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> anyhow::Result<(u16, &[u8])> {
        // The server closes idle connections; filling a store takes minutes.
        if self.used.elapsed() > IDLE {
            *self = Self::connect(self.address, &self.token)?;
        }
        self.used = Instant::now();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n",
            self.token
        );
        if !content_type.is_empty() {
            request.push_str(&format!("content-type: {content_type}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request)?;

        self.buffer.clear();
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let count = self
                .stream
                .read(&mut chunk)
                .with_context(|| format!("no answer to {method} {path}"))?;
            ensure!(
                count > 0,
                "{method} {path}: the server closed the connection"
            );
            self.buffer.extend_from_slice(&chunk[..count]);
            if let Some(answer) =
                response::parse(&self.buffer).with_context(|| format!("{method} {path}"))?
            {
                return Ok((answer.status, &self.buffer[answer.body]));
            }
        }
    }
}
