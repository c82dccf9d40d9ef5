//! How a webhook answers: fixed replies, redirects of forms, cross-origin requests; and settings that cannot be.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::project::{Project, marks};
use crate::support::ran::cli;
use crate::support::senders::{Delivery, add, url_of};
use crate::support::{Answer, Server, refusal, typed};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Problem, Webhook, Webhooks};

/// Sends a request as it is: redirects are not followed.
pub async fn send(
    server: &Server,
    webhook: &Webhook,
    method: Method,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let url = url_of(webhook);
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let url = format!("{}{}", server.url, &url[url.find("/event/").unwrap()..]);
    let mut request = client.build().unwrap().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_owned()).send().await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Sets what is named of a webhook, and gives it as it is.
pub async fn set(server: &Server, name: &str, change: Value) -> Answer<Webhook> {
    let path = server.path(&format!("webhooks/{name}"));
    let (status, webhook) = server.api(Method::PATCH, &path, Some(change)).await;
    assert_eq!(status, StatusCode::OK, "{webhook}");
    Answer::of(webhook)
}

/// A webhook's fixed reply.
fn reply_of(webhook: &Webhook) -> Value {
    serde_json::to_value(&webhook.reply).unwrap()
}

#[tokio::test]
async fn every_request_gets_the_fixed_reply_and_becomes_a_task() {
    let mut server = Server::start().await;
    let reply = json!({"status": 201, "body": "<Response/>",
        "headers": {"Content-Type": "text/xml", "X-Reason": "because"}});
    let settings = json!({"reply": reply, "dedup": {"header": "x-id"}});
    let webhook = add(&server, "Voice", settings).await;
    let shown = json!({"status": 201, "body": "<Response/>",
        "headers": {"content-type": "text/xml", "x-reason": "because"}});
    assert_eq!(reply_of(&webhook), shown);
    for turn in 0..3 {
        if turn == 2 {
            server.kill();
            server.launch().await;
        }
        let sent = send(&server, &webhook, Method::POST, &[("x-id", "1")], "{}").await;
        assert_eq!(sent.status(), 201);
        let headers = sent.headers();
        assert_eq!(header(headers, "content-type"), "text/xml");
        assert_eq!(header(headers, "x-reason"), "because");
        // A page of a tenant's is none of the server's origin.
        assert_eq!(header(headers, "content-security-policy"), "sandbox");
        assert_eq!(header(headers, "x-content-type-options"), "nosniff");
        assert_eq!(sent.text().await.unwrap(), "<Response/>");
    }
    assert_eq!(server.tasks("").await.len(), 1);
    // What is refused is told, whatever the webhook says.
    let bad = [("content-type", "application/json")];
    let refused = send(&server, &webhook, Method::POST, &bad, "{").await;
    assert_eq!(refused.status(), 400);

    let empty = set(&server, "Voice", json!({"reply": {"status": 204}})).await;
    let sent = send(&server, &empty, Method::POST, &[], "{}").await;
    assert_eq!(
        (sent.status(), sent.headers().get("content-type")),
        (StatusCode::NO_CONTENT, None)
    );
    let elsewhere =
        json!({"reply": {"status": 302, "headers": {"location": "https://example.com/a"}}});
    let elsewhere = set(&server, "Voice", elsewhere).await;
    let sent = send(&server, &elsewhere, Method::POST, &[], "{}").await;
    assert_eq!(
        (sent.status(), header(sent.headers(), "location")),
        (StatusCode::FOUND, "https://example.com/a")
    );
    let none = set(&server, "Voice", json!({"reply": null})).await;
    assert!(none.reply.is_none());
    let sent = send(&server, &none, Method::POST, &[], "{}").await;
    assert_eq!(
        (sent.status(), sent.headers().get("content-security-policy")),
        (StatusCode::OK, None)
    );
    assert!(sent.text().await.unwrap().starts_with("{\"task\":"));
}

