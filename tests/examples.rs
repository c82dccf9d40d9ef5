//! Every example step, on the real server, with a real upstream: each `examples/*/cases/*.json`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

use crate::support::{Server, cases, example, repository};

#[tokio::test]
async fn every_case_of_every_example_comes_out_as_it_says() {
    let all = cases::cases(&repository().join("examples"));
    assert!(all.len() >= 20, "only {} cases were found", all.len());
    let mut server = Server::start().await;
    for ((step, file), number) in all.into_iter().zip(1..) {
        println!("{step}: {}", file.file_stem().unwrap().to_str().unwrap());
        server.enter(&format!("case-{number}")).await;
        server.step_with(&step, &example(&step), "").await;
        cases::run(&server, &cases::read(&file)).await;
    }
}

#[test]
fn the_examples_own_tests_pass_without_wasm() {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--workspace", "--quiet"])
        .current_dir(repository().join("examples"))
        // Shared with the other tests that build steps.
        .env("CARGO_TARGET_DIR", repository().join("target/native"))
        .output()
        .unwrap();
    let (out, err) = crate::support::texts(&output);
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("test result: ok"), "{out}");
}
