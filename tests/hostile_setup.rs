//! Setups that are as large as may be, through the real server: they are bounded in bytes, and what shows them holds them
//! once.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Webhooks, Workspaces};
use tempfile::TempDir;

use crate::hostile_components::component;
use crate::hostile_memory::resident;
use crate::support::{Server, refusal};

/// A webhook that takes some 120 KB in the store.
fn large(name: &str) -> Value {
    let headers: serde_json::Map<String, Value> = (0..20)
        .map(|n| (format!("x-{n}"), "v".repeat(2_000).into()))
        .collect();
    json!({
        "name": name,
        "schema": {"description": "d".repeat(64 * 1024 - 100)},
        "reply": {"status": 200, "headers": headers, "body": "b".repeat(16 * 1024)},
    })
}

/// Adds large webhooks until the server refuses one. Returns how many there are.
async fn filled(server: &Server) -> usize {
    let path = server.path("webhooks");
    for n in 0..1_000 {
        let body = Some(large(&format!("w{n}")));
        let (status, answer) = server.api(Method::POST, &path, body).await;
        if status != StatusCode::CREATED {
            assert_eq!(status, StatusCode::CONFLICT);
            let problem = refusal(&answer);
            assert_eq!(problem.code, "limit-reached");
            assert!(problem.detail.contains("67108864"), "{}", problem.detail);
            return n;
        }
    }
    panic!("the setup has no bound");
}

#[tokio::test]
async fn a_setup_is_bounded_and_lists_of_it_are_charged() {
    let mut server = Server::with(&["--memory", "256MiB"]).await;
    server.enter("loud").await;
    let before = resident(&server);
    let webhooks = filled(&server).await;
    assert!((480..600).contains(&webhooks), "{webhooks}");
    let path = server.path("webhooks/w1");
    let (status, _) = server.api(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let body = Some(large("instead"));
    let (status, _) = server
        .api(Method::POST, &server.path("webhooks"), body)
        .await;
    assert_eq!(status, StatusCode::CREATED);
    server.restart().await;
    // Others are not concerned.
    let workspaces = server.get::<Workspaces>("/workspaces").await;
    assert_eq!(workspaces.workspaces.len(), 2);
    let default = "/workspaces/default/webhooks";
    let (status, _) = server.api(Method::POST, default, Some(large("w"))).await;
    assert_eq!(status, StatusCode::CREATED);
    // The schema is there once.
    let all = server.get::<Webhooks>(&server.path("webhooks")).await;
    assert_eq!(all.webhooks.len(), webhooks);
    let idle = resident(&server);
    // An answer that is not read is held, and charged: one has 60 MB.
    let url = format!("{}/api/v1{}", server.url, server.path("webhooks"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asks = (0..16).map(|_| {
        let request = client.get(&url).bearer_auth(server.token());
        tokio::spawn(request.timeout(Duration::from_secs(60)).send())
    });
    let mut answers = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        answers.push(ask.await.unwrap().unwrap());
    }
    let refused = (answers.iter())
        .filter(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
        .count();
    assert!((1..16).contains(&refused), "{refused} of 16 are refused");
    let grown = resident(&server).saturating_sub(idle);
    assert!(
        grown < 400 * 1024 * 1024,
        "{before} bytes, then {idle}, then {grown} more"
    );
    drop(answers);
    let all = server.get::<Webhooks>(&server.path("webhooks")).await;
    assert_eq!(all.webhooks.len(), webhooks);
}

#[tokio::test]
async fn the_white_space_of_a_condition_is_not_kept() {
    let server = Server::on_sled(TempDir::new().unwrap(), &[]).await;
    let spaces = format!("(data (i32.const 4096) \"{{{}}}\")", " ".repeat(60_000));
    let condition = "(i32.store (i32.const 0) (i32.const 4096)) (i32.store offset=4 (i32.const 0) (i32.const 60002))";
    let copy = server.data_dir().join("store/catalog");
    let bytes = || std::fs::metadata(&copy).unwrap().len();
    let before = bytes();
    let step = component("1 2", &spaces, condition, "");
    let (status, answer) = server.try_step("s", step, "").await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let grown = bytes() - before;
    assert!(grown < 10_000, "{grown} bytes are kept of the step");
    let webhook = server.webhook("w").await;
    server.run(&webhook, &json!({"n": 1}), "done").await;
}

/// The component with a section that nothing reads.
fn padded(mut component: Vec<u8>, bytes: usize) -> Vec<u8> {
    component.push(0);
    let size = bytes + 2;
    let last = size >> 28;
    for shift in [0, 7, 14, 21] {
        component.push((size >> shift) as u8 | 0x80);
    }
    component.push(last as u8);
    component.extend([1, b'p']);
    component.resize(component.len() + bytes, 0);
    component
}

#[tokio::test]
async fn of_many_rollbacks_at_once_one_has_its_component_in_memory() {
    let server = Server::with(&["--memory", "256MiB"]).await;
    for data in ["", "(data (i32.const 512) \"x\")"] {
        let large = padded(component("1", data, "", ""), 28 * 1024 * 1024);
        let (status, answer) = server.try_step("s", large, "").await;
        assert!(status.is_success(), "{answer}");
    }
    let idle = resident(&server);
    let path = server.path("steps/s/rollback");
    let rollbacks = (0..40).map(|_| server.api(Method::POST, &path, Some(json!({}))));
    let answers = futures_util::future::join_all(rollbacks);
    let mut highest = 0;
    let mut answers = std::pin::pin!(answers);
    let answers = loop {
        match tokio::time::timeout(Duration::from_millis(2), &mut answers).await {
            Ok(answers) => break answers,
            Err(_) => highest = highest.max(resident(&server)),
        }
    };
    for (status, answer) in answers {
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    let grown = highest.saturating_sub(idle);
    assert!(grown < 400 * 1024 * 1024, "{idle} bytes, and {grown} more");
    let webhook = server.webhook("w").await;
    server.run(&webhook, &json!({"n": 1}), "done").await;
}
