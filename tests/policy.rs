//! What an operator sets of a step beside its code, against the real server: limits and retry policy.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::cases::package;
use crate::support::project::{Project, USUAL, marks};
use crate::support::ran::cli;
use crate::support::{Server, refusal, typed};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Step, Task};

/// A step that fails at every attempt.
const FAILS: &str = "export const condition = {};\nexport const content = async () => { throw new Error('no'); };\n";

/// A quick policy with this many attempts, as an upload's query.
fn quick(attempts: u32) -> String {
    format!("attempts={attempts}&first_ms=1&factor=1&cap_ms=1")
}

async fn add(server: &Server, query: &str) -> Step {
    let (status, step) = server.try_step("s", package("s", FAILS), query).await;
    assert!(status.is_success(), "{step}");
    typed(&step)
}

/// A step's policy.
fn policy_of(step: &Step) -> Value {
    serde_json::to_value(step.retry).unwrap()
}

fn attempts(task: &Task) -> Vec<(u32, bool)> {
    let runs = task.runs.iter();
    runs.map(|run| (run.attempt, run.retry_at.is_some()))
        .collect()
}

#[tokio::test]
async fn a_policy_is_set_with_the_step_and_changed_without_it() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let added = add(&server, &quick(3)).await;
    let policy = json!({"attempts": 3, "first_ms": 1, "factor": 1, "cap_ms": 1});
    assert_eq!(policy_of(&added), policy);
    let task = server.run(&webhook, &json!({}), "error").await;
    // Each attempt is there, and each but the last says when the next is due.
    assert_eq!(attempts(&task), [(1, true), (2, true), (3, false)]);
    let log = cli(&server, &["task", "log", task.id.as_str()]);
    let log = log.ok();
    assert_eq!(log.matches("next attempt at ").count(), 2, "{log}");
    assert!(log.contains("run 1 (attempt 3)"), "{log}");

    let set = cli(
        &server,
        &[
            "step",
            "set",
            "s",
            "--attempts",
            "1",
            "--fuel",
            "2G",
            "--json",
        ],
    )
    .json();
    let set: Step = typed(&set);
    assert_eq!(set.digest, added.digest, "nothing was uploaded");
    assert_eq!(set.limits.fuel, 2_000_000_000);
    let policy = json!({"attempts": 1, "first_ms": 1, "factor": 1, "cap_ms": 1});
    assert_eq!(policy_of(&set), policy, "what is not named stays");
    let task = server.run(&webhook, &json!({}), "error").await;
    assert_eq!(attempts(&task), [(1, false)]);
    // An upload that names no figure leaves them as they are.
    let again = add(&server, "").await;
    assert_eq!((again.retry, again.limits), (set.retry, set.limits));

    let shown = cli(&server, &["step", "show", "s"]);
    assert!(
        shown.ok().contains("retry      never; one attempt\n"),
        "{shown:?}"
    );
    let words = "step set s --attempts 5 --first-delay 2s --factor 3 --max-delay 1h --memory 32MiB --timeout 2m";
    let shown = cli(&server, &words.split(' ').collect::<Vec<_>>());
    for line in [
        "retry      5 attempts in all, delays up to 2 s, × 3, at most 60 m\n",
        "memory     32 MiB\n",
        "timeout    2 m\n",
    ] {
        assert!(shown.ok().contains(line), "{line} in {shown:?}");
    }
}

#[tokio::test]
async fn a_policy_that_is_changed_while_a_task_waits_counts_from_its_next_failure() {
    let mut server = Server::start().await;
    let webhook = server.webhook("w").await;
    add(&server, "attempts=50&first_ms=1000&factor=1&cap_ms=1000").await;
    let id = server.post(&webhook, &json!({})).await;
    while server.task(&id).await.runs.len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let body = json!({"retry": {"attempts": 1}});
    let (status, answer) = server
        .api(Method::PATCH, &server.path("steps/s"), Some(body))
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    // It is durable, and the task's next failure is its last.
    server.restart().await;
    let task = server.wait(&id, "error").await;
    let runs = attempts(&task);
    assert!(runs.len() < 50 && !runs.last().unwrap().1, "{runs:?}");
    let before = &runs[..runs.len() - 1];
    assert!(before.iter().all(|(_, due)| *due), "{runs:?}");
}

