//! kill -9 of the server that works, again and again, while another one stands by: no acknowledged webhook is lost, every
//! task ends, every call has one key.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../host/src/store/postgres/tests/server.rs"]
mod server;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::server::PostgresServer;
use crate::support::{Receiver, Server, accepted_task};

/// How often the server that works is killed.
const KILLS: usize = 6;
/// Senders at work at once.
const SENDERS: usize = 4;

const FIRST: &str = "export const condition = {url: {$type: 'string'}};
    export const content = async () => { await fetch(data.url); data.called = true; };";
const SECOND: &str = "export const condition = {called: true};
    export const content = async () => { data.ended = true; };";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_killed_in_turn_lose_nothing_and_repeat_nothing() {
    let database = PostgresServer::start();
    let url = database.url();
    let args = ["--store", &url, "--egress-allow", "127.0.0.1/32"];
    let first = Server::with(&args).await;
    let upstream = Receiver::start().await;
    let webhook = first.webhook("Orders").await;
    first.script("first", FIRST).await;
    first.script("second", SECOND).await;
    let directory = TempDir::new().unwrap();
    for name in ["vault-key", "admin-token"] {
        std::fs::copy(first.data_dir().join(name), directory.path().join(name)).unwrap();
    }
    let second = Server::on(directory, &args).await;
    let key = webhook.rsplit('/').next().unwrap().to_owned();
    let addresses = Arc::new(Mutex::new([first.url.clone(), second.url.clone()]));
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (http, key, addresses) = (http.clone(), key.clone(), addresses.clone());
            let (acknowledged, is_over) = (acknowledged.clone(), is_over.clone());
            let body = json!({"url": format!("{}/call", upstream.url)}).to_string();
            tokio::spawn(async move {
                for number in sender.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let address = addresses.lock()[number % 2].clone();
                    let request = http
                        .post(format!("{address}/event/{key}"))
                        .header("content-type", "application/json")
                        .body(body.clone());
                    let Ok(answer) = request.send().await else {
                        continue;
                    };
                    if !answer.status().is_success() {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    }
                    // An answer that the kill cut in two acknowledges nothing.
                    if let Ok(answer) = answer.text().await {
                        let answer: Value = serde_json::from_str(&answer).unwrap();
                        let task = accepted_task(&answer);
                        acknowledged.lock().push(task);
                    }
                }
            })
        })
        .collect();
    let mut servers = [first, second];
    let mut works = 0;
    for _ in 0..KILLS {
        let pause = rand::random_range(200..1_500);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        servers[works].kill();
        let before = acknowledged.lock().len();
        // The other one works now.
        while acknowledged.lock().len() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        servers[works].launch().await;
        addresses.lock()[works].clone_from(&servers[works].url);
        works = 1 - works;
    }
    is_over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    let server = &servers[works];
    server.settled().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock());
    let unique: HashSet<&String> = acknowledged.iter().collect();
    assert_eq!(unique.len(), acknowledged.len());
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    for id in &acknowledged {
        let task = server.wait(id, "done").await;
        assert_eq!(task.runs.len(), 2, "each step ran once: {task:#}");
        assert_eq!(
            (&task.data["called"], &task.data["ended"]),
            (&json!(true), &json!(true))
        );
        let calls: usize = task.runs.iter().map(|run| run.calls.len()).sum();
        assert_eq!(calls, 1, "{task:#}");
    }
    // A call that was under way at a kill is made again, under the key that it had.
    let mut keys: HashMap<String, HashSet<String>> = HashMap::new();
    for request in upstream.seen() {
        let key = request.header("idempotency-key").to_owned();
        let task = key[..36].to_owned();
        keys.entry(task).or_default().insert(key);
    }
    for id in &acknowledged {
        assert_eq!(keys[id].len(), 1, "{:?}", keys[id]);
    }
    println!("{} acknowledged, {KILLS} kills, 0 lost", acknowledged.len());
}
