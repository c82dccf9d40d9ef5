//! Every code block of the documents compiles, parses or runs, where the guide puts it. The lines of
//! `sh` blocks are checked against the command line's grammar in `host/src/cli/tests/documents.rs`,
//! the conditions of docs/conditions.md in `host/condition/tests`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::support::{Server, repository, stepwell, texts};
use serde_json::{Value, json};
use stepwell_api::Step;

/// A fenced block.
#[derive(Debug, Clone)]
struct Block {
    /// `docs/steps.md:112`, the line of its fence.
    at: String,
    language: String,
    text: String,
}

fn documents() -> Vec<(String, String)> {
    let mut files = vec!["README.md".to_owned(), "guest-sdk/README.md".to_owned()];
    for entry in fs::read_dir(repository().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.push(format!("docs/{name}"));
    }
    files.sort();
    let read = |file: String| {
        let text = fs::read_to_string(repository().join(&file)).unwrap();
        (file, text)
    };
    files.into_iter().map(read).collect()
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    for (file, text) in documents() {
        let mut open: Option<Block> = None;
        for (number, line) in text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => found.extend(open.take()),
                (Some(language), None) => {
                    open = Some(Block {
                        at: format!("{file}:{}", number + 1),
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
                (None, Some(block)) => block.text.extend([line, "\n"]),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{file} has a block without an end");
    }
    found
}

fn of(languages: &[&str]) -> Vec<Block> {
    let mut blocks = blocks();
    blocks.retain(|block| languages.contains(&block.language.as_str()));
    assert!(!blocks.is_empty(), "{languages:?}");
    blocks
}

#[test]
fn every_block_is_of_a_kind_that_is_checked() {
    for block in blocks() {
        let by = match block.language.as_str() {
            "rust" | "js" | "ts" | "json" | "yaml" | "toml" => "here",
            // A request and its answer, or a body.
            "" => "here, or with the commands if it begins with one",
            "sh" => "host/src/cli/tests/documents.rs",
            "http" => "tests/bodies/documents.rs",
            "json condition" | "json matches" | "json differs" | "json refused" => "host/condition",
            // Output, and no code: those of README.md and docs/deploy.md are compared with what is
            // printed (tests/readme.rs, tests/deploy.rs), others are drawings and compilers' words.
            "text" => "no test, or those",
            other => panic!("{}: no test checks a block in `{other}`", block.at),
        };
        assert!(!by.is_empty());
    }
}

/// What a fragment stands on in its guide: declarations that the text before it has made.
fn rust_setting(text: &str) -> &'static str {
    const SETTINGS: [(&str, &str); 5] = [
        (
            "Request::post(url)",
            "#[derive(serde::Deserialize)] struct Created { id: u64 }\n\
             let (url, token, order) = (\"https://shop.example/\", \"t\", json!({}));\n",
        ),
        (
            "task::subtask(",
            "let url = \"https://shop.example/\"; let _ = url;\n",
        ),
        (
            "or_stop(format!",
            "let (rates, currency) = (std::collections::HashMap::<String, f64>::new(), String::new());\n",
        ),
        ("data::set(\"/order/discount\"", ""),
        ("", ""),
    ];
    let found = SETTINGS.iter().find(|(part, _)| text.contains(part));
    found.map_or("", |(_, setting)| setting)
}

/// The blocks as one file of a crate: those with items are modules, fragments are bodies of steps.
fn rust_file() -> String {
    let mut file = "#![allow(unused, dead_code)]\n".to_owned();
    for (number, block) in of(&["rust"]).into_iter().enumerate() {
        let text = &block.text;
        file.push_str(&format!("// {}\nmod block_{number} {{\n", block.at));
        if text.contains("#[step(") {
            file.push_str(text);
        } else if text.contains("#[test]") {
            // The step that the test is of; the example of that name does the calls.
            file.push_str(
                "use stepwell_sdk::prelude::*;\nuse stepwell_sdk::mock::*;\n\
                 #[step(condition = { customer: { created: true } })]\nfn crm_sync() -> Result { Ok(()) }\n",
            );
            file.push_str(text);
        } else {
            file.push_str("use stepwell_sdk::prelude::*;\nuse std::time::Duration;\n");
            file.push_str(&format!(
                "async fn body() -> Result {{\n{}",
                rust_setting(text)
            ));
            file.push_str(text);
            file.push_str("\nOk(())\n}\n");
        }
        file.push_str("}\n");
    }
    file
}

/// In the crate that `stepwell step new` makes, with nothing added to it.
#[test]
fn rust_compiles_in_the_crate_of_step_new() {
    let folder = tempfile::tempdir().unwrap();
    let made = stepwell()
        .args(["step", "new", "greet"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", texts(&made).1);
    let at = folder.path().join("greet");
    fs::write(at.join("src/lib.rs"), rust_file()).unwrap();
    // As the other tests that build steps, so that what all steps depend on is compiled once.
    fs::copy(repository().join("Cargo.lock"), at.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--tests", "--quiet"])
        .current_dir(&at)
        .env("CARGO_TARGET_DIR", repository().join("target/native"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let (_, err) = texts(&output);
    assert!(output.status.success(), "{err}\n{}", rust_file());
}

/// What the SDK's mock can answer is all in the guide.
#[test]
fn every_reply_of_the_mock_is_documented() {
    let source = fs::read_to_string(repository().join("guest-sdk/src/mock/reply.rs")).unwrap();
    let guide = fs::read_to_string(repository().join("docs/steps.md")).unwrap();
    let mut found = 0;
    for rest in source.split("    pub fn ").skip(1) {
        let name = rest.split('(').next().unwrap();
        let by_method = rest.starts_with(&format!("{name}(mut self"));
        let written = if by_method {
            format!("`.{name}(")
        } else {
            format!("`Reply::{name}")
        };
        assert!(
            guide.contains(&written),
            "docs/steps.md says nothing of {written}…`"
        );
        found += 1;
    }
    assert!(found >= 5, "{found}");
}

/// A script block as a step: a whole one as it is, a fragment as the body of `content`.
fn script(block: &Block) -> String {
    if block.text.contains("export const condition") {
        return block.text.clone();
    }
    let (imports, body): (Vec<&str>, Vec<&str>) = block
        .text
        .lines()
        .partition(|line| line.starts_with("import ") || line.starts_with("declare "));
    format!(
        "{}\nexport const condition = {{}};\nexport const content = async () => {{\n{}\n}};\n",
        imports.join("\n"),
        body.join("\n")
    )
}

/// The data and settings with which fragments run, by what is in them: what the text before them
/// has made. `None` for one that ends its task, and says so.
fn fragment_runs(text: &str) -> Option<(&'static str, &'static str)> {
    const RUNS: [(&str, &str, &str); 5] = [
        (
            "data.order.lines.reduce",
            "",
            r#"{"order": {"lines": [{"price": 2, "count": 3}]}, "draft": 1}"#,
        ),
        ("toLocaleString", "const amount = 1234.5;", "{}"),
        ("money(total", "const total = 5;", r#"{"title": "A b"}"#),
        ("declare const data", "", "{}"),
        ("'X-Order': data.order.id", "", r#"{"order": {"id": "7"}}"#),
    ];
    let found = RUNS.iter().find(|(part, ..)| text.contains(part));
    found.map(|(_, setting, data)| (*setting, *data))
}

#[tokio::test]
async fn scripts_are_steps_and_fragments_run_in_one() {
    let mut server = Server::start().await;
    let files = [
        (
            "lib/money.js",
            "export const money = (n, unit) => `${n} ${unit}`;",
        ),
        ("lib/rates.json", "{\"EUR\": 1}"),
        (
            "lib/text.js",
            "export const slug = (text) => text.toLowerCase();",
        ),
    ];
    let mut run = 0;
    for (number, block) in of(&["js", "ts"]).into_iter().enumerate() {
        server.enter(&format!("block-{number}")).await;
        let entry = format!("step.{}", block.language);
        let runs = fragment_runs(&block.text);
        let mut text = script(&block);
        if let Some((setting, _)) = runs {
            text = text.replace("async () => {\n", &format!("async () => {{ {setting}\n"));
        }
        let mut all: BTreeMap<String, String> = files
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()))
            .collect();
        all.insert(entry.clone(), text);
        let scripts = stepwell_script::prepare(&entry, &all)
            .unwrap_or_else(|error| panic!("{}: {error}", block.at));
        let package = scripts[0].package.to_json().into_bytes();
        let (status, body) = server.try_step("block", package, "").await;
        assert!(status.is_success(), "{}: {body}", block.at);
        if let Some((_, data)) = runs {
            let webhook = server.webhook("W").await;
            let data: Value = serde_json::from_str(data).unwrap();
            let task = server.run(&webhook, &data, "done").await;
            assert_eq!(
                task.runs[0].outcome.as_str(),
                "finished",
                "{}: {task:#}",
                block.at
            );
            run += 1;
        }
    }
    assert_eq!(run, 5, "each fragment that can run alone has run");
}

/// Bundles as esbuild 0.28 made them (`--bundle --format=esm`, one with `--minify`) of a step and two
/// packages, of which one is CommonJS.
#[tokio::test]
async fn a_bundle_is_a_step() {
    let server = Server::start().await;
    let folder = repository().join("tests/bundled");
    for (file, name) in [
        ("order-total.js", "order-total"),
        ("order-total.min.js", "order-total.min"),
    ] {
        let path = folder.join(file);
        let added: Step = server.cli_json(&["step", "add", path.to_str().unwrap()]);
        assert_eq!(added.name, name);
        let webhook = server.webhook(name).await;
        let body = json!({"title": "Two Chairs!", "lines": [{"price": 20, "count": 2}, {"price": 1.5, "count": 2}]});
        let task = server.run(&webhook, &body, "done").await;
        assert_eq!(
            (&task.data["slug"], &task.data["total"]),
            (&json!("two-chairs"), &json!(43))
        );
        server.cli_json::<Value>(&["step", "delete", name]);
    }
}

/// A JSON block is a document, one a line, or the members of one.
fn documents_of(text: &str) -> Result<(), String> {
    let whole = |text: &str| serde_json::from_str::<Value>(text);
    if whole(text).is_ok() || text.lines().all(|line| whole(line).is_ok()) {
        return Ok(());
    }
    whole(&format!("{{{text}}}"))
        .map(drop)
        .map_err(|error| error.to_string())
}

#[test]
fn json_is_json() {
    let mut blocks = of(&[
        "json",
        "json condition",
        "json matches",
        "json differs",
        "json refused",
    ]);
    let plain = of(&[""]);
    blocks.extend(
        plain
            .into_iter()
            .filter(|block| block.text.starts_with('{')),
    );
    for block in blocks {
        documents_of(&block.text).unwrap_or_else(|error| panic!("{}: {error}", block.at));
    }
    assert!(documents_of("{\"a\": }").is_err() && documents_of("\"a\": 1,").is_err());
}

#[test]
fn manifests_are_manifests() {
    for block in of(&["yaml"]) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("steps")).unwrap();
        fs::write(folder.path().join("crm.wasm"), "").unwrap();
        let file = folder.path().join("deploy.yaml");
        fs::write(&file, &block.text).unwrap();
        let vars = |name: &str| (name == "CRM_TOKEN").then(|| "x".into());
        if let Err(error) = stepwell::deploy::manifest::Manifest::read(&file, &vars) {
            panic!("{}: {error}", block.at);
        }
    }
}

/// The crate that the SDK's README describes is the one that `step new` makes.
#[test]
fn the_cargo_manifest_is_that_of_step_new() {
    let made =
        fs::read_to_string(repository().join("host/src/cli/scaffold/Cargo.toml.in")).unwrap();
    for block in of(&["toml"]) {
        let lines = block
            .text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines.filter(|line| !line.contains("path =")) {
            assert!(
                made.lines().any(|other| other == line),
                "{}: {line}",
                block.at
            );
        }
    }
}
