//! kill -9 at random instants under load: no acknowledged webhook is lost, every one ends `done`,
//! and the store opens each time.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::support::receiver::Reply;
use crate::support::{Receiver, Server, accepted_task, asked, example, guest, is_postgres, kills};
use parking_lot::Mutex;
use serde_json::json;

/// How often the process is killed, unless `STEPWELL_SERVER_KILLS` says so.
const KILLS: usize = 25;
/// Senders at work at once.
const SENDERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_lose_nothing() {
    let kills = kills(KILLS);
    let mut server = Server::start().await;
    let webhook = server.webhook("Contact Form").await;
    for name in ["contact-form", "lead-routing"] {
        server.step_with(name, &example(name), "").await;
    }
    let key = webhook.rsplit('/').next().unwrap().to_owned();
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    // On PostgreSQL the first tasks take longer: connections are made, and statements prepared.
    let most = if is_postgres() { 600_000 } else { 60_000 };
    for _ in 0..kills {
        let url = format!("{}/event/{key}", server.url);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (http, url, acknowledged) = (http.clone(), url.clone(), acknowledged.clone());
                tokio::spawn(async move {
                    for number in 0.. {
                        let body = json!({"firstName": "Ada", "lastName": "Lovelace", "email": format!("{sender}.{number}@example.com"), "company": "Engines", "message": "hello"});
                        let sent = http.post(&url).header("content-type", "application/json").body(body.to_string());
                        // The first refused connection is the kill.
                        let Ok(response) = sent.send().await else { return };
                        if !response.status().is_success() {
                            continue;
                        }
                        // An answer that the kill cut in two acknowledges nothing.
                        let Ok(text) = response.text().await else { return };
                        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                        acknowledged.lock().push(accepted_task(&answer));
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(rand::random_range(1_000..most))).await;
        server.restart().await;
        for sender in senders {
            sender.await.unwrap();
        }
    }
    server.settled().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock());
    assert!(
        acknowledged.len() > kills,
        "only {} were acknowledged",
        acknowledged.len()
    );
    let unique: HashSet<_> = acknowledged.iter().collect();
    assert_eq!(
        unique.len(),
        acknowledged.len(),
        "ids are unique over restarts"
    );
    for id in &acknowledged {
        let task = server.wait(id, "done").await;
        assert_eq!(task.runs.len(), 2, "each step ran once: {task:#}");
    }
    println!("{} acknowledged, {kills} kills, 0 lost", acknowledged.len());
}

#[tokio::test]
async fn a_recorded_call_is_answered_from_the_journal_after_a_kill() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply(
        "/second",
        crate::support::receiver::Reply::status(200).after(Duration::from_secs(3600)),
    );
    let webhook = server.webhook("w").await;
    server.step_with("fetcher", &guest("fetcher"), "").await;
    let id = server
        .post(
            &webhook,
            &json!({"requests": [
                {"method": "POST", "url": format!("{}/first", upstream.url)},
                {"method": "POST", "url": format!("{}/second", upstream.url)},
            ]}),
        )
        .await;
    // The second call is under way, so the first is recorded.
    asked(&upstream, 2).await;
    server.kill();
    upstream.reply("/second", crate::support::receiver::Reply::status(204));
    server.launch().await;
    asked(&upstream, 3).await;
    let task = server.wait(&id, "done").await;
    let seen = upstream.seen();
    let paths: Vec<&str> = seen.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/first", "/second", "/second"],
        "the first call was not repeated"
    );
    assert_eq!(
        seen[1].header("idempotency-key"),
        seen[2].header("idempotency-key")
    );
    let place = format!("{id}-1-1-");
    assert!(seen[1].header("idempotency-key").starts_with(&place));
    assert_eq!(task.runs[0].calls.len(), 2, "{task:#}");
}

#[tokio::test]
async fn a_graceful_stop_lets_runs_end_and_the_next_start_goes_on() {
    let mut server = Server::start().await;
    let webhook = server.webhook("w").await;
    server.step("noop").await;
    let ids: Vec<String> = {
        let mut ids = Vec::new();
        for number in 0..200 {
            ids.push(server.post(&webhook, &json!({"number": number})).await);
        }
        ids
    };
    assert!(server.stop().success());
    assert!(
        !server.data_dir().join("server.json").exists(),
        "clients are not shown a server that is gone"
    );
    server.launch().await;
    for id in ids {
        server.wait(&id, "done").await;
    }
}

/// More than may compute at once in a workspace.
const WAITING: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_queue_wait_for_their_upstream_all_at_once() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/", Reply::status(200).after(Duration::from_secs(60)));
    server.step("fetcher").await;
    let webhook = server.webhook("W").await;
    let body = json!({"requests": [{"url": format!("{}/", upstream.url)}]});
    for _ in 0..WAITING {
        server.post(&webhook, &body).await;
    }
    asked(&upstream, WAITING).await;
    // After a kill they are read from the store and queue.
    server.restart().await;
    let again = asked(&upstream, 2 * WAITING);
    let again = tokio::time::timeout(Duration::from_secs(20), again).await;
    assert!(again.is_ok(), "{} were asked", upstream.seen().len());
}
