//! Components that are no steps, and steps whose condition misbehaves: refused when they are added,
//! with what would be right, and nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::fs::PermissionsExt;

use crate::support::{Server, guest, refusal, stepwell, texts};
use reqwest::StatusCode;
use serde_json::json;
use stepwell_api::Steps;

async fn refused(server: &Server, component: Vec<u8>, query: &str, code: &str, message: &str) {
    let (status, problem) = server.try_step("candidate", component, query).await;
    assert_eq!(refusal(&problem).code, code, "{status} {problem}");
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = refusal(&problem).detail;
    assert!(detail.contains(message), "{detail}");
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(guest(name)).unwrap()
}

#[tokio::test]
async fn what_is_no_step_is_refused_by_name() {
    let server = Server::start().await;
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    refused(
        &server,
        b"hello".to_vec(),
        "",
        "not-a-component",
        "magic number",
    )
    .await;
    refused(&server, core_module, "", "not-a-component", "wasm32-wasip2").await;
    refused(
        &server,
        b"\0asm\x0d\0\x01\0\xff\xff".to_vec(),
        "",
        "not-a-component",
        "not a component",
    )
    .await;
    refused(
        &server,
        bytes("foreign-import"),
        "",
        "foreign-import",
        "evil:host/shell",
    )
    .await;
    refused(
        &server,
        bytes("sockets"),
        "",
        "foreign-import",
        "use `connectors.fetch`",
    )
    .await;
    refused(
        &server,
        bytes("no-step"),
        "",
        "missing-export",
        "exports no function `condition`",
    )
    .await;
    refused(
        &server,
        bytes("condition-loop"),
        "fuel=1000000",
        "condition-failed",
        "out of fuel",
    )
    .await;
    refused(
        &server,
        bytes("condition-trap"),
        "",
        "condition-failed",
        "`condition` failed",
    )
    .await;
    refused(
        &server,
        bytes("condition-not-json"),
        "",
        "bad-condition",
        "",
    )
    .await;
    refused(
        &server,
        bytes("condition-huge"),
        "",
        "condition-failed",
        "a condition has at most 65536",
    )
    .await;
    let (_, problem) = server
        .try_step("candidate", bytes("bad-condition"), "")
        .await;
    assert_eq!(refusal(&problem).code, "bad-condition", "{problem}");
    let pointer = refusal(&problem).pointer;
    assert!(
        pointer.is_some_and(|pointer| pointer.starts_with('/')),
        "{problem}"
    );
    let steps = server.get::<Steps>("/workspaces/default/steps").await;
    assert!(steps.steps.is_empty(), "{steps}");
    server.is_well().await;
}

