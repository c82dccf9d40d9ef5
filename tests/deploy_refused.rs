//! `stepwell deploy` when something is wrong: the manifest, a step, the server.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use crate::support::Server;
use crate::support::project::{Project, deploy, deploy_to, played, state};
use crate::support::receiver::Reply;
use serde_json::json;
use stepwell_api::Workspaces;
use stepwell_api::report::{DeployAction, DeployItem, DeployReport, Failure};

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
    let DeployReport { items, .. } = serde_json::from_str(&ran.stdout).unwrap();
    let item = |name: &str| items.iter().find(|item| item.name == name).unwrap();
    for (name, message) in [
        ("bad", "WebAssembly"),
        ("broken", "cargo cannot read"),
        ("script", "this step has no `content`"),
    ] {
        assert_eq!(item(name).action, DeployAction::Failed);
        let error = item(name).error.as_deref().unwrap();
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(item("good").action, DeployAction::Create);
    // A step that cannot be built may be any of those that are there: none is taken away.
    let is_deleted = |item: &DeployItem| item.action == DeployAction::Delete;
    assert!(!items.iter().any(is_deleted));
    let Failure { error } = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error.code, "deploy-failed");

    let after = state(&server, "sales").await;
    assert_eq!(after.steps.steps.len(), before.steps.steps.len() + 1);
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
    let workspaces = server.get::<Workspaces>("/workspaces").await;
    let [only] = &workspaces.workspaces[..] else {
        panic!("{workspaces}");
    };
    assert_eq!(only.name, "default");
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
    refused(bomb.as_bytes(), "bad-manifest", "what aliases repeat");
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

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_a_failure_is_not_tried_and_the_rest_is() {
    let server = played().await;
    let at = "/api/v1/workspaces";
    let none = Reply::json(200, &json!({"workspaces": []}));
    let full = json!({"code": "limit-reached", "detail": "too many workspaces"});
    server.reply(at, none.clone()).then(at, none);
    server
        .then(at, Reply::json(409, &full))
        .then(at, Reply::json(201, &json!({})));
    let overloaded = json!({"code": "overloaded", "detail": "later"});
    let path = format!("{at}/b/config/K");
    server
        .reply(&path, Reply::json(503, &overloaded))
        .then(&path, Reply::status(204));
    let project = Project::new(
        "workspaces:\n- {name: a, config: {K: x}, webhooks: [{name: A}]}\n- {name: b, config: {K: x}}\n",
    );
    let ran = deploy_to(&server, &project, &[]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.stdout,
        "! workspace  a  too many workspaces
! config     K  not tried: its workspace was not made
! webhook    A  not tried: its workspace was not made
+ workspace  b
+ config     K
"
    );
    let tries = server
        .seen()
        .iter()
        .filter(|seen| seen.path == path)
        .count();
    assert_eq!(tries, 2, "an overloaded server is asked again");
}
