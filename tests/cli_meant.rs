//! Which server and which task a command means: addresses, servers of other kinds, ids by their first
//! digits, several ids.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::ran::{Ran, cli, command};
use crate::support::{Server, stepwell, typed};
use serde_json::json;
use stepwell_api::report::ChangedTasks;
use stepwell_api::{Task, Webhooks};

/// The binary without any server, in an empty data directory.
fn alone(words: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    Ran::of(
        stepwell()
            .args(words)
            .env("STEPWELL_DATA_DIR", directory.path()),
    )
}

/// An HTTP server that answers everything with this, until the test ends.
fn other_server(status: &'static str, body: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_what_would_be_right() {
    let server = Server::start().await;
    let plain = "export const condition = {}; export const content = () => {};";
    server.script("s", plain).await;
    let script = tempfile::tempdir().unwrap();
    let half = script.path().join("half.js");
    std::fs::write(&half, "// a comment\nexport const content = () => {};\n").unwrap();
    let half = half.to_str().unwrap();
    for (words, code, parts) in [
        (
            &["webhook", "add", " "][..],
            1,
            &["` ` cannot be a webhook name", "white space"][..],
        ),
        (
            &["webhook", "add", "Form "],
            1,
            &["`Form ` cannot be a webhook name"],
        ),
        (
            &["schedule", "add", " ", "0 8 * * *"],
            1,
            &["` ` cannot be a schedule name"],
        ),
        (
            &["schedule", "add", "r", "@reboot"],
            1,
            &["`@reboot` is no time", "@daily", "0 8 * * 1-5"],
        ),
        (
            &["schedule", "add", "r", "hourly"],
            1,
            &["`hourly` has 1 field; it must have 5"],
        ),
        (
            &["task", "list", "--where", "{amount: 1}"],
            2,
            &["--where: ", "is not JSON", "$gt", "@FILE"],
        ),
        (
            &["task", "show", "17"],
            2,
            &["`17` is too short", "4 digits at least"],
        ),
        (
            &["workspace", "set", "default", "--failure-url", "ftp://h/"],
            1,
            &[
                "not an absolute http or https URL",
                "https://ops.example.com/failed",
            ],
        ),
        (
            &["step", "set", "s", "--timeout", "2h"],
            1,
            &["`timeout_ms` is 7200000; it must be 1 to 600000, that is 1ms to 10m"],
        ),
        (
            &["step", "rollback", "s", "--to", "nothex"],
            3,
            &[
                "step `s` has no version whose digest begins with `nothex`",
                "step versions s",
            ],
        ),
        (
            &["step", "add", half],
            1,
            &[
                "half.js:2:14: ",
                "no `condition`",
                "export const condition = ",
            ],
        ),
    ] {
        let (_, message) = cli(&server, &[words, &["--json"]].concat()).refusal(code);
        for part in parts {
            assert!(message.contains(part), "{words:?}: {part}: {message}");
        }
    }
    let hooks = server.get::<Webhooks>("/workspaces/default/webhooks").await;
    assert!(hooks.webhooks.is_empty(), "{hooks}");
}

#[tokio::test]
async fn another_server_is_not_taken_for_an_empty_one() {
    for (status, body) in [
        ("200 OK", "{}"),
        ("200 OK", r#"{"tasks": []}"#),
        ("200 OK", "<html>"),
        ("404 Not Found", r#"{"message": "no Route matched"}"#),
        ("401 Unauthorized", ""),
        ("302 Found", ""),
        (
            "500 Internal Server Error",
            r#"{"code": "internal", "detail": "no"}"#,
        ),
    ] {
        let url = other_server(status, body);
        for words in [
            &["task", "list"][..],
            &["webhook", "list"],
            &["webhook", "add", "x"],
            &["workspace", "list"],
        ] {
            let words = [words, &["--json", "--url", &url, "--token", "t"]].concat();
            let (code, message) = alone(&words).refusal(4);
            assert_eq!(code, "bad-answer", "{status} {words:?}");
            assert!(
                message.contains("is not a Stepwell server") && message.contains(&url),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn an_address_is_taken_as_it_is_written_and_one_that_is_none_is_named() {
    let server = Server::start().await;
    let bare = server.url.strip_prefix("http://").unwrap();
    for (name, value) in [("STEPWELL_URL", bare), ("STEPWELL_WORKSPACE", "")] {
        let ran = Ran::of(command(&server, &["webhook", "list", "--json"]).env(name, value));
        assert_eq!(ran.json(), json!({"webhooks": []}), "{name}");
    }
    let token = [
        "--json",
        "--token",
        "t",
        "--url",
        "http://no-such-host.invalid",
    ];
    let (code, message) = alone(&[&["task", "list"][..], &token].concat()).refusal(4);
    assert_eq!(code, "unreachable");
    assert!(
        message.contains("the name `no-such-host.invalid` could not be resolved"),
        "{message}"
    );
}

#[tokio::test]
async fn tasks_are_named_by_first_digits_and_several_at_once() {
    let server = Server::start().await;
    server
        .script(
            "strict",
            "export const condition = {n: Number};
export const content = async () => { throw Object.assign(new Error('no'), { final: true }); };
",
        )
        .await;
    let webhook = server.webhook("w").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(server.post(&webhook, &json!({"n": n})).await);
    }
    for id in &ids {
        server.wait(id, "error").await;
    }
    // Ids of the same moment share their first digits.
    let (code, message) = cli(&server, &["task", "show", &ids[0][..8], "--json"]).refusal(2);
    assert_eq!(code, "usage");
    assert!(
        message.contains(&ids[0]) && message.contains("(error)"),
        "{message}"
    );
    for digits in [&ids[1][..35], &ids[1][..30].replace('-', "").to_uppercase()] {
        let shown = cli(&server, &["task", "show", digits, "--json"]).json();
        assert_eq!(typed::<Task>(&shown).id, ids[1]);
    }
    let (code, message) = cli(&server, &["task", "log", "ffffffff", "--json"]).refusal(3);
    assert_eq!(code, "not-found");
    assert!(message.contains("`ffffffff`"), "{message}");

    let words = |verb| [vec!["task", verb], ids.iter().map(String::as_str).collect()].concat();
    let retried = cli(&server, &words("retry"));
    assert!(retried.ok().is_empty());
    assert_eq!(
        retried.stderr.matches(" is ready").count(),
        3,
        "{retried:?}"
    );
    for id in &ids {
        let task = server.wait(id, "error").await;
        assert_eq!(task.runs.len(), 2, "{id}");
    }
    // One that is refused does not hold up the others, and gives the exit code.
    let nobody = "0190c0de-0000-7000-8000-000000000000";
    let ran = cli(&server, &["task", "retry", nobody, &ids[0], "--json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let done: ChangedTasks = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(done.tasks[0].id, ids[0]);

    let log = cli(&server, &["task", "log", &ids[1], "--tail", "2"]);
    let whole = cli(&server, &["task", "log", &ids[1]]);
    let lines: Vec<&str> = whole.ok().lines().collect();
    assert!(lines.len() > 4, "{lines:?}");
    assert_eq!(
        log.ok().lines().collect::<Vec<_>>(),
        lines[lines.len() - 2..]
    );
    // What was done stands before what came of it.
    let retried = lines.iter().position(|line| line.contains("tried again"));
    let second = lines.iter().position(|line| line.contains("run 2"));
    assert!(retried.unwrap() < second.unwrap(), "{lines:#?}");
}
