//! Actions on tasks: cancel, retry, update, clone, new.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::support::ran::{cli, cli_reading};
use crate::support::receiver::Reply;
use crate::support::{Receiver, Server, asked, correlating, guest, refusal, typed};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Outcome, Task, TaskHead, TaskState, Tokens, Webhook};

/// Waits an hour, unless it has been approved.
const APPROVAL: &str = "export const condition = {order: Object};
export const content = async () => {
    if (data.approved === undefined) { task.park(3_600_000); step.redo(); } else data.seen = data.approved;
};
";
/// Runs when an extra turns up.
const EXTRA: &str = "export const condition = {extra: Number};
export const content = async () => { data.doubled = data.extra * 2; };
";
const UNKNOWN: &str = "0190c0de-0000-7000-8000-000000000000";

fn reasons(task: &Task) -> Vec<&str> {
    let history = task.history.iter();
    history
        .filter_map(|entry| entry.reason.as_deref())
        .collect()
}

#[tokio::test]
async fn a_waiting_task_is_cancelled_for_good() {
    let mut server = Server::start().await;
    server.script("approval", APPROVAL).await;
    let webhook = server.webhook("Orders").await;
    let id = server.post(&webhook, &json!({"order": {}})).await;
    server.wait(&id, "waiting").await;
    let (status, head) = server.act(&id, "cancel", None).await;
    assert_eq!(status, StatusCode::OK, "{head}");
    let head: TaskHead = typed(&head);
    assert_eq!((head.state, head.wake_at), (TaskState::Cancelled, None));
    let (status, problem) = server.act(&id, "cancel", None).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    let problem = refusal(&problem);
    assert_eq!(
        (problem.code.as_str(), problem.state.as_deref()),
        ("wrong-state", Some("cancelled"))
    );
    let (status, problem) = server.act(&id, "update", Some(json!({"patch": {}}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert!(refusal(&problem).detail.contains("task retry"), "{problem}");
    server.restart().await;
    let task = server.task(&id).await;
    assert_eq!(task.state, TaskState::Cancelled);
    assert_eq!(
        reasons(&task).last(),
        Some(&"cancelled by admin (127.0.0.1)")
    );
    // Taken up again, it waits again.
    let (status, head) = server.act(&id, "retry", None).await;
    assert_eq!(status, StatusCode::OK, "{head}");
    assert_eq!(typed::<TaskHead>(&head).state, TaskState::Ready);
    server.wait(&id, "waiting").await;
    for verb in ["cancel", "retry", "clone"] {
        let (status, problem) = server.act(UNKNOWN, verb, None).await;
        assert_eq!(
            (status, refusal(&problem).code.as_str()),
            (StatusCode::NOT_FOUND, "not-found"),
            "{verb}"
        );
    }
}

#[tokio::test]
async fn a_cancelled_run_is_stopped_and_the_retried_one_is_another() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/slow", Reply::status(200).after(Duration::from_secs(3600)));
    // Nothing but the cancellation ends this run within the test's time.
    server
        .step_with("fetcher", &guest("fetcher"), "timeout_ms=600000")
        .await;
    let webhook = server.webhook("w").await;
    let request =
        json!({"method": "POST", "url": format!("{}/slow", upstream.url), "timeoutMs": 600_000});
    let id = server.post(&webhook, &json!({"requests": [request]})).await;
    asked(&upstream, 1).await;
    let head = cli(&server, &["task", "cancel", &id, "--json"]).json();
    assert_eq!(typed::<TaskHead>(&head).state, TaskState::Cancelled);
    let task = server.task(&id).await;
    assert_eq!(task.state, TaskState::Cancelled);
    assert!(task.runs.is_empty(), "{task}");
    upstream.reply("/slow", Reply::status(204));
    let (status, head) = server.act(&id, "retry", None).await;
    assert_eq!(status, StatusCode::OK, "the run has not ended: {head}");
    let task = server.wait(&id, "done").await;
    let keys: Vec<String> = upstream
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].starts_with(&format!("{id}-1-0-")), "{keys:?}");
    assert!(keys[1].starts_with(&format!("{id}-2-0-")), "{keys:?}");
    assert_eq!(task.runs.len(), 1);
    assert_eq!(task.runs[0].run, 2);
}

