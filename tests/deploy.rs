//! `stepwell deploy` against the real server: what is created, updated, left alone and deleted.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use support::project::{Project, USUAL, deploy_to, marks, state, with_connectors};
use support::ran::{Ran, command};
use support::{Server, repository};

#[tokio::test]
async fn what_is_missing_is_created_and_a_second_run_changes_nothing() {
    let server = Server::start().await;
    let project = Project::usual();
    let first = project.deploy(&server, &[]);
    first.ok();
    assert_eq!(
        marks(&first),
        [
            "+ workspace sales",
            "+ config REGION",
            "+ config CRM_TOKEN",
            "+ webhook Contact Form",
            "+ step more/two",
            "+ step one",
            "+ step three",
        ]
    );
    assert_eq!(first.stderr, "7 created, 0 unchanged\n");
    let before = state(&server, "sales").await;
    let steps = before["steps"]["steps"].as_array().unwrap();
    let limits = &steps.iter().find(|step| step["name"] == "three").unwrap()["limits"];
    assert_eq!(
        *limits,
        json!({"fuel": 5_000_000, "memory": 8 << 20, "timeout_ms": 1_500})
    );
    // The URL is a secret, and the one thing that the operator still needs.
    let url = before["webhooks"]["webhooks"][0]["url"].as_str().unwrap();
    assert!(first.stdout.contains(&format!("Contact Form  {url}\n")));

    let second = project.deploy(&server, &[]);
    second.ok();
    assert!(
        second.stdout.lines().count() == 7
            && second.stdout.lines().all(|line| line.starts_with("= ")),
        "{}",
        second.stdout
    );
    assert!(!second.stdout.contains("/event/"), "{}", second.stdout);
    assert_eq!(state(&server, "sales").await, before);
}

