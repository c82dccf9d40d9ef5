//! Answers of a running server are what the document says.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::TaskHead;

use super::schemas::Contract;
use crate::support::{Answer, Server};

/// One of each operation, on a server with something of everything.
#[tokio::test]
async fn answers_are_what_the_document_says() {
    let mut server = Server::start().await;
    let contract = Contract::new();
    let mut seen = BTreeSet::new();
    let ws = "/workspaces/acme";
    let source = "export const condition = {n: {$exists: true}};
        export const content = async () => { console.log('hi'); data.seen = 1; };";
    let script = json!({"entry": "s.js", "modules": {"s.js": source}});
    let script2 = json!({"entry": "s.js", "modules": {"s.js": format!("{source}\n")}});
    server.webhook("Form").await;
    let form = server.webhook("Form 2").await;
    server.script("counts", source).await;
    let done = server.run(&form, &json!({"n": 1}), "done").await;
    let id = done.id.clone();
    let event = server.send(&form, "application/json", "{\"n\": 2}").await;
    contract.check("Accepted", &event.1).unwrap();
    seen.insert("postEvent".to_owned());
    let task = |verb: &str| format!("/workspaces/default/tasks/{id}{verb}");
    let other = |noun: &str| format!("{ws}/{noun}");
    let (get, post, put, patch, delete) = (
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    );
    let none = Value::Null;
    let schedule = json!({"cron": "0 8 * * 1-5", "data": {"list": "weekly"}});
    let slack = json!({"kind": "slack.com", "config": {"token": "xoxb-1"}});
    for (method, path, body, status) in [
        (
            &post,
            "/workspaces".to_owned(),
            json!({"name": "acme", "retention": {"done": 7}}),
            201,
        ),
        (
            &post,
            "/workspaces".to_owned(),
            json!({"name": "acme"}),
            409,
        ),
        (&get, "/workspaces".to_owned(), none.clone(), 200),
        (&get, ws.to_owned(), none.clone(), 200),
        (
            &patch,
            ws.to_owned(),
            json!({"failure_url": "https://h/", "retention": {"others": "forever"}}),
            200,
        ),
        (
            &patch,
            ws.to_owned(),
            json!({"failure_url": "ftp://h/"}),
            422,
        ),
        (
            &post,
            other("webhooks"),
            json!({"name": "Form", "correlate": "/a"}),
            201,
        ),
        (&get, other("webhooks"), none.clone(), 200),
        (&get, other("webhooks/Form"), none.clone(), 200),
        (
            &put,
            other("webhooks/Form"),
            json!({"correlate": null}),
            200,
        ),
        (
            &patch,
            other("webhooks/Form"),
            json!({"provider": "meta", "secret": "s3cret", "verify_token": "t", "tolerance_seconds": null}),
            200,
        ),
        (
            &patch,
            other("webhooks/Form"),
            json!({"provider": "meat"}),
            422,
        ),
        (
            &patch,
            other("webhooks/Form"),
            json!({"name": "Form", "methods": ["POST"], "headers": ["x-a"]}),
            200,
        ),
        (
            &patch,
            other("webhooks/Form"),
            json!({"methods": ["TRACE"]}),
            422,
        ),
        (&post, other("webhooks/Form/rotate"), json!({}), 200),
        (
            &post,
            other("webhooks/Form/sample"),
            json!({"event": "push"}),
            201,
        ),
        (&get, other("webhooks/Form"), none.clone(), 200),
        (
            &post,
            other("webhooks/Form/secrets"),
            json!({"secret": "n3w", "overlap_seconds": 60}),
            201,
        ),
        (&get, other("webhooks/Form/secrets"), none.clone(), 200),
        (&delete, other("webhooks/Form/secrets/x"), none.clone(), 404),
        (
            &post,
            other("tokens"),
            json!({"name": "ci", "scopes": ["read"], "expires_in_seconds": 60}),
            201,
        ),
        (
            &post,
            other("tokens"),
            json!({"name": "ci", "scopes": ["no"]}),
            422,
        ),
        (&get, other("tokens"), none.clone(), 200),
        (&delete, other("tokens/ci"), none.clone(), 204),
        (&get, "/token".to_owned(), none.clone(), 200),
        (
            &post,
            "/tokens".to_owned(),
            json!({"name": "ops", "scopes": ["operate"]}),
            201,
        ),
        (&get, "/tokens".to_owned(), none.clone(), 200),
        (&get, other("audit"), none.clone(), 200),
        (&get, "/audit".to_owned(), none.clone(), 200),
        (&get, "/nodes".to_owned(), none.clone(), 200),
        (&post, "/nodes/1/drain".to_owned(), none.clone(), 409),
        (&post, "/nodes/1/undrain".to_owned(), none.clone(), 200),
        (&post, "/nodes/9/undrain".to_owned(), none.clone(), 404),
        (&delete, "/tokens/ops".to_owned(), none.clone(), 204),
        (&delete, "/tokens/ops".to_owned(), none.clone(), 404),
        (&get, "/providers".to_owned(), none.clone(), 200),
        (&get, "/providers/stripe".to_owned(), none.clone(), 200),
        (&get, "/providers/strip".to_owned(), none.clone(), 404),
        (&delete, other("webhooks/Form"), none.clone(), 204),
        (&put, other("steps/counts"), script.clone(), 201),
        (&put, other("steps/counts"), script2.clone(), 200),
        (
            &put,
            other("steps/bad"),
            json!({"entry": "s.js", "modules": {"s.js": "1"}}),
            422,
        ),
        (&get, other("steps"), none.clone(), 200),
        (&get, other("steps/counts"), none.clone(), 200),
        (
            &patch,
            other("steps/counts"),
            json!({"limits": {"fuel": 1_000_000_000u64}, "retry": {"attempts": 2}}),
            200,
        ),
        (&get, other("steps/counts/versions"), none.clone(), 200),
        (&post, other("steps/counts/rollback"), json!({}), 200),
        (
            &post,
            other("steps/counts/rollback"),
            json!({"to": "none"}),
            404,
        ),
        (&delete, other("steps/counts"), none.clone(), 204),
        (&put, other("config/TOKEN"), json!({"value": "s3cret"}), 204),
        (&get, other("config"), none.clone(), 200),
        (&delete, other("config/TOKEN"), none.clone(), 204),
        (
            &put,
            other("connectors/slackCom?dry_run=true"),
            slack.clone(),
            200,
        ),
        (&put, other("connectors/slackCom"), slack.clone(), 201),
        (
            &put,
            other("connectors/slackCom"),
            json!({"kind": "none"}),
            422,
        ),
        (&get, other("connectors"), none.clone(), 200),
        (&delete, other("connectors/slackCom"), none.clone(), 204),
        (
            &put,
            other("schedules/Report?dry_run=true"),
            schedule.clone(),
            200,
        ),
        (&put, other("schedules/Report"), schedule.clone(), 201),
        (&put, other("schedules/Report"), schedule.clone(), 200),
        (&put, other("schedules/Report"), json!({"cron": "no"}), 422),
        (&get, other("schedules"), none.clone(), 200),
        (&get, other("schedules/Report"), none.clone(), 200),
        (&delete, other("schedules/Report"), none.clone(), 204),
        (&post, other("tasks"), json!({"n": 1}), 201),
        (
            &get,
            "/workspaces/default/tasks?limit=1".to_owned(),
            none.clone(),
            200,
        ),
        (
            &get,
            "/workspaces/default/tasks?where=%7B".to_owned(),
            none.clone(),
            400,
        ),
        (
            &get,
            "/workspaces/default/tasks/count".to_owned(),
            none.clone(),
            200,
        ),
        (&get, task(""), none.clone(), 200),
        (
            &get,
            "/workspaces/default/tasks/17".to_owned(),
            none.clone(),
            400,
        ),
        (&get, task("/explain"), none.clone(), 200),
        (
            &get,
            "/workspaces/default/deliveries?limit=1".to_owned(),
            none.clone(),
            200,
        ),
        (
            &get,
            "/workspaces/default/deliveries?where=%7B".to_owned(),
            none.clone(),
            400,
        ),
        (
            &get,
            format!("/workspaces/default/deliveries/{id}"),
            none.clone(),
            200,
        ),
        (
            &post,
            format!("/workspaces/default/deliveries/{id}/redeliver"),
            json!({"body": "{}"}),
            201,
        ),
        (&post, task("/keep"), none.clone(), 200),
        (&post, task("/unkeep"), none.clone(), 200),
        (&post, task("/retry"), none.clone(), 409),
        (&post, task("/replay"), json!({"from": 1}), 200),
        (&post, task("/replay"), json!({"from": 9}), 422),
        (&post, task("/clone"), json!({}), 201),
        (
            &post,
            task("/update"),
            json!({"patch": {"a": 1}, "set": [{"path": "/b", "value": 1.50}]}),
            200,
        ),
        (
            &post,
            task("/update"),
            json!({"set": [{"path": "/$via", "value": 1}]}),
            422,
        ),
        (&get, task(""), none.clone(), 200),
        (&delete, ws.to_owned(), none.clone(), 204),
        (&delete, "/workspaces/default".to_owned(), none.clone(), 409),
        (&get, ws.to_owned(), none.clone(), 404),
    ] {
        let sent = (!body.is_null()).then_some(body.clone());
        let (got, answer) = server.api(method.clone(), &path, sent).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        let id = contract.check_answer(method, &path, status, &body, &answer);
        seen.insert(id);
    }
    // A task that waits can be cancelled.
    let parks = "export const condition = {p: true};
        export const content = async () => { task.park(3_600_000); };";
    server.enter("parks").await;
    server.script("parks", parks).await;
    let (path, data) = ("/workspaces/parks/tasks", json!({"p": true}));
    let head: Answer<TaskHead> = server.done(Method::POST, path, Some(data)).await;
    let parked = &head.id;
    server.wait(parked, "waiting").await;
    let path = format!("/workspaces/parks/tasks/{parked}/cancel");
    let (status, answer) = server.api(Method::POST, &path, None).await;
    seen.insert(contract.check_answer(
        &Method::POST,
        &path,
        status.as_u16(),
        &Value::Null,
        &answer,
    ));
    let all = contract
        .operations()
        .map(|(_, _, it)| it["operationId"].as_str().unwrap().to_owned());
    let missing: Vec<String> = all.filter(|id| !seen.contains(id)).collect();
    assert_eq!(
        missing,
        [
            "getReply",
            "getHealth",
            "getReadiness",
            "getOpenApi",
            "getFile",
            "getEvent",
            "optionsEvent",
            "patchEvent",
            "putEvent"
        ]
    );
}