#[tokio::test]
async fn a_failed_task_goes_on_from_the_failed_step() {
    let server = Server::start().await;
    server.step_with("it", &guest("fail-stop"), "").await;
    let webhook = server.webhook("w").await;
    let task = server.run(&webhook, &json!({"a": 1}), "error").await;
    let id = task.id.as_str();
    assert!(task.fault.is_some());
    server.step_with("it", &guest("noop"), "").await;
    let ran = cli(&server, &["task", "retry", id]);
    assert_eq!(ran.ok(), "");
    assert!(ran.stderr.contains("is ready"), "{ran:?}");
    let task = server.wait(id, "done").await;
    assert_eq!(task.fault, None);
    let runs: Vec<_> = (task.runs.iter())
        .map(|run| (run.run, run.attempt, run.outcome.as_str()))
        .collect();
    assert_eq!(runs, [(1, 1, "stop"), (2, 1, "finished")]);
    let log = cli(&server, &["task", "log", id]);
    assert!(
        log.ok()
            .contains("tried again from step `it` on, asked for by admin"),
        "{}",
        log.stdout
    );
    let (code, message) = cli(&server, &["task", "retry", id, "--json"]).refusal(1);
    assert_eq!(code, "wrong-state");
    assert!(message.contains("is done"), "{message}");
}

#[tokio::test]
async fn an_update_wakes_a_task_and_sets_one_at_rest_in_motion() {
    let server = Server::start().await;
    server.script("approval", APPROVAL).await;
    server.script("extra", EXTRA).await;
    let webhook = server.webhook("Orders").await;
    let id = server
        .post(&webhook, &json!({"order": {"id": 7}, "note": "x"}))
        .await;
    server.wait(&id, "waiting").await;
    for (body, code, part) in [
        (
            json!({"patch": {"$via": {"type": "forged"}}}),
            "bad-change",
            "/$via",
        ),
        (
            json!({"set": [{"path": "/$via/name", "value": "x"}]}),
            "bad-change",
            "/$via",
        ),
        (
            json!({"set": [{"path": "/note/x", "value": 1}]}),
            "bad-change",
            "/note",
        ),
        (json!({"replace": [1]}), "bad-change", "must be an object"),
        (
            json!({"set": [{"path": "note", "value": 1}]}),
            "bad-body",
            "RFC 6901",
        ),
        (
            json!({"patch": {}, "replace": {}}),
            "bad-body",
            "one of them",
        ),
        (json!({}), "bad-body", "merge patch"),
        (json!({"patsh": {}}), "bad-body", "patsh"),
    ] {
        let (status, problem) = server.act(&id, "update", Some(body.clone())).await;
        assert!(status.is_client_error(), "{body}: {problem}");
        assert_eq!(refusal(&problem).code, code, "{body}: {problem}");
        assert!(refusal(&problem).detail.contains(part), "{body}: {problem}");
    }
    let deep = (0..70).fold(json!(1), |inner, _| json!({"a": inner}));
    let (_, problem) = server
        .act(&id, "update", Some(json!({"patch": deep})))
        .await;
    assert_eq!(refusal(&problem).code, "too-deep", "{problem}");
    assert_eq!(
        server.task(&id).await.state,
        TaskState::Waiting,
        "a refusal changes nothing"
    );

    let update = [
        "task",
        "update",
        &id,
        "--patch",
        r#"{"note": null}"#,
        "--set",
        "/approved=true",
    ];
    cli(&server, &update).ok();
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["seen"], true);
    assert!(task.data.get("note").is_none());
    assert_eq!(task.data["$via"]["name"], "Orders");
    let changed = task.history[1].changes.as_ref();
    assert_eq!(reasons(&task)[1], "changed by admin (127.0.0.1)");
    assert_eq!(
        serde_json::to_value(changed).unwrap(),
        json!([{"op": "remove", "path": "/note", "old": "x"}, {"op": "add", "path": "/approved", "value": true}])
    );
    let log = cli(&server, &["task", "log", &id]);
    assert!(
        log.ok().contains("changed by admin") && log.ok().contains("+ /approved true"),
        "{}",
        log.stdout
    );

    let (status, head) = server
        .act(&id, "update", Some(json!({"patch": {"extra": 21}})))
        .await;
    assert_eq!(status, StatusCode::OK, "{head}");
    assert_eq!(typed::<TaskHead>(&head).state, TaskState::Ready);
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["doubled"], 42);
    let (_, head) = server
        .act(
            &id,
            "update",
            Some(json!({"replace": {"order": {}, "approved": 2}})),
        )
        .await;
    assert_eq!(typed::<TaskHead>(&head).state, TaskState::Ready);
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["$via"]["name"], "Orders");
    assert!(task.data.get("doubled").is_none());
}

