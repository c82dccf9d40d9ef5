//! The questions that providers ask before they send: each is answered as its provider documents, and none
//! becomes a task.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::senders::{
    self, Delivery, SECRET, add, discord_key, public_server, seconds, sha256, url_of,
};
use crate::support::{Server, accepted_task, refusal};
use data_encoding::{BASE64, HEXLOWER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Asserts that a question is answered so, and gives the answer's text.
async fn answered(server: &Server, url: &str, question: &Delivery, content_type: &str) -> String {
    let response = question.send(server, url).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{question:?}: {text}");
    // It repeats what a stranger wrote, so nothing may take it for a page.
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["content-type"], content_type, "{question:?}");
    assert_eq!(headers["cache-control"], "no-store");
    text
}

async fn refused(server: &Server, url: &str, question: &Delivery, status: u16, code: &str) {
    let (got, problem) = question.answer(server, url).await;
    assert_eq!(
        (got.as_u16(), refusal(&problem).code.as_str()),
        (status, code),
        "{question:?}: {problem}"
    );
    assert!(!problem.to_string().contains(SECRET), "{problem}");
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What is signed for a stranger who asks is no delivery, and neither is a query that no signature covers.
#[tokio::test]
async fn what_a_stranger_can_have_signed_is_no_delivery() {
    let server = public_server().await;
    let x = add(&server, "X", senders::settings("x", SECRET)).await;
    let ask = Delivery::get("?crc_token=status%3Dpaid");
    let answer = answered(&server, url_of(&x), &ask, JSON).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let signature = answer["response_token"].as_str().unwrap().to_owned();
    let form = (
        "content-type",
        "application/x-www-form-urlencoded".to_owned(),
    );
    let forged = Delivery::post(
        "status=paid",
        &[form, ("x-twitter-webhooks-signature", signature)],
    );
    refused(&server, url_of(&x), &forged, 401, "value-unexpected").await;

    let mut settings = senders::settings("github", SECRET);
    settings["methods"] = json!(["POST", "GET"]);
    let github = add(&server, "GitHub", settings).await;
    let empty = senders::github(SECRET, 0, "", "");
    let forged = Delivery {
        headers: empty.headers,
        ..Delivery::get("?action=forged")
    };
    refused(&server, url_of(&github), &forged, 401, "value-unexpected").await;
    assert_eq!(server.tasks("").await.len(), 0);
}

#[tokio::test]
async fn questions_by_get_are_answered() {
    let server = public_server().await;
    let meta = json!({"provider": "meta", "secret": SECRET, "verify_token": "mine and Meta's"});
    let meta = add(&server, "Meta", meta).await;
    assert!(!meta.to_string().contains("mine and"), "{meta}");
    let url = url_of(&meta);
    let ask = |token: &str, challenge: &str| {
        let query =
            format!("?hub.mode=subscribe&hub.verify_token={token}&hub.challenge={challenge}");
        Delivery::get(&query)
    };
    let right = ask("mine+and+Meta%27s", "1158201444");
    assert_eq!(answered(&server, url, &right, TEXT).await, "1158201444");
    for wrong in [
        ask("another", "1"),
        ask("", "1"),
        Delivery::get(""),
        Delivery::get("?hub.mode=unsubscribe&hub.verify_token=mine+and+Meta%27s&hub.challenge=1"),
        Delivery::get("?hub.mode=subscribe&hub.verify_token=mine+and+Meta%27s"),
        // An answer stays small, and holds no line of its own.
        ask("mine+and+Meta%27s", &"1".repeat(2_000)),
        ask("mine+and+Meta%27s", "a%0d%0ab"),
        // Two readers could take different ones.
        Delivery::get(
            "?hub.mode=subscribe&hub.verify_token=x&hub.verify_token=mine+and+Meta%27s&hub.challenge=1",
        ),
    ] {
        refused(&server, url, &wrong, 403, "challenge-refused").await;
    }
    let head = Delivery {
        method: Method::HEAD,
        ..right
    };
    let response = head.send(&server, url).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.text().await.unwrap(), "");

    let x = add(&server, "X", json!({"provider": "x", "secret": SECRET})).await;
    let question = Delivery::get("?crc_token=abc-DEF_1");
    let answer = answered(&server, url_of(&x), &question, JSON).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let tag = BASE64.encode(&sha256(SECRET.as_bytes(), "abc-DEF_1"));
    assert_eq!(answer, json!({"response_token": format!("sha256={tag}")}));
    // What is answered with the secret could be the signature of a forged request.
    let forged = Delivery::get("?crc_token=%7B%22id%22%3A1%7D");
    refused(&server, url_of(&x), &forged, 403, "challenge-refused").await;

    let dropbox = add(
        &server,
        "Dropbox",
        json!({"provider": "dropbox", "secret": SECRET}),
    )
    .await;
    let question = Delivery::get("?challenge=%3Cb%3Ehello%3C%2Fb%3E");
    let answer = answered(&server, url_of(&dropbox), &question, TEXT).await;
    assert_eq!(answer, "<b>hello</b>");

    let okta = add(
        &server,
        "Okta",
        json!({"provider": "okta", "secret": SECRET}),
    )
    .await;
    let question = Delivery::get("").with("X-Okta-Verification-Challenge", Some("okta-1"));
    let answer = answered(&server, url_of(&okta), &question, JSON).await;
    assert_eq!(answer, r#"{"verification":"okta-1"}"#);

    // Who asks no question by GET is not asked by it.
    for (name, settings) in [
        ("Plain", json!({})),
        ("GitHub", json!({"provider": "github", "secret": SECRET})),
    ] {
        let plain = add(&server, name, settings).await;
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            let asks = Delivery {
                method: method.clone(),
                ..Delivery::get("?challenge=1")
            };
            let response = asks.send(&server, url_of(&plain)).await;
            assert_eq!(
                response.status(),
                StatusCode::METHOD_NOT_ALLOWED,
                "{method}"
            );
            assert!(
                response.headers()["allow"]
                    .to_str()
                    .unwrap()
                    .contains("POST, PUT")
            );
        }
    }
    // A question does not come by from where nothing may.
    let path = server.path("webhooks/Dropbox");
    let elsewhere = json!({"allow_ips": ["192.0.2.1"]});
    let (status, _) = server.api(Method::PATCH, &path, Some(elsewhere)).await;
    assert_eq!(status, StatusCode::OK);
    let question = Delivery::get("?challenge=1");
    refused(&server, url_of(&dropbox), &question, 403, "address-refused").await;
    assert!(server.tasks("").await.is_empty());
}

