//! Where `stepwell deploy` finds steps, by links too, and what it calls them, as `step add` does.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::fs::symlink;

use crate::support::project::{Project, marks};
use crate::support::ran::{Ran, cli};
use crate::support::{Server, refusal, stepwell, typed};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::report::WorkspaceList;
use stepwell_api::{ConfigKeys, Steps, Workspace};

const FOLDER: &str = "workspaces:\n- name: default\n  steps: [{syncPath: steps/}]\n";

fn script(mark: &str) -> String {
    format!(
        "export const condition = {{ {mark}: String }};\nexport const content = () => {{ data.done = '{mark}'; }};\n"
    )
}

async fn names(server: &Server) -> Vec<String> {
    let found = server.get::<Steps>("/workspaces/default/steps").await;
    found.steps.iter().map(|step| step.name.clone()).collect()
}

#[tokio::test]
async fn a_linked_step_is_taken_and_a_prune_leaves_it() {
    let server = Server::start().await;
    let project = Project::new(FOLDER);
    project.write("steps/a.js", script("a"));
    project.write("shared/util.js", "export const mark = 'b';\n");
    project.write("shared/b.js", "import { mark } from './util.js';\nexport const condition = { b: String };\nexport const content = () => { data.done = mark; };\n");
    symlink("../shared/b.js", project.at("steps/b.js")).unwrap();
    let first = project.deploy(&server, &[]);
    assert_eq!(marks(&first)[1..], ["+ step a", "+ step b"]);
    let again = project.deploy(&server, &["--prune"]);
    again.ok();
    assert_eq!(marks(&again)[1..], ["= step a", "= step b"]);
    // The same through a linked folder, and by `file`.
    symlink("../shared", project.at("steps/more")).unwrap();
    project.write(
        "deploy.yaml",
        FOLDER.replace("}]", "}, {name: c, file: steps/b.js}]"),
    );
    assert_eq!(
        marks(&project.deploy(&server, &["--prune"]))[1..],
        ["= step a", "= step b", "+ step c", "+ step more/b"]
    );
    assert_eq!(names(&server).await.len(), 4);
}

/// The files of a mount are links to links; each update makes another folder and turns one of them.
#[tokio::test]
async fn a_mounted_config_map_is_deployed_and_its_update_changes_what_changed() {
    let server = Server::start().await;
    let project = Project::new("");
    std::fs::remove_file(project.at("deploy.yaml")).unwrap();
    let mount = |folder: &str, b: &str| {
        project.write(&format!("{folder}/deploy.yaml"), FOLDER);
        project.write(&format!("{folder}/steps/a.js"), script("a"));
        project.write(&format!("{folder}/steps/b.js"), b);
        let _ = std::fs::remove_file(project.at("..data"));
        symlink(folder, project.at("..data")).unwrap();
    };
    mount("..2026_11_28_1", &script("b"));
    symlink("..data/deploy.yaml", project.at("deploy.yaml")).unwrap();
    symlink("..data/steps", project.at("steps")).unwrap();
    assert_eq!(
        marks(&project.deploy(&server, &[]))[1..],
        ["+ step a", "+ step b"]
    );
    mount("..2026_11_28_2", &script("b"));
    std::fs::remove_dir_all(project.at("..2026_11_28_1")).unwrap();
    assert_eq!(
        marks(&project.deploy(&server, &["--prune"]))[1..],
        ["= step a", "= step b"]
    );
    mount("..2026_11_28_3", &script("changed"));
    assert_eq!(
        marks(&project.deploy(&server, &["--prune"]))[1..],
        ["= step a", "~ step b"]
    );
    // As it is for a flat mount: each file is a link beside the hidden folders.
    let flat = Project::new(&FOLDER.replace("default", "flat"));
    flat.write("steps/..2026/a.js", script("a"));
    symlink("..2026", flat.at("steps/..data")).unwrap();
    symlink("..data/a.js", flat.at("steps/a.js")).unwrap();
    assert_eq!(
        marks(&flat.deploy(&server, &["--prune"]))[1..],
        ["+ step a"]
    );
}

