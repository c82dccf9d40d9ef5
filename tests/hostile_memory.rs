//! Tenants and senders that make the server hold much: its memory stays within the budget, what does not fit
//! waits or is refused, and nothing is lost. Memory is what the kernel says of the process.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Receiver, Server, accepted_task, guest, receiver::Reply, refusal};
use parking_lot::Mutex;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

const MIB: u64 = 1024 * 1024;

/// An upstream that takes connections and answers nothing.
struct Silent {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
        };
        let kept = silent.connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                kept.lock().push(stream);
            }
        });
        silent
    }

    fn count(&self) -> usize {
        self.connections.lock().len()
    }

    /// Waits until there are so many connections.
    async fn has(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.count() < count {
            assert!(
                Instant::now() < until,
                "{} of {count} connections came",
                self.count()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Bytes of memory that the server's process has resident.
pub(crate) fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

async fn server_of(memory: u64) -> Server {
    let memory = (memory / MIB).to_string() + "MiB";
    Server::with(&["--egress-allow", "127.0.0.1/32", "--memory", &memory]).await
}

/// A JSON array of small numbers, whose values take some 45 times the memory of the text.
fn numbers(bytes: usize) -> String {
    format!("[{}1]", "1,".repeat(bytes / 2 - 2))
}

fn waiting_for(address: SocketAddr, condition: &str) -> String {
    format!(
        "export const condition = {condition};\nexport const content = async () => {{ await fetch('http://{address}/'); }};\n"
    )
}

/// Sends a body until it is accepted, as a sender does that is told to try again.
async fn accepted(server: &Server, webhook: &str, body: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, answer) = server
            .send(webhook, "application/json", body.to_owned())
            .await;
        if status == StatusCode::OK {
            return;
        }
        assert!(
            status == StatusCode::SERVICE_UNAVAILABLE && Instant::now() < until,
            "{status} {answer}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_waits_weighs_no_more_than_its_text() {
    let silent = Silent::start().await;
    let mut server = server_of(512 * MIB).await;
    server
        .script("wait", &waiting_for(silent.address, "{items: Array}"))
        .await;
    let webhook = server.webhook("w").await;
    server.post(&webhook, &json!([1])).await;
    silent.has(1).await;
    let (before, many) = (resident(&server), 20);
    let body = numbers(MIB as usize);
    for _ in 0..many {
        accepted(&server, &webhook, &body).await;
    }
    silent.has(many + 1).await;
    // All of them at the same time: what matching took of one is given to the next, and not kept for its run.
    for task in server.tasks("limit=100").await {
        assert_eq!((task.state.as_str(), task.runs), ("ready", 0));
    }
    let each = (resident(&server) - before) / many as u64;
    // Its text, the script's memory, and its part of what the store and one parser have; the values alone would be 40.
    assert!(each < 16 * MIB, "{each} bytes for each task");
    // Killed in the middle, it goes on.
    server.restart().await;
    silent.has(2 * (many + 1)).await;
    server.is_well().await;
    assert!(resident(&server) < before + 512 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_need_more_than_there_is_wait_for_it_and_all_end() {
    let budget = 192 * MIB;
    let upstream = Receiver::start().await;
    upstream.reply("/", Reply::status(204).after(Duration::from_millis(300)));
    let server = server_of(budget).await;
    let source = format!(
        "export const condition = {{n: Number}};
         export const content = async () => {{
           const held = new Uint8Array(40 * 1024 * 1024).fill(1);
           await fetch('{}/');
           data.sum = held.length;
         }};\n",
        upstream.url
    );
    server.script("hold", &source).await;
    let webhook = server.webhook("w").await;
    server.run(&webhook, &json!({"n": 0}), "done").await;
    let before = resident(&server);
    let mut tasks = Vec::new();
    for n in 1..=24 {
        tasks.push(server.post(&webhook, &json!({"n": n})).await);
    }
    let mut most = 0;
    let until = Instant::now() + PATIENCE;
    while !server.tasks("state=ready&limit=1").await.is_empty() {
        assert!(Instant::now() < until, "tasks are still ready");
        most = most.max(resident(&server));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for task in &tasks {
        let task = server.wait(task, "done").await;
        assert_eq!((task.run_count, task.runs.len()), (1, 1), "{task:#}");
        assert_eq!(task.data["sum"], 40 * MIB);
    }
    assert!(
        most < before + budget,
        "{} MiB grew to {} MiB",
        before / MIB,
        most / MIB
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_has_taken_its_memory_is_refused_and_its_neighbour_is_not() {
    let silent = Silent::start().await;
    let mut server = server_of(192 * MIB).await;
    let source = format!(
        "export const condition = {{n: Number}};
         export const content = async () => {{
           const held = new Uint8Array(30 * 1024 * 1024).fill(1);
           await fetch('http://{}/?' + held.length);
         }};\n",
        silent.address
    );
    server.script("hold", &source).await;
    let greedy = server.webhook("w").await;
    for n in 0..20 {
        server.post(&greedy, &json!({"n": n})).await;
    }
    silent.has(3).await;
    // What its runs leave is taken by uploads that do not end.
    let body = json!({"text": "x".repeat(1000 * 1024)}).to_string();
    let address = server.url.strip_prefix("http://").unwrap();
    let (_, key) = greedy.split_once("/event/").unwrap();
    let length = body.len();
    let head = format!("POST /event/{key} HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n");
    let mut uploads = Vec::new();
    for _ in 0..150 {
        let mut upload = TcpStream::connect(address).await.unwrap();
        let cut = &body.as_bytes()[..length - 1];
        // One that is refused may be closed before it is written.
        let _ = upload.write_all(&[head.as_bytes(), cut].concat()).await;
        uploads.push(upload);
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let until = Instant::now() + PATIENCE;
    let refused = loop {
        let response = http.post(&greedy).body(body.clone()).send().await.unwrap();
        if response.status() != StatusCode::OK || Instant::now() > until {
            break response;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    let text = refused.text().await.unwrap();
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(refusal(&problem).code, "overloaded", "{problem}");
    server.enter("neighbour").await;
    server
        .script(
            "quick",
            "export const condition = {text: String};\nexport const content = async () => { data.ok = true; };\n",
        )
        .await;
    let webhook = server.webhook("w").await;
    let (status, answer) = server.send(&webhook, "application/json", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    server.wait(&accepted_task(&answer), "done").await;
    drop(uploads);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_needs_more_than_a_workspace_can_have_says_so() {
    let server = server_of(192 * MIB).await;
    server
        .step_with("eat-memory", &guest("eat-memory"), "memory=268435456")
        .await;
    let webhook = server.webhook("w").await;
    let task = server.run(&webhook, &json!({}), "error").await;
    let run = task.runs.last().unwrap();
    assert_eq!(run.outcome.as_str(), "limit", "{task:#}");
    let error = run.error.as_deref().unwrap();
    assert!(
        error.contains("this server gives a workspace at most 150994944"),
        "{error}"
    );
    server.is_well().await;
}

/// The most bytes that the process has had resident since this was last asked.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    // proc_pid_clear_refs(5): 5 begins anew.
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_subtasks_come_into_the_data_one_after_the_other() {
    let server = server_of(512 * MIB).await;
    server
        .script(
            "part",
            "export const condition = {$via: {name: 'part'}};\nexport const content = () => {};\n",
        )
        .await;
    // Each is 150,000 values, some 14 MiB of memory, and all of them together fit into a task.
    server
        .script(
            "parent",
            "export const condition = {count: Number};
             export const content = () => {
               const all = Array(150000).fill(0);
               for (let n = 0; n < data.count; n++)
                 task.subtask('part', {all}, {into: `/r${n}`, wait: true});
             };",
        )
        .await;
    let webhook = server.webhook("w").await;
    let one = server.run(&webhook, &json!({"count": 1}), "done").await;
    assert_eq!(one.runs.len(), 1, "{one:#}");
    peak(&server);
    let before = resident(&server);
    let task = server.run(&webhook, &json!({"count": 24}), "done").await;
    let grew = peak(&server).saturating_sub(before);
    assert_eq!(task.data.as_object().unwrap().len(), 26, "{:?}", task.state);
    assert!(grew < 200 * MIB, "{} MiB", grew / MIB);
}
