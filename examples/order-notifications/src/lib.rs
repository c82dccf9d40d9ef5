//! A completed order is reported to several systems at once, and one that does not answer keeps none
//! of the others from being told.
//!
//! Config: `FULFILLMENT_URL`, `FULFILLMENT_API_KEY`, `ANALYTICS_URL`, `ANALYTICS_TOKEN`, and for
//! orders of high value `CUSTOMER_SUCCESS_URL`, `CUSTOMER_SUCCESS_TOKEN`.

use serde::{Deserialize, Serialize};
use stepwell_sdk::connectors::Fetch;
use stepwell_sdk::prelude::*;

/// Orders above this total are reported to customer success, too.
const HIGH_VALUE: f64 = 1000.0;

#[derive(Deserialize)]
struct Order {
    id: Value,
    customer: Customer,
    total: f64,
    #[serde(default)]
    items: Vec<Value>,
}

#[derive(Deserialize)]
struct Customer {
    id: Option<Value>,
}

/// What every system is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    order_id: Value,
    customer_id: Option<Value>,
    total: f64,
    items: Vec<Value>,
    completed_at: String,
}

/// A report with what one system wants besides.
#[derive(Serialize)]
struct With<'r, M> {
    #[serde(flatten)]
    report: &'r Report,
    #[serde(flatten)]
    more: M,
}

#[step(condition = { order: { status: "completed", customer: Object, total: Number } })]
async fn order_notifications() -> Result {
    let order: Order = data::require("/order")?;
    let high_value = order.total > HIGH_VALUE;
    let report = Report {
        order_id: order.id,
        customer_id: order.customer.id,
        total: order.total,
        items: order.items,
        completed_at: time::now_rfc3339(),
    };

    let mut names = vec!["fulfillment", "analytics"];
    let mut calls = vec![fulfillment(&report)?, analytics(&report)?];
    if high_value {
        names.push("customer success");
        calls.push(customer_success(&report)?);
    }
    // All are under way by now; this only waits.
    let results = join_all(calls).await;

    let mut failed = 0;
    for (name, result) in names.iter().zip(&results) {
        let problem = match result {
            Ok(response) if response.ok() => continue,
            Ok(response) => response.status.to_string(),
            Err(error) => error.to_string(),
        };
        console::warn!("{name} was not told: {problem}");
        failed += 1;
    }
    let sent = results.len();
    console::log!("{} of {sent} systems were told", sent - failed);
    data::set(
        "/notifications",
        json!({
            "sent": sent,
            "successful": sent - failed,
            "failed": failed,
            "completedAt": time::now_rfc3339(),
        }),
    )?;
    if failed > 0 {
        data::set("/notifications/requiresRetry", true)?;
    }
    Ok(())
}

fn fulfillment(report: &Report) -> Result<Fetch> {
    let more = json!({ "action": "ship_order" });
    let request = Request::post(task::require_config("FULFILLMENT_URL")?)
        .header("X-API-Key", task::require_config("FULFILLMENT_API_KEY")?)
        .json(&With { report, more });
    Ok(connectors::fetch(request))
}

fn analytics(report: &Report) -> Result<Fetch> {
    let event = json!({
        "event": "order_completed",
        "properties": report,
        "timestamp": report.completed_at,
    });
    let request = Request::post(task::require_config("ANALYTICS_URL")?)
        .bearer(&task::require_config("ANALYTICS_TOKEN")?)
        .json(&event);
    Ok(connectors::fetch(request))
}

