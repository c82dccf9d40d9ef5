//! A signed webhook is delivered, in up to three attempts that the data keeps account of.
//!
//! A server error, a rate limit or no answer at all is worth another attempt: the step writes
//! `retryAttempt`, which its condition observes, so that it matches anew, and `nextRetryAt`, until
//! when the server lets the task wait. Any other refusal is final. After the third attempt the
//! condition no longer matches, and an alert is sent.
//!
//! Config: `WEBHOOK_ENDPOINT`; `WEBHOOK_SECRET`; optionally `ALERT_URL`, which is told of a final
//! failure, and `RETRY_BASE_MS`, the unit of the delay (1000).

use std::fmt::Write;
use std::time::Duration;

use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;
use stepwell_sdk::prelude::*;

/// Attempts in all. The condition says the same: it has to be a literal.
const ATTEMPTS: u32 = 3;

/// What came of an attempt.
enum Attempt {
    Delivered,
    /// Worth another one.
    Failed(String),
    /// Not worth another one.
    Refused(String),
}

// A comparison never matches what is missing, so the first attempt has a branch of its own.
#[step(condition = {
    webhookData: Object,
    "$or": [{ retryAttempt: null }, { retryAttempt: { "$lt": 3 } }],
})]
async fn webhook_delivery() -> Result {
    let attempt = data::get::<u32>("/retryAttempt")?.unwrap_or(0) + 1;
    console::log!("delivery attempt {attempt} of {ATTEMPTS}");

    data::remove("/nextRetryAt")?;
    match deliver(attempt).await? {
        Attempt::Delivered => {
            console::log!("delivered on attempt {attempt}");
            data::set("/webhookDelivered", true)?;
            data::set("/deliveredAt", time::now_rfc3339())?;
            data::set("/deliveryAttempts", attempt)?;
        }
        Attempt::Refused(problem) => {
            console::error!("refused for good: {problem}");
            give_up(&problem)?;
        }
        Attempt::Failed(problem) => {
            console::error!("attempt {attempt} failed: {problem}");
            data::set("/retryAttempt", attempt)?;
            data::set("/lastError", &problem)?;
            data::set("/lastAttemptAt", time::now_rfc3339())?;
            if attempt < ATTEMPTS {
                let delay = delay(attempt)?;
                data::set("/nextRetryAt", time::after_rfc3339(delay))?;
                console::log!("next attempt in {} ms", delay.as_millis());
            } else {
                let problem = format!("failed after {attempt} attempts: {problem}");
                give_up(&problem)?;
                alert(&problem).await;
            }
        }
    }
    Ok(())
}

async fn deliver(attempt: u32) -> Result<Attempt> {
    // The text as it came in: what is signed is what is sent, to the byte.
    let payload = data::get_json("/webhookData")?.or_stop("there is nothing to deliver")?;
    let request = Request::post(task::require_config("WEBHOOK_ENDPOINT")?)
        .header(
            "X-Webhook-Signature",
            signature(&task::require_config("WEBHOOK_SECRET")?, &payload)?,
        )
        .header("X-Retry-Attempt", attempt.to_string())
        .json_text(payload);
    Ok(match connectors::fetch(request).await {
        Ok(response) if response.ok() => Attempt::Delivered,
        Ok(response) => {
            let problem = format!("{} {}", response.status, response.status_text);
            let problem = problem.trim_end().to_owned();
            match response.status {
                429 | 500.. => Attempt::Failed(problem),
                _ => Attempt::Refused(problem),
            }
        }
        Err(error) => Attempt::Failed(error.to_string()),
    })
}

/// `sha256=` and the HMAC-SHA256 (RFC 2104) of the payload, in lower-case hex.
fn signature(secret: &str, payload: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).stop()?;
    mac.update(payload.as_bytes());
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// Doubles with each attempt: 2 units after the first, 4 after the second.
fn delay(attempt: u32) -> Result<Duration> {
    let unit: u64 = match task::config("RETRY_BASE_MS") {
        Some(text) => text.parse().stop()?,
        None => 1000,
    };
    Ok(Duration::from_millis(unit.saturating_mul(1 << attempt)))
}

fn give_up(problem: &str) -> Result {
    data::set("/webhookDelivered", false)?;
    data::set("/finalFailure", true)?;
    data::set("/deliveryError", problem)?;
    Ok(())
}

