//! Subtasks on the real server: what becomes of their results, of failures and limits, and that
//! kill -9 at any instant neither loses nor repeats an end.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::support::receiver::Reply;
use crate::support::{Receiver, Server, asked, guest};
use serde_json::json;
use stepwell_api::{Task, TaskState};

/// How often the process is killed.
const KILLS: usize = 30;
/// Tasks at work meanwhile, each with subtasks.
const PARENTS: usize = 2 * KILLS;

async fn script(server: &Server, name: &str, condition: &str, body: &str) {
    let entry = format!("{name}.js");
    let source = format!(
        "export const condition = {condition};\nexport const content = async () => {{\n{body}\n}};\n"
    );
    let package = json!({"entry": entry, "modules": {&entry: source}});
    let (status, answer) = server
        .try_step(name, package.to_string().into_bytes(), "")
        .await;
    assert!(status.is_success(), "{name}: {answer}");
}

/// The steps that subtasks named `part` run through.
async fn parts(server: &Server) {
    let part = "{$via: {type: 'subtask', name: 'part'}}";
    let body = "if (data.fail) task.stop('no such part');
        if (data.ignore) task.ignore();
        if (data.park) { task.park(data.park); delete data.park; step.redo(); return; }
        if (data.url) data.status = (await connectors.fetch(data.url, {method: 'POST'})).status;
        if (data.double) task.complete({n: data.double * 2});";
    script(server, "part", part, body).await;
}

/// The steps of a task's runs, in their order.
fn names(task: &Task) -> Vec<&str> {
    task.runs.iter().map(|run| run.step.as_str()).collect()
}

#[tokio::test]
async fn a_parent_waits_for_its_subtasks_and_has_their_results() {
    let server = Server::start().await;
    server.step("splitter").await;
    parts(&server).await;
    script(
        &server,
        "sum",
        "{results: Array, sum: null}",
        "data.sum = data.results.length",
    )
    .await;
    let webhook = server.webhook("W").await;
    let body = json!({"split": [
        {"double": 4}, {"plain": 1.5}, {"fail": true}, {"ignore": true}, {"park": 1500, "late": 1},
    ]});
    let task = server.run(&webhook, &body, "done").await;
    assert_eq!(names(&task), ["splitter", "sum"]);
    assert_eq!(task.data["sum"], 5);
    let results = task.data["results"].as_array().unwrap();
    for expected in [
        json!({"n": 8}),
        json!({"plain": 1.5}),
        json!({"error": "step `part`: Error: no such part\n  at part.js:3:20"}),
        json!(null),
        json!({"late": 1}),
    ] {
        let found = results.iter().any(|result| {
            let (Some(found), Some(expected)) =
                (result["error"].as_str(), expected["error"].as_str())
            else {
                return *result == expected;
            };
            found.starts_with(&expected[..30])
        });
        assert!(found, "{expected}: {results:?}");
    }
    // The parked one ended last.
    assert_eq!(results[4], json!({"late": 1}));
    let made = &task.runs[0].subtasks;
    assert_eq!(made.len(), 5);
    assert_eq!(made[0].into.as_deref(), Some("/results/-"));
    assert_eq!(task.ended_subtasks.len(), 5);
    let child = server.task(&made[0].task).await;
    assert_eq!(child.parent.as_ref(), Some(&task.id));
    assert_eq!(child.name.as_deref(), Some("part"));
    assert_eq!(
        child.data["$via"],
        json!({"type": "subtask", "name": "part", "parent": task.id, "depth": 1})
    );
    let id = task.id.as_str();
    let (out, err) = crate::support::texts(&server.cli(&["task", "show", id]));
    assert!(out.contains("subtask  part"), "{out}{err}");
    assert!(out.contains("has ended"), "{out}");
}

