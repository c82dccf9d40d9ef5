//! A disk without room, for real: the server's data directory is a small file system in memory that
//! is filled and grown while the server runs.
//!
//! Mounting takes the rights of root, as CI has them; without them these tests say so and are
//! skipped.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::support::receiver::Reply;
use crate::support::upload::{FORM, files, form, sha256};
use crate::support::{
    Receiver, Server, accepted_task, asked, only_on_sled, refusal, stepwell, typed, until,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::{Nodes, Task};
use tempfile::TempDir;
use tokio::sync::watch;

/// A file system of a given size; unmounted when dropped.
struct Disk {
    at: TempDir,
}

impl Disk {
    /// None if this process may not mount.
    fn of(megabytes: u32) -> Option<Self> {
        let disk = Self {
            at: TempDir::new().unwrap(),
        };
        let options = format!("size={megabytes}m");
        if disk.mount(&["-t", "tmpfs", "-o", &options, "tmpfs"]) {
            return Some(disk);
        }
        eprintln!("SKIPPED: this process may not mount a file system; run it as root");
        None
    }

    fn mount(&self, args: &[&str]) -> bool {
        let mount = Command::new("mount")
            .args(args)
            .arg(self.at.path())
            .output();
        mount.is_ok_and(|mount| mount.status.success())
    }

    fn grow(&self, megabytes: u32) {
        let options = format!("remount,size={megabytes}m");
        assert!(self.mount(&["-o", &options]), "it grows");
    }

    fn filler(&self) -> PathBuf {
        self.at.path().join("filler")
    }

    /// Writes until there is not a byte left.
    fn fill(&self) {
        let mut options = File::options();
        let mut file = options
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        for block in [1024 * 1024, 4096, 1] {
            while file.write_all(&vec![7; block]).is_ok() {}
        }
    }

    /// Waits until nothing is written for some time.
    async fn is_left_alone(&self) {
        let mut before = self.free();
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = self.free();
            if now == before {
                return;
            }
            before = now;
        }
        panic!("the store does not come to an end");
    }

    fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.at.path()).unwrap();
        disk.f_bavail * disk.f_frsize
    }
}

impl Disk {
    /// Gives back some of what was filled.
    fn leave(&self, bytes: u64) {
        let filler = File::options().write(true).open(self.filler()).unwrap();
        let length = filler.metadata().unwrap().len();
        filler.set_len(length.saturating_sub(bytes)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.at.path())
            .status();
    }
}

const TASKS: usize = 28;

/// Bytes of the second answer for a task: some are kept beside the journal.
fn length(n: usize) -> usize {
    if n.is_multiple_of(7) { 300_000 } else { 10 }
}

async fn server(disk: &Disk) -> Server {
    let home = TempDir::new_in(disk.at.path()).unwrap();
    Server::on(home, &["--egress-allow", "127.0.0.1/32"]).await
}

/// A probe's status.
async fn probe(server: &Server, path: &str) -> u16 {
    let answer = reqwest::get(format!("{}{path}", server.url)).await.unwrap();
    answer.status().as_u16()
}

async fn is_ready(server: &Server) {
    let is_ready = async || probe(server, "/readyz").await == 200;
    until("it takes writes by itself", is_ready).await;
}

async fn is_full(server: &Server) {
    let is_full = async || probe(server, "/readyz").await == 503;
    until("it sees that there is no room", is_full).await;
}

/// Sends until the store takes no more; gives the tasks that were acknowledged.
async fn send_until_full(server: &Server, webhook: &str, most: usize) -> Vec<String> {
    let mut tasks = Vec::new();
    let body = json!({"text": "x".repeat(100_000)}).to_string();
    for _ in 0..most {
        let (status, answer) = server.send(webhook, "application/json", body.clone()).await;
        if status != StatusCode::OK {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
            assert_eq!(refusal(&answer).code, "storage-full", "{answer}");
            return tasks;
        }
        tasks.push(accepted_task(&answer));
    }
    panic!("{most} tasks find room");
}

async fn are_there(server: &Server, tasks: &[String]) {
    for task in tasks {
        let data = &server.task(task).await.data;
        assert_eq!(data["text"].as_str().map(str::len), Some(100_000), "{task}");
    }
}

