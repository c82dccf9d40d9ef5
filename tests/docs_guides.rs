//! Commands that belong together in a guide are run in their order, on a real server.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::receiver::Reply;
use crate::support::{
    Answer, PATIENCE, Receiver, Server, only_on_sled, repository, stepwell, texts, typed,
};
use serde_json::{Value, json};
use stepwell_api::{Task, TaskHead};

/// The text of a section, up to the next heading of its level.
fn section(file: &str, heading: &str) -> String {
    let text = fs::read_to_string(repository().join(file)).unwrap();
    let start = format!("\n{heading}\n");
    let (_, rest) = text
        .split_once(&start)
        .unwrap_or_else(|| panic!("{file} has no {heading}"));
    rest.split("\n## ").next().unwrap().to_owned()
}

/// The code blocks of a language.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    let parts = section.split(&start).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// Runs a line in a shell that finds `stepwell`, as a user of this machine's server.
fn shell(line: &str, folder: &Path, set: &[(&str, &str)]) -> String {
    let binary = stepwell().get_program().to_owned();
    let tools = folder.join(".tools");
    if !tools.exists() {
        fs::create_dir(&tools).unwrap();
        symlink(binary, tools.join("stepwell")).unwrap();
    }
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("STEPWELL_WORKSPACE")
        .envs(set.iter().copied())
        .output()
        .unwrap();
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{line}\n{out}{err}");
    out
}

/// Posts a body and waits until its task is in `state`: the id, and what `task show` prints of it.
async fn came_to(
    server: &Server,
    webhook: &str,
    body: &Value,
    state: &str,
) -> (String, Answer<Task>) {
    let id = server.post(webhook, body).await;
    let task = shown(server, &id, state).await;
    (id, task)
}

/// Waits until the task is in `state`: what `task show` prints of it.
async fn shown(server: &Server, id: &str, state: &str) -> Answer<Task> {
    server.wait(id, state).await;
    Answer::of(server.cli_json(&["task", "show", id]))
}

#[tokio::test]
async fn a_task_waits_for_another_webhook_as_the_guide_says() {
    let server = Server::start().await;
    let approvals = Receiver::start().await;
    approvals.reply("/requests", Reply::status(202));
    let guide = section("docs/javascript.md", "## Wait for another webhook");
    let script = &blocks(&guide, "js")[0];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("approval-webhook.js");
    fs::write(&file, script).unwrap();
    let data_dir = server.data_dir().to_str().unwrap();
    let curl = regex::Regex::new(r"^curl --json '(.+)' (URL\d)").unwrap();
    let mut urls = Vec::new();
    let mut bodies = Vec::new();
    for line in blocks(&guide, "sh")[0].lines() {
        if let Some(found) = curl.captures(line) {
            bodies.push((found[1].to_owned(), found[2].to_owned()));
        } else if !line.is_empty() {
            let here = line.replace("https://approvals.example.com", &approvals.url);
            assert!(here != line || !line.contains("://"), "{line}");
            let printed = shell(&here, folder.path(), &[("STEPWELL_DATA_DIR", data_dir)]);
            if line.starts_with("stepwell webhook add") {
                urls.push(printed.trim().to_owned());
            }
        }
    }
    assert_eq!((urls.len(), bodies.len()), (2, 2), "{bodies:?}");
    assert_eq!([&*bodies[0].1, &*bodies[1].1], ["URL1", "URL2"]);
    let order: Value = serde_json::from_str(&bodies[0].0).unwrap();
    let approval = |id: &str| -> Value {
        assert!(bodies[1].0.contains("\"ID\""), "{}", bodies[1].0);
        serde_json::from_str(&bodies[1].0.replace("\"ID\"", &format!("\"{id}\""))).unwrap()
    };

    let id = server.post(&urls[0], &order).await;
    server.wait(&id, "waiting").await;
    let asked = approvals.seen();
    assert_eq!(asked.len(), 1);
    let sent: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(sent["taskId"], *id);
    // What wakes it without a decision does not end it.
    let (_, head) = server
        .act(&id, "update", Some(json!({"patch": {"note": "called"}})))
        .await;
    assert_eq!(typed::<TaskHead>(&head).state.as_str(), "ready", "{head}");
    let waiting = shown(&server, &id, "waiting").await;
    assert!(waiting.expires_at.is_some(), "{waiting:#?}");
    assert_eq!(server.post(&urls[1], &approval(&id)).await, id);
    let task = shown(&server, &id, "done").await;
    assert_eq!(task.result, Some(json!({"approved": true})));
    assert_eq!(task.data["order"], order["order"]);
    assert_eq!(approvals.seen().len(), 1, "it asked once");

    // Without `park` the task is done before the approval, which becomes a task of its own.
    let left_out = |line: &&str| !line.contains("task.park(") && !line.contains("step.redo(");
    let without: Vec<&str> = script.lines().filter(left_out).collect();
    assert_eq!(without.len() + 2, script.lines().count());
    server.script("approval-webhook", &without.join("\n")).await;
    let (id, _) = came_to(&server, &urls[0], &order, "done").await;
    let (other, _) = came_to(&server, &urls[1], &approval(&id), "unmatched").await;
    assert_ne!(other, id);
    let task = shown(&server, &id, "done").await;
    assert_eq!(task.data.get("approved"), None);
}

