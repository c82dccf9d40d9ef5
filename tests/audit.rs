//! The audit log through the real binary: what is in it, who sees it, and that it is there after a crash.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::{AuditEntry, AuditLog, TaskHead};

use crate::support::{Answer, Server, refusal, texts, typed};

/// The entries at a path of the API, the oldest first.
async fn entries(server: &Server, token: &str, path: &str) -> Vec<AuditEntry> {
    let (status, body) = server.api_as(token, Method::GET, path, None).await;
    assert_eq!(status, 200, "{body}");
    let mut entries = Answer::<AuditLog>::of(body).entries.clone();
    entries.reverse();
    entries
}

fn said(entries: &[AuditEntry]) -> Vec<String> {
    let said = |entry: &AuditEntry| {
        format!(
            "{} {} {} {}",
            entry.who, entry.what, entry.target, entry.outcome
        )
    };
    entries.iter().map(said).collect()
}

const PARKS: &str = "export const condition = {p: true};
    export const content = async () => { task.park(3_600_000); };";

#[tokio::test]
async fn changes_and_actions_are_there_with_who_made_them_also_after_a_crash() {
    let mut server = Server::start().await;
    server.enter("sales").await;
    let scopes = ["read", "deploy", "operate", "ingest", "admin"];
    let token = server
        .add_token("/workspaces/sales/tokens", "ci", &scopes)
        .await;
    let ask = async |method: Method, path: &str, body: Value| {
        let body = (!body.is_null()).then_some(body);
        let path = format!("/workspaces/sales/{path}");
        server.api_as(&token, method, &path, body).await
    };
    let secret = "s3cret-value-of-the-config";
    let source = json!({"entry": "p.js", "modules": {"p.js": PARKS}});
    for (method, path, body, status) in [
        (
            Method::PUT,
            "config/CRM_TOKEN",
            json!({"value": secret}),
            204,
        ),
        (Method::DELETE, "config/NEVER", Value::Null, 404),
        (
            Method::POST,
            "webhooks",
            json!({"name": "Contact Form"}),
            201,
        ),
        (
            Method::POST,
            "webhooks",
            json!({"name": "Contact Form"}),
            409,
        ),
        (Method::PUT, "steps/a%2Fb", source, 201),
        (
            Method::PUT,
            "schedules/s?dry_run=true",
            json!({"cron": "@daily"}),
            200,
        ),
    ] {
        let (got, answer) = ask(method, path, body).await;
        assert_eq!(got, status, "{path}: {answer}");
    }
    let (_, task) = ask(Method::POST, "tasks", json!({"p": true})).await;
    let id = typed::<TaskHead>(&task).id;
    server.waiting(&id).await;
    for verb in ["keep", "update", "cancel", "cancel", "retry", "replay"] {
        let body = match verb {
            "update" => json!({"patch": {"p": false}}),
            _ => Value::Null,
        };
        ask(Method::POST, &format!("tasks/{id}/{verb}"), body).await;
    }
    // A crash loses nothing of what was answered.
    let log = "/workspaces/sales/audit";
    let token = token.clone();
    server.restart().await;
    let found = entries(&server, &token, log).await;
    let task = |rest: &str| format!("ci {}", rest.replace("ID", &format!("tasks/{id}")));
    let wanted = [
        "admin addToken tokens/ci done".to_owned(),
        "ci setConfig config/CRM_TOKEN done".to_owned(),
        "ci deleteConfig config/NEVER not-found".to_owned(),
        "ci addWebhook webhooks/Contact Form done".to_owned(),
        "ci addWebhook webhooks/Contact Form exists".to_owned(),
        "ci putStep steps/a/b done".to_owned(),
        task("keepTask ID/keep done"),
        task("updateTask ID/update done"),
    ];
    assert_eq!(said(&found)[..wanted.len()], wanted, "{:#?}", said(&found));
    let rest: BTreeSet<&str> = found[wanted.len()..]
        .iter()
        .map(|entry| entry.what.as_str())
        .collect();
    assert_eq!(rest, BTreeSet::from(["cancelTask", "retryTask"]));
    assert!(
        found
            .iter()
            .all(|entry| entry.ip == "127.0.0.1" && entry.workspace.as_deref() == Some("sales"))
    );
    assert!(found[0].token.is_none() && found[1].token.is_some());
    let text = serde_json::to_string(&found).unwrap();
    assert!(
        !text.contains(secret) && !text.contains(&token[4..]),
        "{text}"
    );
    // By the command line, and narrowed.
    let listed = server.cli(&["audit", "list", "--what", "config/", "--since", "1d"]);
    let lines = texts(&listed).0;
    assert!(
        lines.contains("CRM_TOKEN") && lines.contains("not-found") && !lines.contains("keepTask"),
        "{lines}"
    );
    let page =
        |flag: &str, value: &str| -> AuditLog { server.cli_json(&["audit", "list", flag, value]) };
    assert_eq!(page("--who", "admin").entries.len(), 1);
    let two = page("--limit", "2");
    let rest = page("--before", two.next.as_deref().unwrap());
    assert_eq!(
        (two.entries.len(), rest.entries.len()),
        (2, found.len() - 2)
    );
}

