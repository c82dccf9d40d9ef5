//! `$via` is the server's word on how a task came in: neither a sender nor a step can write it, so that a
//! step which trusts one webhook runs on what came by that webhook alone.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, accepted_task, guest, refusal};

/// Two steps that run on what came by the webhook `Payments`, and a webhook `Orders` that the sender has.
async fn with_payments() -> (Server, String) {
    let server = Server::start().await;
    for (name, condition) in [
        ("paid", "{$via: {name: 'Payments'}}"),
        ("paid-by-path", "{'$via.name': 'Payments'}"),
    ] {
        let source = format!(
            "export const condition = {condition};\nexport const content = () => {{ data.paid = true; }};"
        );
        server.script(name, &source).await;
    }
    server.webhook("Payments").await;
    let orders = server.webhook("Orders").await;
    (server, orders)
}

fn forged() -> Value {
    json!({"type": "webhook", "name": "Payments", "verified": "stripe"})
}

const TOLD: &str = "says how the task came in, and only the server writes it";
const LEAVE_OUT: &str = "says how a task came in, and only the server writes it; leave it out";

/// Each ends in an error that names `$via`, and changes nothing.
const WRITES: [(&str, &str, &str); 13] = [
    (
        "assigned from the body",
        "Object.assign(data, data.payload);",
        TOLD,
    ),
    (
        "a member",
        "data.$via.name = 'Payments';",
        "`/$via/name` cannot be changed",
    ),
    (
        "a new member",
        "data.$via.verified = 'stripe';",
        "`/$via/verified` cannot be changed",
    ),
    (
        "an inner member",
        "data.$via.query.a = '1';",
        "`/$via/query/a` cannot be changed",
    ),
    ("another", "data.$via = data.payload.$via;", TOLD),
    ("null", "data.$via = null;", "`/$via` cannot be changed"),
    ("deleted", "delete data.$via;", "`/$via` cannot be changed"),
    (
        "a member deleted",
        "delete data.$via.name;",
        "`/$via/name` cannot be changed",
    ),
    ("another document", "data = {...data.payload};", TOLD),
    (
        "a document without it",
        "data = {a: 1};",
        "`/$via` cannot be changed",
    ),
    (
        "completed",
        "data.$via.name = 'Payments'; task.complete(1);",
        TOLD,
    ),
    ("again", "data.$via.name = 'Payments'; task.redo();", TOLD),
    (
        "of a subtask",
        "try { task.subtask('x', data.payload); } catch (e) { e.final = true; throw e; }",
        LEAVE_OUT,
    ),
];

#[tokio::test]
async fn a_script_cannot_write_it() {
    let (server, orders) = with_payments().await;
    let body = json!({"payload": {"$via": forged(), "x": 1}});
    for (name, content, message) in WRITES {
        let source = format!(
            "export const condition = {{$via: {{name: 'Orders'}}}};\nexport const content = () => {{ data.seen = 1; {content} }};"
        );
        server.script("orders", &source).await;
        let task = server.run(&orders, &body, "error").await;
        let fault = task.fault.as_deref().unwrap();
        assert!(
            fault.contains("$via") && fault.contains(message),
            "{name}: {fault}"
        );
        assert_eq!(task.runs.len(), 1, "{name}: {task:#}");
        assert!(task.runs[0].changes.is_empty(), "{name}: {task:#}");
        assert_eq!(task.data["$via"]["name"], "Orders", "{name}");
        assert_eq!(task.data["seen"], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn a_step_may_write_it_back_as_it_is() {
    let (server, orders) = with_payments().await;
    for (name, content) in [
        ("the same", "data.$via = data.$via;"),
        ("a copy", "data.$via = {...data.$via};"),
        ("a copy of all", "data = structuredClone(data);"),
        ("read as JSON", "data = JSON.parse(JSON.stringify(data));"),
        ("to a subtask", "task.subtask('part', {...data});"),
        (
            "a subtask's own",
            "task.subtask('part', {$via: data.$via});",
        ),
    ] {
        let source = format!(
            "export const condition = {{$via: {{name: 'Orders'}}}};\nexport const content = () => {{ {content} data.seen = 1; }};"
        );
        server.script("orders", &source).await;
        let task = server.run(&orders, &json!({"a": 1.50}), "done").await;
        assert_eq!(task.runs.len(), 1, "{name}: {task:#}");
        assert_eq!(task.runs[0].changes.len(), 1, "{name}: {task:#}");
        assert_eq!(task.data["$via"]["name"], "Orders", "{name}");
    }
}

#[tokio::test]
async fn a_component_cannot_write_it() {
    let (server, orders) = with_payments().await;
    server
        .step_with("program", &guest("program"), "attempts=1")
        .await;
    for (set, to, message) in [
        (
            "/$via/name",
            json!("Payments"),
            "`/$via/name` cannot be changed",
        ),
        ("/$via", forged(), "`/$via` cannot be changed"),
        ("/~0via/../$via", json!(1), ""),
        (
            "",
            json!({"$via": forged()}),
            "must keep its `$via` as it is",
        ),
        ("", json!({"a": 1}), "must keep its `$via` as it is"),
    ] {
        let body = json!({"base": "", "at": 0, "program": [{"set": set, "to": to}]});
        let state = if message.is_empty() { "done" } else { "error" };
        let task = server.run(&orders, &body, state).await;
        let fault = task.fault.as_deref().unwrap_or_default();
        assert!(fault.contains(message), "{set}: {fault}");
        assert_eq!(task.runs.len(), 1, "{set}: {task:#}");
        assert_eq!(task.data["$via"]["name"], "Orders", "{set}");
    }
}

#[tokio::test]
async fn a_sender_is_not_believed() {
    let (server, orders) = with_payments().await;
    for body in [
        r#"{"$via": {"type": "webhook", "name": "Payments"}}"#,
        r#"{"\u0024via": {"type": "webhook", "name": "Payments"}}"#,
        r#"{"$via": 1, "a": 2, "$via": {"name": "Payments"}}"#,
        r#"{"$via.name": "Payments"}"#,
        r#"{"$via": {"name": "Payments"}, "$via.name": "Payments"}"#,
    ] {
        let (_, accepted) = server.send(&orders, "application/json", body).await;
        let id = &accepted_task(&accepted);
        let task = server.wait(id, "unmatched").await;
        assert_eq!(task.data["$via"]["name"], "Orders", "{body}");
    }
}

#[tokio::test]
async fn an_edit_cannot_write_it() {
    let (server, orders) = with_payments().await;
    let id = server.post(&orders, &json!({"a": 1})).await;
    server.wait(&id, "unmatched").await;
    for change in [
        json!({"patch": {"$via": {"name": "Payments"}}}),
        json!({"patch": {"$via": null}}),
        json!({"replace": {"$via": forged()}}),
        json!({"set": [{"path": "/$via/name", "value": "Payments"}]}),
    ] {
        let path = server.path(&format!("tasks/{id}/update"));
        let (status, answer) = server.api(Method::POST, &path, Some(change.clone())).await;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{change}: {answer}"
        );
        let pointer = refusal(&answer).pointer;
        assert_eq!(pointer.as_deref(), Some("/$via"), "{change}: {answer}");
    }
    assert!(server.task(&id).await.runs.is_empty());
}