#[tokio::test]
async fn a_step_is_tested_as_the_guide_says() {
    let server = Server::start().await;
    let first = section("docs/javascript.md", "## A first step");
    let guide = section("docs/javascript.md", "## Testing a step");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("contact-form.js");
    fs::write(&file, &blocks(&first, "js")[0]).unwrap();
    let data_dir = server.data_dir().to_str().unwrap();
    let curl = regex::Regex::new(r"^curl --json '(.+)' URL1").unwrap();
    let (mut url, mut id, mut printed) = (String::new(), String::new(), Vec::new());
    let lines = &blocks(&guide, "sh")[0];
    for line in lines
        .lines()
        .filter(|line| !line.starts_with("stepwell serve"))
    {
        if let Some(found) = curl.captures(line) {
            let body: Value = serde_json::from_str(&found[1]).unwrap();
            (id, _) = came_to(&server, &url, &body, "done").await;
            continue;
        }
        let here = line
            .replace("test-data", data_dir)
            .replace(" ID ", &format!(" {id} "));
        let out = shell(&here, folder.path(), &[]);
        if line.starts_with("stepwell webhook add") {
            url = out.trim().to_owned();
        }
        printed.push(out);
    }
    assert_eq!(printed.len(), 4, "{printed:?}");
    for out in &printed[2..] {
        assert!(out.contains("a message from ada@example.com"), "{out}");
    }
}

#[tokio::test]
async fn a_backup_is_restored_as_the_manual_says() {
    only_on_sled!("the manual's backup is of a data directory");
    let mut server = Server::start().await;
    server.config("GREETING", "hello").await;
    let source = "export const condition = {n: Number};
        export const content = async () => { data.greeting = task.config('GREETING'); };";
    server.script("greet", source).await;
    let webhook = server.webhook("Form").await;
    let (id, before) = came_to(&server, &webhook, &json!({"n": 1}), "done").await;
    assert!(server.stop().success());
    // What the process logged is written into the directory after its end.
    let log = server.data_dir().join("server.log");
    let until = Instant::now() + PATIENCE;
    let is_written = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.contains("the server has ended")
    };
    while !is_written() {
        assert!(Instant::now() < until, "nothing is logged");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let manual = section("docs/operations.md", "## Backup and restore");
    let folder = tempfile::tempdir().unwrap();
    let directory = server.data_dir().to_str().unwrap().to_owned();
    let run = |block: &str| {
        let here = block.replace("/var/lib/stepwell", &directory);
        assert_ne!(here, block);
        shell(&here, folder.path(), &[]);
    };
    let [backup, restore] = &blocks(&manual, "sh")[..] else {
        panic!("a backup and a restore");
    };
    run(backup);
    // What came after the backup is in the directory that is put aside.
    fs::write(server.data_dir().join("after"), "the backup").unwrap();
    let (unpack, serve) = restore.rsplit_once(" &&\n").unwrap();
    assert!(serve.trim().starts_with("stepwell serve"), "{serve}");
    run(unpack);
    assert!(!server.data_dir().join("after").exists());
    fs::remove_dir_all(format!("{directory}.old")).unwrap();

    // Without the key that sealed the values the server does not start; with it nothing is missing.
    let key = Path::new(&directory).join("vault-key");
    let sealing = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let words = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &directory];
    let refused = stepwell().args(words).output().unwrap();
    let (out, err) = texts(&refused);
    assert_eq!(refused.status.code(), Some(1), "{out}{err}");
    assert!(err.contains("vault"), "{err}");
    fs::write(&key, sealing).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    server.launch().await;
    assert_eq!(shown(&server, &id, "done").await, before);
    let (_, task) = came_to(&server, &webhook, &json!({"n": 2}), "done").await;
    assert_eq!(task.data["greeting"], "hello");
}

#[tokio::test]
async fn a_pipeline_deploys_as_the_guide_says() {
    let server = Server::start().await;
    let guide = section("docs/deploy.md", "## Deploying from CI");
    let folder = tempfile::tempdir().unwrap();
    let manifest =
        "workspaces:\n  - name: sales\n    webhooks: [{name: Orders}]\n    config: {A: \"1\"}\n";
    fs::write(folder.path().join("deploy.yaml"), manifest).unwrap();
    let mut printed = Vec::new();
    for line in blocks(&guide, "sh")[0].lines() {
        let here = line.replace("https://hooks.example.com", &server.url);
        assert_ne!(here, line);
        let set = [("TOKEN", server.token()), ("HOME", "/nonexistent")];
        printed.push(shell(&here, folder.path(), &set));
    }
    assert_eq!(printed.len(), 2, "a plan and a deployment");
    assert!(
        printed[0].contains("+ webhook") && printed[1].contains("+ webhook"),
        "{printed:?}"
    );
    let listed = server.cli(&["webhook", "list", "--workspace", "sales"]);
    assert!(texts(&listed).0.contains("Orders"));
}