#[tokio::test]
async fn only_what_differs_is_updated() {
    let server = Server::start().await;
    let project = Project::usual();
    project.deploy(&server, &[]).ok();
    let before = state(&server, "sales").await;
    project.guest("noop", "steps/one.wasm");
    let changed = USUAL
        .replace("${CRM_TOKEN:-demo}", "s3cret")
        .replace("file: steps/one.wasm", "file: steps/more/two.wasm")
        .replace("fuel: 5M", "fuel: 6M");
    project.write("deploy.yaml", &changed);
    let ran = project.deploy(&server, &[]);
    ran.ok();
    assert_eq!(
        marks(&ran),
        [
            "= workspace sales",
            "= config REGION",
            "~ config CRM_TOKEN",
            "= webhook Contact Form",
            "= step more/two",
            "~ step one",
            "~ step three",
        ]
    );
    assert!(!format!("{ran:?}").contains("s3cret"));
    let after = state(&server, "sales").await;
    let digest = |state: &BTreeMap<_, Value>, name| {
        let steps = state["steps"]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        (step["digest"].clone(), step["updated"].clone())
    };
    let (old, new) = (digest(&before, "one").0, digest(&after, "one").0);
    let arrow = format!(
        "{} → {}",
        &old.as_str().unwrap()[..12],
        &new.as_str().unwrap()[..12]
    );
    assert!(ran.stdout.contains(&arrow), "{}", ran.stdout);
    assert_eq!(digest(&before, "more/two"), digest(&after, "more/two"));

    // The same component with other limits is another step.
    project.write("deploy.yaml", changed.replace("fuel: 6M", "fuel: 7M"));
    let ran = project.deploy(&server, &["--json"]).json();
    let updated: Vec<&Value> = ran["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["action"] != "none")
        .collect();
    assert_eq!(updated.len(), 1);
    assert_eq!(updated[0]["name"], "three");
    assert_eq!(updated[0]["digest"], updated[0]["old_digest"]);
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_foretells_everything() {
    let server = Server::start().await;
    let project = Project::usual();
    let workspaces = server.api(Method::GET, "/workspaces", None).await;
    let dry = project.deploy(&server, &["--dry-run"]);
    dry.ok();
    assert_eq!(dry.stderr, "7 to create, 0 unchanged\n");
    assert_eq!(
        server.api(Method::GET, "/workspaces", None).await,
        workspaces
    );
    let real = project.deploy(&server, &[]);
    assert_eq!(marks(&dry), marks(&real));

    let before = state(&server, "sales").await;
    project.write("deploy.yaml", USUAL.replace("REGION: eu", "REGION: us"));
    project.guest("noop", "steps/one.wasm");
    fs::remove_file(project.at("steps/more/two.wasm")).unwrap();
    let dry = project.deploy(&server, &["--dry-run", "--prune"]);
    dry.ok();
    assert_eq!(dry.stderr, "3 to update, 1 to delete, 3 unchanged\n");
    assert_eq!(state(&server, "sales").await, before);
    let real = project.deploy(&server, &["--prune"]);
    assert_eq!(dry.stdout, real.stdout);
}

#[tokio::test]
async fn only_pruning_deletes_and_never_a_webhook() {
    let server = Server::start().await;
    let project = Project::usual();
    project.deploy(&server, &[]).ok();
    project.write(
        "deploy.yaml",
        "workspaces: [{name: sales, steps: [{name: one, file: steps/one.wasm}]}]",
    );
    let kept = project.deploy(&server, &[]);
    assert_eq!(marks(&kept), ["= workspace sales", "= step one"]);
    let pruned = project.deploy(&server, &["--prune"]);
    pruned.ok();
    assert_eq!(
        marks(&pruned),
        [
            "= workspace sales",
            "= step one",
            "- config CRM_TOKEN",
            "- config REGION",
            "- step more/two",
            "- step three",
        ]
    );
    let after = state(&server, "sales").await;
    assert_eq!(after["steps"]["steps"].as_array().unwrap().len(), 1);
    assert_eq!(after["config"], json!({"config": []}));
    assert_eq!(after["webhooks"]["webhooks"][0]["name"], "Contact Form");
}

#[tokio::test]
async fn the_environment_fills_in() {
    let server = Server::start().await;
    let project = Project::usual();
    project.deploy(&server, &[]).ok();
    let manifest = project.at("deploy.yaml");
    let words = ["deploy", manifest.to_str().unwrap()];
    let with = |value: &str| Ran::of(command(&server, &words).env("CRM_TOKEN", value));
    assert!(marks(&with("s3cret")).contains(&"~ config CRM_TOKEN".to_owned()));
    assert!(marks(&with("s3cret")).contains(&"= config CRM_TOKEN".to_owned()));
    // As in a shell, an empty variable is as good as none.
    assert!(marks(&with("")).contains(&"~ config CRM_TOKEN".to_owned()));
    assert!(marks(&project.deploy(&server, &[])).contains(&"= config CRM_TOKEN".to_owned()));
}

/// The folder of the examples, of which each crate is built, and the case of one of them.
#[tokio::test]
async fn the_examples_are_deployed_by_their_manifest() {
    let server = Server::start().await;
    let manifest = repository().join("examples/deploy.yaml");
    let words = ["deploy", manifest.to_str().unwrap(), "--json"];
    let run = || {
        Ran::of(
            command(&server, &words)
                .env("CARGO_TARGET_DIR", repository().join("target/guests"))
                .env_remove("RUSTFLAGS"),
        )
    };
    let first = run().json();
    let items = first["items"].as_array().unwrap();
    let named = |kind: &str| items.iter().filter(|item| item["kind"] == kind).count();
    assert_eq!(
        (named("step"), named("webhook"), named("config")),
        (9, 5, 10)
    );
    let form = items
        .iter()
        .find(|item| item["name"] == "Contact Form")
        .unwrap();
    let lead = json!({"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "company": "A", "message": "hello"});
    let task = server
        .run(form["url"].as_str().unwrap(), &lead, "done")
        .await;
    assert_eq!(task["data"]["contact"]["fullName"], "Ada Lovelace");
    let second = run().json();
    let items = second["items"].as_array().unwrap();
    assert!(
        items.iter().all(|item| item["action"] == "none"),
        "{second:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_sent_and_the_server_tells_what_changed() {
    let server = with_connectors().await;
    let project = Project::new(
        r#"workspaces:
  - name: sales
    config: {REGION: eu}
    connectors:
      - {name: crm, kind: crm.com, config: {token: s3cret}}
      - {connectorName: slack.com, namespace: slack}
      - {name: new, kind: new.com}
"#,
    );
    let dry = deploy_to(&server, &project, &["--dry-run"]);
    assert_eq!(
        marks(&dry),
        [
            "= workspace sales",
            "+ config REGION",
            "~ connector crm",
            "~ connector slack",
            "+ connector new"
        ]
    );
    assert!(dry.stdout.contains("the server tells whether it changes"));
    assert!(server.seen().iter().all(|seen| seen.method == Method::GET));
    let real = deploy_to(&server, &project, &[]);
    assert_eq!(
        marks(&real),
        [
            "= workspace sales",
            "+ config REGION",
            "~ connector crm",
            "= connector slack",
            "+ connector new"
        ]
    );
    assert!(!real.stdout.contains("the server tells") && !real.stdout.contains("s3cret"));
    let seen = server.seen();
    let sent: Vec<_> = seen
        .iter()
        .filter(|seen| seen.method == Method::PUT)
        .collect();
    assert_eq!(sent[1].path, "/api/v1/workspaces/sales/connectors/crm");
    assert_eq!(
        sent[1].json(),
        json!({"kind": "crm.com", "config": {"token": "s3cret"}})
    );
    assert_eq!(sent[2].json(), json!({"kind": "slack.com", "config": {}}));
}

/// The blocks of a language in the document on deploying.
fn blocks(language: &str) -> Vec<String> {
    let text = fs::read_to_string(repository().join("docs/deploy.md")).unwrap();
    let start = format!("```{language}\n");
    let parts = text.split(&start).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_document_keeps_its_word() {
    let server = Server::start().await;
    let project = Project::new(&blocks("yaml")[0]);
    project.guest("five-sets", "crm.wasm");
    project.guest("noop", "steps/greet.wasm");
    let manifest = project.at("deploy.yaml");
    let words = ["deploy", manifest.to_str().unwrap()];
    let ran = Ran::of(
        command(&server, &words)
            .env("CRM_TOKEN", "x")
            .env_remove("REGION"),
    );
    ran.ok();
    let [shown, wrong] = &blocks("text")[..] else {
        panic!("two transcripts");
    };
    let (_, shown) = shown.split_once('\n').unwrap();
    let (shown, summary) = shown.trim_end().rsplit_once('\n').unwrap();
    let mut as_shown = Ran::of(&mut command(&server, &["--version"]));
    as_shown.stdout = shown.to_owned();
    assert_eq!(marks(&as_shown), marks(&ran));
    assert_eq!(ran.stderr, format!("{summary}\n"));

    project.write(
        "deploy.yaml",
        "workspaces:\n  - name: sales\n    webhooks:\n      - {nam: x, name: y}\n    config:\n      CRM_TOKEN: ${CRM_TOKEN}\n",
    );
    let ran = project.deploy(&server, &[]);
    let folder = format!("{}/", project.0.path().display());
    assert_eq!(ran.stderr.replace(&folder, ""), *wrong);
}
