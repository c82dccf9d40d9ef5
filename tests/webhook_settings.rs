//! What can be set of how a webhook's requests are verified, by the API.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::senders::{
    self, BODY, Delivery, SECRET, add, discord_key, public_server, seconds, settings, url_of,
};
use crate::support::{Server, refusal, typed};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Provider, Providers, Webhook};

/// Asserts that a delivery is refused with this code.
async fn refused(server: &Server, url: &str, delivery: &Delivery, code: &str) {
    let (status, problem) = delivery.answer(server, url).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (401, code),
        "{problem}"
    );
}

#[tokio::test]
async fn only_named_networks_may_send() {
    let server = public_server().await;
    let plain = add(&server, "Here", json!({"allow_ips": ["127.0.0.0/8"]})).await;
    let task = server.post(url_of(&plain), &json!({"n": 1})).await;
    let task = server.wait(&task, "unmatched").await;
    assert_eq!(task.data["$via"].get("verified"), None);
    let elsewhere = json!({"provider": "bearer", "secret": SECRET, "allow_ips": ["192.0.2.0/24", "2001:db8::1"]});
    let elsewhere = add(&server, "Elsewhere", elsewhere).await;
    let right = senders::bearer(SECRET, 0, "", BODY);
    let (status, problem) = right.answer(&server, url_of(&elsewhere)).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (403, "address-refused")
    );
    assert!(!problem.to_string().contains("192.0.2"), "{problem}");
    let path = server.path("webhooks/Elsewhere");
    let (status, _) = server
        .api(Method::PATCH, &path, Some(json!({"allow_ips": []})))
        .await;
    assert_eq!(status, StatusCode::OK);
    let (status, answer) = right.answer(&server, url_of(&elsewhere)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(server.tasks("").await.len(), 2);
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_refused_with_what_would_be_right() {
    let server = public_server().await;
    add(&server, "Stripe", settings("stripe", SECRET)).await;
    let long = "x".repeat(9_000);
    for (method, path, body, field, part) in [
        (
            "POST",
            "webhooks",
            json!({"provider": "strip"}),
            "provider",
            "did you mean `stripe`?",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "acme-corporation"}),
            "provider",
            "stepwell provider list",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "custom"}),
            "scheme",
            "needs a scheme",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "stripe", "scheme": {}}),
            "scheme",
            "goes with the provider `custom`",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "custom", "scheme": {"check": "magic"}}),
            "scheme",
            "magic",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "custom", "scheme": {"check": {"token": {"at": {"header": ""}}}}}),
            "scheme",
            "empty",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "svix", "secret": "plain-text-of-mine"}),
            "secret",
            "begins with `whsec_`",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "basic", "secret": "plain-text-of-mine"}),
            "secret",
            "user:password",
        ),
        (
            "POST",
            "webhooks",
            json!({"secret": "plain-text-of-mine"}),
            "secret",
            "takes no secret",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "bearer", "secret": long}),
            "secret",
            "9000 bytes",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "github", "tolerance_seconds": 60}),
            "tolerance_seconds",
            "signs no timestamp",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "stripe", "tolerance_seconds": 0}),
            "tolerance_seconds",
            "1 to 604800",
        ),
        (
            "POST",
            "webhooks",
            json!({"provider": "stripe", "verify_token": "t"}),
            "verify_token",
            "no verify token",
        ),
        (
            "POST",
            "webhooks",
            json!({"allow_ips": ["10.0.0.0/40"]}),
            "allow_ips",
            "192.0.2.7",
        ),
        (
            "PATCH",
            "webhooks/Stripe",
            json!({"provider": "discord"}),
            "secret",
            "give the new secret",
        ),
        (
            "PATCH",
            "webhooks/Stripe",
            json!({"secret": SECRET, "overlap_seconds": 99_999_999}),
            "overlap_seconds",
            "7776000",
        ),
    ] {
        let mut body = body;
        if method == "POST" {
            body["name"] = json!("New");
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let (status, problem) = server
            .api(method, &server.path(path), Some(body.clone()))
            .await;
        assert_eq!(status.as_u16(), 422, "{body}: {problem}");
        let wrong = refusal(&problem);
        assert_eq!(
            (wrong.code.as_str(), wrong.field.as_deref()),
            ("bad-authentication", Some(field)),
            "{problem}"
        );
        assert!(refusal(&problem).detail.contains(part), "{problem}");
        assert!(
            !problem.to_string().contains("plain-text-of-mine"),
            "{problem}"
        );
    }
    // What was refused has changed nothing, and a provider without a secret takes nothing.
    let shown = server.get::<Webhook>(&server.path("webhooks/Stripe")).await;
    assert_eq!(shown.provider, "stripe");
    let change = json!({"provider": "discord", "secret": discord_key(SECRET)});
    let (status, changed) = server
        .api(Method::PATCH, &server.path("webhooks/Stripe"), Some(change))
        .await;
    assert_eq!(status, 200, "{changed}");
    let changed: Webhook = typed(&changed);
    assert_eq!(
        (changed.provider.as_str(), changed.secrets.len()),
        ("discord", 1)
    );
    let url = url_of(&changed);
    refused(
        &server,
        url,
        &senders::stripe(SECRET, seconds(0), "", BODY),
        "signature-missing",
    )
    .await;
    let (status, answer) = senders::discord(SECRET, seconds(0), "", BODY)
        .answer(&server, url)
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let unset = add(&server, "Later", json!({"provider": "github"})).await;
    refused(
        &server,
        url_of(&unset),
        &senders::github("", 0, "", BODY),
        "secret-missing",
    )
    .await;
    for n in 0..8 {
        let body = json!({"secret": format!("secret number {n}")});
        let path = server.path("webhooks/Later/secrets");
        let (status, answer) = server.api(Method::POST, &path, Some(body)).await;
        assert_eq!(status.as_u16(), 201, "{answer}");
    }
    let path = server.path("webhooks/Later/secrets");
    let (status, problem) = server
        .api(Method::POST, &path, Some(json!({"secret": "one too many"})))
        .await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(refusal(&problem).field.as_deref(), Some("secret"));
}

#[tokio::test]
async fn the_providers_are_told() {
    let server = Server::start().await;
    let all = server.get::<Providers>("/providers").await;
    assert_eq!(all.providers.len(), stepwell_signature::providers().len());
    let zoom = server.get::<Provider>("/providers/zoom").await;
    for (key, value) in [
        ("title", json!("Zoom")),
        ("signs", json!("v0:{timestamp}:{body}")),
        ("tolerance_seconds", json!(300)),
        ("challenge", json!(true)),
        ("verify_token", Value::Null),
    ] {
        assert_eq!(zoom.json()[key], value, "{zoom}");
    }
    // What is shown can be the start of a scheme of one's own.
    let own = json!({"provider": "custom", "scheme": zoom.scheme, "secret": SECRET});
    let webhook = add(&server, "Own", own).await;
    let delivery = senders::zoom(SECRET, seconds(0), "", BODY);
    assert_eq!(
        delivery.answer(&server, url_of(&webhook)).await.0,
        StatusCode::OK
    );
    let (status, problem) = server.api(Method::GET, "/providers/githbu", None).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (404, "not-found")
    );
    assert!(refusal(&problem).detail.contains("did you mean `github`?"));
}
