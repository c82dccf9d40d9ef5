//! Deliveries as the API lists them.

use reqwest::Method;
use serde_json::Value;
use stepwell_api::{Delivery, DeliveryPage};

use super::{Answer, Server};

/// One page of the deliveries that a query asks for.
pub async fn list(server: &Server, query: &str) -> Vec<Answer<Delivery>> {
    page(server, query).await.0
}

/// All pages, one after the other.
pub async fn all(server: &Server, query: &str) -> Vec<Answer<Delivery>> {
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let (deliveries, next) = page(server, &format!("{query}{before}")).await;
        found.extend(deliveries);
        let Some(next) = next else {
            return found;
        };
        before = format!("&before={next}");
    }
}

/// Sends a delivery again, with this body of the request.
pub async fn redeliver(server: &Server, id: &str, body: Value) -> (u16, Value) {
    let path = server.path(&format!("deliveries/{id}/redeliver"));
    let (status, answer) = server.api(Method::POST, &path, Some(body)).await;
    (status.as_u16(), answer)
}

async fn page(server: &Server, query: &str) -> (Vec<Answer<Delivery>>, Option<String>) {
    let path = server.path(&format!("deliveries?{query}"));
    let page = server.get::<DeliveryPage<Value>>(&path).await;
    let deliveries = page.deliveries.iter().cloned().map(Answer::of);
    (deliveries.collect(), page.next.clone())
}
