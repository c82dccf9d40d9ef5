//! The contract: the OpenAPI document is valid and in step with its snapshot, the server answers as it says,
//! and the examples of docs/api.md are what it describes.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "contract/examples.rs"]
mod examples;
#[path = "contract/schemas.rs"]
mod schemas;
mod support;

use std::collections::BTreeSet;
use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::Code;

use schemas::Contract;
use support::{Server, repository};

/// Where the snapshot is.
const SNAPSHOT: &str = "host/api/openapi.json";

#[test]
fn the_document_is_valid() {
    let schema = repository().join("tests/fixtures/openapi/schema-3.1.json");
    let schema = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let contract = Contract::new();
    schemas::validate("openapi-3.1", &schema, &contract.document).unwrap();
    // What is no document is found out.
    let mut wrong = contract.document.clone();
    wrong["paths"]["/healthz"]["get"]["responses"] = json!([]);
    assert!(schemas::validate("openapi-3.1", &schema, &wrong).is_err());
    // The schemas of the types are schemas, and every reference leads to one.
    for name in contract.names() {
        contract.check(&name, &Value::Null).unwrap_err();
    }
    // An operation's id is its own.
    let ids = contract
        .operations()
        .map(|(_, _, it)| it["operationId"].to_string());
    let ids: Vec<String> = ids.collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn the_snapshot_is_the_document() {
    let path = repository().join(SNAPSHOT);
    let document = stepwell::http::openapi();
    if std::env::var_os("STEPWELL_WRITE_OPENAPI").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let snapshot = fs::read_to_string(&path).unwrap_or_default();
    let differs = (snapshot.lines().zip(document.lines())).find(|(old, new)| old != new);
    assert!(
        snapshot == document,
        "{SNAPSHOT} is not what the server has (first difference: {differs:?}); if the change is meant, \
         `STEPWELL_WRITE_OPENAPI=1 cargo test --test contract` writes it anew"
    );
}

#[tokio::test]
async fn the_server_has_the_document_for_everybody() {
    let server = Server::start().await;
    let url = format!("{}/api/v1/openapi.json", server.url);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.headers().contains_key("stepwell-version"));
    assert_eq!(answer.text().await.unwrap(), stepwell::http::openapi());
}

/// Every path of the document is there, needs a token if the document says so, and refuses the methods that
/// the document does not have, naming those that it has.
#[tokio::test]
async fn the_routes_are_those_of_the_document() {
    let server = Server::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let contract = Contract::new();
    let all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let parameter = regex::Regex::new(r"\{\w+\}").unwrap();
    let mut refused = 0;
    for (path, item) in contract.document["paths"].as_object().unwrap() {
        let url = parameter.replace_all(path, "x");
        let url = format!("{}{url}", server.url);
        let operations = item.as_object().unwrap();
        let has = |method: &str| {
            let method = if method == "HEAD" { "GET" } else { method };
            operations.contains_key(&method.to_lowercase())
        };
        let taken: BTreeSet<&str> = all.into_iter().filter(|method| has(method)).collect();
        for method in all {
            let request = |token: &str| {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                client.request(method, &url).bearer_auth(token).send()
            };
            let answer = request(server.token()).await.unwrap();
            if taken.contains(method) {
                assert_ne!(answer.status(), 405, "{method} {path}");
            } else {
                assert_eq!(answer.status(), 405, "{method} {path}");
                let allow = answer.headers()["allow"].to_str().unwrap();
                let allowed: BTreeSet<&str> = allow.split(", ").collect();
                assert_eq!(allowed, taken, "{method} {path}");
                refused += 1;
            }
            // One who is unknown is told so by every route that is not open, whatever the method.
            let is_open = operations.values().any(|it| it["security"] == json!([]));
            let stranger = request("wrong").await.unwrap();
            assert_eq!(stranger.status() == 401, !is_open, "{method} {path}");
        }
    }
    assert!(refused > 50, "{refused}");
}

/// The codes of the contract are those that the server refuses with, in both directions.
#[test]
fn the_codes_are_those_of_the_source() {
    let source = repository().join("host/src/http/problem.rs");
    let source = fs::read_to_string(source).unwrap();
    let quoted = regex::Regex::new("\"([a-z]+(?:-[a-z]+)*)\"").unwrap();
    let quoted: BTreeSet<&str> = (quoted.captures_iter(&source))
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(known.difference(&quoted).collect::<Vec<_>>(), [&""; 0]);
    let refused = regex::Regex::new("(?:kind|with)\\([^\"]*?,\\s*\"([a-z-]+)\"").unwrap();
    let refused: BTreeSet<&str> = (refused.captures_iter(&source))
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert!(refused.len() > 35, "{refused:?}");
    assert_eq!(refused.difference(&known).collect::<Vec<_>>(), [&""; 0]);
}

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
    let id = done["id"].as_str().unwrap().to_owned();
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
    let (_, head) = server
        .api(
            Method::POST,
            "/workspaces/parks/tasks",
            Some(json!({"p": true})),
        )
        .await;
    let parked = head["id"].as_str().unwrap().to_owned();
    server.wait(&parked, "waiting").await;
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
        ["getHealth", "getReadiness", "getOpenApi", "putEvent"]
    );
}
