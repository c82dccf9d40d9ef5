//! The command line against the real server: what is printed where, in which form, with which exit
//! code, and that every refusal says what would be right.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::Stdio;

use crate::support::ran::{Ran, cli, cli_reading, command};
use crate::support::{Server, guest, stepwell, typed};
use serde_json::json;
use stepwell_api::report::{DemoReport, NewStep, ServeSettings};
use stepwell_api::{
    ConfigKeys, Limits, Step, Task, TaskHead, TaskPage, TaskState, Webhook, Webhooks,
};

/// The binary without any server, in an empty data directory.
fn alone(words: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    Ran::of(
        stepwell()
            .args(words)
            .env("STEPWELL_DATA_DIR", directory.path()),
    )
}

#[tokio::test]
async fn help_and_version_are_results_and_wrong_words_are_usage_errors() {
    let help = alone(&["--help"]);
    assert!(
        help.ok().contains("stepwell webhook add") && help.stderr.is_empty(),
        "{help:?}"
    );
    assert!(alone(&["--version"]).ok().starts_with("stepwell 0."));
    assert!(
        alone(&["step", "add", "--help"])
            .ok()
            .contains("--memory 128MiB")
    );
    assert_eq!(alone(&[]).code, Some(2));
    let wrong = alone(&["webhook", "ad"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stdout.is_empty() && wrong.stderr.contains("'add'"),
        "{wrong:?}"
    );
    let (code, message) = alone(&["task", "list", "--state", "finished", "--json"]).refusal(2);
    assert_eq!(code, "usage");
    assert!(message.contains("unmatched"), "{message}");
}

#[tokio::test]
async fn without_a_server_it_says_how_to_get_one() {
    let (code, message) = alone(&["webhook", "list", "--json"]).refusal(4);
    assert_eq!(code, "no-server");
    assert!(message.contains("stepwell serve"), "{message}");
    let text = alone(&["webhook", "list"]);
    assert_eq!(text.code, Some(4));
    assert!(text.stderr.starts_with("error: no server: "), "{text:?}");
    let (code, _) = alone(&[
        "task",
        "list",
        "--json",
        "--url",
        "https://stepwell.example.com",
    ])
    .refusal(4);
    assert_eq!(code, "no-token");
    let (code, _) = alone(&[
        "task",
        "list",
        "--json",
        "--url",
        "stepwell.example.com",
        "--token",
        "t",
    ])
    .refusal(2);
    assert_eq!(code, "bad-url");
}

#[tokio::test]
async fn after_a_crash_the_stale_address_is_named() {
    let mut server = Server::start().await;
    let url = server.url.clone();
    server.kill();
    let (code, message) = cli(&server, &["webhook", "list", "--json"]).refusal(4);
    assert_eq!(code, "unreachable");
    assert!(
        message.contains(&url) && message.contains("stepwell serve"),
        "{message}"
    );
}

#[tokio::test]
async fn webhooks_are_added_listed_shown_and_deleted() {
    let server = Server::start().await;
    assert_eq!(
        cli(&server, &["webhook", "list", "--json"]).json(),
        json!({"webhooks": []})
    );
    let added = cli(&server, &["webhook", "add", "Contact Form", "--json"]).json();
    let Webhook { id, url, .. } = &typed(&added);
    assert!(url.starts_with(&format!("{}/event/", server.url)), "{url}");
    assert_eq!(
        cli(&server, &["webhook", "list", "--json"]).json(),
        json!({"webhooks": [added]})
    );
    for key in ["Contact Form", id] {
        assert_eq!(
            cli(&server, &["webhook", "show", key, "--json"]).json(),
            added
        );
    }
    let (code, _) = cli(&server, &["webhook", "add", "Contact Form", "--json"]).refusal(1);
    assert_eq!(code, "exists");
    let table = cli(&server, &["webhook", "list"]);
    assert!(
        table.ok().starts_with("NAME ") && table.ok().contains(url.as_str()),
        "{table:?}"
    );
    assert!(!table.stdout.contains('\u{1b}'), "colour in a pipe");
    // A result is all that is on stdout: it can be taken into a variable.
    assert!(
        cli(&server, &["webhook", "add", "Other"])
            .ok()
            .starts_with("http://")
    );
    cli(&server, &["webhook", "delete", "Contact Form"]).ok();
    let (code, message) = cli(&server, &["webhook", "show", "Contact Form", "--json"]).refusal(3);
    assert!(
        !code.is_empty() && message.contains("Contact Form"),
        "{code}: {message}"
    );
    assert_eq!(
        cli(&server, &["webhook", "delete", "..", "--json"])
            .refusal(2)
            .0,
        "bad-name"
    );
}

#[tokio::test]
async fn secrets_come_from_stdin_and_never_come_back() {
    let server = Server::start().await;
    cli_reading(&server, &["config", "set", "CRM_TOKEN", "-"], "s3cret\n").ok();
    cli(&server, &["config", "set", "REGION", "eu"]).ok();
    let list = cli(&server, &["config", "list", "--json"]).json();
    let ConfigKeys { config } = typed(&list);
    let keys: Vec<&str> = config.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["CRM_TOKEN", "REGION"]);
    assert!(!cli(&server, &["config", "list"]).ok().contains("s3cret"));
    assert_eq!(
        cli(&server, &["config", "delete", "REGION", "--json"]).json(),
        json!({"done": true})
    );
    cli(&server, &["config", "delete", "REGION", "--json"]).refusal(3);
    cli(&server, &["config", "set", "no spaces", "x", "--json"]).refusal(1);
}

