//! JavaScript steps on the real server: the examples, the user's document, errors, hostile scripts,
//! time, and what a crash leaves.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use crate::support::cases::package;
use crate::support::receiver::Reply;
use crate::support::{
    Answer, Receiver, Server, accepted_task, cases, guest, refusal, repository, texts,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stepwell_api::{Step, Steps, Task};
use tempfile::TempDir;

/// A step that matches everything, with this body.
fn step_of(body: &str) -> String {
    format!("export const condition = {{}};\nexport const content = async () => {{\n{body}\n}};\n")
}

async fn add(server: &Server, name: &str, source: &str) {
    let (status, answer) = server.try_step(name, package(name, source), "").await;
    assert!(status.is_success(), "{name}: {answer}");
}

/// Runs a step of this body on `data`, and gives the task.
async fn run(server: &Server, body: &str, data: &Value, state: &str) -> Answer<Task> {
    add(server, "it", &step_of(body)).await;
    let webhook = server
        .webhook(&format!("W {}", rand::random::<u64>()))
        .await;
    server.run(&webhook, data, state).await
}

fn logs(task: &Task) -> Vec<&str> {
    let logs = task.runs.iter().flat_map(|run| &run.logs);
    logs.map(|line| line.text.as_str()).collect()
}

fn first_error(task: &Task) -> &str {
    task.runs[0].error.as_deref().unwrap_or_default()
}

/// Adds every step of a script file as an author does.
fn add_file(server: &Server, file: &Path) {
    let output = server.cli(&["step", "add", file.to_str().unwrap()]);
    let (_, err) = texts(&output);
    assert!(output.status.success(), "{}: {err}", file.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_every_javascript_example_comes_out_as_it_says() {
    let folder = repository().join("examples/js");
    let all = cases::cases(&folder);
    assert!(all.len() >= 30, "only {} cases were found", all.len());
    let mut server = Server::start().await;
    for ((step, file), number) in all.into_iter().zip(1..) {
        println!("{step}: {}", file.file_stem().unwrap().to_str().unwrap());
        server.enter(&format!("case-{number}")).await;
        let js = folder.join(&step).join(format!("{step}.js"));
        let ts = js.with_extension("ts");
        add_file(&server, if js.exists() { &js } else { &ts });
        let case = cases::read(&file);
        let added = server.get::<Steps>(&server.path("steps")).await;
        assert_eq!(added.steps.len(), case.parts, "{}", file.display());
        cases::run(&server, &case).await;
    }
}

#[tokio::test]
async fn data_is_a_live_object_and_untouched_numbers_keep_their_text() {
    let server = Server::start().await;
    add(
        &server,
        "it",
        &step_of(
            "data.a.list.push(4); delete data.b; data.c = {...data.c, y: 2}; data.big.note = 'x';\n\
             console.log(Object.keys(data).filter((k) => k !== '$via').join(), 'b' in data, data.exact > 1);",
        ),
    )
    .await;
    let webhook = server.webhook("W").await;
    let body = r#"{"a":{"list":[1,2]},"b":1,"c":{"x":1},"exact":12345678901234567890,"price":1.10,"big":{"id":9007199254740993,"note":"y"}}"#;
    let (status, answer) = server.send(&webhook, "application/json", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let id = accepted_task(&answer);
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["a"], json!({"list": [1, 2, 4]}));
    assert_eq!(task.data["c"], json!({"x": 1, "y": 2}));
    assert!(task.data.get("b").is_none());
    assert_eq!(logs(&task), ["a,c,exact,price,big false true"]);
    let text = task.data.to_string();
    for exact in ["12345678901234567890", "1.10", "9007199254740993"] {
        assert!(text.contains(exact), "{exact} is gone: {text}");
    }
    let changes = serde_json::to_string(&task.runs[0].changes).unwrap();
    assert!(!changes.contains("9007199254740993"), "{changes}");
}

/// A name that occurs twice in a body counts as it stands the last time, and is not lost by a step
/// that changes something else.
#[tokio::test]
async fn a_name_that_came_twice_is_kept() {
    let server = Server::start().await;
    add(&server, "it", &step_of("data.seen = data.name + data.in.x")).await;
    let webhook = server.webhook("Twice").await;
    let body = r#"{"name":"Ada","in":{"x":1,"x":2},"name":"Grace"}"#;
    let (status, answer) = server.send(&webhook, "application/json", body).await;
    assert!(status.is_success(), "{answer}");
    let task = server.wait(&accepted_task(&answer), "done").await;
    assert_eq!(task.data["name"], "Grace");
    assert_eq!(task.data["in"], json!({"x": 2}));
    assert_eq!(task.data["seen"], "Grace2");
}

#[tokio::test]
async fn one_member_of_a_mebibyte_costs_a_look_at_its_text() {
    let server = Server::start().await;
    let line =
        json!({"sku": "A-1042", "title": "a line of an order", "price": 12.5, "tags": ["a", "b"]});
    let data = json!({"id": 7, "items": vec![line; 13_400]});
    let text = data["items"].to_string();
    for (body, n, most) in [
        ("data.n = data.items.length;", 13_400, 10_000_000),
        (
            "data.n = JSON.stringify(data.items).length;",
            text.len(),
            15_000_000,
        ),
    ] {
        let task = run(&server, body, &data, "done").await;
        assert_eq!(task.data["n"], n);
        let fuel = task.runs[0].fuel;
        assert!(fuel < most, "{body}: {fuel}");
    }
}

#[tokio::test]
async fn data_is_the_same_however_its_text_was_written() {
    let server = Server::start().await;
    let body = "const items = JSON.stringify(data.items); data.text = items; data.count = Object.keys(data.items[0]).length;";
    add(&server, "it", &step_of(body)).await;
    let webhook = server.webhook("any").await;
    let line = r#"{"a":"\n\"","b":[1,{"c":1e+5}],"é":"x"}"#;
    let expected = format!("[{}]", vec![line; 100].join(","));
    for line in [
        line,
        r#"{"a": "\n\"", "b": [1, {"c": 1e+5}], "é": "x"}"#,
        r#"{"a":"\u000a\"","b":[1,{"c":1e5}],"é":"\u0078"}"#,
        r#"{"a":0,"b":[1,{"c":2,"c":1E5}],"a":"\n\"","\u00e9":"x"}"#,
    ] {
        let text = format!("{{\"items\":[{}]}}", vec![line; 100].join(","));
        let (status, answer) = server.send(&webhook, "application/json", text).await;
        assert!(status.is_success(), "{answer}");
        let task = server.wait(&accepted_task(&answer), "done").await;
        assert_eq!(task.data["text"], expected, "{line}");
        assert_eq!(task.data["count"], 3, "{line}");
    }
}

#[tokio::test]
async fn an_exception_names_file_line_and_column_and_changes_nothing() {
    let server = Server::start().await;
    let body = "data.touched = true;\nconst order = data.order;\nconsole.log(order.total);";
    let task = run(&server, body, &json!({"n": 1}), "error").await;
    let error = first_error(&task);
    assert!(error.starts_with("TypeError"), "{error}");
    assert!(error.contains("it.js:5:"), "{error}");
    assert!(error.contains("console.log(order.total);"), "{error}");
    assert!(error.contains('^'), "{error}");
    assert!(task.data.get("touched").is_none());
    let body = "const error = new Error('no such customer'); error.final = true; throw error;";
    let task = run(&server, body, &json!({}), "error").await;
    assert_eq!(task.runs[0].outcome.as_str(), "stop");
    assert!(first_error(&task).contains("no such customer"));
    let task = run(&server, "await new Promise(() => {});", &json!({}), "error").await;
    assert!(first_error(&task).contains("never settles"), "{task:#}");
}

#[tokio::test]
async fn what_is_no_step_is_refused_with_its_place() {
    let server = Server::start().await;
    for (source, parts) in [
        (
            "export const condition = {};\nexport const content = async () => { let = ; };\n",
            &["it.js:2:", "SyntaxError", "^"][..],
        ),
        ("export const content = () => {};\n", &["condition"]),
        ("export const condition = {};\n", &["content"]),
        (
            "export const condition = () => true;\nexport const content = () => {};\n",
            &["condition", "function", "object"],
        ),
        (
            "export const condition = {a: {b: Symbol()}};\nexport const content = () => {};\n",
            &["/a/b", "symbol"],
        ),
        (
            "import fs from 'fs';\nexport const condition = {};\nexport const content = () => {};\n",
            &["fs", "not available in a step"],
        ),
        (
            "export const condition = {a: {$gtt: 1}};\nexport const content = () => {};\n",
            &["/a/$gtt"],
        ),
    ] {
        let (status, answer) = server.try_step("it", package("it", source), "").await;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{source}: {answer}"
        );
        let detail = refusal(&answer).detail;
        for part in parts {
            assert!(detail.contains(part), "no `{part}` in: {detail}");
        }
    }
    let (status, answer) = server.try_step("it", b"{\"entry\":1}".to_vec(), "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    server.is_well().await;
}

#[tokio::test]
async fn the_command_line_shows_where_a_script_is_wrong() {
    let server = Server::start().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("greet.ts");
    let source = "export const condition = { name: String };\nexport const content = async (): Promise<void> => {\n  const x: number = ;\n};\n";
    std::fs::write(&file, source).unwrap();
    let output = server.cli(&["step", "add", file.to_str().unwrap()]);
    let (_, err) = texts(&output);
    assert!(!output.status.success());
    assert!(err.contains("greet.ts:3:"), "{err}");
    assert!(err.contains("const x: number = ;"), "{err}");
    assert!(err.contains('^'), "{err}");
}

#[tokio::test]
async fn hostile_scripts_end_inside_the_sandbox() {
    let server = Server::start().await;
    for (body, outcome, part) in [
        (
            "for (;;) {}",
            "fuel",
            "bytes of data: it computes more than that, or without an end; `step set NAME --fuel`",
        ),
        ("const f = () => f() + 1; f();", "retry", "RangeError"),
        (
            "const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));",
            "",
            "memory",
        ),
        ("/(a+)+$/.test('a'.repeat(40) + 'b');", "fuel", "fuel"),
        ("data = 'text';", "", "must stay an object"),
        ("data.self = data;", "", "cycl"),
        ("data.n = 10n;", "", "BigInt"),
        (
            "Object.defineProperty(data, 'x', {enumerable: true, get() { throw new Error('trap'); }});",
            "",
            "trap",
        ),
        (
            "for (let i = 0; i < 1e6; i++) connectors.fetch({url: 'http://127.0.0.1:9/'}).catch(() => {});",
            "",
            "",
        ),
    ] {
        let before = json!({"n": 1});
        add(&server, "it", &step_of(body)).await;
        let webhook = server
            .webhook(&format!("W {}", rand::random::<u64>()))
            .await;
        let id = server.post(&webhook, &before).await;
        let task = loop {
            let task = server.task(&id).await;
            if !task.runs.is_empty() {
                break task;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_ne!(
            task.runs[0].outcome.as_str(),
            "finished",
            "{body}: {task:#}"
        );
        let error = first_error(&task);
        assert!(error.contains(part), "{body}: no `{part}` in {error}");
        if !outcome.is_empty() {
            assert_eq!(task.runs[0].outcome.as_str(), outcome, "{body}: {error}");
        }
        assert_eq!(task.data["n"], 1, "{body}");
        assert_eq!(task.data.as_object().unwrap().len(), 2, "{body}: {task:#}");
    }
    server.is_well().await;
}

#[tokio::test]
async fn a_polluted_world_does_not_reach_the_glue() {
    let server = Server::start().await;
    let body = "Object.prototype.toJSON = () => 'lies';\n\
        Array.prototype.then = (f) => f('lies');\n\
        globalThis.JSON = {stringify: () => 'lies', parse: () => 'lies'};\n\
        globalThis.Promise = class {};\n\
        Object.keys = () => ['lies'];\n\
        data.list = [1, {a: 2}];\n\
        data.kept = {deep: {er: true}};";
    let task = run(&server, body, &json!({"n": 1}), "done").await;
    assert_eq!(task.data["list"], json!([1, {"a": 2}]));
    assert_eq!(task.data["kept"], json!({"deep": {"er": true}}));
    assert_eq!(task.data["n"], 1);
    let task = run(
        &server,
        "data.clean = JSON.stringify([Object.keys({a: 1})]);",
        &json!({}),
        "done",
    )
    .await;
    assert_eq!(
        task.data["clean"], "[[\"a\"]]",
        "the next run has a fresh world"
    );
}

#[tokio::test]
async fn time_stands_still_but_for_pauses_and_randomness_is_there() {
    let server = Server::start().await;
    let body = "const a = Date.now(); let x = 0; for (let i = 0; i < 1e5; i++) x += i;\n\
        data.still = Date.now() === a;\n\
        await new Promise((done) => setTimeout(done, 150));\n\
        data.moved = Date.now() - a;\n\
        data.ids = [crypto.randomUUID(), crypto.randomUUID()];\n\
        data.random = [Math.random(), Math.random()];";
    let first = run(&server, body, &json!({}), "done").await;
    assert_eq!(first.data["still"], true);
    let moved = first.data["moved"].as_u64().unwrap();
    assert!((150..20_000).contains(&moved), "{moved}");
    assert_ne!(first.data["ids"][0], first.data["ids"][1]);
    let second = run(&server, body, &json!({}), "done").await;
    assert_ne!(first.data["ids"], second.data["ids"]);
    assert_ne!(first.data["random"], second.data["random"]);
    let calls = &first.runs[0].calls;
    assert_eq!(calls[0].request, "pause 150 ms");
}

#[tokio::test]
async fn park_and_redo_move_the_task_as_they_say() {
    let server = Server::start().await;
    let body = "data.looks = (data.looks ?? 0) + 1;\n\
        if (data.looks < 3) { task.park(100); step.redo(); } else task.complete({looks: data.looks});";
    let task = run(&server, body, &json!({}), "done").await;
    assert_eq!(task.result, Some(json!({"looks": 3})));
    let runs = &task.runs;
    assert_eq!(runs.len(), 3);
    assert!(runs[0].parked_until.is_some(), "{task:#}");
    assert_eq!(runs[2].parked_until, None);
}

#[tokio::test]
async fn an_unknown_connector_says_which_there_are() {
    let server = Server::start().await;
    let body = "try { await connectors.slackCom.send({channel: '#a', text: 't'}); }\n\
        catch (error) { data.error = error.message; }";
    let task = run(&server, body, &json!({}), "done").await;
    let error = task.data["error"].as_str().unwrap();
    assert!(error.contains("no connector `slackCom`"), "{error}");
    assert!(error.contains("stepwell connector add"), "{error}");
}

#[tokio::test]
async fn calls_overlap_and_a_crash_repeats_none_that_was_recorded() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/fast", Reply::json(200, &json!({"n": 1})));
    upstream.reply("/also", Reply::json(200, &json!({"n": 2})));
    upstream.reply(
        "/slow",
        Reply::json(200, &json!({"n": 3})).after(Duration::from_secs(3)),
    );
    server.config("URL", &upstream.url).await;
    let body = "const get = (path) => connectors.fetch({url: task.config('URL') + path});\n\
        const [a, b] = await Promise.all([get('/fast'), get('/also')]);\n\
        data.stamp = `${Math.random()} ${Date.now()}`;\n\
        const c = await get('/slow');\n\
        data.sum = a.body.n + b.body.n + c.body.n;";
    add(&server, "it", &step_of(body)).await;
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({})).await;
    let seen = |path: &str| {
        upstream
            .seen()
            .iter()
            .filter(|seen| seen.path == path)
            .count()
    };
    while seen("/slow") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.restart().await;
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["sum"], 6);
    assert_eq!(
        (seen("/fast"), seen("/also")),
        (1, 1),
        "recorded calls are not made again"
    );
    assert_eq!(seen("/slow"), 2, "it was under way when the server died");
    let keys: Vec<String> = upstream
        .seen()
        .iter()
        .filter(|seen| seen.path == "/slow")
        .map(|seen| seen.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys[0], keys[1], "the same call bears the same key");
}

#[tokio::test]
async fn a_race_that_was_run_is_won_by_the_same_call_after_a_crash() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    let after = |ms| Reply::status(200).after(Duration::from_millis(ms));
    upstream.reply("/first", after(300));
    upstream.reply("/second", after(20));
    upstream.reply("/second-won", after(3_000));
    server.config("URL", &upstream.url).await;
    let body = "const get = (path) => connectors.fetch({url: task.config('URL') + path}).then(() => path);\n\
        const both = [get('/first'), get('/second')];\n\
        data.winner = await Promise.race(both);\n\
        await Promise.all(both);\n\
        await get(`${data.winner}-won`);";
    add(&server, "it", &step_of(body)).await;
    let webhook = server.webhook("W").await;
    let id = server.post(&webhook, &json!({})).await;
    let seen = |path: &str| {
        let seen = upstream.seen();
        seen.iter().filter(|seen| seen.path == path).count()
    };
    while seen("/second-won") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.restart().await;
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["winner"], "/second");
    assert_eq!((seen("/first"), seen("/second")), (1, 1));
}

