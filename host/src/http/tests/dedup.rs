//! Repeated deliveries over time.

use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Server, answer};

#[tokio::test]
async fn a_repeat_is_known_within_its_window_and_a_new_delivery_after_it() {
    let server = Server::start().await;
    let rule = json!({"header": "x-id", "window_ms": 60_000});
    let body = json!({"name": "w", "dedup": rule});
    let (_, hook) = server.call(Method::POST, "/default/webhooks", body).await;
    let url = hook["url"].as_str().unwrap().to_owned();
    let send = || async {
        let request = server.client.post(&url).header("x-id", "a").body("{}");
        let (status, answer) = answer(request.send().await.unwrap()).await;
        assert_eq!(status, 200, "{answer}");
        let id = answer["task"].as_str().unwrap().to_owned();
        (id, answer["duplicate"] == true)
    };
    let (first, is_repeat) = send().await;
    assert!(!is_repeat);
    server.clock.advance(59_999);
    assert_eq!(send().await, (first.clone(), true));
    // A repeat does not make the window longer.
    server.clock.advance(1);
    let (second, is_repeat) = send().await;
    assert!(!is_repeat && second != first);
    // A window that is changed is that of the deliveries to come.
    let longer = json!({"dedup": {"header": "x-id", "window_ms": 3_600_000}});
    let (status, _) = server
        .call(Method::PUT, "/default/webhooks/w", longer)
        .await;
    assert_eq!(status, 200);
    server.clock.advance(60_000);
    let (third, is_repeat) = send().await;
    assert!(!is_repeat && third != second);
    server.clock.advance(3_599_999);
    assert_eq!(send().await, (third, true));
    // The rule is gone, and with it what was known.
    let (status, _) = server
        .call(Method::PUT, "/default/webhooks/w", json!({}))
        .await;
    assert_eq!(status, 200);
    assert!(!send().await.1);
    let (_, page) = server
        .call(Method::GET, "/default/tasks", Value::Null)
        .await;
    assert_eq!(page["tasks"].as_array().unwrap().len(), 4);
}