#[tokio::test]
async fn workspaces_are_apart() {
    let server = Server::start().await;
    cli(&server, &["workspace", "add", "sales"]).ok();
    let names = cli(&server, &["workspace", "list", "--json"]).json();
    let usual = |name| {
        let retention = json!({"done": 30, "others": 90});
        json!({"name": name, "failure_url": null, "retention": retention, "rate": null})
    };
    assert_eq!(
        names,
        json!({"current": "default", "workspaces": [usual("default"), usual("sales")]})
    );
    cli(&server, &["webhook", "add", "Lead", "--workspace", "sales"]).ok();
    assert_eq!(
        cli(&server, &["webhook", "list", "--json"]).json(),
        json!({"webhooks": []})
    );
    let theirs = Ran::of(
        command(&server, &["webhook", "list", "--json"]).env("STEPWELL_WORKSPACE", "sales"),
    );
    assert_eq!(theirs.read::<Webhooks>().webhooks[0].name, "Lead");
    cli(
        &server,
        &["webhook", "list", "--workspace", "nobody", "--json"],
    )
    .refusal(3);
}

#[tokio::test]
async fn a_wrong_token_is_no_way_in() {
    let server = Server::start().await;
    let (code, message) = cli(&server, &["task", "list", "--token", "wrong", "--json"]).refusal(4);
    assert_eq!(code, "unauthorized");
    assert!(message.contains("STEPWELL_TOKEN"), "{message}");
    let (url, token) = (server.url.clone(), server.token());
    let remote = alone(&["task", "list", "--url", &url, "--token", token, "--json"]);
    assert_eq!(remote.json(), json!({"tasks": [], "next": null}));
}

#[tokio::test]
async fn steps_are_added_replaced_shown_and_deleted() {
    let server = Server::start().await;
    let noop = guest("five-sets");
    let noop = noop.to_str().unwrap();
    let added = cli(
        &server,
        &[
            "step",
            "add",
            noop,
            "--fuel",
            "5M",
            "--memory",
            "8MiB",
            "--timeout",
            "1.5s",
            "--json",
        ],
    )
    .json();
    let added: Step = typed(&added);
    assert_eq!(added.name, "five-sets");
    let limits = Limits {
        fuel: 5_000_000,
        memory: 8 << 20,
        timeout_ms: 1500,
    };
    assert_eq!(added.limits, limits);
    cli(&server, &["step", "add", noop, "--name", "team/other"]).ok();
    let shown: Step = typed(&cli(&server, &["step", "show", "team/other", "--json"]).json());
    assert_eq!(shown.digest, added.digest);
    let list = cli(&server, &["step", "list"]);
    assert!(
        list.ok().contains("five-sets") && list.ok().contains("team/other"),
        "{list:?}"
    );
    assert!(
        cli(&server, &["step", "show", "five-sets"])
            .ok()
            .contains("fuel       5,000,000")
    );
    cli(&server, &["step", "delete", "team/other"]).ok();
    cli(&server, &["step", "show", "team/other", "--json"]).refusal(3);
}

#[tokio::test]
async fn what_is_no_step_is_refused_with_the_way_out() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.wasm");
    std::fs::write(&text, "no component").unwrap();
    let add = |path: &Path| cli(&server, &["step", "add", path.to_str().unwrap(), "--json"]);
    assert_eq!(add(&text).refusal(1).0, "not-a-component");
    let (code, message) = add(&directory.path().join("missing.wasm")).refusal(2);
    assert_eq!(code, "usage");
    assert!(
        message.contains("missing.wasm") && message.contains("crate's directory"),
        "{message}"
    );
    let (code, message) = add(directory.path()).refusal(2);
    assert_eq!(code, "no-crate");
    assert!(message.contains("stepwell step new"), "{message}");
    assert_eq!(
        cli(&server, &["step", "list", "--json"]).json(),
        json!({"steps": []})
    );
}