/// Posts the final failure to `ALERT_URL`. The delivery has failed either way, so this cannot fail the step.
async fn alert(problem: &str) {
    #[derive(Serialize)]
    struct Alert<'p> {
        task: String,
        text: &'p str,
    }
    let Some(url) = task::config("ALERT_URL") else {
        return;
    };
    let alert = Alert {
        task: task::id(),
        text: problem,
    };
    match connectors::fetch(Request::post(url).json(&alert)).await {
        Ok(response) if response.ok() => {}
        Ok(response) => console::warn!("the alert was answered {}", response.status),
        Err(error) => console::warn!("the alert was not sent: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::connectors::FetchError;
    use stepwell_sdk::mock::{CLOCK, Mock, Reply};

    use super::*;

    const ENDPOINT: &str = "https://hooks.example/in";
    const ALERTS: &str = "https://alerts.example/";

    fn delivery(data: Value) -> Mock {
        Mock::new()
            .data(data)
            .config("WEBHOOK_ENDPOINT", ENDPOINT)
            .config("WEBHOOK_SECRET", "secret")
            .config("ALERT_URL", ALERTS)
    }

    fn first() -> Value {
        json!({ "webhookData": { "order": 7, "total": 10.5 } })
    }

    #[test]
    fn the_test_case_2_of_rfc_4231() {
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?").unwrap(),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn what_is_sent_is_what_is_signed() {
        let outcome = delivery(first())
            .reply("POST", ENDPOINT, Reply::status(200))
            .run(webhook_delivery);
        let call = &outcome.calls[0];
        assert_eq!(call.text(), r#"{"order":7,"total":10.5}"#);
        assert_eq!(
            call.header("x-webhook-signature"),
            Some(signature("secret", &call.text()).unwrap().as_str())
        );
        assert_eq!(call.header("x-retry-attempt"), Some("1"));
        assert_eq!(outcome.data["webhookDelivered"], true);
        assert_eq!(outcome.data["deliveryAttempts"], 1);
    }

    #[test]
    fn three_attempts_and_then_an_alert() {
        let mut data = first();
        for (attempt, wait) in [(1, Some(2000)), (2, Some(4000)), (3, None)] {
            let outcome = delivery(data)
                .reply("POST", ENDPOINT, Reply::status(503))
                .reply("POST", ALERTS, Reply::status(200))
                .run(webhook_delivery);
            assert_eq!(outcome.data["retryAttempt"], attempt);
            assert_eq!(outcome.data["lastError"], "503 Service Unavailable");
            let next = wait.map(|wait| Value::from(time::rfc3339(CLOCK + wait)));
            assert_eq!(outcome.data.get("nextRetryAt"), next.as_ref());
            assert_eq!(outcome.calls.len(), if attempt == 3 { 2 } else { 1 });
            data = outcome.data;
        }
        assert_eq!(data["finalFailure"], true);
        assert_eq!(
            data["deliveryError"],
            "failed after 3 attempts: 503 Service Unavailable"
        );
        assert!(!delivery(data).matches(webhook_delivery));
    }

    #[test]
    fn a_second_attempt_may_do() {
        let mut data = first();
        data["retryAttempt"] = json!(1);
        data["nextRetryAt"] = json!("2026-01-01T00:00:00.000Z");
        let outcome = delivery(data)
            .reply("POST", ENDPOINT, Reply::status(204))
            .run(webhook_delivery);
        assert_eq!(outcome.data["deliveryAttempts"], 2);
        assert_eq!(outcome.data.get("nextRetryAt"), None);
    }

    #[test]
    fn what_is_worth_another_attempt() {
        let timeout = Reply::error(FetchError::Timeout(5));
        for (reply, again) in [
            (Reply::status(500), true),
            (Reply::status(429), true),
            (timeout, true),
            (Reply::status(400), false),
            (Reply::status(404), false),
        ] {
            let outcome = delivery(first())
                .reply("POST", ENDPOINT, reply.clone())
                .run(webhook_delivery);
            assert_eq!(
                outcome.data.get("retryAttempt").is_some(),
                again,
                "{reply:?}"
            );
            assert_eq!(
                outcome.data.get("finalFailure").is_none(),
                again,
                "{reply:?}"
            );
        }
    }

    #[test]
    fn an_alert_that_fails_changes_nothing() {
        let mut data = first();
        data["retryAttempt"] = json!(2);
        let outcome = delivery(data)
            .reply("POST", ENDPOINT, Reply::status(500))
            .reply("POST", ALERTS, Reply::status(500))
            .run(webhook_delivery);
        assert_eq!(outcome.result, Ok(()));
        assert!(
            outcome
                .logs
                .iter()
                .any(|line| line == "the alert was answered 500")
        );
    }
}
