//! Every JavaScript block of the user's document runs as it stands there. The document is not part
//! of this repository: STEPWELL_SEED names it, or it lies in `shared/` beside the repository.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;

use crate::common::{Ran, Step, response, step};
use serde_json::{Value, json};
use stepwell_js::{Level, Outcome};

/// The steps of the document, each with the line on which its block began. A block with several
/// conditions holds several steps.
fn steps() -> Option<Vec<String>> {
    let path = std::env::var_os("STEPWELL_SEED").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/seed-webhooks.md"
            ))
        },
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there is no {}", path.display());
        return None;
    };
    let blocks = text
        .split("```javascript\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next());
    let mut steps = Vec::new();
    for block in blocks {
        let mut parts = block.split("export const condition");
        let mut head = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            steps.push(format!("{head}export const condition{part}"));
            head.clear();
        }
    }
    Some(steps)
}

/// The step with this text in it.
fn containing(text: &str) -> Option<Step> {
    let steps = steps()?;
    let mut found = steps.iter().filter(|step| step.contains(text));
    let source = found
        .next()
        .unwrap_or_else(|| panic!("no step with {text}"));
    assert!(found.next().is_none(), "several steps with {text}");
    Some(step(source))
}

fn condition(text: &str) -> Value {
    serde_json::from_str(&containing(text).unwrap().condition().unwrap()).unwrap()
}

/// The data after a run, without what was there before.
fn added(ran: &Ran, before: &Value) -> Value {
    let mut data = ran.data();
    let map = data.as_object_mut().unwrap();
    map.retain(|key, value| before.get(key) != Some(value));
    data
}

fn is_time(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.len() == 24 && text.ends_with('Z'))
}

#[test]
fn every_block_compiles() {
    let Some(steps) = steps() else { return };
    assert_eq!(steps.len(), 13);
    for source in steps {
        step(&source).condition().unwrap();
    }
}

#[test]
fn contact_form() {
    let Some(step) = containing("Contact Form\"\n  }\n};") else {
        return;
    };
    let data = json!({
        "firstName": "Sarah", "lastName": "Chen", "email": "sarah@company.com", "company": "TechCorp",
        "message": "Interested", "$via": {"name": "Contact Form", "type": "webhook", "received": 1},
    });
    let ran = step.data(data.clone()).run();
    let mut after = added(&ran, &data);
    assert!(is_time(&after["contact"]["receivedAt"]));
    after["contact"]["receivedAt"] = Value::Null;
    let contact = json!({
        "fullName": "Sarah Chen", "email": "sarah@company.com", "company": "TechCorp",
        "source": "website_form", "receivedAt": null,
    });
    assert_eq!(after, json!({"contact": contact, "processed": true}));
    let logs = [
        "Processing contact form submission...",
        "Contact: Sarah Chen",
        "Email: sarah@company.com",
        "Company: TechCorp",
        "Webhook name: Contact Form",
        "Webhook type: webhook",
        "Received timestamp: 1",
    ];
    assert_eq!(ran.printed(), logs);
    assert_eq!(ran.changes().len(), 2);
}

#[test]
fn three_forms() {
    if steps().is_none() {
        return;
    }
    assert_eq!(
        condition("contact_inquiry"),
        json!({"$via": {"name": "Contact Form"}, "email": {"$type": "string"}})
    );
    let run = |text: &str, data: Value| {
        let ran = containing(text).unwrap().data(data.clone()).run();
        added(&ran, &data)
    };
    let lead = run("contact_inquiry", json!({"email": "no address"}));
    assert_eq!(lead["emailValid"], json!(false));
    assert_eq!(lead["validationError"], json!("Invalid email format"));
    let product = run(
        "productInfo[data.product]",
        json!({"product": "integration-tools"}),
    );
    assert_eq!(
        product["productInfo"],
        json!({"category": "Developer", "price": "Subscription"})
    );
    assert_eq!(product["productCategory"], json!("Developer"));
    let ticket = run(
        "support_request",
        json!({"issue": "My BILLING is off", "urgency": "high"}),
    );
    let expected = json!({
        "ticketType": "support_request", "priority": "urgent", "source": "support_form",
        "category": "financial", "assignedTeam": "financial",
    });
    assert_eq!(ticket, expected);
}

