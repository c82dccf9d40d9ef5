//! Every example of JSON in docs/api.md, and of the API's JSON in the other documents, is what the contract says.

use std::fs;

use serde_json::Value;

use super::outline;
use super::schemas::Contract;
use crate::support::repository;

/// How an example is checked.
enum By {
    /// It is a whole document of the type.
    Whole(&'static str),
    /// It has members of the type, one of which may be missing.
    Part(&'static str),
    /// It is an outline of the type: it leaves out members, values or items.
    Names(&'static str),
    /// It is the JSON body of an operation that has no type of its own.
    Body(&'static str),
    /// It is a pattern.
    Pattern,
    /// It is the data of a task, or a command, which have no type.
    Free,
}
use By::{Body, Free, Names, Part, Pattern, Whole};

/// The blocks, in the document's order, by how they begin.
const BLOCKS: [(&str, By); 10] = [
    ("{\"task\":\"0197", Whole("Accepted")),
    ("\"$via\": {\"type\": \"webhook\"", Whole("TaskData")),
    ("stepwell webhook add", Free),
    ("{\"type\": \"urn:stepwell:", Whole("Problem")),
    ("{\"id\": \"0197c7e4-…\", \"webhook\"", Whole("Delivery")),
    (
        "{\"task\": \"…\", \"state\": \"unmatched\"",
        Whole("Explained"),
    ),
    ("{\"id\": \"…\", \"state\": \"done\"", Whole("TaskHead")),
    ("\"runs\": [{", Part("Task")),
    ("{\"patch\": {\"note\"", Whole("TaskChange")),
    ("\"$via\": {\"type\": \"cron\"", Whole("TaskData")),
];

/// The examples within the text, in the document's order, by how they begin.
const WITHIN: [(&str, By); 60] = [
    ("{\"tasks\": […]}", Names("AcceptedTasks")),
    ("{\"items\": […]}", Free),
    ("{\"value\": …}", Free),
    ("{\"header\": \"Idempotency-Key\"}", Whole("DedupSettings")),
    ("{\"pointer\": \"/event/id\"", Whole("DedupSettings")),
    ("{\"task\": \"0197", Whole("Accepted")),
    (
        "{\"name\": \"acme\", \"failure_url\": \"https",
        Whole("Workspace"),
    ),
    ("{\"workspaces\": [", Names("Workspaces")),
    (
        "{\"name\": \"acme\", \"failure_url\": null",
        Whole("NewWorkspace"),
    ),
    ("{\"failure_url\": \"https://…\"", Whole("WorkspaceChange")),
    ("{\"id\": \"9fQ…\"", Whole("Token")),
    ("{\"tokens\": [", Names("Tokens")),
    ("{\"name\": \"ci\"", Whole("NewToken")),
    ("{\"entries\": [", Names("AuditLog")),
    ("{\"id\": \"0019", Whole("AuditEntry")),
    ("{\"nodes\": [", Names("Nodes")),
    ("{\"id\": 7", Whole("Node")),
    ("{\"id\": \"2Xk9…\"", Whole("Webhook")),
    ("{\"url\": \"…\", \"expires\"", Whole("FormerUrl")),
    ("{\"header\": null, \"pointer\"", Whole("Dedup")),
    ("{\"requests\": 600", Whole("Rate")),
    ("{\"id\": \"7aB…\"", Whole("WebhookSecret")),
    ("{\"webhooks\": [", Names("Webhooks")),
    (
        "{\"name\": \"Contact Form\", \"correlate\"",
        Whole("NewWebhook"),
    ),
    (
        "{\"name\", \"disabled\", \"correlate\", \"dedup\"",
        Names("NewWebhook"),
    ),
    (
        "{\"correlate\": \"/order/taskId\"}",
        Whole("WebhookSettings"),
    ),
    (
        "{\"provider\": \"stripe\", \"secret\"",
        Whole("WebhookChange"),
    ),
    ("{\"overlap_seconds\": 604800}", Whole("WebhookRotation")),
    ("{\"event\": \"push\"}", Whole("NewSample")),
    ("{\"url\", \"method\"", Names("Sample")),
    ("{\"secrets\": [", Names("WebhookSecrets")),
    ("{\"secret\": \"…\", \"overlap", Whole("NewWebhookSecret")),
    ("{\"deliveries\": [", Names("DeliveryPage")),
    ("{\"text\": \"…\", \"encoding\"", Whole("DeliveryBody")),
    ("{\"body\": \"{", Whole("Redelivery")),
    ("{\"delivery\": \"0197", Whole("Redelivered")),
    ("{\"name\", \"kind\", \"digest\", \"size\"", Names("Step")),
    ("{\"steps\": [", Names("Steps")),
    ("{\"versions\": [", Names("StepVersions")),
    ("{\"to\": \"24ca1ef9\"}", Whole("Rollback")),
    ("{}", Whole("Rollback")),
    ("{\"limits\": {\"fuel\", ", Names("StepChange")),
    ("{\"entry\": \"greet.js\"", Body("putStep")),
    ("{\"tasks\": [head", Names("TaskPage")),
    ("{\"type\": \"api\"", Whole("Via")),
    ("{\"counts\": {", Whole("TaskCounts")),
    ("{\"amount\": {\"$gt\": 100}}", Pattern),
    ("{\"from\": 1}", Whole("ReplayFrom")),
    ("\"replay\": {\"from\"", Names("Task")),
    ("{\"patch\": {}}", Whole("TaskChange")),
    ("{\"config\": [", Whole("ConfigKeys")),
    ("{\"value\": \"…\"}", Whole("ConfigValue")),
    ("{\"connectors\": [", Whole("Connectors")),
    ("{\"kind\": \"slack.com\"", Whole("ConnectorSettings")),
    ("{\"name\", \"kind\", \"change\"", Names("Put")),
    ("{\"name\": \"Morning report\"", Whole("Schedule")),
    ("{\"schedules\": [", Names("Schedules")),
    ("{\"cron\": \"0 8 * * 1-5\"", Names("ScheduleSettings")),
    ("\"change\": \"added\" |", Names("Schedule")),
    ("{\"name\", \"change\"}", Names("Put")),
];

/// Examples of the API's JSON in other documents, by how they begin.
const ELSEWHERE: [(&str, &str, By); 5] = [
    (
        "docs/replies.md",
        "{\"task\": \"…\", \"state\": \"ignored\"",
        Whole("EndedTask"),
    ),
    (
        "docs/replies.md",
        "{\"task\": \"…\", \"status_url\"",
        Whole("PendingReply"),
    ),
    ("docs/bodies.md", "{\"tasks\": […]}", Names("AcceptedTasks")),
    (
        "docs/bodies.md",
        "{\"status\": 415, \"code\"",
        Part("Problem"),
    ),
    (
        "docs/schemas.md",
        "{\"type\": \"urn:stepwell:problem:schema-mismatch\"",
        Whole("Problem"),
    ),
];

fn check(contract: &Contract, text: &str, by: &By) {
    let read = |text: &str| -> Value {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    // A member stands without the object that it is in.
    let in_object = format!("{{{text}}}");
    let is_member = text.starts_with('"');
    let text = if is_member { &in_object } else { text };
    let checked = match by {
        Free => Ok(()),
        Whole(name) => contract.check(name, &read(text)),
        Part(name) => contract.check_part(name, &read(text)),
        Body(operation) => contract.check_body(operation, &read(text)),
        Pattern => stepwell_condition::Pattern::parse(&read(text))
            .map(drop)
            .map_err(|error| error.to_string()),
        Names(name) => outline::check(contract, name, text),
    };
    checked.unwrap_or_else(|error| panic!("{text}\n{error}"));
}

#[test]
fn every_example_of_the_document_is_what_the_contract_says() {
    let text = fs::read_to_string(repository().join("docs/api.md")).unwrap();
    let contract = Contract::new();
    let parts: Vec<&str> = text.split("```").collect();
    let blocks = parts.iter().skip(1).step_by(2).map(|block| {
        let (_, body) = block.split_once('\n').unwrap();
        // A request stands before its answer.
        let is_command = body.starts_with("curl");
        let body = if is_command {
            body.split_once('\n').unwrap().1
        } else {
            body
        };
        body.trim().to_owned()
    });
    let within = parts.iter().step_by(2).flat_map(|text| {
        let spans = text.split('`').skip(1).step_by(2);
        let spans = spans.map(|span| span.replace('\n', " "));
        spans.filter(|span| {
            span.starts_with('{') && span.len() > 1
                || span.starts_with('"') && span.contains("\": ")
        })
    });
    for (found, known) in [
        (blocks.collect::<Vec<_>>(), BLOCKS.as_slice()),
        (within.collect(), WITHIN.as_slice()),
    ] {
        for (text, (begins, by)) in found.iter().zip(known) {
            assert!(
                text.starts_with(begins),
                "docs/api.md has {text} where this test knows {begins}"
            );
            check(&contract, text, by);
        }
        assert_eq!(
            found.len(),
            known.len(),
            "an example is new or gone: name it here"
        );
    }
}

#[test]
fn examples_of_other_documents_are_what_the_contract_says() {
    let contract = Contract::new();
    for (file, begins, by) in &ELSEWHERE {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        let parts: Vec<&str> = text.split("```").collect();
        let blocks = parts.iter().skip(1).step_by(2);
        let blocks = blocks.map(|block| block.split_once('\n').unwrap().1.trim());
        let within = parts.iter().step_by(2).flat_map(|text| text.split('`'));
        let all = blocks.chain(within);
        let found: Vec<&str> = all.filter(|text| text.starts_with(begins)).collect();
        let [example] = found[..] else {
            panic!("{file} has {} examples that begin {begins}", found.len());
        };
        check(&contract, &example.replace('\n', " "), by);
    }
}

#[test]
fn an_example_that_is_wrong_is_found() {
    let contract = Contract::new();
    assert!(
        contract
            .check("TaskHead", &serde_json::json!({"id": 1}))
            .is_err()
    );
    assert!(
        contract
            .check("Rollback", &serde_json::json!({"two": "x"}))
            .is_err()
    );
    for (text, by) in [
        ("{\"name\", \"colour\"}", Names("Put")),
        ("\"colour\": \"red\" | \"blue\"", Names("Put")),
        ("\"replay\": {\"form\"}", Names("Task")),
        ("\"reply\": {\"from\"}", Names("Task")),
        ("{\"name\", \"change\": \"added\" | \"gone\"}", Names("Put")),
        ("{\"limits\": {\"petrol\"}}", Names("StepChange")),
        (
            "{\"versions\": [{\"digest\", \"colour\"}]}",
            Names("StepVersions"),
        ),
        ("{\"tasks\": {\"id\"}}", Names("TaskPage")),
        ("{\"type\": \"mail\"}", Whole("Via")),
        (
            "\"$via\": {\"type\": \"cron\", \"name\": \"x\", \"scheduled\": \"now\", \"received\": 1}",
            Whole("TaskData"),
        ),
        ("{\"entry\": \"greet.js\"}", Body("putStep")),
        ("{\"amount\": {\"$above\": 100}}", Pattern),
    ] {
        let wrong = std::panic::catch_unwind(|| check(&contract, text, &by));
        assert!(wrong.is_err(), "{text}");
    }
}
