//! Manifests, and the files that they name. Each row: its name, the manifest, what is beside it, and what the command
//! says when it refuses. Nothing of a refused manifest is on the server.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use stepwell_api::Steps;

use super::Ground;
use crate::support::project::Project;
use crate::support::ran::{Ran, command};
use crate::support::typed;

type Row = (&'static str, Vec<u8>, fn(&Project), &'static str);

fn nothing(_: &Project) {}

fn steps(entry: &str) -> Vec<u8> {
    format!(
        "workspaces:\n  - name: made\n    webhooks:\n      - name: A\n    steps:\n      - {entry}\n"
    )
    .into_bytes()
}

fn workspace(rest: &str) -> Vec<u8> {
    format!("workspaces:\n  - name: made\n{rest}").into_bytes()
}

fn link(project: &Project, to: &str, at: &str) {
    let at = project.at(at);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(to, at).unwrap();
}

pub(super) fn rows() -> Vec<Row> {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let refs = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{refs}]\n"));
    }
    laughs.push_str("workspaces: *a9\n");
    vec![
        ("nothing", Vec::new(), nothing, ""),
        ("bytes", b"workspaces: \xff\xfe\n".to_vec(), nothing, ""),
        ("NUL", b"workspaces: \0\n".to_vec(), nothing, ""),
        (
            "a tab",
            b"workspaces:\n\t- name: made\n".to_vec(),
            nothing,
            "",
        ),
        ("a list", b"- 1\n".to_vec(), nothing, ""),
        (
            "two documents",
            b"workspaces: []\n---\nworkspaces: []\n".to_vec(),
            nothing,
            "",
        ),
        ("a billion laughs", laughs.into_bytes(), nothing, ""),
        (
            "an anchor of itself",
            b"workspaces: &a [*a]\n".to_vec(),
            nothing,
            "",
        ),
        (
            "an anchor of none",
            b"workspaces: *none\n".to_vec(),
            nothing,
            "",
        ),
        (
            "deep",
            format!("workspaces: {}{}\n", "[".repeat(50_000), "]".repeat(50_000)).into_bytes(),
            nothing,
            "",
        ),
        (
            "deep by lines",
            (0..5_000)
                .map(|n| " ".repeat(n) + "a:\n")
                .collect::<String>()
                .into_bytes(),
            nothing,
            "",
        ),
        (
            "large",
            format!("# {}\nworkspaces: []\n", "x".repeat(64 << 20)).into_bytes(),
            nothing,
            "",
        ),
        (
            "an object of a language",
            workspace("    config: {K: !!python/object/apply:os.system [id]}\n"),
            nothing,
            "",
        ),
        (
            "a key twice",
            workspace("    config: {K: a}\n    config: {K: b}\n"),
            nothing,
            "",
        ),
        (
            "a key that is none",
            workspace("    webhook: []\n"),
            nothing,
            "webhooks",
        ),
        (
            "a name with a line",
            workspace("    webhooks:\n      - name: \"A\\nB\"\n"),
            nothing,
            "",
        ),
        (
            "a name of nothing",
            workspace("    webhooks:\n      - name: \"\"\n"),
            nothing,
            "",
        ),
        (
            "a long name",
            workspace(&format!(
                "    webhooks:\n      - name: {}\n",
                "x".repeat(100_000)
            )),
            nothing,
            "",
        ),
        (
            "a workspace by a path",
            b"workspaces:\n  - name: ../neighbour\n".to_vec(),
            nothing,
            "",
        ),
        (
            "a limit below nothing",
            steps("{name: s, file: s.js, limits: {fuel: -1}}"),
            nothing,
            "",
        ),
        (
            "a limit beyond all",
            steps("{name: s, file: s.js, limits: {fuel: 1e400}}"),
            nothing,
            "",
        ),
        (
            "memory beyond all",
            steps("{name: s, file: s.js, limits: {memory: 99999GiB}}"),
            nothing,
            "",
        ),
        (
            "attempts beyond all",
            steps("{name: s, file: s.js, retry: {attempts: 18446744073709551616}}"),
            nothing,
            "",
        ),
        (
            "a variable that is none",
            workspace("    config: {K: \"${STEPWELL_NONE}\"}\n"),
            nothing,
            "STEPWELL_NONE",
        ),
        (
            "a variable in a variable",
            workspace("    config: {K: \"${A${B}}\"}\n"),
            nothing,
            "",
        ),
        (
            "a variable without an end",
            workspace("    config: {K: \"${A\"}\n"),
            nothing,
            "",
        ),
        (
            "an address that is none",
            workspace("    webhooks:\n      - {name: A, allow: [999.1.1.1]}\n"),
            nothing,
            "",
        ),
        (
            "a rate of nothing",
            workspace("    webhooks:\n      - {name: A, rate: 0/s}\n"),
            nothing,
            "",
        ),
        (
            "a schedule of nothing",
            workspace("    schedules:\n      - {name: A, cron: \"* * * *\"}\n"),
            nothing,
            "",
        ),
        (
            "no such file",
            steps("{name: s, file: s.js}"),
            nothing,
            "s.js",
        ),
        (
            "a file outside",
            steps("{name: s, file: ../../../../etc/passwd}"),
            nothing,
            "",
        ),
        (
            "a file by its whole path",
            steps("{name: s, file: /etc/passwd}"),
            nothing,
            "",
        ),
        (
            "a folder outside",
            steps("{syncPath: ../../../../etc}"),
            nothing,
            "",
        ),
        (
            "a folder as a file",
            steps("{name: s, file: steps}"),
            |project| fs::create_dir(project.at("steps")).unwrap(),
            "",
        ),
        (
            "a link outside",
            steps("{name: s, file: s.js}"),
            |project| link(project, "/etc/passwd", "s.js"),
            "",
        ),
        (
            "a link to itself",
            steps("{name: s, file: s.js}"),
            |project| link(project, "s.js", "s.js"),
            "",
        ),
        (
            "a device without an end",
            steps("{name: s, file: s.js}"),
            |project| link(project, "/dev/zero", "s.js"),
            "",
        ),
        (
            "a component without an end",
            steps("{name: s, file: s.wasm}"),
            |project| link(project, "/dev/zero", "s.wasm"),
            "",
        ),
        (
            "a pipe",
            steps("{name: s, file: s.js}"),
            |project| {
                let made = std::process::Command::new("mkfifo")
                    .arg(project.at("s.js"))
                    .status();
                assert!(made.unwrap().success());
            },
            "neither a file nor a folder",
        ),
        (
            "a folder in itself",
            steps("{syncPath: steps}"),
            |project| {
                link(project, ".", "steps/again");
                project.write("steps/bad.js", "}{");
            },
            "",
        ),
        (
            "a module outside",
            steps("{name: s, file: s.js}"),
            |project| {
                project.write("s.js", "import x from '../../../../../etc/passwd';\nexport const condition = {};\nexport const content = () => {};");
            },
            "",
        ),
        (
            "modules in a circle that throw",
            steps("{name: s, file: s.js}"),
            |project| {
                project.write("s.js", "import { b } from './b.js'; export const a = b; export const condition = {a}; export const content = () => {};");
                project.write("b.js", "import { a } from './s.js'; export const b = a;");
            },
            "",
        ),
        (
            "a large script",
            steps("{name: s, file: s.js}"),
            |project| {
                project.write("s.js", "x".repeat(40 << 20));
            },
            "",
        ),
        (
            "a crate that is none",
            steps("{name: s, file: crate}"),
            |project| {
                project.write("crate/Cargo.toml", "[package]\nname = \"../x\"\n");
            },
            "",
        ),
    ]
}

