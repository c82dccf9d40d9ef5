//! Calls to an upstream that hangs: sockets are bounded over all runs and for each workspace, so that the store, the
//! API and a neighbour's calls have theirs.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Receiver, Server, stepwell};
use serde_json::{Value, json};
use stepwell_api::{Task, TaskPage};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Files that the server may have open.
const FILES: u32 = 400;
/// Of them, connections to upstreams: a quarter of what is not kept for the server itself.
const CALLS: usize = 50;

/// An upstream that takes connections and answers nothing until it is told to close them.
#[derive(Clone, Default)]
struct Silent {
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    closes: Arc<AtomicBool>,
}

impl Silent {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let silent = Self::default();
        let taking = silent.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let one = taking.clone();
                tokio::spawn(async move {
                    let open = one.open.fetch_add(1, Ordering::SeqCst) + 1;
                    one.most.fetch_max(open, Ordering::SeqCst);
                    while !one.closes.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    drop(stream);
                    one.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        (silent, url)
    }
}

fn files(server: &Server) -> usize {
    let folder = format!("/proc/{}/fd", server.pid());
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_hang_leave_files_for_everything_else() {
    let (silent, url) = Silent::start().await;
    let upstream = Receiver::start().await;
    let binary = stepwell();
    let cache = std::path::Path::new(binary.get_program()).with_file_name("tests-cache");
    let args = [
        "--egress-allow",
        "127.0.0.1/32",
        "--cache-dir",
        cache.to_str().unwrap(),
    ];
    let mut server = Server::with_files(FILES, &args).await;
    let calling = |url: &str, count: usize| {
        format!(
            "export const condition = {{n: Number}};
             export const content = async () => {{
               const calls = Array.from({{length: {count}}}, () => fetch('{url}').catch(() => null));
               await Promise.all(calls);
               data.ok = true;
             }};\n"
        )
    };
    server.script("hang", &calling(&url, 32)).await;
    let webhook = server.webhook("w").await;
    let mut tasks = Vec::new();
    for n in 0..20 {
        tasks.push(server.post(&webhook, &json!({"n": n})).await);
    }
    let until = Instant::now() + PATIENCE;
    while silent.open.load(Ordering::SeqCst) < CALLS / 2 {
        assert!(Instant::now() < until, "the calls do not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.enter("neighbour").await;
    server.script("call", &calling(&upstream.url, 1)).await;
    let other = server.webhook("w").await;
    for n in 0..5 {
        let task = server.run(&other, &json!({"n": n}), "done").await;
        assert_eq!(task.data["ok"], true);
        assert!(files(&server) < FILES as usize);
    }
    let most = silent.most.load(Ordering::SeqCst);
    assert!(
        most <= CALLS - CALLS / 4,
        "{most} connections of one workspace"
    );
    silent.closes.store(true, Ordering::SeqCst);
    let path = "/workspaces/default/tasks?state=ready&limit=1";
    let until = Instant::now() + PATIENCE;
    loop {
        if server.get::<TaskPage>(path).await.tasks.is_empty() {
            break;
        }
        assert!(Instant::now() < until, "tasks are still ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for task in tasks {
        let path = format!("/workspaces/default/tasks/{task}");
        let task = server.get::<Task>(&path).await;
        assert_eq!(task.state.as_str(), "done", "{task}");
        assert_eq!(task.runs[0].calls.len(), 32);
    }
}

/// The next answer on a connection: its status and its body.
async fn answer(connection: &mut TcpStream) -> (u16, Value) {
    let mut read = Vec::new();
    let (head, body) = loop {
        let text = std::str::from_utf8(&read).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                break (head, body);
            }
        }
        let mut part = [0; 4096];
        let count = tokio::time::timeout(PATIENCE, connection.read(&mut part));
        let count = count.await.expect("an answer").unwrap();
        assert!(count > 0, "{text}");
        read.extend_from_slice(&part[..count]);
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// Sets how many files the server may have open; gives how many it could.
fn limit_files(server: &Server, files: u64) -> u64 {
    let pid = rustix::process::Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let new = rustix::process::Rlimit {
        current: Some(files),
        maximum: limit.maximum,
    };
    let old = rustix::process::prlimit(pid, rustix::process::Resource::Nofile, new).unwrap();
    old.current.unwrap_or(u64::MAX)
}

/// A store that gets no more files refuses writes until it does, and is not taken for broken.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_gets_no_more_files_goes_on_when_there_are_some() {
    // One in a database writes no files.
    let server = Server::on_sled(TempDir::new().unwrap(), &[]).await;
    server
        .script("keep", "export const condition = {n: Number}; export const content = () => { data.ok = true; };")
        .await;
    let webhook = server.webhook("w").await;
    server.run(&webhook, &json!({"n": 0}), "done").await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    // One connection that is kept: a new one would be a file.
    let mut connection = TcpStream::connect(&address).await.unwrap();
    let path = webhook.strip_prefix(&server.url).unwrap();
    let post = async |connection: &mut TcpStream, n: usize| {
        let body = json!({"n": n, "text": "x".repeat(900_000)}).to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(body.as_bytes()).await.unwrap();
        answer(connection).await
    };
    let mut accepted = vec![post(&mut connection, 1).await.1];
    let before = limit_files(&server, 4);
    // Until the log needs another file.
    let mut refused = None;
    for n in 0..200 {
        match post(&mut connection, n).await {
            (200, task) => accepted.push(task),
            (status, problem) => {
                refused = Some((status, problem["code"].clone()));
                break;
            }
        }
    }
    assert_eq!(refused, Some((503, json!("storage-unavailable"))));
    limit_files(&server, before);
    let until = Instant::now() + PATIENCE;
    loop {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        let (status, answer) = post(&mut connection, 7).await;
        if status == 200 {
            accepted.push(answer);
            break;
        }
        assert!(Instant::now() < until, "it is refused still: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for task in accepted {
        let id = task["task"].as_str().unwrap();
        assert_eq!(server.wait(id, "done").await.data["ok"], true);
    }
}
