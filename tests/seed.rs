//! The JavaScript steps of the user's document, as they stand there, on the real server. The
//! document is no part of this repository: STEPWELL_SEED names it, or it lies in `shared/` beside the
//! repository; without it nothing is run, and the test says so.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use crate::support::{Server, cases, repository, texts};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The JavaScript blocks of the document.
fn blocks() -> Option<Vec<String>> {
    let path = std::env::var_os("STEPWELL_SEED").map_or_else(
        || repository().join("../shared/seed-webhooks.md"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there is no {}", path.display());
        return None;
    };
    let blocks = text.split("```javascript\n").skip(1);
    Some(
        blocks
            .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()))
            .collect(),
    )
}

/// What is posted to the steps of the block that has this text, and what comes of it.
fn tried() -> Vec<(&'static str, Value)> {
    let person = json!({"firstName": "Sarah", "lastName": "Chen", "email": "sarah@company.com"});
    let slack = json!({"slackCom": {"kind": "slack.com", "config": {"url": "{upstream}/api", "token": "xoxb-1"}}});
    let sent =
        json!([{"path": "/api/chat.postMessage", "status": 200, "body": {"ok": true, "ts": "1"}}]);
    vec![
        (
            "source: 'website_form'",
            json!({"webhook": "Contact Form", "body": person, "expect": {
                "state": "done",
                "data": {"processed": true, "contact": {"fullName": "Sarah Chen", "source": "website_form"}},
                "logs": ["Contact: Sarah Chen", "Webhook type: webhook"]}}),
        ),
        (
            "website_contact_form",
            json!({"webhook": "Contact Form", "body": {"email": "no address"}, "expect": {
                "state": "done",
                "data": {"leadType": "contact_inquiry", "emailValid": false, "requiresReview": true}}}),
        ),
        (
            "website_contact_form",
            json!({"webhook": "Product Inquiries", "body": {"product": "analytics-suite"}, "expect": {
                "state": "done",
                "data": {"priority": "high", "productInfo": {"price": "Monthly"}}}}),
        ),
        (
            "website_contact_form",
            json!({"webhook": "Support Tickets", "body": {"issue": "Billing is wrong", "urgency": "high"}, "expect": {
                "state": "done", "data": {"priority": "urgent", "assignedTeam": "financial"}}}),
        ),
        (
            "payment.completed",
            json!({"webhook": "Payment Notifications",
                "body": {"event_type": "payment.failed", "transaction": {"customer_id": "c", "failure_code": "card"}},
                "expect": {"state": "done", "data": {
                    "paymentStatus": "failed", "priority": "urgent", "failure": {"code": "card"}, "eventProcessed": true}}}),
        ),
        (
            "Document Upload",
            json!({"webhook": "Document Upload",
                "body": {"file": {"name": "a.exe", "type": "application/x", "size": 20_000_000}},
                "expect": {"state": "done", "data": {"fileValid": false, "validationErrors": [
                    "Invalid file type: application/x", "File too large: 20000000 bytes"]}}}),
        ),
        // The address is not this machine's, so the call fails, and the step notes it.
        (
            "external-crm.com",
            json!({"webhook": "w", "config": {"EXTERNAL_CRM_TOKEN": "t"},
                "body": {"customer": {"created": true, "email": "a@b.example"}},
                "expect": {"state": "done", "data": {"customer": {"requiresRetry": true}},
                    "logs": ["Failed to sync customer to external CRM:"]}}),
        ),
        (
            "fulfillment.company.com",
            json!({"webhook": "w", "body": {"order": {"id": 7, "status": "completed", "customer": {"id": 1}, "total": 2000}},
                "expect": {"state": "done", "data": {"notifications": {"sent": 3, "failed": 3, "requiresRetry": true}},
                    "logs": ["3 of 3 notifications failed"]}}),
        ),
        (
            "generateSignature(data.webhookData)",
            json!({"webhook": "w", "config": {"WEBHOOK_ENDPOINT": "{upstream}/hook", "WEBHOOK_SECRET": "key"},
                "body": {"webhookData": {"a": 1}, "retryAttempt": 0},
                "upstream": [{"path": "/hook", "status": 500}, {"path": "/hook", "status": 200}],
                "expect": {"state": "done", "data": {"webhookDelivered": true, "deliveryAttempts": 2},
                    "logs": ["Will retry in 2000ms", "delivered successfully on attempt 2"],
                    "calls": [
                        {"method": "POST", "path": "/hook", "headers": {"x-retry-attempt": "1",
                            "x-webhook-signature": "sha256=88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342"}, "body": {"a": 1}},
                        {"method": "POST", "path": "/hook", "headers": {"x-retry-attempt": "2"}, "body": {"a": 1}}]}}),
        ),
        (
            "generateSignature(data.webhookData)",
            json!({"webhook": "w", "config": {"WEBHOOK_ENDPOINT": "{upstream}/hook", "WEBHOOK_SECRET": "key"},
                "connectors": slack, "body": {"webhookData": {}, "retryAttempt": 2},
                "upstream": [{"path": "/hook", "status": 503}, sent[0]],
                "expect": {"state": "done", "data": {"finalFailure": true, "retryAttempt": 3},
                    "calls": [{"method": "POST", "path": "/hook"},
                        {"method": "POST", "path": "/api/chat.postMessage", "headers": {"authorization": "Bearer xoxb-1"},
                            "body": {"channel": "#alerts"}}]}}),
        ),
        (
            "containsMaliciousContent",
            json!({"webhook": "w", "body": {"email": "x", "firstName": "S", "lastName": "<script>"},
                "expect": {"state": "done", "data": {"isValid": false, "requiresReview": true, "validationErrors": [
                    "emailFormat", "nameLength", "noMaliciousContent"]}}}),
        ),
        (
            "maxRequests: 100",
            json!({"webhook": "w", "body": {}, "expect": {"state": "done",
                "data": {"rateLimited": false, "rateLimiting": {"requestCount": 1}}, "logs": ["accepted: 1/100"]}}),
        ),
        (
            "highSeverityErrors",
            json!({"webhook": "w", "connectors": slack, "upstream": sent,
                "body": {"webhookError": true, "errorType": "malicious_request"},
                "expect": {"state": "done", "data": {"severity": "high", "errorLogged": true},
                    "calls": [{"method": "POST", "path": "/api/chat.postMessage", "body": {"channel": "#security-alerts"}}]}}),
        ),
        (
            "webhook_received",
            json!({"webhook": "w", "config": {"ANALYTICS_ENDPOINT": "{upstream}/events", "ANALYTICS_TOKEN": "t"},
                "body": {"x": 1}, "upstream": [{"path": "/events", "status": 204}],
                "expect": {"state": "done", "data": {"metricsRecorded": true, "metrics": {"webhookName": "w"}},
                    "calls": [{"method": "POST", "path": "/events", "headers": {"authorization": "Bearer t"},
                        "body": {"event": "webhook_received"}}]}}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_the_document_runs_as_it_stands_there() {
    let Some(blocks) = blocks() else { return };
    let folder = TempDir::new().unwrap();
    let mut server = Server::start().await;
    let mut used = std::collections::BTreeSet::new();
    for ((text, case), number) in tried().into_iter().zip(1..) {
        println!("{text}");
        let block = blocks.iter().position(|block| block.contains(text));
        let block = block.unwrap_or_else(|| panic!("no block has {text}"));
        used.insert(block);
        let file = folder.path().join(format!("seed-{block}.js"));
        std::fs::write(&file, &blocks[block]).unwrap();
        server.enter(&format!("seed-{number}")).await;
        let output = server.cli(&["step", "add", file.to_str().unwrap()]);
        let (_, err) = texts(&output);
        assert!(output.status.success(), "{text}: {err}");
        let case = serde_json::from_value(case).unwrap();
        cases::run(&server, &case).await;
    }
    assert_eq!(used.len(), blocks.len(), "a block was not tried");
}
