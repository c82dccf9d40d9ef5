//! Finding tasks: by state, name, tag, webhook, time and a pattern over the data, page by page.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use crate::support::ran::cli;
use crate::support::{Server, guest, typed};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::{TaskCounts, TaskHead, TaskPage};

/// Names and tags what is a deal, and fails on what is cursed.
const DEALS: &str = "export const condition = {kind: 'deal'};
export const content = async () => {
    task.name(`deal ${data.n}`);
    task.tags(data.n % 2 ? ['odd', 'deal'] : ['deal']);
};
";
const CURSED: &str = "export const condition = {kind: 'cursed'};
export const content = async () => { const error = new Error('cursed'); error.final = true; throw error; };
";

/// 30 deals, 5 cursed, 5 that nothing matches.
async fn filled() -> (Server, Vec<String>) {
    let server = Server::start().await;
    server.script("deals", DEALS).await;
    server.script("cursed", CURSED).await;
    let (orders, form) = (server.webhook("Orders").await, server.webhook("Form").await);
    let mut ids = Vec::new();
    for n in 0..40 {
        let kind = ["deal", "cursed", "other"][usize::from(n >= 30) + usize::from(n >= 35)];
        let webhook = if n % 3 == 0 { &form } else { &orders };
        let body = json!({"kind": kind, "n": n, "amount": n * 10, "customer": {"email": format!("{n}@example.com")}});
        ids.push(server.post(webhook, &body).await);
    }
    server.settled().await;
    (server, ids)
}

/// Every task that a query finds, page by page, as the places of `ids`.
async fn found(server: &Server, ids: &[String], query: &[(&str, &str)]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let mut path = url::Url::parse("http://x/").unwrap();
        path.query_pairs_mut().extend_pairs(query);
        if let Some(before) = &before {
            path.query_pairs_mut().append_pair("before", before);
        }
        let path = server.path(&format!("tasks?{}", path.query().unwrap_or_default()));
        let page = server.get::<TaskPage>(&path).await;
        for task in &page.tasks {
            places.push(ids.iter().position(|id| task.id == *id).unwrap());
        }
        before = page.next.clone();
        if before.is_none() {
            return places;
        }
    }
}

