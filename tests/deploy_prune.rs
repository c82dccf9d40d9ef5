//! What `stepwell deploy --prune` deletes, and what it never does.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::Server;
use crate::support::project::{Project, marks};
use crate::support::ran::{Ran, cli};
use crate::support::receiver::Reply;
use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::report::{DeployReport, KeptItem};

const FULL: &str = "workspaces:
- name: sales
  webhooks: [{name: Form}]
  steps: [{name: one, file: one.wasm}, {name: two, file: one.wasm}]
  config: {REGION: eu, ZONE: a}
  secrets: [{name: CRM_TOKEN, value: s3cret}]
  connectors: [{name: slackCom, kind: slack.com, config: {token: t}}]
  schedules: [{name: daily, cron: '@daily'}, {name: hourly, cron: '@hourly'}]
";

fn full() -> Project {
    let project = Project::new(FULL);
    project.guest("noop", "one.wasm");
    project
}

/// What the workspace has, as `kind name`.
async fn there(server: &Server, workspace: &str) -> Vec<String> {
    let mut there = Vec::new();
    for (noun, key) in [
        ("config", "key"),
        ("connectors", "name"),
        ("schedules", "name"),
        ("steps", "name"),
        ("webhooks", "name"),
    ] {
        let path = format!("/workspaces/{workspace}/{noun}");
        let (_, found) = server.api(Method::GET, &path, None).await;
        let all = found[noun].as_array().unwrap();
        there.extend(
            all.iter()
                .map(|one| format!("{noun} {}", one[key].as_str().unwrap())),
        );
    }
    there
}

async fn deleted(
    server: &Server,
    project: &Project,
    manifest: &str,
    flags: &[&str],
) -> Vec<String> {
    let before = there(server, "sales").await;
    project.write("deploy.yaml", manifest);
    let dry = project.deploy(server, &[flags, &["--dry-run"]].concat());
    assert_eq!(there(server, "sales").await, before);
    let ran = project.deploy(server, flags);
    ran.ok();
    assert_eq!(marks(&dry), marks(&ran));
    let after = there(server, "sales").await;
    before
        .into_iter()
        .filter(|one| !after.contains(one))
        .collect()
}

#[tokio::test]
async fn a_kind_that_the_manifest_does_not_name_is_left_alone() {
    let server = Server::start().await;
    let project = full();
    project.deploy(&server, &[]).ok();
    let only = |rest: &str| format!("workspaces:\n- name: sales\n{rest}");
    let step = only("  steps: [{name: one, file: one.wasm}]\n");
    let all = "--prune=steps,schedules,config,connectors";
    // Nothing is named, or only what is empty to be filled in later.
    for rest in ["", "  steps:\n  config:\n  secrets:\n", "  webhooks: []\n"] {
        let gone = deleted(&server, &project, &only(rest), &[all, "--yes"]).await;
        assert_eq!(gone, [""; 0], "{rest}");
    }
    assert_eq!(deleted(&server, &project, &step, &[]).await, [""; 0]);
    let gone = deleted(&server, &project, &step, &["--prune"]).await;
    assert_eq!(gone, ["steps two"]);
    let config = only("  config: {REGION: eu}\n");
    assert_eq!(
        deleted(&server, &project, &config, &["--prune"]).await,
        [""; 0]
    );
    let gone = deleted(&server, &project, &config, &["--prune=config", "--yes"]).await;
    assert_eq!(gone, ["config CRM_TOKEN", "config ZONE"]);
    let gone = deleted(
        &server,
        &project,
        &only("  schedules: [{name: daily, cron: '@daily'}]\n"),
        &["--prune"],
    )
    .await;
    assert_eq!(gone, ["schedules hourly"]);
    // An empty list says that there is to be none.
    let none = only("  steps: []\n  schedules: []\n  connectors: []\n  config: {}\n");
    let gone = deleted(
        &server,
        &project,
        &none,
        &["--prune", "--prune=config,connectors", "--yes"],
    )
    .await;
    assert_eq!(
        gone,
        [
            "config REGION",
            "connectors slackCom",
            "schedules daily",
            "steps one"
        ]
    );
    assert_eq!(there(&server, "sales").await, ["webhooks Form"]);
}

#[tokio::test]
async fn secrets_are_deleted_by_name_and_after_a_question_only() {
    let server = Server::start().await;
    let project = full();
    project.deploy(&server, &[]).ok();
    let before = there(&server, "sales").await;
    // Without a step either: nothing is sent before the question is answered.
    project.write("deploy.yaml", "workspaces:\n- name: sales\n  failureUrl: https://h.example/\n  steps: []\n  config: {REGION: us}\n  connectors: []\n");
    let (code, message) = project
        .deploy(&server, &["--prune=config", "--json"])
        .refusal(2);
    assert_eq!(code, "not-confirmed");
    assert!(
        message.contains("config CRM_TOKEN of sales, config ZONE of sales"),
        "{message}"
    );
    assert!(
        message.contains("nothing was sent") && message.contains("--yes"),
        "{message}"
    );
    let piped = project.deploy(&server, &["--prune=steps,secrets,connectors"]);
    assert_eq!((piped.code, piped.stdout.as_str()), (Some(2), ""));
    assert!(
        piped
            .stderr
            .contains("connector slackCom of sales, config CRM_TOKEN"),
        "{piped:?}"
    );
    assert_eq!(there(&server, "sales").await, before);
    let shown: Value = server.cli_json(&["workspace", "list"]);
    assert!(!shown.to_string().contains("h.example"));
    let sure = project.deploy(&server, &["--prune=config", "--yes"]);
    assert!(
        marks(&sure).ends_with(&["- config CRM_TOKEN".into(), "- config ZONE".into()]),
        "{sure:?}"
    );
    assert_eq!(there(&server, "sales").await.len(), before.len() - 2);
}

