//! Bodies that are arrays.

use reqwest::Method;
use serde_json::json;

use crate::support::{Server, refusal};

/// serde takes an array for a struct, member by member; a body's meaning must not hang on the order in which
/// a type declares its members.
#[tokio::test]
async fn an_array_is_refused_where_an_object_stands() {
    let server = Server::start().await;
    let hook = server.webhook("Form").await;
    let source = "export const condition = {n: 1}; export const content = () => {};";
    server.script("s", source).await;
    let id = server.post(&hook, &json!({"n": 1})).await;
    server.wait(&id, "done").await;
    let ws = "/workspaces/default";
    let task = |verb: &str| format!("{ws}/tasks/{id}/{verb}");
    for (method, path, body) in [
        (Method::POST, "/workspaces".to_owned(), json!(["acme"])),
        (
            Method::POST,
            "/workspaces".to_owned(),
            json!({"name": "acme", "retention": [7, 30]}),
        ),
        (Method::PATCH, ws.to_owned(), json!(["https://h/"])),
        (
            Method::PATCH,
            ws.to_owned(),
            json!({"retention": ["forever"]}),
        ),
        (Method::POST, format!("{ws}/webhooks"), json!(["w"])),
        (Method::PUT, format!("{ws}/webhooks/Form"), json!(["/a"])),
        (
            Method::PATCH,
            format!("{ws}/steps/s"),
            json!([{"fuel": 1000}]),
        ),
        (
            Method::PATCH,
            format!("{ws}/steps/s"),
            json!({"limits": [1000]}),
        ),
        (
            Method::PATCH,
            format!("{ws}/steps/s"),
            json!({"retry": [2]}),
        ),
        (
            Method::POST,
            format!("{ws}/steps/s/rollback"),
            json!(["none"]),
        ),
        (Method::PUT, format!("{ws}/config/K"), json!(["v"])),
        (
            Method::PUT,
            format!("{ws}/connectors/c"),
            json!(["slack.com", {"token": "t"}]),
        ),
        (
            Method::PUT,
            format!("{ws}/schedules/r"),
            json!(["0 8 * * *"]),
        ),
        (Method::POST, task("update"), json!([{"a": 1}])),
        (Method::POST, task("update"), json!({"set": [["/a", 1]]})),
        (Method::POST, task("clone"), json!([])),
        (Method::POST, task("replay"), json!([1])),
    ] {
        let (status, problem) = server.api(method.clone(), &path, Some(body.clone())).await;
        assert_eq!(
            (status.as_u16(), refusal(&problem).code.as_str()),
            (400, "bad-body"),
            "{method} {path} {body}: {problem}"
        );
        let detail = refusal(&problem).detail;
        assert!(detail.contains("expected an object"), "{path}: {detail}");
    }
    // A task's data may be an array.
    let (status, head) = server
        .api(Method::POST, &format!("{ws}/tasks"), Some(json!([1])))
        .await;
    assert_eq!(status, 201, "{head}");
}
