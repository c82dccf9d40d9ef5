//! Steps that misbehave: each ends inside its sandbox with a fault that names what happened, changes
//! nothing, and harms no other step or tenant.
#![allow(clippy::unwrap_used, reason = "a test")]

mod descendants;
mod expressions;
mod host_work;
mod matching;
mod origin;

use crate::support::{Answer, PATIENCE, Server, guest};
use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::{LogLine, Outcome, Run, Task, TaskState};

/// A server with one step and a webhook.
async fn server_with(step: &str, query: &str) -> (Server, String) {
    let server = Server::start().await;
    server.step_with(step, &guest(step), query).await;
    let webhook = server.webhook("w").await;
    (server, webhook)
}

fn texts_of(logs: &[LogLine]) -> Vec<&str> {
    logs.iter().map(|line| line.text.as_str()).collect()
}

fn last_run(task: &Task) -> &Run {
    task.runs.last().unwrap()
}

/// The task once a run of it has ended, however that was.
async fn after_a_run(server: &Server, id: &str) -> Answer<Task> {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let task = server.task(id).await;
        if !task.runs.is_empty() {
            return task;
        }
        assert!(std::time::Instant::now() < until, "no run ended: {task:#}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Runs `step` on `body` and expects `outcome` with `message` in its error and the data untouched.
async fn fails(step: &str, query: &str, body: Value, outcome: &str, message: &str) {
    let (server, webhook) = server_with(step, query).await;
    let task = server.run(&webhook, &body, "error").await;
    let run = last_run(&task);
    assert_eq!(run.outcome.as_str(), outcome, "{step}: {run:#?}");
    let error = run.error.as_deref().unwrap();
    assert!(error.contains(message), "{step}: {error}");
    assert!(run.changes.is_empty(), "{step}: {run:#?}");
    let mut data = task.data.clone();
    data.as_object_mut().unwrap().remove("$via");
    assert_eq!(data, body, "{step}: a run that fails changes nothing");
    assert!(
        task.fault
            .as_deref()
            .unwrap()
            .starts_with(&format!("step `{step}`")),
        "{task:#}"
    );
    let (_, deleted) = server
        .api(
            Method::DELETE,
            &format!("/workspaces/default/steps/{step}"),
            None,
        )
        .await;
    assert_eq!(deleted, "");
    server.is_well().await;
}

#[tokio::test]
async fn an_endless_loop_runs_out_of_fuel() {
    fails(
        "endless-loop",
        "fuel=5000000",
        json!({}),
        "fuel",
        "out of fuel: the step used its whole budget of 5000000",
    )
    .await;
}

#[tokio::test]
async fn a_loop_with_fuel_to_burn_meets_its_deadline() {
    // It computed all the time, and would do so again: it is tried once.
    fails(
        "endless-loop",
        "fuel=1000000000000&timeout_ms=200",
        json!({}),
        "deadline",
        "was not done after 200 ms",
    )
    .await;
}

#[tokio::test]
async fn recursion_overflows_its_own_stack() {
    fails("recurse", "", json!({}), "trap", "too deep a recursion").await;
}

#[tokio::test]
async fn eating_memory_meets_the_limit() {
    fails(
        "eat-memory",
        "memory=8388608",
        json!({}),
        "memory",
        "wanted more than its 8388608 bytes",
    )
    .await;
}

#[tokio::test]
async fn a_trap_is_named() {
    fails("trap", "", json!({}), "trap", "unreachable").await;
}

#[tokio::test]
async fn a_panic_shows_its_message() {
    let (server, webhook) = server_with("panics", "").await;
    let task = server
        .run(&webhook, &json!({"why": "no invoice"}), "error")
        .await;
    let run = last_run(&task);
    assert_eq!(run.outcome, Outcome::Trap);
    let logs = texts_of(&run.logs).join("\n");
    assert!(logs.contains("the guest gives up: no invoice"), "{logs}");
    assert!(!logs.contains("RUST_BACKTRACE"), "{logs}");
    let said = "panicked at panics/src/lib.rs:9:5: the guest gives up: no invoice";
    for fault in [&run.error, &task.fault] {
        let fault = fault.as_deref().unwrap();
        assert!(fault.contains(said), "{fault}");
    }
    assert!(task.data.get("changed").is_none());
}

#[tokio::test]
async fn exit_is_no_way_to_end_a_step() {
    fails(
        "exit",
        "",
        json!({"status": 0}),
        "trap",
        "it called exit(0)",
    )
    .await;
    fails("exit", "", json!({"status": 7}), "trap", "it called exit(").await;
}

#[tokio::test]
async fn floods_of_logs_are_cut_with_a_mark() {
    let (server, webhook) = server_with("flood-logs", "").await;
    for stdout in [false, true] {
        let many = server
            .run(
                &webhook,
                &json!({"lines": 20_000, "bytes": 10, "stdout": stdout}),
                "done",
            )
            .await;
        let logs = texts_of(&last_run(&many).logs);
        assert_eq!(logs.len(), 1001);
        assert!(
            logs[1000].contains("19000 more lines were dropped"),
            "{}",
            logs[1000]
        );
        let wide = server
            .run(
                &webhook,
                &json!({"lines": 3, "bytes": 1_000_000, "stdout": stdout}),
                "done",
            )
            .await;
        let size = texts_of(&last_run(&wide).logs).concat().len();
        assert!(size < 70_000, "{size} bytes of logs were kept");
    }
}

#[tokio::test]
async fn no_host_call_takes_megabytes() {
    for how in [
        "log", "set", "pointer", "get", "config", "name", "tags", "result", "failure", "fetch",
    ] {
        let (server, webhook) = server_with("hostcall-flood", "memory=268435456").await;
        let task = server.run(&webhook, &json!({"how": how}), "error").await;
        let outcome = &last_run(&task).outcome;
        assert!(
            [Outcome::Limit, Outcome::Stop].contains(outcome),
            "{how}: {task:#}"
        );
        assert!(task.to_string().len() < 20_000, "{how}");
        if *outcome == Outcome::Limit {
            let error = last_run(&task).error.as_deref().unwrap();
            assert!(error.contains("4194304"), "{how}: {error}");
            assert!(!error.contains("backtrace"), "{how}: {error}");
        }
        server.is_well().await;
    }
}

/// A script's value that is too large is told by the bound, not by what wasm was doing.
#[tokio::test]
async fn a_script_is_told_that_a_value_is_too_large() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    for body in [
        "data.big = 'x'.repeat(5 * 1024 * 1024);",
        "task.complete('x'.repeat(5 * 1024 * 1024));",
        "task.subtask('part', {x: 'x'.repeat(5 * 1024 * 1024)});",
    ] {
        let source = format!(
            "export const condition = {{}};\nexport const content = async () => {{ {body} }};"
        );
        server.script("big", &source).await;
        let task = server.run(&webhook, &json!({}), "error").await;
        let run = last_run(&task);
        assert_eq!(run.outcome, Outcome::Limit, "{body}: {task:#}");
        let error = run.error.as_deref().unwrap();
        assert!(
            error.contains("larger than 4194304 bytes"),
            "{body}: {error}"
        );
        assert!(!error.contains("backtrace"), "{body}: {error}");
    }
    // A result is in every list, so it is bounded closer; the data themselves are one.
    let result = "export const condition = {};
        export const content = () => {
            data.r = 'x'.repeat(300_000);
            try { task.complete(data.r); } catch (error) { data.error = error.message; task.complete(); } };";
    server.script("big", result).await;
    let task = server.run(&webhook, &json!({}), "done").await;
    let error = task.data["error"].as_str().unwrap();
    assert!(error.contains("at most 262144 bytes"), "{error}");
    // Parts of it fit.
    let parts = "export const condition = {};
        export const content = () => { data.a = 'x'.repeat(3e6); data.b = 'x'.repeat(3e6); };";
    server.script("big", parts).await;
    server.run(&webhook, &json!({}), "done").await;
}

#[tokio::test]
async fn data_has_a_size_and_a_depth() {
    fails(
        "huge-data",
        "memory=268435456",
        json!({"megabytes": 12}),
        "limit",
        "the data grew to",
    )
    .await;
    let (server, webhook) = server_with("huge-data", "").await;
    server.run(&webhook, &json!({"megabytes": 2}), "done").await;
    let (server, webhook) = server_with("deep-data", "").await;
    for how in ["pointer", "json", "steps"] {
        server
            .run(&webhook, &json!({"depth": 50, "how": how}), "done")
            .await;
        let id = server
            .post(&webhook, &json!({"depth": 5_000, "how": how}))
            .await;
        // The guest gets the error and returns it as one that is retried.
        let task = after_a_run(&server, &id).await;
        assert_ne!(task.runs[0].outcome.as_str(), "finished", "{how}");
        assert!(
            task.runs[0]
                .error
                .as_deref()
                .is_some_and(|error| !error.is_empty())
        );
        server.is_well().await;
    }
}

#[tokio::test]
async fn steps_that_feed_each_other_come_to_the_run_limit() {
    let server = Server::start().await;
    server.step("ping").await;
    server.step("pong").await;
    let webhook = server.webhook("w").await;
    let task = server
        .run(&webhook, &json!({"ball": "ping", "count": 0}), "error")
        .await;
    let fault = task.fault.as_deref().unwrap();
    assert!(
        fault.starts_with("run limit: the task has had 1000 runs and step `ping`"),
        "{fault}"
    );
    assert_eq!(task.data["count"], 1000);
}

#[tokio::test]
async fn a_step_sees_nothing_of_the_machine() {
    let (server, webhook) = server_with("snoop", "").await;
    let task = server.run(&webhook, &json!({"snoop": true}), "done").await;
    assert_eq!(task.data["found"], json!([]), "{task:#}");
    let lines = last_run(&task).logs.iter();
    let lines = lines.map(|line| (line.level.as_str(), line.text.as_str()));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            ("log", "to standard output"),
            ("error", "to standard error,"),
            ("error", "in two lines"),
            ("error", "not ended"),
        ]
    );
}