#[tokio::test]
async fn absurd_figures_are_refused_with_what_would_be_right() {
    let server = Server::start().await;
    add(&server, "").await;
    let path = server.path("steps/s");
    let (_, before) = server.api(Method::GET, &path, None).await;
    for (body, code, message) in [
        (
            json!({"retry": {"attempts": 0}}),
            "bad-parameter",
            "`attempts` is 0; it must be 1 to 100",
        ),
        (
            json!({"retry": {"attempts": 4_000_000_000_u64}}),
            "bad-parameter",
            "it must be 1 to 100",
        ),
        (
            json!({"retry": {"attempts": -1}}),
            "bad-body",
            "invalid value: integer `-1`",
        ),
        (
            json!({"retry": {"first_ms": 2_000, "cap_ms": 1_999}}),
            "bad-parameter",
            "`cap_ms` is 1999; it must be 2000 to 604800000",
        ),
        (
            json!({"retry": {"cap_ms": u64::MAX}}),
            "bad-parameter",
            "it must be 1000 to 604800000",
        ),
        (
            json!({"retry": {"factor": 0}}),
            "bad-parameter",
            "`factor` is 0; it must be 1 to 100",
        ),
        (
            json!({"retry": {"jitter": 1}}),
            "bad-body",
            "unknown field `jitter`",
        ),
        (
            json!({"limits": {"memory": 1}}),
            "bad-parameter",
            "`memory` is 1; it must be 65536 to 268435456",
        ),
        (
            json!({"attempts": 5}),
            "bad-body",
            "unknown field `attempts`, expected `limits` or `retry`",
        ),
    ] {
        let (status, answer) = server.api(Method::PATCH, &path, Some(body.clone())).await;
        assert_eq!(
            (status, refusal(&answer).code.as_str()),
            (StatusCode::BAD_REQUEST, code),
            "{body} {answer}"
        );
        let detail = refusal(&answer).detail;
        assert!(detail.contains(message), "{body}: {detail}");
    }
    let (status, answer) = server
        .try_step("s", package("s", FAILS), "attempts=101")
        .await;
    assert_eq!(
        (status, refusal(&answer).code.as_str()),
        (StatusCode::BAD_REQUEST, "bad-parameter")
    );
    let missing = json!({"retry": {"attempts": 5}});
    let (status, _) = server
        .api(Method::PATCH, &server.path("steps/other"), Some(missing))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, after) = server.api(Method::GET, &path, None).await;
    assert_eq!(after, before, "what is refused changes nothing");
    let none = cli(&server, &["step", "set", "s", "--json"]).refusal(2);
    assert!(none.1.contains("--attempts 5"), "{none:?}");
}

#[tokio::test]
async fn a_manifest_sets_the_policy_and_an_update_of_it_uploads_nothing() {
    let server = Server::start().await;
    let project = Project::usual();
    let named = |retry: &str| {
        let limits = "limits: {fuel: 5M, memory: 8MiB, timeout: 1.5s}";
        USUAL.replace(limits, &format!("{limits}\n        retry: {retry}"))
    };
    project.write("deploy.yaml", named("{attempts: 5, firstDelay: 2s}"));
    project.deploy(&server, &[]).ok();
    let step = async || {
        let path = "/workspaces/sales/steps/three";
        server.get::<Step>(path).await
    };
    let first = step().await;
    let policy = json!({"attempts": 5, "first_ms": 2_000, "factor": 2, "cap_ms": 3_600_000});
    assert_eq!(policy_of(&first), policy);
    project.write(
        "deploy.yaml",
        named("{attempts: 7, factor: 3, maxDelay: 10m}"),
    );
    let ran = project.deploy(&server, &[]);
    ran.ok();
    let changed: Vec<_> = marks(&ran)
        .into_iter()
        .filter(|line| !line.starts_with('='))
        .collect();
    assert_eq!(changed, ["~ step three"]);
    let second = step().await;
    let policy = json!({"attempts": 7, "first_ms": 1_000, "factor": 3, "cap_ms": 600_000});
    assert_eq!(
        (policy_of(&second), &second.digest),
        (policy, &first.digest)
    );
    assert_eq!(second.limits, first.limits);
    let third = project.deploy(&server, &[]);
    assert!(
        third.ok().lines().all(|line| line.starts_with("= ")),
        "{third:?}"
    );
}
