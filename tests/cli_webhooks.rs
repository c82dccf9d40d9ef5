//! `stepwell webhook`, `webhook secret` and `provider` against the real server: no secret on the command line, none
//! in what is printed.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use crate::support::ran::{Ran, cli, cli_reading, command};
use crate::support::senders::{
    self, BODY, OTHER, SECRET, custom_scheme, public_server, seconds, url_of,
};
use crate::support::{Answer, Server, accepted_task, texts, typed};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stepwell_api::{Delivery, DeliveryPage, Provider, Webhook, WebhookSecrets};

fn show(server: &Server, webhook: &str) -> Answer<Webhook> {
    Answer::of(cli(server, &["webhook", "show", webhook, "--json"]).json())
}

async fn takes(server: &Server, webhook: &str, secret: &str) -> bool {
    let shown = show(server, webhook);
    let delivery = senders::stripe(secret, seconds(0), "", BODY);
    let (status, answer) = delivery.answer(server, url_of(&shown)).await;
    match status {
        StatusCode::OK => !accepted_task(&answer).is_empty(),
        _ => {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
            false
        }
    }
}

fn hidden(ran: &Ran) {
    let all = format!("{ran:?}");
    assert!(!all.contains(SECRET) && !all.contains(OTHER), "{all}");
}

#[tokio::test]
async fn stripe_is_connected_and_its_secret_exchanged() {
    let server = public_server().await;
    let added = cli(
        &server,
        &["webhook", "add", "Stripe", "--provider", "stripe"],
    );
    added.ok();
    assert!(
        added.stdout.starts_with("https://hooks.example.com/event/"),
        "{added:?}"
    );
    for part in [
        "no secret yet",
        "stepwell webhook secret add \"Stripe\"",
        "Workbench",
    ] {
        assert!(added.stderr.contains(part), "{part}: {added:?}");
    }
    assert!(!takes(&server, "Stripe", SECRET).await);
    let line = format!("{SECRET}\n");
    let first = cli_reading(&server, &["webhook", "secret", "add", "Stripe"], &line);
    first.ok();
    assert!(first.stderr.starts_with("added secret "), "{first:?}");
    hidden(&first);
    assert!(takes(&server, "Stripe", SECRET).await);
    // An API key is a secret of Stripe, too, and the wrong one.
    let slip = [
        "webhook",
        "add",
        "Slip",
        "--provider",
        "stripe",
        "--secret-env",
        "KEY",
    ];
    let slip = Ran::of(command(&server, &slip).env("KEY", "sk_live_1234567890"));
    slip.ok();
    assert!(slip.stderr.contains("begins with `whsec_`"), "{slip:?}");
    assert!(!slip.stderr.contains("sk_live"), "{slip:?}");
    assert!(!first.stderr.contains("begins with"), "{first:?}");

    let words = [
        "webhook",
        "secret",
        "rotate",
        "Stripe",
        "--overlap",
        "2h",
        "--secret-env",
        "NEW",
    ];
    let rotated = Ran::of(command(&server, &words).env("NEW", OTHER));
    rotated.ok();
    assert!(
        rotated.stderr.contains("the others end in 2 hours"),
        "{rotated:?}"
    );
    hidden(&rotated);
    assert!(takes(&server, "Stripe", SECRET).await && takes(&server, "Stripe", OTHER).await);
    let list = cli(&server, &["webhook", "secret", "list", "Stripe"]);
    assert_eq!(list.ok().lines().count(), 3, "{list:?}");
    hidden(&list);
    let listed = cli(&server, &["webhook", "secret", "list", "Stripe", "--json"]).json();
    let old = &typed::<WebhookSecrets>(&listed).secrets[1];
    assert!(old.expires.is_some(), "{listed}");
    let old = old.id.clone();
    cli(&server, &["webhook", "secret", "remove", "Stripe", &old]).ok();
    assert!(!takes(&server, "Stripe", SECRET).await && takes(&server, "Stripe", OTHER).await);
    let gone = cli(
        &server,
        &["webhook", "secret", "remove", "Stripe", &old, "--json"],
    );
    assert_eq!(gone.refusal(3).0, "not-found");

    let sheet = cli(&server, &["webhook", "show", "Stripe"]);
    hidden(&sheet);
    for part in ["provider   stripe", "secret     ", ", added 20"] {
        assert!(sheet.ok().contains(part), "{part}: {sheet:?}");
    }
    let table = cli(&server, &["webhook", "list"]);
    assert!(
        table.ok().contains("PROVIDER") && table.stdout.contains("stripe"),
        "{table:?}"
    );
}