#[tokio::test]
async fn what_a_scan_cannot_see_is_refused_by_name_and_blocks_the_prune() {
    let server = Server::start().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.js"), script("x")).unwrap();
    type Spoil<'s> = &'s dyn Fn(&Project);
    let cases: [(&str, &str, Spoil<'_>); 6] = [
        (
            "steps/out.js",
            "not below the manifest's folder",
            &|project| {
                symlink(outside.path().join("x.js"), project.at("steps/out.js")).unwrap();
            },
        ),
        ("steps/gone.js", "is a link to nowhere.js", &|project| {
            symlink("nowhere.js", project.at("steps/gone.js")).unwrap();
        }),
        ("steps/loop", "leads back", &|project| {
            symlink(".", project.at("steps/loop")).unwrap();
        }),
        ("steps/pipe.js", "neither a file nor a folder", &|project| {
            let made = std::process::Command::new("mkfifo")
                .arg(project.at("steps/pipe.js"))
                .status();
            assert!(made.unwrap().success());
        }),
        ("deeper than 32", "deeper than 32", &|project| {
            project.write(&format!("steps/{}x.js", "d/".repeat(33)), script("x"));
        }),
        ("\u{fffd}", "rename", &|project| {
            use std::os::unix::ffi::OsStrExt;
            let name = std::ffi::OsStr::from_bytes(b"caf\xe9.js");
            std::fs::write(project.at("steps").join(name), script("x")).unwrap();
        }),
    ];
    for (message, reason, spoil) in cases {
        let project = Project::new(FOLDER);
        project.write("steps/a.js", script("a"));
        project.write("steps/b.js", script("b"));
        assert_eq!(project.deploy(&server, &[]).code, Some(0));
        std::fs::remove_file(project.at("steps/b.js")).unwrap();
        spoil(&project);
        let ran = project.deploy(&server, &["--prune"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.stdout.contains(message) && ran.stdout.contains(reason),
            "{reason}: {ran:?}"
        );
        assert!(
            ran.stderr.contains("no step of default is deleted"),
            "{ran:?}"
        );
        assert_eq!(names(&server).await, ["a", "b"], "{reason}");
    }
}

#[tokio::test]
async fn a_file_has_one_name_by_every_way_in() {
    let server = Server::start().await;
    let project = Project::new(FOLDER);
    let two = format!("{}{}", script("one"), script("two"));
    for (file, text) in [
        ("SendMail.js", script("m")),
        ("Send_sms.mts", script("s")),
        ("Lead.js", two),
    ] {
        project.write(&format!("steps/{file}"), text);
        let file = project.at("steps").join(file);
        let added = cli(&server, &["step", "add", file.to_str().unwrap()]);
        added.ok();
        assert!(
            added
                .stderr
                .contains(&format!("note: {} is the step ", file.display())),
            "{added:?}"
        );
    }
    project.guest("noop", "steps/Audit_Log.wasm");
    cli(
        &server,
        &[
            "step",
            "add",
            project.at("steps/Audit_Log.wasm").to_str().unwrap(),
        ],
    )
    .ok();
    let added = ["audit-log", "lead-1", "lead-2", "send-sms", "sendmail"];
    assert_eq!(names(&server).await, added);
    let ran = project.deploy(&server, &[]);
    ran.ok();
    assert_eq!(names(&server).await, added);
    assert!(
        ran.stderr
            .contains("note: steps/SendMail.js is the step sendmail\n"),
        "{ran:?}"
    );
    assert_eq!(ran.stdout.matches("\n+ step").count(), 0, "{ran:?}");
    // And the other way round.
    cli(
        &server,
        &[
            "step",
            "add",
            project.at("steps/SendMail.js").to_str().unwrap(),
        ],
    )
    .ok();
    assert_eq!(names(&server).await, added);
}

/// What a server has from before there was one rule.
#[tokio::test]
async fn a_step_that_is_there_keeps_its_name() {
    let server = Server::start().await;
    server.script("SendMail", &script("m")).await;
    let nested = Project::new("");
    nested.write("s.js", script("s"));
    let file = nested.at("s.js");
    let words = [
        "step",
        "add",
        file.to_str().unwrap(),
        "--name",
        "Orders/My-Step",
    ];
    cli(&server, &words).ok();
    let project = Project::new(FOLDER);
    project.write("steps/SendMail.js", script("m"));
    project.write("steps/Orders/My_Step.js", script("s"));
    let ran = project.deploy(&server, &["--prune"]);
    assert_eq!(
        marks(&ran)[1..],
        ["~ step Orders/My-Step", "= step SendMail"],
        "a file of another name is another step's source, the same file is the same"
    );
    assert!(
        ran.stderr
            .contains("steps/SendMail.js is the step SendMail, which is there under that name"),
        "{ran:?}"
    );
    let second = project.deploy(&server, &["--prune"]);
    assert_eq!(
        marks(&second)[1..],
        ["= step Orders/My-Step", "= step SendMail"]
    );
    let file = project.at("steps/SendMail.js");
    let added = cli(&server, &["step", "add", file.to_str().unwrap()]);
    assert!(added.ok().contains("step       SendMail"), "{added:?}");
    assert_eq!(names(&server).await, ["Orders/My-Step", "SendMail"]);
    // A name that is given is taken as it is.
    cli(
        &server,
        &["step", "add", file.to_str().unwrap(), "--name", "Send_Mail"],
    )
    .ok();
    assert_eq!(names(&server).await.len(), 3);
}

#[tokio::test]
async fn a_step_that_may_be_there_under_another_name_is_reported() {
    let server = Server::start().await;
    let project = Project::new(FOLDER);
    project.write("steps/orders/paid.js", script("p"));
    let file = project.at("steps/orders/paid.js");
    cli(&server, &["step", "add", file.to_str().unwrap()]).ok();
    let ran = project.deploy(&server, &[]);
    assert!(
        ran.stderr.contains("there is a step paid too")
            && ran.stderr.contains("stepwell step delete paid"),
        "{ran:?}"
    );
    cli(&server, &["step", "delete", "paid"]).ok();
    let added = cli(&server, &["step", "add", file.to_str().unwrap()]);
    assert!(
        added.stderr.contains("there is a step orders/paid too"),
        "{added:?}"
    );
    // Two files of one name are refused, as they would be one step.
    project.write("steps/a_b.js", script("x"));
    project.write("steps/A-B.js", script("y"));
    let ran = project.deploy(&server, &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("two steps are called `a-b`: that of steps/A-B.js and that of steps/a_b.js"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_workspace_goes_by_the_name_that_was_written() {
    let mut server = Server::start().await;
    let project = Project::new("workspaces:\n- name: Sales Automation\n  config: {K: x}\n");
    let ran = project.deploy(&server, &[]);
    assert!(
        ran.stderr
            .contains("stepwell task list --workspace sales-automation"),
        "{ran:?}"
    );
    for name in [
        "Sales Automation",
        "sales-automation",
        "SALES_AUTOMATION",
        "Sales.Automation",
        " Sales Automation ",
    ] {
        let listed = cli(&server, &["config", "list", "--workspace", name]);
        assert!(listed.ok().contains('K'), "{name}: {listed:?}");
        let mut by_variable = crate::support::ran::command(&server, &["config", "list"]);
        assert!(
            Ran::of(by_variable.env("STEPWELL_WORKSPACE", name))
                .ok()
                .contains('K')
        );
    }
    for path in ["Sales%20Automation", "sales_automation", "sales-automation"] {
        let path = format!("/workspaces/{path}");
        let found = server.get::<Workspace>(&path).await;
        assert_eq!(found.name, "sales-automation");
    }
    let (status, _) = server
        .api(
            Method::POST,
            "/workspaces",
            Some(json!({"name": "Sales.Automation"})),
        )
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, wrong) = server
        .api(
            Method::POST,
            "/workspaces",
            Some(json!({"name": "Gr\u{f6}\u{df}e"})),
        )
        .await;
    assert_eq!(
        (status, refusal(&wrong).code.as_str()),
        (StatusCode::BAD_REQUEST, "bad-body")
    );
    let set = cli(
        &server,
        &[
            "workspace",
            "set",
            "Sales Automation",
            "--failure-url",
            "none",
        ],
    );
    set.ok();
    let added = cli(&server, &["workspace", "add", "My Team"]);
    added.ok();
    assert_eq!(added.stderr, "added workspace my-team\n");
    // Two titles of one workspace in a manifest.
    project.write(
        "deploy.yaml",
        "workspaces:\n- name: Sales Automation\n- name: sales_automation\n",
    );
    assert_eq!(project.deploy(&server, &[]).code, Some(2));
    server.kill();
}

#[tokio::test]
async fn a_workspace_is_used_until_another_is() {
    let server = Server::start().await;
    let other = Server::start().await;
    let home = tempfile::tempdir().unwrap();
    let of = |server: &Server, words: &[&str], variable: Option<&str>| {
        let mut command = stepwell();
        command
            .args(words)
            .env("STEPWELL_DATA_DIR", server.data_dir());
        command
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME");
        if let Some(name) = variable {
            command.env("STEPWELL_WORKSPACE", name);
        }
        Ran::of(&mut command)
    };
    let run = |words: &[&str]| of(&server, words, None);
    run(&["workspace", "add", "Sales Automation"]).ok();
    let missing = run(&["workspace", "use", "nowhere", "--json"]);
    assert_eq!(missing.refusal(3).0, "not-found");
    assert!(
        run(&["workspace", "list"]).ok().contains("*  default"),
        "{:?}",
        run(&["workspace", "list"])
    );
    assert_eq!(
        run(&["workspace", "use", "Sales Automation"]).stderr,
        "commands act in workspace sales-automation\n"
    );
    let listed = run(&["workspace", "list"]);
    assert!(listed.ok().contains("*  sales-automation"), "{listed:?}");
    let current = |ran: Ran| ran.read::<WorkspaceList>().current;
    assert_eq!(
        current(run(&["workspace", "list", "--json"])),
        "sales-automation"
    );
    run(&["config", "set", "K", "x"]).ok();
    let keys = |ran: Ran| ran.read::<ConfigKeys>().config.len();
    assert_eq!(keys(run(&["config", "list", "--json"])), 1);
    // The flag and the variable win, and one that is empty is none.
    assert_eq!(
        keys(run(&["config", "list", "--json", "--workspace", "default"])),
        0
    );
    assert_eq!(
        keys(of(&server, &["config", "list", "--json"], Some("default"))),
        0
    );
    assert_eq!(
        keys(of(&server, &["config", "list", "--json"], Some(""))),
        1
    );
    // Another server has its own.
    assert_eq!(
        current(of(&other, &["workspace", "list", "--json"], None)),
        "default"
    );
    let file = home.path().join(".config/stepwell/cli.json");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&file, "{").unwrap();
    let (code, message) = run(&["config", "list", "--json"]).refusal(1);
    assert!(
        code == "damaged" && message.contains("cli.json") && message.contains("delete it"),
        "{message}"
    );
    assert_eq!(
        keys(run(&["config", "list", "--json", "--workspace", "default"])),
        0
    );
}

/// Commands that name no workspace do not go elsewhere when the one that they act in is deleted.
#[tokio::test]
async fn a_current_workspace_that_is_gone_is_an_error() {
    let server = Server::start().await;
    let home = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = stepwell();
        command
            .args(words)
            .env("STEPWELL_DATA_DIR", server.data_dir())
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME");
        Ran::of(&mut command)
    };
    run(&["workspace", "add", "sales"]).ok();
    run(&["workspace", "use", "sales"]).ok();
    let deleted = run(&["workspace", "delete", "sales", "--yes"]);
    deleted.ok();
    assert!(
        deleted.stderr.contains("it was the current workspace"),
        "{deleted:?}"
    );
    for words in [
        &["config", "set", "K", "x"][..],
        &["config", "list"],
        &["webhook", "add", "Form"],
        &["task", "list"],
        &["task", "new", "{}"],
        &["step", "list"],
    ] {
        let (code, message) = run(&[words, &["--json"]].concat()).refusal(3);
        assert_eq!(code, "not-found", "{words:?}");
        for part in [
            "the current workspace, sales, is not there any more",
            "workspace use NAME",
        ] {
            assert!(message.contains(part), "{words:?}: {message}");
        }
    }
    let keys = run(&["config", "list", "--json", "--workspace", "default"]).json();
    let ConfigKeys { config } = typed(&keys);
    assert!(config.is_empty(), "nothing went into another workspace");
    let listed = run(&["workspace", "list"]);
    assert!(
        listed
            .stderr
            .contains("the current workspace, sales, is not there"),
        "{listed:?}"
    );
    // Another thing that is missing is named as it is.
    let missing = run(&[
        "config",
        "delete",
        "NONE",
        "--json",
        "--workspace",
        "default",
    ]);
    let (_, message) = missing.refusal(3);
    assert!(message.contains("`NONE`"), "{message}");
    run(&["workspace", "use", "default"]).ok();
    run(&["config", "set", "K", "x"]).ok();
}
