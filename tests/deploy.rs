//! `stepwell deploy` against the real server: what is created, what is left alone, what is refused
//! before anything is sent, and what one failure leaves undone.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use support::ran::{Ran, command};
use support::{Server, guest, repository};
use tempfile::TempDir;

/// A folder with a manifest, and what it names.
struct Project(TempDir);

impl Project {
    fn new(manifest: &str) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.write("deploy.yaml", manifest);
        project
    }

    /// The steps `one` and `two`, a webhook and config.
    fn usual() -> Self {
        let project = Self::new(USUAL);
        project.guest("five-sets", "steps/one.wasm");
        project.guest("noop", "steps/more/two.wasm");
        project
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    fn guest(&self, name: &str, path: &str) {
        self.write(path, fs::read(guest(name)).unwrap());
    }

    fn deploy(&self, server: &Server, flags: &[&str]) -> Ran {
        deploy(server, &self.at("deploy.yaml"), flags)
    }
}

const USUAL: &str = r#"
workspaces:
  - name: sales
    webhooks:
      - name: Contact Form
    steps:
      - syncPath: steps/
      - name: three
        file: steps/one.wasm
        limits: {fuel: 5M, memory: 8MiB, timeout: 1.5s}
    config:
      REGION: eu
    secrets:
      - name: CRM_TOKEN
        value: ${CRM_TOKEN:-demo}
"#;

fn deploy(server: &Server, manifest: &Path, flags: &[&str]) -> Ran {
    let words = [&["deploy", manifest.to_str().unwrap()], flags].concat();
    Ran::of(command(server, &words).env_remove("CRM_TOKEN"))
}

/// The printed lines without digests and URLs.
fn marks(ran: &Ran) -> Vec<String> {
    let lines = ran.stdout.lines();
    lines
        .map(|line| {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let rest = words[2].trim_start();
            let name = rest.split("  ").next().unwrap();
            format!("{} {} {name}", words[0], words[1])
        })
        .collect()
}

/// All that the API tells of a workspace: the times of each thing among it.
async fn state(server: &Server, workspace: &str) -> BTreeMap<&'static str, Value> {
    let mut state = BTreeMap::new();
    for noun in ["webhooks", "steps", "config"] {
        let path = format!("/workspaces/{workspace}/{noun}");
        state.insert(noun, server.api(Method::GET, &path, None).await.1);
    }
    state
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
async fn one_bad_step_does_not_keep_the_good_ones() {
    let server = Server::start().await;
    let project = Project::usual();
    project.deploy(&server, &[]).ok();
    project.write("steps/bad.wasm", "no component");
    project.write("steps/broken/Cargo.toml", "[package]\nname = 1\n");
    project.write("steps/script.js", "export const condition = {}");
    project.guest("noop", "steps/good.wasm");
    fs::remove_file(project.at("steps/more/two.wasm")).unwrap();
    let before = state(&server, "sales").await;

    let ran = project.deploy(&server, &["--json", "--prune"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let items = document["items"].as_array().unwrap();
    let item = |name: &str| items.iter().find(|item| item["name"] == name).unwrap();
    for (name, message) in [
        ("bad", "WebAssembly"),
        ("broken", "cargo cannot read"),
        ("script", "JavaScript steps are not part of this build"),
    ] {
        assert_eq!(item(name)["action"], "failed");
        let error = item(name)["error"].as_str().unwrap();
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(item("good")["action"], "create");
    // A step that cannot be built may be any of those that are there: none is taken away.
    assert!(items.iter().all(|item| item["action"] != "delete"));
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"]["code"], "deploy-failed");

    let after = state(&server, "sales").await;
    let count = |state: &BTreeMap<_, Value>| state["steps"]["steps"].as_array().unwrap().len();
    assert_eq!(count(&after), count(&before) + 1);
    let text = project.deploy(&server, &[]);
    assert_eq!(text.code, Some(1));
    assert!(
        text.stdout.contains("\n! step       bad  ") && text.stderr.contains("3 of 10 failed"),
        "{text:#?}"
    );
}

#[tokio::test]
async fn a_wrong_manifest_is_refused_whole_with_every_place() {
    let server = Server::start().await;
    let project = Project::usual();
    project.write(
        "deploy.yaml",
        "workspaces:\n  - name: sales\n    webhooks:\n      - name: A\n      - name: A\n    config:\n      K: ${STEPWELL_NOT_SET}\n    step: []\n",
    );
    let ran = project.deploy(&server, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    let file = project.at("deploy.yaml");
    let file = file.display();
    assert_eq!(
        ran.stderr,
        format!(
            "error: the manifest is wrong in 3 places; nothing was sent
{file}:5:15: workspaces[0].webhooks[1].name: a webhook `A` is there already, on line 4
{file}:7:10: workspaces[0].config.K: the environment variable STEPWELL_NOT_SET is not set; set it, or give a default: ${{STEPWELL_NOT_SET:-…}}
{file}:8:5: workspaces[0]: unknown key `step`; did you mean `steps`?
"
        )
    );
    let (code, _) = project.deploy(&server, &["--json"]).refusal(2);
    assert_eq!(code, "bad-manifest");
    let (_, workspaces) = server.api(Method::GET, "/workspaces", None).await;
    assert_eq!(workspaces, json!({"workspaces": [{"name": "default"}]}));
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let server = Server::start().await;
    let project = Project::usual();
    let refused = |text: &[u8], expected_code: &str, expected: &str| {
        project.write("deploy.yaml", text);
        let (code, message) = project.deploy(&server, &["--json"]).refusal(2);
        assert_eq!(code, expected_code, "{message}");
        assert!(message.contains(expected), "{message}");
    };
    refused(
        b"workspaces:\n  - name: [\n",
        "bad-manifest",
        "deploy.yaml:",
    );
    refused(b"a: b: c\n", "bad-manifest", "deploy.yaml:1:5: not YAML");
    refused(b"\xff\xfe\xfd", "unreadable", "UTF-8");
    refused(
        &b"# \n".repeat(400_000),
        "too-large",
        "larger than 1048576 bytes",
    );
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    refused(bomb.as_bytes(), "bad-manifest", "not YAML");
    let missing = project.at("none.yaml");
    let (code, message) = deploy(&server, &missing, &["--json"]).refusal(2);
    assert_eq!(code, "unreadable");
    assert!(message.contains("none.yaml"), "{message}");

    // Two files that make one step show only once they are found.
    project.write(
        "deploy.yaml",
        "workspaces:\n- name: w\n  steps:\n  - syncPath: steps\n  - {name: one, file: steps/one.wasm}\n  - {name: x, file: deploy.yaml}\n",
    );
    let (_, message) = project.deploy(&server, &["--json"]).refusal(2);
    for part in [
        ":5:5: workspaces[0].steps[1]: two steps are called `one`",
        ":6:5: workspaces[0].steps[2]: `file` must be",
    ] {
        assert!(message.contains(part), "{message}");
    }
    project.write(
        "deploy.yaml",
        "workspaces:\n- name: w\n  connectors:\n  - {name: slack, kind: slack.com, config: {token: x}}\n",
    );
    let (_, message) = project.deploy(&server, &["--json"]).refusal(1);
    assert!(message.contains("this server knows none"), "{message}");
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

#[tokio::test]
async fn without_a_server_nothing_is_built() {
    let mut server = Server::start().await;
    let project = Project::usual();
    project.write("steps/broken/Cargo.toml", "[package]\nname = 1\n");
    server.kill();
    let (code, _) = project.deploy(&server, &["--json"]).refusal(4);
    assert_eq!(code, "unreachable");
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
