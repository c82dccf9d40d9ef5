//! Components that other languages' tools make, built here and run by the real server. Ignored unless
//! asked for, since the tools must be installed: `.ci/run` installs them and runs this.
//!
//! `STEPWELL_COMPONENTIZE_PY` and `STEPWELL_COMPONENTIZE_JS` name the programs.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Server, refusal, repository, typed};
use serde_json::{Value, json};
use stepwell_api::Step;

/// The program that a variable names, or else the one of this name on the path.
fn tool(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}

fn built(mut command: Command, component: &Path) {
    let ran = command.output();
    let ran = ran.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {said}");
    assert!(component.exists(), "{command:?}: {said}");
}

fn sources() -> PathBuf {
    repository().join("tests/toolchains")
}

fn python(folder: &Path, stub_wasi: bool) -> PathBuf {
    let component = folder.join(format!("step-{stub_wasi}.wasm"));
    let mut command = tool("STEPWELL_COMPONENTIZE_PY", "componentize-py");
    command
        .current_dir(folder)
        .arg("--wit-path")
        .arg(repository().join("wit"))
        .args(["--world", "step", "componentize", "--python-path"])
        .arg(sources())
        .args(stub_wasi.then_some("--stub-wasi"))
        .args(["step", "--output"])
        .arg(&component);
    built(command, &component);
    component
}

fn javascript(folder: &Path) -> PathBuf {
    let component = folder.join("step-js.wasm");
    let mut command = tool("STEPWELL_COMPONENTIZE_JS", "componentize-js");
    command
        .arg(sources().join("step.js"))
        .arg("--wit")
        .arg(repository().join("wit"))
        .args(["--world-name", "step"])
        .args(["--disable", "http", "--disable", "fetch-event", "--out"])
        .arg(&component);
    built(command, &component);
    component
}

/// Adds the component and runs it on good data and on bad.
async fn runs(component: &Path, uncaught: &str) {
    let server = Server::start().await;
    let webhook = server.webhook("Contact Form").await;
    let bytes = std::fs::read(component).unwrap();
    let (status, step) = server.try_step("domain", bytes, "").await;
    assert!(status.is_success(), "{step}");
    let condition = typed::<Step>(&step).condition;
    assert_eq!(condition, json!({"email": {"$type": "string"}}));

    let email = json!({"email": "ada@example.com"});
    let task = server.run(&webhook, &email, "done").await;
    assert_eq!(task.data["domain"], "example.com", "{task:#}");
    assert_eq!(task.name.as_deref(), Some("ada@example.com"));
    let logs = format!("{:?}", task.runs[0].logs);
    assert!(logs.contains("a message from ada@example.com"), "{logs}");

    let task = server
        .run(&webhook, &json!({"email": "ada"}), "error")
        .await;
    assert_eq!(task.runs[0].outcome.as_str(), "stop", "{task:#}");
    let fault = task.fault.as_deref().unwrap();
    assert!(fault.contains("ada is no address"), "{fault}");

    // What the language's own runtime says of an uncaught exception.
    let nobody = json!({"email": "nobody@example.com"});
    let task = server.run(&webhook, &nobody, "error").await;
    assert_eq!(task.runs[0].outcome.as_str(), "trap", "{task:#}");
    let fault = task.fault.as_deref().unwrap();
    assert!(fault.contains(uncaught), "{fault}");
    assert_eq!(task.data["domain"], Value::Null, "its changes are dropped");
    server.is_well().await;
}

#[tokio::test]
#[ignore = "needs componentize-py"]
async fn a_component_of_componentize_py_runs() {
    let folder = tempfile::tempdir().unwrap();
    // Its standard error is stubbed, too: of an uncaught exception only the trap is left.
    runs(&python(folder.path(), true), "the step trapped").await;
    // Without the stubs it has sockets and is refused before it is compiled.
    let server = Server::start().await;
    let bytes = std::fs::read(python(folder.path(), false)).unwrap();
    let (status, refused) = server.try_step("domain", bytes, "").await;
    assert_eq!(
        (status.as_u16(), refusal(&refused).code.as_str()),
        (422, "foreign-import")
    );
}

#[tokio::test]
#[ignore = "needs componentize-js"]
async fn a_component_of_componentize_js_runs() {
    let folder = tempfile::tempdir().unwrap();
    runs(&javascript(folder.path()), "the step trapped").await;
}