#[tokio::test]
async fn an_update_waits_for_the_run_under_way() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply(
        "/slow",
        Reply::status(204).after(Duration::from_millis(1500)),
    );
    server.step_with("fetcher", &guest("fetcher"), "").await;
    let webhook = server.webhook("w").await;
    let request = json!({"url": format!("{}/slow", upstream.url)});
    let id = server.post(&webhook, &json!({"requests": [request]})).await;
    asked(&upstream, 1).await;
    let (status, head) = server
        .act(&id, "update", Some(json!({"patch": {"requests": []}})))
        .await;
    assert_eq!(status, StatusCode::OK, "{head}");
    let runs = typed::<TaskHead>(&head).runs;
    assert_eq!(runs, 1, "the run had ended: {head}");
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["requests"], json!([]));
    assert_eq!(task.data["results"][0]["status"], 204);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn recorded_calls_are_not_answered_on_other_data() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply(
        "/second",
        Reply::status(200).after(Duration::from_secs(3600)),
    );
    server.step_with("fetcher", &guest("fetcher"), "").await;
    let webhook = server.webhook("w").await;
    let request = |path| json!({"method": "POST", "url": format!("{}{path}", upstream.url)});
    let data = json!({"requests": [request("/first"), request("/second")]});
    let id = server.post(&webhook, &data).await;
    asked(&upstream, 2).await;
    server.kill();
    upstream.reply(
        "/second",
        Reply::status(204).after(Duration::from_millis(700)),
    );
    server.launch().await;
    let (status, head) = server
        .act(
            &id,
            "update",
            Some(json!({"patch": {"requests": [request("/third")]}})),
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{head}");
    let task = server.wait(&id, "done").await;
    let seen = upstream.seen();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/first", "/second", "/second"],
        "the run that was cut short came first"
    );
    assert_eq!(task.data["results"].as_array().unwrap().len(), 2);
    assert_eq!(task.data["requests"].as_array().unwrap().len(), 1);
    assert!(task.runs.iter().all(|run| run.outcome == Outcome::Finished));
}

#[tokio::test]
async fn tasks_are_copied_and_made_by_hand() {
    let server = Server::start().await;
    server.script("extra", EXTRA).await;
    let webhook = server.webhook("Orders").await;
    let original = server
        .run(&webhook, &json!({"extra": 1, "price": 1.5}), "done")
        .await;
    let id = original.id.as_str();
    let copy = cli(&server, &["task", "clone", id, "--set", "/extra=5"])
        .ok()
        .trim()
        .to_owned();
    let task = server.wait(&copy, "done").await;
    assert_eq!(task.data["doubled"], 10);
    assert_eq!(task.data["$via"], original.data["$via"]);
    assert_eq!(task.webhook.as_deref(), Some("Orders"));
    let history = reasons(&task);
    assert_eq!(
        history[1],
        format!("a copy of task {id}, made by admin (127.0.0.1)")
    );
    assert_eq!(task.runs.len(), 1, "the copy has a history of its own");
    let log = cli(&server, &["task", "log", &copy]);
    assert!(
        log.ok().contains(&format!("a copy of task {id}")),
        "{}",
        log.stdout
    );
    let (status, plain) = server.act(id, "clone", None).await;
    assert_eq!(status, StatusCode::CREATED, "{plain}");
    let task = server.wait(&typed::<TaskHead>(&plain).id, "done").await;
    assert_eq!(task.data["doubled"], 2);
    assert_eq!(server.task(id).await, original, "the original is as it was");
    let (_, problem) = server
        .act(id, "clone", Some(json!({"patch": {"$via": null}})))
        .await;
    assert_eq!(refusal(&problem).code, "bad-change", "{problem}");

    let made = cli_reading(
        &server,
        &["task", "new", "-"],
        r#"{"extra": 8, "$via": "forged"}"#,
    );
    let task = server.wait(made.ok().trim(), "done").await;
    assert_eq!(task.data["doubled"], 16);
    assert_eq!(task.data["$via"]["type"], "api");
    assert_eq!(task.webhook, None);
    assert_eq!(task.data["$via"]["ip"], "127.0.0.1");
    assert_eq!(task.data["$via"]["token"], "admin");
    assert_eq!(task.data["$via"].get("tokenId"), None);
    // It says whose token it was, and nothing that could be used.
    let tokens = server.path("tokens");
    let token = server.add_token(&tokens, "importer", &["ingest"]).await;
    let (_, head) = server
        .api_as(&token, Method::POST, &server.path("tasks"), Some(json!({})))
        .await;
    let by_token = server.task(&typed::<TaskHead>(&head).id).await;
    assert_eq!(by_token.data["$via"]["token"], "importer");
    let known = server.get::<Tokens>(&tokens).await;
    assert_eq!(by_token.data["$via"]["tokenId"], json!(known.tokens[0].id));
    assert!(!by_token.to_string().contains(&token));
    let path = server.path("tasks");
    let (status, head) = server.api(Method::POST, &path, Some(json!([1]))).await;
    assert_eq!(status, StatusCode::CREATED, "{head}");
    assert_eq!(
        server.task(&typed::<TaskHead>(&head).id).await.data["items"],
        json!([1])
    );
    let (code, message) = cli(&server, &["task", "new", "{", "--json"]).refusal(2);
    assert_eq!(code, "usage");
    assert!(message.contains("not JSON"), "{message}");
    let (status, problem) = server.api(Method::PUT, &path, Some(json!({}))).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{problem}");
}