#[tokio::test]
async fn questions_by_post_are_answered_if_they_are_the_providers() {
    let server = public_server().await;
    let now = seconds(0);
    let slack = add(
        &server,
        "Slack",
        json!({"provider": "slack", "secret": SECRET}),
    )
    .await;
    let body = r#"{"token":"t","challenge":"3eZbrw1a","type":"url_verification"}"#;
    let question = senders::slack(SECRET, now, "", body);
    assert_eq!(
        answered(&server, url_of(&slack), &question, TEXT).await,
        "3eZbrw1a"
    );
    let forged = senders::slack("another", now, "", body);
    refused(&server, url_of(&slack), &forged, 401, "signature-mismatch").await;
    let old = senders::slack(SECRET, seconds(600), "", body);
    refused(&server, url_of(&slack), &old, 401, "timestamp-too-old").await;

    let zoom = add(
        &server,
        "Zoom",
        json!({"provider": "zoom", "secret": SECRET}),
    )
    .await;
    let body =
        r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let question = senders::zoom(SECRET, now, "", body);
    let answer = answered(&server, url_of(&zoom), &question, JSON).await;
    let tag = HEXLOWER.encode(&sha256(SECRET.as_bytes(), "qgg8vlvZRS6UYooatFL8Aw"));
    let expected = json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": tag});
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected);
    let forged = senders::zoom("another", now, "", body);
    refused(&server, url_of(&zoom), &forged, 401, "signature-mismatch").await;

    let key = discord_key(SECRET);
    let discord = add(
        &server,
        "Discord",
        json!({"provider": "discord", "secret": key}),
    )
    .await;
    let ping = senders::discord(SECRET, now, "", r#"{"id":"1","type":1}"#);
    assert_eq!(
        answered(&server, url_of(&discord), &ping, JSON).await,
        r#"{"type":1}"#
    );
    // Discord sends such ones to see that they are refused.
    let forged = senders::discord("another", now, "", r#"{"id":"1","type":1}"#);
    refused(
        &server,
        url_of(&discord),
        &forged,
        401,
        "signature-mismatch",
    )
    .await;

    let grid = add(
        &server,
        "Grid",
        json!({"provider": "event-grid", "secret": SECRET}),
    )
    .await;
    let body = r#"[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent",
        "data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}}]"#;
    let mut question = Delivery::post(
        body,
        &[("aeg-event-type", "SubscriptionValidation".to_owned())],
    );
    refused(&server, url_of(&grid), &question, 401, "token-missing").await;
    question.query = format!("?token={SECRET}");
    let answer = answered(&server, url_of(&grid), &question, JSON).await;
    assert_eq!(
        answer,
        r#"{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}"#
    );

    let graph = add(
        &server,
        "Graph",
        json!({"provider": "microsoft-graph", "secret": SECRET}),
    )
    .await;
    let mut question = Delivery::post("", &[("content-type", "text/plain".to_owned())]);
    question.query = "?validationToken=Validation%3A+Testing+client+application".to_owned();
    let answer = answered(&server, url_of(&graph), &question, TEXT).await;
    assert_eq!(answer, "Validation: Testing client application");

    assert!(server.tasks("").await.is_empty());
    // What is no question is a delivery.
    let event = r#"{"type":"event_callback","event_id":"Ev1","challenge":"x"}"#;
    let delivery = senders::slack(SECRET, now, "", event);
    let (status, answer) = delivery.answer(&server, url_of(&slack)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(!accepted_task(&answer).is_empty(), "{answer}");
    server.is_well().await;
}
