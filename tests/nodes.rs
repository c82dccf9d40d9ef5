//! Several servers on one database share its tasks: each takes webhooks into partitions of its own, and asks the others for
//! what is to be done with theirs.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use stepwell_api::{AuditLog, Node, Nodes, TaskHead, TaskState};
use tempfile::TempDir;

use crate::support::cluster::is_ready;
use crate::support::receiver::Reply;
use crate::support::senders::add;
use crate::support::{Cluster, PATIENCE, Receiver, Server, asked, refusal, texts, typed};

/// A lease, and how much later tasks may go on.
const TAKE_OVER: Duration = Duration::from_secs(6);
/// Waits for long, then ends.
const PARKS: &str = "export const condition = {park: true, go: null};
    export const content = async () => { task.park(3_600_000); step.redo(); };";
const GOES: &str = "export const condition = {go: true, went: null};
    export const content = async () => { data.went = (data.went ?? 0) + 1; };";
const FAILS: &str = "export const condition = {fail: true};
    export const content = async () => { task.stop('no'); };";
const COUNTS: &str = "export const condition = {n: {$type: 'number'}};
    export const content = async () => { data.twice = data.n * 2; };";
const CALLS: &str = "export const condition = {url: {$type: 'string'}};
    export const content = async () => { await fetch(data.url); data.called = true; };";

async fn steps(cluster: &Cluster) {
    for (name, source) in [
        ("parks", PARKS),
        ("goes", GOES),
        ("fails", FAILS),
        ("counts", COUNTS),
        ("calls", CALLS),
    ] {
        cluster.servers[0].script(name, source).await;
    }
}

