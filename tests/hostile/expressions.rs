//! Regular expressions that take much memory when compiled: what a step and a workspace may take is bounded.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Server, refusal};

/// A script whose condition has so many expressions of nearly a megabyte each.
fn package(count: usize) -> Vec<u8> {
    let source = format!(
        "export const condition = {{a: {{$in: Array.from({{length: {count}}}, (_, n) => new RegExp('^\\\\p{{L}}{{1,20}}|x{{' + (n + 1) + '}}$', 'u'))}}}};
        export const content = () => {{ data.seen = true; }};"
    );
    let package = json!({"entry": "a.js", "modules": {"a.js": source}});
    package.to_string().into_bytes()
}

#[tokio::test]
async fn a_step_of_many_large_expressions_is_refused_and_told_what_it_takes() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let (status, body) = server.try_step("large", package(16), "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert_eq!(refusal(&body).code, "bad-condition");
    let detail = refusal(&body).detail;
    assert!(
        detail.contains("the condition of step `large` takes 1")
            && detail.contains("at most 4194304 are allowed for one step"),
        "{detail}"
    );
    // Some of them are taken, and the same again in other steps.
    for name in ["a", "b", "c"] {
        let (status, body) = server.try_step(name, package(3), "").await;
        assert!(status.is_success(), "{body}");
    }
    let task = server.run(&webhook, &json!({"a": "xxx"}), "done").await;
    assert_eq!(task.runs.len(), 3);
    server.is_well().await;
}
