//! Components that no toolchain makes: each is refused when it is added, or ends a run with a fault that names what
//! it did, and the server lives.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::{Server, refusal};
use reqwest::StatusCode;
use serde_json::json;

/// A step whose core module has this `condition` and `run`, which give the place of their results.
pub(crate) fn component(memory: &str, more: &str, condition: &str, run: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
          (core module $m
            (memory (export "memory") {memory})
            {more}
            (data (i32.const 64) "{{}}")
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "condition") (result i32)
              (i32.store (i32.const 0) (i32.const 64))
              (i32.store offset=4 (i32.const 0) (i32.const 2))
              {condition}
              (i32.const 0))
            (func (export "run") (result i32)
              (i32.store (i32.const 16) (i32.const 0))
              {run}
              (i32.const 16)))
          (core instance $i (instantiate $m))
          (type $of-failure (variant (case "retry" string) (case "stop" string)))
          (export $failure "failure" (type $of-failure))
          (func (export "condition") (result string)
            (canon lift (core func $i "condition") (memory (core memory $i "memory"))))
          (func (export "run") (result (result (error $failure)))
            (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn a_step_of_wat_runs() {
    let server = Server::start().await;
    let (status, answer) = server
        .try_step("plain", component("1", "", "", ""), "")
        .await;
    assert!(status.is_success(), "{answer}");
    let webhook = server.webhook("w").await;
    server.run(&webhook, &json!({"n": 1}), "done").await;
}

#[tokio::test]
async fn what_breaks_the_abi_ends_in_a_named_fault_without_a_backtrace() {
    let mut server = Server::start().await;
    let outside = "(i32.store (i32.const 0) (i32.const 0x7fffff00))";
    let (status, problem) = server
        .try_step("condition", component("1", "", outside, ""), "")
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(refusal(&problem).code, "condition-failed", "{problem}");
    let detail = refusal(&problem).detail;
    assert!(
        detail.contains("canonical ABI") && !detail.contains("backtrace"),
        "{detail}"
    );
    for (n, (name, run)) in [
        // `stop` with a text outside the memory, one that is no UTF-8, and a case that there is not.
        ("outside", "(i32.store (i32.const 16) (i32.const 1)) (i32.store offset=4 (i32.const 16) (i32.const 1)) (i32.store offset=8 (i32.const 16) (i32.const 0x7fffff00)) (i32.store offset=12 (i32.const 16) (i32.const 9))"),
        ("bytes", "(i32.store (i32.const 16) (i32.const 1)) (i32.store offset=4 (i32.const 16) (i32.const 1)) (i32.store offset=8 (i32.const 16) (i32.const 512)) (i32.store offset=12 (i32.const 16) (i32.const 1)) (i32.store8 (i32.const 512) (i32.const 0xff))"),
        ("case", "(i32.store (i32.const 16) (i32.const 7))"),
    ]
    .into_iter()
    .enumerate()
    {
        let (status, answer) = server.try_step("broken", component("1", "", "", run), "").await;
        assert!(status.is_success(), "{name}: {answer}");
        let webhook = server.webhook(&format!("w{n}")).await;
        let task = server.run(&webhook, &json!({"n": 1}), "error").await;
        let run = task.runs.last().unwrap();
        assert_eq!(run.outcome.as_str(), "trap", "{name}: {run:#?}");
        let error = run.error.as_deref().unwrap();
        assert!(error.contains("canonical ABI") && !error.contains("backtrace"), "{name}: {error}");
    }
    server.stop();
    let file = server.data_dir().join("server.log");
    let log = loop {
        // It is written when the process has ended.
        match std::fs::read_to_string(&file) {
            Ok(log) => break log,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    assert!(!log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn memories_that_are_too_large_or_too_many_are_refused_by_name() {
    let server = Server::start().await;
    let many = "(memory 1) (memory 1)";
    let tables = "(table 10 funcref)".repeat(9);
    for (component, parts) in [
        (
            component("5000", "", "", ""),
            ["begin with 327680000 bytes", "at most 268435456"],
        ),
        (
            component("1", many, "", ""),
            ["3 linear memories", "at most 2"],
        ),
        (component("1", &tables, "", ""), ["9 tables", "at most 8"]),
    ] {
        let (status, problem) = server.try_step("large", component, "").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(refusal(&problem).code, "too-many-parts", "{problem}");
        let detail = refusal(&problem).detail;
        assert!(parts.iter().all(|part| detail.contains(part)), "{detail}");
    }
    // Larger than the step's own limit, and not than any step's.
    let (status, problem) = server
        .try_step("own", component("2000", "", "", ""), "")
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let detail = refusal(&problem).detail;
    assert!(
        detail.contains("wanted more than its 67108864 bytes"),
        "{detail}"
    );
    let (status, answer) = server
        .try_step("own", component("2000", "", "", ""), "memory=268435456")
        .await;
    assert!(status.is_success(), "{answer}");
    let two = component("1", "(memory 1)", "", "");
    let (status, problem) = server.try_step("two", two, "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let detail = refusal(&problem).detail;
    assert!(detail.contains("memories count of 2 exceeds"), "{detail}");
    server.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compilations_take_turns_and_no_more_memory_than_they_may() {
    let server = Server::with(&["--memory", "192MiB"]).await;
    let functions =
        "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))".repeat(200_000);
    let large = component("1", &functions, "", "");
    let uploads = (0..4).map(|n| {
        let (server, large) = (&server, large.clone());
        async move { server.try_step(&format!("large{n}"), large, "").await }
    });
    for (status, problem) in futures_util::future::join_all(uploads).await {
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(refusal(&problem).code, "compile-failed", "{problem}");
        let detail = refusal(&problem).detail;
        assert!(detail.contains("more than 320 MiB of memory"), "{detail}");
    }
    let (status, answer) = server
        .try_step("plain", component("1", "", "", ""), "")
        .await;
    assert!(status.is_success(), "{answer}");
    server.is_well().await;
}
