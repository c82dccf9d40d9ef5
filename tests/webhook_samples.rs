//! `webhook test`: signed samples through the public URL.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::senders::{SECRET, add, settings};
use crate::support::{Server, refusal};
use reqwest::Method;
use serde_json::json;
use stepwell_api::Accepted;

#[tokio::test]
async fn a_sample_is_signed_sent_and_becomes_a_task() {
    let server = Server::start().await;
    for (name, provider) in [
        ("GitHub", "github"),
        ("Stripe", "stripe"),
        ("Slack", "slack"),
        ("Square", "square"),
        ("Twitch", "twitch"),
        ("Token", "bearer"),
    ] {
        add(&server, name, settings(provider, SECRET)).await;
        let sent: Accepted = server.cli_json(&["webhook", "test", name, "--event", "a.b"]);
        let task = server.wait(&sent.task, "unmatched").await;
        assert_eq!(task.data["$via"]["verified"], provider, "{task:#}");
        assert!(task.data.to_string().contains("a.b"), "{task:#}");
        // Each is an event of its own.
        let again: Accepted = server.cli_json(&["webhook", "test", name]);
        assert_ne!(again.task, sent.task);
        assert!(!again.duplicate);
    }
    add(&server, "Open", json!({})).await;
    let ran = server.cli(&["webhook", "test", "Open"]);
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.starts_with("accepted: task "), "{said}");
}

#[tokio::test]
async fn a_refused_sample_says_why() {
    let server = Server::start().await;
    let elsewhere = json!({"provider": "github", "secret": SECRET, "allow_ips": ["192.0.2.0/24"]});
    add(&server, "Elsewhere", elsewhere).await;
    let ran = server.cli(&["webhook", "test", "Elsewhere"]);
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(
        !ran.status.success()
            && said.contains("refused with 403 address-refused")
            && said.contains("may not send to this webhook"),
        "{said}"
    );
    add(&server, "Empty", json!({"provider": "github"})).await;
    for (name, provider, part) in [
        ("Mailgun", "mailgun", "not a header"),
        ("Graph", "microsoft-graph", "not a header"),
    ] {
        add(
            &server,
            name,
            json!({"provider": provider, "secret": SECRET}),
        )
        .await;
        let path = server.path(&format!("webhooks/{name}/sample"));
        let (status, problem) = server.api(Method::POST, &path, Some(json!({}))).await;
        assert_eq!(
            (status.as_u16(), refusal(&problem).code.as_str()),
            (409, "no-sample")
        );
        assert!(refusal(&problem).detail.contains(part), "{problem}");
    }
    let path = server.path("webhooks/Empty/sample");
    let (_, problem) = server.api(Method::POST, &path, Some(json!({}))).await;
    assert!(refusal(&problem).detail.contains("no secret"), "{problem}");
    let (status, _) = server
        .api(Method::POST, &path, Some(json!({"event": "a\nb"})))
        .await;
    assert_eq!(status, 400);
}
