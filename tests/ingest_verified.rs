//! Webhooks whose requests are verified: what their senders send becomes a task, and everything else is
//! refused with its reason, and leaves nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::time::Instant;

use crate::support::senders::{
    self, BODY, Delivery, OTHER, SECRET, Signs, add, public_server, seconds, settings, url_of,
};
use crate::support::{PATIENCE, Server, accepted_task, refusal, repository, typed};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Problem, Webhook, WebhookSecret, WebhookSecrets};
use stepwell_signature::Check;

const FORGED: &str = r#"{"id":"evt_1","type":"order.paid","text":"größer ✓","amount":99.50}"#;

/// A sender: the provider, the header that holds its proof, whether it signs body and time, and how.
struct Sender {
    provider: &'static str,
    proof: &'static str,
    signs_body: bool,
    signs_time: bool,
    signs: Signs,
}

const fn sender(
    provider: &'static str,
    proof: &'static str,
    (signs_body, signs_time): (bool, bool),
    signs: Signs,
) -> Sender {
    Sender {
        provider,
        proof,
        signs_body,
        signs_time,
        signs,
    }
}

const SENDERS: [Sender; 12] = [
    sender(
        "github",
        "X-Hub-Signature-256",
        (true, false),
        senders::github,
    ),
    sender("stripe", "Stripe-Signature", (true, true), senders::stripe),
    sender("slack", "X-Slack-Signature", (true, true), senders::slack),
    sender(
        "shopify",
        "X-Shopify-Hmac-Sha256",
        (true, false),
        senders::shopify,
    ),
    sender(
        "standard-webhooks",
        "webhook-signature",
        (true, true),
        senders::standard_webhooks,
    ),
    sender(
        "twilio",
        "X-Twilio-Signature",
        (true, false),
        senders::twilio,
    ),
    sender(
        "discord",
        "X-Signature-Ed25519",
        (true, true),
        senders::discord,
    ),
    sender("meta", "X-Hub-Signature-256", (true, false), senders::meta),
    sender("zoom", "x-zm-signature", (true, true), senders::zoom),
    sender("bearer", "Authorization", (false, false), senders::bearer),
    sender("basic", "Authorization", (false, false), senders::basic),
    sender("custom", "X-Acme-Signature", (true, true), senders::custom),
];

/// Asserts that a delivery is refused so, and that nothing of the secrets is in the answer.
async fn refused(server: &Server, url: &str, delivery: &Delivery, codes: &[&str]) {
    let response = delivery.send(server, url).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{delivery:?}");
    assert!(response.headers().contains_key("www-authenticate"));
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let text = response.text().await.unwrap();
    let problem: Problem = serde_json::from_str(&text).unwrap();
    assert!(
        codes.contains(&problem.code.as_str()),
        "{delivery:?}: {text}"
    );
    for secret in [SECRET, OTHER, &SECRET[6..], &OTHER[6..]] {
        assert!(!text.contains(secret), "{text}");
    }
    // Nor is what the sender wrote.
    let written = delivery
        .headers
        .iter()
        .filter(|(_, value)| value.len() > 20);
    for (_, value) in written {
        assert!(!text.contains(value.as_str()), "{text}");
    }
}

/// A sender that got no answer sends again.
#[tokio::test]
async fn a_repeat_of_a_verified_delivery_is_answered_with_its_task() {
    let server = public_server().await;
    for (provider, signs) in [
        ("github", senders::github as Signs),
        ("stripe", senders::stripe),
        ("slack", senders::slack),
    ] {
        let webhook = add(&server, provider, settings(provider, SECRET)).await;
        let url = url_of(&webhook);
        let first = signs(SECRET, seconds(0), url, BODY);
        let (_, once) = first.answer(&server, url).await;
        let (status, again) = first.answer(&server, url).await;
        assert_eq!(status, StatusCode::OK, "{again}");
        assert_eq!(
            again,
            json!({"task": accepted_task(&once), "duplicate": true}),
            "{provider}"
        );
    }
    assert_eq!(server.tasks("").await.len(), 3);
}

