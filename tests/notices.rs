//! Notices of tasks that failed for good, against the real server: what is posted, that it survives a
//! failing receiver and kill -9, and that no task waits for it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use crate::support::cases::package;
use crate::support::project::{Project, marks};
use crate::support::ran::cli;
use crate::support::receiver::{Reply, Seen};
use crate::support::{Answer, Receiver, Server, refusal, typed};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Notice, NoticeState, Task, TaskState, Workspace};

/// A step that fails on tasks with `fail` in their data, and finishes on the others.
const STEP: &str = "export const condition = {};\nexport const content = async () => {\n  if (data.fail) throw new Error('no crm');\n};\n";

async fn server_telling(upstream: &Receiver) -> (Server, String) {
    let server = Server::start().await;
    let url = format!("{}/failed?token=s3cret", upstream.url);
    cli(
        &server,
        &["workspace", "set", "default", "--failure-url", &url],
    )
    .ok();
    let query = "attempts=2&first_ms=1&factor=1&cap_ms=1";
    let (status, step) = server.try_step("s", package("s", STEP), query).await;
    assert!(status.is_success(), "{step}");
    let webhook = server.webhook("Orders").await;
    (server, webhook)
}

/// Waits until the task's notice is as wanted, and gives the task.
async fn noticed(server: &Server, id: &str, wanted: impl Fn(&Notice) -> bool) -> Answer<Task> {
    let until = Instant::now() + crate::support::PATIENCE;
    loop {
        let task = server.task(id).await;
        if task.notice.as_ref().is_some_and(&wanted) {
            return task;
        }
        assert!(Instant::now() < until, "{task:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is(state: NoticeState) -> impl Fn(&Notice) -> bool {
    move |notice| notice.state == state
}

fn ids(seen: &[Seen]) -> Vec<&str> {
    for request in seen {
        assert_eq!(
            request.header("webhook-id"),
            request.header("idempotency-key")
        );
    }
    seen.iter()
        .map(|request| request.header("webhook-id"))
        .collect()
}

#[tokio::test]
async fn one_notice_is_sent_of_each_task_that_fails_for_good() {
    let upstream = Receiver::start().await;
    let (server, webhook) = server_telling(&upstream).await;
    let fine = server.run(&webhook, &json!({}), "done").await;
    assert!(fine.notice.is_none(), "{fine}");
    let failed = server.post(&webhook, &json!({"fail": true})).await;
    let task = noticed(&server, &failed, is(NoticeState::Delivered)).await;
    assert_eq!((&task.state, &task.wake_at), (&TaskState::Error, &None));
    let notice = task.notice.as_ref().unwrap();
    assert_eq!((notice.attempts, &notice.error), (1, &None));
    let seen = upstream.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (seen[0].method.as_str(), &*seen[0].path),
        ("POST", "/failed?token=s3cret")
    );
    assert_eq!(seen[0].header("content-type"), "application/json");
    assert!(seen[0].header("webhook-timestamp").parse::<u64>().is_ok());
    assert!(ids(&seen)[0].starts_with(&failed));
    let body = seen[0].json();
    let expected = json!({
        "type": "task.failed", "timestamp": body["timestamp"], "workspace": "default",
        "task": {
            "id": failed, "name": null, "tags": [], "webhook": "Orders", "fault": task.fault,
            "step": "s", "attempts": 2, "failed_at": body["timestamp"],
        },
    });
    assert_eq!(body, expected);
    assert!(body["task"]["fault"].as_str().unwrap().contains("no crm"));
    let log = cli(&server, &["task", "log", &failed]);
    assert!(
        log.ok()
            .contains("failure notice delivered after 1 attempt"),
        "{log:?}"
    );
    // Without a URL no notice is sent.
    cli(
        &server,
        &["workspace", "set", "default", "--failure-url", "none"],
    )
    .ok();
    let quiet = server.run(&webhook, &json!({"fail": true}), "error").await;
    assert!(quiet.notice.is_none(), "{quiet}");
    server.is_well().await;
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_notice_outlives_a_failing_receiver_and_a_kill() {
    let upstream = Receiver::start().await;
    upstream.reply("/failed", Reply::status(500));
    let (mut server, webhook) = server_telling(&upstream).await;
    let id = server.post(&webhook, &json!({"fail": true})).await;
    let tried = |notice: &Notice| notice.error.as_deref() == Some("the receiver answered 500");
    let task = noticed(&server, &id, tried).await;
    assert_eq!(task.notice.as_ref().unwrap().state, NoticeState::Pending);
    assert_eq!(task.state, TaskState::Error);
    server.kill();
    upstream.reply("/failed", Reply::status(204));
    server.launch().await;
    let task = noticed(&server, &id, is(NoticeState::Delivered)).await;
    let seen = upstream.seen();
    let ids = ids(&seen);
    assert!(
        ids.len() >= 2 && ids.iter().all(|one| *one == ids[0]),
        "{ids:?}"
    );
    assert_eq!(task.notice.as_ref().unwrap().attempts as usize, ids.len());
    assert_eq!(seen[0].body, seen.last().unwrap().body);
}

#[tokio::test]
async fn a_notice_that_a_kill_cut_off_is_sent_again_with_its_id() {
    let upstream = Receiver::start().await;
    upstream.reply(
        "/failed",
        Reply::status(200).after(Duration::from_secs(3600)),
    );
    let (mut server, webhook) = server_telling(&upstream).await;
    let id = server.post(&webhook, &json!({"fail": true})).await;
    while upstream.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    upstream.reply("/failed", Reply::status(200));
    server.launch().await;
    let task = noticed(&server, &id, is(NoticeState::Delivered)).await;
    assert_eq!(task.notice.as_ref().unwrap().attempts, 2);
    let seen = upstream.seen();
    let ids = ids(&seen);
    assert_eq!((ids.len(), ids[0]), (2, ids[1]));
}

#[tokio::test]
async fn a_dead_receiver_holds_up_no_task() {
    let upstream = Receiver::start().await;
    upstream.reply(
        "/failed",
        Reply::status(200).after(Duration::from_secs(3600)),
    );
    let (server, webhook) = server_telling(&upstream).await;
    let mut failed = Vec::new();
    for _ in 0..100 {
        failed.push(server.post(&webhook, &json!({"fail": true})).await);
    }
    for id in &failed {
        server.wait(id, "error").await;
    }
    // The receiver has answered no request, and tasks end all the same.
    server.run(&webhook, &json!({}), "done").await;
    server.is_well().await;
    assert!(!upstream.seen().is_empty());
    // When the receiver is back, each is delivered.
    upstream.reply("/failed", Reply::status(200));
    for id in &failed {
        noticed(&server, id, is(NoticeState::Delivered)).await;
    }
    let seen = upstream.seen();
    let unique: std::collections::HashSet<_> = ids(&seen).into_iter().collect();
    assert_eq!(unique.len(), failed.len());
}

#[tokio::test]
async fn a_notice_keeps_to_the_egress_policy_and_a_wrong_url_is_refused() {
    let upstream = Receiver::start().await;
    let (server, webhook) = server_telling(&upstream).await;
    let set = async |body: Value| {
        server
            .api(Method::PATCH, "/workspaces/default", Some(body))
            .await
    };
    let (status, answer) = set(json!({"failure_url": "http://10.1.2.3/failed"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(typed::<Workspace>(&answer).name, "default");
    let id = server.post(&webhook, &json!({"fail": true})).await;
    let refused = |notice: &Notice| {
        let error = notice.error.as_deref().unwrap_or_default();
        error.starts_with("refused by the egress policy")
    };
    noticed(&server, &id, refused).await;
    // A pending notice ends when the URL is removed.
    set(json!({"failure_url": null})).await;
    let task = noticed(&server, &id, is(NoticeState::GivenUp)).await;
    assert_eq!(
        task.notice.as_ref().unwrap().error.as_deref(),
        Some("the workspace no longer has a failure URL")
    );
    for wrong in [
        "ops.example.com/s3cret",
        "ftp://ops.example.com/s3cret",
        "https://u:s3cret@ops.example.com/",
    ] {
        let (status, answer) = set(json!({"failure_url": wrong})).await;
        assert_eq!(
            (status, refusal(&answer).code.as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "bad-url")
        );
        assert!(!answer.to_string().contains("s3cret"), "{answer}");
    }
    let (status, answer) = set(json!({"failureUrl": "https://a.b/"})).await;
    assert_eq!(
        (status, refusal(&answer).code.as_str()),
        (StatusCode::BAD_REQUEST, "bad-body")
    );
    let unknown = cli(
        &server,
        &[
            "workspace",
            "set",
            "nobody",
            "--failure-url",
            "none",
            "--json",
        ],
    );
    unknown.refusal(3);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_manifest_sets_the_failure_url() {
    let mut server = Server::start().await;
    let manifest = |line: &str| format!("workspaces:\n  - name: sales\n{line}    webhooks: []\n");
    let project = Project::new(&manifest("    failureUrl: https://ops.example.com/a\n"));
    let url = async |server: &Server| {
        let workspace = server.get::<Workspace>("/workspaces/sales").await;
        workspace.failure_url.clone()
    };
    let deploy = |server: &Server, line: &str| {
        project.write("deploy.yaml", manifest(line));
        let ran = project.deploy(server, &[]);
        ran.ok();
        assert!(
            !ran.stdout.contains("ops.example.com"),
            "it may hold a secret: {ran:?}"
        );
        marks(&ran)
    };
    let (a, b) = (
        "    failureUrl: https://ops.example.com/a\n",
        "    failureUrl: https://ops.example.com/b\n",
    );
    assert_eq!(deploy(&server, a), ["+ workspace sales"]);
    assert_eq!(
        url(&server).await.as_deref(),
        Some("https://ops.example.com/a")
    );
    assert_eq!(deploy(&server, a), ["= workspace sales"]);
    assert_eq!(deploy(&server, b), ["~ workspace sales"]);
    server.restart().await;
    assert_eq!(
        url(&server).await.as_deref(),
        Some("https://ops.example.com/b")
    );
    assert_eq!(
        deploy(&server, ""),
        ["= workspace sales"],
        "not a word about it leaves it"
    );
    assert_eq!(
        deploy(&server, "    failureUrl: none\n"),
        ["~ workspace sales"]
    );
    assert_eq!(url(&server).await, None);
    project.write("deploy.yaml", manifest("    failureUrl: ops.example.com\n"));
    let refused = project.deploy(&server, &["--json"]).refusal(2);
    assert!(
        refused.1.contains(
            "workspaces[0].failureUrl: the failure URL is not an absolute http or https URL"
        ),
        "{refused:?}"
    );
}