#[tokio::test]
async fn a_webhook_is_changed_and_what_is_not_named_stays() {
    let server = public_server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let scheme = file("acme.json", &custom_scheme().to_string());
    let secret = file("secret.txt", &format!("{SECRET}\n"));
    let words = [
        "webhook",
        "add",
        "Acme",
        "--provider",
        "custom",
        "--scheme",
        &scheme,
        "--secret-file",
        &secret,
        "--allow-ip",
        "127.0.0.1",
        "--allow-ip",
        "10.0.0.0/8",
        "--tolerance",
        "10m",
        "--correlate",
        "/taskId",
    ];
    cli(&server, &words).ok();
    let acme = show(&server, "Acme");
    assert_eq!(acme.allow_ips, ["127.0.0.1/32", "10.0.0.0/8"]);
    assert_eq!(acme.tolerance_seconds, Some(600));
    assert_eq!(json!(acme.scheme), custom_scheme());
    let delivery = senders::custom(SECRET, seconds(400), "", BODY);
    assert_eq!(
        delivery.answer(&server, url_of(&acme)).await.0,
        StatusCode::OK
    );
    let sheet = cli(&server, &["webhook", "show", "Acme"]);
    for part in [
        "allow      127.0.0.1/32, 10.0.0.0/8",
        "tolerance  600 s",
        "x-acme-signature",
    ] {
        assert!(sheet.ok().contains(part), "{part}: {sheet:?}");
    }
    for (words, key, value) in [
        (&["--any-ip"][..], "allow_ips", json!([])),
        (&["--no-tolerance"], "tolerance_seconds", Value::Null),
        (&["--no-correlate"], "correlate", Value::Null),
        (&["--correlate", "/id"], "correlate", json!("/id")),
        (
            &["--allow-ip", "::1", "--no-correlate"],
            "allow_ips",
            json!(["::1/128"]),
        ),
    ] {
        cli(&server, &[&["webhook", "update", "Acme"], words].concat()).ok();
        let changed = show(&server, "Acme");
        assert_eq!(changed.json()[key], value, "{words:?}");
        assert_eq!(changed.provider, "custom");
        assert_eq!(changed.secrets.len(), acme.secrets.len());
    }
    let words = [
        "webhook",
        "update",
        "Acme",
        "--provider",
        "bearer",
        "--secret-file",
        "-",
        "--any-ip",
    ];
    let changed = cli_reading(&server, &words, SECRET);
    hidden(&changed);
    changed.ok();
    let delivery = senders::bearer(SECRET, 0, "", BODY);
    assert_eq!(
        delivery.answer(&server, url_of(&acme)).await.0,
        StatusCode::OK
    );
    cli(
        &server,
        &["webhook", "update", "Acme", "--provider", "none"],
    )
    .ok();
    server.post(url_of(&acme), &json!({"n": 1})).await;

    let meta = [
        "webhook",
        "add",
        "Meta",
        "--provider",
        "meta",
        "--secret-env",
        "A",
        "--verify-token-env",
        "B",
    ];
    Ran::of(command(&server, &meta).env("A", SECRET).env("B", "token")).ok();
    let sheet = cli(&server, &["webhook", "show", "Meta"]);
    assert!(sheet.ok().contains("a verify token is set"), "{sheet:?}");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_would_be_right() {
    let server = public_server().await;
    let none = ["webhook", "add", "W", "--provider", "strip"];
    let ran = cli(&server, &none);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("did you mean `stripe`?"), "{ran:?}");
    for (words, code, part) in [
        (
            &[
                "webhook",
                "add",
                "W",
                "--provider",
                "github",
                "--secret-env",
                "NOT_SET",
            ][..],
            2,
            "NOT_SET is not set",
        ),
        (
            &[
                "webhook",
                "add",
                "W",
                "--provider",
                "github",
                "--secret-file",
                "/nowhere",
            ],
            2,
            "holds the secret",
        ),
        (
            &[
                "webhook",
                "add",
                "W",
                "--provider",
                "github",
                "--secret-file",
                "a",
                "--secret-env",
                "B",
            ],
            2,
            "cannot be used with",
        ),
        (
            &["webhook", "add", "W", "--allow-ip", "example.com"],
            2,
            "CIDR",
        ),
        (
            &["webhook", "add", "W", "--provider", "custom"],
            1,
            "needs a scheme",
        ),
        (
            &[
                "webhook",
                "add",
                "W",
                "--provider",
                "custom",
                "--scheme",
                "/nowhere",
            ],
            2,
            "JSON file with the scheme",
        ),
        (
            &[
                "webhook",
                "add",
                "W",
                "--provider",
                "github",
                "--tolerance",
                "5m",
            ],
            1,
            "signs no timestamp",
        ),
        (&["webhook", "update", "W"], 2, "required"),
        (
            &["webhook", "secret", "rotate", "W", "--overlap", "1"],
            2,
            "not a duration",
        ),
        (&["webhook", "secret", "add", "W"], 3, "no webhook `W`"),
        (&["provider", "show", "githbu"], 3, "did you mean `github`?"),
    ] {
        let ran = cli(&server, words);
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        assert!(ran.stderr.contains(part), "{words:?}: {ran:?}");
    }
    let webhooks = cli(&server, &["webhook", "list", "--json"]).json();
    assert_eq!(webhooks, json!({"webhooks": []}));
    cli(&server, &["webhook", "add", "Plain"]).ok();
    let ran = cli_reading(&server, &["webhook", "secret", "add", "Plain"], SECRET);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("takes no secret"), "{ran:?}");
    hidden(&ran);
}