/// Runs `deploy`, for no longer than a while.
fn deploy(ground: &Ground, project: &Project) -> Option<Ran> {
    let manifest = project.at("deploy.yaml");
    let mut child = command(&ground.server, &["deploy", manifest.to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Some(Ran::from(child.wait_with_output().unwrap()))
}

async fn row_ends(ground: &Ground, row: &Row) -> Result<(), String> {
    let (_, manifest, beside, says) = row;
    let project = Project::new("");
    project.write("deploy.yaml", manifest);
    beside(&project);
    let ran = tokio::task::block_in_place(|| deploy(ground, &project));
    let Some(ran) = ran else {
        return Err("it did not end".to_owned());
    };
    let is_refused = matches!(ran.code, Some(1 | 2));
    if !is_refused || !ran.stderr.contains("error: ") || !ran.stderr.contains(says) {
        return Err(format!("{ran:?}").chars().take(1_000).collect());
    }
    if ran.stderr.len() > 20_000 {
        return Err("it says too much".to_owned());
    }
    // Of a manifest whose step alone is wrong the rest may be there.
    let path = "/workspaces/made/steps";
    let (status, made) = ground.server.api(Method::GET, path, None).await;
    if status == StatusCode::NOT_FOUND {
        return Ok(());
    }
    let Steps { steps } = typed(&made);
    if steps.iter().any(|step| step.name == "s") {
        return Err(format!("there is the step {made}"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests() {
    let mut ground = Ground::new().await;
    for row in rows() {
        ground
            .row(row.0, async |ground: &Ground| row_ends(ground, &row).await)
            .await;
    }
    let path = "/workspaces/neighbour/steps";
    let neighbour = ground.server.get::<Steps>(path).await;
    let [own] = &neighbour.steps[..] else {
        panic!("{neighbour}");
    };
    assert_eq!(own.name, "own");
    ground.over().await;
}
