//! Verified webhooks in a manifest: secrets are compared by their digests, exchanged with an overlap, and never
//! printed.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::project::{Project, marks};
use crate::support::ran::{Ran, command};
use crate::support::senders::{self, BODY, OTHER, SECRET, public_server, seconds, url_of};
use crate::support::{Answer, Server};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::Webhook;
use stepwell_api::report::DeployReport;

fn manifest(webhook: &str) -> String {
    format!("workspaces:\n- name: default\n  webhooks:\n  - {webhook}\n")
}

/// Deploys with a secret in the environment, which nothing prints.
fn deploy(server: &Server, project: &Project, secret: &str, flags: &[&str]) -> Ran {
    let file = project.at("deploy.yaml");
    let words = [&["deploy", file.to_str().unwrap()], flags].concat();
    let ran = Ran::of(command(server, &words).env("SECRET", secret));
    let all = format!("{ran:?}");
    assert!(!all.contains(SECRET) && !all.contains(OTHER), "{all}");
    ran
}

async fn shown(server: &Server) -> Answer<Webhook> {
    server.get(&server.path("webhooks/Stripe")).await
}

async fn takes(server: &Server, secret: &str) -> bool {
    let webhook = shown(server).await;
    let delivery = senders::stripe(secret, seconds(0), "", BODY);
    delivery.answer(server, url_of(&webhook)).await.0 == StatusCode::OK
}

#[tokio::test]
async fn a_secret_is_deployed_compared_and_exchanged() {
    let server = public_server().await;
    let stripe = "{name: Stripe, provider: stripe, secret: \"${SECRET}\"}";
    let project = Project::new(&manifest(stripe));
    let line = |ran: &Ran| ran.stdout.lines().nth(1).unwrap().to_owned();
    let first = deploy(&server, &project, SECRET, &[]);
    assert_eq!(marks(&first)[1], "+ webhook Stripe", "{first:?}");
    assert!(takes(&server, SECRET).await);
    let before = shown(&server).await;
    for flags in [&["--dry-run"][..], &[]] {
        let again = deploy(&server, &project, SECRET, flags);
        again.ok();
        assert_eq!(line(&again), "= webhook    Stripe");
    }
    assert_eq!(shown(&server).await, before);

    let dry = deploy(&server, &project, OTHER, &["--dry-run"]);
    assert_eq!(line(&dry), "~ webhook    Stripe  secret changes");
    assert_eq!(shown(&server).await, before);
    let DeployReport { items, .. } = deploy(&server, &project, OTHER, &["--json"]).read();
    assert_eq!(items[1].changes, ["secret"]);
    // Requests under way are signed with the old one yet.
    assert!(takes(&server, OTHER).await && takes(&server, SECRET).await);
    assert_eq!(
        line(&deploy(&server, &project, OTHER, &[])),
        "= webhook    Stripe"
    );
    let secrets = shown(&server).await.secrets.clone();
    assert!(
        secrets[0].expires.is_none() && secrets[1].expires.is_some(),
        "{secrets:?}"
    );

    let at_once = "{name: Stripe, provider: stripe, secret: \"${SECRET}\", secretOverlap: 0s, tolerance: 10m, allowIps: [127.0.0.1]}";
    project.write("deploy.yaml", manifest(at_once));
    let ran = deploy(&server, &project, SECRET, &[]);
    assert_eq!(
        line(&ran),
        "~ webhook    Stripe  secret, allowIps and tolerance change"
    );
    assert!(takes(&server, SECRET).await && !takes(&server, OTHER).await);

    // What a manifest does not name of it stays; a provider is never taken away by silence.
    project.write(
        "deploy.yaml",
        manifest("{name: Stripe, correlate: /taskId}"),
    );
    let ran = deploy(&server, &project, SECRET, &[]);
    assert_eq!(line(&ran), "~ webhook    Stripe  correlate changes");
    let kept = shown(&server).await;
    assert_eq!(
        (kept.provider.as_str(), kept.tolerance_seconds),
        ("stripe", Some(600))
    );
    assert_eq!(kept.allow_ips, ["127.0.0.1/32"]);
    assert!(takes(&server, SECRET).await);
    let bearer = "{name: Stripe, provider: custom, scheme: {check: {token: {at: {header: x-token}}}}, secret: \"${SECRET}\", allowIps: []}";
    project.write("deploy.yaml", manifest(bearer));
    for mark in ["~", "="] {
        let ran = deploy(&server, &project, OTHER, &[]);
        ran.ok();
        assert!(line(&ran).starts_with(mark), "{ran:?}");
    }
    let webhook = shown(&server).await;
    assert_eq!(webhook.secrets.len(), 1);
    let delivery = senders::Delivery::post(BODY, &[("X-Token", OTHER.to_owned())]);
    assert_eq!(
        delivery.answer(&server, url_of(&webhook)).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_verify_token_is_compared_too() {
    let server = public_server().await;
    let meta = "{name: Stripe, provider: meta, verifyToken: \"${SECRET}\"}";
    let project = Project::new(&manifest(meta));
    for (secret, mark) in [(SECRET, "+"), (SECRET, "="), (OTHER, "~"), (OTHER, "=")] {
        let ran = deploy(&server, &project, secret, &[]);
        assert!(
            ran.ok().lines().nth(1).unwrap().starts_with(mark),
            "{ran:?}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_line_before_anything_is_sent() {
    let server = public_server().await;
    for (webhook, at, part) in [
        (
            "{name: W, provider: strip}",
            "provider",
            "did you mean `stripe`?",
        ),
        ("{name: W, secret: x}", "secret", "needs a `provider`"),
        (
            "{name: W, provider: custom, secret: x}",
            "webhooks[0]",
            "needs a scheme",
        ),
        (
            "{name: W, provider: custom, scheme: []}",
            "scheme",
            "mapping with `check`",
        ),
        (
            "{name: W, provider: custom, scheme: {check: magic}}",
            "scheme",
            "magic",
        ),
        (
            "{name: W, provider: svix, secret: \"${SECRET}x y\"}",
            "secret",
            "`whsec_`",
        ),
        (
            "{name: W, provider: github, tolerance: 5m}",
            "tolerance",
            "signs no timestamp",
        ),
        (
            "{name: W, provider: stripe, tolerance: 0s}",
            "tolerance",
            "1 s to 604800 s",
        ),
        (
            "{name: W, provider: stripe, verifyToken: x}",
            "verifyToken",
            "no verify token",
        ),
        ("{name: W, allowIps: [example.com]}", "allowIps[0]", "CIDR"),
        (
            "{name: W, provider: stripe, secretOverlap: 1}",
            "secretOverlap",
            "not a",
        ),
        (
            "{name: W, providr: stripe}",
            "webhooks[0]",
            "did you mean `provider`?",
        ),
    ] {
        let project = Project::new(&manifest(webhook));
        let ran = deploy(&server, &project, SECRET, &[]);
        assert_eq!(ran.code, Some(2), "{webhook}: {ran:?}");
        assert!(
            ran.stderr.contains(&format!("{at}: ")),
            "{webhook}: {ran:?}"
        );
        assert!(ran.stderr.contains(part), "{webhook}: {ran:?}");
    }
    let (_, webhooks) = server
        .api(Method::GET, &server.path("webhooks"), None)
        .await;
    assert_eq!(webhooks, json!({"webhooks": []}));
}