fn customer_success(report: &Report) -> Result<Fetch> {
    let more = json!({ "priority": "high", "assignToCSM": true });
    let request = Request::post(task::require_config("CUSTOMER_SUCCESS_URL")?)
        .bearer(&task::require_config("CUSTOMER_SUCCESS_TOKEN")?)
        .json(&With { report, more });
    Ok(connectors::fetch(request))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stepwell_sdk::connectors::FetchError;
    use stepwell_sdk::mock::{CLOCK, Mock, Reply};

    use super::*;

    const FULFILLMENT: &str = "https://fulfillment.example/orders";
    const ANALYTICS: &str = "https://analytics.example/events";
    const SUCCESS: &str = "https://success.example/orders";

    fn order(total: f64) -> Mock {
        Mock::new()
            .data(json!({ "order": {
                "id": 7, "status": "completed", "total": total, "customer": { "id": "c1" },
                "items": [{ "sku": "A", "count": 2 }]
            } }))
            .config("FULFILLMENT_URL", FULFILLMENT)
            .config("FULFILLMENT_API_KEY", "key")
            .config("ANALYTICS_URL", ANALYTICS)
            .config("ANALYTICS_TOKEN", "analytics-token")
            .config("CUSTOMER_SUCCESS_URL", SUCCESS)
            .config("CUSTOMER_SUCCESS_TOKEN", "success-token")
    }

    #[test]
    fn everybody_is_told() {
        let outcome = order(1000.0)
            .reply("POST", FULFILLMENT, Reply::status(200))
            .reply("POST", ANALYTICS, Reply::status(204))
            .run(order_notifications);
        assert_eq!(
            outcome.data["notifications"],
            json!({ "sent": 2, "successful": 2, "failed": 0, "completedAt": time::rfc3339(CLOCK) })
        );
        assert_eq!(outcome.logs, ["2 of 2 systems were told"]);
        let [fulfillment, analytics] = &outcome.calls[..] else {
            panic!("{:?}", outcome.calls)
        };
        assert_eq!(fulfillment.header("x-api-key"), Some("key"));
        assert_eq!(fulfillment.json()["orderId"], 7);
        assert_eq!(fulfillment.json()["action"], "ship_order");
        assert_eq!(
            analytics.header("authorization"),
            Some("Bearer analytics-token")
        );
        assert_eq!(analytics.json()["properties"]["customerId"], "c1");
    }

    #[test]
    fn an_order_of_high_value_is_reported_once_more() {
        let outcome = order(1000.5)
            .reply("POST", FULFILLMENT, Reply::status(200))
            .reply("POST", ANALYTICS, Reply::status(200))
            .reply("POST", SUCCESS, Reply::status(200))
            .run(order_notifications);
        assert_eq!(outcome.data["notifications"]["sent"], 3);
        assert_eq!(outcome.calls[2].json()["assignToCSM"], true);
    }

    #[test]
    fn one_failure_does_not_stop_the_others() {
        let refused = FetchError::Connection("refused".to_owned());
        let outcome = order(5000.0)
            .reply("POST", FULFILLMENT, Reply::status(503))
            .reply("POST", ANALYTICS, Reply::status(200))
            .reply("POST", SUCCESS, Reply::error(refused))
            .run(order_notifications);
        let notifications = &outcome.data["notifications"];
        assert_eq!(notifications["successful"], 1);
        assert_eq!(notifications["failed"], 2);
        assert_eq!(notifications["requiresRetry"], true);
        assert_eq!(outcome.logs[0], "fulfillment was not told: 503");
        assert_eq!(
            outcome.logs[1],
            "customer success was not told: connection failed: refused"
        );
    }

    #[test]
    fn the_calls_overlap() {
        let slow = |millis| Reply::status(200).after(Duration::from_millis(millis));
        let outcome = order(5000.0)
            .reply("POST", FULFILLMENT, slow(300))
            .reply("POST", ANALYTICS, slow(200))
            .reply("POST", SUCCESS, slow(250))
            .run(order_notifications);
        let done = &outcome.data["notifications"]["completedAt"];
        assert_eq!(*done, time::rfc3339(CLOCK + 300));
    }

    #[test]
    fn only_completed_orders() {
        let open = json!({ "order": { "status": "open", "customer": {}, "total": 5 } });
        assert!(!Mock::new().data(open).matches(order_notifications));
    }
}
