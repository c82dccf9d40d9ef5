//! `stepwell deploy` against the real server: what is created, updated, left alone and deleted.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use crate::support::project::{Project, State, USUAL, marks, state};
use crate::support::ran::{Ran, cli, command};
use crate::support::{Answer, Server, accepted_task, repository, typed};
use reqwest::Method;
use serde_json::json;
use stepwell_api::report::{DeployAction, DeployReport};
use stepwell_api::{Connectors, Limits, Step, Task, Webhook};

/// How to look into a workspace that commands are not about anyway.
const LOOK: &str = "look into sales: stepwell task list --workspace sales
  `stepwell workspace use sales` makes it the one that commands are about
";

/// A step of a workspace's state.
fn step_of<'a>(state: &'a State, name: &str) -> &'a Step {
    let mut steps = state.steps.steps.iter();
    steps.find(|step| step.name == name).unwrap()
}

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
    assert_eq!(first.stderr, format!("7 created, 0 unchanged\n{LOOK}"));
    let before = state(&server, "sales").await;
    let limits = Limits {
        fuel: 5_000_000,
        memory: 8 << 20,
        timeout_ms: 1_500,
    };
    assert_eq!(step_of(&before, "three").limits, limits);
    // The URL is a secret, and the one thing that the operator still needs.
    let url = &before.webhooks.webhooks[0].url;
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
    let (old, new) = (step_of(&before, "one"), step_of(&after, "one"));
    let arrow = format!("{} → {}", &old.digest[..12], &new.digest[..12]);
    assert!(ran.stdout.contains(&arrow), "{}", ran.stdout);
    let (old, new) = (step_of(&before, "more/two"), step_of(&after, "more/two"));
    assert_eq!((&old.digest, &old.updated), (&new.digest, &new.updated));

    // The same component with other limits is another step.
    project.write("deploy.yaml", changed.replace("fuel: 6M", "fuel: 7M"));
    let DeployReport { mut items, .. } = project.deploy(&server, &["--json"]).read();
    items.retain(|item| item.action != DeployAction::None);
    let [updated] = &items[..] else {
        panic!("{items:?}");
    };
    assert_eq!(updated.name, "three");
    assert!(updated.digest.is_some() && updated.digest == updated.old_digest);
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
    let DeployReport { items, .. } = run().read();
    let named = |kind: &str| items.iter().filter(|item| item.kind == kind).count();
    assert_eq!(
        (named("step"), named("webhook"), named("config")),
        (9, 5, 10)
    );
    let form = items
        .iter()
        .find(|item| item.name == "Contact Form")
        .unwrap();
    let lead = json!({"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "company": "A", "message": "hello"});
    let task = server.run(form.url.as_ref().unwrap(), &lead, "done").await;
    assert_eq!(task.data["contact"]["fullName"], "Ada Lovelace");
    let DeployReport { items, .. } = run().read();
    assert!(
        items.iter().all(|item| item.action == DeployAction::None),
        "{items:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_compared_by_the_server_and_never_shown() {
    let server = Server::start().await;
    let manifest = |token: &str, kind: &str| {
        format!(
            "workspaces:\n- name: default\n  connectors:\n  - {{name: slackCom, kind: slack.com, config: {{token: {token}}}}}\n  - {{connectorName: {kind}, namespace: ops, config: {{token: t}}}}\n"
        )
    };
    let project = Project::new(&manifest("s3cret", "slack.com"));
    let marks_of = |flags: &[&str]| marks(&project.deploy(&server, flags));
    let both = |mark: char| ["slackCom", "ops"].map(|name| format!("{mark} connector {name}"));
    assert_eq!(marks_of(&["--dry-run"])[1..], both('+'));
    let listed: Connectors = server.cli_json(&["connector", "list"]);
    assert!(listed.connectors.is_empty());
    assert_eq!(marks_of(&[])[1..], both('+'));
    assert_eq!(marks_of(&[])[1..], both('='));
    project.write("deploy.yaml", manifest("other", "slack.com"));
    let changed = ["~ connector slackCom", "= connector ops"];
    assert_eq!(marks_of(&["--dry-run"])[1..], changed);
    assert_eq!(marks_of(&[])[1..], changed);
    assert_eq!(marks_of(&[])[1..], both('='));
    project.write("deploy.yaml", manifest("third", "smtp.com"));
    let ran = project.deploy(&server, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("no connector of the kind `smtp.com`"),
        "{}",
        ran.stdout
    );
    for secret in ["s3cret", "other", "third"] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
    }
}

#[tokio::test]
async fn a_webhooks_correlation_is_deployed_and_its_url_stays() {
    let server = Server::start().await;
    let manifest =
        |webhook: &str| format!("workspaces:\n- name: default\n  webhooks: [{webhook}]\n");
    let project = Project::new(&manifest("{name: Paid, correlate: /order/taskId}"));
    let run = || marks(&project.deploy(&server, &[]))[1].clone();
    let paid = || server.cli_json::<Webhook>(&["webhook", "show", "Paid"]);
    assert_eq!(run(), "+ webhook Paid");
    let added = paid();
    assert_eq!(added.correlate.as_deref(), Some("/order/taskId"));
    assert_eq!(run(), "= webhook Paid");
    project.write("deploy.yaml", manifest("{name: Paid}"));
    assert_eq!(run(), "~ webhook Paid");
    assert_eq!(run(), "= webhook Paid");
    let changed = paid();
    assert_eq!((changed.correlate, changed.url), (None, added.url));
    project.write("deploy.yaml", manifest("{name: Paid, correlate: order}"));
    let ran = project.deploy(&server, &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("workspaces[0].webhooks[0].correlate")
            && ran.stderr.contains("RFC 6901"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_scripts_is_deployed_with_what_it_imports() {
    let server = Server::start().await;
    let project = Project::new(
        "workspaces:\n- name: Sales Automation\n  webhooks: [{name: Form}]\n  steps: [{syncPath: steps/}]\n",
    );
    let step = "import { shout } from '../lib/text.js';\n\
        export const condition = { name: String };\n\
        export const content = async () => { data.loud = shout(data.name) + lib.text.mark(); };\n";
    project.write("steps/greet.js", step);
    project.write("steps/helper.js", "export const nothing = 1;\n");
    project.write(
        "steps/typed.ts",
        "export const condition = { loud: String };\nexport const content = (): void => { data.size = (data.loud as string).length; };\n",
    );
    project.write(
        "lib/text.js",
        "export const shout = (text) => text.toUpperCase();\nexport const mark = () => '!';\n",
    );
    let first = project.deploy(&server, &[]);
    assert_eq!(
        marks(&first),
        [
            "+ workspace sales-automation",
            "+ webhook Form",
            "+ step greet",
            "+ step typed"
        ]
    );
    assert!(
        first
            .stderr
            .contains("`Sales Automation` is called `sales-automation`")
    );
    let second = project.deploy(&server, &[]);
    assert!(marks(&second).iter().all(|line| line.starts_with('=')));
    let url = first
        .stdout
        .lines()
        .find_map(|line| line.split_once("Form  "));
    let (status, answer) = server
        .send(
            url.unwrap().1.trim(),
            "application/json",
            r#"{"name":"ada"}"#,
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    let id = &accepted_task(&answer);
    let shown = loop {
        let shown = server.cli_json(&["task", "show", id, "--workspace", "sales-automation"]);
        let shown = Answer::<Task>::of(shown);
        if shown.state.is_final() {
            break shown;
        }
    };
    assert_eq!(shown.data["loud"], "ADA!", "{shown:#}");
    assert_eq!(shown.data["size"], 4);
    // A change of what is imported is a change of the step.
    project.write(
        "lib/text.js",
        "export const shout = (t) => t;\nexport const mark = () => '?';\n",
    );
    assert_eq!(
        marks(&project.deploy(&server, &[]))[2..],
        ["~ step greet", "= step typed"]
    );
    project.write(
        "steps/greet.js",
        "export const condition = {};\nexport const content = ( => {};\n",
    );
    let broken = project.deploy(&server, &[]);
    assert_eq!(broken.code, Some(1));
    assert!(
        broken.stdout.contains("steps/greet.js:2:"),
        "{}",
        broken.stdout
    );
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
    let (shown, summary) = shown.trim_end().split_once("\n6 ").unwrap();
    let mut as_shown = Ran::of(&mut command(&server, &["--version"]));
    as_shown.stdout = shown.to_owned();
    assert_eq!(marks(&as_shown), marks(&ran));
    assert_eq!(ran.stderr, format!("6 {summary}\n"));

    project.write(
        "deploy.yaml",
        "workspaces:\n  - name: sales\n    webhooks:\n      - {nam: x, name: y}\n    config:\n      CRM_TOKEN: ${CRM_TOKEN}\n",
    );
    let ran = project.deploy(&server, &[]);
    let folder = format!("{}/", project.0.path().display());
    assert_eq!(ran.stderr.replace(&folder, ""), *wrong);
}

/// What a source is does not hang on the command that reads it, nor on the folder that it is read from.
#[tokio::test]
async fn one_source_has_one_digest_by_step_add_and_by_deploy() {
    let server = Server::start().await;
    let project = Project::new(
        "workspaces:\n- name: default\n  steps: [{syncPath: steps/}, {name: also, file: steps/forms/form.js}]\n",
    );
    project.guest("noop", "steps/part.wasm");
    project.write(
        "steps/forms/form.js",
        "import { mark } from './parts/mark.js';\nexport const condition = { a: String };\nexport const content = () => { data.mark = mark; };\n",
    );
    project.write("steps/forms/parts/mark.js", "export const mark = 1;\n");
    let add = |file: &str, name: &str| {
        let path = project.at(file);
        let added = cli(
            &server,
            &[
                "step",
                "add",
                path.to_str().unwrap(),
                "--name",
                name,
                "--json",
            ],
        );
        typed::<Step>(&added.json()).digest
    };
    add("steps/part.wasm", "part");
    let form = add("steps/forms/form.js", "forms/form");
    assert_eq!(form, add("steps/forms/form.js", "also"));
    let deployed = project.deploy(&server, &[]);
    deployed.ok();
    assert_eq!(
        marks(&deployed)[1..],
        ["= step also", "= step forms/form", "= step part"],
        "{deployed:?}"
    );
}
