//! A data directory that an older version wrote is taken over whole: what is in it is there, and what
//! waits in it goes on.
//!
//! `fixtures/store-aca2819.tar.gz` is a data directory as the binary of commit aca2819 left it (format
//! 2, version 1 of every kind): that server was stopped in order once, started again and then killed, so
//! that some tasks are in the archive, some in the tree and some only in the log. Its `ids.json` says
//! which task is which; its key, token and values are made for this test.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::sync::Arc;

use crate::support::dying::{Cut, Dying};
use crate::support::{Server, assert_includes, only_on_sled, repository};
use serde_json::{Value, json};
use stepwell::catalog::{Catalog, CatalogError};
use stepwell::clock::SystemClock;
use stepwell::sandbox::{Sandbox, SandboxSettings};
use stepwell::store::Store;
use stepwell::store::sled::{SledSettings, SledStore};
use stepwell::vault::Vault;
use stepwell_api::{
    Connectors, Missed, Retry, Schedules, Step, StepKind, StepVersions, Task, Webhooks, Workspace,
};

/// A copy of the directory that commit aca2819 wrote.
fn old_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let archive = repository().join("tests/fixtures/store-aca2819.tar.gz");
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(directory.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    directory
}

/// A server on such a directory. It may call no address.
async fn old_server() -> (Server, Value) {
    let directory = old_directory();
    let ids = std::fs::read(directory.path().join("ids.json")).unwrap();
    let server = Server::on(directory, &[]).await;
    (server, serde_json::from_slice(&ids).unwrap())
}

async fn update(server: &Server, id: &str) {
    let go = json!({"set": [{"path": "/go", "value": true}]});
    let (status, body) = server.act(id, "update", Some(go)).await;
    assert!(status.is_success(), "{status} {body}");
}

/// What tenants had set up.
async fn has_its_registry(server: &Server) {
    let acme = server.get::<Workspace>("/workspaces/acme").await;
    assert_eq!(
        acme.failure_url.as_deref(),
        Some("http://127.0.0.1:9/failed?token=fixture")
    );
    let path = "/workspaces/default/webhooks";
    let webhooks = server.get::<Webhooks>(path).await;
    for (webhook, (name, key, correlate)) in webhooks.webhooks.iter().zip([
        (
            "Order changes",
            "1i0QUDEOIrqbbru3FTvbYhBo2eapieREc",
            Some("/order/taskId"),
        ),
        ("Orders", "1LYVaXRHyRg2xOUbLWyAZdlhEfCymt5Rw", None),
    ]) {
        assert_eq!(webhook.name, name);
        assert!(webhook.url.ends_with(key), "{webhook:?}");
        assert_eq!(webhook.correlate.as_deref(), correlate);
    }
    let path = "/workspaces/default/connectors";
    let connectors = &server.get::<Connectors>(path).await.connectors;
    let [slack] = &connectors[..] else {
        panic!("{connectors:?}");
    };
    assert_eq!(
        (slack.name.as_str(), slack.kind.as_str()),
        ("slackCom", "slack.com")
    );
    assert_eq!(slack.operations, ["send"]);
    let path = "/workspaces/default/schedules";
    let schedules = &server.get::<Schedules>(path).await.schedules;
    assert_eq!(schedules.len(), 2);
    for (schedule, (name, cron, missed, timezone, data)) in schedules.iter().zip([
        ("Minute", "0 * * * * *", Missed::Skip, "UTC", json!({})),
        (
            "Morning report",
            "0 8 * * 1-5",
            Missed::Once,
            "Europe/Berlin",
            json!({"report": 1}),
        ),
    ]) {
        assert_eq!(
            (&*schedule.name, &*schedule.cron, &*schedule.timezone),
            (name, cron, timezone)
        );
        assert_eq!((schedule.missed, &schedule.data), (missed, &data));
    }
    let step = server.get::<Step>("/workspaces/default/steps/plain").await;
    assert_eq!(step.condition, json!({"kind": "plain"}));
    assert_eq!(
        (&step.kind, step.limits.fuel),
        (&StepKind::Script, 400_000_000)
    );
    let retry = Retry {
        attempts: 4,
        first_ms: 1000,
        factor: 2,
        cap_ms: 3_600_000,
    };
    assert_eq!(step.retry, retry);
    let path = "/workspaces/default/steps/plain/versions";
    let versions = &server.get::<StepVersions>(path).await.versions;
    let since: Vec<&str> = versions
        .iter()
        .map(|version| version.since.as_str())
        .collect();
    assert_eq!(
        since,
        [
            "2026-11-28T20:28:19.561Z",
            "2026-11-28T20:28:19.557Z",
            "2026-11-28T20:28:19.522Z"
        ]
    );
}

