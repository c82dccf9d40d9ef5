//! kill -9 at random instants while senders repeat each delivery until it is acknowledged: one task for each key,
//! and every answer for a key names it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Server, accepted_task, typed};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::{TaskState, Webhook};

/// How often the process is killed.
const KILLS: usize = 30;
/// Senders at work at once; two of them always send the same keys.
const SENDERS: usize = 12;

/// Every task that an acknowledgement of a key has named.
type Acknowledged = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

#[derive(Clone)]
struct Sender {
    http: reqwest::Client,
    /// The webhook's URL on the server that runs now.
    url: Arc<Mutex<String>>,
    acknowledged: Acknowledged,
}

impl Sender {
    /// Sends a delivery until it is acknowledged.
    async fn deliver(&self, key: &str) {
        loop {
            let url = self.url.lock().clone();
            let body = json!({"key": key}).to_string();
            let request = self
                .http
                .post(url)
                .header("idempotency-key", key)
                .body(body);
            // What the kill cuts off, or cuts in two, acknowledges nothing.
            let answer = match request.send().await {
                Ok(answer) if answer.status().is_success() => answer.text().await.ok(),
                _ => None,
            };
            if let Some(answer) = answer {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                let task = accepted_task(&answer);
                let mut all = self.acknowledged.lock();
                all.entry(key.to_owned()).or_default().insert(task);
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_has_one_task_over_thirty_kills() {
    let mut server = Server::start().await;
    let rule = json!({"name": "w", "dedup": {"header": "Idempotency-Key"}});
    let path = server.path("webhooks");
    let (_, webhook) = server.api(Method::POST, &path, Some(rule)).await;
    let webhook = typed::<Webhook>(&webhook).url;
    let key = webhook.rsplit('/').next().unwrap().to_owned();
    server.step("noop").await;
    let sender = Sender {
        http: reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap(),
        url: Arc::new(Mutex::new(webhook)),
        acknowledged: Acknowledged::default(),
    };
    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let (sender, over) = (sender.clone(), over.clone());
            tokio::spawn(async move {
                for delivery in 0.. {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let key = format!("{}-{delivery}", number / 2);
                    sender.deliver(&key).await;
                    // Those that were acknowledged are repeated, too, at once and late.
                    if delivery % 3 == 0 {
                        sender.deliver(&key).await;
                    }
                    if delivery % 7 == 6 {
                        let early = format!("{}-{}", number / 2, delivery / 2);
                        sender.deliver(&early).await;
                    }
                }
            })
        })
        .collect();
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_micros(rand::random_range(1_000..80_000))).await;
        server.restart().await;
        *sender.url.lock() = format!("{}/event/{key}", server.url);
    }
    over.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    server.settled().await;
    let acknowledged = std::mem::take(&mut *sender.acknowledged.lock());
    assert!(acknowledged.len() > KILLS, "{} keys", acknowledged.len());
    let mut named = BTreeMap::new();
    for (key, tasks) in &acknowledged {
        assert_eq!(tasks.len(), 1, "{key}: {tasks:?}");
        for task in tasks {
            assert_eq!(named.insert(task.clone(), key), None, "a task of two keys");
        }
    }
    // Every key that was ever sent is acknowledged by now, so every task has been named.
    let (mut count, mut before) = (0, String::new());
    loop {
        let page = server.tasks(&format!("limit=500{before}")).await;
        let Some(last) = page.last() else { break };
        before = format!("&before={}", last.id);
        for task in &page {
            let id = &task.id;
            assert!(named.contains_key(id), "no answer named task {id}");
            assert_eq!(task.state, TaskState::Done, "{task:?}");
        }
        count += page.len();
    }
    assert_eq!(count, named.len());
    for (task, key) in named.iter().step_by(50) {
        assert_eq!(server.task(task).await.data["key"], **key);
    }
    println!("{count} keys, {KILLS} kills, one task each");
}
