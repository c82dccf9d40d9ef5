//! Why a step does not run: names in conditions that nothing has, and what a condition lacks of a
//! task's data.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::project::Project;
use crate::support::ran::cli;
use crate::support::{Answer, Server, refusal, typed};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::report::DeployReport;
use stepwell_api::{Explained, Step};

fn script(condition: &str) -> String {
    format!("export const condition = {condition};\nexport const content = async () => {{}};\n")
}

/// The answer for a task, and for each step its name with path, expected and found.
async fn explained(
    server: &Server,
    id: &str,
    query: &str,
) -> (Answer<Explained>, Vec<[String; 4]>) {
    let path = server.path(&format!("tasks/{id}/explain{query}"));
    let answer: Answer<Explained> = server.get(&path).await;
    let steps = answer.steps.iter().map(|step| {
        let mismatch = step.mismatch.as_ref();
        assert_eq!(step.matches, Some(mismatch.is_none()), "{answer}");
        let found = mismatch.and_then(|one| one.found.as_ref());
        let [path, expected, found] = [
            mismatch.map(|one| &one.path),
            mismatch.map(|one| &one.expected),
            found,
        ]
        .map(|text| text.map_or("-", String::as_str).to_owned());
        [step.step.clone(), path, expected, found]
    });
    let steps = steps.collect();
    (answer, steps)
}