#[tokio::test]
async fn time_stands_still_and_randomness_is_the_tasks_own() {
    let (server, webhook) = server_with("clock-random", "").await;
    let first = server.run(&webhook, &json!({}), "done").await;
    let second = server.run(&webhook, &json!({}), "done").await;
    for task in [&first, &second] {
        assert_eq!(task.data["elapsedNanos"], 0);
        assert_eq!(
            task.data["before"]["millis"], task.data["$via"]["received"],
            "the clock is the task's acceptance"
        );
    }
    assert_ne!(
        first.data["before"]["random"],
        second.data["before"]["random"]
    );
}

#[tokio::test]
async fn a_failing_run_is_tried_three_times_and_keeps_its_logs() {
    let server = Server::start().await;
    let upstream = crate::support::Receiver::start().await;
    upstream.reply("/", crate::support::receiver::Reply::status(503));
    server.step("fail-retry").await;
    let webhook = server.webhook("w").await;
    let task = server
        .run(
            &webhook,
            &json!({"url": format!("{}/", upstream.url)}),
            "error",
        )
        .await;
    let runs = &task.runs;
    assert_eq!(runs.len(), 3, "{task:#}");
    for (index, run) in runs.iter().enumerate() {
        assert_eq!(run.attempt as usize, index + 1);
        assert_eq!(run.run, 1);
        assert_eq!(run.outcome, Outcome::Retry);
        assert_eq!(run.logs[0].text, "the upstream says 503");
        assert_eq!(run.retry_at.is_none(), index == 2);
    }
    assert!(task.data.get("changed").is_none());
    let keys: Vec<String> = upstream
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(
        keys.iter().all(|key| *key == keys[0]),
        "attempts share their idempotency key: {keys:?}"
    );
}

#[tokio::test]
async fn a_final_failure_is_not_tried_again() {
    let (server, webhook) = server_with("fail-stop", "").await;
    let id = server.post(&webhook, &json!({})).await;
    let task = server.task(&id).await;
    if task.state != TaskState::Unmatched {
        let task = server.wait(&id, "error").await;
        assert_eq!(task.runs.len(), 1);
    }
}