#[test]
fn payments() {
    let Some(step) = containing("payment.completed") else {
        return;
    };
    let transaction = json!({
        "id": "t1", "amount": 99.90, "currency": "EUR", "failure_reason": "card", "failed_at": "2026-01-01",
    });
    let data = json!({"event_type": "payment.failed", "transaction": transaction});
    let ran = step.data(data.clone()).run();
    let after = added(&ran, &data);
    // What is undefined is left out, as JSON does.
    assert_eq!(
        after["failure"],
        json!({"reason": "card", "failedAt": "2026-01-01"})
    );
    assert_eq!(after["priority"], json!("urgent"));
    assert_eq!(after["eventProcessed"], json!(true));
    let transaction = json!({"$type": "object"});
    let expected = json!({
        "$via": {"name": "Payment Notifications"}, "event_type": {"$type": "string"}, "transaction": transaction,
    });
    assert_eq!(condition("payment.completed"), expected);
}

#[test]
fn uploads() {
    let Some(step) = containing("Document Upload") else {
        return;
    };
    let file = json!({"name": "a.exe", "type": "application/x-exe", "size": 20_000_000, "url": "https://f.example/a"});
    let ran = step.data(json!({"file": file})).run();
    let after = ran.data();
    let errors = json!([
        "Invalid file type: application/x-exe",
        "File too large: 20000000 bytes"
    ]);
    assert_eq!(after["validationErrors"], errors);
    assert_eq!(after["requiresUserNotification"], json!(true));
}

#[test]
fn crm() {
    let Some(step) = containing("external-crm.com") else {
        return;
    };
    let data =
        json!({"customer": {"created": true, "email": "a@b.c", "name": "A", "company": "C"}});
    let ran = step
        .data(data)
        .config("EXTERNAL_CRM_TOKEN", "secret")
        .json(200, json!({"id": 1}))
        .run();
    let after = ran.data();
    assert_eq!(after["customer"]["syncedToExternalCRM"], json!(true));
    assert!(is_time(&after["customer"]["syncedAt"]));
    let requests = ran.host.requests.borrow();
    let [request] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(request.method, "POST");
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer secret"),
    ];
    assert_eq!(
        request.headers,
        headers.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["data"]["source"], json!("aloma_automation"));

    let failed = containing("external-crm.com").unwrap();
    let ran = failed
        .config("EXTERNAL_CRM_TOKEN", "secret")
        .data(json!({"customer": {}}))
        .answer(response(503, "text/plain", b""))
        .run();
    assert_eq!(
        ran.data()["customer"]["syncError"],
        json!("CRM sync failed: 503 ")
    );
    assert_eq!(
        ran.printed()[1],
        "Error: Failed to sync customer to external CRM: CRM sync failed: 503 "
    );
}

#[test]
fn order_notifications() {
    let Some(step) = containing("high-value-orders") else {
        return;
    };
    let order =
        json!({"id": 7, "status": "completed", "customer": {"id": 1}, "total": 1500, "items": []});
    let ran = step
        .config("ANALYTICS_TOKEN", "secret")
        .config("CS_PLATFORM_TOKEN", "secret")
        .data(json!({"order": order}))
        .json(200, json!({}))
        .answer(response(500, "text/plain", b"no"))
        .answer(Outcome::Failed {
            code: "timeout",
            text: "late".into(),
        })
        .run();
    let after = ran.data();
    assert_eq!(after["notifications"]["sent"], json!(3));
    assert_eq!(after["notifications"]["failed"], json!(2));
    assert_eq!(after["notifications"]["requiresRetry"], json!(true));
    assert_eq!(ran.host.requests.borrow().len(), 3);
    assert_eq!(ran.printed()[1], "Warn: 2 of 3 notifications failed");
}

