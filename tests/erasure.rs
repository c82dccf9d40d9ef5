//! A workspace that is deleted: nothing of it is there any more, at once for every caller, and in a while
//! in any file of the data directory.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::cases::package;
use crate::support::ran::{cli, command};
use crate::support::receiver::Reply;
use crate::support::{PATIENCE, Receiver, Server, only_on_sled, refusal};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::Task;

const MARKER: &str = "k7zq-only-of-this-tenant";

/// Takes an order to the upstream, whose answer is large, waits for ever with some, and fails with others.
const STEP: &str = "export const condition = {wanted: {$exists: true}};
// k7zq-only-of-this-tenant
export const content = async () => {
  const answer = await fetch(task.config('UPSTREAM') + '/' + data.wanted);
  data.length = (await answer.text()).length;
  console.log('k7zq-only-of-this-tenant was here');
  if (data.wanted === 'fails') throw new Error('k7zq-only-of-this-tenant failed');
  if (data.wanted === 'waits') await new Promise((done) => setTimeout(done, 20_000));
};
";

/// The files of a data directory that have the marker, but for sled's own.
fn having(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("store/tree") {
            found.extend(having(&path));
        } else if path.is_file()
            && let Ok(bytes) = std::fs::read(&path)
        {
            let text = String::from_utf8_lossy(&bytes);
            if text.contains(MARKER) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Waits until the name of a workspace can be used again.
async fn added_again(server: &Server, name: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let body = Some(json!({ "name": name }));
        let (status, answer) = server.api(Method::POST, "/workspaces", body).await;
        if status == StatusCode::CREATED {
            return;
        }
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        assert_eq!(refusal(&answer).code, "being-erased");
        assert!(Instant::now() < until, "it is not erased");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn fill(server: &Server, upstream: &Receiver) -> (String, String) {
    // Too large for the journal.
    let mut large = Reply::status(200);
    large.body = MARKER.repeat(5_000).into_bytes();
    for path in ["/done", "/fails", "/waits"] {
        upstream.reply(path, large.clone());
    }
    server.config("UPSTREAM", &upstream.url).await;
    server.config("SECRET", MARKER).await;
    let (status, answer) = server.try_step("s", package("s", STEP), "attempts=1").await;
    assert!(status.is_success(), "{answer}");
    let webhook = server.webhook(&format!("Orders {MARKER}")).await;
    for state in ["done", "error"] {
        let wanted = if state == "done" { "done" } else { "fails" };
        for n in 0..20 {
            let order =
                json!({"wanted": wanted, "n": n, "text": MARKER.repeat(1 + 1_000 * (n % 2))});
            server.run(&webhook, &order, state).await;
        }
    }
    server
        .run(&webhook, &json!({"text": MARKER}), "unmatched")
        .await;
    let order = json!({"wanted": "waits", "text": MARKER});
    let waits = server.post(&webhook, &order).await;
    let until = Instant::now() + PATIENCE;
    while server.task(&waits).await.calls_under_way.is_empty() {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (webhook, waits)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_workspace_leaves_no_byte() {
    only_on_sled!("it looks for bytes in the store's files");
    let upstream = Receiver::start().await;
    let mut server = Server::start().await;
    server.enter("other").await;
    let other = server.webhook("Orders").await;
    let others = server.run(&other, &json!({"a": 1}), "unmatched").await;
    server.enter("acme").await;
    let (webhook, waits) = fill(&server, &upstream).await;
    let found = having(server.data_dir());
    let is_in = |part: &str| found.iter().any(|path| path.contains(part));
    for part in ["store/log", "store/bodies", "store/components"] {
        assert!(is_in(part), "{part}: {found:?}");
    }
    // Without a terminal there is no confirmation.
    let refused = cli(&server, &["workspace", "delete", "acme", "--json"]).refusal(2);
    assert!(refused.1.contains("--yes"), "{refused:?}");
    let deleted = ["workspace", "delete", "Acme", "--yes"];
    cli(&server, &deleted).ok();
    let (status, answer) = server
        .send(&webhook, "application/json", r#"{"a": 1}"#)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
    assert_eq!(refusal(&answer).code, "unknown-webhook");
    for path in ["/workspaces/acme", "/workspaces/acme/tasks"] {
        let (status, answer) = server.api(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
    }
    let again = cli(&server, &["workspace", "delete", "acme", "--yes", "--json"]).refusal(3);
    assert!(again.1.contains("there is no workspace"), "{again:?}");
    added_again(&server, "acme").await;
    assert_eq!(having(server.data_dir()), [""; 0]);
    for query in ["", "state=done"] {
        assert!(server.tasks(query).await.is_empty(), "{query}");
    }
    let path = server.path(&format!("tasks/{waits}"));
    let (status, _) = server.api(Method::GET, &path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    server.restart().await;
    assert_eq!(having(server.data_dir()), [""; 0]);
    assert!(server.tasks("").await.is_empty());
    // The others are as they were.
    let path = format!("/workspaces/other/tasks/{}", others.id);
    assert_eq!(server.get::<Task>(&path).await.data["a"], 1);
    server.is_well().await;
}

/// What a crash interrupts is gone on with, and the workspace that is always there stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_outlives_the_server() {
    let upstream = Receiver::start().await;
    let mut server = Server::start().await;
    let (status, answer) = server
        .api(Method::DELETE, "/workspaces/default", None)
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert_eq!(refusal(&answer).code, "permanent");
    server.enter("acme").await;
    let (webhook, _) = fill(&server, &upstream).await;
    let (status, _) = server.api(Method::DELETE, "/workspaces/acme", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    server.restart().await;
    let (status, _) = server.send(&webhook, "application/json", "{}").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    added_again(&server, "acme").await;
    assert_eq!(having(server.data_dir()), [""; 0]);
    assert!(
        command(&server, &["workspace", "list"])
            .status()
            .unwrap()
            .success()
    );
}
