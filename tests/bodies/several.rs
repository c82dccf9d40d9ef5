//! Requests whose body holds several documents: all of them become tasks, or none.

use reqwest::Method;
use serde_json::{Value, json};

use super::{data, send};
use crate::support::{Server, correlating, refusal};

const LINES: [(&str, &str); 1] = [("content-type", "application/x-ndjson")];
const BATCH: [(&str, &str); 1] = [("content-type", "application/cloudevents-batch+json")];

#[tokio::test]
async fn lines_become_tasks_in_their_order() {
    let server = Server::start().await;
    let url = server.webhook("w").await;
    for (content_type, body, expected) in [
        (
            "application/x-ndjson",
            "{\"n\":1}\n\n [2] \r\n\"x\\ud83d\"\n",
            vec![
                json!({"n": 1}),
                json!({"items": [2]}),
                json!({"value": "x\u{fffd}"}),
            ],
        ),
        (
            "application/jsonl; charset=utf-8",
            "{\"n\":1.50}",
            vec![serde_json::from_str("{\"n\":1.50}").unwrap()],
        ),
        (
            "application/x-ldjson",
            "\u{feff}1\n2",
            vec![json!({"value": 1}), json!({"value": 2})],
        ),
    ] {
        let answer = send(&url, Method::POST, &[("content-type", content_type)], body).await;
        let tasks = answer.tasks();
        assert!(answer.body.get("task").is_none(), "{}", answer.body);
        assert_eq!(tasks.len(), expected.len(), "{body}");
        for (task, expected) in tasks.iter().zip(expected) {
            server.wait(task, "unmatched").await;
            let (data, via) = data(&server, task).await;
            assert_eq!(data, expected);
            assert_eq!(via["contentType"], content_type);
        }
    }
    assert_eq!(server.tasks("").await.len(), 6);
}

#[tokio::test]
async fn one_wrong_line_refuses_all() {
    let server = Server::start().await;
    let url = server.webhook("w").await;
    let most = "{}\n".repeat(1000);
    let deep = format!("{{}}\n{}{}", "[".repeat(65), "]".repeat(65));
    for (body, status, code, line) in [
        (
            "{}\n{}\n{\"a\": }\n{}".to_owned(),
            400,
            "bad-json",
            json!(3),
        ),
        ("\n\n{}\n\n[".to_owned(), 400, "bad-json", json!(5)),
        (deep, 400, "too-deep", json!(2)),
        ("\n \r\n".to_owned(), 400, "bad-json", json!(1)),
        (String::new(), 400, "bad-json", json!(1)),
        (format!("{most}{{}}"), 413, "body-too-large", Value::Null),
    ] {
        let answer = send(&url, Method::POST, &LINES, body).await;
        assert_eq!(
            answer.refusal(),
            (status, code.to_owned()),
            "{}",
            answer.body
        );
        let problem = refusal(&answer.body);
        assert_eq!(json!(problem.line), line, "{}", answer.body);
    }
    assert!(server.tasks("").await.is_empty());
    let answer = send(&url, Method::POST, &LINES, most).await;
    let tasks = answer.tasks();
    assert_eq!(tasks.len(), 1000);
    server.settled().await;
    for at in [0, 499, 999] {
        server.wait(&tasks[at], "unmatched").await;
    }
}

/// The tasks of one request are bounded together as one task's data is.
#[tokio::test]
async fn the_data_of_all_are_bounded() {
    let server = Server::start().await;
    let url = server.webhook("w").await;
    let query = "q=".to_owned() + &"x".repeat(20_000);
    let url = format!("{url}?{query}");
    let answer = send(&url, Method::POST, &LINES, "{}\n".repeat(500)).await;
    assert_eq!(
        answer.refusal(),
        (413, "body-too-large".into()),
        "{}",
        answer.body
    );
    assert!(server.tasks("").await.is_empty());
}

#[tokio::test]
async fn a_batch_of_events_becomes_tasks() {
    let server = Server::start().await;
    let url = server.webhook("w").await;
    let event = |id: &str, data: &str| {
        format!(r#"{{"specversion":"1.0","type":"t","source":"/s","id":"{id}","data":{data}}}"#)
    };
    let body = format!("[{},{}]", event("1", "{\"n\":1}"), event("2", "[2]"));
    let tasks = send(&url, Method::POST, &BATCH, body).await.tasks();
    assert_eq!(tasks.len(), 2);
    for (task, expected, id) in [
        (&tasks[0], json!({"n": 1}), "1"),
        (&tasks[1], json!({"items": [2]}), "2"),
    ] {
        let (data, via) = data(&server, task).await;
        assert_eq!(data, expected);
        assert_eq!(via["cloudevent"]["id"], id);
        assert_eq!(via["cloudevent"].as_object().unwrap().len(), 4);
    }
    let empty = send(&url, Method::POST, &BATCH, "[]").await;
    assert_eq!(
        (empty.status.as_u16(), &empty.body),
        (200, &json!({"tasks": []}))
    );
    let wrong = format!("[{},{{\"id\":\"2\"}}]", event("1", "1"));
    let many = format!("[{}]", vec![event("1", "1"); 1001].join(","));
    for (body, status, code, says) in [
        (
            wrong,
            400,
            "bad-cloudevent",
            "item 1: it has no `specversion`",
        ),
        (
            "[7]".to_owned(),
            400,
            "bad-cloudevent",
            "item 0: it is not a JSON object",
        ),
        (
            event("1", "1"),
            400,
            "bad-cloudevent",
            "a batch is a JSON array",
        ),
        ("[".to_owned(), 400, "bad-json", "EOF"),
        (many, 413, "body-too-large", "more than 1000 documents"),
    ] {
        let answer = send(&url, Method::POST, &BATCH, body).await;
        assert_eq!(
            answer.refusal(),
            (status, code.to_owned()),
            "{}",
            answer.body
        );
        let detail = refusal(&answer.body).detail;
        assert!(detail.contains(says), "{detail}");
    }
    assert_eq!(server.tasks("").await.len(), 2);
}

#[tokio::test]
async fn documents_about_open_tasks_are_merged_into_them() {
    let server = Server::start().await;
    let parks = "export const condition = {wait: true};
        export const content = async () => { if (!data.paid) task.park(3_600_000); };";
    server.script("parks", parks).await;
    let start = server.webhook("start").await;
    let url = correlating(&server, "paid", "/order").await;
    let open = server.post(&start, &json!({"wait": true})).await;
    server.wait(&open, "waiting").await;
    let body = format!("{{\"n\":1}}\n{{\"order\":\"{open}\",\"paid\":true}}\n{{\"n\":3}}\n");
    let tasks = send(&url, Method::POST, &LINES, body).await.tasks();
    assert_eq!(tasks.len(), 3);
    assert_eq!(tasks[1], open);
    let (merged, _) = data(&server, &open).await;
    assert_eq!(merged["paid"], json!(true));
    for (task, n) in [(&tasks[0], 1), (&tasks[2], 3)] {
        assert_eq!(data(&server, task).await.0, json!({"n": n}));
    }
}