#[tokio::test]
async fn what_a_sender_signs_becomes_a_task_and_what_it_does_not_sign_is_refused() {
    let mut server = public_server().await;
    let mut expected = Vec::new();
    for Sender {
        provider,
        proof,
        signs_body,
        signs_time,
        signs,
    } in &SENDERS
    {
        let webhook = add(&server, provider, settings(provider, SECRET)).await;
        assert!(!webhook.to_string().contains(SECRET), "{webhook}");
        let url = url_of(&webhook);
        let right = signs(SECRET, seconds(0), url, BODY);
        let (status, answer) = right.answer(&server, url).await;
        assert_eq!(status, StatusCode::OK, "{provider}: {answer}");
        let id = &accepted_task(&answer);
        let task = server.wait(id, "unmatched").await;
        assert_eq!(task.data["$via"]["verified"], *provider, "{task}");
        assert_eq!(task.data["amount"].to_string(), "12.50");
        expected.push(id.to_owned());

        let wrong = ["signature-mismatch", "token-mismatch"];
        let other = signs(OTHER, seconds(0), url, BODY);
        refused(&server, url, &other, &wrong).await;
        let missing = ["signature-missing", "token-missing"];
        refused(&server, url, &right.with(proof, None), &missing).await;
        refused(&server, url, &right.with(proof, Some("")), &missing).await;
        let garbled = [
            "signature-malformed",
            "token-malformed",
            "signature-mismatch",
        ];
        refused(
            &server,
            url,
            &right.with(proof, Some("nonsense of a stranger")),
            &garbled,
        )
        .await;
        let mut doubled = right.clone();
        doubled.headers.extend(right.headers.clone());
        // A client of HTTP may join them into one value.
        let twice = ["value-doubled", "signature-mismatch"];
        refused(&server, url, &doubled, &twice).await;
        if *signs_body {
            let tampered = ["signature-mismatch", "body-hash-mismatch"];
            refused(&server, url, &right.saying(FORGED), &tampered).await;
            refused(&server, url, &right.saying(""), &tampered).await;
        }
        if *signs_time {
            let old = signs(SECRET, seconds(3_600), url, BODY);
            refused(&server, url, &old, &["timestamp-too-old"]).await;
            let early = signs(SECRET, seconds(-3_600), url, BODY);
            refused(&server, url, &early, &["timestamp-in-future"]).await;
            let extreme = signs(SECRET, i64::MAX, url, BODY);
            refused(&server, url, &extreme, &["timestamp-in-future"]).await;
        }
    }
    let mut tasks: Vec<String> = (server.tasks("limit=100").await.iter())
        .map(|task| task.id.clone())
        .collect();
    tasks.sort();
    expected.sort();
    assert_eq!(tasks, expected, "a refused request left a task");
    server.is_well().await;
    assert!(server.stop().success());
    let log = server.data_dir().join("server.log");
    let begun = Instant::now();
    // It is written when the process has ended.
    while !log.exists() {
        assert!(begun.elapsed() < PATIENCE, "no log");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let log = fs::read_to_string(log).unwrap();
    for secret in [SECRET, OTHER] {
        assert!(!log.contains(secret), "the log has a secret");
    }
    assert_eq!(tree_has(server.data_dir(), SECRET.as_bytes()), None);
}

/// A file below a folder in which those bytes stand.
fn tree_has(folder: &std::path::Path, bytes: &[u8]) -> Option<std::path::PathBuf> {
    fs::read_dir(folder).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return tree_has(&path, bytes);
        }
        let text = fs::read(&path).unwrap();
        let has = text.windows(bytes.len()).any(|part| part == bytes);
        has.then_some(path)
    })
}

/// The vectors of the crate that verifies, through the server: those without a time become tasks, those with
/// one are of the year 2023, and none is taken with another body or under another secret.
#[tokio::test]
async fn every_provider_is_verified_from_end_to_end() {
    let server = public_server().await;
    let folder = repository().join("host/signature/tests/vectors");
    let (mut taken, mut late) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let vector: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let provider = vector["provider"].as_str().unwrap();
        if provider == "paypal" {
            continue; // Its key stands on the Internet: `published_keys` has a sender of its kind on this machine.
        }
        let known = stepwell_signature::provider(provider).unwrap();
        let mut settings = json!({"provider": provider});
        if !vector["secret"].is_null() {
            settings["secret"] = vector["secret"].clone();
        }
        let webhook = add(&server, &name, settings).await;
        let url = url_of(&webhook);
        let headers = vector["headers"].as_array().unwrap().iter();
        let mut delivery = Delivery::post(vector["body"].as_str().unwrap(), &[]);
        delivery.headers = headers
            .map(|pair| {
                (
                    pair[0].as_str().unwrap().into(),
                    pair[1].as_str().unwrap().into(),
                )
            })
            .collect();
        let sent_to = vector["url"].as_str().unwrap();
        delivery.query = sent_to.find('?').map_or("", |at| &sent_to[at..]).to_owned();
        let (status, answer) = delivery.answer(&server, url).await;
        let scheme = serde_json::to_value(&known.scheme).unwrap();
        let signs_url = scheme.to_string().contains("{url");
        let code = (status != StatusCode::OK).then(|| refusal(&answer).code);
        match code.as_deref() {
            None => {
                let task = server.task(&accepted_task(&answer)).await;
                let verified = &task.data["$via"]["verified"];
                let expected = if provider == "none" {
                    Value::Null
                } else {
                    provider.into()
                };
                assert_eq!(*verified, expected, "{name}");
                // A token in the URL does not become data.
                assert_eq!(task.data["$via"]["query"].get("token"), None, "{name}");
                taken += 1;
            }
            Some("timestamp-too-old") => late += 1,
            Some("claim-refused") => assert_eq!(provider, "livekit"),
            Some("signature-mismatch") => assert!(signs_url, "{name}: {answer}"),
            Some(_) => panic!("{name}: {answer}"),
        }
        if provider == "none" {
            continue;
        }
        let covers_body = matches!(known.scheme.check, Check::Signature(_) | Check::Jwt(_));
        let is_token = code.is_none() && !covers_body;
        if !is_token {
            let (status, answer) = delivery.saying(FORGED).answer(&server, url).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}: {answer}");
        }
        let (status, answer) = Delivery::post(BODY, &[]).answer(&server, url).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}: {answer}");
    }
    assert!(taken > 30 && late > 20, "{taken} taken, {late} late");
    assert_eq!(server.tasks("limit=100").await.len(), taken);
}

