//! Forms with files, through the real server, beside a neighbour: they are written at their workspace's rate.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::support::Server;
use crate::support::upload::{FORM, form};

/// Bytes of a form. Its workspace writes 16 MiB a second beside others, and 4 MiB at once.
const BYTES: usize = 40 * 1024 * 1024;
/// The least that they take then.
const LEAST: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_written_at_the_rate_of_its_workspace_while_another_one_is_active() {
    let mut server = Server::start().await;
    server
        .script(
            "count",
            "export const condition = {n: Number};
             export const content = () => { for (let i = 0; i < 1e6; i++); data.ok = true; };\n",
        )
        .await;
    let quiet = server.webhook("quiet").await;
    server.enter("loud").await;
    let loud = server.webhook("loud").await;
    let ends = Arc::new(AtomicBool::new(false));
    let neighbours = (0..2).map(|_| {
        let (quiet, ends) = (quiet.clone(), ends.clone());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        tokio::spawn(async move {
            while !ends.load(Ordering::Relaxed) {
                let post = client
                    .post(&quiet)
                    .header("content-type", "application/json");
                let answer = post.body(json!({"n": 1}).to_string()).send().await;
                assert!(answer.unwrap().status().is_success());
            }
        })
    });
    let neighbours: Vec<_> = neighbours.collect();
    let file = vec![7; BYTES];
    let body = form(&[("name=\"f\"; filename=\"a\"", &file)]);
    let began = Instant::now();
    let (status, answer) = server.send(&loud, FORM, body.clone()).await;
    let took = began.elapsed();
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(took >= LEAST, "{took:?}");
    // One that breaks off was written at the rate, too.
    let broken = body[..body.len() - 20].to_vec();
    let began = Instant::now();
    let (status, answer) = server.send(&loud, FORM, broken).await;
    let took = began.elapsed();
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert!(took >= LEAST, "{took:?}");
    ends.store(true, Ordering::Relaxed);
    for neighbour in neighbours {
        neighbour.await.unwrap();
    }
}