#[tokio::test]
async fn a_webhook_becomes_a_task_that_can_be_read() {
    let server = Server::start().await;
    let form = server.webhook("Contact Form").await;
    server.step("contact-form").await;
    server.step("lead-routing").await;
    let id = server.post(
        &form,
        &json!({"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "note": "\u{1b}[2J"}),
    ).await;
    server.wait(&id, "done").await;

    let task: Task = typed(&cli(&server, &["task", "show", &id, "--json"]).json());
    assert_eq!(task.state.as_str(), "done");
    assert_eq!(task.data["contact"]["fullName"], "Ada Lovelace");
    let steps: Vec<&str> = task.runs.iter().map(|run| run.step.as_str()).collect();
    assert_eq!(steps, ["contact-form", "lead-routing"]);
    assert!(task.runs[0].fuel > 0);

    let log = cli(&server, &["task", "log", &id, "--follow"]);
    for part in [
        "accepted by webhook Contact Form",
        "run 1  contact-form  finished",
        "log  a contact form from Ada Lovelace",
        "+ /priority \"normal\"",
        "run 2  lead-routing  finished",
        "done  2 runs",
    ] {
        assert!(log.ok().contains(part), "{part} in\n{}", log.stdout);
    }
    let sheet = cli(&server, &["task", "show", &id]);
    assert!(
        sheet.ok().contains("\"fullName\": \"Ada Lovelace\""),
        "{}",
        sheet.stdout
    );
    assert!(
        !sheet.stdout.contains('\u{1b}'),
        "a stranger's control character was printed"
    );

    let list = |flag: &str, value: &str| -> Vec<TaskHead> {
        let listed = cli(&server, &["task", "list", flag, value, "--json"]).json();
        typed::<TaskPage>(&listed).tasks
    };
    assert_eq!(list("--state", "done")[0].id, id);
    assert!(cli(&server, &["task", "list"]).ok().contains(&id));
    assert!(list("--state", "error").is_empty());
    assert!(list("--before", &id).is_empty());
    let unknown = "0190c0de-0000-7000-8000-000000000000";
    cli(&server, &["task", "show", unknown, "--json"]).refusal(3);
    assert_eq!(
        cli(&server, &["task", "show", "17", "--json"]).refusal(2).0,
        "usage"
    );
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error() {
    let server = Server::start().await;
    server.webhook("Form").await;
    let mut child = command(&server, &["webhook", "list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_server_ends_gracefully_and_leaves_no_address_behind() {
    let mut server = Server::start().await;
    assert!(server.data_dir().join("server.json").exists());
    assert!(server.stop().success());
    assert!(!server.data_dir().join("server.json").exists());
    server.launch().await;
    cli(&server, &["webhook", "list"]).ok();
}

#[tokio::test]
async fn the_settings_can_be_printed() {
    let text = alone(&[
        "serve",
        "--print-config",
        "--body-bytes",
        "2MiB",
        "--egress-allow",
        "10.0.0.0/8",
    ]);
    assert!(
        text.ok().contains("body-bytes = 2097152") && text.ok().contains("10.0.0.0/8"),
        "{text:?}"
    );
    let settings: ServeSettings = alone(&["serve", "--print-config", "--json"]).read();
    assert_eq!(settings.listen, "127.0.0.1:7400");
    assert_eq!(settings.head_timeout_ms, 30_000);
}

#[tokio::test]
async fn a_new_step_is_refused_where_something_is() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("greet");
    let made: NewStep = alone(&["step", "new", at.to_str().unwrap(), "--json"]).read();
    assert_eq!(made.name, "greet");
    assert!(at.join("src/lib.rs").is_file());
    let (code, message) = alone(&["step", "new", at.to_str().unwrap(), "--json"]).refusal(1);
    assert_eq!(code, "exists");
    assert!(message.contains("another name"), "{message}");
    assert_eq!(
        alone(&["step", "new", "Not A Name", "--json"]).refusal(2).0,
        "bad-name"
    );
}

/// Its text is compared with the README's transcript by another suite.
#[test]
fn the_demo_is_one_document_for_programs() {
    let demo: DemoReport = Ran::of(stepwell().args(["demo", "--exit", "--json"])).read();
    assert_eq!(demo.task.state, TaskState::Done);
    assert_eq!(demo.webhook.name, "Contact Form");
    assert_eq!(demo.steps.len(), 2);
}