#[tokio::test]
async fn a_webhook_without_the_setting_is_as_it_was() {
    let mut server = Server::start().await;
    let webhook = server.webhook("Form").await;
    let task = server.run(&webhook, &json!({"n": 1}), "unmatched").await;
    assert_eq!(task.data["$via"].get("verified"), None);
    let (_, shown) = server
        .api(Method::GET, &server.path("webhooks/Form"), None)
        .await;
    for (key, value) in [
        ("provider", json!("none")),
        ("scheme", Value::Null),
        ("secrets", json!([])),
        ("verify_token_digest", Value::Null),
        ("allow_ips", json!([])),
        ("tolerance_seconds", Value::Null),
    ] {
        assert_eq!(shown[key], value, "{shown}");
    }
    // A client from before the setting does not take it away.
    let verified = json!({"provider": "github", "secret": SECRET, "allow_ips": ["127.0.0.1"]});
    add(&server, "Hub", verified).await;
    for (method, body) in [
        (Method::PUT, json!({"correlate": "/a"})),
        (Method::PATCH, json!({"correlate": "/b"})),
    ] {
        let (status, changed) = server
            .api(method, &server.path("webhooks/Hub"), Some(body))
            .await;
        assert_eq!(status, StatusCode::OK, "{changed}");
        let changed: Webhook = typed(&changed);
        assert_eq!(
            (changed.provider.as_str(), changed.secrets.len()),
            ("github", 1)
        );
        assert_eq!(changed.allow_ips, ["127.0.0.1/32"]);
    }
    server.restart().await;
    server.run(&webhook, &json!({"n": 2}), "unmatched").await;
}

#[tokio::test]
async fn secrets_overlap_while_they_are_exchanged_and_survive_a_restart() {
    let mut server = public_server().await;
    let webhook = add(&server, "Stripe", settings("stripe", SECRET)).await;
    let url = url_of(&webhook).to_owned();
    let signed = |secret| senders::stripe(secret, seconds(0), "", BODY);
    let path = server.path("webhooks/Stripe/secrets");
    let overlap = 4;
    let rotation = json!({"secret": OTHER, "overlap_seconds": overlap});
    let begun = Instant::now();
    let (status, added) = server.api(Method::POST, &path, Some(rotation)).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    let added: WebhookSecret = typed(&added);
    assert_eq!(added.expires, None);
    server.restart().await;
    let listed = server.get::<WebhookSecrets>(&path).await;
    assert_eq!(listed.secrets.len(), 2);
    assert_eq!(listed.secrets[0].id, added.id);
    assert!(listed.secrets[1].expires.is_some(), "{listed}");
    assert!(!listed.to_string().contains("whsec"), "{listed}");
    let (status, answer) = signed(OTHER).answer(&server, &url).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, answer) = signed(SECRET).answer(&server, &url).await;
    // A machine that is busy may be late.
    let in_time = begun.elapsed().as_secs() < overlap;
    assert!(status == StatusCode::OK || !in_time, "{answer}");
    while signed(SECRET).answer(&server, &url).await.0 == StatusCode::OK {
        assert!(begun.elapsed() < PATIENCE, "the old secret does not end");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(
        begun.elapsed().as_secs() >= overlap - 1,
        "it ended too early"
    );
    refused(&server, &url, &signed(SECRET), &["signature-mismatch"]).await;
    let (status, answer) = signed(OTHER).answer(&server, &url).await;
    assert_eq!(status, StatusCode::OK, "{answer}");

    // Without an overlap the others stay; a secret can be deleted; without any, all is refused.
    let (_, second) = server
        .api(Method::POST, &path, Some(json!({"secret": SECRET})))
        .await;
    let second: WebhookSecret = typed(&second);
    for secret in [SECRET, OTHER] {
        let (status, answer) = signed(secret).answer(&server, &url).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    for (id, status) in [(&second.id, 204), (&second.id, 404), (&added.id, 204)] {
        let one = format!("{path}/{id}");
        let (got, answer) = server.api(Method::DELETE, &one, None).await;
        assert_eq!(got, status, "{answer}");
    }
    refused(&server, &url, &signed(OTHER), &["secret-missing"]).await;
    // An overlap of nothing ends the others at once.
    for (secret, overlap) in [(SECRET, None), (OTHER, Some(0))] {
        let body = json!({"secret": secret, "overlap_seconds": overlap});
        let (status, answer) = server.api(Method::POST, &path, Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    refused(&server, &url, &signed(SECRET), &["signature-mismatch"]).await;
    let (status, answer) = signed(OTHER).answer(&server, &url).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
