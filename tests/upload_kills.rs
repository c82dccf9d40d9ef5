//! kill -9 at random instants while senders upload files, some of which hang up in the middle: every task that is there
//! has its files whole, every acknowledged one is there, and nothing else is left on the disk.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::senders::add;
use crate::support::upload::{self, FORM, files, form, sha256};
use crate::support::{PATIENCE, Server, accepted_task, is_postgres};
use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How often the process is killed at least, and deliveries that are acknowledged meanwhile at least.
const KILLS: usize = 20;
const KEYS: usize = 20;
/// Senders that repeat each delivery until it is acknowledged; each key is sent by two of them.
const SENDERS: usize = 6;
/// Files of each delivery.
const FILES: usize = 2;

/// A file of a delivery: 1 byte to some 100 KB, another one for each key.
fn content(key: &str, number: usize) -> Vec<u8> {
    let seed = sha256(format!("{key}/{number}").as_bytes());
    let length = usize::from_str_radix(&seed[..5], 16).unwrap() / 10 + 1;
    seed.bytes().cycle().take(length).collect()
}

fn body(key: &str) -> Vec<u8> {
    let contents: Vec<_> = (0..FILES).map(|number| content(key, number)).collect();
    let mut parts = vec![("name=key", key.as_bytes())];
    for content in &contents {
        parts.push(("name=\"f[]\"; filename=f", content));
    }
    form(&parts)
}

#[derive(Clone)]
struct Sender {
    http: reqwest::Client,
    /// The webhook's URL on the server that runs now.
    url: Arc<Mutex<String>>,
    /// The tasks that acknowledgements of a key have named.
    acknowledged: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
    over: Arc<AtomicBool>,
}

impl Sender {
    /// Sends a delivery until it is acknowledged.
    async fn deliver(&self, key: &str) {
        let body = body(key);
        loop {
            let url = self.url.lock().clone();
            let request = self.http.post(url).header("content-type", FORM);
            let request = request.header("idempotency-key", key).body(body.clone());
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

    /// Sends a part of a delivery, or all of it, and waits for no answer.
    async fn hang_up(&self, key: &str) -> std::io::Result<()> {
        let url = self.url.lock().clone();
        let url = url::Url::parse(&url).unwrap();
        let mut stream = TcpStream::connect(url.socket_addrs(|| None).unwrap()[0]).await?;
        let body = body(key);
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\nidempotency-key: {key}\r\ncontent-length: {}\r\n\r\n",
            url.path(),
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        // Every fourth one is whole.
        let sent = rand::random_range(0..body.len() * 4 / 3).min(body.len());
        stream.write_all(&body[..sent]).await?;
        let pause = rand::random_range(0..4_000);
        tokio::time::sleep(Duration::from_micros(pause)).await;
        Ok(())
    }
}

/// The folders of the tasks that have files.
fn owners(server: &Server) -> BTreeSet<String> {
    let folder = upload::folder(server.data_dir()).join("default");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// Has the server look for files without a task, as it does some time after its start, and waits until only those of
/// `tasks` are left.
async fn only_files_of(server: &Server, tasks: &BTreeSet<String>) {
    let name = Some(json!({"name": "gone"}));
    server.api(Method::POST, "/workspaces", name).await;
    server.api(Method::DELETE, "/workspaces/gone", None).await;
    let until = Instant::now() + PATIENCE;
    loop {
        let left: Vec<_> = owners(server).difference(tasks).cloned().collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "files of no task: {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The keys of the tasks that are there, each with its files whole.
async fn tasks(server: &Server) -> BTreeMap<String, String> {
    let (mut keys, mut before) = (BTreeMap::new(), String::new());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let page = server.tasks(&format!("limit=500{before}")).await;
        let Some(last) = page.last() else { return keys };
        before = format!("&before={}", last.id);
        for task in &page {
            let id = task.id.to_string();
            let data = server.task(&id).await.data.clone();
            let key = data["key"].as_str().unwrap().to_owned();
            for number in 0..FILES {
                let (file, content) = (&data["f"][number], content(&key, number));
                assert_eq!(file["digest"], sha256(&content), "{id}");
                let url = file["url"].as_str().unwrap();
                // The port is that of the server that took it in.
                let path = &url[url.find("/files/").unwrap()..];
                let url = format!("{}{path}", server.url);
                let answer = client.get(url).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK, "a file of task {id}");
                let bytes = answer.bytes().await.unwrap();
                assert!(bytes == content, "a file of task {id} is another one");
            }
            assert_eq!(keys.insert(key, id), None, "two tasks of a key");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_have_their_files_over_twenty_kills_and_nothing_else_is_left() {
    let mut server = Server::start().await;
    let rule = json!({"dedup": {"header": "Idempotency-Key"}});
    let webhook = add(&server, "w", rule).await.url.clone();
    let key = webhook.rsplit('/').next().unwrap().to_owned();
    let sender = Sender {
        http: reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap(),
        url: Arc::new(Mutex::new(webhook)),
        acknowledged: Arc::default(),
        over: Arc::default(),
    };
    let mut senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let sender = sender.clone();
            tokio::spawn(async move {
                for delivery in 0.. {
                    if sender.over.load(Ordering::SeqCst) {
                        return;
                    }
                    sender.deliver(&format!("{}-{delivery}", number / 2)).await;
                }
            })
        })
        .collect();
    let hung_up = Arc::new(AtomicU64::new(0));
    for number in 0..2 {
        let (sender, hung_up) = (sender.clone(), hung_up.clone());
        senders.push(tokio::spawn(async move {
            for delivery in 0.. {
                if sender.over.load(Ordering::SeqCst) {
                    return;
                }
                match sender.hang_up(&format!("h{number}-{delivery}")).await {
                    Ok(()) => drop(hung_up.fetch_add(1, Ordering::SeqCst)),
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        }));
    }
    let (mut cut_off, mut kills) = (0, 0);
    let until = Instant::now() + PATIENCE;
    while kills < KILLS || sender.acknowledged.lock().len() < KEYS && Instant::now() < until {
        kills += 1;
        tokio::time::sleep(Duration::from_micros(rand::random_range(20_000..250_000))).await;
        server.kill();
        cut_off += incoming(&server).len();
        server.launch().await;
        *sender.url.lock() = format!("{}/event/{key}", server.url);
    }
    sender.over.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    server.restart().await;
    server.settled().await;
    let there = tasks(&server).await;
    let acknowledged = std::mem::take(&mut *sender.acknowledged.lock());
    assert!(acknowledged.len() >= KEYS, "{} keys", acknowledged.len());
    for (key, named) in &acknowledged {
        let named: Vec<_> = named.iter().collect();
        assert_eq!(named, [&there[key]], "{key}");
    }
    if is_postgres() {
        // Others stay for an hour: they may be on their way in by another server.
        return;
    }
    only_files_of(&server, &there.values().cloned().collect()).await;
    assert_eq!(incoming(&server), [""; 0].map(PathBuf::from));
    assert_eq!(
        files(server.data_dir(), "default").len(),
        FILES * there.len()
    );
    assert!(hung_up.load(Ordering::SeqCst) > 0 && cut_off > 0);
    println!(
        "{kills} kills: {} keys acknowledged, {} tasks, {} senders hung up, {cut_off} files were cut off",
        acknowledged.len(),
        there.len(),
        hung_up.load(Ordering::SeqCst),
    );
}

/// Files on their way in.
fn incoming(server: &Server) -> Vec<PathBuf> {
    let folder = upload::folder(server.data_dir()).join(".incoming");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
