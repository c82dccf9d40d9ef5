//! Components that are no steps, and steps whose condition misbehaves: refused when they are added,
//! with what would be right, and nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use reqwest::StatusCode;
use serde_json::Value;
use support::{Server, guest};

async fn refused(server: &Server, component: Vec<u8>, query: &str, code: &str, message: &str) {
    let (status, problem) = server.try_step("candidate", component, query).await;
    assert_eq!(problem["code"], code, "{status} {problem}");
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = problem["detail"].as_str().unwrap();
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
    assert_eq!(problem["code"], "bad-condition", "{problem}");
    assert!(
        problem["pointer"]
            .as_str()
            .is_some_and(|pointer| pointer.starts_with('/')),
        "{problem}"
    );
    let (status, steps) = server
        .api(reqwest::Method::GET, "/workspaces/default/steps", None)
        .await;
    assert_eq!(
        (status, &steps["steps"]),
        (StatusCode::OK, &Value::Array(Vec::new()))
    );
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
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.len() > 10),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn compiled_components_are_kept_and_only_the_hosts_own_are_run() {
    let mut server = Server::start().await;
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
