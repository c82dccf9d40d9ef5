//! Settings of a webhook: its methods, and the header fields that its tasks keep; and spellings of its URL.

use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::Webhook;

use super::{data, send};
use crate::support::project::{Project, marks};
use crate::support::senders::{SECRET, add, url_of};
use crate::support::{Server, typed};

const NONE: [(&str, &str); 0] = [];

/// Adds a webhook with settings, and gives its URL.
async fn webhook(server: &Server, settings: Value) -> String {
    let path = "/workspaces/default/webhooks";
    let (status, body) = server.api(Method::POST, path, Some(settings)).await;
    assert_eq!(status, 201, "{body}");
    typed::<Webhook>(&body).url
}

#[tokio::test]
async fn methods_are_chosen() {
    let server = Server::start().await;
    let usual = server.webhook("usual").await;
    let all = json!(["POST", "PUT", "PATCH", "GET", "HEAD", "OPTIONS"]);
    let all = webhook(&server, json!({"name": "all", "methods": all})).await;
    let get = webhook(&server, json!({"name": "get", "methods": ["get"]})).await;
    let unknown = format!("{}/event/{}", server.url, "0".repeat(33));
    let mut made = 0;
    for (method, url, status, allow) in [
        ("POST", &usual, 200, None),
        ("PUT", &usual, 200, None),
        ("GET", &usual, 405, Some("POST, PUT")),
        ("HEAD", &usual, 405, Some("POST, PUT")),
        ("OPTIONS", &usual, 405, Some("POST, PUT")),
        ("PATCH", &usual, 405, Some("POST, PUT")),
        (
            "DELETE",
            &usual,
            405,
            Some("GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ),
        ("POST", &all, 200, None),
        ("PATCH", &all, 200, None),
        ("GET", &all, 200, None),
        (
            "HEAD",
            &all,
            204,
            Some("POST, PUT, PATCH, GET, HEAD, OPTIONS"),
        ),
        (
            "OPTIONS",
            &all,
            204,
            Some("POST, PUT, PATCH, GET, HEAD, OPTIONS"),
        ),
        ("GET", &get, 200, None),
        ("POST", &get, 405, Some("GET")),
        ("HEAD", &get, 405, Some("GET")),
        ("GET", &unknown, 404, None),
        ("OPTIONS", &unknown, 404, None),
        ("POST", &unknown, 404, None),
    ] {
        let answer = send(url, method.parse().unwrap(), &NONE, "{}").await;
        let header = answer.headers.get("allow");
        assert_eq!(
            (
                answer.status.as_u16(),
                header.map(|allow| allow.to_str().unwrap())
            ),
            (status, allow),
            "{method} {url}"
        );
        if status == 200 {
            let (_, via) = data(&server, &answer.tasks()[0]).await;
            assert_eq!(via["method"], method);
            made += 1;
        }
    }
    assert_eq!(server.tasks("").await.len(), made);
}

#[tokio::test]
async fn the_data_of_a_get_are_its_query() {
    let server = Server::start().await;
    let url = webhook(&server, json!({"name": "w", "methods": ["GET"]})).await;
    for (query, expected) in [
        ("", json!({})),
        ("?", json!({})),
        ("?a=1&b=%C3%A9+x&a=2", json!({"a": ["1", "2"], "b": "é x"})),
        ("?to[name]=Ada&$via=no", json!({"to": {"name": "Ada"}})),
        ("?payload=%7B%22n%22%3A1%7D", json!({"payload": {"n": 1}})),
        // It is no body, so it is no JSON.
        ("?{}", json!({"{}": ""})),
    ] {
        let answer = send(&format!("{url}{query}"), Method::GET, &NONE, "").await;
        let (data, via) = data(&server, &answer.tasks()[0]).await;
        assert_eq!(data, expected, "{query}");
        assert_eq!(via["method"], "GET");
    }
    let many = format!("{url}?{}", "a&".repeat(5001));
    let answer = send(&many, Method::GET, &NONE, "").await;
    assert_eq!(answer.refusal(), (400, "bad-form".into()));
}

#[tokio::test]
async fn headers_that_identify_an_event_are_kept_and_others_by_name() {
    let server = Server::start().await;
    let usual = server.webhook("usual").await;
    let named = webhook(
        &server,
        json!({"name": "named", "headers": ["X-Tenant", "accept"]}),
    )
    .await;
    let sent = [
        ("Content-Type", "application/json"),
        ("User-Agent", "GitHub-Hookshot/1"),
        ("X-GitHub-Event", "push"),
        ("X-GitHub-Delivery", "72d3162e"),
        ("X-Hub-Signature-256", "sha256=abc"),
        ("Authorization", "Bearer secret"),
        ("Cookie", "a=b"),
        ("X-Gitlab-Token", "secret"),
        ("X-Tenant", "acme"),
        ("Accept", "a/b"),
        ("Accept", "c/d"),
    ];
    let mut expected = json!({
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/1",
        "x-github-event": "push",
        "x-github-delivery": "72d3162e",
    });
    let answer = send(&usual, Method::POST, &sent, "{}").await;
    let (_, via) = data(&server, &answer.tasks()[0]).await;
    assert_eq!(via["headers"], expected);
    assert_eq!(via["userAgent"], "GitHub-Hookshot/1");
    expected["x-tenant"] = json!("acme");
    expected["accept"] = json!("a/b, c/d");
    let answer = send(&named, Method::POST, &sent, "{}").await;
    let (_, via) = data(&server, &answer.tasks()[0]).await;
    assert_eq!(via["headers"], expected);
}

/// What vouches for a request is kept neither in the headers nor, of a GET, in the data.
#[tokio::test]
async fn what_vouches_for_a_request_is_not_kept() {
    let server = Server::start().await;
    let scheme = |place: Value| json!({"check": {"token": {"at": place}}});
    let settings = json!({
        "provider": "custom", "scheme": scheme(json!({"header": "X-Plan"})), "secret": SECRET,
        "headers": ["x-plan", "x-tenant"],
    });
    let by_header = add(&server, "header", settings).await;
    let sent = [("X-Plan", SECRET), ("X-Tenant", "acme")];
    let answer = send(url_of(&by_header), Method::POST, &sent, "{}").await;
    let (_, via) = data(&server, &answer.tasks()[0]).await;
    assert_eq!(via["headers"], json!({"x-tenant": "acme"}));

    let settings = json!({
        "provider": "custom", "scheme": scheme(json!({"query": "plan"})), "secret": SECRET,
        "methods": ["GET"],
    });
    let by_query = add(&server, "query", settings).await;
    let url = |plan: &str| format!("{}?a=1&plan={plan}", url_of(&by_query));
    let answer = send(&url(SECRET), Method::GET, &NONE, "").await;
    let (sent, via) = data(&server, &answer.tasks()[0]).await;
    assert_eq!(
        (sent, &via["query"]),
        (json!({"a": "1"}), &json!({"a": "1"}))
    );
    assert_eq!(via["verified"], "custom");
    let wrong = send(&url("none"), Method::GET, &NONE, "").await;
    assert_eq!(wrong.refusal(), (401, "token-mismatch".into()));
    let post = send(&url(SECRET), Method::POST, &NONE, "{}").await;
    assert_eq!(post.refusal(), (405, "method-not-allowed".into()));
}

/// A sender that asks by GET still asks if its webhook accepts GET, too.
#[tokio::test]
async fn a_get_is_a_question_or_a_delivery() {
    let server = Server::start().await;
    let methods = json!(["POST", "GET", "HEAD"]);
    let settings = json!({"provider": "dropbox", "secret": SECRET, "methods": methods});
    let dropbox = add(&server, "Dropbox", settings).await;
    let asked = format!("{}?challenge=abc", url_of(&dropbox));
    let answer = send(&asked, Method::GET, &NONE, "").await;
    assert_eq!((answer.status.as_u16(), answer.body), (200, json!("abc")));
    let unsigned = send(url_of(&dropbox), Method::GET, &NONE, "").await;
    assert_eq!(unsigned.refusal(), (401, "signature-missing".into()));
    let head = send(url_of(&dropbox), Method::HEAD, &NONE, "").await;
    assert_eq!(head.status, 204);
    assert_eq!(server.tasks("").await.len(), 0);
}

#[tokio::test]
async fn a_slash_and_encoded_letters_find_the_webhook() {
    let server = Server::start().await;
    let url = server.webhook("w").await;
    let (base, key) = url.rsplit_once('/').unwrap();
    let encoded: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let first = format!("%{:02X}{}", key.as_bytes()[0], &key[1..]);
    for (key, status) in [
        (format!("{key}/"), 200),
        (format!("{key}/?a=1"), 200),
        (encoded, 200),
        (format!("{first}/"), 200),
        (format!("{key}%2F"), 200),
        (format!("{key}//"), 404),
        (format!("/{key}"), 404),
        (format!("{key}/x"), 404),
        (format!("%{key}"), 404),
        (format!("{key}%00"), 404),
        (key.to_lowercase(), 404),
        (String::new(), 404),
        ("/".to_owned(), 404),
    ] {
        let answer = send(&format!("{base}/{key}"), Method::POST, &NONE, "{}").await;
        assert_eq!(answer.status, status, "{key}: {}", answer.body);
    }
    assert_eq!(server.tasks("").await.len(), 5);
}

#[tokio::test]
async fn settings_are_set_by_the_command_line_and_stay() {
    let mut server = Server::start().await;
    let show = |server: &Server| {
        let shown: Webhook = server.cli_json(&["webhook", "show", "Form"]);
        json!([shown.correlate, shown.methods, shown.headers])
    };
    let add = [
        "webhook", "add", "Form", "--header", "X-Tenant", "--method", "GET", "--method", "post",
    ];
    server.cli_json::<Webhook>(&add);
    assert_eq!(show(&server), json!([null, ["POST", "GET"], ["x-tenant"]]));
    for (flags, expected) in [
        (
            &["--correlate", "/a"][..],
            json!(["/a", ["POST", "GET"], ["x-tenant"]]),
        ),
        (
            &["--header", "x-plan"],
            json!(["/a", ["POST", "GET"], ["x-plan"]]),
        ),
        (
            &["--method", "PUT", "--no-correlate"],
            json!([null, ["PUT"], ["x-plan"]]),
        ),
        (&["--no-header"], json!([null, ["PUT"], []])),
        (
            &["--header", "a", "--header", "b"],
            json!([null, ["PUT"], ["a", "b"]]),
        ),
    ] {
        server.cli_json::<Webhook>(&[&["webhook", "update", "Form"], flags].concat());
        assert_eq!(show(&server), expected, "{flags:?}");
    }
    server.restart().await;
    assert_eq!(show(&server), json!([null, ["PUT"], ["a", "b"]]));
    for (flags, says) in [
        (["--header", "Cookie"], "`cookie` may hold a secret"),
        (["--header", "a b"], "`a b` is not the name of a header"),
        (
            ["--method", "DELETE"],
            "cannot accept the method `DELETE`; it can accept POST, PUT",
        ),
        (
            ["--method", "HEAD"],
            "at least one of POST, PUT, PATCH and GET",
        ),
    ] {
        let ran = server.cli(&[&["webhook", "update", "Form"][..], &flags].concat());
        let text = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(
            !ran.status.success() && text.contains(says),
            "{flags:?}: {text}"
        );
    }
    assert_eq!(show(&server), json!([null, ["PUT"], ["a", "b"]]));
}

#[tokio::test]
async fn settings_are_deployed() {
    let server = Server::start().await;
    let manifest =
        |webhook: &str| format!("workspaces:\n- name: default\n  webhooks: [{webhook}]\n");
    let project = Project::new(&manifest(
        "{name: Paid, methods: [get, POST], headers: [X-Tenant]}",
    ));
    let run = || marks(&project.deploy(&server, &[]))[1].clone();
    assert_eq!(run(), "+ webhook Paid");
    assert_eq!(run(), "= webhook Paid");
    let paid = || server.cli_json::<Webhook>(&["webhook", "show", "Paid"]);
    assert_eq!(paid().methods, ["POST", "GET"]);
    assert_eq!(paid().headers, ["x-tenant"]);
    // Without the keys they stay.
    project.write("deploy.yaml", manifest("{name: Paid}"));
    assert_eq!(run(), "= webhook Paid");
    let reset = "{name: Paid, methods: [POST, PUT], headers: []}";
    project.write("deploy.yaml", manifest(reset));
    assert_eq!(run(), "~ webhook Paid");
    assert_eq!(run(), "= webhook Paid");
    assert_eq!(paid().methods, ["POST", "PUT"]);
    assert!(paid().headers.is_empty());
    for (wrong, place, says) in [
        (
            "methods: [TRACE]",
            "webhooks[0].methods",
            "the method `TRACE`",
        ),
        (
            "headers: [Cookie]",
            "webhooks[0].headers",
            "may hold a secret",
        ),
        ("methods: []", "webhooks[0].methods", "at least one"),
    ] {
        project.write("deploy.yaml", manifest(&format!("{{name: Paid, {wrong}}}")));
        let ran = project.deploy(&server, &[]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            ran.stderr.contains(place) && ran.stderr.contains(says),
            "{ran:?}"
        );
    }
}