#[tokio::test]
async fn a_webhook_that_addresses_an_open_task_wakes_it() {
    let mut server = Server::start().await;
    server.script("approval", APPROVAL).await;
    let orders = server.webhook("Orders").await;
    let approvals = correlating(&server, "Approvals", "/about/taskId").await;
    let id = server
        .post(&orders, &json!({"order": {"id": 7}, "about": "?"}))
        .await;
    server.wait(&id, "waiting").await;
    let body = json!({"about": {"taskId": id}, "approved": "yes", "gone": null, "$via": {"type": "forged"}});
    assert_eq!(
        server.post(&approvals, &body).await,
        id,
        "the answer names the open task"
    );
    // It was durable when it was answered.
    server.restart().await;
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["seen"], "yes");
    assert_eq!(task.data["order"], json!({"id": 7}));
    assert_eq!(
        task.data["about"],
        json!({"taskId": id}),
        "members are put in place of those there"
    );
    assert_eq!(task.data.get("gone"), Some(&Value::Null), "a null is data");
    assert_eq!(task.data["$via"]["name"], "Orders");
    assert_eq!(
        reasons(&task)[1],
        "changed by webhook `Approvals` (127.0.0.1)"
    );

    // At its end, unknown, of another workspace, or no id at all: a task of its own.
    for taskid in [json!(id), json!(UNKNOWN), json!("x"), json!(7), Value::Null] {
        let body = json!({"about": {"taskId": taskid}, "n": 1});
        let new = server.post(&approvals, &body).await;
        assert_ne!(new, id);
        assert_eq!(server.task(&new).await.data["$via"]["name"], "Approvals");
    }
    let open = server.post(&orders, &json!({"order": {}})).await;
    server.wait(&open, "waiting").await;
    server.enter("other").await;
    let foreign = correlating(&server, "Approvals", "/taskId").await;
    let new = server
        .post(&foreign, &json!({"taskId": open, "approved": true}))
        .await;
    assert_ne!(new, open, "no webhook reaches into another workspace");
}

#[tokio::test]
async fn a_fixed_body_is_correlated_by_its_urls_query_and_waits_for_the_run() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply(
        "/slow",
        Reply::status(204).after(Duration::from_millis(1500)),
    );
    server.step_with("fetcher", &guest("fetcher"), "").await;
    server.script("extra", EXTRA).await;
    let webhook = server.webhook("w").await;
    let callback = correlating(&server, "Callback", "/$via/query/task").await;
    let request = json!({"url": format!("{}/slow", upstream.url)});
    let id = server.post(&webhook, &json!({"requests": [request]})).await;
    asked(&upstream, 1).await;
    let merged = server
        .post(&format!("{callback}?task={id}"), &json!({"extra": 4}))
        .await;
    assert_eq!(merged, id);
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["doubled"], 8, "{task:#}");
    assert_eq!(task.data["results"][0]["status"], 204);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_correlation_is_set_and_taken_away_by_command() {
    let server = Server::start().await;
    let add = [
        "webhook",
        "add",
        "Paid",
        "--correlate",
        "/order/taskId",
        "--json",
    ];
    let added: Webhook = typed(&cli(&server, &add).json());
    assert_eq!(added.correlate.as_deref(), Some("/order/taskId"));
    let sheet = cli(&server, &["webhook", "show", "Paid"]);
    assert!(sheet.ok().contains("/order/taskId"), "{}", sheet.stdout);
    let changed = cli(
        &server,
        &["webhook", "update", "Paid", "--no-correlate", "--json"],
    )
    .json();
    let changed: Webhook = typed(&changed);
    assert_eq!((changed.correlate, changed.url), (None, added.url));
    let (status, problem) = server
        .api(
            Method::POST,
            &server.path("webhooks"),
            Some(json!({"name": "x", "correlate": "order"})),
        )
        .await;
    assert_eq!(
        (status, refusal(&problem).code.as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "bad-pointer")
    );
    assert!(refusal(&problem).detail.contains("RFC 6901"), "{problem}");
}