#[tokio::test]
async fn without_wait_other_steps_go_on_and_the_task_is_not_done_before_its_results() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply(
        "/slow",
        Reply::status(200).after(Duration::from_millis(400)),
    );
    let url = format!("{}/slow", upstream.url);
    parts(&server).await;
    let ask = format!(
        "task.subtask('part', {{url: '{url}'}}, {{into: '/late'}}); task.subtask('aside', {{}}); data.asked = true"
    );
    script(&server, "ask", "{go: true}", &ask).await;
    script(
        &server,
        "meanwhile",
        "{asked: true}",
        "data.meanwhile = data.late === undefined",
    )
    .await;
    script(
        &server,
        "after",
        "{late: Object}",
        "data.after = data.late.status",
    )
    .await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "done").await;
    assert_eq!(names(&task), ["ask", "meanwhile", "after"]);
    assert_eq!(task.data["meanwhile"], true);
    assert_eq!(task.data["after"], 200);
    assert_eq!(task.open_subtasks.len(), 0);
    // No step matches this one, and no task waits for it.
    let aside = task.runs[0].subtasks[1].task.as_str();
    server.wait(aside, "unmatched").await;
}

#[tokio::test]
async fn a_task_that_was_completed_still_gets_its_results() {
    let server = Server::start().await;
    parts(&server).await;
    let ask = "task.subtask('part', {park: 300, x: 1}, {into: '/late'}); task.complete()";
    script(&server, "ask", "{go: true}", ask).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "done").await;
    let child = task.runs[0].subtasks[0].task.as_str();
    server.wait(child, "done").await;
    let task = server.task(task.id.as_str()).await;
    assert_eq!(task.data["late"], json!({"x": 1}));
    assert_eq!(task.state, TaskState::Done);
}

#[tokio::test]
async fn a_run_that_completes_the_task_takes_along_what_ended_while_it_ran() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/held", Reply::status(200).after(Duration::from_secs(2)));
    parts(&server).await;
    let ask = "task.subtask('part', {x: 1}, {into: '/late'}); data.asked = true";
    script(&server, "ask", "{go: true}", ask).await;
    let ends = format!(
        "await connectors.fetch('{}/held'); data.seen = data.late === undefined; task.complete()",
        upstream.url
    );
    script(&server, "ends", "{asked: true}", &ends).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "done").await;
    assert_eq!(task.data["seen"], true, "{task:#}");
    assert_eq!(task.data["late"], json!({"x": 1}), "{task:#}");
}

#[tokio::test]
async fn generations_end_and_what_cannot_be_asked_for_is_refused() {
    let server = Server::start().await;
    let nest = "try { task.subtask('nest', {nest: true}, {into: '/below', wait: true}) }
        catch (error) { data.last = `${data.$via.depth} ${error.message}`; }";
    script(&server, "nest", "{nest: true}", nest).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"nest": true}), "done").await;
    let mut below = &task.data;
    for _ in 0..8 {
        below = &below["below"];
    }
    let last = below["last"].as_str().unwrap();
    assert!(
        last.starts_with("8 there are at most 8 generations"),
        "{task:#}"
    );
    let refused = "const refusals = [];
        const attempt = (f) => { try { f(); } catch (error) { refusals.push(error.message); } };
        attempt(() => task.subtask('x', [1]));
        attempt(() => task.subtask('', {}));
        attempt(() => task.subtask('x', {}, {into: '/a~2'}));
        attempt(() => task.subtask('x', {}, {into: ''}));
        attempt(() => task.subtask('x', {}, {into: '/$via/a'}));
        for (let i = 0; i < 101; i++) attempt(() => task.subtask('aside', {}));
        data.refusals = refusals;";
    script(&server, "refused", "{refused: true}", refused).await;
    let task = server
        .run(&webhook, &json!({"refused": true}), "done")
        .await;
    let refusals = task.data["refusals"].as_array().unwrap();
    for (refusal, expected) in refusals.iter().zip([
        "must be an object, and this is an array",
        "a subtask's name has 1 to 4096 bytes",
        "is not a JSON pointer",
        "the whole document",
        "is in `$via`",
        "a run makes at most 100 subtasks",
    ]) {
        assert!(refusal.as_str().unwrap().contains(expected), "{refusal}");
    }
    assert_eq!(refusals.len(), 6);
    // A run that fails makes none; and a place that is none any more is the parent's fault.
    let before = server.tasks("limit=500").await.len();
    let fails = "task.subtask('aside', {}); task.stop('after all, no')";
    script(&server, "fails", "{fails: true}", fails).await;
    server.run(&webhook, &json!({"fails": true}), "error").await;
    assert_eq!(server.tasks("limit=500").await.len(), before + 1);
    parts(&server).await;
    let misplaced = "data.n = 5; task.subtask('part', {}, {into: '/n/x', wait: true})";
    script(&server, "misplaced", "{misplaced: true}", misplaced).await;
    let task = server
        .run(&webhook, &json!({"misplaced": true}), "error")
        .await;
    let fault = task.fault.as_deref().unwrap();
    assert!(fault.contains("has no place"), "{fault}");
}