#[tokio::test]
async fn a_tenant_reads_its_own_log_and_the_operator_all_of_them() {
    let mut server = Server::start().await;
    for name in ["north", "south"] {
        server.enter(name).await;
        server.config("KEY", "v").await;
    }
    let north = "/workspaces/north";
    let admin = server
        .add_token(&format!("{north}/tokens"), "people", &["admin"])
        .await;
    let reader = server
        .add_token(&format!("{north}/tokens"), "reader", &["read"])
        .await;
    // What a tenant tries elsewhere is in its own log, and in no other.
    for (token, path, status) in [
        (&reader, "/workspaces/south/config/KEY", 404),
        (&reader, "/workspaces/north/config/KEY", 403),
        (&admin, "/tokens/ops", 403),
    ] {
        let (got, answer) = server.api_as(token, Method::DELETE, path, None).await;
        assert_eq!(got, status, "{answer}");
    }
    let own = entries(&server, &admin, &format!("{north}/audit")).await;
    let own = said(&own);
    assert_eq!(
        own[own.len() - 3..],
        [
            "reader deleteConfig config/KEY not-found",
            "reader deleteConfig config/KEY forbidden",
            "people revokeServerToken tokens/ops forbidden"
        ]
    );
    for (token, path, status) in [
        (&reader, format!("{north}/audit"), 403),
        (&admin, "/workspaces/south/audit".to_owned(), 404),
        (&admin, "/audit".to_owned(), 403),
    ] {
        let (got, _) = server.api_as(token, Method::GET, &path, None).await;
        assert_eq!(got, status, "{path}");
    }
    let (status, _) = server.api(Method::DELETE, "/workspaces/south", None).await;
    assert_eq!(status, 204);
    let all = said(&entries(&server, server.token(), "/audit").await);
    assert_eq!(all[0], "admin addWorkspace workspaces/north done");
    assert_eq!(
        all.last().unwrap(),
        "admin deleteWorkspace workspaces/south done"
    );
    // The log of a workspace goes with it; that it was there stays with the server.
    assert_eq!(
        all.iter().filter(|line| line.contains("setConfig")).count(),
        1,
        "{all:#?}"
    );
    assert!(all.contains(&"admin addWorkspace workspaces/south done".to_owned()));
    for wrong in [
        "limit=0",
        "limit=501",
        "since=yesterday",
        "before=x",
        "what=%FF&no=1",
    ] {
        let path = format!("/audit?{wrong}");
        let (status, answer) = server.api(Method::GET, &path, None).await;
        assert_eq!(
            (status.as_u16(), refusal(&answer).code.as_str()),
            (400, "bad-parameter"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_a_thousand_times_is_written_some_times() {
    let server = Server::start().await;
    let reader = server
        .add_token("/workspaces/default/tokens", "reader", &["read"])
        .await;
    for _ in 0..200 {
        let path = "/workspaces/default/config/KEY";
        let (status, _) = server.api_as(&reader, Method::DELETE, path, None).await;
        assert_eq!(status, 403);
    }
    let path = "/workspaces/default/audit?limit=500&who=reader";
    let found = entries(&server, server.token(), path).await;
    // Over two minutes at most.
    let most = 2 * stepwell::domain::limits::AUDIT_REFUSED_A_MINUTE as usize;
    assert!((1..=most).contains(&found.len()), "{}", found.len());
}

/// Every route that may change something is audited, but for those that are named here.
#[test]
fn every_route_that_changes_something_is_audited() {
    let source =
        std::fs::read_to_string(crate::support::repository().join("host/src/http/routes.rs"))
            .unwrap();
    assert_eq!(
        source.matches(".without_audit()").count(),
        2,
        "addTask and replayTask"
    );
}

#[tokio::test]
async fn how_much_is_kept_is_the_operators_to_set() {
    let server = Server::with(&["--audit-entries", "1000", "--audit-days", "30"]).await;
    for n in 0..1_010 {
        server.config("KEY", &n.to_string()).await;
    }
    let (mut count, mut before) = (0, String::new());
    loop {
        let path = server.path(&format!("audit?limit=500{before}"));
        let page = server.get::<AuditLog>(&path).await;
        count += page.entries.len();
        match &page.next {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(count, 1_000);
}
