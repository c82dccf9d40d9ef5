//! Pauses that are longer than a run may take: the run goes on after them as if nothing had been.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::support::receiver::Reply;
use crate::support::{Receiver, Server, refusal};
use reqwest::Method;
use serde_json::json;
use stepwell_api::TaskState;

/// Adds a script whose runs may take two seconds.
async fn script(server: &Server, name: &str, condition: &str, body: &str) {
    let entry = format!("{name}.js");
    let source = format!(
        "export const condition = {condition};\nexport const content = async () => {{\n{body}\n}};\n"
    );
    let package = json!({"entry": entry, "modules": {&entry: source}});
    let bytes = package.to_string().into_bytes();
    let (status, answer) = server.try_step(name, bytes, "timeout_ms=2000").await;
    assert!(status.is_success(), "{name}: {answer}");
}

fn paths(upstream: &Receiver) -> Vec<String> {
    let seen = upstream.seen();
    seen.iter().map(|request| request.path.clone()).collect()
}

#[tokio::test]
async fn a_run_goes_on_after_a_long_pause_and_a_kill_in_it() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    let body = format!(
        "const post = (path) => connectors.fetch('{}' + path, {{method: 'POST'}});
         const began = Date.now(), chance = Math.random();
         await post('/before');
         const called = Date.now();
         await new Promise((done) => setTimeout(done, 3000));
         data.slept = Date.now() - called; data.began = began; data.chance = chance;
         await connectors.utils.sleep({{milliseconds: 2500}});
         data.sleptAgain = Date.now() - called;
         await post('/after');",
        upstream.url
    );
    script(&server, "sleeps", "{go: true}", &body).await;
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({"go": true})).await;
    let task = server.waiting(&id).await;
    assert!(task.wake_at.is_some(), "{task:#}");
    assert_eq!(task.runs.len(), 0);
    assert_eq!(task.calls_under_way.len(), 1);
    server.restart().await;
    let task = server.wait(&id, "done").await;
    assert_eq!(paths(&upstream), ["/before", "/after"]);
    let runs = &task.runs;
    assert_eq!(runs.len(), 1, "{task:#}");
    assert_eq!(runs[0].attempt, 1);
    let calls = &runs[0].calls;
    let requests: Vec<&str> = calls.iter().map(|call| call.request.as_str()).collect();
    assert_eq!(requests[1], "pause 3000 ms");
    assert_eq!(requests[2], "pause 2500 ms");
    assert_eq!(task.data["slept"], 3000);
    assert_eq!(task.data["sleptAgain"], 5500);
}

#[tokio::test]
async fn a_long_timer_beside_a_call_does_not_hold_it_up() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/slow", Reply::status(200).after(Duration::from_millis(50)));
    let body = format!(
        "const late = new Promise((_, no) => setTimeout(() => no(new Error('late')), 3600000));
         for (let n = 0; n < 3; n++) {{
           const got = await Promise.race([connectors.fetch('{}/slow'), late]);
           data['status' + n] = got.status;
         }}",
        upstream.url
    );
    script(&server, "races", "{go: true}", &body).await;
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({"go": true})).await;
    let task = loop {
        let task = server.task(&id).await;
        assert_ne!(task.state, TaskState::Waiting, "{task:#}");
        if task.state == TaskState::Done {
            break task;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(task.data["status2"], 200);
    assert_eq!(paths(&upstream), ["/slow", "/slow", "/slow"]);
}

#[tokio::test]
async fn what_ends_in_a_pause_waits_for_the_runs_end() {
    let server = Server::start().await;
    script(
        &server,
        "asks",
        "{go: true}",
        "task.subtask('part', {x: 1}, {into: '/late'}); data.asked = true",
    )
    .await;
    script(
        &server,
        "part",
        "{$via: {type: 'subtask'}}",
        "await connectors.utils.sleep({milliseconds: 500})",
    )
    .await;
    script(
        &server,
        "sleeps",
        "{asked: true}",
        "await connectors.utils.sleep({milliseconds: 3000}); data.seen = data.late === undefined",
    )
    .await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "done").await;
    assert_eq!(task.data["seen"], true);
    assert_eq!(task.data["late"], json!({"x": 1}));
    assert_eq!(task.runs.len(), 2, "{task:#}");
}