#[tokio::test]
async fn a_browser_that_sent_a_form_is_led_on_and_no_one_else() {
    let server = Server::start().await;
    let thanks = "https://example.com/thanks?a=1";
    let settings = json!({"redirect": thanks, "reply": {"body": "ok"}});
    let webhook = add(&server, "Form", settings).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let parts = ("content-type", "multipart/form-data; boundary=x");
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let (navigates, fetches) = (("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "cors"));
    let part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
    for (headers, body, is_led) in [
        (&[form, html][..], "a=1", true),
        (&[form, html, navigates], "a=1", true),
        (&[parts, navigates], part, true),
        (&[form, html, fetches], "a=1", false),
        (&[form], "a=1", false),
        (&[form, ("accept", "*/*")], "a=1", false),
        (
            &[("content-type", "application/json"), html, navigates],
            "{}",
            false,
        ),
    ] {
        let sent = send(&server, &webhook, Method::POST, headers, body).await;
        let (status, to) = (sent.status(), sent.headers().get(LOCATION));
        match is_led {
            true => assert_eq!(
                (status.as_u16(), to.unwrap().to_str().unwrap()),
                (303, thanks)
            ),
            false => assert_eq!((status.as_u16(), to), (200, None), "{headers:?}"),
        }
    }
    assert_eq!(server.tasks("").await.len(), 7);
    set(&server, "Form", json!({"redirect": null})).await;
    let sent = send(&server, &webhook, Method::POST, &[form, html], "a=1").await;
    assert_eq!(sent.status(), 200);
}

#[tokio::test]
async fn pages_of_named_origins_may_read_answers_and_refusals() {
    let server = Server::start().await;
    let app = "https://app.example.com";
    let webhook = add(&server, "Page", json!({"allow_origins": [app]})).await;
    let preflight = |origin: &'static str, name: &'static str| {
        let asks = ("access-control-request-method", "POST");
        let names = ("access-control-request-headers", name);
        [("origin", origin), asks, names]
    };
    let names = "content-type,x-tenant";
    let asked = send(
        &server,
        &webhook,
        Method::OPTIONS,
        &preflight(app, names),
        "",
    )
    .await;
    assert_eq!(asked.status(), 204);
    let headers = asked.headers();
    assert_eq!(header(headers, "access-control-allow-origin"), app);
    assert_eq!(header(headers, "access-control-allow-methods"), "POST, PUT");
    assert_eq!(header(headers, "access-control-allow-headers"), names);
    assert!(headers.get("access-control-allow-credentials").is_none());
    let varies = headers.get_all("vary").iter();
    let varies: Vec<_> = varies.map(|value| value.to_str().unwrap()).collect();
    assert!(varies.join(", ").contains("Origin"), "{varies:?}");

    let other = "https://app.example.com.evil.example";
    let asked = send(
        &server,
        &webhook,
        Method::OPTIONS,
        &preflight(other, names),
        "",
    )
    .await;
    let headers = asked.headers();
    assert_eq!(
        (asked.status(), headers.get("access-control-allow-origin")),
        (StatusCode::NO_CONTENT, None)
    );
    assert_eq!(headers.get("access-control-allow-methods"), None);
    assert_eq!(server.tasks("").await.len(), 0);

    // Without the question of a browser, OPTIONS is a method as any other.
    let plain = send(&server, &webhook, Method::OPTIONS, &[("origin", app)], "").await;
    assert_eq!(plain.status(), 405);
    let json = ("content-type", "application/json");
    for (body, status) in [("{\"a\":1}", 200), ("{", 400)] {
        for (origin, allowed) in [(app, app), (other, ""), ("null", "")] {
            let headers = [json, ("origin", origin)];
            let sent = send(&server, &webhook, Method::POST, &headers, body).await;
            assert_eq!(sent.status(), status);
            let headers = sent.headers();
            assert_eq!(header(headers, "access-control-allow-origin"), allowed);
            assert_eq!(header(headers, "vary"), "Origin");
            let exposed = header(headers, "access-control-expose-headers");
            assert_eq!(exposed.contains("Retry-After"), !allowed.is_empty());
        }
    }
    let all = set(
        &server,
        "Page",
        json!({"allow_origins": ["*"], "disabled": true}),
    )
    .await;
    let sent = send(
        &server,
        &all,
        Method::POST,
        &[json, ("origin", other)],
        "{}",
    )
    .await;
    assert_eq!(sent.status(), 503);
    assert_eq!(header(sent.headers(), "access-control-allow-origin"), "*");
    let none = set(
        &server,
        "Page",
        json!({"allow_origins": [], "disabled": false}),
    )
    .await;
    let asked = send(&server, &none, Method::OPTIONS, &preflight(app, names), "").await;
    assert_eq!(asked.status(), 405);
    assert_eq!(asked.headers().get("vary"), None);
}

#[tokio::test]
async fn a_reply_that_cannot_be_is_refused_with_what_would_be_right() {
    let server = Server::start().await;
    add(&server, "There", json!({})).await;
    let long = "x".repeat(20_000);
    for (settings, field, part) in [
        (json!({"reply": {"status": 500}}), "reply", "200 to 299"),
        (json!({"reply": {"status": 302}}), "reply", "`location`"),
        (
            json!({"reply": {"status": 204, "body": "x"}}),
            "reply",
            "has no body",
        ),
        (json!({"reply": {"body": long}}), "reply", "16384"),
        (
            json!({"reply": {"headers": {"X-A": "a\r\nSet-Cookie: b=c"}}}),
            "reply",
            "line break",
        ),
        (
            json!({"reply": {"headers": {"X-A": "größer"}}}),
            "reply",
            "printable ASCII",
        ),
        (
            json!({"reply": {"headers": {"X\r\nA": "a"}}}),
            "reply",
            "not the name of a header",
        ),
        (
            json!({"reply": {"headers": {"größe": "a"}}}),
            "reply",
            "not the name of a header",
        ),
        (
            json!({"reply": {"headers": {"Set-Cookie": "a=b"}}}),
            "reply",
            "`set-cookie` is the server's",
        ),
        (
            json!({"reply": {"headers": {"Transfer-Encoding": "chunked"}}}),
            "reply",
            "the server's",
        ),
        (
            json!({"reply": {}, "wait_seconds": 5}),
            "reply",
            "one of the two",
        ),
        (json!({"wait_seconds": 0}), "wait_seconds", "1 to 60 s"),
        (json!({"wait_seconds": 61}), "wait_seconds", "1 to 60 s"),
        (
            json!({"redirect": "/thanks"}),
            "redirect",
            "https://example.com/thanks",
        ),
        (
            json!({"redirect": "javascript:alert(1)"}),
            "redirect",
            "http or https",
        ),
        (
            json!({"allow_origins": ["https://a.example/"]}),
            "allow_origins",
            "https://app.example.com",
        ),
        (
            json!({"allow_origins": ["*", "https://a.example"]}),
            "allow_origins",
            "alone",
        ),
    ] {
        let mut new = settings.clone();
        new["name"] = json!("New");
        let there = server.path("webhooks/There");
        for (method, path, body) in [
            (Method::POST, server.path("webhooks"), new),
            (Method::PATCH, there, settings.clone()),
        ] {
            let (status, problem) = server.api(method, &path, Some(body)).await;
            assert_eq!(status, 422, "{settings}: {problem}");
            let Problem {
                code,
                field: wrong,
                detail,
                ..
            } = refusal(&problem);
            assert_eq!(
                (code.as_str(), wrong.as_deref()),
                ("bad-webhook", Some(field))
            );
            assert!(detail.contains(part), "{settings}: {detail}");
        }
    }
    let (status, _) = server
        .api(
            Method::POST,
            &server.path("webhooks"),
            Some(json!({"name": "New", "reply": {"code": 200}})),
        )
        .await;
    assert_eq!(status, 400);
    let Webhooks { webhooks } = &*server.get(&server.path("webhooks")).await;
    assert_eq!(webhooks.len(), 1);
    assert!(webhooks[0].reply.is_none());
}

#[tokio::test]
async fn replies_are_set_on_the_command_line() {
    let server = Server::start().await;
    let run = |words: &[&str]| cli(&server, &[&["webhook"], words].concat());
    run(&[
        "add",
        "Voice",
        "--reply-status",
        "201",
        "--reply-header",
        "Content-Type: text/xml",
        "--reply-body",
        "<a/>",
        "--redirect",
        "https://example.com/",
        "--allow-origin",
        "https://a.example",
    ])
    .ok();
    let shown = run(&["show", "Voice"]);
    let sheet = shown.ok();
    for part in [
        "201, 4 bytes",
        "content-type: text/xml",
        "https://example.com/",
        "https://a.example",
    ] {
        assert!(sheet.contains(part), "{sheet}");
    }
    // What is not named of the reply stays.
    run(&["update", "Voice", "--reply-body", "<b/>"]).ok();
    let show = || typed::<Webhook>(&run(&["show", "Voice", "--json"]).json());
    let reply = json!({"status": 201, "headers": {"content-type": "text/xml"}, "body": "<b/>"});
    assert_eq!(reply_of(&show()), reply);
    run(&[
        "update",
        "Voice",
        "--wait",
        "10s",
        "--no-redirect",
        "--no-allow-origin",
    ])
    .ok();
    let webhook = show();
    assert_eq!((webhook.reply, webhook.wait_seconds), (None, Some(10)));
    assert_eq!((webhook.redirect, webhook.allow_origins), (None, vec![]));
    assert!(
        run(&["show", "Voice"])
            .ok()
            .contains("10 s for what comes of the task")
    );
    run(&["update", "Voice", "--no-wait"]).ok();
    assert_eq!(show().wait_seconds, None);
    for (words, part) in [
        (
            &["update", "Voice", "--wait", "1500ms"][..],
            "whole seconds",
        ),
        (&["update", "Voice", "--reply-header", "X"], "NAME: VALUE"),
        (
            &["update", "Voice", "--wait", "5s", "--reply-body", "x"],
            "cannot be used with",
        ),
    ] {
        let ran = run(words);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
    let ran = run(&["update", "Voice", "--wait", "2m"]);
    assert!(
        ran.code == Some(1) && ran.stderr.contains("1 to 60 s"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn replies_are_deployed() {
    let server = Server::start().await;
    let manifest =
        |webhook: &str| format!("workspaces:\n- name: default\n  webhooks:\n  - {webhook}\n");
    let first = "{name: V, reply: {status: 201, headers: {Content-Type: text/xml}, body: <a/>}, redirect: https://example.com/, allowOrigins: [https://a.example]}";
    let project = Project::new(&manifest(first));
    let deploy = || project.deploy(&server, &[]);
    assert_eq!(marks(&deploy())[1], "+ webhook V");
    assert_eq!(marks(&deploy())[1], "= webhook V");
    let show = || typed::<Webhook>(&cli(&server, &["webhook", "show", "V", "--json"]).json());
    let reply = json!({"status": 201, "headers": {"content-type": "text/xml"}, "body": "<a/>"});
    assert_eq!(reply_of(&show()), reply);
    project.write(
        "deploy.yaml",
        manifest("{name: V, wait: 5s, redirect: none, allowOrigins: []}"),
    );
    let ran = deploy();
    assert!(
        ran.ok().contains("wait, redirect and allowOrigins change"),
        "{ran:?}"
    );
    assert_eq!((show().reply, show().wait_seconds), (None, Some(5)));
    // What is not named stays.
    project.write("deploy.yaml", manifest("{name: V}"));
    assert_eq!(marks(&deploy())[1], "= webhook V");
    project.write(
        "deploy.yaml",
        manifest("{name: V, wait: none, reply: none}"),
    );
    deploy().ok();
    assert_eq!(show().wait_seconds, None);
    for (webhook, place, part) in [
        (
            "{name: V, reply: {status: 404}}",
            "webhooks[0].reply",
            "200 to 299",
        ),
        (
            "{name: V, reply: {status: x}}",
            "webhooks[0].reply.status",
            "200 to 299",
        ),
        (
            "{name: V, reply: {headers: [a]}}",
            "webhooks[0].reply.headers",
            "mapping of header names",
        ),
        (
            "{name: V, reply: {}, wait: 5s}",
            "webhooks[0].reply",
            "one of the two",
        ),
        ("{name: V, wait: 90s}", "webhooks[0].wait", "1 to 60 s"),
        (
            "{name: V, redirect: thanks}",
            "webhooks[0].redirect",
            "https://example.com/thanks",
        ),
        (
            "{name: V, allowOrigins: [a.example]}",
            "webhooks[0].allowOrigins",
            "not an origin",
        ),
    ] {
        project.write("deploy.yaml", manifest(webhook));
        let ran = deploy();
        assert_ne!(ran.code, Some(0), "{webhook}");
        assert!(
            ran.stderr.contains(place) && ran.stderr.contains(part),
            "{ran:?}"
        );
    }
    let webhook = show();
    let delivery = Delivery::post("{}", &[]);
    assert_eq!(delivery.answer(&server, url_of(&webhook)).await.0, 200);
}
