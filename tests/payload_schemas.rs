//! Schemas of webhooks, through the real server: what does not fit is refused or flagged, each document of a request is
//! checked, and hostile schemas and bodies cost a bounded amount.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{AcceptedTasks, OnMismatch, Webhook};

use crate::support::deliveries::list;
use crate::support::project::{Project, marks};
use crate::support::ran::{Ran, command};
use crate::support::{Server, accepted_task, correlating, refusal, typed};

fn orders() -> Value {
    json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "email": {"type": "string", "pattern": "^[^@ ]+@[^@ ]+$"},
        },
    })
}

async fn add(server: &Server, name: &str, schema: &Value, on_mismatch: Option<&str>) -> String {
    let mut body = json!({"name": name, "schema": schema});
    if let Some(word) = on_mismatch {
        body["on_mismatch"] = json!(word);
    }
    let path = server.path("webhooks");
    let (status, added) = server.api(Method::POST, &path, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    let added: Webhook = typed(&added);
    assert_eq!(schema_of(&added), *schema);
    let policy = added.on_mismatch.map(OnMismatch::as_str);
    assert_eq!(policy, Some(on_mismatch.unwrap_or("refuse")));
    added.url
}

/// A webhook's schema; null if it has none.
fn schema_of(webhook: &Webhook) -> Value {
    serde_json::to_value(&webhook.schema).unwrap()
}

async fn patch(server: &Server, name: &str, change: Value) -> (StatusCode, Value) {
    let path = server.path(&format!("webhooks/{name}"));
    server.api(Method::PATCH, &path, Some(change)).await
}

async fn json(server: &Server, url: &str, body: impl ToString) -> (StatusCode, Value) {
    server.send(url, "application/json", body.to_string()).await
}

/// The `$via.schema` of the task that a request became.
async fn checked(server: &Server, answer: &Value) -> Value {
    checked_task(server, &accepted_task(answer)).await
}

async fn checked_task(server: &Server, task: &str) -> Value {
    server.task(task).await.data["$via"]["schema"].clone()
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_leaves_a_line() {
    let server = Server::start().await;
    let url = add(&server, "orders", &orders(), None).await;
    let (status, answer) = json(&server, &url, json!({"id": 1, "email": "a@example.com"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(checked(&server, &answer).await, Value::Null);

    let secret = "hunter2";
    let body = json!({"id": 0, "email": secret, "more": [secret]});
    let (status, problem) = json(&server, &url, body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let refused = refusal(&problem);
    assert_eq!(refused.code, "schema-mismatch");
    assert_eq!(refused.r#type, "urn:stepwell:problem:schema-mismatch");
    assert_eq!(
        serde_json::to_value(&refused.errors).unwrap(),
        json!([
            {"instance": "/id", "schema": "/properties/id/minimum", "message": "must be at least 1"},
            {"instance": "/email", "schema": "/properties/email/pattern", "message": "must match the pattern `^[^@ ]+@[^@ ]+$`"},
        ])
    );
    assert_eq!(
        refused.detail,
        "the body does not fit the webhook's schema: `/id` must be at least 1 (`/properties/id/minimum` of the schema), and 1 more"
    );
    assert!(!problem.to_string().contains(secret), "{problem}");
    assert_eq!(server.tasks("").await.len(), 1);

    // An array is checked as an array, and a body that is not JSON is refused as such.
    let (_, problem) = json(&server, &url, "[1]").await;
    assert_eq!(
        refusal(&problem).errors.unwrap()[0].message,
        "must be an object, and is an array"
    );
    let (status, problem) = json(&server, &url, "{\"id\": }").await;
    assert_eq!(
        (status, refusal(&problem).code.as_str()),
        (StatusCode::BAD_REQUEST, "bad-json")
    );

    let refused = list(&server, "verdict=refused&webhook=orders").await;
    let codes = refused.iter().map(|one| one.code.as_deref().unwrap());
    assert_eq!(
        codes.collect::<Vec<_>>(),
        ["bad-json", "schema-mismatch", "schema-mismatch"]
    );
    let detail = refused[2].detail.as_deref().unwrap();
    assert!(detail.contains("`/id` must be at least 1"), "{detail}");

    // It is checked again when it is sent again, and taken when the schema is another one.
    let id = &refused[2].id;
    let again = server.path(&format!("deliveries/{id}/redeliver"));
    let (status, problem) = server.api(Method::POST, &again, Some(json!({}))).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (422, "schema-mismatch")
    );
    let (status, _) = patch(&server, "orders", json!({"schema": {"type": "object"}})).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = server.api(Method::POST, &again, Some(json!({}))).await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn what_does_not_fit_is_flagged_for_conditions() {
    let server = Server::start().await;
    let url = add(&server, "orders", &orders(), Some("flag")).await;
    let (_, good) = json(&server, &url, json!({"id": 7})).await;
    assert_eq!(checked(&server, &good).await, json!({"valid": true}));
    // What the sender says of it counts for nothing.
    let forged = json!({"id": "7", "$via": {"schema": {"valid": true}}});
    let (status, bad) = json(&server, &url, forged).await;
    assert_eq!(status, StatusCode::OK);
    let errors = json!([{
        "instance": "/id", "schema": "/properties/id/type", "message": "must be an integer, and is a string",
    }]);
    assert_eq!(
        checked(&server, &bad).await,
        json!({"valid": false, "errors": errors})
    );
    server
        .script(
            "only-valid",
            "export const condition = {\"$via.schema.valid\": true}; export const content = async () => { data.ok = 1; };",
        )
        .await;
    let (_, good) = json(&server, &url, json!({"id": 8})).await;
    let (_, bad) = json(&server, &url, json!({"id": "8"})).await;
    server.wait(&accepted_task(&good), "done").await;
    server.wait(&accepted_task(&bad), "unmatched").await;
}

#[tokio::test]
async fn each_document_of_a_request_is_checked_before_any_is_a_task() {
    let server = Server::start().await;
    let url = add(&server, "w", &orders(), None).await;
    let lines = "application/x-ndjson";
    let (status, problem) = server
        .send(&url, lines, "{\"id\":1}\n\n{\"id\":2}\n{\"id\":\"3\"}\n")
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (refusal(&problem).code.as_str(), refusal(&problem).document),
        ("schema-mismatch", Some(3))
    );
    assert!(
        refusal(&problem)
            .detail
            .starts_with("document 3 of the body does not fit")
    );
    let event = |id: Value| json!({"specversion": "1.0", "id": "e", "source": "/s", "type": "t", "data": {"id": id}});
    let batch = json!([event(json!(1)), event(json!(0))]).to_string();
    let (status, problem) = server
        .send(&url, "application/cloudevents-batch+json", batch)
        .await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).document),
        (422, Some(2))
    );
    let (status, problem) = server
        .send(
            &url,
            "application/cloudevents+json",
            event(json!(0)).to_string(),
        )
        .await;
    assert_eq!((status.as_u16(), refusal(&problem).document), (422, None));
    let (status, _) = server
        .send(&url, "application/x-www-form-urlencoded", "id=1")
        .await;
    assert_eq!(status.as_u16(), 422, "a field of a form is a text");
    assert_eq!(server.tasks("").await.len(), 0);

    let (status, _) = patch(&server, "w", json!({"on_mismatch": "flag"})).await;
    assert_eq!(status, StatusCode::OK);
    let (status, answer) = server.send(&url, lines, "{\"id\":1}\n{\"id\":0}\n").await;
    assert_eq!(status, StatusCode::OK);
    let AcceptedTasks { tasks } = typed(&answer);
    let verdicts = [
        checked_task(&server, &tasks[0]).await,
        checked_task(&server, &tasks[1]).await,
    ];
    assert_eq!(
        verdicts.map(|one| one["valid"].clone()),
        [json!(true), json!(false)]
    );
    let form = "--b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\nx\r\n--b--\r\n";
    let (status, answer) = server
        .send(&url, "multipart/form-data; boundary=b", form)
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(checked(&server, &answer).await["valid"], json!(false));
    patch(&server, "w", json!({"on_mismatch": "refuse"})).await;
    let (status, _) = server
        .send(&url, "multipart/form-data; boundary=b", form)
        .await;
    assert_eq!(status.as_u16(), 422);
}

#[tokio::test]
async fn a_document_is_checked_before_it_is_merged() {
    let server = Server::start().await;
    let parks = "export const condition = {wait: true};
        export const content = async () => { task.park(3_600_000); };";
    server.script("parks", parks).await;
    let url = correlating(&server, "w", "/task").await;
    let open = server.post(&url, &json!({"wait": true})).await;
    server.wait(&open, "waiting").await;
    let (status, _) = patch(&server, "w", json!({"schema": {"required": ["n"]}})).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = json(&server, &url, json!({"task": open})).await;
    assert_eq!(status.as_u16(), 422);
    let (status, answer) = json(&server, &url, json!({"task": open, "n": 1})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(accepted_task(&answer), open);
}

#[tokio::test]
async fn a_wrong_schema_is_refused_and_nothing_is_changed() {
    let server = Server::start().await;
    let url = add(&server, "w", &orders(), None).await;
    let many: Vec<Value> = (0..5_000).map(|_| json!({})).collect();
    for (change, code, pointer) in [
        (
            json!({"schema": {"type": "text"}}),
            "bad-schema",
            Some("/type"),
        ),
        (
            json!({"schema": {"properties": {"a": {"$ref": "http://127.0.0.1:1/x.json"}}}}),
            "bad-schema",
            Some("/properties/a/$ref"),
        ),
        (
            json!({"schema": {"$ref": "#"}}),
            "bad-schema",
            Some("/$ref"),
        ),
        (
            json!({"schema": {"pattern": "(?<=a)b"}}),
            "bad-schema",
            Some("/pattern"),
        ),
        (
            json!({"schema": {"anyOf": many}}),
            "bad-schema",
            Some("/anyOf/4095"),
        ),
        (
            json!({"schema": {"description": "x".repeat(65_536)}}),
            "too-large",
            None,
        ),
        (
            json!({"schema": null, "on_mismatch": "flag"}),
            "bad-webhook",
            None,
        ),
        (json!({"schema": true}), "bad-body", None),
        (json!({"on_mismatch": "ignore"}), "bad-body", None),
    ] {
        let (_, problem) = patch(&server, "w", change).await;
        let refused = refusal(&problem);
        assert_eq!(
            (refused.code.as_str(), refused.pointer.as_deref()),
            (code, pointer),
            "{problem}"
        );
    }
    let path = server.path("webhooks/w");
    assert_eq!(schema_of(&*server.get(&path).await), orders());
    let (status, _) = json(&server, &url, json!({})).await;
    assert_eq!(status.as_u16(), 422);
}

#[tokio::test]
async fn a_schema_survives_a_restart_and_a_rename_and_is_removed() {
    let mut server = Server::start().await;
    let url = add(&server, "w", &orders(), None).await;
    let (status, _) = patch(&server, "w", json!({"name": "v"})).await;
    assert_eq!(status, StatusCode::OK);
    server.kill();
    server.launch().await;
    let (status, _) = json(&server, &url, json!({})).await;
    assert_eq!(status.as_u16(), 422);
    let (_, webhook) = patch(&server, "v", json!({"schema": null})).await;
    let webhook: Webhook = typed(&webhook);
    assert!(webhook.schema.is_none() && webhook.on_mismatch.is_none());
    let (status, _) = json(&server, &url, json!({})).await;
    assert_eq!(status, StatusCode::OK);
}

/// Levels of two references to the next one.
fn bomb() -> Value {
    let next = |n: usize| json!({"$ref": format!("#/$defs/{}", n + 1)});
    let level = |n: usize| (n.to_string(), json!({"allOf": [next(n), next(n)]}));
    let mut levels: serde_json::Map<String, Value> = (0..40).map(level).collect();
    levels.insert("40".into(), json!({}));
    json!({"$ref": "#/$defs/0", "$defs": levels})
}

#[tokio::test]
async fn hostile_schemas_and_bodies_cost_a_bounded_amount() {
    let server = Server::start().await;
    let bombs = add(&server, "bomb", &bomb(), None).await;
    let begun = Instant::now();
    let (status, problem) = json(&server, &bombs, json!({})).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (422, "schema-too-costly")
    );
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let (status, _) = patch(&server, "bomb", json!({"on_mismatch": "flag"})).await;
    assert_eq!(status, StatusCode::OK);
    let (_, answer) = json(&server, &bombs, json!({})).await;
    assert_eq!(checked(&server, &answer).await["valid"], json!(false));
    // All documents of a request together have one bound.
    let begun = Instant::now();
    let lines = "{}\n".repeat(1_000);
    let (status, _) = server.send(&bombs, "application/x-ndjson", lines).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );

    // Large values: each is answered, within the memory that there is.
    let unique = add(
        &server,
        "unique",
        &json!({"uniqueItems": true, "items": {"type": "integer"}}),
        None,
    )
    .await;
    let items: Vec<u32> = (0..120_000).collect();
    let (status, answer) = json(&server, &unique, json!(items)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (_, problem) = json(&server, &unique, format!("[{}1]", "1,".repeat(400_000))).await;
    assert_eq!(
        refusal(&problem).errors.unwrap()[0].message,
        "items 0 and 1 are the same, and all must differ"
    );
    let (_, problem) = json(
        &server,
        &unique,
        format!("[{}\"x\"]", "\"x\",".repeat(200_000)),
    )
    .await;
    assert!(refusal(&problem).errors.unwrap().len() <= 5, "{problem}");
    assert!(problem.to_string().len() < 4_000);
}

/// A neighbour is answered while another workspace has all its requests checked for as long as may be.
#[tokio::test]
async fn costly_checks_leave_others_their_threads() {
    let mut server = Server::start().await;
    let quiet = server.webhook("quiet").await;
    server.enter("loud").await;
    let loud = add(&server, "bomb", &bomb(), None).await;
    let attack = async {
        let sends = (0..24).map(|_| json(&server, &loud, json!({})));
        futures_util::future::join_all(sends).await
    };
    let honest = async {
        let mut worst = Duration::ZERO;
        for n in 0..20 {
            let begun = Instant::now();
            let (status, _) = json(&server, &quiet, json!({"n": n})).await;
            assert_eq!(status, StatusCode::OK);
            worst = worst.max(begun.elapsed());
        }
        worst
    };
    let (attacked, worst) = tokio::join!(attack, honest);
    assert!(attacked.iter().all(|(status, _)| status.as_u16() == 422));
    assert!(worst < Duration::from_secs(10), "{worst:?}");
}

#[tokio::test]
async fn a_manifest_and_the_command_line_set_schemas() {
    let server = Server::start().await;
    let with = |schema: &str| {
        format!("workspaces:\n- name: default\n  webhooks:\n  - name: Orders\n{schema}")
    };
    let project = Project::new(&with(
        "    onMismatch: flag\n    schema: {type: object, required: [id]}\n",
    ));
    let file = project.at("deploy.yaml");
    let deploy = || Ran::of(&mut command(&server, &["deploy", file.to_str().unwrap()]));
    let line = |ran: &Ran| ran.stdout.lines().nth(1).unwrap().to_owned();
    let first = deploy();
    assert_eq!(marks(&first)[1], "+ webhook Orders", "{first:?}");
    let shown = || server.cli_json::<Webhook>(&["webhook", "show", "Orders"]);
    assert_eq!(shown().on_mismatch, Some(OnMismatch::Flag));
    assert_eq!(schema_of(&shown())["required"], json!(["id"]));
    assert_eq!(line(&deploy()), "= webhook    Orders");
    project.write(
        "deploy.yaml",
        with("    onMismatch: refuse\n    schema: {type: array}\n"),
    );
    assert_eq!(
        line(&deploy()),
        "~ webhook    Orders  schema and onMismatch change"
    );
    project.write("deploy.yaml", with(""));
    assert_eq!(
        line(&deploy()),
        "= webhook    Orders",
        "what is not named stays"
    );
    project.write(
        "deploy.yaml",
        with("    schema: {properties: {a: {type: text}}}\n"),
    );
    let wrong = deploy();
    assert!(wrong.stderr.contains("deploy.yaml:5:"), "{wrong:?}");
    assert!(
        wrong.stderr.contains("(at `/properties/a/type`)"),
        "{wrong:?}"
    );
    project.write("deploy.yaml", with("    schema: none\n"));
    assert_eq!(line(&deploy()), "~ webhook    Orders  schema changes");

    project.write("order.json", orders().to_string());
    let order = project.at("order.json");
    let order = order.to_str().unwrap();
    let ran = server.cli(&[
        "webhook",
        "update",
        "Orders",
        "--schema",
        order,
        "--on-mismatch",
        "flag",
    ]);
    assert!(ran.status.success(), "{ran:?}");
    let sheet = server.cli(&["webhook", "show", "Orders"]);
    let sheet = String::from_utf8(sheet.stdout).unwrap();
    assert!(sheet.contains("what does not fit is flagged"), "{sheet}");
    let added: Webhook = server.cli_json(&["webhook", "add", "Other", "--schema", order]);
    assert_eq!(added.on_mismatch, Some(OnMismatch::Refuse));
    assert_eq!(schema_of(&added), orders());
    project.write("order.json", "[1]");
    let ran = server.cli(&["webhook", "add", "Third", "--schema", order]);
    let error = String::from_utf8(ran.stderr).unwrap();
    assert!(error.contains("the schema is no JSON object"), "{error}");
    let ran = server.cli(&["webhook", "update", "Orders", "--no-schema"]);
    assert!(ran.status.success(), "{ran:?}");
    assert!(shown().schema.is_none());
}