#[test]
fn delivery_with_retries() {
    let Some(step) = containing("generateSignature") else {
        return;
    };
    let expected = json!({"webhookData": {"$type": "object"}, "retryAttempt": {"$lt": 3}});
    assert_eq!(condition("generateSignature"), expected);
    let ran = step
        .data(json!({"webhookData": {"a": 1}}))
        .config("WEBHOOK_ENDPOINT", "https://hook.example/")
        .config("WEBHOOK_SECRET", "key")
        .json(200, json!({}))
        .run();
    let after = ran.data();
    assert_eq!(after["webhookDelivered"], json!(true));
    assert_eq!(after["deliveryAttempts"], json!(1));
    let requests = ran.host.requests.borrow();
    let signature = &requests[0].headers[1].1;
    // HMAC-SHA-256 of {"a":1} with the key `key`.
    assert_eq!(
        signature,
        "sha256=88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342"
    );

    let again = containing("generateSignature").unwrap();
    let ran = again
        .data(json!({"webhookData": {}, "retryAttempt": 2}))
        .config("WEBHOOK_ENDPOINT", "https://hook.example/")
        .config("WEBHOOK_SECRET", "key")
        .answer(response(500, "text/plain", b""))
        .run();
    assert_eq!(ran.data()["finalFailure"], json!(true));
    let calls = ran.host.calls.borrow();
    let (connector, operation, argument) = &calls[0];
    assert_eq!((&**connector, &**operation), ("slackCom", "send"));
    let text = "🚨 Webhook delivery permanently failed after 3 attempts\nEndpoint: https://hook.example/\n\
                Error: Server error: 500";
    assert_eq!(*argument, json!({"channel": "#alerts", "text": text}));
}

#[test]
fn validation() {
    let Some(step) = containing("containsMaliciousContent") else {
        return;
    };
    let data = json!({"email": "a@b.c", "firstName": "A", "lastName": "Chen", "note": "<script>"});
    let ran = step.data(data).run();
    let after = ran.data();
    assert_eq!(
        after["validationErrors"],
        json!(["nameLength", "noMaliciousContent"])
    );
    let shown = "Warn: Webhook data validation failed: {\n  hasRequiredFields: true,\n  emailFormat: true,\n  \
                 nameLength: false,\n  noMaliciousContent: false\n}";
    assert_eq!(ran.printed()[1], shown);
}

#[test]
fn rate_limits() {
    let Some(step) = containing("rateLimiting") else {
        return;
    };
    let limits = json!({"windowStart": 99_999_999_999_999_u64, "requestCount": 100, "windowSize": 60000, "maxRequests": 100});
    let ran = step
        .data(json!({"$via": {"id": "w1"}, "rateLimiting": limits}))
        .run();
    assert_eq!(ran.data()["dropRequest"], json!(true));
    assert_eq!(ran.data()["rateLimiting"]["requestCount"], json!(101));
    assert_eq!(ran.host.calls.borrow().len(), 1);
}

#[test]
fn errors() {
    let Some(step) = containing("webhookError: true") else {
        return;
    };
    let ran = step
        .data(json!({"webhookError": true, "errorType": "authentication_failed"}))
        .run();
    assert_eq!(ran.data()["severity"], json!("high"));
    assert_eq!(ran.data()["errorDetails"]["requestData"], Value::Null);
    assert_eq!(ran.host.calls.borrow()[0].0, "slackCom");
    let (level, text) = ran.host.logs.borrow()[1].clone();
    assert_eq!(level, Level::Error);
    assert!(
        text.starts_with("Webhook error details: {\n  \"timestamp\""),
        "{text}"
    );

    let ran = containing("webhookError: true")
        .unwrap()
        .config("MONITORING_ENDPOINT", "https://m.example/")
        .config("MONITORING_TOKEN", "secret")
        .run();
    assert_eq!(ran.data()["severity"], json!("normal"));
    assert_eq!(ran.host.requests.borrow()[0].url, "https://m.example/");
}

#[test]
fn metrics() {
    let Some(step) = containing("ANALYTICS_ENDPOINT") else {
        return;
    };
    let data = json!({"$via": {"id": "w", "name": "n", "received": 0}});
    let ran = step
        .data(data.clone())
        .config("ANALYTICS_ENDPOINT", "https://x.example/")
        .config("ANALYTICS_TOKEN", "secret")
        .run();
    let metrics = &ran.data()["metrics"];
    assert_eq!(metrics["receivedAt"], json!("1970-01-01T00:00:00.000Z"));
    assert_eq!(metrics["payloadSize"], json!(data.to_string().len()));
}