/// Tasks that had come to their end, and their timelines.
async fn has_its_finished_tasks(server: &Server, ids: &Value) {
    for name in ["done0", "done1", "done2", "last"] {
        let task = server.task(ids[name].as_str().unwrap()).await;
        let n = &task.data["n"];
        assert_includes(
            task.json(),
            &json!({
                "state": "done", "name": format!("Order {n}"), "tags": ["old", "plain"],
                "data": {"version": 3, "token": "fixture-secret", "$via": {"name": "Orders"}},
                "runs": [{
                    "step": "plain", "outcome": "finished",
                    "digest": "063587543bca50571806b00bc266358a8889a5c3a7eafe3b7bf8187b4e3a0d10",
                    "logs": [{"level": "audit", "text": "by version 3"}],
                    "changes": [
                        {"op": "add", "path": "/version", "value": 3},
                        {"op": "add", "path": "/token", "value": "fixture-secret"},
                    ],
                }],
            }),
            name,
        );
    }
    let task = server.task(ids["calls"].as_str().unwrap()).await;
    assert_includes(
        task.json(),
        &json!({"state": "done", "result": {"answer": 42}, "data": {"length": 70_000}}),
        "calls",
    );
    let calls = task.runs[0].calls.iter();
    let requests: Vec<&str> = calls.map(|call| call.request.as_str()).collect();
    assert_eq!(
        requests,
        [
            "POST http://127.0.0.1:39417/small",
            "POST http://127.0.0.1:39417/large"
        ]
    );
    for (name, state) in [
        ("fails", "error"),
        ("ignores", "ignored"),
        ("unmatched", "unmatched"),
        ("cancelled", "cancelled"),
    ] {
        let task = server.task(ids[name].as_str().unwrap()).await;
        assert_eq!(task.state.as_str(), state, "{name}");
    }
    let path = format!("/workspaces/acme/tasks/{}", ids["acme"].as_str().unwrap());
    let failed = server.get::<Task>(&path).await;
    assert_eq!(failed.state.as_str(), "error");
    let fault = failed.fault.as_deref().unwrap();
    assert!(fault.contains("it is broken"), "{fault}");
    let found = server.tasks("webhook=Orders&tag=old&limit=50").await;
    let found: Vec<&str> = found.iter().map(|task| task.id.as_str()).collect();
    let of = ["done0", "done1", "done2", "last"].map(|name| ids[name].as_str().unwrap());
    for id in of {
        assert!(found.contains(&id), "{id} is not among {found:?}");
    }
}