#[tokio::test]
async fn tasks_are_found_by_what_is_known_of_them() {
    let (mut server, ids) = filled().await;
    for round in 0..2 {
        let all = |fits: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (0..40).rev().filter(|n| fits(*n)).collect()
        };
        type Fits<'f> = &'f dyn Fn(usize) -> bool;
        let cases: [(&[(&str, &str)], Fits<'_>); 11] = [
            (&[("limit", "7")], &|_| true),
            (&[("attention", "true"), ("limit", "3")], &|n| n >= 30),
            (&[("state", "error,unmatched")], &|n| n >= 30),
            (&[("state", "error")], &|n| (30..35).contains(&n)),
            (&[("state", "done,error"), ("limit", "4")], &|n| n < 35),
            (&[("name", "deal 7")], &|n| n == 7),
            (&[("tag", "odd"), ("limit", "2")], &|n| n < 30 && n % 2 == 1),
            (&[("webhook", "Form")], &|n| n % 3 == 0),
            (
                &[
                    ("where", r#"{"amount": {"$gt": 100, "$lte": 320}}"#),
                    ("limit", "5"),
                ],
                &|n| n > 10 && n <= 32,
            ),
            (
                &[
                    ("where", r#"{"customer": {"email": {"$regex": "^1.?@"}}}"#),
                    ("tag", "deal"),
                ],
                &|n| n == 1 || (10..20).contains(&n),
            ),
            (
                &[
                    ("where", r#"{"$via": {"name": "Orders"}}"#),
                    ("state", "unmatched"),
                ],
                &|n| n >= 35 && n % 3 != 0,
            ),
        ];
        for (query, fits) in cases {
            assert_eq!(
                found(&server, &ids, query).await,
                all(fits),
                "{query:?}, round {round}"
            );
        }
        let created = async |id: &str| server.task(id).await.created.clone();
        let (tenth, twentieth) = (created(&ids[10]).await, created(&ids[20]).await);
        let span = found(&server, &ids, &[("since", &tenth), ("until", &twentieth)]).await;
        let exact: BTreeSet<usize> = span.iter().copied().collect();
        assert!(
            (10..=20).all(|n| exact.contains(&n)),
            "both ends are in it: {span:?}"
        );
        for place in span {
            let at = created(&ids[place]).await;
            assert!(at >= tenth && at <= twentieth, "{at}");
        }
        // The same from what a restart reads back.
        server.restart().await;
    }
}

#[tokio::test]
async fn a_command_lists_what_needs_attention() {
    let (server, ids) = filled().await;
    let listed = cli(
        &server,
        &["task", "list", "--attention", "--since", "2h", "--json"],
    )
    .json();
    let TaskPage::<TaskHead> { tasks, .. } = typed(&listed);
    let listed: Vec<&String> = tasks.iter().map(|task| &task.id).collect();
    assert_eq!(listed, ids[30..].iter().rev().collect::<Vec<_>>());
    let table = cli(
        &server,
        &[
            "task",
            "list",
            "--state",
            "error,done",
            "--tag",
            "odd",
            "--where",
            r#"{"n": {"$lt": 4}}"#,
        ],
    );
    assert!(
        table.ok().contains(&ids[1]) && table.ok().contains("deal 3"),
        "{}",
        table.stdout
    );
    assert_eq!(table.ok().lines().count(), 3, "{}", table.stdout);
    let page = cli(
        &server,
        &["task", "list", "--limit", "5", "--webhook", "Form"],
    );
    assert!(page.stderr.contains("--before"), "{page:?}");
    let (code, message) = cli(
        &server,
        &[
            "task",
            "list",
            "--where",
            r#"{"a": {"$gte": 1, "$nope": 2}}"#,
            "--json",
        ],
    )
    .refusal(1);
    assert_eq!(code, "bad-pattern");
    assert!(message.contains("/a/$nope"), "{message}");
    cli(&server, &["task", "list", "--until", "tomorrow", "--json"]).refusal(2);
}

/// More tasks than one page looks at: the page is short, and the next one goes on.
#[tokio::test]
async fn a_page_is_bounded_work() {
    let server = Server::start().await;
    server.step_with("noop", &guest("noop"), "").await;
    let webhook = server.webhook("w").await;
    let first = server.post(&webhook, &json!({"rare": true})).await;
    for _ in 0..2_100 {
        server.post(&webhook, &json!({})).await;
    }
    let ids = [first.clone()];
    let path = server.path("tasks?where=%7B%22rare%22%3Atrue%7D");
    let page = server.get::<TaskPage>(&path).await;
    assert!(page.tasks.is_empty() && page.next.is_some(), "{page}");
    assert_eq!(
        found(&server, &ids, &[("where", r#"{"rare": true}"#)]).await,
        [0]
    );
    // The command goes on by itself.
    let args = ["task", "list", "--where", r#"{"rare": true}"#];
    let listed = cli(&server, &args);
    assert!(listed.ok().contains(&first), "{listed:?}");
    assert_eq!(
        listed.stderr, "",
        "all were looked at, and no terminal shows progress"
    );
    let listed = cli(&server, &["task", "list", "--limit", "1200", "--json"]).json();
    let listed: TaskPage = typed(&listed);
    assert_eq!(listed.tasks.len(), 1_200);
    assert!(listed.next.is_some(), "there are older ones");
    let all: TaskPage = typed(&cli(&server, &["task", "list", "--all", "--json"]).json());
    assert_eq!((all.tasks.len(), &all.next), (2_101, &None));
    assert_eq!(all.tasks[2_100].id, first);
    let none = cli(&server, &["task", "list", "--where", r#"{"rare": false}"#]);
    assert!(none.stderr.contains("all were looked at"), "{none:?}");
    let nope = cli(
        &server,
        &["task", "list", "--webhook", "v", "--where", "{}", "--json"],
    );
    let (code, message) = nope.refusal(1);
    assert_eq!(code, "bad-parameter");
    assert!(message.contains("did you mean `w`?"), "{message}");
}

#[tokio::test]
async fn a_webhook_that_there_is_not_is_no_empty_list() {
    let (server, _) = filled().await;
    for (name, hint) in [
        ("Order", "did you mean `Orders`?"),
        ("orders", "did you mean `Orders`?"),
        ("From", "did you mean `Form`?"),
        ("Nope", "there are: Form, Orders"),
        ("deal 7", "there are: Form, Orders"),
    ] {
        let (code, message) =
            cli(&server, &["task", "list", "--webhook", name, "--json"]).refusal(1);
        assert_eq!(code, "bad-parameter", "{name}");
        assert!(
            message.contains(&format!("no webhook `{name}`")),
            "{message}"
        );
        assert!(message.contains(hint), "{message}");
    }
    // One that is there and has no such task, and one that has none at all.
    server.webhook("Unused").await;
    for args in [
        &["--webhook", "Unused"][..],
        &["--webhook", "Form", "--state", "ignored"],
    ] {
        let listed = cli(&server, &[&["task", "list"], args].concat());
        assert_eq!(listed.ok(), "", "{args:?}");
        assert!(
            listed.stderr.contains("no tasks fit; all were looked at"),
            "{listed:?}"
        );
    }
    // One that was deleted is still what its tasks came in by.
    cli(&server, &["webhook", "delete", "Form", "--json"]).json();
    let listed = cli(&server, &["task", "list", "--webhook", "Form", "--json"]).json();
    assert_eq!(typed::<TaskPage>(&listed).tasks.len(), 14);
    cli(&server, &["task", "list", "--state", "finished", "--json"]).refusal(2);
}

#[tokio::test]
async fn tasks_are_counted_by_state() {
    let (mut server, _) = filled().await;
    for round in 0..2 {
        let (status, counts) = server
            .api(Method::GET, &server.path("tasks/count"), None)
            .await;
        assert_eq!(status, StatusCode::OK);
        let expected = json!({
            "ready": 0, "waiting": 0, "done": 30, "unmatched": 5, "error": 5, "ignored": 0, "cancelled": 0,
        });
        assert_eq!(
            counts,
            json!({"counts": expected, "exact": true}),
            "round {round}"
        );
        let table = cli(&server, &["task", "count"]);
        assert!(table.ok().contains("unmatched      5"), "{}", table.stdout);
        assert_eq!(cli(&server, &["task", "count", "--json"]).json(), counts);
        server.restart().await;
    }
    server.enter("another").await;
    let counts = server.get::<TaskCounts>(&server.path("tasks/count")).await;
    assert_eq!(counts.counts.done, 0);
}