#[tokio::test]
async fn kinds_that_cannot_be_pruned_are_refused() {
    let server = Server::start().await;
    let project = full();
    for (flag, part) in [
        ("--prune=webhooks", "its URL"),
        ("--prune=step", "use steps, schedules"),
        ("--prune=all", "use steps, schedules"),
        ("--prune=", "use steps, schedules"),
        ("--prune=steps,tasks", "`tasks` is no kind"),
    ] {
        let (code, message) = project.deploy(&server, &[flag, "--json"]).refusal(2);
        assert_eq!(code, "usage");
        assert!(message.contains(part), "{flag}: {message}");
    }
}

#[tokio::test]
async fn what_is_not_in_the_manifest_is_listed() {
    let server = Server::start().await;
    let project = full();
    project.write(
        "deploy.yaml",
        FULL.to_owned() + "- {name: other, config: {A: x, B: x}}\n",
    );
    assert!(
        !project
            .deploy(&server, &[])
            .stderr
            .contains("not in the manifest")
    );
    project.write("deploy.yaml", "workspaces:\n- {name: sales, steps: [{name: one, file: one.wasm}]}\n- {name: other, config: {A: x}}\n");
    let ran = project.deploy(&server, &[]);
    assert!(
        ran.stderr.contains(
            "in sales, and not in the manifest: schedule daily, hourly; step two; webhook Form; \
             connector slackCom; config CRM_TOKEN, REGION, ZONE\nin other, and not in the manifest: config B\n  all of it stays; --prune deletes"
        ),
        "{}", ran.stderr
    );
    assert!(!ran.stderr.contains("s3cret"));
    let DeployReport { kept, .. } = project.deploy(&server, &["--json", "--prune"]).read();
    let stays = KeptItem {
        kind: "config".into(),
        workspace: "other".into(),
        name: "B".into(),
    };
    assert!(kept.contains(&stays), "{kept:?}");
    assert!(!kept.iter().any(|item| item.name == "two"), "{kept:?}");
    // Of many names the number is printed.
    for key in 0..14 {
        cli(
            &server,
            &[
                "config",
                "set",
                &format!("K{key:02}"),
                "x",
                "--workspace",
                "other",
            ],
        )
        .ok();
    }
    let ran = project.deploy(&server, &["--prune"]);
    assert!(
        ran.stderr
            .contains("config B, K00, K01, K02, K03, K04, K05, K06, K07, K08, 5 more\n"),
        "{}",
        ran.stderr
    );
}

/// A step under a new name that the server refuses: the one under the former name goes on.
#[tokio::test]
async fn nothing_is_deleted_of_a_kind_of_which_something_failed() {
    let server = Server::start().await;
    let project = full();
    project.deploy(&server, &[]).ok();
    project.write("bad.wasm", "no component");
    project.write(
        "deploy.yaml",
        "workspaces:\n- name: sales\n  steps: [{name: new, file: bad.wasm}]\n  schedules: []\n",
    );
    let ran = project.deploy(&server, &["--prune"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout
            .contains("! step       one  not deleted, because another step failed"),
        "{}",
        ran.stdout
    );
    let there = there(&server, "sales").await;
    assert!(
        there.contains(&"steps two".to_owned()) && !there.contains(&"schedules daily".to_owned())
    );
}

/// The question needs a terminal, which `script` of util-linux makes.
#[tokio::test]
async fn a_terminal_is_asked() {
    let server = Server::start().await;
    let project = full();
    project.deploy(&server, &[]).ok();
    project.write(
        "deploy.yaml",
        "workspaces:\n- {name: sales, config: {REGION: eu, ZONE: a}}\n",
    );
    let binary = env!("CARGO_BIN_EXE_stepwell");
    let line = format!(
        "{binary} deploy {} --prune=config",
        project.at("deploy.yaml").display()
    );
    let answer = |answer: &str| {
        let mut script = std::process::Command::new("sh");
        script
            .env("STEPWELL_DATA_DIR", server.data_dir())
            .env("NO_COLOR", "1");
        script.args([
            "-c",
            &format!("printf '{answer}\\n' | script -qec '{line}' /dev/null"),
        ]);
        Ran::of(&mut script)
    };
    let no = answer("n");
    assert!(
        no.stdout.contains("  config CRM_TOKEN of sales") && no.stdout.contains("nothing was sent"),
        "{no:?}"
    );
    assert_eq!(
        there(&server, "sales")
            .await
            .iter()
            .filter(|one| one.starts_with("config"))
            .count(),
        3
    );
    let yes = answer("yes");
    assert!(yes.stdout.contains("- config     CRM_TOKEN"), "{yes:?}");
    assert_eq!(
        there(&server, "sales")
            .await
            .iter()
            .filter(|one| one.starts_with("config"))
            .count(),
        2
    );
}

/// A list that cannot be had ends the command before anything is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_deletes_nothing() {
    let server = crate::support::project::played().await;
    let at = "/api/v1/workspaces/sales";
    server.reply(
        &format!("{at}/config"),
        Reply::json(200, &json!({"config": []})),
    );
    server.reply(
        &format!("{at}/webhooks"),
        Reply::json(200, &json!({"webhooks": []})),
    );
    let damaged = json!({"code": "internal", "detail": "the disk is gone"});
    server.reply(&format!("{at}/steps"), Reply::json(500, &damaged));
    let project = full();
    let ran = crate::support::project::deploy_to(&server, &project, &["--prune"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("the disk is gone"), "{ran:?}");
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.path != format!("{at}/steps/one"))
    );
}