/// A step that does nothing, of three core instances and `more`, as other languages' tools make them.
fn of_core_instances(more: usize) -> Vec<u8> {
    let more = "(core instance (instantiate $empty))".repeat(more);
    wat::parse_str(format!(
        r#"(component
            (type $failure' (variant (case "retry" string) (case "stop" string)))
            (import "failure" (type $failure (eq $failure')))
            (core module $memory (memory (export "memory") 1))
            (core module $step
                (import "memory" "memory" (memory 1))
                (data (i32.const 0) "\10\00\00\00\02\00\00\00")
                (data (i32.const 16) "{{}}")
                (func (export "condition") (result i32) i32.const 0)
                (func (export "run") (result i32) i32.const 64))
            (core module $empty)
            (core instance $memory (instantiate $memory))
            (core instance $step (instantiate $step (with "memory" (instance $memory))))
            {more}
            (func (export "condition") (result string)
                (canon lift (core func $step "condition") (memory (core memory $memory "memory"))))
            (func (export "run") (result (result (error $failure)))
                (canon lift (core func $step "run") (memory (core memory $memory "memory")))))"#
    ))
    .unwrap()
}

#[tokio::test]
async fn a_component_of_many_core_instances_runs_and_one_of_too_many_is_refused_at_once() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    // componentize-py makes 14, and 39 with `--stub-wasi`; 64 is the most.
    for more in [0, 12, 37, 62] {
        let (status, step) = server.try_step("many", of_core_instances(more), "").await;
        assert!(status.is_success(), "{more}: {step}");
        server.run(&webhook, &serde_json::json!({}), "done").await;
    }
    for more in [63, 1_000] {
        let said = format!("has {} core instances, and a step has at most 64", more + 2);
        refused(
            &server,
            of_core_instances(more),
            "",
            "too-many-parts",
            &said,
        )
        .await;
    }
    let memories = |count: usize| {
        let more = "(core module (memory 1))".repeat(count);
        let whole = wat::parse_str(format!(
            r#"(component {more}
                (core module $m (func (export "f")))
                (core instance $m (instantiate $m))
                (func (export "condition") (canon lift (core func $m "f")))
                (func (export "run") (canon lift (core func $m "f"))))"#
        ));
        whole.unwrap()
    };
    refused(
        &server,
        memories(3),
        "",
        "too-many-parts",
        "3 linear memories",
    )
    .await;
    server.is_well().await;
}

#[tokio::test]
async fn a_refused_replacement_leaves_the_step_as_it_was() {
    let server = Server::start().await;
    server.step_with("candidate", &guest("noop"), "").await;
    refused(&server, bytes("no-step"), "", "missing-export", "condition").await;
    let webhook = server.webhook("w").await;
    server.run(&webhook, &serde_json::json!({}), "done").await;
}

#[tokio::test]
async fn limits_out_of_range_are_refused() {
    let server = Server::start().await;
    for query in [
        "fuel=0",
        "fuel=many",
        "memory=1",
        "timeout_ms=0",
        "timeout_ms=99999999",
        "colour=red",
    ] {
        let (status, problem) = server.try_step("s", bytes("noop"), query).await;
        assert!(status.is_client_error(), "{query}: {status} {problem}");
        assert!(refusal(&problem).detail.len() > 10, "{problem}");
    }
}

#[tokio::test]
async fn servers_share_compiled_components_and_no_other_user_may() {
    let home = tempfile::tempdir().unwrap();
    let shared = home.path().join("shared");
    let args = ["--cache-dir", shared.to_str().unwrap()];
    let compiled = || {
        let files = std::fs::read_dir(&shared)
            .unwrap()
            .map(|file| file.unwrap());
        let files = files.filter(|file| file.file_name() != "key");
        let mut files: Vec<_> = files
            .map(|file| (file.path(), file.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    };
    let server = Server::with(&args).await;
    server.step("noop").await;
    assert!(!server.data_dir().join("cache").exists());
    let before = compiled();
    assert_eq!(before.len(), 1, "{before:?}");
    let other = Server::with(&args).await;
    other.step("noop").await;
    let webhook = other.webhook("w").await;
    other.run(&webhook, &json!({}), "done").await;
    assert_eq!(compiled(), before, "it is compiled once");
    drop((server, other));

    let key = shared.join("key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = stepwell()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(home.path().join("data"))
        .args(args)
        .output()
        .unwrap();
    let (_, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("can be read by others (mode 0644)"), "{err}");
}

#[tokio::test]
async fn compiled_components_are_kept_and_only_the_hosts_own_are_run() {
    let mut server = Server::with(&["--cache-dir", ""]).await;
    server.step("noop").await;
    let cache = server.data_dir().join("cache");
    let files = || -> Vec<_> {
        std::fs::read_dir(&cache)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect()
    };
    let [file] = files().try_into().unwrap();
    let mut code = std::fs::read(&file).unwrap();
    let last = code.len() - 1;
    code[last] ^= 1;
    std::fs::write(&file, code).unwrap();
    server.restart().await;
    let webhook = server.webhook("w").await;
    server.run(&webhook, &serde_json::json!({}), "done").await;
    assert_eq!(files().len(), 1, "the damaged file was replaced");
}

#[test]
fn a_step_made_with_the_sdk_imports_only_what_it_uses() {
    let imports = |name: &str| {
        let bytes = bytes(name);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let of_wasi = text.match_indices("wasi:").map(|(at, _)| &text[at..]);
        let mut found: Vec<String> = of_wasi
            .map(|rest| {
                rest.split(['@', '\0'])
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect();
        found.sort();
        found.dedup();
        found
    };
    assert_eq!(imports("panics"), [""; 0], "a panic's message is printed");
    assert_eq!(imports("fetcher"), ["wasi:io/poll"]);
    assert!(imports("snoop").contains(&"wasi:filesystem/preopens".to_owned()));
}