#[tokio::test]
async fn a_rust_step_and_a_script_work_on_one_task() {
    let server = Server::start().await;
    server
        .step_with("contact-form", &guest("contact-form"), "")
        .await;
    let source = "export const condition = {leadType: String};\n\
        export const content = () => { data.seenBy = 'javascript'; };";
    add(&server, "follow-up", source).await;
    let webhook = server.webhook("Contact Form").await;
    let body =
        json!({"firstName": "Ada", "lastName": "L", "email": "ada@example.com", "message": "hi"});
    let task = server.run(&webhook, &body, "done").await;
    assert_eq!(task.data["seenBy"], "javascript");
    let Steps { steps } = server.cli_json(&["step", "list"]);
    let kinds = steps.iter().map(|step| step.kind.as_str());
    assert_eq!(kinds.collect::<Vec<_>>(), ["component", "script"]);
}

#[tokio::test]
async fn a_script_survives_a_restart_and_keeps_its_version() {
    let mut server = Server::start().await;
    add(&server, "it", &step_of("data.done = 1;")).await;
    let before: Step = server.cli_json(&["step", "show", "it"]);
    server.restart().await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({}), "done").await;
    assert_eq!(before.digest, task.runs[0].digest);
}

#[tokio::test]
async fn a_regular_expression_means_in_the_condition_what_it_means_in_the_step() {
    let server = Server::start().await;
    let webhook = server.webhook("Texts").await;
    for (literal, text, found) in [
        (r"/^\d{5}$/", "١٢٣٤٥", false),
        (r"/^\<b\>/", "<b>hi", true),
        (r"/\<w/", "word", false),
        ("/[a&&b]/", "a", true),
        ("/[]]/", "]", false),
        ("/k/i", "\u{212A}", false),
        ("/k/iu", "\u{212A}", true),
        ("/^.$/", "😀", false),
        ("/^b$/m", "a\u{2028}b", true),
    ] {
        let source = format!(
            "export const condition = {{s: {literal}}};\nexport const content = async () => {{ data.found = {literal}.test(data.s); }};\n"
        );
        server.script("probe", &source).await;
        let state = if found { "done" } else { "unmatched" };
        let task = server.run(&webhook, &json!({"s": text}), state).await;
        assert_eq!(task.data["found"] == true, found, "{literal}: {task}");
    }
    let source =
        "export const condition = {s: {$not: /a(?=b)/}};\nexport const content = async () => {};\n";
    let package = json!({"entry": "a.js", "modules": {"a.js": source}}).to_string();
    let (status, problem) = server.try_step("a", package.into_bytes(), "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let pointer = refusal(&problem).pointer;
    assert_eq!(pointer.as_deref(), Some("/s/$not/$regex"), "{problem}");
    assert!(
        refusal(&problem).detail.contains("character 2"),
        "{problem}"
    );
}