#[tokio::test]
async fn a_park_limits_the_wait() {
    let server = Server::start().await;
    parts(&server).await;
    let ask =
        "task.subtask('part', {park: 3600000}, {wait: true}); task.park(100); data.asked = true";
    script(&server, "ask", "{go: true}", ask).await;
    script(&server, "then", "{asked: true}", "data.then = true").await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({"go": true}), "done").await;
    assert_eq!(names(&task), ["ask", "then"]);
    assert_eq!(task.open_subtasks.len(), 1);
}

#[tokio::test]
async fn an_end_while_the_parent_runs_waits_for_the_runs_end_and_repeats_no_call() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/held", Reply::status(200).after(Duration::from_secs(3600)));
    parts(&server).await;
    let ask = "task.subtask('part', {park: 200, x: 1}, {into: '/late'}); data.asked = true";
    script(&server, "ask", "{go: true}", ask).await;
    let calls = format!(
        "await connectors.fetch('{0}/first', {{method: 'POST'}});
         await connectors.fetch('{0}/held', {{method: 'POST'}}); data.seen = data.late === undefined",
        upstream.url
    );
    script(&server, "calls", "{asked: true}", &calls).await;
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({"go": true})).await;
    asked(&upstream, 2).await;
    let task = server.task(&id).await;
    let child = task.runs[0].subtasks[0].task.as_str();
    server.wait(child, "done").await;
    // The end is noted, the run still under way; now the process dies.
    server.kill();
    upstream.reply("/held", Reply::status(200));
    server.launch().await;
    let task = server.wait(&id, "done").await;
    assert_eq!(names(&task), ["ask", "calls"]);
    assert_eq!(
        task.data["seen"], true,
        "the run saw the data that it began with"
    );
    assert_eq!(task.data["late"], json!({"x": 1}));
    let seen = upstream.seen();
    let paths: Vec<&str> = seen.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/first", "/held", "/held"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_instants_lose_no_end_and_repeat_none() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    server.step_with("splitter", &guest("splitter"), "").await;
    parts(&server).await;
    // A subtask with a subtask of its own.
    let deep = "task.subtask('part', {double: data.n, url: data.url}, {into: '/inner', wait: true}); data.asked = true";
    script(
        &server,
        "deep",
        "{$via: {type: 'subtask'}, n: Number, asked: null}",
        deep,
    )
    .await;
    let webhook = server.webhook("W").await;
    let mut ids = Vec::new();
    let mut kills = 0;
    // Some come in before each kill, so that every kill falls into work.
    while kills < KILLS {
        for _ in 0..PARENTS / KILLS {
            let number = ids.len();
            let url = |what: &str| format!("{}/{number}/{what}", upstream.url);
            let body = json!({"url": url("parent"), "split": [
                {"double": 1, "url": url("a")},
                {"park": 20, "b": 1},
                {"n": 3, "url": url("c")},
                {"fail": true},
            ]});
            ids.push(server.post(&webhook, &body).await);
        }
        tokio::time::sleep(Duration::from_micros(rand::random_range(1_000..60_000))).await;
        server.restart().await;
        kills += 1;
    }
    let mut set_aside = 0;
    for id in &ids {
        let task = server.wait(id, "done").await;
        let results = task.data["results"].as_array().unwrap();
        assert_eq!(results.len(), 4, "each came once: {task:#}");
        assert_eq!(names(&task), ["splitter"]);
        assert_eq!(task.ended_subtasks.len(), 4);
        // On a busy machine a run may last until the second kill.
        let is_set_aside = |result: &&serde_json::Value| {
            let error = result["error"].as_str().unwrap_or_default();
            error.contains("the server ended during this run twice")
        };
        let of_task = results.iter().filter(is_set_aside).count();
        set_aside += of_task;
        if of_task > 0 {
            continue;
        }
        assert!(results.contains(&json!({"n": 2})), "{results:?}");
        let inner = results
            .iter()
            .find(|result| result["asked"] == true)
            .unwrap();
        assert_eq!(inner["inner"], json!({"n": 6}), "{results:?}");
    }
    let mut all = 0;
    let mut before = String::new();
    loop {
        let page = server.tasks(&format!("limit=500{before}")).await;
        let Some(last) = page.last() else { break };
        before = format!("&before={}", last.id);
        all += page.len();
    }
    assert!(set_aside < PARENTS / 4, "{set_aside} were set aside");
    // One that was set aside may not have made its own.
    let expected = PARENTS * 6 - set_aside..=PARENTS * 6;
    assert!(expected.contains(&all), "no subtask was made twice: {all}");
    println!("{PARENTS} tasks with 5 subtasks each, {kills} kills, 0 lost, 0 repeated");
}