#[tokio::test]
async fn providers_are_listed_and_shown() {
    let server = public_server().await;
    let list = cli(&server, &["provider", "list"]);
    for part in [
        "stripe",
        "Microsoft Graph change notifications",
        "user and password",
    ] {
        assert!(list.ok().contains(part), "{part}: {list:?}");
    }
    let shown = cli(&server, &["provider", "show", "stripe"]);
    for part in [
        "signs         {timestamp}.{body}",
        "a request may be 300 s old",
        "https://docs.stripe.com",
    ] {
        assert!(shown.ok().contains(part), "{part}: {shown:?}");
    }
    let meta: Provider = typed(&cli(&server, &["provider", "show", "meta", "--json"]).json());
    assert_eq!(meta.verify_token.unwrap().what, "verify token");
}

#[tokio::test]
async fn what_was_not_verified_is_sent_again_only_on_request() {
    let server = Server::start().await;
    let added = server.cli(&["webhook", "add", "Door", "--provider", "none"]);
    assert!(added.status.success());
    let url = &show(&server, "Door").url;
    server.send(url, "application/json", "{\"n\": 1").await;
    let closed = server.cli(&["webhook", "update", "Door", "--allow-ip", "192.0.2.0/24"]);
    assert!(closed.status.success());
    let forged = server.send(url, "application/json", "{\"n\": 2}").await;
    assert_eq!(forged.0, StatusCode::FORBIDDEN, "{}", forged.1);

    let all = ["delivery", "redeliver", "--verdict", "refused"];
    let ran = server.cli(&all);
    let (out, said) = texts(&ran);
    assert_eq!(out.lines().count(), 1, "{out}{said}");
    assert!(said.contains("1 whose sender was not verified"), "{said}");
    let ran = server.cli(&[&all[..], &["--unverified"]].concat());
    let (out, said) = texts(&ran);
    assert_eq!(out.lines().count(), 2, "{out}{said}");
    // The first digits of an id are enough, if no other begins so.
    let listed: DeliveryPage = server.cli_json(&["delivery", "list"]);
    let whole = &listed.deliveries[0].id;
    let first = &whole[..whole.len() - 3];
    let shown: Delivery = server.cli_json(&["delivery", "show", first]);
    assert_eq!(shown.id, *whole);
    let both = texts(&server.cli(&["delivery", "show", &whole[..6]])).1;
    assert!(
        both.contains("several deliveries' ids") && both.contains(" (refused)"),
        "{both}"
    );
    let (_, said) = texts(&server.cli(&["delivery", "show", "00a228a1"]));
    assert!(
        said.contains("no delivery whose id begins with `00a228a1`"),
        "{said}"
    );
    let opened = server.cli(&["webhook", "update", "Door", "--no-allow-ip"]);
    assert!(opened.status.success());
    let taken = server.send(url, "application/json", "{\"n\": 3}").await;
    assert_eq!(taken.0, StatusCode::OK, "{}", taken.1);
}
