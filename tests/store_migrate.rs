//! `stepwell store migrate`: a data directory with one of everything goes into a database and back. Every answer about it
//! is the same, and a server goes on with it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Output;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::report::StoreMigrateReport;
use stepwell_api::{Accepted, Webhook};
use tempfile::TempDir;

use crate::support::cluster::postgres::PostgresServer;
use crate::support::receiver::Reply;
use crate::support::upload::{FORM, form};
use crate::support::{Receiver, Server, accepted_task, stepwell, texts, typed};

const LOCAL: [&str; 2] = ["--egress-allow", "127.0.0.1/32"];
/// Waits as long as it is told to.
pub const PARKS: &str = "export const condition = {park: Number, parked: null};
    export const content = async () => { data.parked = true; task.park(data.park); };";
const WAKES: &str = "export const condition = {parked: true, woke: null};
    export const content = async () => { data.woke = task.config('GREETING'); };";
const FAILS: &str = "export const condition = {fail: true};
    export const content = async () => { task.stop('no'); };";
const CALLS: &str = "export const condition = {url: String, called: null};
    export const content = async () => {
        const answer = await fetch(data.url);
        if (answer.status !== 200) { task.retryAfter(6_000); throw new Error('not now'); }
        data.called = (await answer.text()).length;
    };";

pub fn migrate(from: &str, to: &str, more: &[&str]) -> Output {
    stepwell()
        .args(["store", "migrate", "--from", from, "--to", to])
        .args(more)
        .output()
        .unwrap()
}

pub fn migrated(from: &str, to: &str, more: &[&str]) -> StoreMigrateReport {
    let output = migrate(from, to, &[more, &["--json"]].concat());
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{out}{err}");
    let said: StoreMigrateReport = serde_json::from_str(&out).unwrap();
    assert_eq!((said.deliveries_left, said.bodies_missing), (0, 0));
    said
}

pub fn refused(from: &str, to: &str, more: &[&str], code: i32, reason: &str) {
    let output = migrate(from, to, more);
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert!(err.contains(reason), "{reason}: {err}");
}

/// A directory with the secrets of a server.
pub fn secrets_of(directory: &Path) -> TempDir {
    let new = TempDir::new().unwrap();
    for name in ["vault-key", "admin-token"] {
        fs::copy(directory.join(name), new.path().join(name)).unwrap();
    }
    new
}

async fn with(server: &Server, path: &str, body: Value) -> Value {
    let (status, answer) = server.api(Method::POST, path, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{path}: {answer}");
    answer
}

async fn put(server: &Server, path: &str, body: Value) {
    let (status, answer) = server.api(Method::PUT, path, Some(body)).await;
    assert!(status.is_success(), "{path}: {answer}");
}

/// A delivery with an id of its sender's. Gives its task, and whether it repeats another one.
async fn deliver(server: &Server, webhook: &str, id: &str, body: &Value) -> (String, bool) {
    let key = webhook.rsplit('/').next().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http
        .post(format!("{}/event/{key}", server.url))
        .header("idempotency-key", id)
        .header("content-type", "application/json")
        .body(body.to_string());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let is_repeat = typed::<Accepted>(&answer).duplicate;
    (accepted_task(&answer), is_repeat)
}

/// What the API answers about all that was there, without what differs between two starts.
async fn answers(server: &Server, tasks: &[String]) -> Vec<(String, String)> {
    let mut paths = vec!["/workspaces".to_owned(), "/tokens".into()];
    for workspace in ["default", "acme"] {
        let of = |rest: &str| format!("/workspaces/{workspace}{rest}");
        paths.extend([
            of("/webhooks"),
            of("/steps"),
            of("/config"),
            of("/connectors"),
            of("/schedules"),
            of("/tokens"),
            of("/deliveries?limit=100"),
            of("/audit?limit=100"),
        ]);
    }
    paths.push("/workspaces/default/steps/calls/versions".into());
    for task in tasks {
        paths.push(format!("/workspaces/default/tasks/{task}"));
        paths.push(format!("/workspaces/default/tasks/{task}/explain"));
    }
    let address = regex::Regex::new(r"http://127\.0\.0\.1:\d+").unwrap();
    let mut said = Vec::new();
    for path in paths {
        let (status, answer) = server.api(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        // What is stored may have the address of the server before.
        let text = address.replace_all(&answer.to_string(), "URL").into_owned();
        said.push((path, text));
    }
    said
}

fn same(before: &[(String, String)], after: &[(String, String)]) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after);
    }
    assert_eq!(before.len(), after.len());
}

/// A server with one of everything, and the tasks that it has.
struct Everything {
    webhook: String,
    tasks: Vec<String>,
    upstream: Receiver,
    link: String,
}