#[tokio::test]
async fn a_run_is_tried_again_when_the_service_says() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    let busy = |seconds: &str| Reply::status(503).header("Retry-After", seconds);
    for path in ["/rust", "/js"] {
        upstream.reply(path, busy("3"));
    }
    server.step("splitter").await;
    let body = "const response = await connectors.fetch(data.js);
        task.retryAfter(response.retryAfter);
        if (!response.ok) throw new Error('busy');";
    script(&server, "asks", "{js: String}", body).await;
    let webhook = server.webhook("W").await;
    let rust = json!({"split": [], "url": format!("{}/rust", upstream.url)});
    let js = json!({"js": format!("{}/js", upstream.url)});
    for body in [rust, js] {
        let id = server.post(&webhook, &body).await;
        let task = loop {
            let task = server.task(&id).await;
            if !task.runs.is_empty() {
                break task;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        // The policy's own delay is a second at most.
        assert_eq!(task.state, TaskState::Waiting, "{task:#}");
        let due = task.wake_at.as_deref().unwrap();
        assert_eq!(task.runs[0].retry_at.as_deref(), Some(due));
        let millis = |text: &str| {
            let at: jiff::Timestamp = text.parse().unwrap();
            at.as_millisecond()
        };
        let delay = millis(due) - millis(&task.updated);
        assert_eq!(delay, 3_000, "{task:#}");
        for path in ["/rust", "/js"] {
            upstream.reply(path, Reply::status(200));
        }
        let task = server.wait(&id, "done").await;
        assert_eq!(task.runs.len(), 2);
        upstream.reply("/js", busy("3"));
    }
}

/// Cancelling a task cancels its subtasks, and it has their ends when it is taken up again.
#[tokio::test]
async fn a_cancelled_parent_that_is_tried_again_does_not_wait_for_cancelled_subtasks() {
    let server = Server::start().await;
    parts(&server).await;
    let body = "task.subtask('part', {park: 3600000}, {into: '/part', wait: true})";
    script(&server, "asks", "{go: true}", body).await;
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({"go": true})).await;
    let subtask = loop {
        let task = server.task(&id).await;
        let open = &task.open_subtasks;
        if task.state == TaskState::Waiting && open.len() == 1 {
            break open[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for action in ["cancel", "retry"] {
        let (status, answer) = server.act(&id, action, None).await;
        assert!(status.is_success(), "{action}: {answer}");
    }
    let task = server.wait(&id, "done").await;
    assert_eq!(
        task.data["part"],
        json!({"error": "it was cancelled"}),
        "{task:#}"
    );
    assert_eq!(server.task(&subtask).await.state, TaskState::Cancelled);
}