/// A run that pauses is gone with its step, and what waited for the run's end comes then.
#[tokio::test]
async fn what_ended_in_a_pause_comes_though_the_runs_step_is_deleted() {
    let server = Server::start().await;
    let steps = [
        (
            "asks",
            "{go: true}",
            "task.subtask('part', {x: 1}, {into: '/late'}); data.asked = true",
        ),
        ("part", "{$via: {type: 'subtask'}}", "data.x = 2"),
        (
            "sleeps",
            "{asked: true}",
            "await connectors.utils.sleep({milliseconds: 3000})",
        ),
    ];
    for (name, condition, body) in steps {
        script(&server, name, condition, body).await;
    }
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({"go": true})).await;
    let task = server.waiting(&id).await;
    assert_eq!(task.runs.len(), 1, "{task:#}");
    let (status, _) = server
        .api(Method::DELETE, "/workspaces/default/steps/sleeps", None)
        .await;
    assert!(status.is_success(), "{status}");
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["late"], json!({"x": 2}), "{task:#}");
}

/// What the run has recorded belongs to the data that it began with.
#[tokio::test]
async fn a_task_whose_run_pauses_after_a_call_cannot_be_changed_and_says_so_at_once() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    let body = format!(
        "await connectors.fetch('{}/before'); await connectors.utils.sleep({{milliseconds: 3600000}})",
        upstream.url
    );
    script(&server, "sleeps", "{go: true}", &body).await;
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({"go": true})).await;
    let wake_at = server.waiting(&id).await.wake_at.clone().unwrap();
    let change = json!({"set": [{"path": "/x", "value": 1}]});
    let (status, problem) = server.act(&id, "update", Some(change)).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (503, "busy")
    );
    let detail = refusal(&problem).detail;
    let pauses = format!("pauses until {wake_at}");
    assert!(detail.contains(&pauses), "{problem:#}");
    let (status, _) = server.act(&id, "cancel", None).await;
    assert!(status.is_success());
}

#[tokio::test]
async fn a_pause_past_ten_years_is_refused() {
    let server = Server::start().await;
    let body = "await connectors.utils.sleep({milliseconds: 1e12})";
    script(&server, "sleeps", "{go: true}", body).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "error").await;
    let fault = task.fault.as_deref().unwrap();
    assert!(fault.contains("longer than ten years"), "{fault}");
}

/// Each pause fits into the run's time of 2 s, and all of them do not. On a busy machine the rest takes a while.
#[tokio::test]
async fn pauses_that_fit_one_by_one_and_not_together_outlive_the_runs_time() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    let body = format!(
        "for (let n = 0; n < 5; n++) {{
           await connectors.fetch('{}/' + n);
           await new Promise((done) => setTimeout(done, 700));
         }}
         data.slept = 5",
        upstream.url
    );
    script(&server, "sleeps", "{go: true}", &body).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "done").await;
    assert_eq!(task.data["slept"], 5);
    let runs = &task.runs;
    assert_eq!((runs.len(), runs[0].attempt), (1, 1), "{task:#}");
    assert_eq!(paths(&upstream), ["/0", "/1", "/2", "/3", "/4"]);
    assert_eq!(runs[0].calls.len(), 10);
}

/// A run that is cut off says what it has used.
#[tokio::test]
async fn a_run_that_is_cut_off_by_its_deadline_tells_its_fuel() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/slow", Reply::status(200).after(Duration::from_secs(3600)));
    let body = format!(
        "let sum = 0; for (let n = 0; n < 100000; n++) sum += n;
         await connectors.fetch('{}/slow', {{timeout: 600000}})",
        upstream.url
    );
    script(&server, "waits", "{go: true}", &body).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "error").await;
    for run in &task.runs {
        assert_eq!(run.outcome.as_str(), "deadline", "{task:#}");
        assert!(run.fuel > 100_000, "{task:#}");
    }
}
