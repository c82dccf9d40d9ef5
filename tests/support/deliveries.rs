//! Deliveries as the API lists them.

use reqwest::Method;
use serde_json::Value;

use super::Server;

/// One page of the deliveries that a query asks for.
pub async fn list(server: &Server, query: &str) -> Vec<Value> {
    let path = server.path(&format!("deliveries?{query}"));
    let (status, page) = server.api(Method::GET, &path, None).await;
    assert_eq!(status, 200, "{page}");
    page["deliveries"].as_array().unwrap().clone()
}

/// All pages, one after the other.
pub async fn all(server: &Server, query: &str) -> Vec<Value> {
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let path = server.path(&format!("deliveries?{query}{before}"));
        let (status, page) = server.api(Method::GET, &path, None).await;
        assert_eq!(status, 200, "{page}");
        found.extend(page["deliveries"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            return found;
        };
        before = format!("&before={next}");
    }
}

/// Sends a delivery again, with this body of the request.
pub async fn redeliver(server: &Server, id: &Value, body: Value) -> (u16, Value) {
    let id = id.as_str().unwrap();
    let path = server.path(&format!("deliveries/{id}/redeliver"));
    let (status, answer) = server.api(Method::POST, &path, Some(body)).await;
    (status.as_u16(), answer)
}