/// The same while there is no room at all: what was in memory alone when others took the last of it is said to be
/// out of reach, and everything else is there. How much that is depends on how far the store had come.
async fn can_be_read(server: &Server, tasks: &[String]) {
    let mut out_of_reach = 0;
    for task in tasks {
        let path = server.path(&format!("tasks/{task}"));
        let (status, body) = server.api(Method::GET, &path, None).await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(refusal(&body).code, "storage-full", "{body}");
            out_of_reach += 1;
            continue;
        }
        assert_eq!(status, StatusCode::OK, "{body}");
        let text = &typed::<Task>(&body).data["text"];
        assert_eq!(text.as_str().map(str::len), Some(100_000), "{task}");
    }
    assert!(
        out_of_reach < tasks.len(),
        "none of {out_of_reach} can be read"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_takes_them_again_when_it_has_grown() {
    only_on_sled!("it fills the disk of the data directory");
    let Some(disk) = Disk::of(64) else { return };
    let mut server = server(&disk).await;
    let webhook = server.webhook("Orders").await;
    assert_eq!(probe(&server, "/readyz").await, 200);
    let mut tasks = send_until_full(&server, &webhook, 2_000).await;
    assert!(tasks.len() > 50, "{} tasks fit", tasks.len());

    // Others fill what the store has left alone, some time later: it goes on to write there what it has in memory alone,
    // every half second.
    disk.is_left_alone().await;
    disk.fill();
    let refused = reqwest::Client::new()
        .post(format!(
            "{}/event/{}",
            server.url,
            webhook.rsplit('/').next().unwrap()
        ))
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let after = refused.headers()["retry-after"].to_str().unwrap();
    assert!(after.parse::<u32>().unwrap() > 0, "{after}");
    let path = server.path("config/key");
    let (status, answer) = server
        .api(Method::PUT, &path, Some(json!({"value": "v"})))
        .await;
    assert_eq!(
        (status.as_u16(), refusal(&answer).code.as_str()),
        (503, "storage-full")
    );
    assert_eq!(probe(&server, "/healthz").await, 200);
    assert_eq!(probe(&server, "/readyz").await, 503);
    can_be_read(&server, &tasks).await;

    disk.grow(256);
    is_ready(&server).await;
    tasks.extend(send_until_full(&server, &webhook, 5_000).await);
    are_there(&server, &tasks).await;

    // With a few bytes left, far fewer than it keeps free, it is started all the same.
    disk.fill();
    server.kill();
    disk.leave(4 * 1024 * 1024);
    server.launch().await;
    assert_eq!(probe(&server, "/healthz").await, 200);
    assert_eq!(probe(&server, "/readyz").await, 503);
    can_be_read(&server, &tasks).await;
    let (status, answer) = server.send(&webhook, "application/json", "{}").await;
    assert_eq!(
        (status.as_u16(), refusal(&answer).code.as_str()),
        (503, "storage-full")
    );

    std::fs::remove_file(disk.filler()).unwrap();
    disk.grow(400);
    is_ready(&server).await;
    server.is_well().await;
    server.restart().await;
    are_there(&server, &tasks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_wait_for_room_and_repeat_no_call() {
    only_on_sled!("it fills the disk of the data directory");
    let Some(disk) = Disk::of(96) else { return };
    let upstream = Receiver::start().await;
    let server = server(&disk).await;
    let source = format!(
        "export const condition = {{n: {{$exists: true}}}};
        export const content = async () => {{
            const first = await fetch('{0}/first/' + data.n);
            await first.text();
            const second = await fetch('{0}/second/' + data.n);
            data.length = (await second.text()).length;
            data.text = 'x'.repeat(1_000_000);
        }};",
        upstream.url
    );
    server.script("large", &source).await;
    let webhook = server.webhook("Orders").await;

    let gate = watch::Sender::new(false);
    for n in 0..TASKS {
        // Some answers are kept beside the journal, and some runs change so much that the log needs
        // room that there is not.
        let body = vec![b'y'; length(n)];
        let mut reply = Reply::status(200).when(&gate);
        reply.body = body;
        upstream.reply(&format!("/second/{n}"), reply);
    }
    let mut tasks = Vec::new();
    for n in 0..TASKS {
        tasks.push(server.post(&webhook, &json!({"n": n})).await);
    }
    asked(&upstream, 2 * TASKS).await;
    disk.fill();
    is_full(&server).await;
    let (status, _) = server.send(&webhook, "application/json", "{}").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    // The answers come while there is no room, and end every run.
    gate.send_replace(true);
    until("every run ends without room", async || {
        server.get::<Nodes>("/nodes").await.nodes[0].running == 0
    })
    .await;
    let mut ready = 0;
    for task in &tasks {
        ready += usize::from(server.task(task).await.state.as_str() == "ready");
    }
    assert!(ready > 0, "some could not be committed");

    disk.grow(512);
    is_ready(&server).await;
    for (n, task) in tasks.iter().enumerate() {
        let task = server.wait(task, "done").await;
        assert_eq!(task.data["length"], length(n), "{n}");
        let runs = &task.runs;
        assert_eq!(runs.len(), 1, "no attempt is lost: {runs:?}");
        assert_eq!(runs[0].calls.len(), 2);
    }
    let mut paths: Vec<String> = upstream.seen().into_iter().map(|seen| seen.path).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 2 * TASKS);
    assert_eq!(upstream.seen().len(), 2 * TASKS, "no call is made twice");
}

/// Uploads files until one is refused; gives the tasks of the others, each with its file's content.
async fn upload_until_full(
    server: &Server,
    webhook: &str,
    (first, length): (u8, usize),
) -> Vec<(String, Vec<u8>)> {
    let mut kept = Vec::new();
    for n in 0..200 {
        let mut content = vec![first; length];
        content.extend(usize::to_le_bytes(n));
        let body = form(&[("name=n", b"1"), ("name=f; filename=f", &content)]);
        let (status, answer) = server.send(webhook, FORM, body).await;
        if status != StatusCode::OK {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
            assert_eq!(refusal(&answer).code, "storage-full", "{answer}");
            return kept;
        }
        kept.push((accepted_task(&answer), content));
    }
    panic!("200 files find room");
}

/// Every task's link leads to its file, and there is no other file.
async fn have_their_files(server: &Server, kept: &[(String, Vec<u8>)]) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (task, content) in kept {
        let file = server.task(task).await.data["f"].clone();
        assert_eq!(file["digest"], sha256(content), "{task}");
        let url = file["url"].as_str().unwrap();
        let path = &url[url.find("/files/").unwrap()..];
        let url = format!("{}{path}", server.url);
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{task}");
        assert!(answer.bytes().await.unwrap() == *content, "{task}");
    }
    until("no refused file is left", async || {
        files(server.data_dir(), "default").len() == kept.len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_files_and_takes_them_again_when_it_has_grown() {
    only_on_sled!("it fills the disk of the data directory");
    let Some(disk) = Disk::of(192) else { return };
    let mut server = server(&disk).await;
    let webhook = server.webhook("Photos").await;
    let mut kept = upload_until_full(&server, &webhook, (1, 4_000_000)).await;
    assert!(kept.len() > 5, "{} files fit", kept.len());
    // Files leave room for the store.
    assert!(disk.free() > 48 * 1024 * 1024, "{}", disk.free());
    let task = server.post(&webhook, &json!({"n": 1})).await;
    server.wait(&task, "unmatched").await;
    have_their_files(&server, &kept).await;

    // Others take what is left while files come in.
    disk.grow(400);
    let uploads = (2..6).map(|first| {
        let (url, webhook) = (server.url.clone(), webhook.clone());
        tokio::spawn(async move {
            let key = webhook.rsplit('/').next().unwrap();
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let mut kept = Vec::new();
            for n in 0..200u8 {
                let content = [vec![first; 3_000_000], vec![n]].concat();
                let body = form(&[("name=f; filename=f", &content)]);
                let request = client.post(format!("{url}/event/{key}"));
                let request = request.header("content-type", FORM).body(body);
                let answer = request.send().await.unwrap();
                let status = answer.status();
                let text = answer.text().await.unwrap();
                if status != StatusCode::OK {
                    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
                    return kept;
                }
                let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                kept.push((accepted_task(&answer), content));
            }
            panic!("200 files find room");
        })
    });
    let uploads: Vec<_> = uploads.collect();
    let before = kept.len();
    // The task of no file is among them.
    let count = before + 1 + uploads.len();
    until("some come in", async || {
        server.tasks("limit=100").await.len() >= count
    })
    .await;
    disk.fill();
    for upload in uploads {
        kept.extend(upload.await.unwrap());
    }
    assert!(kept.len() > before, "some were faster");
    assert!(
        upload_until_full(&server, &webhook, (6, 10))
            .await
            .is_empty()
    );
    assert_eq!(probe(&server, "/healthz").await, 200);

    disk.grow(1000);
    is_ready(&server).await;
    have_their_files(&server, &kept).await;
    disk.fill();
    server.kill();
    disk.leave(4 * 1024 * 1024);
    server.launch().await;
    assert!(
        upload_until_full(&server, &webhook, (7, 10))
            .await
            .is_empty()
    );
    disk.grow(1500);
    is_ready(&server).await;
    let content = vec![8; 5_000_000];
    let body = form(&[("name=f; filename=f", &content)]);
    let (status, answer) = server.send(&webhook, FORM, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    kept.push((accepted_task(&answer), content));
    have_their_files(&server, &kept).await;
}

#[test]
fn a_first_start_without_room_says_how_much_it_needs() {
    let Some(disk) = Disk::of(8) else { return };
    let output = stepwell()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(disk.at.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("is full: "), "{text}");
    assert!(text.contains("a start takes up to"), "{text}");
    assert!(disk.free() > 0);
}
