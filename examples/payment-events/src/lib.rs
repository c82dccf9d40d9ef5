//! What a payment provider reports, sorted by kind: a payment that came, one that failed, a
//! subscription that ended, and anything else, which a person should see.

use serde::{Deserialize, Serialize};
use stepwell_sdk::prelude::*;

/// The provider's transaction. Which members it has depends on the event.
#[derive(Deserialize)]
struct Transaction {
    id: Option<String>,
    customer_id: Option<String>,
    /// As the provider wrote it: money is no binary fraction, so no digit may change.
    amount: Option<Box<Amount>>,
    currency: Option<String>,
    completed_at: Option<String>,
    failure_reason: Option<String>,
    failure_code: Option<String>,
    failed_at: Option<String>,
    cancellation_reason: Option<String>,
    cancelled_at: Option<String>,
}

type Amount = stepwell_sdk::serde_json::value::RawValue;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    amount: Option<Box<Amount>>,
    currency: Option<String>,
    customer_id: Option<String>,
    transaction_id: Option<String>,
    completed_at: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailedPayment {
    reason: Option<String>,
    code: Option<String>,
    customer_id: Option<String>,
    failed_at: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cancellation {
    customer_id: Option<String>,
    reason: Option<String>,
    cancelled_at: Option<String>,
}

#[step(condition = {
    "$via": { "name": "Payment Notifications" },
    event_type: String,
    transaction: Object,
})]
fn payment_events() -> Result {
    let event: String = data::require("/event_type")?;
    let transaction: Transaction = data::require("/transaction")?;
    console::log!("the payment provider reports {event}");

    let known = match event.as_str() {
        "payment.completed" => completed(transaction)?,
        "payment.failed" => failed(transaction)?,
        "subscription.cancelled" => cancelled(transaction)?,
        _ => {
            console::warn!("an event of an unknown kind: {event}");
            data::set("/requiresReview", true)?;
            false
        }
    };
    data::set("/eventProcessed", known)?;
    data::set("/processedAt", time::now_rfc3339())?;
    Ok(())
}

fn completed(transaction: Transaction) -> Result<bool> {
    data::set("/paymentStatus", "completed")?;
    data::set("/requiresConfirmation", true)?;
    data::set("/priority", "high")?;
    data::set(
        "/payment",
        Payment {
            amount: transaction.amount,
            currency: transaction.currency,
            customer_id: transaction.customer_id,
            transaction_id: transaction.id,
            completed_at: transaction.completed_at,
        },
    )?;
    Ok(true)
}

fn failed(transaction: Transaction) -> Result<bool> {
    data::set("/paymentStatus", "failed")?;
    data::set("/requiresRetry", true)?;
    data::set("/priority", "urgent")?;
    data::set(
        "/failure",
        FailedPayment {
            reason: transaction.failure_reason,
            code: transaction.failure_code,
            customer_id: transaction.customer_id,
            failed_at: transaction.failed_at,
        },
    )?;
    Ok(true)
}

fn cancelled(transaction: Transaction) -> Result<bool> {
    data::set("/subscriptionStatus", "cancelled")?;
    data::set("/requiresFollowup", true)?;
    data::set("/priority", "normal")?;
    data::set(
        "/cancellation",
        Cancellation {
            customer_id: transaction.customer_id,
            reason: transaction.cancellation_reason,
            cancelled_at: transaction.cancelled_at,
        },
    )?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::mock::{CLOCK, Mock, Outcome};

    use super::*;

    fn report(event: &str, transaction: Value) -> Outcome {
        Mock::new()
            .webhook("Payment Notifications")
            .data(json!({ "event_type": event, "transaction": transaction }))
            .run(payment_events)
    }

    #[test]
    fn a_completed_payment_is_to_be_confirmed() {
        let outcome = report(
            "payment.completed",
            json!({ "id": "t1", "customer_id": "c1", "amount": 99.5, "currency": "EUR",
                "completed_at": "2026-01-01T00:00:00Z" }),
        );
        assert_eq!(outcome.data["paymentStatus"], "completed");
        assert_eq!(outcome.data["requiresConfirmation"], true);
        assert_eq!(outcome.data["priority"], "high");
        assert_eq!(
            outcome.data["payment"],
            json!({ "amount": 99.5, "currency": "EUR", "customerId": "c1", "transactionId": "t1",
                "completedAt": "2026-01-01T00:00:00Z" })
        );
        assert_eq!(outcome.data["eventProcessed"], true);
        assert_eq!(outcome.data["processedAt"], time::rfc3339(CLOCK));
    }

    #[test]
    fn a_failed_payment_is_urgent() {
        let outcome = report(
            "payment.failed",
            json!({ "customer_id": "c1", "failure_reason": "insufficient funds",
                "failure_code": "51", "failed_at": "2026-01-01T00:00:00Z" }),
        );
        assert_eq!(outcome.data["priority"], "urgent");
        assert_eq!(outcome.data["requiresRetry"], true);
        assert_eq!(outcome.data["failure"]["code"], "51");
    }

    #[test]
    fn a_cancelled_subscription_is_followed_up() {
        let outcome = report(
            "subscription.cancelled",
            json!({ "customer_id": "c1", "cancellation_reason": "too dear" }),
        );
        assert_eq!(outcome.data["subscriptionStatus"], "cancelled");
        assert_eq!(outcome.data["cancellation"]["reason"], "too dear");
        assert_eq!(outcome.data["cancellation"]["cancelledAt"], Value::Null);
    }

    #[test]
    fn an_unknown_event_is_for_a_person_to_look_at() {
        let outcome = report("payment.imagined", json!({}));
        assert_eq!(outcome.data["eventProcessed"], false);
        assert_eq!(outcome.data["requiresReview"], true);
        assert_eq!(outcome.data.get("paymentStatus"), None);
    }
}