impl Everything {
    async fn make(server: &Server) -> Self {
        let upstream = Receiver::start().await;
        let mut large = Reply::status(200);
        large.body = vec![b'x'; 200_000];
        upstream.reply("/large", large);
        server.config("GREETING", "hello").await;
        with(server, "/workspaces", json!({"name": "acme"})).await;
        let rule = json!({"name": "Orders", "dedup": {"header": "Idempotency-Key", "window_ms": 604_800_000}});
        let made = with(server, &server.path("webhooks"), rule).await;
        let webhook = typed::<Webhook>(&made).url;
        let files = typed::<Webhook>(
            &with(server, &server.path("webhooks"), json!({"name": "Files"})).await,
        )
        .url;
        for (name, source) in [
            ("fails", FAILS),
            (
                "calls",
                "export const condition = {never: true}; export const content = async () => {};",
            ),
            ("calls", CALLS),
            ("parks", PARKS),
            ("wakes", WAKES),
        ] {
            server.script(name, source).await;
        }
        let schedule =
            json!({"cron": "0 8 * * 1-5", "timezone": "Europe/Berlin", "data": {"by": "cron"}});
        put(server, &server.path("schedules/morning"), schedule).await;
        server.add_token("/tokens", "ops", &["read"]).await;
        server
            .add_token(&server.path("tokens"), "ci", &["read", "deploy"])
            .await;
        let mut tasks = Vec::new();
        for (id, body, state) in [
            ("evt_1", json!({"fail": true}), "error"),
            (
                "evt_2",
                json!({"url": format!("{}/large", upstream.url)}),
                "done",
            ),
            ("evt_3", json!({"none": 1.50}), "unmatched"),
            ("evt_4", json!({"park": 3_600_000}), "waiting"),
        ] {
            let (task, _) = deliver(server, &webhook, id, &body).await;
            match state {
                "waiting" => drop(server.waiting(&task).await),
                _ => drop(server.wait(&task, state).await),
            }
            tasks.push(task);
        }
        assert_eq!(
            deliver(server, &webhook, "evt_1", &json!({})).await,
            (tasks[0].clone(), true)
        );
        let parts: [(&str, &[u8]); 1] =
            [("name=\"doc\"; filename=\"a.txt\"", b"what is in the file")];
        let (status, answer) = server.send(&files, FORM, form(&parts)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let task = accepted_task(&answer);
        let data = server.wait(&task, "unmatched").await.data.clone();
        let url = data["doc"]["url"].as_str().unwrap();
        let link = format!("/files/{}", url.split_once("/files/").unwrap().1);
        tasks.push(task);
        // One that is refused, and recorded.
        let (status, _) = server.send(&files, "application/json", "{").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        Self {
            webhook,
            tasks,
            upstream,
            link,
        }
    }

    /// Tasks that are due in a while: one waits for the time, and one is to be tried again.
    async fn begin(&self, server: &Server, round: u32) -> [String; 2] {
        self.upstream.reply("/down", Reply::status(503));
        let down = json!({"url": format!("{}/down", self.upstream.url)});
        let mut due = Vec::new();
        for body in [json!({"park": 6_000}), down] {
            let id = format!("due {round} {}", due.len());
            let (task, _) = deliver(server, &self.webhook, &id, &body).await;
            server.waiting(&task).await;
            due.push(task);
        }
        let mut well = Reply::status(200);
        well.body = b"well".to_vec();
        self.upstream.reply("/down", well);
        due.try_into().unwrap()
    }

    /// A server goes on with what is there.
    async fn goes_on(&self, server: &Server, due: &[String; 2], round: u32) {
        let woken = server.wait(&due[0], "done").await;
        assert_eq!(woken.data["woke"], "hello", "the timer and the config");
        let retried = server.wait(&due[1], "done").await;
        assert_eq!(retried.data["called"], 4, "the retry");
        assert_eq!(retried.runs.len(), 2, "{retried:#}");
        for (place, id) in ["evt_1", "evt_2", "evt_3", "evt_4"].iter().enumerate() {
            let again = deliver(server, &self.webhook, id, &json!({})).await;
            assert_eq!(again, (self.tasks[place].clone(), true), "{id}");
        }
        let new = format!("evt_new_{round}");
        let (task, is_repeat) = deliver(server, &self.webhook, &new, &json!({"fail": true})).await;
        assert!(!is_repeat);
        server.wait(&task, "error").await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let file = http
            .get(format!("{}{}", server.url, self.link))
            .send()
            .await
            .unwrap();
        assert_eq!(file.status(), StatusCode::OK, "{}", self.link);
        assert_eq!(file.text().await.unwrap(), "what is in the file");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_goes_into_a_database_and_back_and_every_answer_is_the_same() {
    let database = PostgresServer::start();
    let url = database.url();
    let shared = TempDir::new().unwrap();
    let shared = shared.path().to_str().unwrap();
    let mut first = Server::on_sled(TempDir::new().unwrap(), &LOCAL).await;
    let all = Everything::make(&first).await;
    let due = all.begin(&first, 1).await;
    let before = answers(&first, &all.tasks).await;
    let home = first.data_dir().to_str().unwrap().to_owned();
    refused(
        &home,
        &url,
        &["--files-dir", shared],
        1,
        "is in use by another process",
    );
    assert!(first.stop().success());

    refused(&home, &url, &[], 1, "name it with --files-dir");
    let copied = migrated(&home, &url, &["--files-dir", shared]).copied;
    for (kind, least) in [
        ("workspaces", 2),
        ("webhooks", 2),
        ("steps", 4),
        ("components", 5),
        ("tasks", 7),
        ("bodies of responses", 1),
        ("files", 1),
        ("delivery keys", 6),
        ("recorded deliveries", 2),
    ] {
        let count = copied
            .iter()
            .find(|items| items.kind == kind)
            .unwrap()
            .count;
        assert!(count >= least, "{kind}: {copied:?}");
    }
    let args = [&LOCAL[..], &["--store", &url, "--files-dir", shared]].concat();
    let mut second = Server::on(secrets_of(first.data_dir()), &args).await;
    same(&before, &answers(&second, &all.tasks).await);
    all.goes_on(&second, &due, 1).await;
    // Neither into what is full, nor from or into what is in use.
    refused(
        &home,
        &url,
        &["--files-dir", shared],
        1,
        "has files of tasks already",
    );
    let empty = TempDir::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    refused(&home, &url, &["--files-dir", empty], 1, "in use by server");
    let back = secrets_of(first.data_dir());
    let there = back.path().to_str().unwrap();
    refused(&url, there, &["--files-dir", shared], 1, "in use by server");
    let due = all.begin(&second, 2).await;
    // What became of the first round is there, too.
    let before = answers(&second, &all.tasks).await;
    assert!(second.stop().success());
    refused(
        &home,
        &url,
        &["--files-dir", empty],
        1,
        "has a store already",
    );

    refused(
        &url,
        &home,
        &["--files-dir", shared],
        1,
        "has a store already",
    );
    let nobody = TempDir::new().unwrap();
    let bare = nobody.path().to_str().unwrap();
    refused(&url, bare, &["--files-dir", shared], 1, "has no vault key");
    fs::write(nobody.path().join("vault-key"), "ab".repeat(32)).unwrap();
    make_private(&nobody.path().join("vault-key"));
    refused(
        &url,
        bare,
        &["--files-dir", shared],
        1,
        "is not the one that the database was first used with",
    );
    refused(&url, there, &[], 2, "--files-dir is needed");
    refused(
        &url,
        there,
        &["--files-dir", empty],
        1,
        "which is not in the directory of files",
    );
    refused(
        &url,
        there,
        &["--files-dir", "/nowhere/at/all"],
        1,
        "is no directory",
    );
    // What was refused has not taken the database from its servers.
    let mut second = Server::on(secrets_of(first.data_dir()), &args).await;
    assert!(second.stop().success());
    migrated(&url, there, &["--files-dir", shared]);
    let mut third = Server::on_sled(back, &LOCAL).await;
    same(&before, &answers(&third, &all.tasks).await);
    all.goes_on(&third, &due, 2).await;
    third.is_well().await;
    assert!(third.stop().success());
    let checked = stepwell()
        .args(["store", "check"])
        .arg(third.data_dir())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{:?}", texts(&checked));
}

fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_copied_is_refused_with_a_reason() {
    let database = PostgresServer::start();
    let url = database.url();
    let files = TempDir::new().unwrap();
    let shared = files.path().to_str().unwrap();
    let nothing = TempDir::new().unwrap();
    let nothing = nothing.path().to_str().unwrap();
    refused(nothing, &url, &[], 1, "is no data directory");
    refused(
        &url,
        nothing,
        &["--files-dir", shared],
        1,
        "there is no store in the database",
    );
    refused(nothing, nothing, &[], 2, "are both data directories");
    refused(&url, &url, &[], 2, "are both databases");
    refused(
        "mysql://h/d",
        nothing,
        &[],
        2,
        "must be a data directory, or the URL",
    );
    let nobody = "postgres://u:hunter2@127.0.0.1:1/d";
    let mut server = Server::on_sled(TempDir::new().unwrap(), &LOCAL).await;
    server.config("TOKEN", "sealed").await;
    assert!(server.stop().success());
    let home = server.data_dir().to_str().unwrap();
    let output = migrate(home, nobody, &[]);
    let (out, err) = texts(&output);
    assert!(
        err.contains("PostgreSQL cannot be reached") && !err.contains("hunter2"),
        "{out}{err}"
    );
    // The key that sealed what is there is not the one that is there.
    let key = server.data_dir().join("vault-key");
    let kept = fs::read(&key).unwrap();
    fs::write(&key, "ab".repeat(32)).unwrap();
    refused(home, &url, &[], 1, "does not open");
    fs::remove_file(&key).unwrap();
    refused(home, &url, &[], 1, "the vault key is lost");
    fs::write(&key, kept).unwrap();
    make_private(&key);
    // A copy that was cut short, in a data directory.
    fs::create_dir(server.data_dir().join("store.incoming")).unwrap();
    refused(home, &url, &[], 1, "is an incomplete copy of a store");
    let output = stepwell()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", home])
        .output()
        .unwrap();
    assert!(
        texts(&output)
            .1
            .contains("is an incomplete copy of a store"),
        "{output:?}"
    );
    fs::remove_dir(server.data_dir().join("store.incoming")).unwrap();
    migrated(home, &url, &[]);
    let server = Server::on(secrets_of(server.data_dir()), &["--store", &url]).await;
    server.is_well().await;
}