fn partition(task: &str) -> u8 {
    u8::from_str_radix(&task[34..], 16).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_takes_webhooks_and_runs_their_tasks() {
    let cluster = Cluster::start(3).await;
    steps(&cluster).await;
    let webhook = cluster.servers[0].webhook("Orders").await;
    let mut partitions: Vec<HashSet<u8>> = Vec::new();
    let mut all = Vec::new();
    for server in &cluster.servers {
        assert!(is_ready(server).await);
        let mut own = HashSet::new();
        for n in 0..40 {
            let id = server.post(&webhook, &json!({"n": n})).await;
            own.insert(partition(&id));
            all.push((id, n));
        }
        partitions.push(own);
    }
    for (place, own) in partitions.iter().enumerate() {
        assert!(own.len() > 10, "{own:?}");
        for other in &partitions[..place] {
            assert!(own.is_disjoint(other), "each takes tasks into its own");
        }
    }
    for (place, (id, n)) in all.iter().enumerate() {
        // Another server than the one that has it, or the same: all see the same.
        let task = cluster.servers[place % 3].wait(id, "done").await;
        assert_eq!((task.runs.len(), &task.data["twice"]), (1, &json!(2 * n)));
    }
    let found = cluster.servers[2]
        .tasks("webhook=Orders&state=done&limit=500")
        .await;
    assert_eq!(found.len(), 120);
    for server in &cluster.servers {
        server.is_well().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_had_goes_to_the_others_at_once_if_it_ends_and_soon_if_it_is_killed() {
    let mut cluster = Cluster::start(3).await;
    steps(&cluster).await;
    let webhook = cluster.servers[0].webhook("Orders").await;
    let mut parked = Vec::new();
    for server in &cluster.servers {
        for _ in 0..5 {
            let id = server.post(&webhook, &json!({"park": true})).await;
            server.waiting(&id).await;
            parked.push(id);
        }
    }
    assert!(cluster.servers[2].stop().success());
    let waited = cluster.balanced().await;
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    let killed = Instant::now();
    cluster.servers[1].kill();
    cluster.balanced().await;
    assert!(
        killed.elapsed() < TAKE_OVER + Duration::from_secs(3),
        "{:?}",
        killed.elapsed()
    );
    let left = &cluster.servers[0];
    for id in &parked {
        let (status, answer) = left
            .act(id, "update", Some(json!({"patch": {"go": true}})))
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let task = left.wait(id, "done").await;
        assert_eq!(task.data["went"], 1);
    }
    // They come back and get their shares.
    cluster.servers[1].launch().await;
    cluster.servers[2].launch().await;
    cluster.balanced().await;
    for server in &cluster.servers {
        server.is_well().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_under_way_ends_before_its_partition_is_given_to_a_server_that_joins() {
    let mut cluster = Cluster::start(1).await;
    steps(&cluster).await;
    let upstream = Receiver::start().await;
    upstream.reply("/slow", Reply::status(204).after(Duration::from_secs(3)));
    let webhook = cluster.servers[0].webhook("Orders").await;
    let url = format!("{}/slow", upstream.url);
    let mut tasks = Vec::new();
    for _ in 0..40 {
        tasks.push(
            cluster.servers[0]
                .post(&webhook, &json!({"url": url}))
                .await,
        );
    }
    asked(&upstream, 1).await;
    cluster.join().await;
    // Meanwhile webhooks are taken.
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        let id = cluster.servers[0].post(&webhook, &json!({"n": 1})).await;
        tasks.push(id);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.balanced().await;
    for id in &tasks {
        let task = cluster.servers[1].wait(id, "done").await;
        assert_eq!(task.runs.len(), 1);
    }
    let keys: Vec<String> = (upstream.seen().iter())
        .map(|seen| seen.header("idempotency-key").to_owned())
        .collect();
    let unique: HashSet<&String> = keys.iter().collect();
    assert_eq!((keys.len(), unique.len()), (40, 40), "no run was cut off");
}

/// The owner of a task's partition, and another server.
async fn owner_and_other(cluster: &Cluster, webhook: &str, body: &Value) -> (usize, usize, String) {
    // Who accepts a task owns it.
    let id = cluster.servers[1].post(webhook, body).await;
    (1, 0, id)
}

/// Whether the task is kept for ever after this action on it.
fn kept((status, answer): (StatusCode, Value)) -> bool {
    assert_eq!(status, StatusCode::OK, "{answer}");
    typed::<TaskHead>(&answer).kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_has_done_what_is_for_another_ones_task() {
    let cluster = Cluster::start(2).await;
    steps(&cluster).await;
    let webhook = cluster.servers[0].webhook("Orders").await;
    let parks = json!({"park": true});
    let (owner, other, id) = owner_and_other(&cluster, &webhook, &parks).await;
    let (owner, other) = (&cluster.servers[owner], &cluster.servers[other]);
    owner.waiting(&id).await;
    let began = Instant::now();
    assert!(kept(other.act(&id, "keep", None).await));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    // Nothing is to be changed.
    assert!(kept(other.act(&id, "keep", None).await));
    assert!(!kept(other.act(&id, "unkeep", None).await));
    let patch: Value = serde_json::from_str(r#"{"patch": {"note": 1.50}}"#).unwrap();
    let (status, updated) = other.act(&id, "update", Some(patch)).await;
    assert_eq!(status, StatusCode::OK, "{updated}");
    let task = owner.waiting(&id).await;
    assert_eq!(
        task.data["note"].to_string(),
        "1.50",
        "a number keeps its text"
    );
    // What is refused is refused in the same words.
    for (verb, body) in [
        ("retry", None),
        ("update", Some(json!({"patch": {"$via": null}}))),
        (
            "update",
            Some(json!({"set": [{"path": "/park/x", "value": 1}]})),
        ),
        ("update", Some(json!({"replace": [1]}))),
    ] {
        let there = owner.act(&id, verb, body.clone()).await;
        let here = other.act(&id, verb, body).await;
        assert!(there.0.is_client_error(), "{there:?}");
        assert_eq!(here, there, "{verb}");
    }
    let (status, cancelled) = other.act(&id, "cancel", None).await;
    assert_eq!(status, StatusCode::OK, "{cancelled}");
    assert_eq!(typed::<TaskHead>(&cancelled).state, TaskState::Cancelled);
    assert_eq!(
        other.act(&id, "cancel", None).await,
        owner.act(&id, "cancel", None).await
    );
    let missing = "01900000-0000-7000-8000-000000000000";
    for verb in ["cancel", "retry", "keep"] {
        let (status, problem) = other.act(missing, verb, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(refusal(&problem).code, "not-found");
    }
    let failing = owner
        .run(&webhook, &json!({"fail": true}), "error")
        .await
        .id
        .clone();
    let (status, _) = other
        .act(
            &failing,
            "update",
            Some(json!({"patch": {"fail": false, "n": 4}})),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    let task = other.wait(&failing, "done").await;
    assert_eq!(task.data["twice"], 8);
    let failing = owner
        .run(&webhook, &json!({"fail": true}), "error")
        .await
        .id
        .clone();
    let (status, _) = other.act(&failing, "retry", None).await;
    assert_eq!(status, StatusCode::OK);
    let (status, copy) = other
        .act(&id, "clone", Some(json!({"patch": {"go": true}})))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{copy}");
    other.wait(&typed::<TaskHead>(&copy).id, "done").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_about_another_servers_task_changes_it_once() {
    let cluster = Cluster::start(2).await;
    steps(&cluster).await;
    let orders = cluster.servers[0].webhook("Orders").await;
    let about = json!({"correlate": "/task", "dedup": {"pointer": "/event"}});
    let paid = &add(&cluster.servers[0], "Paid", about).await.url;
    for round in 0..10 {
        let (owner, other, id) = owner_and_other(&cluster, &orders, &json!({"park": true})).await;
        cluster.servers[owner].waiting(&id).await;
        let event = json!({"task": id, "event": format!("e{round}"), "go": true});
        // To both at once, and once more.
        let (one, two) = tokio::join!(
            cluster.servers[other].post(paid, &event),
            cluster.servers[owner].post(paid, &event)
        );
        let again = cluster.servers[other].post(paid, &event).await;
        assert_eq!((&one, &two, &again), (&id, &id, &id));
        let task = cluster.servers[other].wait(&id, "done").await;
        assert_eq!(task.data["went"], 1);
        let changes = task.history.iter().filter(|entry| entry.changes.is_some());
        assert_eq!(changes.count(), 1, "{task:#}");
    }
    // About a task that is not there, or has ended: a task of its own, where it came.
    let missing = json!({"task": "01900000-0000-7000-8000-000000000000", "event": "e", "n": 1});
    let id = cluster.servers[0].post(paid, &missing).await;
    assert_ne!(id, missing["task"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_comes_to_two_servers_at_once_is_one_task() {
    let cluster = Cluster::start(2).await;
    steps(&cluster).await;
    let rule = json!({"dedup": {"pointer": "/id"}});
    let webhook = &add(&cluster.servers[0], "Events", rule).await.url;
    for round in 0..50 {
        let event = json!({"id": format!("evt_{round}"), "n": round});
        let (one, two) = tokio::join!(
            cluster.servers[0].post(webhook, &event),
            cluster.servers[1].post(webhook, &event)
        );
        assert_eq!(one, two);
    }
    cluster.servers[0].settled().await;
    let tasks = cluster.servers[1].tasks("webhook=Events&limit=500").await;
    assert_eq!(tasks.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_was_asked_for_is_done_once_by_the_next_owner() {
    let mut cluster = Cluster::start(2).await;
    steps(&cluster).await;
    let webhook = cluster.servers[0].webhook("Orders").await;
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (owner, _, id) = owner_and_other(&cluster, &webhook, &json!({"park": true})).await;
        cluster.servers[owner].waiting(&id).await;
        tasks.push(id);
    }
    // One is done before it dies, some are under way, and the others are asked for when it stands still; who asks is told
    // of all of them.
    let (other, owner) = (&cluster.servers[0], &cluster.servers[1]);
    let ask = |id: &String| {
        let (id, patch) = (id.clone(), json!({"patch": {"go": true}}));
        async move { other.act(&id, "update", Some(patch)).await }
    };
    let mut under_way: FuturesUnordered<_> = tasks[..4].iter().map(ask).collect();
    let mut answers = vec![under_way.next().await.unwrap()];
    owner.signal(Signal::STOP);
    let late = join_all(tasks[4..].iter().map(ask));
    let dies = async { owner.signal(Signal::KILL) };
    let (rest, late, ()) = tokio::join!(under_way.collect::<Vec<_>>(), late, dies);
    answers.extend(rest);
    answers.extend(late);
    for (status, answer) in answers {
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    cluster.servers[1].kill();
    for id in &tasks {
        let task = cluster.servers[0].wait(id, "done").await;
        assert_eq!(task.data["went"], 1);
        let changes = task.history.iter().filter(|entry| entry.changes.is_some());
        assert_eq!(changes.count(), 1, "{task:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_gets_the_reply_of_its_task_also_where_another_server_has_it() {
    let cluster = Cluster::start(2).await;
    let first = &cluster.servers[0];
    let replies = "export const condition = {wait: {$type: 'number'}};
        export const content = async () => {
          await new Promise((done) => setTimeout(done, data.wait));
          task.complete({waited: data.wait});
        };";
    first.script("replies", replies).await;
    let settings = json!({"wait_seconds": 20, "dedup": {"pointer": "/id"}});
    let webhook = &add(first, "Asks", settings).await.url;
    for round in 0..3 {
        let body = json!({"id": round, "wait": 700}).to_string();
        let send =
            |server: usize| cluster.servers[server].send(webhook, "application/json", body.clone());
        let (first, second) = tokio::join!(send(0), async {
            // It is the first one's task by then.
            let until = Instant::now() + PATIENCE;
            while cluster.servers[0].tasks("webhook=Asks").await.len() <= round {
                assert!(Instant::now() < until, "it is not taken in");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            send(1).await
        });
        for (status, answer) in [first, second] {
            assert_eq!((status, answer), (StatusCode::OK, json!({"waited": 700})));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_the_servers_and_has_one_give_its_tasks_away() {
    let cluster = Cluster::start(2).await;
    steps(&cluster).await;
    let webhook = cluster.servers[0].webhook("Orders").await;
    let nodes = cluster.nodes(1).await;
    let this: Vec<&Node> = nodes.iter().filter(|node| node.this).collect();
    assert_eq!((nodes.len(), this.len()), (2, 1));
    assert_eq!(this[0].url, cluster.servers[1].url);
    for node in &nodes {
        assert_eq!((node.partitions, node.state.as_str()), (128, "active"));
        assert!(
            node.lease_ms
                .is_some_and(|lease| (1..=5_000).contains(&lease))
        );
        assert_eq!(node.version, env!("CARGO_PKG_VERSION"));
    }
    // One clock: it is known from the second renewal on.
    let until = Instant::now() + PATIENCE;
    loop {
        let nodes = cluster.nodes(1).await;
        let ahead: Vec<i64> = nodes.iter().filter_map(|node| node.clock_ms).collect();
        if ahead.len() == 2 {
            assert!(ahead.iter().all(|ahead| ahead.abs() < 5_000), "{ahead:?}");
            break;
        }
        assert!(Instant::now() < until, "{nodes:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (table, _) = texts(&cluster.servers[0].cli(&["node", "list"]));
    assert!(table.contains("CLOCK"), "{table}");
    let id = this[0].id.to_string();
    let (out, err) = texts(&cluster.servers[0].cli(&["node", "drain", &id]));
    let said = format!("{out}{err}");
    assert!(said.contains("is draining"), "{said}");
    let until = Instant::now() + PATIENCE;
    loop {
        let nodes = cluster.nodes(0).await;
        let drained = nodes.iter().find(|node| node.id == this[0].id).unwrap();
        let other = nodes.iter().find(|node| node.id != this[0].id).unwrap();
        if (drained.partitions, other.partitions) == (0, 256) {
            break;
        }
        assert!(Instant::now() < until, "{nodes:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!is_ready(&cluster.servers[1]).await);
    assert!(is_ready(&cluster.servers[0]).await);
    let body = json!({"n": 1}).to_string();
    let (status, _) = cluster.servers[1]
        .send(&webhook, "application/json", body)
        .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    // It still answers, and has done what is for the other one's tasks.
    let task = cluster.servers[0]
        .post(&webhook, &json!({"park": true}))
        .await;
    cluster.servers[0].waiting(&task).await;
    let (status, _) = cluster.servers[1].act(&task, "cancel", None).await;
    assert_eq!(status, StatusCode::OK);
    // The last one keeps what it has.
    let last = nodes.iter().find(|node| !node.this).unwrap().id;
    let path = format!("/nodes/{last}/drain");
    let (status, problem) = cluster.servers[0].api(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert_eq!(refusal(&problem).code, "last-node");
    for unknown in ["/nodes/999/drain", "/nodes/x/drain", "/nodes/-1/undrain"] {
        let (status, problem) = cluster.servers[0].api(Method::POST, unknown, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(refusal(&problem).code, "not-found");
    }
    let listed: Nodes = cluster.servers[0].cli_json(&["node", "list"]);
    assert_eq!(listed.nodes.len(), 2, "{listed:?}");
    cluster.servers[0].cli_json::<Node>(&["node", "undrain", &id]);
    cluster.balanced().await;
    // Only who may administer the server itself sees it.
    let tenant = cluster.servers[0]
        .add_token("/workspaces/default/tokens", "t", &["admin"])
        .await;
    let (status, _) = cluster.servers[0]
        .api_as(&tenant, Method::GET, "/nodes", None)
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let drained = ["audit", "list", "--server", "--what", "drainNode"];
    let AuditLog { entries, .. } = cluster.servers[0].cli_json(&drained);
    let outcomes: Vec<&str> = entries.iter().map(|it| it.outcome.as_str()).collect();
    assert!(
        outcomes.contains(&"done") && outcomes.contains(&"last-node"),
        "{entries:?}"
    );
}

#[tokio::test]
async fn a_server_with_a_store_of_its_own_is_the_only_one() {
    let server = Server::on_sled(TempDir::new().unwrap(), &[]).await;
    let Nodes { nodes } = server.cli_json(&["node", "list"]);
    let [node] = &nodes[..] else {
        panic!("{nodes:?}");
    };
    assert_eq!((node.partitions, node.lease_ms), (256, None));
    let (status, problem) = server.api(Method::POST, "/nodes/1/drain", None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(refusal(&problem).code, "last-node");
    let (out, _) = texts(&server.cli(&["node", "list"]));
    assert!(out.contains("active") && out.contains("1 (this)"), "{out}");
}
