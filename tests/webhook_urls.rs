//! A webhook's URL: exchanged with an overlap, kept by another name, disabled and enabled, also over a restart.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use crate::support::project::{Project, marks};
use crate::support::senders::{Delivery, add, url_of};
use crate::support::{Answer, PATIENCE, Server, refusal, typed};
use reqwest::Method;
use serde_json::json;
use stepwell_api::Webhook;

async fn status(url: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client.post(url).body("{}").send().await.unwrap();
    sent.status().as_u16()
}

async fn shown(server: &Server, name: &str) -> Answer<Webhook> {
    let path = server.path(&format!("webhooks/{name}"));
    server.get(&path).await
}

/// Exchanges the URL of `Form`.
fn rotated(server: &Server, overlap: &str) -> Webhook {
    server.cli_json(&["webhook", "rotate", "Form", "--overlap", overlap])
}

#[tokio::test]
async fn an_old_url_works_until_its_overlap_is_over() {
    let mut server = Server::start().await;
    let first = server.webhook("Form").await;
    let before = shown(&server, "Form").await;
    assert!(before.former_urls.is_empty());
    let ran = server.cli(&["webhook", "rotate", "Form"]);
    let second = String::from_utf8(ran.stdout).unwrap().trim().to_owned();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("works for 1 day more"), "{said}");
    assert_ne!(first, second);
    let after = shown(&server, "Form").await;
    assert_eq!((&after.url, &after.id), (&second, &before.id));
    assert_eq!(after.former_urls[0].url, first);
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    let sheet = server.cli(&["webhook", "show", "Form"]);
    let sheet = String::from_utf8(sheet.stdout).unwrap();
    assert!(sheet.contains(&format!("{first}, ends ")), "{sheet}");

    server.restart().await;
    let moved = |url: &str| format!("{}{}", server.url, &url[url.find("/event/").unwrap()..]);
    let (first, second) = (moved(&first), moved(&second));
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    // Another rotation never makes an old URL live longer.
    let until = |shown: &Webhook, at: usize| shown.former_urls[at].expires.clone();
    let third = rotated(&server, "90d");
    assert_eq!(until(&third, 1), until(&after, 0));
    assert!(until(&third, 0) > until(&third, 1));
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    let short = rotated(&server, "1s");
    let until = Instant::now() + PATIENCE;
    while !shown(&server, "Form").await.former_urls.is_empty() {
        assert!(Instant::now() < until, "the overlap does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((status(&first).await, status(&second).await), (404, 404));
    assert_eq!(
        (status(&third.url).await, status(url_of(&short)).await),
        (404, 200)
    );

    let last = rotated(&server, "0s");
    assert_eq!(
        (status(url_of(&short)).await, status(url_of(&last)).await),
        (404, 200)
    );
    server.cli_json::<Webhook>(&["webhook", "rotate", "Form"]);
    assert!(server.cli(&["webhook", "delete", "Form"]).status.success());
    assert_eq!(status(url_of(&last)).await, 404);
}

#[tokio::test]
async fn a_webhook_has_eight_former_urls_at_most() {
    let server = Server::start().await;
    server.webhook("Form").await;
    let path = server.path("webhooks/Form/rotate");
    for _ in 0..8 {
        let (status, body) = server.api(Method::POST, &path, Some(json!({}))).await;
        assert_eq!(status, 200, "{body}");
    }
    let (status, body) = server.api(Method::POST, &path, Some(json!({}))).await;
    assert_eq!(
        (status.as_u16(), refusal(&body).code.as_str()),
        (422, "bad-authentication")
    );
    let long = json!({"overlap_seconds": 7_776_001});
    let (status, body) = server.api(Method::POST, &path, Some(long)).await;
    assert_eq!(status, 422, "{body}");
    assert_eq!(refusal(&body).field.as_deref(), Some("overlap_seconds"));
    let (status, body) = server
        .api(Method::POST, &path, Some(json!({"overlap_seconds": 0})))
        .await;
    assert_eq!(status, 200, "{body}");
    assert!(typed::<Webhook>(&body).former_urls.is_empty());
}

#[tokio::test]
async fn another_name_leaves_the_url_and_conditions_as_they_are() {
    let mut server = Server::start().await;
    let url = server.webhook("Form").await;
    server.webhook("Other").await;
    for (step, name) in [("greet", "Form"), ("others", "Other")] {
        let condition = json!({"$via": {"name": name}});
        let source = format!(
            "export const condition = {condition};\nexport async function content() {{}}\n"
        );
        server.script(step, &source).await;
    }
    let first = server.post(&url, &json!({})).await;
    let first = server.wait(&first, "done").await;
    assert_eq!(first.webhook.as_deref(), Some("Form"));

    let ran = server.cli(&["webhook", "rename", "Form", "Contact"]);
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(
        ran.status.success()
            && said.contains("the condition of step `greet` names the webhook `Form`"),
        "{said}"
    );
    assert!(!said.contains("others"), "{said}");
    server.restart().await;
    let contact = shown(&server, "Contact").await;
    let (status, _) = server
        .api(Method::GET, &server.path("webhooks/Form"), None)
        .await;
    assert_eq!(status, 404);
    let second = server.post(url_of(&contact), &json!({})).await;
    let second = server.wait(&second, "unmatched").await;
    assert_eq!(second.data["$via"]["name"], "Contact");
    assert_eq!(server.tasks("webhook=Contact").await.len(), 1);

    let path = server.path("webhooks/Contact");
    for (name, status, code) in [
        ("Other", 409, "exists"),
        (" x", 400, "bad-name"),
        ("", 400, "bad-name"),
    ] {
        let (answered, body) = server
            .api(Method::PATCH, &path, Some(json!({"name": name})))
            .await;
        assert_eq!(
            (answered.as_u16(), refusal(&body).code.as_str()),
            (status, code),
            "{name}: {body}"
        );
    }
    let same = json!({"name": "Contact"});
    let (status, body) = server.api(Method::PATCH, &path, Some(same)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(typed::<Webhook>(&body).warnings, Some(vec![]));
}

#[tokio::test]
async fn a_disabled_webhook_refuses_everything_until_it_is_enabled() {
    let mut server = Server::start().await;
    let form = add(&server, "Form", json!({"methods": ["POST", "HEAD"]})).await;
    let delivery = Delivery::post("{}", &[]);
    assert!(server.cli(&["webhook", "disable", "Form"]).status.success());
    let refused = delivery.send(&server, url_of(&form)).await;
    assert_eq!(refused.headers()["retry-after"], "300");
    let (status, problem) = delivery.answer(&server, url_of(&form)).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (503, "webhook-disabled")
    );
    server.restart().await;
    let url = shown(&server, "Form").await;
    let head = Delivery {
        method: Method::HEAD,
        ..delivery.clone()
    };
    assert_eq!(head.send(&server, url_of(&url)).await.status(), 503);
    let list = server.cli(&["webhook", "list"]);
    assert!(
        String::from_utf8(list.stdout)
            .unwrap()
            .contains("none (disabled)")
    );
    assert!(server.cli(&["webhook", "enable", "Form"]).status.success());
    assert_eq!(delivery.send(&server, url_of(&url)).await.status(), 200);
    assert_eq!(server.tasks("").await.len(), 1);

    let manifest =
        |webhook: &str| format!("workspaces:\n- name: default\n  webhooks: [{webhook}]\n");
    let project = Project::new(&manifest("{name: Form, disabled: true}"));
    let run = || marks(&project.deploy(&server, &[]))[1].clone();
    assert_eq!(
        (run(), run()),
        ("~ webhook Form".into(), "= webhook Form".into())
    );
    // Without the key it stays.
    project.write("deploy.yaml", manifest("{name: Form}"));
    assert_eq!(run(), "= webhook Form");
    assert!(shown(&server, "Form").await.disabled);
}