#[tokio::test]
async fn each_step_says_what_its_condition_lacks() {
    let server = Server::start().await;
    let orders = server.webhook("Orders").await;
    for (name, condition) in [
        ("all", "{nothing: {$exists: false}, kind: 'other'}"),
        ("big", "{$via: {name: 'Orders'}, total: {$gt: 100}}"),
        (
            "country",
            "{'customer.country': {$in: ['AT', 'DE']}, total: Number}",
        ),
        ("form", "{$via: {name: 'Contact Form'}}"),
        ("near", "{$via: {name: 'Order'}, total: Number}"),
        ("vip", "{tags: ['vip']}"),
    ] {
        server.script(name, &script(condition)).await;
    }
    let long = "x".repeat(5000);
    let body = json!({"total": 99.5, "customer": {"country": "CH"}, "tags": ["new\u{1b}[2J"], "kind": long});
    let task = server.run(&orders, &body, "unmatched").await;
    let id = task.id.as_str();

    let (answer, steps) = explained(&server, id, "").await;
    let shortened = format!("\"{}…", "x".repeat(119));
    let expected = [
        ["all", "/kind", "\"other\"", &shortened],
        ["big", "/total", "{\"$gt\":100}", "99.5"],
        [
            "country",
            "/customer/country",
            "{\"$in\":[\"AT\",\"DE\"]}",
            "\"CH\"",
        ],
        ["vip", "/tags", "[\"vip\"]", "[\"new\\u001b[2J\"]"],
        ["form", "/$via/name", "\"Contact Form\"", "\"Orders\""],
        ["near", "/$via/name", "\"Order\"", "\"Orders\""],
    ];
    assert_eq!(steps, expected);
    assert_eq!((answer.state.as_str(), answer.more), ("unmatched", 0));
    let warning =
        "the condition names the webhook `Order`, which is not there; did you mean `Orders`?";
    assert_eq!(answer.steps[5].warnings, [warning]);
    assert_eq!(answer.steps[4].warnings, [""; 0]);

    // The task's data now, not as it came in; and one step alone.
    let (status, _) = server
        .act(id, "update", Some(json!({"patch": {"total": 100.5}})))
        .await;
    assert_eq!(status, StatusCode::OK);
    server.wait(id, "done").await;
    let (answer, steps) = explained(&server, id, "?step=big").await;
    assert_eq!(steps, [["big", "-", "-", "-"]]);
    assert_eq!(answer.state.as_str(), "done");
    let (_, steps) = explained(&server, id, "").await;
    assert_eq!(steps[0][0], "big", "what matches comes first");

    for (path, status) in [
        (
            format!("tasks/{id}/explain?step=nope"),
            StatusCode::NOT_FOUND,
        ),
        (
            format!("tasks/{id}/explain?steps=big"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "tasks/0190c0de-0000-7000-8000-000000000000/explain".to_owned(),
            StatusCode::NOT_FOUND,
        ),
        ("tasks/17/explain".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let (answered, problem) = server.api(Method::GET, &server.path(&path), None).await;
        assert_eq!(answered, status, "{path}: {problem}");
    }

    // On a terminal.
    let shown = cli(&server, &["task", "explain", id]);
    let lines: Vec<&str> = shown.ok().lines().collect();
    assert_eq!(lines[0], "big  matches");
    assert!(
        lines.contains(
            &"country  at /customer/country: expected {\"$in\":[\"AT\",\"DE\"]}, found \"CH\""
        ),
        "{lines:#?}"
    );
    assert_eq!(lines.last().unwrap().trim_start(), warning);
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
    let one: Explained = typed(&cli(&server, &["task", "explain", id, "vip", "--json"]).json());
    assert_eq!(one.steps[0].mismatch.as_ref().unwrap().path, "/tags");
    let none = server.run(&orders, &json!({"total": 1}), "unmatched").await;
    let none = none.id.as_str();
    let sheet = cli(&server, &["task", "show", none]);
    assert_eq!(
        sheet.ok().lines().last(),
        Some(&*format!("why: stepwell task explain {none}"))
    );
}

#[tokio::test]
async fn a_name_that_nothing_has_is_doubted_when_the_step_is_added() {
    let server = Server::start().await;
    server.webhook("Orders").await;
    let project = Project::new("workspaces: []");
    for (condition, doubted) in [
        ("{$via: {name: 'Order'}}", true),
        ("{$via: {type: 'webhook', name: 'orders'}}", true),
        ("{'$via.name': {$in: ['Orders', 'Odrers']}}", true),
        ("{$via: {name: {$eq: 'Ordres'}}, $and: [{a: 1}]}", true),
        ("{$via: {name: 'Orders'}}", false),
        ("{$via: {name: 'Invoices'}}", false),
        ("{$via: {type: 'subtask', name: 'order'}}", false),
        ("{$via: {type: 'schedule', name: 'Order'}}", false),
        ("{$or: [{$via: {name: 'Order'}}, {a: 1}]}", false),
        ("{name: 'Order'}", false),
    ] {
        project.write("step.js", script(condition));
        let file = project.at("step.js");
        let added = cli(&server, &["step", "add", file.to_str().unwrap()]);
        added.ok();
        let warned = added
            .stderr
            .contains("warning: the condition names the webhook `")
            && added.stderr.contains("did you mean `Orders`?");
        assert_eq!(warned, doubted, "{condition}: {added:?}");
        let added = cli(&server, &["step", "add", file.to_str().unwrap(), "--json"]);
        let warnings = typed::<Step>(&added.json()).warnings;
        assert_eq!(warnings.unwrap().len(), usize::from(doubted));
    }
}

#[tokio::test]
async fn deploy_warns_of_a_name_that_nothing_has() {
    let server = Server::start().await;
    let project = Project::new(
        "workspaces:\n  - name: shop\n    webhooks: [{name: Orders}]\n    steps: [{syncPath: steps/}]\n",
    );
    project.write("steps/near.js", script("{$via: {name: 'Order'}}"));
    project.write("steps/right.js", script("{$via: {name: 'Orders'}}"));
    let ran = project.deploy(&server, &[]);
    let line = "warning: the condition names the webhook `Order`, which is not there; did you mean `Orders`?";
    assert_eq!(ran.ok().matches(line).count(), 1, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("warning").count(), 1, "{}", ran.stdout);
    project.write("steps/near.js", script("{$via: {name: 'Order'}, a: 1}"));
    let DeployReport { items, .. } = project.deploy(&server, &["--json"]).read();
    let warned = items.iter().filter(|item| !item.warnings.is_empty());
    let names: Vec<&str> = warned.map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["near"]);
}

/// The manual's bound of a condition is the server's.
#[tokio::test]
async fn a_condition_has_the_size_that_the_manual_says() {
    let manual =
        std::fs::read_to_string(crate::support::repository().join("docs/conditions.md")).unwrap();
    let (before, _) = manual.split_once(" KiB as JSON").unwrap();
    let kib: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
    let server = Server::start().await;
    let sized = |bytes: usize| {
        let source = script(&format!(
            "{{a: 'x'.repeat({})}}",
            bytes - r#"{"a":""}"#.len()
        ));
        json!({"entry": "a.js", "modules": {"a.js": source}})
            .to_string()
            .into_bytes()
    };
    let (status, body) = server.try_step("a", sized(kib * 1024), "").await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let (status, body) = server.try_step("a", sized(kib * 1024 + 1), "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refusal(&body).detail.contains(&(kib * 1024).to_string()),
        "{body}"
    );
}