#[tokio::test]
async fn a_directory_of_commit_aca2819_is_taken_over_whole() {
    only_on_sled!("it is about the store's files as an older server wrote them");
    let (mut server, ids) = old_server().await;
    let id = |name: &str| ids[name].as_str().unwrap().to_owned();
    for start in 0..2 {
        has_its_registry(&server).await;
        has_its_finished_tasks(&server, &ids).await;
        // A task whose time is long past went on by itself; what it had recorded was not asked again, as
        // there is no server at that address.
        let task = server.wait(&id("naps"), "done").await;
        assert_eq!(task.data["woke"], true);
        let task = server.wait(&id("pauses"), "done").await;
        assert_includes(
            task.json(),
            &json!({
                "data": {"answer": 42, "rested": true},
                "runs": [{"outcome": "finished", "run": 1, "attempt": 1}],
            }),
            "pauses",
        );
        if start == 0 {
            let task = server.task(&id("parks")).await;
            assert_includes(
                task.json(),
                &json!({"state": "waiting", "wake_at": "2035-11-26T20:28:19.891Z"}),
                "parks",
            );
            server.restart().await;
        }
    }
    // Those that still wait go on by hand: one that is parked, one that is to be tried again, and one
    // whose subtask is parked.
    update(&server, &id("parks")).await;
    let task = server.wait(&id("parks"), "done").await;
    assert_eq!(task.data["went"], true);
    update(&server, &id("retries")).await;
    let task = server.wait(&id("retries"), "done").await;
    assert_eq!(task.data["tried"], true);
    let parent = server.task(&id("splits")).await;
    assert_eq!(parent.state.as_str(), "waiting");
    update(&server, &parent.runs[0].subtasks[1].task).await;
    let parent = server.wait(&id("splits"), "done").await;
    assert_includes(
        &parent.data,
        &json!({"first": {"checked": 1}, "second": {"held": 2}}),
        "splits",
    );
    // And the old version's webhook, step and config make a task of today.
    let body = json!({"kind": "plain", "n": 99});
    let hook = "/event/1LYVaXRHyRg2xOUbLWyAZdlhEfCymt5Rw";
    let task = server.run(hook, &body, "done").await;
    assert_includes(
        task.json(),
        &json!({"name": "Order 99", "data": {"version": 3, "token": "fixture-secret"}}),
        "",
    );
    let state = |name: &'static str, state: &'static str| (id(name), state);
    let ends = [
        state("parks", "done"),
        state("retries", "done"),
        state("splits", "done"),
        (task.id.as_str().to_owned(), "done"),
    ];
    assert!(server.stop().success());
    server.launch().await;
    has_its_registry(&server).await;
    has_its_finished_tasks(&server, &ids).await;
    for (id, state) in ends {
        assert_eq!(server.task(&id).await.state.as_str(), state, "{id}");
    }
    server.is_well().await;
}

async fn catalog(
    directory: &tempfile::TempDir,
    store: Arc<dyn Store>,
) -> Result<Arc<Catalog>, CatalogError> {
    let sandbox = SandboxSettings {
        concurrency: 1,
        ..SandboxSettings::default()
    };
    let sandbox = Sandbox::new(sandbox).unwrap();
    let vault = Vault::open(directory.path(), None).unwrap();
    Catalog::open(store, sandbox, vault, Arc::new(SystemClock::default())).await
}

/// A node at revision 0 gets the whole catalog each time it asks, three times a second.
#[tokio::test]
async fn a_store_from_before_revisions_gets_one_and_is_served_if_it_takes_no_writes() {
    only_on_sled!("it is about the store's files as an older server wrote them");
    let directory = old_directory();
    let store = SledStore::open(SledSettings::at(directory.path().join("store"))).unwrap();
    let revision = async || store.registry_since(0).await.unwrap().revision;
    assert_eq!(revision().await, 0);
    let first_write = Cut {
        write: 0,
        after: false,
    };
    let refuses = Dying::of(store.clone(), Some(first_write));
    let catalog_of_it = catalog(&directory, refuses).await.unwrap();
    assert_eq!(catalog_of_it.workspaces().len(), 2);
    assert_eq!(revision().await, 0);
    for _ in 0..2 {
        let opened = catalog(&directory, store.clone()).await.unwrap();
        assert_eq!(opened.workspaces().len(), 2);
        assert_eq!(revision().await, 1);
    }
}
